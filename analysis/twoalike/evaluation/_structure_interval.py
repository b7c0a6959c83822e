"""Intervals for the agreement with the mean person: other people, other objects."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from twoalike.evaluation._influence import object_variance, spearman_influence
from twoalike.evaluation._interval import Interval
from twoalike.evaluation._people import over_people, same_scale
from twoalike.evaluation._structure import spearman

type Floats = npt.NDArray[np.float64]

MOST_RANKED = 300
"""Objects up to which what remains is ranked anew for each part left out."""
Z95 = 1.959964
"""Half the length of a 95 % interval, in standard errors."""


def _jackknife_variance(left_out: Floats) -> Floats:
    """Variance of estimates from what they become when each of g parts is left out, (g, k)."""
    g = len(left_out)
    if g < 2:
        return np.zeros(left_out.shape[1:])
    return np.asarray((g - 1) / g * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))


class _Jackknife:
    """Correlations of models with the mean person, with people and objects left out."""

    def __init__(self, models: Sequence[Floats], people: Floats) -> None:
        rows, columns = np.triu_indices(people.shape[1], 1)
        vectors = people[:, rows, columns]
        judged = ~np.isnan(vectors).all(axis=0)
        ends = np.stack([rows[judged], columns[judged]])
        _, codes = np.unique(ends, return_inverse=True)  # objects that were judged at all
        self.rows, self.columns = codes.reshape(ends.shape)
        self.n_objects = int(codes.max()) + 1
        self._scaled = same_scale(vectors[:, judged])
        self._pairs = np.stack([model[rows, columns][judged] for model in models])
        self._mean = over_people(self._scaled)
        self.values = self._correlations(np.ones(len(self._mean), dtype=bool), self._mean)

    def _correlations(self, keep: npt.NDArray[np.bool_], target: Floats) -> Floats:
        return np.array([spearman(model[keep], target[keep]) for model in self._pairs])

    def without_objects(self, rng: np.random.Generator, parts: int) -> Floats:
        """Correlations without each of so many random groups of objects, (parts, models)."""
        parts = min(parts, self.n_objects)
        part = rng.permutation(self.n_objects) % parts
        first, second = part[self.rows], part[self.columns]
        return np.array(
            [
                self._correlations((first != number) & (second != number), self._mean)
                for number in range(parts)
            ]
        )

    def without_people(self) -> Floats:
        """Correlations without each person, (participants, models); none of a single one."""
        if len(self._scaled) == 1:
            return np.empty((0, len(self._pairs)))
        found = []
        for person in range(len(self._scaled)):
            target = over_people(np.delete(self._scaled, person, axis=0))
            found.append(self._correlations(~np.isnan(target), target))
        return np.array(found)

    def influences(self) -> Floats:
        """Influence of each pair on each correlation, (models, pairs)."""
        return np.stack([spearman_influence(model, self._mean) for model in self._pairs])


def structure_intervals(
    models: Sequence[Floats],
    people: Floats,
    rng: np.random.Generator,
    *,
    parts: int = 60,
    most_ranked: int = MOST_RANKED,
) -> tuple[list[Interval], list[Interval]]:
    """Spearman correlation of each model with the mean person, and its gain over the first.

    The 95 % intervals add the variances of two jackknives, leaving out people one by one and
    objects one by one (in ``parts`` random groups, where there are more; to first order, where
    there are more than ``most_ranked``). A bootstrap would not do: a resample holds fewer
    different people than the study, its mean person is noisier, and the interval comes to lie
    below the estimate.

    Parameters
    ----------
    models
        Dissimilarities of each model, shape (m, m).
    people
        Dissimilarities of each person, NaN where missing, shape (participants, m, m). Pairs
        that nobody judged are left out.
    rng
        Source of the groups of objects.
    parts
        Groups of objects.
    most_ranked
        Objects up to which what remains is ranked anew for each group left out; beyond, the
        change comes from the influence of the pairs (a million pairs take a second).

    Returns
    -------
    Intervals of the correlations, and of the differences to the first model's.
    """
    jackknife = _Jackknife(models, people)
    persons = jackknife.without_people()
    if jackknife.n_objects <= most_ranked:
        objects = jackknife.without_objects(rng, parts)

        def of_objects(of: Callable[[Floats], Floats]) -> Floats:
            return _jackknife_variance(of(objects))
    else:
        influences = jackknife.influences()

        def of_objects(of: Callable[[Floats], Floats]) -> Floats:
            return object_variance(of(influences.T).T, jackknife.rows, jackknife.columns)

    def intervals(of: Callable[[Floats], Floats]) -> list[Interval]:
        variance = of_objects(of)
        if len(persons):
            variance = variance + _jackknife_variance(of(persons))
        half = Z95 * np.sqrt(variance)
        values = of(jackknife.values)
        ends = [values - half, values + half]
        return [Interval(*map(float, row)) for row in zip(values, *ends, strict=True)]

    return intervals(lambda x: x), intervals(lambda x: x - x[..., :1])
