"""All measures of several networks, side by side on the same images, folds and episodes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import numpy as np

from twoalike.evaluation import Candidate, Count, Measured, Number, Quantity, Span
from twoalike.study import MISSING, TwoalikeError, counted
from twoalike.transfer._classification import few_shot, linear_probe, other_set, subclass_shift
from twoalike.transfer._classifier import (
    Classifier,
    Values,
    checked_labels,
    checked_values,
    folder_levels,
)
from twoalike.transfer._neighbours import neighbour_hierarchy
from twoalike.transfer._scores import ClassScores, NotMeasurable, ScoreDifference

type Levels = dict[str, list[str]]
type Compared = tuple[ClassScores | ScoreDifference, ScoreDifference | None]


@dataclass(frozen=True)
class TransferSettings:
    """How much is measured.

    Attributes
    ----------
    shots
        Images of a class to learn from, in few-shot classification.
    ways, episodes, classifier
        As in :func:`few_shot`.
    folds
        As in :func:`linear_probe`.
    halvings
        As in :func:`subclass_shift`.
    neighbours
        As in :func:`neighbour_hierarchy`.
    """

    shots: tuple[int, ...] = (1, 5, 10)
    ways: int | None = None
    episodes: int = 30
    classifier: Classifier = "logistic"
    folds: int = 5
    halvings: int = 4
    neighbours: int = 10


class TransferDifference(Measured):
    """Score minus that of the first network, on the same images."""

    to: str | None = None
    """Name of the first network."""
    value: Number
    """Difference."""
    low: Number | None
    """Lower end, over other classes."""
    high: Number | None
    """Upper end, over other classes."""
    same_classes: Span | None
    """The interval over other images of the same classes."""


class TransferScore(Measured):
    """Score of one network."""

    name: str
    """Network."""
    value: Annotated[float, Quantity("", 0)]
    """Mean over classes."""
    low: Number | None = None
    """Lower end, over other classes."""
    high: Number | None = None
    """Upper end, over other classes."""
    same_classes: Span | None
    """The interval over other images of the same classes."""
    difference: TransferDifference | None = None
    """Difference to the first network; null for that one."""


class TransferMeasure(Measured):
    """One measure of all networks."""

    measure: str
    """`few_shot`: accuracy of a classifier that learnt from a few images of each class;
    `linear_probe`: balanced accuracy of one that learnt from many; `shift_seen`, `shift_new`,
    `shift_drop`: balanced accuracy for superclasses on subclasses that were learnt from, on new
    ones, and the difference; `other_set`: balanced accuracy on another set of images; `same_label`:
    nearest neighbours with the label of the image; `shared_levels`: levels of labels shared with a
    neighbour; `hierarchical_precision`: the same in units of the best possible."""
    level: str | None = None
    """Level of labels."""
    shots: Count | None = None
    """Images of a class to learn from."""
    subclasses: str | None = None
    """Level of the subclasses."""
    images: Count | None = None
    """Images of the other set."""
    best: Number | None = None
    """The largest value that there could be."""
    neighbours: Count | None = None
    """Nearest neighbours looked at."""
    classes: Count
    """Classes that the score is a mean over."""
    left_out: tuple[str, ...] = ()
    """Classes with too few images."""
    chance: Number
    """What guessing scores."""
    models: tuple[TransferScore, ...]
    """Networks."""


class LevelSizes(Measured):
    """Classes of one level of labels."""

    classes: Count
    """Classes."""
    smallest: Count
    """Images of the smallest class."""
    largest: Count
    """Images of the largest class."""


class Transfer(Measured):
    """How networks' features serve other tasks than similarity."""

    images: Count
    """Images."""
    levels: dict[str, LevelSizes] = {}
    """Level of labels -> its classes."""
    settings: TransferSettings | None = None
    """How much was measured."""
    measures: tuple[TransferMeasure, ...]
    """Measures."""
    missing: dict[str, str]
    """What could not be measured -> why."""


@dataclass(frozen=True)
class Networks:
    """Candidates with their features of the same images.

    Attributes
    ----------
    candidates
        The networks.
    values
        Features of each, shape (n, p).
    others
        Features of another set of images, shape (k, p) each; none where there is no such set.
    """

    candidates: Sequence[Candidate]
    values: Sequence[Values]
    others: Sequence[Values] = ()

    def models(self, compared: Sequence[Compared]) -> tuple[TransferScore, ...]:
        """Estimate and difference to the first network, of each."""
        first = self.candidates[0].name
        return tuple(
            TransferScore(
                name=candidate.name,
                **_estimate(own),
                difference=TransferDifference(to=first, **_estimate(gain)) if gain else None,
            )
            for candidate, (own, gain) in zip(self.candidates, compared, strict=True)
        )


