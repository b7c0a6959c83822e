"""The student's folder, with weights that plain timm loads; and networks as ONNX files.

The written student is read back and compared with the trained network, image by image: merging
adapters, writing a probe's map as the classifier and the file itself must not change the features.
An ONNX file takes float32 batches of any size and returns features and, for a student that kept its
classifier, class scores. It is run and compared with torch before it is renamed into place.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from twoalike.backbones import (
    CONFIG,
    HEAD,
    WEIGHTS,
    Backbone,
    Wrapped,
    classifier_name,
    create_network,
    extract_features,
    load_backbone,
    put_classifier,
    read_weights,
    rebuild,
    weights_sha256,
)
from twoalike.collections import Collection, as_collection
from twoalike.distill._card import model_card
from twoalike.distill._checkpoint import as_lines, plain_state, save_tensors
from twoalike.distill._student import StudentNetwork
from twoalike.distill._trainable import TOLERANCE, difference, trained_network, with_map
from twoalike.features import FeatureTable
from twoalike.study import (
    TwoalikeError,
    atomic_path,
    check_output,
    how_to_install,
    provenance,
    read_json,
    write_json,
)

if TYPE_CHECKING:
    import pandas as pd

CLASSIFIER = "classifier.safetensors"
ROWS = (
    ("base", "base"),
    ("control", "control"),
    ("start", "before training"),
    ("student", "aligned"),
)
"""Networks that are scored on held-out images: keys in config.json, and names."""
CHECKED = 8
"""Images on which the written student is compared with the trained one."""


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
        """Read a student's folder; weights are read when they are used.

        Raises
        ------
        TwoalikeError
            If the folder holds no student.
        """
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
        names = dict(ROWS)
        if self["teacher"]["method"] == "untransformed":
            names["student"] = names["control"]
        rows = {name: held_out[key] for key, name in names.items() if key in held_out}
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
    ``backbone`` is the network it started from, with its classifier if that is kept; ``origin`` the
    provenance, with the settings; ``summary`` goes into config.json and the card.
    """
    settings = origin["config"]
    few = range(min(CHECKED, len(images)))
    inputs = torch.stack([backbone.preprocessing.read(images, index) for index in few])
    student.cpu().eval()
    # Before adapters are merged into the weights: these are the features that were trained.
    expected = _trained_features(backbone, student, inputs, settings)
    exported = _exported(backbone, student, settings)
    config = _config(backbone, exported, student, origin, summary)
    with atomic_path(folder / WEIGHTS) as temporary:
        # One key at most: safetensors writes several in random order, so equal runs would differ.
        save_tensors(plain_state(_written(exported)), temporary, {"format": "pt"})
        with torch.no_grad():
            again = _read_back(config, exported, temporary, student)
            found = difference(again(inputs).numpy(), expected.numpy())
            if (classifier := exported.classifier) is not None:
                scores = _plain_scores(config, exported, temporary, inputs)
                found = max(found, difference(scores.numpy(), classifier(expected).numpy()))
        if found > TOLERANCE:
            raise TwoalikeError(
                f"read back, the output differs from the trained network's by {found:.1g}",
                where=folder,
                expected=f"{TOLERANCE:.0e} at most",
                remedy="The checkpoints are intact; please report this network.",
            )
        config["check"] = {"images": len(inputs), "difference": found}
        _write_beside(folder, config, exported, student, log)


def _trained_features(
    backbone: Backbone,
    student: StudentNetwork,
    inputs: torch.Tensor,
    settings: Mapping[str, Any],
) -> torch.Tensor:
    """Features of the network as it was trained, which its user should get."""
    with torch.no_grad():
        if settings["train"] != "probe":
            return torch.as_tensor(student.backbone(inputs))
        features = backbone.module.cpu().eval()(inputs)
        if not _is_applied(settings):
            return torch.as_tensor(features)
        assert student.head is not None
        return torch.as_tensor(student.head(features))


def _exported(backbone: Backbone, student: StudentNetwork, settings: Mapping[str, Any]) -> Backbone:
    """Put what was learnt into one network, under the names of its own weights."""
    if settings["train"] != "probe":
        return replace(backbone, module=trained_network(student.backbone))
    if backbone.architecture is None or not _is_applied(settings):
        return backbone
    assert student.head is not None
    return replace(backbone, module=with_map(backbone, student.head))


def _is_applied(settings: Mapping[str, Any]) -> bool:
    """Whether the map that was trained is part of the network: that of a probe without a head."""
    return bool(settings["train"] == "probe" and settings["head"] == "none")


