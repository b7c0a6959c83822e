r"""One search for the size of a study, from simulated studies that reach what is wanted or not.

A few studies of a size tell where to look; near the size that is recommended so many are simulated
as were asked for, so that the answer is never read off beyond what was tried, and a size is passed
over where too few of its own studies reach what is wanted. What other sizes would reach comes from
a curve: of predictions the learning curve (:mod:`twoalike.recovery._curve`), of a difference
between groups

.. math:: P(N) = \Phi(b \sqrt{N} - c),

the power of a test of means with N people, c the quantile of its level; with c near that of 5 %
and both unknown it serves for averages over worlds as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, comb
from statistics import NormalDist
from typing import Protocol

import numpy as np

from twoalike.evaluation import wilson_interval
from twoalike.recovery._curve import HOLDS, LearningCurve, fit_curve, held
from twoalike.recovery._simulate import GroupOutcome, GroupTest, Measure, Outcome
from twoalike.recovery._world import CHANCE
from twoalike.study import TwoalikeError, counted

NEAR = 1.5
"""A size is near another one within this factor."""
FARTHEST = 3.0
"""Factor up to which a size exceeds all that were tried."""
STEP = 1.1
"""Sizes within this factor are not told apart."""
DOUBT = 0.1
"""A size is passed over where so few of its studies reach the target that fewer would have this
probability: the curve need not have the form of the truth everywhere."""
INFORMATION = 0.9
"""Default share of what can be known of choices: the part of ln 3 that the oracle is above chance.

