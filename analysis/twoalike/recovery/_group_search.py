r"""Finding how many people two groups need, from simulated studies that find a difference or not.

.. math:: P(N) = \Phi(b \sqrt{N} - c)

is the power of a test of means with N people, c the quantile of its level; with c near that of 5 %
and both unknown it serves for averages over worlds as well. Some studies of a size tell where to
look; at the size that the curve recommends so many are simulated as were asked for, so that the
answer is never read off beyond what was tried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from twoalike.evaluation import wilson_interval
from twoalike.recovery._group_study import GroupOutcome, GroupTest
from twoalike.recovery._search import SearchPlan, too_few
from twoalike.study import TwoalikeError, counted

PROBES = 10
"""Studies of a size while the neighbourhood of the answer is sought."""
NEAR = 1.5
"""A size is near another one within this factor."""
FARTHEST = 3.0
"""Factor up to which a size exceeds all that were tried."""
STEP = 1.1
"""Sizes within this factor are not told apart."""
_CUT = (1.8, 0.35)
"""Mean and standard deviation of c: 1.64 in a one-sided test, 1.96 in a two-sided one."""

type SimulateStudies = Callable[[int, int], Sequence[GroupOutcome]]
"""Of a number of participants, the first studies of that size."""


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
        return {
            "differ": self.count,
            "simulated": self.of,
            "power": self.count / self.of,
            "low": low,
            "high": high,
        }


def share(outcomes: Sequence[GroupOutcome], test: GroupTest) -> Share:
    """Count the studies in which a test finds a difference."""
    return Share(sum(outcome.differs(test) for outcome in outcomes), len(outcomes))


@dataclass(frozen=True)
class NeededPeople:
    """Participants with which the power reaches the assurance: median and 95 % interval."""

    median: float
    low: float
    high: float


def needed_people(shares: Mapping[int, Share], assurance: float) -> NeededPeople:
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
    return NeededPeople(*map(float, ends))


@dataclass(frozen=True, eq=False)
class FoundGroups:
    """The answer and what it rests on."""

    participants: int
    """Recommended number, both groups together."""
    needed: NeededPeople
    """What the curve through all sizes gives."""
    outcomes: dict[int, list[GroupOutcome]]
    """Simulated studies of each size, small ones first."""


def find_groups(simulate: SimulateStudies, test: GroupTest, plan: SearchPlan) -> FoundGroups:
    """Find the number of participants with which most studies find a difference.

    Parameters
    ----------
    simulate
        Simulates studies; called with more of a size where the size matters.
    plan
        Bounds of the search; its ``worlds`` is the number of studies of the answer's size.

    Raises
    ------
    TwoalikeError
        If the largest size allowed does not reach the assurance.
    """
    if plan.size(plan.fewest) > plan.largest:
        raise TwoalikeError(
            where=f"`most_participants={plan.most}`",
            expected=f"{plan.size(plan.fewest)} or more, which two groups of the design take",
        )
    done: dict[int, list[GroupOutcome]] = {}
    people, number = min(plan.size(plan.start), plan.largest), min(PROBES, plan.worlds)
    while True:
        done[people] = list(simulate(people, number))
        shares = {size: share(done[size], test) for size in sorted(done)}
        needed = needed_people(shares, plan.assurance)
        whole = {size: found for size, found in shares.items() if found.of == plan.worlds}
        wanted = _wanted(needed, whole, plan)
        answers = [size for size in whole if wanted <= size <= STEP * wanted]
        if answers:
            return FoundGroups(min(answers), needed, {size: done[size] for size in shares})
        if wanted > plan.largest and plan.largest in shares:
            found = shares[plan.largest]
            if found.of == plan.worlds or needed.low > plan.largest:
                raise TwoalikeError(_unreachable(found, plan))
        people = min(wanted, plan.size(FARTHEST * max(shares)), plan.largest)
        is_near = any(size / NEAR <= people <= size * NEAR for size in shares)
        number = plan.worlds if is_near else min(PROBES, plan.worlds)


def _wanted(needed: NeededPeople, whole: Mapping[int, Share], plan: SearchPlan) -> int:
    """Size to simulate next: that of the curve, above those that were simulated in vain."""
    wanted = plan.size(needed.median)
    for size, found in whole.items():
        if size < wanted or too_few(found.count, found.of, plan.assurance):
            wanted = max(wanted, plan.size(STEP * size))
    return wanted


def _unreachable(found: Share, plan: SearchPlan) -> str:
    return (
        f"`most_participants={plan.most}`: of simulated studies with "
        f"{counted(plan.largest, 'participant')}, {plan.largest // 2} a group, {found} differ, "
        f"not {plan.assurance:.0%}. Raise it, or `trials_per_person=...`, or expect a larger "
        "`effect=...`."
    )
