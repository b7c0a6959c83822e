"""The mean person and the noise ceiling, where people may have judged different pairs.

The unit of a person's dissimilarities is arbitrary. People who judged the same pairs are given
the same root mean square; where pairs differ that would shrink whoever judged large
dissimilarities only, so that each is scaled to the mean of all over the pairs which others judged
too, in turn until nothing changes (doi:10.3389/fpsyg.2012.00245). A missing pair is NaN.

Pairs may be missing for any reason but the noise of the judgments themselves: where a person's
(or the others') answers decide, their errors are selected too, and units come out some percent off.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components

from twoalike.evaluation._structure import spearman
from twoalike.study import TwoalikeError, counted

type Floats = npt.NDArray[np.float64]

FEWEST_PAIRS = 10
"""Pairs in common with others without which a person's scale is not known."""
_MAX_ROUNDS = 500
_TOLERANCE = 1e-10


def usable_people(vectors: Floats) -> npt.NDArray[np.bool_]:
    """Tell who can be set against the others: the largest group linked by common pairs.

    Two people are linked by :data:`FEWEST_PAIRS` pairs that both judged (or all pairs, where
    there are fewer). Between groups that are not linked nothing tells how scales compare.

    Parameters
    ----------
    vectors
        Dissimilarities, NaN where missing, shape (participants, pairs).

    Returns
    -------
    Whom to keep, shape (participants,); everybody where no pair is missing.

    Raises
    ------
    TwoalikeError
        If nobody judged enough pairs, or no two people the same.
    """
    known = (~np.isnan(vectors)).astype(np.float64)
    least = min(FEWEST_PAIRS, vectors.shape[1])
    common = known @ known.T
    enough = np.diagonal(common) >= least
    _, group = connected_components(common >= least, directed=False)
    size = np.bincount(group, weights=enough)
    largest = size.max()
    if largest == 0 or (largest == 1 and enough.sum() > 1):
        raise TwoalikeError(
            f"dissimilarities: expected at least {least} judged pairs of a participant that "
            f"another judged too, found none among {counted(len(vectors), 'participant')}. "
            "Give people common pairs, or one matrix of all."
        )
    return np.asarray((group == size.argmax()) & enough)


def same_scale(vectors: Floats) -> Floats:
    """Dissimilarities in a common unit, shape (participants, pairs); NaN stays NaN.

    The number that each person is multiplied by does not depend on which pairs are missing.
    """
    missing = np.isnan(vectors)
    pairs = np.maximum((~missing).sum(axis=-1, keepdims=True), 1)
    size = np.sqrt((np.nan_to_num(vectors) ** 2).sum(axis=-1, keepdims=True) / pairs)
    size = np.where(size > 0, size, 1.0)
    shared = (~missing).sum(axis=0) > 1
    if not missing.any() or not shared.any():
        return np.asarray(vectors / size)
    linked = ~missing[:, shared].all(axis=1)
    size[linked, 0] = 1 / _scales(vectors[linked][:, shared])
    return np.asarray(vectors / size)


def _scales(vectors: Floats) -> Floats:
    """Factors that give each person the root mean square of the mean over that person's pairs."""
    known = (~np.isnan(vectors)).astype(np.float64)
    values = np.nan_to_num(vectors)
    count, pairs = known.sum(axis=0), known.sum(axis=1)
    size = np.sqrt((values**2).sum(axis=1) / pairs)
    size = np.where(size > 0, size, 1.0)
    scale = 1 / size
    for _ in range(_MAX_ROUNDS):
        mean = (scale @ values) / count
        mean /= np.sqrt((mean**2).mean()) or 1.0
        new = np.sqrt((known @ mean**2) / pairs) / size
        settled = np.abs(new - scale).max() <= _TOLERANCE * scale.max()
        scale = new
        if settled:
            break
    return np.asarray(np.where(scale > 0, scale, 1.0))


def over_people(scaled: Floats, weights: Floats | None = None) -> Floats:
    """Mean over the people who judged a pair, shape (pairs,); NaN where nobody did.

    Parameters
    ----------
    scaled
        Dissimilarities in a common unit, shape (participants, pairs).
    weights
        How much each of them counts, same shape; all alike if left out.
    """
    missing = np.isnan(scaled)
    if weights is None and not missing.any():
        return np.asarray(scaled.mean(axis=0))
    weight = np.where(missing, 0.0, 1.0 if weights is None else weights)
    total = weight.sum(axis=0)
    summed = (weight * np.nan_to_num(scaled)).sum(axis=0)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


def mean_person(vectors: Floats, weights: Floats | None = None) -> Floats:
    """Mean of the people's dissimilarities after giving each the same unit, shape (pairs,).

    Parameters
    ----------
    vectors
        Shape (participants, pairs); NaN where a person did not judge a pair.
    weights
        Evidence on each of them, same shape; all alike if left out.

    Returns
    -------
    The mean; NaN where nobody judged.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245

    Examples
    --------
    >>> mean = mean_person(np.array([[1.0, 2.0, 2.0], [10.0, 20.0, np.nan]]))
    >>> (mean / mean[0]).round(2)
    array([1., 2., 2.])
    """
    scaled = same_scale(vectors)
    return over_people(scaled, weights)


def spearman_known(a: Floats, b: Floats) -> float:
    """Spearman's correlation over the pairs that neither lacks."""
    known = ~(np.isnan(a) | np.isnan(b))
    return spearman(a[known], b[known]) if known.any() else 0.0


@dataclass(frozen=True)
class NoiseCeiling:
    """What the best model could reach, given how much people differ.

    Attributes
    ----------
    lower
        Mean Spearman correlation of a person with the mean of the others.
    upper
        The same with the mean of all, which includes that person.
    """

    lower: float
    upper: float


def noise_ceiling(vectors: Floats) -> NoiseCeiling:
    """Noise ceiling of people's dissimilarities.

    Where pairs are missing: over the pairs of a person that others judged too (lower), and over
    all pairs of that person (upper). The units come from all people, one number a person, which
    cannot carry that person's structure into the mean of the others.

    Parameters
    ----------
    vectors
        Shape (participants, pairs); NaN where a person did not judge a pair.

    Raises
    ------
    ValueError
        With fewer than two people: agreement takes two.
    """
    if len(vectors) < 2:
        raise ValueError("a noise ceiling needs at least two participants")
    scaled = same_scale(vectors)
    count = (~np.isnan(scaled)).sum(axis=0)
    total = np.nan_to_num(scaled).sum(axis=0)
    if (count == len(scaled)).all():  # a common divisor changes no rank
        lower = [spearman(own, total - own) for own in scaled]
        upper = [spearman(own, total) for own in scaled]
    else:
        others = np.maximum(count - 1, 1)
        alone = np.where(count > 1, 0.0, np.nan)
        lower = [spearman_known(own, (total - own) / others + alone) for own in scaled]
        upper = [spearman_known(own, total / np.maximum(count, 1)) for own in scaled]
    return NoiseCeiling(lower=float(np.mean(lower)), upper=float(np.mean(upper)))
