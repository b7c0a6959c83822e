"""The student's folder, with weights that plain timm loads; and networks as ONNX files.

The written student is read back and compared with the trained network, image by image: merging
adapters, writing the layer of the vector as the classifier and the file itself must not change the
vectors. Its model card (templates/card.md) begins with the metadata of Hugging Face. An ONNX file
takes float32 batches of any size and returns vectors (of a network that is no student, features).
It is run and compared with torch before it is renamed into place.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from twoalike.backbones import (
    CONFIG,
    VECTOR,
    WEIGHTS,
    Backbone,
    Layered,
    Wrapped,
    classifier_name,
    extract_features,
    load_backbone,
    read_weights,
    rebuild,
    with_vector,
)
from twoalike.collections import Collection, as_collection
from twoalike.distill._checkpoint import LOG, as_lines, plain_state, save_tensors
from twoalike.distill._trainable import TOLERANCE, difference, trained_network
from twoalike.distill._update import StudentNetwork
from twoalike.features import FeatureTable
from twoalike.study import (
    TwoalikeError,
    atomic_path,
    check_ending,
    check_output,
    provenance,
    read_json,
    write_json,
)

if TYPE_CHECKING:
    import pandas as pd

CHECKED = 8
"""Images on which the written student is compared with the trained one."""
SCORED = {"base": "base", "start": "closed form", "student": "aligned"}
"""Networks that are scored on held-out images: keys in config.json, and names."""


class Student(Mapping[str, Any]):
    """A finished student: its folder, and the content of its config.json as a mapping.

    Examples
    --------
    ``student["held_out"]["student"]["accuracy"]`` is its agreement with the teacher on held-out
    images; :attr:`scores` compares it with the network that it started from.
    """

    def __init__(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        self.folder, self._config = Path(folder), config

    @classmethod
    def load(cls, folder: str | Path) -> "Student":
        """Read a student's folder; weights are read when they are used."""
        return cls(folder, read_json(Path(folder) / CONFIG, "student"))

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        learnt = self["data"]["learnt"]
        return f"<Student: {self['backbone']}, {learnt} images, in {str(self.folder)!r}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.scores.to_html(border=0)}"

    @property
    def scores(self) -> "pd.DataFrame":
        """Agreement with the teacher on held-out images, by network; empty without such images."""
        import pandas as pd

        held_out = self["held_out"] or {}
        names = scored_names(self).items()
        rows = {name: held_out[key] for key, name in names if key in held_out}
        if held_out:
            rows["teacher itself"] = {"accuracy": held_out["ceiling"], "kl": 0.0}
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def network(self) -> Backbone:
        """The network, with its preprocessing."""
        return load_backbone(self.folder)

    def features(self, images: str | Path | Collection, **options: Any) -> FeatureTable:
        """Features of images, by :func:`twoalike.backbones.extract_features`."""
        return extract_features(self.network, images, **options)