A share and not a log-loss, since how predictable choices are differs between worlds; at .9 a
model predicts nearly as well as one who knows the space, and further trials mostly sharpen
intervals."""
_CUT = (1.8, 0.35)
"""Mean and standard deviation of c: 1.64 in a one-sided test, 1.96 in a two-sided one."""


@dataclass(frozen=True)
class Needed:
    """Participants with which as many studies as wanted reach it: median and 95 % interval."""

    median: float
    low: float
    high: float


class Wanted[O](Protocol):
    """What a study is to reach."""

    def reached(self, outcomes: Sequence[O]) -> int:
        """Count the studies of one size that reach it."""

    def needed(self, sizes: Mapping[int, Sequence[O]], assurance: float) -> Needed:
        """Size with which a share ``assurance`` of studies to come reaches it."""

    def unreachable(self, outcomes: Sequence[O], plan: "SearchPlan") -> str:
        """Say that studies of the largest size do not reach it."""


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """Bounds of the search, in participants."""

    start: int
    """Size to begin with."""
    fewest: int
    most: int
    """``fewest``, ``most``: Smallest and largest size allowed."""
    unit: int
    """Sizes are multiples of it."""
    studies: int
    """Studies simulated at the sizes that matter, 2 or more."""
    probes: int
    """Studies of a size while the neighbourhood of the answer is sought."""
    assurance: float
    """Share of studies to come that should reach the target."""

    def size(self, people: float) -> int:
        """Round up to a size that is allowed below, if not above."""
        whole = ceil(round(people / self.unit, 6)) * self.unit
        return max(whole, -(-self.fewest // self.unit) * self.unit)

    @property
    def largest(self) -> int:
        """Largest size allowed."""
        return self.most // self.unit * self.unit


@dataclass(frozen=True, eq=False)
class FoundSize[O]:
    """The answer and what it rests on."""

    participants: int
    """Recommended number."""
    needed: Needed
    """What the curve through all sizes gives."""
    sizes: dict[int, list[O]]
    """Simulated studies of each size, small ones first."""

    @property
    def outcomes(self) -> list[O]:
        """All simulated studies, small ones first."""
        return [outcome for outcomes in self.sizes.values() for outcome in outcomes]


def find_size[O](
    simulate: Callable[[int, int], Sequence[O]], wanted: Wanted[O], plan: SearchPlan
) -> FoundSize[O]:
    """Find the number of participants with which most studies to come reach what is wanted.

    ``simulate`` gives, of a number of participants, the first studies of that size; it is called
    again with more of a size where the size matters.
    """
    if (smallest := plan.size(plan.fewest)) > plan.largest:
        raise TwoalikeError(
            f"the design takes at least {counted(smallest, 'participant')}, more than "
            f"`most_participants={plan.most}`. Raise it."
        )
    sizes: dict[int, list[O]] = {}
    people, number = min(plan.size(plan.start), plan.largest), min(plan.probes, plan.studies)
    while True:
        sizes = dict(sorted((sizes | {people: list(simulate(people, number))}).items()))
        needed = wanted.needed(sizes, plan.assurance)
        whole = {
            size: wanted.reached(found)
            for size, found in sizes.items()
            if len(found) == plan.studies
        }
        best = _best(needed, whole, plan)
        if answers := [size for size in whole if best <= size <= STEP * best]:
            return FoundSize(min(answers), needed, sizes)
        if best > plan.largest and plan.largest in sizes:
            if plan.largest in whole or needed.low > plan.largest:
                raise TwoalikeError(wanted.unreachable(sizes[plan.largest], plan))
        people = min(best, plan.size(FARTHEST * max(sizes)), plan.largest)
        is_near = any(size / NEAR <= people <= size * NEAR for size in sizes)
        number = plan.studies if is_near else min(plan.probes, plan.studies)


def _best(needed: Needed, whole: Mapping[int, int], plan: SearchPlan) -> int:
    """Size to simulate next: that of the curve, above those that were simulated in vain."""
    best = plan.size(needed.median)
    for size, reached in whole.items():
        if size < best or _too_few(reached, plan.studies, plan.assurance):
            best = max(best, plan.size(STEP * size))
    return best


def _too_few(reached: int, n: int, assurance: float) -> bool:
    """Whether so few of n studies would reach it with probability DOUBT, were the share right."""
    q = assurance
    chances = [comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(reached + 1)]
    return sum(chances) < DOUBT


@dataclass(frozen=True, kw_only=True)
class Target:
    """A measure of predictions and the value at which a study is good enough; less is better."""

    measure: Measure
    """``regret`` (nats) or ``width`` (of a probability)."""
    value: float
    """Reached at this value or below."""
    asked: str
    """The argument that asked for it, in the form of a remedy's parameter."""

    @property
    def words(self) -> str:
        """Name it for a sentence."""
        if self.measure == "width":
            return f"95 % intervals of choice probabilities {self.value:.3g} wide on average"
        return f"a log-loss within {self.value:.3g} nats of the truth's"

    def reached(self, outcomes: Sequence[Outcome]) -> int:
        """Count the studies of one size that reach it, by widths of intervals that hold."""
        if self.measure == "width" and held(outcomes) < HOLDS:
            return 0
        return sum(outcome.value(self.measure) <= self.value for outcome in outcomes)

    def curve(self, outcomes: Sequence[Outcome]) -> LearningCurve:
        """Learning curve through all studies; the same for the same studies."""
        return fit_curve(outcomes, self.measure, np.random.default_rng(len(outcomes)))

    def needed(self, sizes: Mapping[int, Sequence[Outcome]], assurance: float) -> Needed:
        """Size at which a share of studies to come lies below the value."""
        largest = max(sizes)
        if self.measure == "width" and all(held(found) < HOLDS for found in sizes.values()):
            return Needed(2.0 * largest, largest, np.inf)
        each = sizes[largest][0].judgments / largest
        curve = self.curve([outcome for found in sizes.values() for outcome in found])
        low, high = curve.size_interval(self.value)
        assured = curve.assured_size(self.value, assurance)
        return Needed(assured / each, low / each, high / each)

    def unreachable(self, outcomes: Sequence[Outcome], plan: SearchPlan) -> str:
        """Say what studies of the largest size come to."""
        middle = np.exp(np.mean(np.log([outcome.value(self.measure) for outcome in outcomes])))
        come_to = f"{middle:.3g}"
        if self.measure == "regret":
            come_to += " nats above it"
        elif held(outcomes) < HOLDS:
            come_to += f", but their intervals hold {held(outcomes):.0%} of the truth"
        return (
            f"{self.asked}: {self.words} is not reached by {plan.assurance:.0%} of studies with "
            f"{counted(plan.largest, 'participant')}, who come to {come_to}. Ask for less, or "
            "raise `most_participants=...` or `trials_per_person=...`."
        )


