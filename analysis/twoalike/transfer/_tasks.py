"""Tasks for linear classifiers: which images they learn from, and which they are asked for.

Few-shot
    Classes learnt from one or a few images of each. Logistic regression on the features is the
    common choice (arXiv:2003.11539); the nearest class mean by cosine (arXiv:1703.05175,
    :func:`twoalike.teacher.nearest_mean`) fits nothing.
Linear probe
    Classes learnt from many images, in folds.
New subclasses
    Superclasses learnt from some of their subclasses and tested on the others, as in BREEDS
    (Santurkar, Tsipras & Madry 2021, arXiv:2008.04859): whether a classifier knows a dog that is
    of no breed it learnt from. The subclasses of every superclass are halved; the halves change
    places, so that each subclass is seen once and new once in each halving.

A task depends on labels and a seed alone, so that all networks meet the same one. For logistic
regression, features are centred on the training images and divided by one number, so that the mean
squared length of those is 1: a deviation for each feature cannot be estimated from a few images,
and a rotated feature space should score the same.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import comb, prod
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from twoalike.choice import expected_accuracy
from twoalike.evaluation import NotMeasurable, attempt, prepare
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted
from twoalike.teacher import nearest_mean
from twoalike.transfer._scores import ClassScores

type Values = npt.NDArray[np.float32]
type Levels = dict[str, list[str]]
type Classifier = Literal["logistic", "nearest-mean"]

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularisation to choose from: from nearly class means to nearly no regularisation."""
FEW_SHOT_STRENGTH = 1.0
"""Inverse regularisation where there are no images to choose it on."""
_TIED = 1e-6
"""Difference of scores below which classes are tied: rounding in float32."""


@dataclass(frozen=True)
class TransferSettings:
    """How much is measured."""

    shots: tuple[int, ...] = (1, 5, 10)
    """Images of a class to learn from, in few-shot classification."""
    ways: int | None = None
    """Classes in a few-shot episode, drawn anew each time; all of them unless given."""
    episodes: int = 30
    """Few-shot episodes."""
    classifier: Classifier = "logistic"
    """Of few-shot episodes: ``logistic`` (inverse regularisation 1), or ``nearest-mean``."""
    folds: int = 5
    """Parts of the images in the linear probe."""
    halvings: int = 4
    """Halvings of the subclasses, all different; all there are, if they are fewer."""

    def __post_init__(self) -> None:
        given = [("shots", of, 1) for of in self.shots] + [
            ("ways", self.ways, 2),
            ("episodes", self.episodes, 1),
            ("folds", self.folds, 2),
            ("halvings", self.halvings, 1),
        ]
        for name, value, fewest in given:
            if value is not None and value < fewest:
                raise TwoalikeError(f"{name}: expected at least {fewest}, found {value}.")
        if self.classifier not in (known := get_args(Classifier.__value__)):
            raise TwoalikeError(
                f"classifier: expected {' or '.join(known)}, found {self.classifier!r}."
            )


def hits(
    learnt: Values,
    codes: Integers,
    asked: Values,
    answers: Integers,
    strength: float | None = None,
) -> Floats:
    """Whether a classifier is right on each image that it is asked for; a tie of k counts 1/k.

    It learns from features (n, p) with classes 0..c-1, of which every one occurs, and is ``asked``
    for images (k, p). ``strength`` is the inverse regularisation of logistic regression, in which
    each class weighs the same; None: the nearest class mean by cosine, of as many images of each.
    """
    if strength is None:
        return expected_accuracy(_cosines(learnt, codes, asked), answers, _TIED)
    centre = learnt.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = learnt - centre
    scale = float(np.sqrt(np.einsum("np,np->", rows, rows, dtype=np.float64) / len(rows))) or 1.0
    scores = _logistic(rows / scale, codes, (asked - centre) / scale, strength)
    size = max(1.0, float(np.abs(scores).max(initial=0.0)))
    return expected_accuracy(scores / size, answers, _TIED)


def _cosines(learnt: Values, codes: Integers, asked: Values) -> Floats:
    rows, others = (prepare(x, "raw-cosine") for x in (learnt, asked))
    shown = np.argsort(codes, kind="stable").reshape(int(codes.max()) + 1, -1)
    of_class = rows[shown]
    return nearest_mean((others @ rows.T)[:, shown], of_class @ of_class.transpose(0, 2, 1))