def write_student(
    folder: Path,
    backbone: Backbone,
    student: StudentNetwork,
    origin: Mapping[str, Any],
    summary: Mapping[str, Any],
    log: list[dict[str, Any]],
    images: Collection,
) -> None:
    """Write the files of a finished student; the weights come last and mark it as complete.

    The trained student, which is modified, and the written one are compared on the first images.
    ``backbone`` is the network it started from; ``summary`` goes into config.json and the card.
    """
    assert student.vector is not None
    few = range(min(CHECKED, len(images)))
    inputs = torch.stack([backbone.preprocessing.read(images, index) for index in few])
    is_probe = origin["config"]["train"] == "probe"
    trained = (backbone.module if is_probe else student.backbone).cpu().eval()
    with torch.no_grad():
        # Before adapters are merged into the weights: these are the features that were trained.
        features = torch.as_tensor(trained(inputs))
    bare = backbone if is_probe else replace(backbone, module=trained_network(trained))
    exported = with_vector(bare, student.vector)
    config = {**_config(backbone, exported, student, origin), **summary}
    modules = {WEIGHTS: exported.network}
    if isinstance(exported.module, Layered):
        modules[VECTOR] = exported.module.layer
    with ExitStack() as stack:
        paths = {name: stack.enter_context(atomic_path(folder / name)) for name in modules}
        for name, module in modules.items():
            # One key at most: safetensors writes several in random order, so equal runs differ.
            save_tensors(plain_state(module), paths[name], {"format": "pt"})
        with torch.no_grad():
            again = _read_back(config, exported, paths)(inputs)
            found = difference(again.numpy(), student.vector(features.numpy()))
        if found > TOLERANCE:
            raise TwoalikeError(
                f"read back, the output differs from the trained network's by {found:.1g}",
                where=folder,
                expected=f"{TOLERANCE:.0e} at most",
                remedy="The checkpoints are intact; please report this network.",
            )
        config["check"] = {"images": len(inputs), "difference": found}
        write_json(folder / CONFIG, config)
        for name, text in ((LOG, as_lines(log)), ("README.md", model_card(folder.name, config))):
            with atomic_path(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _read_back(
    config: Mapping[str, Any], exported: Backbone, paths: Mapping[str, Path]
) -> nn.Module:
    """Build the student as its users will; weights are loaded back into a user's own module."""
    if exported.architecture is not None or "library" in config:
        return rebuild(config, paths[WEIGHTS], paths.get(VECTOR, Path(VECTOR)))
    exported.network.load_state_dict(read_weights(paths[WEIGHTS]))
    assert isinstance(exported.module, Layered)
    exported.module.layer.load_state_dict(read_weights(paths[VECTOR]))
    return exported.module


def _config(
    backbone: Backbone, exported: Backbone, student: StudentNetwork, origin: Mapping[str, Any]
) -> dict[str, Any]:
    assert student.vector is not None
    settings, width = backbone.preprocessing.as_timm(), len(student.vector.bias)
    settings |= {"license": backbone.licence} if backbone.licence else {}
    antialias = settings.pop("antialias", True)  # timm refuses settings that it does not know
    within = not isinstance(exported.module, Layered)
    if within:
        # timm omits the layer of that name if another number of outputs is asked for.
        settings |= {"num_classes": width, "classifier": classifier_name(exported.network)}
    if backbone.is_fixed and backbone.architecture is not None:
        # timm builds the network for another size otherwise, and interpolates its positions.
        settings["fixed_input_size"] = True
    return {
        **(backbone.module.description if isinstance(backbone.module, Wrapped) else {}),
        **origin,
        "architecture": backbone.architecture,
        "num_classes": width,
        "num_features": backbone.n_features,
        # timm builds the network with these.
        **({"model_args": dict(backbone.options)} if backbone.options else {}),
        **backbone.tokens,
        "pretrained_cfg": settings,
        "antialias": antialias,
        # By which transformers' AutoImageProcessor reads pretrained_cfg, whatever the network.
        "image_processor_type": "TimmWrapperImageProcessor",
        "backbone": backbone.name,
        "origin": backbone.origin,
        "weights_sha256": exported.weights_sha256,
        "parts": {name: list(columns) for name, columns in exported.parts.items()},
        "similarity": exported.similarity,
        "temperature": student.temperature,
        "vector": {"file": None if within else VECTOR, **student.vector.description},
    }


def scored_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Names of the networks of a student's scores; that of a control is control."""
    is_control = config["teacher"]["method"] == "untransformed"
    return SCORED | ({"student": "control"} if is_control else {})


def model_card(name: str, config: Mapping[str, Any]) -> str:
    """README.md of the student in the folder ``name``, from the content of its config.json."""
    from jinja2 import Environment, PackageLoader

    licence = str(config["pretrained_cfg"].get("license") or "unknown").lower()
    environment = Environment(
        loader=PackageLoader("twoalike.distill"),
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("card.md").render(
        config,
        name=name,
        licence=licence,
        scored=scored_names(config),
    )


INPUT = "images"
"""Name of the input, shape (batch, 3, size, size)."""
BATCHES = (1, 2, 5)
"""Sizes of random batches to compare, not only the size used in the export."""
COMPARED = 32
"""Most images to compare."""


def export_onnx(
    network: Backbone | str | Path,
    out: str | Path,
    images: str | Path | Sequence[Path] | Collection | None = None,
) -> dict[str, Any]:
    """Write a network as ONNX, with its preprocessing in the file and as JSON beside it.

    Parameters
    ----------
    network
        A student or any other network, or an argument of :func:`twoalike.backbones.load_backbone`.
    out
        File (.onnx); the description is written beside it (.json).
    images
        Images on which it is compared with torch, as on random inputs: files, a collection, or
        what :func:`twoalike.collections.open_collection` opens.

    Returns
    -------
    The description: ``preprocessing``, names and shapes of input and output (``vector`` of a
    student, with its ``parts``, or ``features``), and under ``check`` the largest differences from
    torch (``random`` and, if given, ``images``).
    """
    out = Path(out)
    check_ending(out, [".onnx"], "a network")
    for path in (out, out.with_suffix(".json")):
        check_output(path)
    backbone = network if isinstance(network, Backbone) else load_backbone(network)
    seen = None if images is None else as_collection(images)
    backbone.module.cpu().float().eval()
    output = "vector" if backbone.parts else "features"
    model = _onnx_model(backbone, output)
    named = {"parts": dict(backbone.parts), "similarity": backbone.similarity}
    description = provenance("onnx") | {
        "backbone": backbone.name,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        **backbone.tokens,
        **(named if backbone.parts else {}),
        "colour": "RGB, values from 0 to 1, less the mean, divided by std",
        "input": {"name": INPUT, "shape": ["batch", *backbone.preprocessing.shape]},
        "output": {"name": output, "shape": ["batch", backbone.n_features]},
        "licence": backbone.licence,
    }
    for key, value in description.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=key, value=text)
    with atomic_path(out) as temporary:
        temporary.write_bytes(model.SerializeToString())
        description["check"] = _onnx_differences(backbone, temporary, seen)
        write_json(out.with_suffix(".json"), description)
    return description


def _onnx_model(backbone: Backbone, output: str) -> Any:
    example = torch.zeros(2, *backbone.preprocessing.shape)
    try:
        program = torch.onnx.export(
            backbone.module,
            (example,),
            input_names=[INPUT],
            output_names=[output],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        lines = [line for line in str(error.__cause__ or error).splitlines() if line.strip()]
        raise TwoalikeError(
            f"this network cannot be written as ONNX ({lines[0][:200]})",
            where=backbone.name,
            remedy="Use the safetensors file.",
        ) from error
    assert program is not None  # None only without dynamo
    return program.model_proto


def _onnx_differences(
    backbone: Backbone, path: Path, images: Collection | None
) -> dict[str, float]:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    shape = backbone.preprocessing.shape
    batches = {"random": [torch.randn(n, *shape, generator=generator) for n in BATCHES]}
    if images is not None:
        few = range(min(COMPARED, len(images)))
        chosen = [backbone.preprocessing.read(images, index) for index in few]
        batches["images"] = [torch.stack(chosen[n : n + 8]) for n in range(0, len(chosen), 8)]
    found: dict[str, float] = {}
    for kind, inputs in batches.items():
        for batch in inputs:
            with torch.no_grad():
                expected = backbone.module(batch).numpy()
            (given,) = session.run(None, {INPUT: batch.numpy()})
            found[kind] = max(found.get(kind, 0.0), difference(given, expected))
        if found[kind] > TOLERANCE:
            raise TwoalikeError(
                f"as ONNX, outputs of {kind} inputs differ from torch's by {found[kind]:.1g}",
                where=backbone.name,
                expected=f"{TOLERANCE:.0e} at most",
                remedy="Nothing was written; use the safetensors file.",
            )
    return found
