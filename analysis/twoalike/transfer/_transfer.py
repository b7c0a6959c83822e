"""All measures of several networks, side by side on the same images, folds and episodes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from twoalike.evaluation import (
    Candidate,
    Count,
    Span,
    check_names,
    common_objects,
)
from twoalike.study import MISSING, Content, TwoalikeError, counted, folder_labels
from twoalike.teacher import SHOTS
from twoalike.transfer._scores import ClassScores
from twoalike.transfer._tasks import (
    Labels,
    Levels,
    Task,
    TransferSettings,
    Values,
    Wanted,
    every_measure,
    few_shots,
    tasks,
)

_ABILITY = TransferSettings(shots=SHOTS, classifier="nearest-mean")


class TransferEstimate(Content):
    """A score, or a difference of two on the same images."""

    value: float
    """Mean over classes; of a drop under shift, negative where accuracy rises."""
    low: float | None = None
    """Lower end, over other classes."""
    high: float | None = None
    """Upper end, over other classes."""
    same_classes: Span | None
    """The interval over other images of the same classes."""


class TransferDifference(TransferEstimate):
    """Score minus that of the first network, on the same images."""

    to: str | None = None
    """Name of the first network."""


class TransferScore(TransferEstimate):
    """Score of one network."""

    name: str
    """Network."""
    difference: TransferDifference | None = None
    """Difference to the first network; null for that one."""


class TransferMeasure(Content):
    """One measure of all networks."""

    measure: str
    """`few_shot`: accuracy of a classifier that learnt from a few images of each class;
    `linear_probe`: balanced accuracy of one that learnt from many; `shift_seen`, `shift_new`,
    `shift_drop`: balanced accuracy for superclasses on subclasses that were learnt from, on new
    ones, and the difference."""
    level: str | None = None
    """Level of labels."""
    shots: Count | None = None
    """Images of a class to learn from."""
    subclasses: str | None = None
    """Level of the subclasses."""
    classes: Count
    """Classes that the score is a mean over."""
    left_out: tuple[str, ...] = ()
    """Classes with too few images."""
    chance: float
    """What guessing scores."""
    models: tuple[TransferScore, ...]
    """Networks."""


class Transfer(Content):
    """How networks' features serve other tasks than similarity."""

    images: Count
    """Images."""
    settings: TransferSettings | None = None
    """How much was measured."""
    measures: tuple[TransferMeasure, ...]
    """Measures."""
    missing: dict[str, str]
    """What could not be measured -> why."""


def _measures(
    candidates: Sequence[Candidate], values: Sequence[Values], of: Labels, wanted: Wanted
) -> tuple[TransferMeasure, ...]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    # Of many small classifiers, threads cost ten times what they save.
    with threadpool_limits(1):
        every = (_of_task(candidates, values, task) for task in tasks(of, wanted))
        return tuple(chain.from_iterable(every))


def _of_task(
    candidates: Sequence[Candidate], values: Sequence[Values], task: Task
) -> Iterator[TransferMeasure]:
    parts = [task.scores(of) for of in values]
    if task.parts == 1:
        yield _measure(candidates, task.about, [of for (of,) in parts])
        return
    for name, scores in (
        ("shift_seen", [seen for seen, _ in parts]),
        ("shift_new", [new for _, new in parts]),
        ("shift_drop", [seen.minus(new) for seen, new in parts]),
    ):
        chance = 0.0 if name == "shift_drop" else task.chance
        yield _measure(candidates, task.about | {"measure": name, "chance": chance}, scores)


def _measure(
    candidates: Sequence[Candidate], about: dict[str, Any], scores: Sequence[ClassScores]
) -> TransferMeasure:
    first, names = scores[0], [of.name for of in candidates]
    gains = [TransferDifference(to=names[0], **_estimate(of.minus(first))) for of in scores]
    models = [
        TransferScore(name=name, **_estimate(own), difference=gain if number else None)
        for number, (name, own, gain) in enumerate(zip(names, scores, gains, strict=True))
    ]
    shown = {"classes": len(first.classes), "left_out": first.left_out, "chance": first.chance}
    return TransferMeasure(**{**shown, **about}, models=tuple(models))


def _estimate(of: ClassScores) -> dict[str, Any]:
    same = of.same_classes()
    return {**vars(of.interval()), "same_classes": Span(same.low, same.high)}


