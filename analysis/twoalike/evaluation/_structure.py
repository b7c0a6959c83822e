"""Agreement of a network's similarity structure with people's dissimilarities.

Rank correlations, since neither scale is known; computed here in a few lines (and checked
against rsatoolbox in the tests) because the jackknife calls them some hundred times.
"""

from collections.abc import Callable, Sequence
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


def _jackknife_variance(left_out: Floats) -> Floats:
    """Variance of estimates from what they become when each of g parts is left out, (g, k)."""
    g = len(left_out)
    if g < 2:
        return np.zeros(left_out.shape[1:])
    return np.asarray((g - 1) / g * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))


def structure_intervals(
    models: Sequence[Floats], people: Floats, rng: np.random.Generator, *, parts: int = 60
) -> tuple[list[Interval], list[Interval]]:
    """Spearman correlation of each model with the mean person, and its gain over the first.

    The 95 % intervals add the variances of two jackknives, leaving out people one by one and
    objects one by one (in ``parts`` random groups, where there are more). A bootstrap would not
    do: a resample holds fewer different people than the study, its mean person is noisier, and
    the interval comes to lie below the estimate.

    Parameters
    ----------
    models
        Dissimilarities of each model, shape (m, m).
    people
        Dissimilarities of each person, shape (participants, m, m).
    rng
        Source of the groups of objects.

    Returns
    -------
    Intervals of the correlations, and of the differences to the first model's.
    """
    n_people, n_objects = people.shape[:2]
    rows, columns = np.triu_indices(n_objects, 1)
    scaled = _same_scale(people[:, rows, columns])
    pairs = np.stack([model[rows, columns] for model in models])
    mean = scaled.mean(axis=0)

    def correlations(keep: npt.NDArray[np.bool_], target: Floats) -> list[float]:
        return [spearman(model[keep], target[keep]) for model in pairs]

    everything = np.ones(len(rows), dtype=bool)
    values = np.array(correlations(everything, mean))
    part = rng.permutation(n_objects) % min(parts, n_objects)
    objects = np.array(
        [
            correlations((part[rows] != number) & (part[columns] != number), mean)
            for number in range(min(parts, n_objects))
        ]
    )
    others = [np.delete(scaled, person, axis=0) for person in range(n_people) if n_people > 1]
    persons = np.array([correlations(everything, of.mean(axis=0)) for of in others])

    def intervals(of: Callable[[Floats], Floats]) -> list[Interval]:
        variance = _jackknife_variance(of(objects))
        if len(persons):
            variance = variance + _jackknife_variance(of(persons))
        half = 1.959964 * np.sqrt(variance)
        ends = [of(values) - half, of(values) + half]
        return [Interval(*map(float, row)) for row in zip(of(values), *ends, strict=True)]

    return intervals(lambda x: x), intervals(lambda x: x - x[..., :1])
