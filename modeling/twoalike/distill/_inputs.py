"""What a distillation begins with, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from twoalike.backbones import (
    WEIGHTS,
    Backbone,
    Preprocessing,
    TokenPool,
    choose_tokens,
    extract_features,
    load_backbone,
    without_vector,
)
from twoalike.collections import Collection
from twoalike.distill._checkpoint import LOG, checkpoints_of, find_checkpoints
from twoalike.distill._config import DistillConfig
from twoalike.distill._labels import PLAN
from twoalike.features import FeatureTable, as_features, read_features, write_features
from twoalike.study import TwoalikeError, read_ids, read_json, sha256_file
from twoalike.tables import LabelSource
from twoalike.teacher import Teacher, likeness_of, load_teacher


@dataclass(frozen=True)
class Guidance:
    """The source of labels: a teacher with features, or labelled triplets."""

    teacher: Teacher | None
    features: FeatureTable | None
    labels: Path | None
    validation: Path | None

    @classmethod
    def of(
        cls,
        teacher: str | Path | Teacher | None,
        features: FeatureTable | str | Path | None,
        objects: str | Path | None,
        folders: Sequence[str | Path | None],
        config: DistillConfig,
    ) -> "Guidance":
        """Read the teacher, and features of the images by its network.

        ``folders`` are those of labels and of validation.
        """
        labels, validation = (None if it is None else Path(it) for it in folders)
        if (teacher is None) == (labels is None):
            raise TwoalikeError(
                where="distill",
                expected="either `teacher=...` or `labels=...` to learn from",
                found="neither" if teacher is None else "both",
            )
        if labels is None and validation is not None:
            raise TwoalikeError(
                "labelled triplets score a student of `labels=...` only; a teacher labels the "
                "held-out images itself",
                where="`validation=...`",
            )
        if labels is not None and config.train == "probe":
            raise TwoalikeError(
                "train = 'probe' is the closed form of a teacher's vector, and `labels=...` has "
                "no teacher",
                remedy="Give `teacher=...`, or another `train`.",
            )
        if labels is not None and config.sampling != "uniform":
            raise TwoalikeError(
                f"sampling = {config.sampling!r} chooses a batch's triplets by a teacher's "
                "similarities, but `labels=...` lists the triplets",
                remedy="Give `teacher=...`, or leave sampling out.",
            )
        if isinstance(teacher, str | Path):
            teacher = load_teacher(teacher, any_kind=True)
        if teacher is not None and teacher.folder is None:  # it has no hash to refer to
            raise TwoalikeError(
                where="`teacher=...`",
                expected="a teacher that was saved in a folder",
                found="one that was not",
                remedy="Teach with `out=...`.",
            )
        table = None if features is None else as_features(features, objects)
        return cls(teacher, table, labels, validation)

    @property
    def origin(self) -> dict[str, Any]:
        """Description of the source of labels, for the student's config and card."""
        if self.teacher is not None:
            return {
                "method": self.teacher.description.get("method"),
                "backbone": self.teacher.source.get("backbone"),
                "objects": self.teacher.description.get("to", {}).get("objects"),
                "sha256": self.teacher.description["arrays_sha256"],
                **likeness_of(self.teacher.description),
            }
        hashes = {role: sha256_file(plan) for role, plan in self.files.items()}
        plan = read_json(self.files["labels"], "labels")
        return {
            "method": "labelled triplets",
            "backbone": None,
            "objects": None,
            **{key: plan[key] for key in ("triplets", "likeness", "judged") if key in plan},
            "sha256": hashes.pop("labels"),
            **{f"{role}_sha256": one for role, one in hashes.items()},
        }

    @property
    def files(self) -> dict[str, Path]:
        """Files that describe the source of labels, by role."""
        if self.teacher is not None and self.teacher.folder is not None:
            return {"teacher": self.teacher.folder / "teacher.json"}
        folders = {"labels": self.labels, "validation": self.validation}
        return {role: folder / PLAN for role, folder in folders.items() if folder is not None}


@dataclass(frozen=True, eq=False)
class Given:
    config: DistillConfig
    guidance: Guidance
    images: Collection
    unreadable: tuple[str, ...]  # ids of images that were left out
    backbone: Backbone
    out: Path
    device: str
    classes: LabelSource | None