def _logistic(rows: Values, codes: Integers, others: Values, strength: float) -> Floats:
    from sklearn.linear_model import LogisticRegression

    if len(rows) < rows.shape[1]:  # the solution lies in the span of the training images
        basis = np.linalg.qr(rows.T)[0]
        rows, others = rows @ basis, others @ basis
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=5000)
    with warnings.catch_warnings():
        # One image of each class is what one shot means, not a regression taken for something else.
        warnings.filterwarnings("ignore", message="The number of unique classes is greater")
        model.fit(rows, codes)
    scores = model.decision_function(others)
    # Two classes have one score: the second's above the first's.
    return np.asarray(scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1) / 2)


def chosen_strength(values: Values, codes: Integers, rng: np.random.Generator) -> float:
    """Inverse regularisation with the best balanced accuracy on a quarter of these images.

    Of equal ones the strongest; ``FEW_SHOT_STRENGTH`` where no class has two images.
    """
    held = hold_out(codes, rng)
    if not held.any():
        return FEW_SHOT_STRENGTH

    def accuracy(strength: float) -> float:
        right = hits(values[~held], codes[~held], values[held], codes[held], strength)
        return float(_class_means(right, codes[held])[np.unique(codes[held])].mean())

    return max(STRENGTHS, key=accuracy)  # max keeps the first, and the strongest is first


def hold_out(codes: Integers, rng: np.random.Generator) -> Booleans:
    """Mark a quarter of the images of each class, at least one and never all, shape (n,)."""
    held = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        share = max(round(len(rows) / 4), 1) if len(rows) > 1 else 0
        held[rows[:share]] = True
    return held


def _class_means(scores: Floats, codes: Integers, classes: int = 0) -> Floats:
    n = np.bincount(codes, minlength=classes)
    total = np.bincount(codes, weights=scores, minlength=classes)
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))


@dataclass(frozen=True)
class Split:
    """What one classifier learns from and is asked for."""

    learnt: Integers
    asked: Integers
    unit: Integers
    """``learnt``, ``asked``: rows of images; ``unit``: class of each asked, (k,), whose scores are
    averaged; from c on those of new subclasses."""
    seed: np.random.SeedSequence | None = None
    """Of the images on which regularisation is chosen; None: it is the task's."""


@dataclass(frozen=True, eq=False)
class Task:
    """What classifiers are asked: each of some episodes is one or several splits."""

    about: dict[str, Any]
    """Level and further fields of the measure."""
    target: Integers
    """Class to tell of each of n images, shape (n,)."""
    members: Integers
    """Class, or subclass, 0..c-1, of which the score of each image is one, shape (n,)."""
    names: tuple[str, ...]
    """Of these, c."""
    chance: float
    episodes: Sequence[Sequence[Split]]
    kept: Integers
    """Rows of the images in the features."""
    left_out: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    """``left_out``, ``groups``: as in :class:`ClassScores`."""
    strength: float | None = FEW_SHOT_STRENGTH
    parts: int = 1
    """2 where each subclass is asked for as a seen and as a new one."""

    def scores(self, values: Values) -> list[ClassScores]:
        """Ask a network with these features; a score for each part."""
        c, n, features = len(self.names), len(self.target), values[self.kept]
        found = np.full((len(self.episodes), self.parts * c), np.nan)
        right, asks = np.zeros((2, self.parts, n))
        for own, splits in zip(found, self.episodes, strict=True):
            units, every = [], []
            for split in splits:
                answered = self._hits(features, split)
                part = split.unit // c
                right[part, split.asked] += answered
                asks[part, split.asked] += 1
                units.append(split.unit)
                every.append(answered)
            own[:] = _class_means(np.concatenate(every), np.concatenate(units), len(own))
        images = np.divide(right, asks, out=np.full(right.shape, np.nan), where=asks > 0)
        return [self._of_part(found[:, k * c : (k + 1) * c], images[k]) for k in range(self.parts)]

    def _hits(self, features: Values, split: Split) -> Floats:
        classes, codes = np.unique(self.target[split.learnt], return_inverse=True)
        answers = np.searchsorted(classes, self.target[split.asked])
        learnt, strength = features[split.learnt], self.strength
        if split.seed is not None:
            strength = chosen_strength(learnt, codes, np.random.default_rng(split.seed))
        return hits(learnt, codes, features[split.asked], answers, strength)

    def _of_part(self, values: Floats, images: Floats) -> ClassScores:
        met = ~np.isnan(values).all(axis=0)
        there = met[self.members]
        return ClassScores(
            values[:, met],
            images[there],
            (met.cumsum() - 1)[self.members[there]],
            tuple(name for name, kept in zip(self.names, met, strict=True) if kept),
            self.chance,
            self.groups,
            self.left_out,
        )


