r"""Estimates, and one clustered bootstrap for their intervals: other people, other things.

Judgments are not independent: those of one participant share a person, and those on one object
share that object. Each resample draws participants and objects anew, and a judgment moves with the
number of times that its participant and each of its objects was drawn. Choices among more than
three items depend on each other by the set that they are about.

Such a resample would count the noise of single choices four times (once for the person and
once for each object), and weights multiplied instead of added fifteen times. The deviations are
therefore scaled to the variance in which every two choices that share a person or an object
count once (multiway clustering: doi:10.1198/jbes.2010.07136; clusters that overlap as those of
pairs and triplets do: doi:10.1093/pan/mpv018):

    V = V(participant) + V(object) - V(participant and object),

where V(.) sums the products of the errors of all pairs of choices that share what is named.
Errors are taken from the sample's own mean, which shrinks that sum by the share of pairs that it
runs over; it is divided by the rest, without which few people or objects give intervals far too
narrow. Where no resamples are asked for, the deviations are taken to be normal.

Which of many networks differ
-----------------------------
Forty networks have 780 differences, of which 39 would be "significant" at the 5 % level if all
networks were equally good. And the best one was chosen because it scored highest: set against the
others as if it had been named before, it looks better than them by that choice alone. Both are met
by one bound for all differences. Networks are scored on the same choices, and every resample moves
all their scores together. With d the difference of two scores, s its standard error and d* its
deviation in a resample, in units of its own standard deviation, the bound c is the 95 % quantile
over resamples of

    max over all pairs of |d*|

so that all intervals d ± c s hold their true differences together in 95 % of studies, whichever
pair is looked at, and however it was chosen (single-step max-T: Westfall and Young 1993; Romano and
Wolf 2005, doi:10.1111/j.1468-0262.2005.00615.x). Since scores of networks correlate, c is smaller
than Bonferroni's or Holm's bound. If the network to compare with was named beforehand, the maximum
is over the pairs with it.

Standard errors are estimates from few people and objects, and among many pairs some are far too
small by chance: without correction, equal networks were told apart in three times as many small
studies as they should be. Differences are therefore brought to the scale of the normal distribution
by Student's t with as many degrees of freedom as there are independent groups of judgments, less
one: people, or sets of objects that have none in common (a third of the objects for triplets),
whichever are fewer (Cameron and Miller 2015, doi:10.3368/jhr.50.2.317).

A network that is worse than b others by these intervals and better than w of k networks has a rank
in b + 1 to k - w: these ranges hold all true ranks together in 95 % of studies (Mogstad, Romano,
Shaikh and Wilhelm 2024, doi:10.1093/restud/rdad006).
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from twoalike.evaluation._judgments import group_numbers
from twoalike.study import Booleans, Floats, Integers, TwoalikeError

Z95 = 1.959963984540054
"""Half the length of a 95 % interval, in standard errors."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; the ends are equal to it where nothing varies."""

    value: float
    low: float
    high: float

    def within(self, least: float, most: float) -> "Interval":
        """Cut the ends at what the quantity can be, such as 0 and 1 of a share.

        The interval holds the truth as often as before, since no truth lies in what is cut.
        """
        return Interval(self.value, max(self.low, least), min(self.high, most))

    def as_dict(self) -> dict[str, float]:
        """Return the three numbers for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Span:
    """Smallest and largest value."""

    low: float
    high: float


class Figures(dict[str, Any]):
    """Figures of one thing, each by the key that ends the name of its measure; None is no figure.

    Other mappings within are of levels: participants, categories, parts of the judgments. ``n`` is
    of how many judgments, triplets, objects or pairs the figures are.
    """


Count = Annotated[int, Field(ge=0, le=10**15)]


class NotMeasurable(TwoalikeError):
    """These data do not allow a measure; the message says why. Wrong input is no such case."""


def attempt[Found](
    missing: dict[str, str], name: str, measure: Callable[[], Found]
) -> Found | None:
    """Make a measure, or note under its name why it cannot be made."""
    try:
        return measure()
    except NotMeasurable as reason:
        missing[name] = str(reason)
        return None


def wilson_interval(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z2 = Z95**2
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    middle = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return np.asarray(middle - half), np.asarray(middle + half)


RESAMPLES = 2000
_ROUNDING = 1e-10
"""Variance of a difference, as a share of that of the two, that is rounding."""


def difference_variances(covariance: Floats) -> Floats:
    """Variance of the difference of every two of k, exactly 0 for equal ones, shape (k, k)."""
    own = np.diagonal(covariance)
    both = own[:, None] + own
    variances = both - covariance - covariance.T
    return np.asarray(np.where(variances > _ROUNDING * np.abs(both), variances, 0.0))


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Differences of every two of k networks, with intervals that hold the truth together."""

    difference: Floats
    """Score of the row's network minus that of the column's, shape (k, k)."""
    half: Floats
    """Half the length of its simultaneous interval, shape (k, k)."""
    p: Floats
    """Its p-value, corrected for all pairs compared; NaN for other pairs, shape (k, k)."""
    level: float
    """Probability that all intervals hold the truth."""

    @property
    def differs(self) -> Booleans:
        """Pairs whose interval does not hold 0, shape (k, k)."""
        return np.asarray(np.nan_to_num(self.p, nan=1.0) <= 1 - self.level)

    def ranks(self, *, high_is_good: bool = True) -> list[tuple[int, int]]:
        """Smallest and largest rank that each network may have; 1 is the best."""
        gain = self.difference if high_is_good else -self.difference
        better = (self.differs & (gain > 0)).sum(axis=1)
        worse = (self.differs & (gain < 0)).sum(axis=1)
        k = len(gain)
        return [(1 + int(b), k - int(w)) for b, w in zip(worse, better, strict=True)]