def _written(exported: Backbone) -> nn.Module:
    """Return the network whose state dict is the file, including any kept classifier."""
    layer, architecture = exported.classifier, exported.architecture
    if layer is None or architecture is None:
        return exported.network
    whole = create_network(architecture, num_classes=layer.out_features, **exported.options)
    return put_classifier(whole, exported.network, layer.state_dict())


def _plain_scores(
    config: Mapping[str, Any], exported: Backbone, weights: Path, inputs: torch.Tensor
) -> torch.Tensor:
    """Class scores (n, c) of the file, loaded with timm alone."""
    if exported.architecture is None:
        assert exported.classifier is not None
        return torch.as_tensor(exported.classifier(exported.module(inputs)))
    plain = create_network(
        exported.architecture, num_classes=config["num_classes"], **exported.options
    )
    plain.load_state_dict(read_weights(weights))
    return torch.as_tensor(plain.eval()(inputs))


def _read_back(
    config: Mapping[str, Any], exported: Backbone, weights: Path, student: StudentNetwork
) -> nn.Module:
    """Build the student as its users will; weights are loaded back into a user's own module."""
    if exported.architecture is not None or "library" in config:
        return rebuild(config, weights)[0]
    exported.network.load_state_dict(read_weights(weights))
    applied = config["head"] is not None and config["head"]["applied"]
    return nn.Sequential(exported.module, student.head) if applied else exported.module  # type: ignore[arg-type]


def _write_beside(
    folder: Path,
    config: Mapping[str, Any],
    exported: Backbone,
    student: StudentNetwork,
    log: list[dict[str, Any]],
) -> None:
    """Write everything except the weights."""
    write_json(folder / CONFIG, dict(config))
    with atomic_path(folder / "training.jsonl") as temporary:
        temporary.write_text(as_lines(log), encoding="utf-8")
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(model_card(folder.name, config), encoding="utf-8")
    if config["head"] is not None and config["head"]["file"]:
        assert student.head is not None
        with atomic_path(folder / HEAD) as temporary:
            save_tensors(plain_state(student.head), temporary)
    if config["classifier"] is not None and config["classifier"]["file"]:
        assert exported.classifier is not None
        with atomic_path(folder / CLASSIFIER) as temporary:
            save_tensors(plain_state(exported.classifier), temporary)