type Wanted = Iterator[tuple[str, Callable[[], Task]]]
"""Names of measures, each with what makes its task."""


@dataclass(frozen=True)
class Labels:
    """Labels of images, from coarse to fine, and how much is measured of them."""

    levels: Levels
    settings: TransferSettings
    seed: int
    missing: dict[str, str]
    """Gets what these labels do not allow, and why."""


def tasks(of: Labels, wanted: Wanted) -> Iterator[Task]:
    """Make the tasks that the labels allow; why others cannot be is noted."""
    return filter(None, (attempt(of.missing, name, make) for name, make in wanted))


def few_shots(of: Labels) -> Wanted:
    for level, labels in of.levels.items():
        for shots in of.settings.shots:
            name = f"few_shot of {level}, {counted(shots, 'shot')}"
            yield name, partial(_few_shot, of, level, labels, shots)


def every_measure(of: Labels) -> Wanted:
    """All measures at every level of labels; a new one is a function, named here."""
    yield from few_shots(of)
    for level, labels in of.levels.items():
        yield f"linear_probe of {level}", partial(_probe, of, level, labels)
    if len(of.levels) < 2:
        of.missing["subclass_shift"] = f"needs two levels of labels, has {len(of.levels)}"
    for (coarse, above), (fine, below) in pairwise(of.levels.items()):
        about = {"measure": "shift", "level": coarse, "subclasses": fine}
        make = partial(_shift, of, about, np.asarray(above), np.asarray(below))
        yield f"subclass_shift of {coarse} by {fine}", make


def _few_shot(of: Labels, level: str, labels: Sequence[str], shots: int) -> Task:
    rows, left_out = with_enough(labels, shots + 1)
    names, codes = coded(np.asarray(labels)[rows])
    ways = of.settings.ways
    if ways is not None and ways > len(names):
        raise NotMeasurable(f"needs {ways} classes with {shots + 1} images, has {len(names)}")
    rng = np.random.default_rng(of.seed)
    episodes = []
    for _ in range(of.settings.episodes):
        chosen = np.arange(len(names))
        if ways is not None:
            chosen = np.sort(rng.choice(len(names), ways, replace=False))
        dealt = [rng.permutation(np.flatnonzero(codes == code)) for code in chosen]
        asked = np.concatenate([order[shots:] for order in dealt])
        learnt = np.concatenate([order[:shots] for order in dealt])
        episodes.append([Split(learnt, asked, codes[asked])])
    strength = FEW_SHOT_STRENGTH if of.settings.classifier == "logistic" else None
    about = {"measure": "few_shot", "level": level, "shots": shots}
    chance = 1 / (ways or len(names))
    return Task(about, codes, codes, names, chance, episodes, rows, left_out, strength=strength)


def _probe(of: Labels, level: str, labels: Sequence[str]) -> Task:
    rows, left_out = with_enough(labels, 2)
    names, codes = coded(np.asarray(labels)[rows])
    seeds, folds = np.random.SeedSequence(of.seed), of.settings.folds
    # In turn, starting where the last class ended: scikit-learn's stratified folds would refuse
    # classes with fewer images than folds; of two images each can be classified from the other.
    fold = np.empty(len(codes), dtype=np.int64)
    within = np.random.default_rng(seeds).random(len(codes))
    order = np.argsort(codes + within)  # class after class, shuffled
    fold[order] = np.arange(len(codes)) % folds
    splits = []
    for number, own in zip(np.unique(fold), seeds.spawn(folds), strict=False):
        learnt, asked = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        splits.append(Split(learnt, asked, codes[asked], own))
    about = {"measure": "linear_probe", "level": level}
    return Task(about, codes, codes, names, 1 / len(names), [splits], rows, left_out)


