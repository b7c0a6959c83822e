"""All measures of several networks, side by side on the same images, folds and episodes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from twoalike.evaluation import Candidate, Count, Measured, Number, Span, check_names
from twoalike.study import MISSING, TwoalikeError, counted
from twoalike.transfer._classification import (
    ShiftScores,
    few_shot,
    linear_probe,
    other_set,
    subclass_shift,
)
from twoalike.transfer._classifier import (
    Classifier,
    Values,
    checked_labels,
    checked_values,
    folder_levels,
    image_folders,
)
from twoalike.transfer._neighbours import NeighbourScores, neighbour_hierarchy
from twoalike.transfer._scores import ClassScores, NotMeasurable

type Levels = dict[str, list[str]]


@dataclass(frozen=True)
class TransferSettings:
    """How much is measured."""

    shots: tuple[int, ...] = (1, 5, 10)
    """Images of a class to learn from, in few-shot classification."""
    ways: int | None = None
    episodes: int = 30
    classifier: Classifier = "logistic"
    """``ways``, ``episodes``, ``classifier``: As in :func:`few_shot`."""
    folds: int = 5
    """As in :func:`linear_probe`."""
    halvings: int = 4
    """As in :func:`subclass_shift`."""
    neighbours: int = 10
    """As in :func:`neighbour_hierarchy`."""


_ABILITY = TransferSettings(shots=(1, 3), classifier="nearest-mean")


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
    value: Number
    """Mean over classes; of a drop under shift, negative where accuracy rises."""
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
    ones, and the difference; `other_set`: balanced accuracy on another set of images;
    `same_label`: nearest neighbours with the label of the image; `shared_levels`: levels of labels
    shared with a neighbour; `hierarchical_precision`: the same in units of the best possible."""
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


@dataclass
class _Measures:
    """All measures of networks on the same images; ``missing`` gets those that were impossible.

    ``levels`` holds the label of each image from coarse to fine, ``values`` and ``others`` the
    features of each network: of these images, and of another set with ``other_levels``.
    """

    candidates: Sequence[Candidate]
    values: Sequence[Values]
    levels: Levels
    settings: TransferSettings
    seed: int
    missing: dict[str, str]
    others: Sequence[Values] = ()
    other_levels: Levels = field(default_factory=dict)

    def __iter__(self) -> Iterator[TransferMeasure]:
        """Make one measure after the other."""
        yield from self.few_shot()
        yield from self._linear_probe()
        yield from self._shift()
        yield from self._other_set()
        yield from self._neighbours()

    def _of_each[Score](self, name: str, score: Callable[..., Score], *labels: Any) -> list[Score]:
        """Score of every network; none, with the reason in ``missing``, if it is impossible."""
        try:
            return [score(number, *labels) for number in range(len(self.candidates))]
        except NotMeasurable as reason:
            self.missing[name] = str(reason)
            return []

    def _measure(
        self, measure: str, level: str, scores: Sequence[ClassScores], **more: Any
    ) -> Iterator[TransferMeasure]:
        """One measure of all networks; nothing where there are no scores."""
        if scores:
            found = {"chance": scores[0].chance, "models": self._models(scores), **more}
            yield TransferMeasure(
                measure=measure,
                level=level,
                classes=len(scores[0].classes),
                left_out=scores[0].left_out,
                **found,
            )

    def _models(self, scores: Sequence[ClassScores]) -> tuple[TransferScore, ...]:
        """Estimate of each network, and its difference to the first one."""
        first = self.candidates[0].name
        gains = [TransferDifference(to=first, **_estimate(of.minus(scores[0]))) for of in scores]
        return tuple(
            TransferScore(name=of.name, **_estimate(own), difference=gain if number else None)
            for number, (of, own, gain) in enumerate(
                zip(self.candidates, scores, gains, strict=True)
            )
        )

    def few_shot(self) -> Iterator[TransferMeasure]:
        """Measure few-shot classification at every level."""
        of = self.settings

        def score(k: int, labels: list[str], shots: int) -> ClassScores:
            draws: dict[str, Any] = {"ways": of.ways, "episodes": of.episodes, "seed": self.seed}
            return few_shot(self.values[k], labels, shots, classifier=of.classifier, **draws)

        for level, labels in self.levels.items():
            for shots in of.shots:
                name = f"few_shot of {level}, {counted(shots, 'shot')}"
                scores = self._of_each(name, score, labels, shots)
                yield from self._measure("few_shot", level, scores, shots=shots)

    def _linear_probe(self) -> Iterator[TransferMeasure]:
        def score(k: int, labels: list[str]) -> ClassScores:
            return linear_probe(self.values[k], labels, folds=self.settings.folds, seed=self.seed)

        for level, labels in self.levels.items():
            scores = self._of_each(f"linear_probe of {level}", score, labels)
            yield from self._measure("linear_probe", level, scores)

    def _shift(self) -> Iterator[TransferMeasure]:
        def score(k: int, above: list[str], below: list[str]) -> ShiftScores:
            halvings = self.settings.halvings
            return subclass_shift(self.values[k], above, below, halvings=halvings, seed=self.seed)

        if len(self.levels) < 2:
            self.missing["subclass_shift"] = f"needs two levels of labels, has {len(self.levels)}"
        for (coarse, above), (fine, below) in pairwise(self.levels.items()):
            name = f"subclass_shift of {coarse} by {fine}"
            scores = self._of_each(name, score, above, below)
            if not scores:
                continue
            seen, new = [each.seen for each in scores], [each.new for each in scores]
            yield from self._measure("shift_seen", coarse, seen, subclasses=fine)
            yield from self._measure("shift_new", coarse, new, subclasses=fine)
            drops = [each.drop() for each in scores]
            yield from self._measure("shift_drop", coarse, drops, subclasses=fine, chance=0.0)

    def _other_set(self) -> Iterator[TransferMeasure]:
        def score(k: int, known: list[str], asked: list[str]) -> ClassScores:
            return other_set(self.values[k], known, self.others[k], asked, seed=self.seed)

        for level, asked in self.other_levels.items():
            if level in self.levels:
                scores = self._of_each(f"other_set of {level}", score, self.levels[level], asked)
                yield from self._measure("other_set", level, scores, images=len(asked))

    def _neighbours(self) -> Iterator[TransferMeasure]:
        if not self.levels:
            return
        n = self.settings.neighbours

        def score(k: int) -> NeighbourScores:
            near: dict[str, Any] = {"neighbours": n, "similarity": self.candidates[k].similarity}
            return neighbour_hierarchy(self.values[k], self.levels, **near)

        scores = self._of_each("neighbours", score)
        if not scores:
            return
        first = scores[0]
        self.missing |= {f"neighbours of {key}": why for key, why in first.missing.items()}
        for level, best in first.best.items():
            same = [each.same[level] for each in scores]
            yield from self._measure("same_label", level, same, best=best, neighbours=n)
        finest = list(self.levels)[-1]
        for measure, found in (
            ("shared_levels", [each.depth for each in scores]),
            ("hierarchical_precision", [each.precision for each in scores]),
        ):
            hierarchy = [each for each in found if each is not None]
            yield from self._measure(measure, finest, hierarchy, neighbours=n)


