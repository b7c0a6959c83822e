"""A student, or any backbone, as an ONNX file that says how images are prepared for it.

The file takes a batch of any size, in float32, and gives the features: a probe's map and merged
adapters are inside. A student that kept its classifier gives class scores beside them. The file is
run and compared with torch before it appears.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from twoalike.backbones import Backbone, load_backbone
from twoalike.distill._difference import TOLERANCE, difference
from twoalike.stimuli import find_images
from twoalike.study import (
    TwoalikeError,
    atomic_path,
    check_output,
    how_to_install,
    provenance,
    write_json,
)

INPUT, OUTPUT, CLASSES = "images", "features", "classes"
"""Names of what goes in, shape (batch, 3, size, size), and what comes out, (batch, p) and, where
there is a classifier, its scores before the softmax, (batch, c)."""
LARGEST = 2**31 - 2**20
"""Bytes of weights: a protobuf file holds two GiB."""
BATCHES = (1, 2, 5)
"""Sizes of random batches that are compared; none is that of the export alone."""
CHECKED = 32
"""Images that are compared, at most."""

Floats = npt.NDArray[np.float32]


def export_onnx(
    network: Backbone | str | Path,
    out: str | Path,
    images: str | Path | Sequence[Path] = (),
) -> dict[str, Any]:
    """Write a network as ONNX, with its preprocessing in the file and as JSON beside it.

    Parameters
    ----------
    network
        A student or any other network, or what :func:`twoalike.backbones.load_backbone` takes;
        with its classifier, if it has one.
    out
        File (.onnx); the description is written beside it (.json).
    images
        Files, or a folder of them, on which it is compared with torch, beside random inputs.

    Returns
    -------
    The description: ``preprocessing``, names and shapes of input, output and maybe ``classes``,
    and under ``check`` the largest differences from torch (``random`` and, if images were given,
    ``images``).

    Raises
    ------
    TwoalikeError
        If a package is missing, the network cannot be exported, or ONNX gives other features.
    """
    out = Path(out)
    if out.suffix != ".onnx":
        raise TwoalikeError(where=out, expected="a file .onnx", remedy="Choose that ending.")
    for path in (out, out.with_suffix(".json")):
        check_output(path)
    _packages()
    backbone = network if isinstance(network, Backbone) else load_backbone(network)
    if isinstance(images, str | Path):
        _, images = find_images(Path(images))
    module = _Outputs(backbone).cpu().float().eval()
    weights = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    if weights > LARGEST:
        raise TwoalikeError(
            f"{backbone.name}: its weights take {weights / 2**30:.1f} GiB, and one ONNX file holds "
            "2. Use the safetensors file."
        )
    model = _exported(backbone, module)
    description = provenance("onnx") | {
        "backbone": backbone.name,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        "colour": "RGB, values from 0 to 1, less the mean, divided by std",
        "input": {"name": INPUT, "shape": ["batch", *backbone.preprocessing.shape]},
        "output": {"name": OUTPUT, "shape": ["batch", backbone.n_features]},
        "licence": backbone.licence,
    }
    if backbone.classifier is not None:
        n_classes = backbone.classifier.out_features
        description["classes"] = {"name": CLASSES, "shape": ["batch", n_classes]}
    for key, value in description.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=key, value=text)
    with atomic_path(out) as temporary:
        temporary.write_bytes(model.SerializeToString())
        description["check"] = _compared(backbone, module, temporary, images)
        write_json(out.with_suffix(".json"), description)
    return description


class _Outputs(nn.Module):
    """Everything that the file gives: features, and class scores where there is a classifier."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.module, self.classifier = backbone.module, backbone.classifier
        self.names = [OUTPUT] if self.classifier is None else [OUTPUT, CLASSES]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.module(images)
        return (features,) if self.classifier is None else (features, self.classifier(features))


def _packages() -> None:
    """Name the extra where the exporter or what runs its files is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise TwoalikeError(
            f"ONNX needs the package {error.name!r}. {how_to_install('onnx')}"
        ) from error


def _exported(backbone: Backbone, module: _Outputs) -> Any:
    """ONNX's form of the network, as a protobuf."""
    example = torch.zeros(2, *backbone.preprocessing.shape)
    try:
        program = torch.onnx.export(
            module,
            (example,),
            input_names=[INPUT],
            output_names=module.names,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        lines = [line for line in str(error.__cause__ or error).splitlines() if line.strip()]
        raise TwoalikeError(
            f"{backbone.name}: this network cannot be written as ONNX ({lines[0][:200]}). Use the "
            "safetensors file."
        ) from error
    assert program is not None  # it is without dynamo only
    return program.model_proto


def _compared(
    backbone: Backbone, module: _Outputs, path: Path, images: Sequence[Path]
) -> dict[str, float]:
    """Largest differences of the file's outputs from torch's, by kind of input."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    shape = backbone.preprocessing.shape
    batches = {"random": [torch.randn(n, *shape, generator=generator) for n in BATCHES]}
    if images:
        chosen = [backbone.preprocessing.read(image) for image in images[:CHECKED]]
        batches["images"] = [torch.stack(chosen[n : n + 8]) for n in range(0, len(chosen), 8)]
    found: dict[str, float] = {}
    for kind, inputs in batches.items():
        differences = []
        for batch in inputs:
            with torch.no_grad():
                expected: list[Floats] = [output.numpy() for output in module(batch)]
            given = session.run(module.names, {INPUT: batch.numpy()})
            differences += [difference(*pair) for pair in zip(given, expected, strict=True)]
        found[kind] = max(differences)
        if found[kind] > TOLERANCE:
            raise TwoalikeError(
                f"{backbone.name}: as ONNX, outputs of {kind} inputs differ from torch's by "
                f"{found[kind]:.1g}, expected {TOLERANCE:.0e} at most. Nothing was written; take "
                "the safetensors file."
            )
    return found