@dataclass(frozen=True, eq=False)
class JointEstimates:
    """Scores of k networks, and how these vary together."""

    values: Floats
    """Scores, shape (k,)."""
    errors: Floats
    """Standard error of each difference of two, 0 where it does not vary, shape (k, k)."""
    deviations: Floats
    """Deviation of every score in each of r resamples, in any unit, shape (r, k)."""
    scale: Floats
    """Standard deviation of the difference of two deviations, shape (k, k)."""
    freedom: float
    """Degrees of freedom of the standard errors."""

    @classmethod
    def from_covariance(
        cls, values: Floats, covariance: Floats, freedom: float, rng: np.random.Generator
    ) -> "JointEstimates":
        """Take normal deviations, for estimates with a covariance (k, k) of so many degrees."""
        errors = np.sqrt(difference_variances(covariance))
        shape = np.linalg.eigh((covariance + covariance.T) / 2)
        root = shape.eigenvectors * np.sqrt(np.maximum(shape.eigenvalues, 0.0))
        deviations = rng.normal(size=(RESAMPLES, len(values))) @ root.T
        return cls(values, errors, deviations, errors, freedom)

    def compare(self, against: int | None = None, level: float = 0.95) -> Comparisons:
        """Compare every two networks, or all with one (0..k-1) that was named beforehand.

        ``level`` is the probability that all intervals hold the truth. A difference is in none of
        the resamples' tails exactly if its interval holds 0: p is at most 1 - ``level`` where it
        does not.
        """
        k = len(self.values)
        family = ~np.eye(k, dtype=bool)
        if against is not None:
            family[:] = False
            family[against] = family[:, against] = True
            family[against, against] = False
        largest = np.sort(self._largest(family))[::-1]
        r = len(largest)
        bound = largest[int((1 - level) * (r + 1)) - 1]
        difference = self.values[:, None] - self.values
        size = np.abs(difference)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(size > 0, size / self.errors, 0.0)
        normal = -ndtri(stdtr(self.freedom, -t))  # by the lower tail, which does not round to 1
        beyond = r - np.searchsorted(largest[::-1], normal.ravel()).reshape(t.shape)
        p = np.where(t > 0, (1 + beyond) / (r + 1), 1.0)
        bound = -float(stdtrit(self.freedom, ndtr(-bound)))
        half = np.where(family, bound * self.errors, np.nan)
        return Comparisons(difference, half, np.where(family, p, np.nan), level)

    def _largest(self, family: Booleans) -> Floats:
        """Largest standardised difference in each resample over the pairs compared, shape (r,)."""
        largest = np.zeros(len(self.deviations))
        varying = np.triu(family) & (self.scale > 0)
        for first in np.flatnonzero(varying.any(axis=1)).tolist():
            others = np.flatnonzero(varying[first])
            apart = np.abs(self.deviations[:, [first]] - self.deviations[:, others])
            largest = np.maximum(largest, (apart / self.scale[first, others]).max(axis=1))
        return largest


_CELLS = 8_000_000
"""Sums of groups times models held at once (64 MB of doubles)."""
_LEAST_REMAINDER = 0.1
"""With five objects or fewer any two triplets share one, and nothing would be left to divide by."""