def _config(
    backbone: Backbone,
    exported: Backbone,
    student: StudentNetwork,
    origin: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    """Content of config.json: timm's keys for a model, and ours."""
    licence = {"license": backbone.licence} if backbone.licence else {}
    head = _head(exported, student, origin["config"], summary)
    # timm builds the classifier that a probe's map is written into, and returns its output.
    classes = backbone.n_features if head and head["applied"] and not head["file"] else 0
    settings, kept = backbone.preprocessing.as_timm(), _classifier(exported)
    if backbone.is_fixed and backbone.architecture is not None:
        # timm builds the network for another size otherwise, and interpolates its positions.
        settings["fixed_input_size"] = True
    if kept is not None and kept["file"] is None:
        # timm omits the classifier of that name if the number of classes is 0.
        classes, settings["classifier"] = kept["classes"], kept["name"]
    described = backbone.module.description if isinstance(backbone.module, Wrapped) else {}
    return {
        **described,
        **origin,
        "architecture": backbone.architecture,
        "num_classes": classes,
        "num_features": backbone.n_features,
        # timm builds the network with these.
        **({"model_args": dict(backbone.options)} if backbone.options else {}),
        **backbone.tokens,
        "pretrained_cfg": {**settings, "num_classes": classes, **licence},
        "backbone": backbone.name,
        "origin": backbone.origin,
        "weights_sha256": weights_sha256(exported.network),
        "similarity": student.similarity,
        "temperature": student.temperature,
        "head": head,
        "classifier": kept,
        **summary,
    }


def _classifier(exported: Backbone) -> dict[str, Any] | None:
    """Location of the kept classifier: the network's own file, except for foreign modules."""
    layer = exported.classifier
    if layer is None:
        return None
    within = exported.architecture is not None
    return {
        "classes": layer.out_features,
        "name": classifier_name(exported.network) if within else None,
        "file": None if within else CLASSIFIER,
        "sha256": weights_sha256(layer),
    }


def _head(
    exported: Backbone,
    student: StudentNetwork,
    settings: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Describe where the student's head is, and whether its features passed through it."""
    if student.head is None:
        return None
    applied = _is_applied(settings)
    within = applied and exported.architecture is not None
    found = {
        "kind": "affine" if applied else settings["head"],
        "applied": applied,
        "file": None if within else HEAD,
        "width": student.head.out_features,
        "sha256": weights_sha256(student.head),
    }
    return found | ({"start": summary["head_start"]} if summary.get("head_start") else {})


INPUT, OUTPUT, POSITIONS, CLASSES = "images", "features", "positions", "classes"
"""Names of the input, shape (batch, 3, size, size), and of the outputs: features (batch, p) and,
if there is a classifier, its scores before the softmax (batch, c)."""
LARGEST = 2**31 - 2**20
"""Bytes of weights: a protobuf file is limited to two GiB."""
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
        A student or any other network, or an argument of :func:`twoalike.backbones.load_backbone`;
        with its classifier, if it has one.
    out
        File (.onnx); the description is written beside it (.json).
    images
        Images on which it is compared with torch, as on random inputs: files, a collection, or
        what :func:`twoalike.collections.open_collection` opens.

    Returns
    -------
    The description: ``preprocessing``, names and shapes of input, output and any ``classes``, and
    under ``check`` the largest differences from torch (``random`` and, if given, ``images``).

    Raises
    ------
    TwoalikeError
        If a package is missing, the network cannot be exported, or ONNX features differ.
    """
    out = Path(out)
    if out.suffix != ".onnx":
        raise TwoalikeError(where=out, expected="a file .onnx", remedy="Use that extension.")
    for path in (out, out.with_suffix(".json")):
        check_output(path)
    _check_packages()
    backbone = network if isinstance(network, Backbone) else load_backbone(network)
    seen = None if images is None else as_collection(images)
    module = _Outputs(backbone).cpu().float().eval()
    weights = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    if weights > LARGEST:
        raise TwoalikeError(
            f"its weights take {weights / 2**30:.1f} GiB; an ONNX file holds at most 2",
            where=backbone.name,
            remedy="Use the safetensors file.",
        )
    model = _onnx_model(backbone, module)
    description = provenance("onnx") | {
        "backbone": backbone.name,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        **backbone.tokens,
        "colour": "RGB, values from 0 to 1, less the mean, divided by std",
        "input": {"name": INPUT, "shape": ["batch", *backbone.preprocessing.shape]},
        "output": {"name": OUTPUT, "shape": ["batch", backbone.n_features]},
        "licence": backbone.licence,
    }
    for name, layer in _layers(backbone).items():
        description[name] = {"name": name, "shape": ["batch", layer.out_features]}
    for key, value in description.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=key, value=text)
    with atomic_path(out) as temporary:
        temporary.write_bytes(model.SerializeToString())
        description["check"] = _onnx_differences(backbone, module, temporary, seen)
        write_json(out.with_suffix(".json"), description)
    return description


def _layers(backbone: Backbone) -> dict[str, nn.Linear]:
    """Layers that take the features, by the name of their output."""
    found = {POSITIONS: backbone.head, CLASSES: backbone.classifier}
    return {name: layer for name, layer in found.items() if layer is not None}


class _Outputs(nn.Module):
    """All outputs of the file: features, and those of the layers that take them."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        layers = _layers(backbone)
        self.module, self.layers = backbone.module, nn.ModuleList(layers.values())
        self.names = [OUTPUT, *layers]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.module(images)
        return (features, *(layer(features) for layer in self.layers))


def _check_packages() -> None:
    """Name the extra to install if the exporter or the runtime of its files is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise TwoalikeError(
            f"ONNX needs the package {error.name!r}", remedy=how_to_install("onnx")
        ) from error


def _onnx_model(backbone: Backbone, module: _Outputs) -> Any:
    """Convert the network to ONNX, as a protobuf."""
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
            f"this network cannot be written as ONNX ({lines[0][:200]})",
            where=backbone.name,
            remedy="Use the safetensors file.",
        ) from error
    assert program is not None  # None only without dynamo
    return program.model_proto


def _onnx_differences(
    backbone: Backbone, module: _Outputs, path: Path, images: Collection | None
) -> dict[str, float]:
    """Largest differences of the file's outputs from torch's, by kind of input."""
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
        differences = []
        for batch in inputs:
            with torch.no_grad():
                expected = [output.numpy() for output in module(batch)]
            given = session.run(module.names, {INPUT: batch.numpy()})
            differences += [difference(*pair) for pair in zip(given, expected, strict=True)]
        found[kind] = max(differences)
        if found[kind] > TOLERANCE:
            raise TwoalikeError(
                f"as ONNX, outputs of {kind} inputs differ from torch's by {found[kind]:.1g}",
                where=backbone.name,
                expected=f"{TOLERANCE:.0e} at most",
                remedy="Nothing was written; use the safetensors file.",
            )
    return found