def claim_folder(out: Path, resume: bool) -> bool:
    """Check that ``out`` may be written; return False if it already holds a finished student."""
    if out.exists() and not out.is_dir():
        raise TwoalikeError(
            where=out,
            expected="a folder for the student",
            found="a file",
            remedy="Choose another output.",
        )
    if (out / WEIGHTS).is_file():
        if resume:
            return False
        raise TwoalikeError(
            "already holds a student", where=out, remedy="Remove it or choose another output."
        )
    if resume:
        return True
    beside = checkpoints_of(out)
    if find_checkpoints(beside) or (out / LOG).is_file():
        raise TwoalikeError(
            "there is an unfinished run",
            where=out,
            remedy=f"Continue with `resume=True`, or remove this folder and {beside}.",
        )
    if foreign := [path.name for path in out.glob("*")]:
        raise TwoalikeError(
            where=out,
            expected="a new folder for the student",
            found=f"{foreign[0]} in it",
            remedy="Choose another output.",
        )
    return True


def chosen_images(images: Collection, only: str | Path | Sequence[str] | None) -> Collection:
    """Images of a collection in order, or those named by ``only``."""
    if only is None:
        return images
    wanted = set(read_ids(Path(only)) if isinstance(only, str | Path) else only)
    if unknown := sorted(wanted - set(images.ids)):
        raise TwoalikeError(
            f"{len(unknown)} of {len(wanted)} ids have no image in {images.where}, first "
            f"{', '.join(map(repr, unknown[:10]))}",
            where=only if isinstance(only, str | Path) else "`only=...`",
        )
    return images.only([row for row, name in enumerate(images.ids) if name in wanted])


def alignet_preprocessing(size: int = 224) -> Preprocessing:
    """Prepare images as AligNet's students are trained: the whole image, pixels from 0 to 1.

    Its resize is OpenCV's ``INTER_CUBIC``, without antialiasing; ours differs by one level of 256
    at most (docs/explanation/alignet.md).
    """
    return Preprocessing(size=size, mean=(0.0,) * 3, std=(1.0,) * 3, antialias=False)


def starting_network(
    student: str | Path | Backbone,
    config: DistillConfig,
    weights: str | Path | None,
    untrained: bool,
    pool: TokenPool | None,
    block: int | None,
) -> Backbone:
    """Load the network to train, at its training size."""
    if not isinstance(student, Backbone):
        student = load_backbone(
            student,
            weights=weights,
            untrained=untrained,
            size=config.size,
            seed=config.seed,
        )
    sized = without_vector(student).resized(config.size)
    if config.preprocessing == "alignet":
        sized = replace(sized, preprocessing=alignet_preprocessing(sized.preprocessing.size))
    return choose_tokens(sized, pool, block)


def teacher_features(given: Given, teacher: Teacher, same: bool) -> FeatureTable:
    """Features of the teacher's own network, saved beside the checkpoints.

    Where that is the student's (``same``), the pass that divided it has made them.
    """
    seen, beside = given.images, checkpoints_of(given.out)
    cache = beside / ("student_features.npz" if same else "teacher_features.npz")
    if cache.is_file():
        table = read_features(cache)
        same = table.meta.get("listing_sha256") == seen.digest
        if same and table.ids == tuple(seen.ids):
            teacher.check(table)
            return table
    source, remedy = teacher.source, "give them with `features=...`."
    if (name := source.get("backbone")) is None:
        raise TwoalikeError(
            "the teacher maps features of an unnamed network",
            remedy=f"Compute them for these images and {remedy}",
        )
    size = source.get("preprocessing", {}).get("input_size", [None])[-1]
    pool, block = source.get("pool"), source.get("block")
    try:
        network = load_backbone(str(name), size=size, pool=pool, block=block)
    except TwoalikeError as error:
        raise TwoalikeError(
            f"the teacher maps features of {name}, which cannot be loaded here: "
            f"{error.problem or error}",
            remedy=f"Compute the features of these images with its weights and {remedy}",
        ) from error
    if source.get("weights_sha256") not in (None, network.weights_sha256):
        raise TwoalikeError(
            f"the teacher maps features of {name} with other weights than those available here",
            remedy=f"Compute the features of these images elsewhere and {remedy}",
        )
    table = extract_features(network, seen, device=given.device, workers=given.config.workers)
    write_features(cache, table)
    return table


def maps_features_of(teacher: Teacher, backbone: Backbone) -> bool:
    """Whether a teacher maps the features of this very network, prepared and pooled like this."""
    source, tokens = teacher.source, backbone.tokens
    return (
        source.get("weights_sha256") == backbone.weights_sha256
        and source.get("preprocessing") == backbone.preprocessing.as_timm()
        and all(source.get(key) == tokens.get(key) for key in ("pool", "block"))
    )
