"""Agreement of a network's similarity structure with people's dissimilarities.

Rank correlations, since neither scale is known; computed here in a few lines (and checked
against rsatoolbox in the tests) because the bootstrap calls them some thousand times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from twoalike.evaluation._interval import Interval

type Floats = npt.NDArray[np.float64]


def upper(matrices: Floats) -> Floats:
    """Upper triangles of (..., m, m), read row by row: shape (..., m(m-1)/2)."""
    rows, columns = np.triu_indices(matrices.shape[-1], 1)
    return np.asarray(matrices[..., rows, columns])


def _centred_ranks(values: npt.ArrayLike) -> Floats:
    ranks = np.asarray(rankdata(np.asarray(values)), dtype=np.float64)
    return ranks - (len(ranks) + 1) / 2


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation; 0 if either is constant, as there is no order to agree with.

    Examples
    --------
    >>> round(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 3)
    0.8
    """
    x, y = _centred_ranks(a), _centred_ranks(b)
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0


def rho_a(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's correlation expected when ties are broken at random.

    Unlike :func:`spearman` it does not reward a model for predicting ties
    (doi:10.7554/eLife.82566).

    Examples
    --------
    >>> rho_a([1, 1, 1, 1], [1, 2, 3, 4])
    0.0
    """
    x, y = _centred_ranks(a), _centred_ranks(b)
    n = len(x)
    return float(12 * (x @ y) / (n**3 - n))


def _same_scale(vectors: Floats) -> Floats:
    """Divide each person's dissimilarities by their root mean square: their unit is arbitrary."""
    size = np.sqrt((vectors**2).mean(axis=-1, keepdims=True))
    return np.asarray(vectors / np.where(size > 0, size, 1.0))


def mean_person(vectors: Floats) -> Floats:
    """Mean of the people's dissimilarities after giving each the same root mean square."""
    return np.asarray(_same_scale(vectors).mean(axis=0))


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
    """Noise ceiling of people's dissimilarities, shape (participants, pairs).

    Raises
    ------
    ValueError
        With fewer than two people: agreement takes two.
    """
    if len(vectors) < 2:
        raise ValueError("a noise ceiling needs at least two participants")
    scaled = _same_scale(vectors)
    total = scaled.sum(axis=0)
    return NoiseCeiling(
        lower=float(np.mean([spearman(own, total - own) for own in scaled])),
        upper=float(np.mean([spearman(own, total) for own in scaled])),
    )


def structure_intervals(
    models: Sequence[Floats],
    people: Floats,
    rng: np.random.Generator,
    *,
    resamples: int = 500,
    level: float = 0.95,
) -> tuple[list[Interval], list[Interval]]:
    """Spearman correlation of each model with the mean person, and its gain over the first.

    Participants and objects are drawn anew together; pairs of an object with itself are left
    out. Noise of single pairs is counted by both draws, so the intervals err on the wide side.

    Parameters
    ----------
    models
        Dissimilarities of each model, shape (m, m).
    people
        Dissimilarities of each person, shape (participants, m, m).
    rng
        Source of the resamples.

    Returns
    -------
    Intervals of the correlations, and of the differences to the first model's.
    """
    n_people, n_objects = len(people), int(people.shape[1])
    scaled = _same_scale(upper(people))
    full = np.zeros((n_people, n_objects, n_objects))
    rows, columns = np.triu_indices(n_objects, 1)
    full[:, rows, columns] = full[:, columns, rows] = scaled
    drawn = np.empty((resamples, len(models)))
    for number in range(resamples):
        counts = np.bincount(rng.integers(n_people, size=n_people), minlength=n_people)
        chosen = rng.integers(n_objects, size=n_objects)
        left, right = chosen[rows], chosen[columns]
        left, right = left[left != right], right[left != right]
        total: Floats = np.tensordot(counts, full, axes=1)
        target = total[left, right]
        drawn[number] = [spearman(model[left, right], target) for model in models]
    mean = mean_person(upper(people))
    values = np.array([spearman(upper(model), mean) for model in models])
    tails = (50 * (1 - level), 50 * (1 + level))

    def intervals(estimates: Floats, resampled: Floats) -> list[Interval]:
        low, high = np.percentile(resampled, tails, axis=0)
        return [Interval(*map(float, row)) for row in zip(estimates, low, high, strict=True)]

    return intervals(values, drawn), intervals(values - values[0], drawn - drawn[:, :1])
