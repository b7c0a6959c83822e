"""Classes that a linear classifier reads from features, in four settings.

Few-shot
    Classes learnt from one or a few images of each.
Linear probe
    Classes learnt from many images.
Another set
    The same classes in images of another kind, such as ImageNet-A (Hendrycks et al. 2021,
    arXiv:1907.07174), drawings or photographs of another place.
New subclasses
    Superclasses learnt from some of their subclasses and tested on the others, as in BREEDS
    (Santurkar, Tsipras & Madry 2021, arXiv:2008.04859): whether a classifier knows a dog that is
    of no breed it learnt from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb, prod

import numpy as np
import numpy.typing as npt

from twoalike.study import Booleans, Floats, Integers, TwoalikeError
from twoalike.transfer._classifier import (
    CLASSIFIERS,
    FEW_SHOT_STRENGTH,
    Classifier,
    Values,
    check_nested,
    checked_labels,
    checked_values,
    chosen_strength,
    class_means,
    coded,
    fit_classifier,
    hold_out,
    with_enough,
)
from twoalike.transfer._scores import ClassScores, NotMeasurable


def few_shot(
    values: npt.ArrayLike,
    labels: Sequence[str],
    shots: int = 5,
    *,
    ways: int | None = None,
    episodes: int = 30,
    classifier: Classifier = "logistic",
    seed: int = 0,
) -> ClassScores:
    """Accuracy of classifiers that learn from a few images of each class.

    In each episode a classifier learns from ``shots`` images of each class and is asked for all
    other images of these classes. Episodes depend on the labels and the seed alone, so two
    networks meet the same ones. Logistic regression on the features is the common choice
    (arXiv:2003.11539), and the default; the nearest class mean (arXiv:1703.05175) fits nothing.

    Parameters
    ----------
    values
        Features, shape (n, p).
    labels
        Class of each image, n of them.
    shots
        Images of a class to learn from; classes with no image beyond these are left out.
    ways
        Classes in an episode, drawn anew each time; all of them unless given.
    episodes
        Number of draws.
    classifier
        ``logistic`` (inverse regularisation 1) or ``nearest-mean``.

    Returns
    -------
    Accuracy of each class in each episode, shape (episodes, classes). The interval is about
    other classes as hard to tell as these, other images of them, and other draws of examples;
    with ``ways`` unset, the number of classes to choose from stays.

    Raises
    ------
    NotMeasurable
        If fewer than two classes (or than ``ways``) have enough images.
    TwoalikeError
        If features or labels are wrong, or a setting is.

    Examples
    --------
    >>> values = np.repeat(np.eye(3), 4, axis=0)
    >>> few_shot(values, ["a"] * 4 + ["b"] * 4 + ["c"] * 4, 1, episodes=5).interval()
    Interval(value=1.0, low=1.0, high=1.0)
    """
    _check_settings(shots, ways, episodes, classifier)
    features = checked_values(values)
    rows, left_out = with_enough(checked_labels(labels, len(features)), shots + 1)
    names, codes = coded(np.asarray(labels)[rows])
    if ways is not None and ways > len(names):
        raise NotMeasurable(f"needs {ways} classes with {shots + 1} images, has {len(names)}")
    features = features[rows]
    rng = np.random.default_rng(seed)
    scores = np.full((episodes, len(names)), np.nan)
    right, asks = np.zeros(len(codes)), np.zeros(len(codes))
    for episode in range(episodes):
        chosen = np.arange(len(names))
        if ways is not None:
            chosen = np.sort(rng.choice(len(names), ways, replace=False))
        learnt, asked = _deal(codes, chosen, shots, rng)
        local = np.searchsorted(chosen, codes)
        fitted = fit_classifier(features[learnt], local[learnt], classifier, FEW_SHOT_STRENGTH)
        hits = fitted.hits(features[asked], local[asked])
        scores[episode, chosen] = class_means(hits, local[asked])
        right[asked] += hits
        asks[asked] += 1
    met = ~np.isnan(scores).all(axis=0)
    there = met[codes]
    images = np.divide(right, asks, out=np.full(len(codes), np.nan), where=asks > 0)[there]
    return ClassScores(
        scores[:, met],
        images,
        (met.cumsum() - 1)[codes[there]],
        tuple(name for name, kept in zip(names, met, strict=True) if kept),
        1 / (ways or len(names)),
        left_out=tuple(left_out),
    )


def _check_settings(shots: int, ways: int | None, episodes: int, classifier: str) -> None:
    for name, value, fewest in (("shots", shots, 1), ("ways", ways, 2), ("episodes", episodes, 1)):
        if value is not None and value < fewest:
            raise TwoalikeError(f"{name}: expected at least {fewest}, found {value}.")
    if classifier not in CLASSIFIERS:
        raise TwoalikeError(
            f"classifier: expected {' or '.join(CLASSIFIERS)}, found {classifier!r}."
        )


def _deal(
    codes: Integers, chosen: Integers, shots: int, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Images to learn from and images to be asked for, class after class."""

    def dealt() -> Iterator[tuple[Integers, Integers]]:
        for code in chosen:
            order = rng.permutation(np.flatnonzero(codes == code))
            yield order[:shots], order[shots:]

    learnt, asked = zip(*dealt(), strict=True)
    return np.concatenate(learnt), np.concatenate(asked)


