"""Finding the size of a study that reaches a target.

Sizes are doubled or halved in a couple of worlds until the target lies between two of them; there
all worlds are simulated, the learning curve is fitted, and the size that it recommends is
simulated as well, so that the answer is never read off beyond what was tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, comb, sqrt

import numpy as np

from twoalike.recovery._curve import HOLDS, LearningCurve, fit_curve
from twoalike.recovery._simulate import Measure, Outcome
from twoalike.recovery._world import CHANCE
from twoalike.study import TwoalikeError, counted

INFORMATION = 0.9
"""Default share of what can be known of choices: the part of ln 3 that the oracle is above chance.

A share and not a log-loss, since how predictable choices are differs between worlds; at .9 a
model predicts nearly as well as one who knows the space, and further trials mostly sharpen
intervals."""
PROBES = 2
"""Worlds in which a size is tried while the target's neighbourhood is sought."""
DOUBT = 0.1
"""A size is passed over where so few of its studies reach the target that fewer would have this
probability: the curve need not have the form of the truth everywhere."""

type Simulate = Callable[[Sequence[tuple[int, int]]], Sequence[Outcome]]
"""Of numbers of participants and of worlds."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A measure and the value at which a study is good enough; less is better."""

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


def make_target(
    oracle: float,
    *,
    information: float | None = None,
    regret: float | None = None,
    log_loss: float | None = None,
    width: float | None = None,
) -> Target:
    """Turn what was asked for into a target; at most one may be given.

    Parameters
    ----------
    oracle
        Mean log-loss of the oracle over worlds, nats.
    information
        Share of the oracle's gain over chance, between 0 and 1.
    regret
        Nats above the oracle's log-loss.
    log_loss
        On new triplets, nats.
    width
        Mean width of the 95 % intervals of choice probabilities.

    Raises
    ------
    TwoalikeError
        If several are given, guessing reaches the target, or no study can.

    Examples
    --------
    >>> round(make_target(0.6, log_loss=0.65).value, 6)
    0.05
    >>> make_target(0.6).asked
    '`target_information=0.9`'
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
    worlds: int
    """Worlds simulated at the sizes that matter, 2 or more."""
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


def too_few(reached: int, n: int, assurance: float) -> bool:
    """Whether so few of n studies would reach it with probability DOUBT, were the share right."""
    q = assurance
    chances = [comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(reached + 1)]
    return sum(chances) < DOUBT


@dataclass(frozen=True, eq=False)
class FoundSize:
    """The answer and what it rests on."""

    participants: int
    """Recommended number."""
    judgments: float
    """Judgments with which the share asked for of studies to come reaches the target."""
    curve: LearningCurve
    """Learning curve of the target's measure."""
    outcomes: list[Outcome]
    """All simulated studies, small ones first."""


class _Studies:
    """Simulated studies, each simulated once."""

    def __init__(self, simulate: Simulate, target: Target) -> None:
        self._simulate, self._target = simulate, target
        self.done: dict[tuple[int, int], Outcome] = {}

    def at(self, people: int, worlds: int) -> list[Outcome]:
        """Studies of a size, in the first ``worlds`` worlds."""
        return self.of([people], worlds)

    def of(self, sizes: Sequence[int], worlds: int) -> list[Outcome]:
        """Studies of several sizes, in the first ``worlds`` worlds; all new ones in one go."""
        wanted = [(people, world) for people in sizes for world in range(worlds)]
        new = [key for key in wanted if key not in self.done]
        if new:
            self.done |= zip(new, self._simulate(new), strict=True)
        return [self.done[key] for key in wanted]

    def middle(self, people: int) -> float:
        """Geometric mean of the target's measure in the probes."""
        found = [outcome.value(self._target.measure) for outcome in self.at(people, PROBES)]
        return float(np.exp(np.log(found).mean()))

    def reached(self, people: int) -> bool:
        """Whether the probes reach the target, for widths by intervals that hold the truth."""
        honest = self._target.measure == "regret" or self.held(people) >= HOLDS
        return honest and self.middle(people) <= self._target.value

    def held(self, people: int) -> float:
        """Mean share of the truth that the intervals of the probes hold."""
        return float(np.mean([outcome.coverage for outcome in self.at(people, PROBES)]))

    def refute(self, people: int, plan: SearchPlan) -> bool:
        """Whether too few studies of a size reach the target for the assurance to hold."""
        values = [outcome.value(self._target.measure) for outcome in self.at(people, plan.worlds)]
        reached = sum(value <= self._target.value for value in values)
        return too_few(reached, plan.worlds, plan.assurance)

    @property
    def sorted(self) -> list[Outcome]:
        """All of them, by size and world."""
        return [self.done[key] for key in sorted(self.done)]


