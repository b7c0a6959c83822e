"""The aligned vector in closed form: features beside a map of them into the human space.

The human part makes a network's similarities like people's and is blind to what people pass over;
the features tell things apart and are not like people. How much the human part weighs (the
balance), where the origin of the features lies and how far they are whitened is decided on objects
held out from every fit: by likeness, the rank correlation of cosines with the teacher's
similarities, and by ability, few-shot classification of images of held-out classes. Where images
have no classes, each is a class of its own, and a crop of it is to be recognised. The frontier of
both is kept; the default is the most likeness at which ability is not below that of the network.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from twoalike.features import AlignedVector, join_parts
from twoalike.study import Booleans, Floats, Integers
from twoalike.teacher._fit import object_folds, principal_positions, ridge_maps

BALANCES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0)
"""Lengths of the human part tried, in lengths of the features."""
type Form = tuple[bool, float | None]
FORMS: tuple[Form, ...] = (
    (False, None),
    (True, None),
    (True, 3.0),
    (True, 1.0),
)
"""Of the features: whether their origin is the mean of the images instead of zero, and the
shrinkage of whitening, in mean variances (None: not whitened)."""
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridge penalties tried, in mean squared norms of the features."""
DIMENSIONS = 50
"""Most dimensions of the human part."""
MOST = 2000
"""Images that a vector is fitted to: its cost is cubic in them."""
MOST_TRIED = 800
"""Images that forms and balances are tried on."""
SHOTS, DRAWS = (1, 3), 20
"""Numbers of examples of a class, and draws of them, whose mean accuracy is the ability."""
ABOVE_CHANCE = 2.0
"""Times chance that ability must exceed to be evidence: differences at the floor are noise."""
DECIMALS = 12
"""Of a cosine: what differs by less is equal."""
FEW_GROUPS = 10
"""With fewer classes, single images are held out instead of classes."""
WITHOUT_EVIDENCE: tuple[Form, float] = ((True, 3.0), 0.5)
"""Form and balance where nothing shows ability; they cost none on photographs, rocks and objects
(benchmarks/results)."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Images that a vector is fitted to and judged by."""

    features: npt.NDArray[np.float32]  # shape (n, p)
    judged: Integers  # rows of the images that people judged, shape (m,)
    similarity: Floats  # the teacher's similarities of these, shape (m, m)
    # Class of each image, -1 for none, shape (n,); None: there are no classes
    classes: Integers | None = None
    # Features of a crop of each image, shape (n, p), where there are no classes
    crops: npt.NDArray[np.float32] | None = None

    @property
    def labels(self) -> Integers | None:
        """Class of each image and, after these, of each crop; None: nothing to recognise."""
        if self.crops is None:
            return self.classes
        return np.tile(np.arange(len(self.features)), 2)

    def some(self, most: int) -> "Evidence":
        """Keep as many images at most: judged ones first, then those of classes."""
        n = len(self.features)
        if n <= most:
            return self
        first = np.zeros(n)
        first[self.judged] -= 2
        if self.classes is not None:
            first[self.classes >= 0] -= 1
        return self.only(np.sort(np.argsort(first, kind="stable")[:most]))

    def only(self, rows: Integers) -> "Evidence":
        """Keep these images, in ascending order."""
        inside = np.flatnonzero(np.isin(self.judged, rows))
        return Evidence(
            self.features[rows],
            np.searchsorted(rows, self.judged[inside]),
            self.similarity[np.ix_(inside, inside)],
            None if self.classes is None else self.classes[rows],
            None if self.crops is None else self.crops[rows],
        )


