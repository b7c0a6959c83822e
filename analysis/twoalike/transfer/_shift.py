"""New subclasses: whether a classifier knows a dog that is of no breed it learnt from.

Superclasses are learnt from some of their subclasses and tested on the others, as in BREEDS
(Santurkar, Tsipras & Madry 2021, arXiv:2008.04859), here with a linear classifier on features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb, prod

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.transfer._classifier import (
    Codes,
    Floats,
    Values,
    chosen_strength,
    class_means,
    fit_classifier,
    hold_out,
)
from twoalike.transfer._labels import check_nested, checked_labels, checked_values, coded
from twoalike.transfer._scores import ClassScores, NotMeasurable, ScoreDifference


@dataclass(frozen=True)
class ShiftScores:
    """Accuracy at telling superclasses, by subclass.

    Attributes
    ----------
    seen
        On images that were held out, of subclasses that were learnt from, shape (halvings, m).
    new
        On images of the same subclasses when they were not, shape (halvings, m).
    """

    seen: ClassScores
    new: ClassScores

    def drop(self) -> ScoreDifference:
        """Accuracy on a subclass when it is seen minus when it is new."""
        return self.seen.minus(self.new)

    def drop_minus(self, base: "ShiftScores") -> ScoreDifference:
        """Drop minus that of another network, on the same subclasses and halvings."""
        # A drop lies between -1 and 1, so drops may differ by 2.
        return replace(self.drop().scores, most=2.0).minus(base.drop().scores)


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
    seed
        Seed of the halvings.

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
) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
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


def _halves(parent: Codes, halvings: int, rng: np.random.Generator) -> list[npt.NDArray[np.bool_]]:
    """Different halvings of the subclasses of every superclass, as marks of one half, (m,)."""
    sizes = np.bincount(parent).tolist()
    there = prod(comb(size, size // 2) for size in sizes)
    if not any(size % 2 for size in sizes):
        there //= 2  # the other half is a choice of its own, and the same halving
    found: dict[frozenset[bytes], npt.NDArray[np.bool_]] = {}
    while len(found) < min(halvings, there):
        half = np.zeros(len(parent), dtype=bool)
        for group, size in enumerate(sizes):
            half[rng.permutation(np.flatnonzero(parent == group))[: size // 2]] = True
        found.setdefault(frozenset({half.tobytes(), (~half).tobytes()}), half)
    return list(found.values())


def _hits(
    features: Values, target: Codes, learnt: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Floats:
    """Whether the superclass of each image is told by a classifier that learnt from some."""
    train = features[learnt], target[learnt]
    fitted = fit_classifier(*train, "logistic", chosen_strength(*train, rng))
    return fitted.hits(features, target)
