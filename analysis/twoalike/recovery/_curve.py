r"""The learning curve: how a measure falls with more judgments, and where it meets a target.

.. math:: y(n) = a\,(n + s)^{-b}

falls whatever its parameters, is bounded where there are no judgments, and is a power law where
there are many, as log-loss above the truth's (b near 1) and widths of intervals (b near 1/2) are.
It is fitted to logarithms, so noise is relative. A study to come differs from the curve as the
simulated ones do; the size that is enough with an assurance q is the q-quantile of the sizes at
which such studies reach the target.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.recovery._simulate import Measure, Outcome
from twoalike.study import Floats

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
    """``log_scale``, ``exponent``, ``shift``: log a, b and s of the module's equation."""
    sd: float
    """Standard deviation of a study's logarithm around the curve, between worlds and within."""
    samples: Floats
    """Bootstrapped curves of single studies to come: log a (with the study's own deviation), b, s
    and the deviation; shape (B, 4)."""

    def value(self, judgments: npt.ArrayLike) -> Floats:
        """Height of the curve."""
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
        return np.maximum(n, 0.0)

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


def fit_curve(
    outcomes: Sequence[Outcome], measure: Measure, rng: np.random.Generator
) -> LearningCurve:
    """Fit the curve to two or more simulated studies; ``rng`` draws worlds anew."""
    outcomes = _counted(outcomes, measure)
    n = np.array([outcome.judgments for outcome in outcomes], dtype=np.float64)
    y = np.log([outcome.value(measure) for outcome in outcomes])
    world = np.array([outcome.world for outcome in outcomes])
    names, row = np.unique(world, return_inverse=True)
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


def held(outcomes: Sequence[Outcome]) -> float:
    """Mean share of the truth that the intervals of studies hold."""
    return float(np.mean([outcome.coverage for outcome in outcomes]))


def _counted(outcomes: Sequence[Outcome], measure: Measure) -> Sequence[Outcome]:
    """Studies of the sizes whose measure can be trusted: for widths, see :data:`HOLDS`."""
    by_size: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        by_size.setdefault(outcome.judgments, []).append(outcome)
    honest = [one for found in by_size.values() if held(found) >= HOLDS for one in found]
    return honest if honest and measure == "width" else outcomes


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