@dataclass(frozen=True)
class VectorSettings:
    """How the parts of a vector are made."""

    centred: bool  # whether the origin of the features is the mean of the images
    whitening: float | None  # shrinkage of whitening, in mean variances; None: not whitened
    balance: float  # length of the human part, in lengths of the features
    penalty: float  # of the ridge regression, in mean squared norms of the features

    def fit(self, of: Evidence) -> AlignedVector:
        """Fit both parts to the images, each of mean squared length 1 over them."""
        n, p = of.features.shape
        every = np.linspace(0, n - 1, min(n, MOST)).round().astype(np.int64)
        x = of.features[every].astype(np.float64)
        mean, weight = x.mean(axis=0) if self.centred else np.zeros(p), np.eye(p)
        if self.whitening is not None:
            _, sizes, axes = np.linalg.svd(x - mean, full_matrices=False)
            variance = sizes**2 / len(x)
            shrunk = self.whitening * variance.mean()
            inside = 1 / np.sqrt(variance + shrunk) - 1 / np.sqrt(shrunk)
            weight = weight / np.sqrt(shrunk) + (axes.T * inside) @ axes
        features, human = _unit(weight, -weight @ mean, x), None
        if self.balance:
            judged = of.features[of.judged].astype(np.float64)
            positions, _ = principal_positions(of.similarity, DIMENSIONS)
            own = _unit(*ridge_maps(judged, positions, [self.penalty])[0], judged)
            human = self.balance * own[0], self.balance * own[1]
        return join_parts(features, human, vars(self))


