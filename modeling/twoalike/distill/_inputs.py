"""What a distillation starts from: a free folder, images, the teacher's features of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twoalike.backbones import WEIGHTS, load_backbone, pooled_features
from twoalike.distill._checkpoint import find_checkpoints
from twoalike.distill._config import DistillConfig
from twoalike.distill._label_file import PLAN
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.stimuli import find_images
from twoalike.study import TwoalikeError, read_ids, read_json, sha256_file
from twoalike.teacher import Teacher


def check_guidance(
    teacher: Path | None, labels: Path | None, validation: Path | None, config: DistillConfig
) -> None:
    """Make sure that there is one thing to learn from, and that the objective suits it.

    Raises
    ------
    TwoalikeError
        If not.
    """
    if (teacher is None) == (labels is None):
        found = "neither" if teacher is None else "both"
        raise TwoalikeError(
            f"distill: expected either --teacher or --labels to learn from, found {found}."
        )
    if labels is None and validation is not None:
        raise TwoalikeError(
            "--validation: labelled triplets score a student of --labels; a teacher labels the "
            "held-out images itself."
        )
    if labels is not None and config.objective == "relational":
        raise TwoalikeError(
            "objective = 'relational' compares similarity matrices, which labelled triplets do "
            "not hold. Give --teacher, or take 'kl', 'jsd' or 'hard'."
        )
    if labels is not None and config.sampling != "uniform":
        raise TwoalikeError(
            f"sampling = {config.sampling!r} picks a batch's triplets by a teacher's similarities, "
            "and --labels lists the triplets. Give --teacher, or leave sampling out."
        )


def described_teacher(guide: Teacher) -> dict[str, Any]:
    """Say what a student learnt from, for its config and card."""
    return {
        "method": guide.description.get("method"),
        "backbone": guide.source.get("backbone"),
        "objects": guide.description.get("to", {}).get("objects"),
        "sha256": guide.description["arrays_sha256"],
    }


def described_labels(labels: Path, validation: Path | None) -> dict[str, Any]:
    """Say which labelled triplets a student learnt from and was scored on."""
    plan = read_json(labels / PLAN, "labels")
    scored = {"validation_sha256": sha256_file(validation / PLAN)} if validation else {}
    return {
        "method": "labelled triplets",
        "backbone": None,
        "objects": None,
        "triplets": plan["triplets"],
        "sha256": sha256_file(labels / PLAN),
        **scored,
    }


def claim_folder(out: Path, resume: bool) -> bool:
    """Make sure that ``out`` may be written; False if it holds a finished student already.

    Raises
    ------
    TwoalikeError
        If it holds something that would be lost.
    """
    if out.exists() and not out.is_dir():
        raise TwoalikeError(f"{out}: expected a folder for the student, found a file.")
    if (out / WEIGHTS).is_file():
        if resume:
            return False
        raise TwoalikeError(f"{out}: holds a student already. Remove it or choose another output.")
    if find_checkpoints(out / "checkpoints") and not resume:
        raise TwoalikeError(
            f"{out}: holds checkpoints of a run that did not end. Go on with --resume, or remove "
            "the folder."
        )
    foreign = [p.name for p in out.glob("*") if p.name != "checkpoints"] if not resume else []
    if foreign:
        raise TwoalikeError(
            f"{out}: expected a new folder for the student, found {foreign[0]} in it."
        )
    return True


def choose_images(images: Path, only: Path | None) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Ids and files of the images to use, in the folder's order."""
    ids, paths = find_images(images)
    if only is None:
        return ids, paths
    wanted = read_ids(only)
    unknown = sorted(set(wanted) - set(ids))
    if unknown:
        raise TwoalikeError(
            f"{only}: {len(unknown)} of {len(wanted)} ids have no image in {images}, first "
            f"{', '.join(map(repr, unknown[:10]))}."
        )
    chosen = [place for place, name in enumerate(ids) if name in set(wanted)]
    return tuple(ids[place] for place in chosen), tuple(paths[place] for place in chosen)


def teacher_features(
    guide: Teacher,
    ids: tuple[str, ...],
    paths: Sequence[Path],
    digest: str,
    out: Path,
    device: str,
) -> FeatureTable:
    """Features of the teacher's own network, kept beside the checkpoints."""
    cache = out / "checkpoints" / "teacher_features.npz"
    if cache.is_file():
        table = read_features(cache)
        if table.ids == ids and table.meta.get("images_sha256") == digest:
            guide.check(table)
            return table
    name = guide.source.get("backbone")
    if name is None:
        raise TwoalikeError(
            "the teacher maps features of a network without a name; compute them for these images "
            "and give them with --features."
        )
    size = guide.source.get("preprocessing", {}).get("input_size", [None])[-1]
    network = load_backbone(str(name), size=size)
    meta = {
        "backbone": network.name,
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing.as_timm(),
        "images_sha256": digest,
    }
    if guide.source.get("weights_sha256") not in (None, meta["weights_sha256"]):
        raise TwoalikeError(
            f"the teacher maps features of {name} with other weights than those found here; give "
            "the features of these images with --features."
        )
    table = FeatureTable(ids, pooled_features(network, paths, device=device), meta)
    write_features(cache, table)
    return table
