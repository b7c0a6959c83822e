r"""One search for the size of a study, from simulated studies that reach what is wanted or not.

A few studies of a size tell where to look; near the size that is recommended so many are simulated
as were asked for, so that the answer is never read off beyond what was tried, and a size is passed
over where too few of its own studies reach what is wanted. What other sizes would reach comes from
a curve. Of predictions it is how a measure falls with more judgments,

.. math:: y(n) = a\,(n + s)^{-b},

which falls whatever its parameters, is bounded where there are no judgments, and is a power law
where there are many, as log-loss above the truth's (b near 1) and widths of intervals (b near 1/2)
are. It is fitted to logarithms, so noise is relative. A study to come differs from the curve as the
simulated ones do; the size that is enough with an assurance q is the q-quantile of the sizes at
which such studies reach the target. Of a difference between groups it is

.. math:: P(N) = \Phi(b \sqrt{N} - c),

the power of a test of means with N people, c the quantile of its level; with c near that of 5 %
and both unknown it serves for averages over worlds as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, comb
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.evaluation import wilson_interval
from twoalike.recovery._simulate import CHANCE, LEVEL, GroupTest, Measure
from twoalike.study import Floats, TwoalikeError, counted

EXPONENT = {"regret": 1.0, "width": 0.5}
"""Value of b by theory for many judgments; a weak prior, for curves of few sizes."""
_EXPONENT_SD = 0.3
_SHIFT_SD = 1.0
"""Of log(1 + s / smallest n)."""
_LARGEST_SHIFT = 4.0
_EXPONENTS = (0.05, 4.0)
_NOISE = 0.1
"""Relative noise of a simulated study that the priors are weighed against."""
_LARGEST_LOG = 60.0
RESAMPLES = 300
HOLDS = 0.8
"""Least share of the truth that the intervals of a size hold on average, for their width to count.
With very few judgments a fit finds too few dimensions and is sure of it: its intervals are narrow
and wrong."""


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """A fitted curve, and curves that could have been found as well."""

    log_scale: float
    exponent: float
    shift: float
    """``log_scale``, ``exponent``, ``shift``: log a, b and s of the module's first equation."""
    sd: float
    """Standard deviation of a study's logarithm around the curve, between worlds and within."""
    samples: Floats
    """Bootstrapped curves of single studies to come: log a (with the study's own deviation), b, s
    and the deviation; shape (B, 4)."""

    def value(self, judgments: npt.ArrayLike) -> Floats:
        n = np.asarray(judgments, dtype=np.float64)
        return np.asarray(np.exp(self.log_scale - self.exponent * np.log(n + self.shift)))

    def size_at(self, target: float) -> float:
        """Judgments at which the curve meets ``target``; half of such studies need more."""
        n = np.exp((self.log_scale - np.log(target)) / self.exponent) - self.shift
        return max(float(n), 0.0)

    def size_interval(self, target: float, level: float = 0.95) -> tuple[float, float]:
        """Interval of :meth:`size_at`: other worlds might have been drawn."""
        n = self._sizes(self.samples[:, 0] - self.samples[:, 3], target)
        low, high = np.quantile(n, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def assured_size(self, target: float, assurance: float) -> float:
        """Judgments with which a share ``assurance`` of studies to come reaches ``target``."""
        return float(np.quantile(self._sizes(self.samples[:, 0], target), assurance))

    def _sizes(self, log_scale: Floats, target: float) -> Floats:
        """Judgments at which each sample meets the target; of two worlds some are beyond reach."""
        _, b, s, _ = self.samples.T
        n = np.exp(np.minimum((log_scale - np.log(target)) / b, _LARGEST_LOG)) - s
        return np.asarray(np.maximum(n, 0.0))

    def band(self, judgments: Floats, assurance: float) -> tuple[Floats, Floats]:
        """Heights below which studies to come are with 1 - ``assurance`` and with ``assurance``.

        The upper one meets a target at :meth:`assured_size`.
        """
        scale, b, s, _ = self.samples.T
        values = np.exp(scale - b * np.log(judgments[:, None] + s))
        low, high = np.quantile(values, [1 - assurance, assurance], axis=1)
        return low, high

    def to_json(self) -> dict[str, float]:
        """Give its parameters: y = exp(log_scale) (n + shift)^-exponent."""
        return {name: getattr(self, name) for name in ("log_scale", "exponent", "shift", "sd")}


def fit_curve(studies: pd.DataFrame, measure: Measure, rng: np.random.Generator) -> LearningCurve:
    """Fit the curve to two or more simulated studies; ``rng`` draws worlds anew.

    Widths of the sizes whose intervals do not hold the truth (:data:`HOLDS`) are passed over.
    """
    honest = studies.groupby("judgments")["coverage"].transform("mean") >= HOLDS
    if measure != "regret" and honest.any():
        studies = studies[honest]
    n, y = studies["judgments"].to_numpy(np.float64), np.log(studies[measure].to_numpy(np.float64))
    names, row = np.unique(studies["world"], return_inverse=True)
    log_a, b, shift = _fit(n, y, np.ones((1, len(n))), EXPONENT[measure])[0]
    residuals = y - (log_a - b * np.log(n + shift))
    free = max(len(y) - min(3, len(np.unique(n))), 1)
    sd = float(np.sqrt((residuals**2).sum() / free))
    # Studies of a world deviate together: worlds are what is counted, and what is drawn again.
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    again = _fit(n, y, drawn[:, row].astype(float), EXPONENT[measure])
    deviation = sd * rng.standard_t(max(len(names) - 1, 1), size=RESAMPLES)
    samples = np.column_stack([again[:, 0] + deviation, again[:, 1:], deviation])
    return LearningCurve(float(log_a), float(b), float(shift), sd, samples)


def _fit(n: Floats, y: Floats, weights: Floats, exponent: float) -> Floats:
    """Most probable log a, b and s under the weak priors, for every row of weights, shape (B, 3).

    For a given s the logarithm of the curve is a line; s is the best of a grid.
    """
    t = np.linspace(0, _LARGEST_SHIFT, 81)[:, None]
    shift = np.expm1(t) * n.min()
    x = np.log(n + shift)  # (grid, N)
    total = weights.sum(axis=1)
    mean_x, mean_y = weights @ x.T / total[:, None], weights @ y / total
    xx = weights @ (x**2).T - total[:, None] * mean_x**2
    xy = weights @ (x * y).T - total[:, None] * mean_x * mean_y[:, None]
    yy = weights @ y**2 - total * mean_y**2
    precision = (_NOISE / _EXPONENT_SD) ** 2
    b = np.clip((precision * exponent - xy) / (precision + xx), *_EXPONENTS)  # (B, grid)
    misfit = (yy[:, None] + 2 * b * xy + b**2 * xx) / _NOISE**2
    misfit += ((b - exponent) / _EXPONENT_SD) ** 2 + (t.T / _SHIFT_SD) ** 2
    best = misfit.argmin(axis=1)
    rows = np.arange(len(weights))
    slope = b[rows, best]
    return np.column_stack([mean_y + slope * mean_x[rows, best], slope, shift[best, 0]])


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
class FoundSize:
    """The answer and what it rests on: what the curve gives, and all simulated studies.

    These have a row each, small ones first.
    """

    participants: int
    needed: Needed
    studies: pd.DataFrame


def find_size(
    simulate: Callable[[int, int], pd.DataFrame], wanted: "Wanted", plan: SearchPlan
) -> FoundSize:
    """Find the number of participants with which most studies to come reach what is wanted.

    ``simulate`` gives, of a number of participants, the first studies of that size; it is called
    again with more of a size where the size matters.
    """
    if (smallest := plan.size(plan.fewest)) > plan.largest:
        raise TwoalikeError(
            f"the design takes at least {counted(smallest, 'participant')}, more than "
            f"`most_participants={plan.most}`. Raise it."
        )
    sizes: dict[int, pd.DataFrame] = {}
    people, number = min(plan.size(plan.start), plan.largest), min(plan.probes, plan.studies)
    while True:
        sizes = dict(sorted((sizes | {people: simulate(people, number)}).items()))
        studies = pd.concat(sizes.values(), ignore_index=True)
        needed = wanted.needed(studies, plan.assurance)
        whole = {
            size: wanted.reached(found)
            for size, found in sizes.items()
            if len(found) == plan.studies
        }
        best = _best(needed, whole, plan)
        if answers := [size for size in whole if best <= size <= STEP * best]:
            return FoundSize(min(answers), needed, studies)
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
        if self.measure == "width":
            return f"95 % intervals of choice probabilities {self.value:.3g} wide on average"
        return f"a log-loss within {self.value:.3g} nats of the truth's"

    def reached(self, studies: pd.DataFrame) -> int:
        """Count the studies of one size that reach it, by widths of intervals that hold."""
        if self.measure == "width" and studies["coverage"].mean() < HOLDS:
            return 0
        return int((studies[self.measure] <= self.value).sum())

    def curve(self, studies: pd.DataFrame) -> LearningCurve:
        """Learning curve through all studies; the same for the same studies."""
        return fit_curve(studies, self.measure, np.random.default_rng(len(studies)))

    def needed(self, studies: pd.DataFrame, assurance: float) -> Needed:
        largest = int(studies["participants"].max())
        held = studies.groupby("participants")["coverage"].mean()
        if self.measure == "width" and (held < HOLDS).all():
            return Needed(2.0 * largest, largest, np.inf)
        each = float(studies["judgments"].max()) / largest
        curve = self.curve(studies)
        low, high = curve.size_interval(self.value)
        assured = curve.assured_size(self.value, assurance)
        return Needed(assured / each, low / each, high / each)

    def unreachable(self, studies: pd.DataFrame, plan: SearchPlan) -> str:
        come_to = f"{np.exp(np.log(studies[self.measure]).mean()):.3g}"
        held = studies["coverage"].mean()
        if self.measure == "regret":
            come_to += " nats above it"
        elif held < HOLDS:
            come_to += f", but their intervals hold {held:.0%} of the truth"
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

    def reached(self, studies: pd.DataFrame) -> int:
        return int((studies[f"p_{self.test}"] <= LEVEL).sum())

    def share(self, studies: pd.DataFrame) -> Share:
        return Share(self.reached(studies), len(studies))

    def needed(self, studies: pd.DataFrame, assurance: float) -> Needed:
        sizes = [of for _, of in studies.groupby("participants")]
        shares = {int(of["participants"].iloc[0]): self.share(of) for of in sizes}
        return needed_people(shares, assurance)

    def unreachable(self, studies: pd.DataFrame, plan: SearchPlan) -> str:
        return (
            f"`most_participants={plan.most}`: of simulated studies with "
            f"{counted(plan.largest, 'participant')}, {plan.largest // 2} a group, "
            f"{self.share(studies)} differ, not {plan.assurance:.0%}. Raise it, or "
            "`trials_per_person=...`, or expect a larger `effect=...`."
        )


type Wanted = Target | Difference
"""What a study is to reach; simulated studies have a row each."""


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