def _estimate(of: ClassScores | ScoreDifference) -> dict[str, Any]:
    """Value and interval, and the interval over other images of the same classes."""
    same = of.same_classes()
    return {**of.interval().as_dict(), "same_classes": Span(same.low, same.high)}


def measures(
    networks: Networks,
    levels: Levels,
    of: TransferSettings,
    seed: int,
    missing: dict[str, str],
    other_levels: Levels | None = None,
) -> list[TransferMeasure]:
    """All measures, as :func:`twoalike.transfer.compare_transfer` returns them.

    Parameters
    ----------
    networks
        The networks.
    levels
        Level -> label of each image, from coarse to fine.
    of, seed
        As in :func:`twoalike.transfer.compare_transfer`.
    missing
        Where to say what could not be made, and why.
    other_levels
        Level -> label of each image of the other set, where there is one.
    """
    return [
        *_few_shot(networks, levels, of, seed, missing),
        *_linear_probe(networks, levels, of, seed, missing),
        *_shift(networks, levels, of, seed, missing),
        *_other_set(networks, levels, other_levels or {}, seed, missing),
        *_neighbours(networks, levels, of, missing),
    ]


def _compared(scores: Sequence[ClassScores]) -> list[Compared]:
    """Scores of each network, and their difference to the first's."""
    return [(own, own.minus(scores[0]) if number else None) for number, own in enumerate(scores)]


def _measure(
    networks: Networks, measure: str, level: str, scores: Sequence[ClassScores], **more: Any
) -> TransferMeasure:
    """One measure of all networks."""
    about = scores[0]
    found = {"chance": about.chance, "models": networks.models(_compared(scores)), **more}
    return TransferMeasure(
        measure=measure,
        level=level,
        classes=len(about.classes),
        left_out=about.left_out,
        **found,
    )


def _made[Score](
    scores: Iterable[Callable[[], Score]], name: str, missing: dict[str, str]
) -> list[Score]:
    """Scores of every network; none if the labels do not allow the measure, which is said."""
    try:
        return [score() for score in scores]
    except NotMeasurable as reason:
        missing[name] = str(reason)
        return []


def _few_shot(
    networks: Networks, levels: Levels, of: TransferSettings, seed: int, missing: dict[str, str]
) -> Iterator[TransferMeasure]:
    draws: dict[str, Any] = {
        "ways": of.ways,
        "episodes": of.episodes,
        "classifier": of.classifier,
        "seed": seed,
    }
    for level, labels in levels.items():
        for shots in of.shots:
            scores = _made(
                (partial(few_shot, each, labels, shots, **draws) for each in networks.values),
                f"few_shot of {level}, {counted(shots, 'shot')}",
                missing,
            )
            if scores:
                yield _measure(networks, "few_shot", level, scores, shots=shots)


def _linear_probe(
    networks: Networks, levels: Levels, of: TransferSettings, seed: int, missing: dict[str, str]
) -> Iterator[TransferMeasure]:
    for level, labels in levels.items():
        scores = _made(
            (
                partial(linear_probe, each, labels, folds=of.folds, seed=seed)
                for each in networks.values
            ),
            f"linear_probe of {level}",
            missing,
        )
        if scores:
            yield _measure(networks, "linear_probe", level, scores)


def _shift(
    networks: Networks, levels: Levels, of: TransferSettings, seed: int, missing: dict[str, str]
) -> Iterator[TransferMeasure]:
    if len(levels) < 2:
        missing["subclass_shift"] = f"needs two levels of labels, has {len(levels)}"
    for (coarse, above), (fine, below) in pairwise(levels.items()):
        scores = _made(
            (
                partial(subclass_shift, each, above, below, halvings=of.halvings, seed=seed)
                for each in networks.values
            ),
            f"subclass_shift of {coarse} by {fine}",
            missing,
        )
        if not scores:
            continue
        seen, new = [s.seen for s in scores], [s.new for s in scores]
        yield _measure(networks, "shift_seen", coarse, seen, subclasses=fine)
        yield _measure(networks, "shift_new", coarse, new, subclasses=fine)
        drops: list[Compared] = [
            (own.drop(), own.drop_minus(scores[0]) if number else None)
            for number, own in enumerate(scores)
        ]
        models = networks.models(drops)
        yield _measure(
            networks, "shift_drop", coarse, new, subclasses=fine, chance=0.0, models=models
        )


def _other_set(
    networks: Networks, levels: Levels, others: Levels, seed: int, missing: dict[str, str]
) -> Iterator[TransferMeasure]:
    for level in (level for level in levels if level in others):
        scores = _made(
            (
                partial(other_set, own, levels[level], other, others[level], seed=seed)
                for own, other in zip(networks.values, networks.others, strict=True)
            ),
            f"other_set of {level}",
            missing,
        )
        if scores:
            yield _measure(networks, "other_set", level, scores, images=len(others[level]))