def _shift(
    of: Labels, about: dict[str, Any], above: npt.NDArray[np.str_], below: npt.NDArray[np.str_]
) -> Task:
    """Superclasses told on subclasses that were learnt from, and on new ones."""
    kept, left_out = _nested(above, below)
    (names, code), (classes, target) = coded(below[kept]), coded(above[kept])
    parent = np.empty(len(names), dtype=np.int64)
    parent[code] = target
    seeds = np.random.SeedSequence(of.seed)
    rng, episodes = np.random.default_rng(seeds), []
    for half in _halves(parent, of.settings.halvings, rng):
        held, splits = hold_out(code, rng), []
        for side, own in zip((half, ~half), seeds.spawn(2), strict=True):
            learnt = side[code] & ~held
            asked = np.flatnonzero(~learnt)
            unit = code[asked] + len(names) * ~side[code[asked]]
            splits.append(Split(np.flatnonzero(learnt), asked, unit, own))
        episodes.append(splits)
    groups = tuple(classes[p] for p in parent)
    chance = 1 / len(classes)
    rows = np.flatnonzero(kept)
    return Task(about, target, code, names, chance, episodes, rows, left_out, groups, parts=2)


def _nested(
    above: npt.NDArray[np.str_], below: npt.NDArray[np.str_]
) -> tuple[Booleans, tuple[str, ...]]:
    """Images of subclasses that take part, and the names of all classes that do not."""
    within: dict[str, str] = {}
    for coarse, fine in zip(above, below, strict=True):
        if within.setdefault(fine, coarse) != coarse:
            raise NotMeasurable(
                f"is no hierarchy: {str(fine)!r} lies in {str(within[fine])!r} and in "
                f"{str(coarse)!r}"
            )
    _, code = coded(below)
    kept = (np.bincount(code) > 1)[code]
    single = [str(name) for name in np.unique(above) if len(set(below[kept & (above == name)])) < 2]
    small = [name for name in np.unique(below[~kept]).tolist() if within[name] not in single]
    kept &= ~np.isin(above, single)
    if (n_left := len(np.unique(above[kept]))) < 2:
        raise NotMeasurable(
            f"needs two superclasses that have two subclasses with two images, has {n_left}"
        )
    return kept, (*single, *small)


def _halves(parent: Integers, halvings: int, rng: np.random.Generator) -> list[Booleans]:
    """Different halvings of the subclasses of every superclass, as marks of one half, (m,)."""
    sizes = np.bincount(parent).tolist()
    there = prod(comb(size, size // 2) for size in sizes)
    if not any(size % 2 for size in sizes):
        there //= 2  # the other half is a choice of its own, and the same halving
    found: dict[frozenset[bytes], Booleans] = {}
    while len(found) < min(halvings, there):
        half = np.zeros(len(parent), dtype=bool)
        for group, size in enumerate(sizes):
            half[rng.permutation(np.flatnonzero(parent == group))[: size // 2]] = True
        found.setdefault(frozenset({half.tobytes(), (~half).tobytes()}), half)
    return list(found.values())


def coded(labels: npt.NDArray[np.str_]) -> tuple[tuple[str, ...], Integers]:
    """Names of the classes, sorted, and the class of each image, shape (n,)."""
    names, codes = np.unique(labels, return_inverse=True)
    return tuple(map(str, names)), codes.astype(np.int64)


def with_enough(
    labels: Sequence[str] | npt.NDArray[np.str_], fewest: int
) -> tuple[Integers, tuple[str, ...]]:
    """Images of classes that have enough of them, and the names of the other classes."""
    names, codes = coded(np.asarray(labels))
    counts = np.bincount(codes, minlength=len(names))
    enough = counts >= fewest
    if enough.sum() < 2:
        raise NotMeasurable(
            f"needs two classes with {fewest} images, has {enough.sum()}; the largest class has "
            f"{counts.max()}"
        )
    few = tuple(name for name, kept in zip(names, enough, strict=True) if not kept)
    return np.flatnonzero(enough[codes]), few