def _unit(weight: Floats, bias: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Scale a map so that the mean squared length of what it makes of ``x`` is 1."""
    length = np.sqrt(np.square(x @ weight.T + bias).sum(axis=1).mean())
    return (weight / length, bias / length) if length > 0 else (weight, bias)


def likeness(gram: Floats, similarity: Floats) -> float:
    """Spearman's correlation of cosines with similarities, over all pairs of m objects.

    ``gram`` are the dot products of the objects' vectors, (m, m), ``similarity`` the teacher's.
    """
    return _likeness([(gram, similarity)])


def _likeness(parts: Sequence[tuple[Floats, Floats]]) -> float:
    """Likeness over the pairs within each of several parts of the objects."""
    cosines, similarities = [], []
    for gram, similarity in parts:
        pairs = np.triu_indices(len(gram), 1)
        length = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        cosines.append((gram / (length[:, None] * length))[pairs])
        similarities.append(similarity[pairs])
    # Cosines in one dimension are 1 or -1, but for a rounding error that has to order nothing.
    cosine, known = np.round(np.concatenate(cosines), DECIMALS), np.concatenate(similarities)
    if len(cosine) < 3 or np.ptp(cosine) == 0 or np.ptp(known) == 0:
        return 0.0  # no order to agree with
    return float(spearmanr(cosine, known).statistic)


type Examples = tuple[Integers, Integers]


def few_shot(gram: Floats, classes: Integers, asked: Booleans, seed: int = 0) -> Floats:
    """Share of draws in which each image asked about is classified rightly, shape (n,); NaN others.

    Nearest mean of the cosines of 1 and, where enough images have so many, 3 examples of each
    class; the examples may be any images but the one itself. ``gram`` are the dot products of the
    images' vectors, (n, n), ``classes`` their classes, -1 for none.
    """
    return _rightly(gram, classes, asked, draw_examples(classes, seed))


def nearest_mean(cosine: Floats, among: Floats) -> Floats:
    """Cosine of each of n images with the mean of each class's examples of length 1, (n, c).

    The one definition of ability, in distillation and in evaluation: nearest class mean by cosine.

    Parameters
    ----------
    cosine
        Of the images with the examples, shape (n, c, shots).
    among
        Of the examples of a class with one another, shape (c, shots, shots).
    """
    length = np.sqrt(np.maximum(among.sum(axis=(1, 2)), 1e-12))
    return np.asarray(cosine.sum(axis=2) / length)


def draw_examples(classes: Integers, seed: int) -> list[Examples]:
    """Names of k classes and rows of their examples, (k,) and (k, shots), of each draw."""
    names, counts = np.unique(classes[classes >= 0], return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = []
    for shots in SHOTS:
        usable = names[counts > shots]
        if len(usable) < 2 or (shots > 1 and len(usable) < len(names[counts > 1]) / 2):
            continue
        members = [np.flatnonzero(classes == name) for name in usable]
        for _ in range(DRAWS):
            drawn.append((usable, np.stack([rng.permutation(rows)[:shots] for rows in members])))
    return drawn


def _rightly(gram: Floats, classes: Integers, asked: Booleans, drawn: Sequence[Examples]) -> Floats:
    """Share of these draws in which each image asked about is classified rightly, shape (n,)."""
    length = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    right, times = np.zeros(len(gram)), np.zeros(len(gram))
    rows = np.flatnonzero(asked)
    cosine = gram[rows] / length  # of each row, but for its own length, which orders nothing
    for usable, shown in drawn:
        size = length[shown]
        among = gram[shown[:, :, None], shown[:, None, :]] / (size[:, :, None] * size[:, None, :])
        answers = usable[nearest_mean(cosine[:, shown], among).argmax(axis=1)]
        counted = np.isin(classes, usable)
        counted[shown.ravel()] = False
        counted = counted[rows]
        right[rows[counted]] += answers[counted] == classes[rows[counted]]
        times[rows[counted]] += 1
    return np.where(times > 0, right / np.maximum(times, 1), np.nan)


def least_ability(classes: Integers) -> float:
    """Share of right answers up to which ability is no evidence, of these classes."""
    return ABOVE_CHANCE / max(len(np.unique(classes[classes >= 0])), 1)


@dataclass(frozen=True, eq=False)
class Fold:
    """Images held out, and dot products of all images by parts fitted without them."""

    asked: Booleans  # whose class is asked for, (n,)
    judged: Integers  # rows held out that people judged
    similarity: Floats  # of these
    features: Mapping[Form, Floats]  # by form, (n, n)
    human: Mapping[float, Floats]  # by penalty, (n, n)

    def gram(self, form: Form | None, penalty: float, balance: float) -> Floats:
        """Dot products of vectors; without a form, of the human part alone."""
        human = np.square(balance) * self.human[penalty]
        return np.asarray(human if form is None else human + self.features[form])


def folds_of_groups(of: Evidence, folds: int, seed: int) -> Iterator[Booleans]:
    """Images of each fold, (n,): classes are held out together, if there are enough of them."""
    group = np.arange(len(of.features))
    if of.classes is not None:
        names, counts = np.unique(of.classes[of.classes >= 0], return_counts=True)
        if (counts > 1).sum() >= FEW_GROUPS:
            group = np.where(of.classes >= 0, of.classes, names.max() + 1 + group)
    group = np.unique(group, return_inverse=True)[1]
    fold = object_folds(int(group.max()) + 1, folds, np.random.default_rng(seed))[group]
    for k in range(int(fold.max()) + 1):
        yield fold == k


def gram_of(of: Evidence) -> Floats:
    """Dot products of the features of all images, and of their crops after these."""
    x = of.features if of.crops is None else np.concatenate([of.features, of.crops])
    x = x.astype(np.float64)
    return np.asarray(x @ x.T)


def held_out(of: Evidence, gram: Floats, out: Booleans) -> Fold:
    """Fit parts without some images.

    Dot products of the features are all that is needed, so the cost hardly depends on their number.
    """
    inside = out[of.judged]
    rows, taught = np.flatnonzero(~out), of.judged[~inside]
    places, _ = principal_positions(of.similarity[np.ix_(~inside, ~inside)], DIMENSIONS)
    values, axes, along = _along_axes(_centred(gram, taught), taught)
    human = {}
    for penalty in PENALTIES:
        shrunk = np.maximum(values + penalty * values.mean(), 1e-300)  # 0: all features are alike
        mapped = along / shrunk @ (axes.T @ places)
        human[penalty] = _per_length(mapped @ mapped.T, taught)
    features = {}
    for origin in (False, True):
        about = _centred(gram, rows) if origin else gram
        whitenings = [whitening for centred, whitening in FORMS if centred == origin]
        if any(whitenings):
            values, _, along = _along_axes(about, rows)
            variance = values / len(rows)
        for whitening in whitenings:
            made = about
            if whitening is not None and variance.any():
                least = whitening * variance.sum() / min(len(rows), of.features.shape[1])
                taken = along / (len(rows) * least * (variance + least)) @ along.T
                made = about / least - taken
            features[origin, whitening] = _per_length(made, rows)
    return Fold(
        np.resize(out, len(gram)),
        of.judged[inside],
        of.similarity[np.ix_(inside, inside)],
        features,
        human,
    )


def _centred(gram: Floats, rows: Integers) -> Floats:
    """Dot products about the mean of some rows, (n, n)."""
    with_mean = gram[:, rows].mean(axis=1)
    return np.asarray(gram - with_mean[:, None] - with_mean + with_mean[rows].mean())


def _along_axes(gram: Floats, rows: Integers) -> tuple[Floats, Floats, Floats]:
    """Principal axes of r rows, from dot products: squared sizes (r,), axes, all rows by axis."""
    values, axes = np.linalg.eigh(gram[np.ix_(rows, rows)])
    return np.maximum(values, 0.0), axes, gram[:, rows] @ axes


def _per_length(gram: Floats, rows: Integers) -> Floats:
    """Dot products in units of the mean squared length of some rows."""
    square = np.diag(gram)[rows].mean()
    return np.asarray(gram / square if square > 0 else gram)


class Score(NamedTuple):
    """Likeness and ability of one vector on held-out objects."""

    likeness: float
    ability: float | None

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        held: Sequence[Fold],
        form: Form | None,
        penalty: float,
        balance: float,
        drawn: Sequence[Examples],
    ) -> "Score":
        grams = [fold.gram(form, penalty, balance) for fold in held]
        both = list(zip(grams, held, strict=True))
        found = _likeness([(g[np.ix_(it.judged, it.judged)], it.similarity) for g, it in both])
        if (classes := evidence.labels) is None or form is None:
            return cls(found, None)
        share = np.concatenate([_rightly(gram, classes, it.asked, drawn) for gram, it in both])
        return cls(found, None if np.isnan(share).all() else float(np.nanmean(share)))


@dataclass(frozen=True, eq=False)
class Frontier:
    """Likeness and ability of all vectors tried, on held-out objects, and the one chosen."""

    # Settings with likeness and ability (None without classes or crops)
    points: tuple[Mapping[str, Any], ...]
    base: Mapping[str, Any]  # likeness and ability of the network's own features
    chosen: VectorSettings  # the settings chosen
    centred: bool  # whether the origin of the network's own features is the mean of the images

    def as_dict(self) -> dict[str, Any]:
        """For config.json."""
        return {"base": dict(self.base), "points": list(map(dict, self.points))}


def find_frontier(
    of: Evidence, *, balance: float | None = None, folds: int = 5, seed: int = 0
) -> Frontier:
    """Try all forms and balances on held-out objects, and choose one.

    ``balance`` takes the place of the one that costs no ability. Folds are of classes, or of images
    where there are fewer than ten classes.
    """
    balances = BALANCES if balance is None else (0.0, balance)
    of = of.some(MOST_TRIED)
    gram, drawn = gram_of(of), [] if of.labels is None else draw_examples(of.labels, seed)
    held = [held_out(of, gram, out) for out in folds_of_groups(of, folds, seed)]
    penalty = max(PENALTIES, key=lambda one: Score.of(of, held, None, one, 1.0, []).likeness)
    scores = {
        (form, weight): Score.of(of, held, form, penalty, weight, drawn)
        for form in FORMS
        for weight in balances
    }
    own = [scores[form, 0.0] for form in FORMS[:2]]
    base = max(own, key=lambda score: (score.ability or 0.0, score.likeness))
    floor = base.ability or 0.0
    tried = {key: score for key, score in scores.items() if balance in (None, key[1])}
    able = {key: score for key, score in tried.items() if (score.ability or 0.0) >= floor}
    if of.labels is None or floor <= least_ability(of.labels):
        best = WITHOUT_EVIDENCE[0], WITHOUT_EVIDENCE[1] if balance is None else balance
    elif able:
        best = max(able, key=lambda key: able[key].likeness)
    else:
        best = max(tried, key=lambda key: tried[key].ability or 0.0)
    points = tuple(
        vars(VectorSettings(*form, weight, penalty)) | score._asdict()
        for (form, weight), score in scores.items()
    )
    (centred, whitening), weight = best
    chosen = VectorSettings(centred, whitening, weight, penalty)
    return Frontier(points, base._asdict(), chosen, own.index(base) == 1)
