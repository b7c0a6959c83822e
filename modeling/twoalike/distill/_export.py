"""The student's folder: weights that plain timm loads, how to prepare images, a model card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from twoalike.backbones import Backbone, weights_sha256
from twoalike.distill._checkpoint import as_lines, plain_state
from twoalike.distill._student import Student
from twoalike.study import atomic_path, write_json

WEIGHTS = "model.safetensors"


def write_student(
    folder: Path,
    backbone: Backbone,
    student: Student,
    provenance: Mapping[str, Any],
    summary: Mapping[str, Any],
    log: list[dict[str, Any]],
) -> None:
    """Write the files of a finished student; the weights come last and tell that it is whole.

    Parameters
    ----------
    folder
        Holds the checkpoints already.
    backbone
        The network it started from, with its preprocessing.
    student
        Trained.
    provenance
        Of kind ``student``.
    summary
        Scores, data and teacher, for config.json and the card.
    log
        Records for training.jsonl.
    """
    config = student_config(backbone, student, provenance, summary)
    write_json(folder / "config.json", config)
    with atomic_path(folder / "training.jsonl") as temporary:
        temporary.write_text(as_lines(log), encoding="utf-8")
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(model_card(folder.name, config), encoding="utf-8")
    if student.head is not None:
        with atomic_path(folder / "head.safetensors") as temporary:
            save_file({"weight": student.head.weight.detach().cpu()}, temporary)
    with atomic_path(folder / WEIGHTS) as temporary:
        # One key at most: safetensors writes several in random order, and equal runs would differ.
        save_file(plain_state(student.backbone), temporary, metadata={"format": "pt"})


def student_config(
    backbone: Backbone, student: Student, provenance: Mapping[str, Any], summary: Mapping[str, Any]
) -> dict[str, Any]:
    """Content of config.json: timm's keys for a model, and ours."""
    licence = {"license": backbone.licence} if backbone.licence else {}
    return {
        **provenance,
        "architecture": backbone.architecture,
        "num_classes": 0,
        "num_features": backbone.n_features,
        "pretrained_cfg": {**backbone.preprocessing.as_timm(), "num_classes": 0, **licence},
        "backbone": backbone.name,
        "weights_sha256": weights_sha256(student.backbone),
        "similarity": student.similarity,
        "temperature": float(student.log_temperature.detach().exp()),
        "head": None if student.head is None else {"file": "head.safetensors", "kind": "linear"},
        **summary,
    }


def model_card(name: str, config: Mapping[str, Any]) -> str:
    """README.md of a student: what it is, how much it changed, how to load it, its limits."""
    licence = config["pretrained_cfg"].get("license")
    return "\n".join(
        [
            "---",
            f"license: {str(licence).lower() if licence else 'unknown'}",
            f"library_name: {'timm' if config['architecture'] else 'pytorch'}",
            "tags: [human-alignment, similarity-judgments, odd-one-out]",
            "---",
            "",
            f"# {name}",
            "",
            f"`{config['backbone']}`, fine-tuned so that the similarities of its features predict "
            "people's odd-one-out choices: the choice probabilities of a teacher were distilled "
            "into all of its weights.",
            "",
            "## Agreement with the teacher",
            "",
            *_score_table(config["held_out"]),
            "",
            "## Use",
            "",
            *_usage(config),
            "",
            "## Where it comes from",
            "",
            *_origin_table(config),
            "",
            "## Limits",
            "",
            "- The teacher extends judgments of some objects to other images; the table shows "
            "agreement with it, not with people. Score on people's own choices with "
            "`twoalike evaluate`.",
            "- Judgments are those of the people who took part, on the images they saw.",
            "- The network was tuned for similarity; other uses, such as classification, were "
            "not checked. It has no classifier.",
            "",
        ]
    )


def _score_table(held_out: Mapping[str, Any] | None) -> list[str]:
    if held_out is None:
        return ["No images were held out."]
    rows = [
        f"| {name} | {held_out[key]['accuracy']:.3f} | {held_out[key]['kl']:.3f} |"
        for name, key in (("base network", "base"), ("student", "student"))
    ]
    return [
        f"On {held_out['triplets']} triplets of {held_out['images']} images that it did not learn "
        "from. Accuracy: chance to name the odd item that the teacher draws (ties count 1/k). "
        "KL: from the teacher's choice probabilities, in nats.",
        "",
        "| | accuracy | KL |",
        "|---|---|---|",
        *rows,
        f"| teacher itself | {held_out['ceiling']:.3f} | 0 |",
    ]


def _origin_table(config: Mapping[str, Any]) -> list[str]:
    licence = config["pretrained_cfg"].get("license")
    teacher, data = config["teacher"], config["data"]
    return [
        "| | |",
        "|---|---|",
        f"| weights it started from | `{config['backbone']}`, SHA-256 "
        f"`{config['initial_sha256'][:16]}` |",
        f"| licence of those weights | {licence or 'unknown: see their source'} |",
        f"| teacher | {teacher['method']}, from features of `{teacher['backbone']}`, fitted "
        f"to judgments of {teacher['objects']} objects |",
        f"| images learnt from | {data['learnt']}, SHA-256 `{data['images_sha256'][:16]}` |",
        "| licence of the images | to be filled in by who publishes this model |",
        f"| steps | {config['selected_step']} of {config['config']['steps']}, "
        f"{config['config']['batch']} images each |",
        f"| made with | twoalike {config['twoalike_version']}, seed {config['seed']} |",
    ]


def _usage(config: Mapping[str, Any]) -> list[str]:
    if config["architecture"] is None:
        return ["`model.safetensors` is the state dict of the module that was distilled."]
    return [
        "```python",
        "import timm",
        "from timm.data import create_transform, resolve_model_data_config",
        "",
        'model = timm.create_model("local-dir:path/to/this/folder", pretrained=True).eval()',
        "transform = create_transform(**resolve_model_data_config(model), is_training=False)",
        "features = model(transform(image).unsqueeze(0))  # image: a PIL image, RGB",
        "```",
    ]