def compare_transfer(
    candidates: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None = None,
    *,
    ids: Sequence[str] | None = None,
    settings: TransferSettings | None = None,
    seed: int = 0,
) -> Transfer:
    """Measure how features serve other tasks than similarity, for several networks.

    Parameters
    ----------
    candidates
        The networks; the first is the one that the others are compared with.
    labels
        Level -> image id -> label, from coarse to fine; the folders in the ids unless given.
    ids
        The images to use; those of the first network's features unless given.
    settings
        How much is measured.

    Returns
    -------
    Each measure of all networks, with its difference to the first network; what could not be
    measured is under ``missing``.
    """
    settings = settings or TransferSettings()
    images = _images(candidates, ids)
    nearest = settings.classifier == "nearest-mean"
    values = [_features(each, images, centred=nearest) for each in candidates]
    levels = _levels(labels, images) if labels else folder_levels(images)
    missing: dict[str, str] = {}
    of = Labels(_usable(levels, missing), settings, seed, missing)
    measures = _measures(candidates, values, of, every_measure(of))
    return Transfer(images=len(images), settings=settings, measures=measures, missing=missing)


def few_shot_ability(
    candidates: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None = None,
    *,
    seed: int = 0,
) -> tuple[TransferMeasure, ...]:
    """Accuracy of the nearest class mean of one and of three images, for several networks.

    The nearest is that of the largest cosine, as in distillation
    (:func:`twoalike.teacher.nearest_mean`): of a student's vectors as they are, of the features of
    any other network about the mean of the images. These are the images that all networks have
    features of, at the finest level of ``labels`` (as in :func:`compare_transfer`) at which classes
    have enough images; those without a label are left out.
    """
    ids = common_objects(candidates)
    levels = {
        level: [of.get(name, MISSING) for name in ids] for level, of in (labels or {}).items()
    }
    for level, names in reversed((levels or _folders(ids)).items()):
        rows = [row for row, name in enumerate(names) if name != MISSING]
        kept = [names[row] for row in rows]
        if len(set(kept)) < 2:
            continue
        those = [ids[row] for row in rows]
        values = [_features(each, those, centred=True) for each in candidates]
        of = Labels({level: kept}, _ABILITY, seed, {})
        if found := _measures(candidates, values, of, few_shots(of)):
            return found
    return ()


def folder_levels(ids: Sequence[str]) -> Levels:
    """Labels of each image at ``level_1`` (coarse), ``level_2``, ... from the folders in its id.

    ``n01498041/0.12_eagle`` is an image of class ``n01498041``
    (:func:`twoalike.study.folder_labels`).
    """
    levels = _folders(ids)
    if not levels:
        found = f", first {ids[0]!r}" if len(ids) else ""
        raise TwoalikeError(
            expected="image ids with their folders (class/image)",
            found=f"none among {len(ids)}{found}",
            remedy="Give a table of labels with `labels=...`.",
        )
    return levels


def _folders(ids: Sequence[str]) -> Levels:
    return folder_labels([PurePosixPath(name).parts[:-1] for name in ids])


def _features(of: Candidate, images: Sequence[str], *, centred: bool) -> Values:
    """Features of the images; ``centred``: of a network without an origin of its own."""
    values = of.features.select(images, of.name)
    if len(values) > 1 and (values == values[0]).all():
        raise TwoalikeError(
            f"{of.name}: all {len(values)} images have the same features. Check the network and "
            "its preprocessing."
        )
    return values - values.mean(axis=0) if centred and of.similarity == "cosine" else values


def _images(candidates: Sequence[Candidate], ids: Sequence[str] | None) -> list[str]:
    if not candidates:
        raise TwoalikeError("no network to measure", remedy="Give `features=...`.")
    check_names(candidates)
    images = list(candidates[0].features.ids if ids is None else ids)
    if len(set(images)) < len(images) or not images:
        raise TwoalikeError(
            where="images to use",
            expected="image ids, each once",
            found=f"{len(images)}, {len(set(images))} of them different",
        )
    return images


def _levels(labels: Mapping[str, Mapping[str, str]], images: Sequence[str]) -> Levels:
    for level, by_id in labels.items():
        unknown = [name for name in images if name not in by_id]
        if unknown:
            raise TwoalikeError(
                f"{counted(len(unknown), 'image')} of {len(images)} without a label at level "
                f"{level!r}, first {unknown[0]!r}",
                remedy="Add them to the table of labels, or name the images to use with "
                "`only=...`.",
            )
    return {level: [by_id[name] for name in images] for level, by_id in labels.items()}


def _usable(levels: Levels, missing: dict[str, str]) -> Levels:
    """Levels at which all images have a label and some share it, with reasons for the others."""
    usable: Levels = {}
    for level, labels in levels.items():
        without, classes = labels.count(MISSING), len(set(labels))
        if without:
            missing[level] = f"{without} of {len(labels)} images have no label ({MISSING})"
        elif classes == 1:
            missing[level] = f"all images are of one class, {labels[0]!r}"
        elif classes == len(labels):
            missing[level] = "each image is a class of its own"
        else:
            usable[level] = labels
    return usable
