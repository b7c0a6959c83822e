"""The student's folder: weights that plain timm loads, how to prepare images, a model card.

What is written is read back and compared with the trained network, image by image: adapters that
were added to the weights, a probe's map in the place of the classifier and the file itself give
the same features, or there is no student.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from twoalike.backbones import (
    CONFIG,
    WEIGHTS,
    Backbone,
    classifier_name,
    create_network,
    put_classifier,
    read_weights,
    rebuild,
    weights_sha256,
)
from twoalike.distill._card import model_card
from twoalike.distill._checkpoint import as_lines, plain_state
from twoalike.distill._difference import TOLERANCE, difference
from twoalike.distill._probe import with_map
from twoalike.distill._student import Student
from twoalike.distill._trainable import trained_network
from twoalike.study import TwoalikeError, atomic_path, write_json

HEAD, CLASSIFIER = "head.safetensors", "classifier.safetensors"
CHECKED = 8
"""Images on which the written student is compared with the trained one."""


def write_student(
    folder: Path,
    backbone: Backbone,
    student: Student,
    provenance: Mapping[str, Any],
    summary: Mapping[str, Any],
    log: list[dict[str, Any]],
    images: Sequence[Path],
) -> dict[str, Any]:
    """Write the files of a finished student; the weights come last and tell that it is whole.

    Parameters
    ----------
    folder
        Holds the checkpoints already.
    backbone
        The network it started from, with its preprocessing, and its classifier if it is kept.
    student
        Trained; it is taken apart.
    provenance
        Of kind ``student``, with the settings under ``config``.
    summary
        Scores, data and teacher, for config.json and the card.
    log
        Records for training.jsonl.
    images
        The first of these are looked at by the written student and the trained one.

    Returns
    -------
    The content of config.json.

    Raises
    ------
    TwoalikeError
        If the written student's features, or its class scores, differ by more than 1e-5.
    """
    is_probe = provenance["config"]["train"] == "probe"
    inputs = torch.stack([backbone.preprocessing.read(path) for path in images[:CHECKED]])
    student.cpu().eval()
    # Before adapters are added to the weights: these are the features that were trained.
    expected = _trained_features(backbone, student, inputs, is_probe=is_probe)
    exported = _exported(backbone, student, is_probe=is_probe)
    config = _config(backbone, exported, student, provenance, summary)
    with atomic_path(folder / WEIGHTS) as temporary:
        # One key at most: safetensors writes several in random order, and equal runs would differ.
        save_file(plain_state(_written(exported)), temporary, metadata={"format": "pt"})
        with torch.no_grad():
            again = _read_back(config, exported, temporary, student)
            found = difference(again(inputs).numpy(), expected.numpy())
            if (classifier := exported.classifier) is not None:
                scores = _plain_scores(config, exported, temporary, inputs)
                found = max(found, difference(scores.numpy(), classifier(expected).numpy()))
        if found > TOLERANCE:
            raise TwoalikeError(
                f"{folder}: read back, the student's output differs from the trained network's "
                f"by {found:.1g}, expected {TOLERANCE:.0e} at most. The checkpoints are whole; "
                "please report this network."
            )
        config["check"] = {"images": len(inputs), "difference": found}
        _write_beside(folder, config, exported, student, log)
    return config


def _trained_features(
    backbone: Backbone, student: Student, inputs: torch.Tensor, *, is_probe: bool
) -> torch.Tensor:
    """Features that a user is to get, of the network as it was trained."""
    with torch.no_grad():
        if not is_probe:
            return torch.as_tensor(student.backbone(inputs))
        assert student.head is not None
        return torch.as_tensor(student.head(backbone.module.cpu().eval()(inputs)))


def _exported(backbone: Backbone, student: Student, *, is_probe: bool) -> Backbone:
    """Put what was learnt into one network, under the names that the network's weights have."""
    if not is_probe:
        return replace(backbone, module=trained_network(student.backbone))
    assert student.head is not None
    if backbone.architecture is None:
        return backbone
    return replace(backbone, module=with_map(backbone, student.head))


def _written(exported: Backbone) -> nn.Module:
    """Give the network whose state dict is the file: with its classes, where they are kept."""
    layer, architecture = exported.classifier, exported.architecture
    if layer is None or architecture is None:
        return exported.network
    whole = create_network(architecture, num_classes=layer.out_features)
    return put_classifier(whole, exported.network, layer.state_dict())


def _plain_scores(
    config: Mapping[str, Any], exported: Backbone, weights: Path, inputs: torch.Tensor
) -> torch.Tensor:
    """Class scores (n, c) of the file as whoever has timm alone gets them."""
    if exported.architecture is None:
        assert exported.classifier is not None
        return torch.as_tensor(exported.classifier(exported.module(inputs)))
    plain = create_network(exported.architecture, num_classes=config["num_classes"])
    plain.load_state_dict(read_weights(weights))
    return torch.as_tensor(plain.eval()(inputs))


def _read_back(
    config: Mapping[str, Any], exported: Backbone, weights: Path, student: Student
) -> nn.Module:
    """Build the student as its users will; a module of one's own is filled again."""
    if exported.architecture is not None:
        return rebuild(config, weights)[0]
    exported.network.load_state_dict(read_weights(weights))
    applied = config["head"] is not None and config["head"]["applied"]
    return nn.Sequential(exported.module, student.head) if applied else exported.module  # type: ignore[arg-type]


def _write_beside(
    folder: Path,
    config: Mapping[str, Any],
    exported: Backbone,
    student: Student,
    log: list[dict[str, Any]],
) -> None:
    """Write everything but the weights."""
    write_json(folder / CONFIG, dict(config))
    with atomic_path(folder / "training.jsonl") as temporary:
        temporary.write_text(as_lines(log), encoding="utf-8")
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(model_card(folder.name, config), encoding="utf-8")
    if config["head"] is not None and config["head"]["file"]:
        assert student.head is not None
        with atomic_path(folder / HEAD) as temporary:
            save_file(plain_state(student.head), temporary)
    if config["classifier"] is not None and config["classifier"]["file"]:
        assert exported.classifier is not None
        with atomic_path(folder / CLASSIFIER) as temporary:
            save_file(plain_state(exported.classifier), temporary)


def _config(
    backbone: Backbone,
    exported: Backbone,
    student: Student,
    provenance: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    """Content of config.json: timm's keys for a model, and ours."""
    licence = {"license": backbone.licence} if backbone.licence else {}
    head = _head(exported, student, is_probe=provenance["config"]["train"] == "probe")
    # timm builds the classifier that a probe's map is written into, and gives its output.
    classes = backbone.n_features if head and head["applied"] and not head["file"] else 0
    settings, kept = backbone.preprocessing.as_timm(), _classifier(exported)
    if kept is not None and kept["file"] is None:
        # timm leaves the classifier of that name out where no classes are asked for.
        classes, settings["classifier"] = kept["classes"], kept["name"]
    return {
        **provenance,
        "architecture": backbone.architecture,
        "num_classes": classes,
        "num_features": backbone.n_features,
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
    """Where the classifier that was kept is: in the network's own file, but for foreign modules."""
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


def _head(exported: Backbone, student: Student, *, is_probe: bool) -> dict[str, Any] | None:
    """Where the student's map of features is, and whether its features went through it."""
    if student.head is None:
        return None
    kind = "linear" if student.head.bias is None else "affine"
    within = is_probe and exported.architecture is not None
    return {"kind": kind, "applied": is_probe, "file": None if within else HEAD}