def _estimate(of: ClassScores) -> dict[str, Any]:
    """Value and interval, and the interval over other images of the same classes."""
    same = of.same_classes()
    return {**vars(of.interval()), "same_classes": Span(same.low, same.high)}


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
    levels = _levels(labels, images) if labels else folder_levels(images)
    missing: dict[str, str] = {}
    usable = _usable(levels, missing)
    other_values, other_levels = _features_of_others(candidates, others, labels)
    # Of many small classifiers, threads cost ten times what they save.
    with threadpool_limits(1):
        measures = tuple(
            _Measures(
                candidates,
                values,
                usable,
                settings,
                seed,
                missing,
                other_values,
                other_levels,
            )
        )
    return Transfer(
        images=len(images),
        levels={level: _sizes(of) for level, of in levels.items()},
        settings=settings,
        measures=measures,
        missing=missing,
    )


def few_shot_ability(
    candidates: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None = None,
    *,
    seed: int = 0,
) -> tuple[TransferMeasure, ...]:
    """Accuracy of the nearest class mean of one and of three images, for several networks.

    Parameters
    ----------
    candidates
        The networks; images that all of them have features of are used.
    labels
        As in :func:`compare_transfer`; those of the finest level at which classes have enough
        images are told apart, and images without a label are left out.

    Returns
    -------
    A measure for each number of images, as far as there are two classes with enough.
    """
    from threadpoolctl import threadpool_limits

    shared = set.intersection(*(set(one.features.ids) for one in candidates))
    ids = [name for name in candidates[0].features.ids if name in shared]
    levels = {
        level: [of.get(name, MISSING) for name in ids] for level, of in (labels or {}).items()
    }
    for level, names in reversed((levels or image_folders(ids)).items()):
        rows = [row for row, name in enumerate(names) if name != MISSING]
        kept = [names[row] for row in rows]
        if len(set(kept)) < 2:
            continue
        values = [
            each.features.select([ids[row] for row in rows], each.name) for each in candidates
        ]
        with threadpool_limits(1):
            of = _Measures(candidates, values, {level: kept}, _ABILITY, seed, {})
            if found := tuple(of.few_shot()):
                return found
    return ()


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


def _sizes(labels: Sequence[str]) -> LevelSizes:
    _, counts = np.unique(labels, return_counts=True)
    return LevelSizes(classes=len(counts), smallest=int(counts.min()), largest=int(counts.max()))