def normal_intervals(values: Floats, variances: Floats) -> list[Interval]:
    """95 % intervals of estimates with these variances, shape (k,) each."""
    half = Z95 * np.sqrt(variances)
    ends = zip(values, values - half, values + half, strict=True)
    return [Interval(*map(float, row)) for row in ends]


def _draws(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How much more often than once each of n is drawn, shape (resamples, n)."""
    # Counting draws takes a tenth of the time of rng.multinomial.
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n * resamples).reshape(resamples, n) - 1.0


def _products(errors: Floats, groups: Integers) -> Floats:
    """Sum over groups of the products of the groups' errors of every two of k models, (k, k).

    ``errors`` (k, n) are of each judgment, ``groups`` (copies, n) its groups.
    """
    k, copies, numbers = len(errors), len(groups), groups.ravel()
    total = np.zeros((k, k))
    n_groups = int(numbers.max(initial=-1)) + 1
    step = max(_CELLS // k, 1)
    for start in range(0, n_groups, step):  # a few groups at a time: k models of millions
        whole = n_groups <= step
        here = slice(None) if whole else (numbers >= start) & (numbers < start + step)
        of_group = numbers[here] - start
        sums = [np.bincount(of_group, weights=np.tile(of, copies)[here]) for of in errors]
        total += np.stack(sums) @ np.transpose(sums)
    return total


class TwoWayBootstrap:
    """Intervals for means over judgments: other people, other objects.

    Parameters
    ----------
    participants
        Participant of each judgment, numbers from 0, shape (n,). With a single participant, only
        objects vary.
    things
        What each judgment is about, numbers from 0, shape (n, k): the objects of a triplet or
        pair, or one number for the set.
    rng
        Source of the resamples; None: deviations are taken to be normal.
    resamples
        Number of bootstrap resamples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(9)[:3] for _ in range(60)])
    >>> boot = TwoWayBootstrap(rng.integers(4, size=60), triplets, rng)
    >>> boot.interval(np.ones(60))
    Interval(value=1.0, low=1.0, high=1.0)
    """

    def __init__(
        self,
        participants: Integers,
        things: Integers,
        rng: np.random.Generator | None = None,
        *,
        resamples: int = 2000,
    ) -> None:
        self._person = group_numbers(participants)
        self._things = group_numbers(things.T.ravel()).reshape(things.shape[1], -1)
        self._drawn: tuple[Floats, Floats] | None = None
        if rng is not None:
            sizes = int(self._person.max()) + 1, int(self._things.max()) + 1
            self._drawn = _draws(sizes[0], resamples, rng), _draws(sizes[1], resamples, rng)
        self._groups = self._shared()
        self._prepare()

    def within(self, rows: Booleans) -> "TwoWayBootstrap":
        """Intervals of means over some of the judgments, (n,), at least one; same resamples."""
        part = copy(self)
        part._person, part._things = self._person[rows], self._things[:, rows]
        part._groups = [
            (sign, _fewer(alone[:, rows]), _fewer(together[:, rows]))
            for sign, alone, together in self._groups
        ]
        part._prepare()
        return part

    def _prepare(self) -> None:
        self._several_people = bool((self._person != self._person[0]).any())
        self._several_things = bool((self._things != self._things[:, :1]).any())
        n = len(self._person)
        self._remainder = self._independent(np.full(n, 1 / n))

    def _independent(self, weights: Floats) -> float:
        """Share of the pairs of judgments, with these weights (n,), that share nothing."""
        return max(1 - float(self._sums(weights[None])[0][0, 0]), _LEAST_REMAINDER)

    def _shared(self) -> list[tuple[int, Integers, Integers]]:
        """Group judgments by common things, and by common things and participant.

        Two judgments that share 1, 2 or 3 of three objects lie together in 1, 3 or 7 groups of one,
        two or three objects; with the signs +, -, + each such two judgments count once.
        """
        k, n = self._things.shape
        ordered = np.sort(self._things, axis=0)
        groups: list[tuple[int, Integers, Integers]] = []
        for size in range(1, k + 1):
            some = list(combinations(range(k), size))
            columns = [ordered[list(places)].ravel() for places in zip(*some, strict=True)]
            alone = group_numbers(*columns).reshape(-1, n)
            person = np.tile(self._person, len(some))
            together = group_numbers(*columns, person).reshape(-1, n)
            groups.append((1 if size % 2 else -1, alone, together))
        return groups

    def _sums(self, errors: Floats) -> tuple[Floats, Floats, Floats]:
        """Sum products over the pairs that share a person or object, a person, an object.

        Of the errors of every two of k models, shape (k, n): shape (k, k) each.
        """
        by_thing = np.sum([sign * _products(errors, of) for sign, of, _ in self._groups], axis=0)
        none = np.zeros_like(by_thing)
        if not self._several_people:  # nothing is known of other people: objects alone vary
            return by_thing, none, by_thing
        by_person = _products(errors, self._person[None])
        if not self._several_things:
            return by_person, by_person, none
        both = np.sum([sign * _products(errors, of) for sign, _, of in self._groups], axis=0)
        return by_person + by_thing - both, by_person, by_thing

    def variance(self, influence: Floats) -> Floats:
        """Variance of k means from what each judgment adds to their errors, (k, n)."""
        return self._variance(influence) / self._remainder

    def _variance(self, influence: Floats) -> Floats:
        # By chance the difference may fall below either source alone; in truth it cannot.
        sums = [np.diagonal(of) for of in self._sums(influence)]
        return np.asarray(np.max(sums, axis=0))

    def _deviations(self, influence: Floats) -> tuple[Floats, Floats]:
        """Deviations of k estimates in each resample, (r, k), and their covariance, in any unit."""
        assert self._drawn is not None
        sizes = [drawn.shape[1] for drawn in self._drawn]
        each = np.tile(influence, len(self._things))
        sums = [
            np.stack([np.bincount(of, weights=one, minlength=size) for one in rows])
            for of, size, rows in zip(
                (self._person, self._things.ravel()), sizes, (influence, each), strict=True
            )
        ]
        deviations = sum(drawn @ of.T for drawn, of in zip(self._drawn, sums, strict=True))
        return np.asarray(deviations), np.asarray(sum(of @ of.T for of in sums))

    def joint(self, scores: npt.ArrayLike) -> JointEstimates:
        """Means of the scores (k, n) of k models, and how their differences vary together."""
        scores = np.asarray(scores, dtype=np.float64)
        means = scores.mean(axis=1)
        influence = (scores - means[:, None]) / scores.shape[1]
        deviations, drawn = self._deviations(influence)
        # As in `variance`, of the difference of two, which is a score like any other.
        variances = np.max([difference_variances(of) for of in self._sums(influence)], axis=0)
        errors, scale = np.sqrt(variances / self._remainder), np.sqrt(difference_variances(drawn))
        assert self._drawn is not None
        people, things = (drawn.shape[1] for drawn in self._drawn)
        groups = things / len(self._things)
        if self._several_people:
            groups = min(people, groups)
        return JointEstimates(means, errors, deviations, scale, max(groups - 1, 1.0))

    def interval(self, scores: npt.ArrayLike, value: float | None = None) -> Interval:
        """Interval of the mean of one number a judgment, shape (n,).

        For an estimate that is no mean: its linearisation (the influence of each judgment) as
        ``scores``, with the estimate itself as ``value``.
        """
        scores = np.asarray(scores, dtype=np.float64)
        mean = float(scores.mean())
        centre = mean if value is None else value
        influence = (scores - mean)[None] / len(scores)
        variance = self.variance(influence)
        if self._drawn is None:
            return normal_intervals(np.array([centre]), variance)[0]
        deviations, drawn = self._deviations(influence)
        if drawn[0, 0] <= 1e-24 / len(scores):
            return Interval(centre, centre, centre)
        scale = np.sqrt(variance[0] / drawn[0, 0])
        low, high = np.percentile(centre + scale * deviations[:, 0], [2.5, 97.5])
        return Interval(centre, float(low), float(high))

    def intervals(
        self, values: Floats, influence: Floats, weights: Floats
    ) -> tuple[list[Interval], list[Interval]]:
        """Intervals of k weighted means, and of their differences to the first, by normals.

        ``influence`` is what each judgment adds to each of the ``values``, (n, k), and sums to
        zero; ``weights`` are those of the judgments in the means, (n,), and sum to one.
        """
        rest, errors = self._independent(weights), influence.T
        gains = self._variance(errors - errors[:1]) / rest
        own = normal_intervals(values, self._variance(errors) / rest)
        return own, normal_intervals(values - values[0], gains)


def _fewer(groups: Integers) -> Integers:
    """Give groups new numbers where few of many are left."""
    if groups.max(initial=0) <= 2 * groups.size:
        return groups
    return group_numbers(groups.ravel()).reshape(groups.shape)
