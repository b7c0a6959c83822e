"""Nearest neighbours in a hierarchy of labels: whether the images most alike are of one kind.

Two images share the levels of labels down to their lowest common ancestor. Hierarchical
precision at k (Deng, Berg & Fei-Fei, CVPR 2011; as in Barz & Denzler 2019, arXiv:1809.09924) is
the number of levels shared with the k nearest neighbours, divided by the largest sum that any k
images could give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import Similarity, prepare
from twoalike.study import Booleans, Floats, Integers, TwoalikeError
from twoalike.transfer._classifier import (
    check_nested,
    checked_labels,
    checked_values,
    class_means,
    coded,
)
from twoalike.transfer._scores import ClassScores, NotMeasurable

_ROWS = 512
"""Images whose similarities to all others are held at once."""
_ROLES = 4.0
"""Variance over images that are asked and are neighbours, in units of that of those asked."""
_TIED = 1e-9
"""Difference of similarities below which two neighbours are equally near."""


@dataclass(frozen=True)
class NeighbourScores:
    """What the nearest neighbours of images are."""

    same: Mapping[str, ClassScores]
    """Level -> share of the neighbours that have the label of the image, by class of that level."""
    best: Mapping[str, float]
    """Level -> the largest share that there could be, as small classes have few others."""
    depth: ClassScores | None
    """Number of levels shared with a neighbour (the depth of the lowest common ancestor), by class
    of the finest level."""
    precision: ClassScores | None
    """Hierarchical precision, by class of the finest level."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """What could not be made (a level, or ``hierarchy``) -> why."""


def neighbour_hierarchy(
    values: npt.ArrayLike,
    levels: Mapping[str, Sequence[str]],
    *,
    neighbours: int = 10,
    similarity: Similarity = "cosine",
) -> NeighbourScores:
    """Labels of the nearest neighbours of each image.

    Parameters
    ----------
    values
        Features, shape (n, p).
    levels
        Level -> label of each image, from coarse to fine.
    neighbours
        How many, k. Where several images are equally near at the last place, they share it.
    similarity
        As in :func:`twoalike.evaluation.similarity_matrix`.

    Returns
    -------
    Scores, with chance as that of k images drawn from the others. Classes with one image are
    left out at a level, since no other has their label. Intervals are about other classes like
    these and other images of them.

    Raises
    ------
    NotMeasurable
        If there are not more than k images.
    TwoalikeError
        If features or labels are wrong, or ``neighbours`` is.

    Examples
    --------
    >>> values = np.repeat(np.eye(2), 3, axis=0)
    >>> found = neighbour_hierarchy(values, {"kind": [*"aaabbb"]}, neighbours=2)
    >>> found.same["kind"].interval().value, round(found.same["kind"].chance, 3)
    (1.0, 0.4)
    """
    features = checked_values(values)
    labels = {level: checked_labels(of, len(features), level) for level, of in levels.items()}
    if neighbours < 1:
        raise TwoalikeError(f"neighbours: expected at least 1, found {neighbours}.")
    if len(features) <= neighbours:
        raise NotMeasurable(f"needs more than {neighbours} images, has {len(features)}")
    codes = np.stack([coded(of)[1] for of in labels.values()], axis=1)
    shares = neighbour_shares(features, codes, neighbours, similarity)
    others = np.stack([np.bincount(code)[code] - 1 for code in codes.T], axis=1)
    same: dict[str, ClassScores] = {}
    best: dict[str, float] = {}
    missing: dict[str, str] = {}
    for column, (level, of) in enumerate(labels.items()):
        try:
            same[level], best[level] = _of_level(
                shares[:, column], others[:, column], of, neighbours
            )
        except NotMeasurable as reason:
            missing[level] = str(reason)
    try:
        depth, precision = _of_hierarchy(shares, others, labels, neighbours)
    except NotMeasurable as reason:
        missing["hierarchy"] = str(reason)
        return NeighbourScores(same, best, None, None, missing)
    return NeighbourScores(same, best, depth, precision, missing)


def neighbour_shares(
    values: npt.ArrayLike, codes: Integers, neighbours: int, similarity: Similarity = "cosine"
) -> Floats:
    """Share of each image's nearest neighbours that have its label, shape (n, levels).

    Parameters
    ----------
    values
        Features, shape (n, p).
    codes
        Label of each image at each level, shape (n, levels).
    neighbours, similarity
        As in :func:`neighbour_hierarchy`.
    """
    rows = prepare(values, similarity)
    n = len(rows)
    shares = np.empty(codes.shape)
    for start in range(0, n, _ROWS):
        own = np.arange(start, min(start + _ROWS, n))
        near = rows[own] @ rows.T
        near[np.arange(len(own)), own] = -np.inf  # an image is no neighbour of itself
        last = np.partition(near, n - neighbours, axis=1)[:, [n - neighbours]]
        nearer, tied = near > last + _TIED, np.abs(near - last) <= _TIED
        places = (neighbours - nearer.sum(axis=1)) / tied.sum(axis=1)
        weights = nearer + tied * places[:, None]
        for level, code in enumerate(codes.T):
            alike = code[own, None] == code[None]
            shares[own, level] = (weights * alike).sum(axis=1) / neighbours
    return shares


def _of_level(
    shares: Floats, others: Integers, labels: Sequence[str], neighbours: int
) -> tuple[ClassScores, float]:
    """Scores of one level, and the best that there could be."""
    names, code = coded(labels)
    if len(names) < 2:
        raise NotMeasurable("needs two classes, has one")
    some = others > 0
    kept = len(np.unique(code[some]))
    if kept < 2:
        raise NotMeasurable(f"needs two classes with two images, has {kept}")
    largest = class_means(np.minimum(others, neighbours)[some] / neighbours, code[some]).mean()
    found = _by_class(shares, others / (len(labels) - 1), some, names, code)
    return found, float(largest)


def _of_hierarchy(
    shares: Floats, others: Integers, levels: Mapping[str, Sequence[str]], neighbours: int
) -> tuple[ClassScores, ClassScores]:
    """Depth of the lowest common ancestor, and hierarchical precision."""
    if len(levels) < 2:
        raise NotMeasurable(f"needs two levels of labels, has {len(levels)}")
    for coarse, fine in pairwise(levels.values()):
        check_nested(coarse, fine)
    names, code = coded(list(levels.values())[-1])
    # Levels are nested: two images share as many as there are levels at which their labels agree.
    depth = shares.sum(axis=1)
    best = np.minimum(others, neighbours).sum(axis=1) / neighbours
    expected = others.sum(axis=1) / (len(code) - 1)
    some = best > 0  # without a single image alike at any level there is nothing to find
    if len(np.unique(code[some])) < 2:
        raise NotMeasurable("needs two classes with two images, has fewer")
    ideal, most = np.where(some, best, 1.0), float(len(levels))
    return (
        _by_class(depth, expected, some, names, code, most),
        _by_class(depth / ideal, expected / ideal, some, names, code),
    )


def _by_class(
    of: Floats,
    by_chance: Floats,
    some: Booleans,
    names: Sequence[str],
    code: Integers,
    most: float = 1.0,
) -> ClassScores:
    """Scores of some of the images by class, and the names of the classes of the others."""
    kept = np.unique(code[some])
    return ClassScores(
        class_means(of[some], code[some])[None],
        of[some],
        np.searchsorted(kept, code[some]),
        tuple(names[c] for c in kept),
        float(class_means(by_chance[some], code[some]).mean()),
        left_out=tuple(names[c] for c in np.unique(code[~some])),
        most=most,
        roles=_ROLES,
    )