def linear_probe(
    values: npt.ArrayLike, labels: Sequence[str], *, folds: int = 5, seed: int = 0
) -> ClassScores:
    """Balanced accuracy of logistic regression on images it did not learn from.

    Images are dealt to folds class by class; those of one fold are classified by one that
    learnt from the others, which also chose the regularisation (on a quarter of them). Folds
    depend on the labels and the seed alone, so two networks meet the same ones.

    Parameters
    ----------
    values
        Features, shape (n, p).
    labels
        Class of each image, n of them; classes with one image are left out.
    folds
        Number of parts.

    Returns
    -------
    Accuracy of each class, shape (1, classes). The interval is about other classes as hard to
    tell as these and other images of them.

    Raises
    ------
    NotMeasurable
        If fewer than two classes have two images.
    TwoalikeError
        If features or labels are wrong, or ``folds`` is.

    Examples
    --------
    >>> values = np.repeat(np.eye(3), 4, axis=0)
    >>> linear_probe(values, ["a"] * 4 + ["b"] * 4 + ["c"] * 4).interval()
    Interval(value=1.0, low=1.0, high=1.0)
    """
    if folds < 2:
        raise TwoalikeError(f"folds: expected at least 2, found {folds}.")
    features = checked_values(values)
    rows, left_out = with_enough(checked_labels(labels, len(features)), 2)
    names, codes = coded(np.asarray(labels)[rows])
    features = features[rows]
    rng = np.random.default_rng(seed)
    fold = deal_folds(codes, folds, rng)
    hits = np.empty(len(codes))
    for number, own in zip(np.unique(fold), rng.spawn(folds), strict=False):
        asked = fold == number
        learnt = features[~asked], codes[~asked]
        fitted = fit_classifier(*learnt, "logistic", chosen_strength(*learnt, own))
        hits[asked] = fitted.hits(features[asked], codes[asked])
    scores = class_means(hits, codes)[None]
    return ClassScores(scores, hits, codes, names, 1 / len(names), left_out=tuple(left_out))


def deal_folds(codes: Integers, folds: int, rng: np.random.Generator) -> Integers:
    """Fold of each image, 0..folds-1, shape (n,).

    The images of a class go to folds in turn, starting where those of the last class ended.
    scikit-learn's stratified folds would refuse classes with fewer images than folds; of two
    images each can be classified from the other.
    """
    fold = np.empty(len(codes), dtype=np.int64)
    order = np.argsort(codes + rng.random(len(codes)))  # class after class, shuffled within
    fold[order] = np.arange(len(codes)) % folds
    return fold


def other_set(
    values: npt.ArrayLike,
    labels: Sequence[str],
    other_values: npt.ArrayLike,
    other_labels: Sequence[str],
    *,
    seed: int = 0,
) -> ClassScores:
    """Balanced accuracy on another set of images of the classes that a classifier learnt.

    Logistic regression learns from all images of one set whose class is in both sets (and chooses
    its regularisation on a quarter of them), and is asked for those of the other.

    Parameters
    ----------
    values, labels
        Features of the images to learn from, shape (n, p), and their classes.
    other_values, other_labels
        The same of the other set, shape (k, p).

    Returns
    -------
    Accuracy of each class of the other set, shape (1, classes). The interval is about other
    classes and other images of the other set. Classes that only one of the sets has are left out.

    Raises
    ------
    NotMeasurable
        If fewer than two classes are in both sets with two images to learn from.
    TwoalikeError
        If features or labels are wrong, or the sets have features of different length.

    Examples
    --------
    >>> values = np.repeat(np.eye(2), 3, axis=0)
    >>> other_set(values, [*"aaabbb"], 0.1 + values[::3], [*"ab"]).interval().value
    1.0
    """
    features, others = checked_values(values), checked_values(other_values, "other set")
    if features.shape[1] != others.shape[1]:
        raise TwoalikeError(
            f"other set: expected {features.shape[1]} features as in the first set, found "
            f"{others.shape[1]}. Compute both with the same network."
        )
    known = np.asarray(checked_labels(labels, len(features)))
    asked = np.asarray(checked_labels(other_labels, len(others), "other set"))
    rows, _ = with_enough(known.tolist(), 2)
    common = np.intersect1d(known[rows], asked)
    if len(common) < 2:
        raise NotMeasurable(
            f"needs two classes that both sets have, with two images to learn from, has "
            f"{len(common)}"
        )
    left_out = sorted({*known.tolist(), *asked.tolist()} - set(common.tolist()))
    learnt, tested = np.isin(known, common), np.isin(asked, common)
    names, codes = coded(known[learnt])
    _, others_codes = coded(asked[tested])
    train = features[learnt], codes
    strength = chosen_strength(*train, np.random.default_rng(seed))
    hits = fit_classifier(*train, "logistic", strength).hits(others[tested], others_codes)
    scores = class_means(hits, others_codes)[None]
    return ClassScores(
        scores, hits, others_codes, names, 1 / len(names), left_out=tuple(left_out), roles=1.0
    )