def make_target(
    oracle: float,
    *,
    information: float | None = None,
    regret: float | None = None,
    log_loss: float | None = None,
    width: float | None = None,
) -> Target:
    """Turn what was asked for (as in :func:`power`) into a target; at most one may be given.

    ``oracle`` is the mean log-loss of the oracle over worlds, nats.

    Examples
    --------
    >>> round(make_target(0.6, log_loss=0.65).value, 6)
    0.05
    """
    asked = {"information": information, "regret": regret, "log_loss": log_loss, "width": width}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) > 1:
        names = " and ".join(f"`target_{name}=...`" for name in given)
        raise TwoalikeError(f"expected one target, found {names}. Leave all but one out.")
    name, value = next(iter(given.items()), ("information", INFORMATION))
    argument = f"`target_{name}={value:g}`"
    if name in ("information", "width"):
        if not 0 < value < 1:
            raise TwoalikeError(f"{argument}: expected a number between 0 and 1.")
        if name == "width":
            return Target(measure="width", value=value, asked=argument)
        return Target(measure="regret", value=(1 - value) * (CHANCE - oracle), asked=argument)
    above = value - oracle if name == "log_loss" else value
    if above <= 0:
        least = "0"
        if name == "log_loss":
            least = f"{oracle:.3f}, the log-loss of one who knows the truth"
        raise TwoalikeError(f"{argument}: expected a number above {least}.")
    if above >= CHANCE - oracle:
        most = CHANCE if name == "log_loss" else CHANCE - oracle
        raise TwoalikeError(
            f"{argument}: guessing reaches that without a trial. Ask for less than {most:.3f}."
        )
    return Target(measure="regret", value=above, asked=argument)


@dataclass(frozen=True)
class Share:
    """How many of some simulated studies find a difference."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson's)."""
        low, high = wilson_interval(self.count, self.of)
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.count / self.of:.0f} ({100 * low:.0f}-{100 * high:.0f}) %"

    def to_json(self) -> dict[str, float]:
        """Give counts, share and interval."""
        low, high = self.interval
        about = {"differ": self.count, "simulated": self.of, "power": self.count / self.of}
        return about | {"low": low, "high": high}


@dataclass(frozen=True)
class Difference:
    """That a test finds two groups to differ."""

    test: GroupTest

    def reached(self, outcomes: Sequence[GroupOutcome]) -> int:
        """Count the studies in which it does."""
        return sum(outcome.differs(self.test) for outcome in outcomes)

    def share(self, outcomes: Sequence[GroupOutcome]) -> Share:
        """Share of such studies."""
        return Share(self.reached(outcomes), len(outcomes))

    def needed(self, sizes: Mapping[int, Sequence[GroupOutcome]], assurance: float) -> Needed:
        """Size at which the curve of the module reaches the assurance."""
        return needed_people({size: self.share(found) for size, found in sizes.items()}, assurance)

    def unreachable(self, outcomes: Sequence[GroupOutcome], plan: SearchPlan) -> str:
        """Say how many studies of the largest size differ."""
        return (
            f"`most_participants={plan.most}`: of simulated studies with "
            f"{counted(plan.largest, 'participant')}, {plan.largest // 2} a group, "
            f"{self.share(outcomes)} differ, not {plan.assurance:.0%}. Raise it, or "
            "`trials_per_person=...`, or expect a larger `effect=...`."
        )


def needed_people(shares: Mapping[int, Share], assurance: float) -> Needed:
    """Fit the curve of the module to the shares of some sizes, and read off the size.

    The posterior is computed on a grid of the wanted size, of which nothing is known beforehand
    but that it is of the order of those tried, and of c.
    """
    from scipy.special import log_ndtr

    sizes = np.array(list(shares), dtype=np.float64)
    hit = np.array([found.count for found in shares.values()])
    miss = np.array([found.of for found in shares.values()]) - hit
    size = np.geomspace(sizes.min() / 10, 20 * sizes.max(), 400)[:, None, None]
    cut = np.linspace(_CUT[0] - 2 * _CUT[1], _CUT[0] + 2 * _CUT[1], 41)[:, None]
    rise = (cut + NormalDist().inv_cdf(assurance)) / np.sqrt(size)
    z = rise * np.sqrt(sizes) - cut  # sizes wanted x cuts x sizes tried
    log_p = (hit * log_ndtr(z) + miss * log_ndtr(-z)).sum(axis=-1)
    log_p = np.where(rise[..., 0] > 0, log_p, -np.inf)
    log_p -= ((cut[:, 0] - _CUT[0]) / _CUT[1]) ** 2 / 2
    p = np.exp(log_p - log_p.max()).sum(axis=1)
    ends = np.interp([0.5, 0.025, 0.975], p.cumsum() / p.sum(), size[:, 0, 0])
    return Needed(*map(float, ends))
