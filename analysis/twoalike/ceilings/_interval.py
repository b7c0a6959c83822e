"""Intervals for means over triplets, when other people and other objects could have been drawn.

A triplet's votes depend on each other, and so do triplets that share objects, or people who
judged them. The variance of a mean is the sum of two:

- of triplets and their objects, counting every two triplets that share an object once
  (:class:`twoalike.evaluation.TwoWayBootstrap`); the noise of single votes is in it already;
- of people, beyond that noise: by leaving out groups of people (a jackknife), less what leaving
  out as many votes at random gives. One inattentive person lowers the agreement on every triplet
  they judged, also that of the others; leaving the person out measures all of it.

People are left out rather than resampled: a resample has some people twice, who then agree with
themselves.
"""

from collections.abc import Callable

import numpy as np

from twoalike.ceilings._votes import Votes, count_types
from twoalike.evaluation import (
    Interval,
    TwoWayBootstrap,
    jackknife_variance,
    normal_intervals,
)
from twoalike.study import Booleans, Floats, Integers

_GROUPS = 60
"""Groups of people that are left out in turn, where there are more people."""


class _LeftOut:
    """What is left of the votes on each triplet in which a group has some, without that group."""

    def __init__(self, votes: Votes, group: Integers, n_groups: int) -> None:
        code = votes.set * n_groups + group
        pair, of = np.unique(code, return_inverse=True)
        self.triplet, self.group = np.divmod(pair, n_groups)
        a = votes.options
        own = np.bincount(a * of + votes.answer, minlength=a * len(pair)).reshape(-1, a)
        self.counts = votes.counts[self.triplet] - own
        self.n_groups = n_groups


class TripletIntervals:
    """95 % intervals for means over triplets of functions of their votes.

    ``people`` tells whether participants are known; if not, they are taken to be alike. Values of a
    function are to be given at each of ``types`` (u, 3), those that occur, also when a group is
    left out; ``triplets`` (u,) counts those with votes of each type.
    """

    def __init__(self, votes: Votes, rng: np.random.Generator, *, people: bool = True) -> None:
        self._votes = votes
        self.options = votes.options
        _, person = np.unique(votes.participants, return_inverse=True)
        n_people = int(person.max()) + 1
        self._left_out: list[_LeftOut] = []
        if people and n_people > 1:
            n_groups = min(_GROUPS, n_people)
            group = (rng.permutation(n_people) % n_groups)[person]
            for groups in (group, rng.permutation(group)):
                self._left_out.append(_LeftOut(votes, groups, n_groups))
        together = np.concatenate([votes.counts, *(part.counts for part in self._left_out)])
        self.types, of = count_types(together)
        ends = np.cumsum([len(votes), *(len(part.counts) for part in self._left_out)])
        self._of, *self._of_left_out = np.split(of, ends[:-1])
        self.triplets = np.bincount(self._of, minlength=len(self.types))
        self._boot: tuple[bytes, TwoWayBootstrap] | None = None

    def interval(self, values: Floats, value: float | None = None) -> Interval | None:
        """Interval of the mean over triplets; None where no triplet counts.

        Parameters
        ----------
        values
            The function of the votes at each of ``types``, shape (u,); NaN where it cannot be
            taken, triplets with such votes do not count. For an estimate that is no mean: the
            influence of a triplet with such votes, with the estimate itself as ``value``.
        value
            The estimate; the mean unless given.
        """
        scores = values[self._of]
        counted = ~np.isnan(scores)
        if not counted.any():
            return None
        centre = float(scores[counted].mean()) if value is None else value
        variance = self._of_triplets(scores, counted) + self._of_people(values)
        return normal_intervals(np.array([centre]), np.array([variance]))[0]

    def _of_triplets(self, scores: Floats, counted: Booleans) -> float:
        """Variance of the mean over other triplets of other objects."""
        key = counted.tobytes()
        if self._boot is None or self._boot[0] != key:  # the last one: measures count the same
            rows = self._votes.sets[counted]
            one = np.zeros(len(rows), dtype=np.int64)  # people are left out apart
            self._boot = (key, TwoWayBootstrap(one, rows))
        errors = (scores[counted] - scores[counted].mean()) / counted.sum()
        found = float(self._boot[1].variance(errors[None])[0])
        # By chance the products over shared objects may sum to less than the triplets' own noise.
        noise = float(scores[counted].var()) / max(int(counted.sum()) - 1, 1)
        return max(found, noise)

    def _of_people(self, values: Floats) -> float:
        """Variance between people, beyond the noise of single votes."""
        if not self._left_out:
            return 0.0
        own, noise = (
            self._jackknife(values, part, of)
            for part, of in zip(self._left_out, self._of_left_out, strict=True)
        )
        return max(own - noise, 0.0)

    def _jackknife(self, values: Floats, part: _LeftOut, of: Integers) -> float:
        """Variance from means with each group left out."""
        scores, left = values[self._of], values[of]
        before = scores[part.triplet]
        total = np.nansum(scores) + _by_group(part, np.nan_to_num(left) - np.nan_to_num(before))
        counted = (~np.isnan(scores)).sum() + _by_group(
            part, np.isnan(before).astype(float) - np.isnan(left)
        )
        means = total[counted > 0] / counted[counted > 0]
        return float(jackknife_variance(means[:, None])[0])


def _by_group(part: _LeftOut, change: Floats) -> Floats:
    return np.bincount(part.group, weights=change, minlength=part.n_groups)


def by_type(types: Integers, function: Callable[[Integers], Floats], fewest: int) -> Floats:
    """Values of a function of the votes at each type; NaN at those of too few votes, shape (u,)."""
    values = np.full(len(types), np.nan)
    enough = types.sum(axis=1) >= fewest
    values[enough] = function(types[enough])
    return values