@dataclass(frozen=True)
class ShiftScores:
    """Accuracy at telling superclasses, by subclass."""

    seen: ClassScores
    """On images that were held out, of subclasses that were learnt from, shape (halvings, m)."""
    new: ClassScores
    """On images of the same subclasses when they were not, shape (halvings, m)."""

    def drop(self) -> ClassScores:
        """Accuracy on a subclass when it is seen minus when it is new."""
        return self.seen.minus(self.new)


def subclass_shift(
    values: npt.ArrayLike,
    superclasses: Sequence[str],
    subclasses: Sequence[str],
    *,
    halvings: int = 4,
    seed: int = 0,
) -> ShiftScores:
    """Accuracy at telling superclasses, on subclasses that were learnt from and on new ones.

    The subclasses of every superclass are halved. Logistic regression learns from three quarters
    of the images of one half (and chooses its regularisation on a quarter of those), and is
    asked for the rest of them and for all images of the other half; then the halves change
    places. Each subclass is thus seen once and new once in each halving, and how hard it is does
    not move the drop. Halvings depend on the labels and the seed alone.

    Parameters
    ----------
    values
        Features, shape (n, p).
    superclasses, subclasses
        Labels of each image at two levels, n of each. Subclasses with one image are left out,
        and superclasses that are left with one subclass.
    halvings
        Number of halvings, all different; all there are, if they are fewer.

    Returns
    -------
    Accuracy of each subclass. The interval is about other subclasses of the same superclasses,
    other images of them, and other halvings.

    Raises
    ------
    NotMeasurable
        If fewer than two superclasses have two subclasses with two images, or the levels are no
        hierarchy.
    TwoalikeError
        If features or labels are wrong, or ``halvings`` is.

    Examples
    --------
    >>> values = np.repeat(np.eye(2), 6, axis=0)
    >>> found = subclass_shift(values, [*"aaaaaabbbbbb"], [*"ccddeeffgghh"])
    >>> found.new.interval().value, found.drop().interval().value
    (1.0, 0.0)
    """
    if halvings < 1:
        raise TwoalikeError(f"halvings: expected at least 1, found {halvings}.")
    features = checked_values(values)
    above = np.asarray(checked_labels(superclasses, len(features), "superclasses"))
    below = np.asarray(checked_labels(subclasses, len(features), "subclasses"))
    check_nested(superclasses, subclasses)
    kept, left_out = _kept(above, below)
    above, below, features = above[kept], below[kept], features[kept]
    (names, code), (classes, target) = coded(below), coded(above)
    parent = np.empty(len(names), dtype=np.int64)
    parent[code] = target
    rng = np.random.default_rng(seed)
    seen, new = [], []
    sums, asks = np.zeros((2, len(code))), np.zeros((2, len(code)))
    for half in _halves(parent, halvings, rng):
        held = hold_out(code, rng)
        own_seen, own_new = np.empty(len(names)), np.empty(len(names))
        for side, own in zip((half, ~half), rng.spawn(2), strict=True):
            hits = _hits(features, target, side[code] & ~held, own)
            tests = (held & side[code], ~side[code])
            own_seen[side] = class_means(hits[tests[0]], code[tests[0]])
            own_new[~side] = class_means(hits[tests[1]], code[tests[1]])
            sums += np.where(tests, hits, 0.0)
            asks += tests
        seen.append(own_seen)
        new.append(own_new)
    images = np.divide(sums, asks, out=np.full(sums.shape, np.nan), where=asks > 0)
    about = (code, names, 1 / len(classes), tuple(classes[p] for p in parent), left_out)
    return ShiftScores(
        ClassScores(np.stack(seen), images[0], *about),
        ClassScores(np.stack(new), images[1], *about),
    )


def _kept(
    above: npt.NDArray[np.str_], below: npt.NDArray[np.str_]
) -> tuple[Booleans, tuple[str, ...]]:
    """Images of subclasses that take part, and the names of all classes that do not."""
    names, code = coded(below)
    kept = (np.bincount(code) > 1)[code]
    subclasses = np.unique(below[~kept]).tolist()
    superclasses = [
        name for name in np.unique(above) if len(np.unique(below[kept & (above == name)])) < 2
    ]
    kept &= ~np.isin(above, superclasses)
    n_left = len(np.unique(above[kept]))
    if n_left < 2:
        raise NotMeasurable(
            f"needs two superclasses that have two subclasses with two images, has {n_left}"
        )
    within = {names[c] for c in np.unique(code[np.isin(above, superclasses)])}
    single = [name for name in subclasses if name not in within]
    return kept, (*map(str, superclasses), *map(str, single))


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


def _hits(features: Values, target: Integers, learnt: Booleans, rng: np.random.Generator) -> Floats:
    """Whether a classifier that learnt from some images knows the superclass of each."""
    train = features[learnt], target[learnt]
    fitted = fit_classifier(*train, "logistic", chosen_strength(*train, rng))
    return fitted.hits(features, target)