def _neighbours(
    networks: Networks, levels: Levels, of: TransferSettings, missing: dict[str, str]
) -> Iterator[TransferMeasure]:
    pairs = zip(networks.values, networks.candidates, strict=True)
    scores = _made(
        (
            partial(
                neighbour_hierarchy,
                values,
                levels,
                neighbours=of.neighbours,
                similarity=candidate.similarity,
            )
            for values, candidate in pairs
            if levels
        ),
        "neighbours",
        missing,
    )
    if not scores:
        return
    missing.update({f"neighbours of {key}": why for key, why in scores[0].missing.items()})
    more: dict[str, Any] = {"neighbours": of.neighbours}
    for level, best in scores[0].best.items():
        same = [each.same[level] for each in scores]
        yield _measure(networks, "same_label", level, same, best=best, **more)
    for measure, found in (
        ("shared_levels", [each.depth for each in scores]),
        ("hierarchical_precision", [each.precision for each in scores]),
    ):
        hierarchy = [each for each in found if each is not None]
        if hierarchy:
            yield _measure(networks, measure, list(levels)[-1], hierarchy, **more)


def compare_transfer(
    candidates: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None = None,
    *,
    ids: Sequence[str] | None = None,
    others: Sequence[Candidate] = (),
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
    others
        The same networks, by name, with features of another set of images of the same classes,
        such as ImageNet-A; with ``labels``, these hold their labels too.
    settings
        How much is measured.
    seed
        Seed of episodes, folds and halvings.

    Returns
    -------
    Each measure of all networks, with its difference to the first network; what could not be
    measured is under ``missing``.

    Raises
    ------
    TwoalikeError
        If there is no network, two have one name, an image has no features or no label, or
        features are NaN or the same for all images.
    """
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    settings = settings or TransferSettings()
    images = _images(candidates, ids)
    values = [
        checked_values(each.features.select(images, each.name), each.name) for each in candidates
    ]
    levels = folder_levels(images) if not labels else _levels(labels, images)
    missing: dict[str, str] = {}
    usable = _usable(levels, missing)
    other_values, other_levels = _features_of_others(candidates, others, labels)
    # Of many small classifiers, threads cost ten times what they save.
    with threadpool_limits(1):
        networks = Networks(candidates, values, other_values)
        made = measures(networks, usable, settings, seed, missing, other_levels)
    return Transfer(
        images=len(images),
        levels={level: _sizes(of) for level, of in levels.items()},
        settings=settings,
        measures=tuple(made),
        missing=missing,
    )


def _images(candidates: Sequence[Candidate], ids: Sequence[str] | None) -> list[str]:
    if not candidates:
        raise TwoalikeError("no network to measure", remedy="Give `features=...`.")
    names = [candidate.name for candidate in candidates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TwoalikeError(
            f"two networks are called {twice!r}", remedy="Give each a name of its own."
        )
    images = list(candidates[0].features.ids if ids is None else ids)
    if len(set(images)) < len(images) or not images:
        raise TwoalikeError(
            where="images to use",
            expected="image ids, each once",
            found=f"{len(images)}, {len(set(images))} of them different",
        )
    return images


def _features_of_others(
    candidates: Sequence[Candidate],
    others: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None,
) -> tuple[list[Values], Levels]:
    """Features of another set of images, in the order of the networks, and their labels."""
    if not others:
        return [], {}
    by_name = {each.name: each for each in others}
    names = [each.name for each in candidates]
    if set(by_name) != set(names) or len(others) > len(by_name):
        raise TwoalikeError(
            where="`others=...`",
            expected=f"another set's features of each network ({', '.join(names)})",
            found=", ".join(each.name for each in others),
            remedy="Name them as the networks.",
        )
    images = list(by_name[names[0]].features.ids)
    values = [
        checked_values(by_name[name].features.select(images, name), f"{name}, other set")
        for name in names
    ]
    return values, folder_levels(images) if not labels else _levels(labels, images)


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
    return {
        level: checked_labels([by_id[name] for name in images], len(images), level)
        for level, by_id in labels.items()
    }


def _usable(levels: Levels, missing: dict[str, str]) -> Levels:
    """Levels at which all images have a label and some share it; the others are said missing."""
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


def _sizes(labels: Sequence[str]) -> LevelSizes:
    _, counts = np.unique(labels, return_counts=True)
    return LevelSizes(classes=len(counts), smallest=int(counts.min()), largest=int(counts.max()))