def find_size(simulate: Simulate, target: Target, plan: SearchPlan, seed: int) -> FoundSize:
    """Find the number of participants with which most studies to come reach the target.

    Parameters
    ----------
    simulate
        Simulates studies; called once for each size and world, with all that are wanted next.

    Raises
    ------
    TwoalikeError
        If the largest size allowed does not reach the target.
    """
    studies = _Studies(simulate, target)
    studies.of(_neighbours(studies, target, plan), plan.worlds)
    each = studies.sorted[0].judgments / studies.sorted[0].participants
    refuted = 0  # largest size whose own studies speak against it
    while True:
        curve = fit_curve(studies.sorted, target.measure, np.random.default_rng([seed, 4]))
        needed = curve.assured_size(target.value, plan.assurance)
        people = plan.size(needed / each)
        if people <= refuted:
            people = plan.size(max(1.2 * refuted, refuted + 1))
            needed = people * each
        if people > plan.largest:
            raise TwoalikeError(_too_large(people, plan, target))
        simulated = (people, plan.worlds - 1) in studies.done
        if studies.refute(people, plan):
            refuted = people
        elif simulated:
            return FoundSize(people, needed, curve, studies.sorted)


def _neighbours(studies: _Studies, target: Target, plan: SearchPlan) -> list[int]:
    """Sizes around the target: one that misses it, one that reaches it, and one between."""
    size = min(plan.size(plan.start), plan.largest)
    smallest = plan.size(plan.fewest)
    if smallest > plan.largest:
        raise TwoalikeError(
            f"the design takes at least {counted(smallest, 'participant')}, more than "
            f"`most_participants={plan.most}`. Raise it."
        )
    if studies.reached(size):
        while size > smallest and studies.reached(plan.size(size / 2)):
            size = plan.size(size / 2)
        low, high = (plan.size(size / 2), size)
    else:
        while not studies.reached(size):
            if size == plan.largest:
                raise TwoalikeError(_unreachable(size, studies, target))
            size = min(plan.size(2 * size), plan.largest)
        low, high = plan.size(size / 2), size
    if low == high:  # the smallest size is enough; the next one tells how steep the curve is
        return sorted({low, min(plan.size(2 * low), plan.largest)})
    return sorted({low, plan.size(sqrt(low * high)), high})


def _unreachable(people: int, studies: _Studies, target: Target) -> str:
    value = f"{studies.middle(people):.3g}"
    if target.measure == "regret":
        value += " nats above it"
    elif studies.held(people) < HOLDS:
        value += f", but their intervals hold {studies.held(people):.0%} of the truth"
    return (
        f"{target.asked}: {target.words} is not reached with {counted(people, 'participant')}, who "
        f"come to {value}. Ask for less, or raise `most_participants=...` or "
        "`trials_per_person=...`."
    )


def _too_large(people: int, plan: SearchPlan, target: Target) -> str:
    return (
        f"{target.asked}: {plan.assurance:.0%} of studies reach it with about "
        f"{counted(people, 'participant')}, more than `most_participants={plan.most}`. Raise it, "
        "or ask for less."
    )
