"""How long people take: log-probabilities of times as a person's, too fast, and too regular.

Times are log-normal, but for stray ones, such as pauses. A person's median and spread are unknown
and integrated over priors, those of a :class:`Pace`; slow is not careless.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from twoalike.study import Floats

SPREADS = np.geomspace(0.01, 1.5, 30)
"""Standard deviations of log times; about the coefficient of variation where small."""
STRAY, STRAY_MEDIAN, STRAY_SD = 0.05, 1.5, 1.5
"""Share of times that follow no pattern, such as pauses, and their log-normal (s)."""


@dataclass(frozen=True)
class Pace:
    """Times of one task, in s.

    Attributes
    ----------
    median, faster_sd, slower_sd
        Medians of people: log-normal, wider above than below.
    spread, spread_sd
        Standard deviations of the log times of a person: log-normal.
    fast
        Medians at which nobody has looked: log-uniform.
    fast_spread, regular_spread
        Largest spread of the too fast, and of the too regular.
    """

    median: float
    faster_sd: float
    slower_sd: float
    spread: float
    spread_sd: float
    fast: tuple[float, float]
    fast_spread: float
    regular_spread: float


CHOOSING = Pace(1.5, 0.5, 1.0, 0.45, 0.35, (0.001, 0.35), 0.6, 0.12)
"""Response times to triplets: the spread of people's is hardly below .2."""
RATING = Pace(2.0, 0.5, 1.0, 0.45, 0.35, (0.001, 0.35), 0.6, 0.12)
"""Response times to rated pairs: as for triplets, with a scale to be reached."""
ARRANGING = Pace(3.0, 0.45, 0.9, 0.3, 0.5, (0.02, 1.0), 0.6, 0.03)
"""Duration of a trial, an image: a session on Meadows took 2.1 s an image, 6 s if it was new. Means
over the images of a trial vary little."""


def log_times(log_times: Floats, pace: Pace = CHOOSING) -> tuple[float, float, float]:
    """Log-probability of a person's log times as usual, too fast, and too regular.

    Medians are integrated on a grid in standard errors about the observed one, fine enough for
    every spread.
    """
    if not len(log_times):
        return 0.0, 0.0, 0.0
    step = 0.4 / np.sqrt(len(log_times))
    median = np.median(log_times) + SPREADS[:, None] * step * np.arange(-12, 13)
    body = norm.logpdf(log_times[:, None, None], median, SPREADS[:, None])
    stray = norm.logpdf(log_times, np.log(STRAY_MEDIAN), STRAY_SD)[:, None, None]
    each = np.logaddexp(np.log1p(-STRAY) + body, np.log(STRAY) + stray)
    log_p = each.sum(axis=0) + np.log(SPREADS[:, None] * step)

    def average(log_median: Floats, weight: Floats) -> float:
        weighted = log_p + log_median + np.log(weight / weight.sum())[:, None]
        return float(logsumexp(weighted))

    usual = norm.pdf(np.log(SPREADS), np.log(pace.spread), pace.spread_sd)
    off = median - np.log(pace.median)
    sd = np.where(off < 0, pace.faster_sd, pace.slower_sd)
    split = np.log(2 / (pace.faster_sd + pace.slower_sd)) + norm.logpdf(off / sd)
    lowest, highest = np.log(pace.fast)
    within = (lowest < median) & (median < highest)
    with np.errstate(divide="ignore"):  # medians and spreads that a kind does not have
        return (
            average(split, usual),
            average(np.log(within / (highest - lowest)), 1.0 * (SPREADS <= pace.fast_spread)),
            average(
                norm.logpdf(median, np.log(STRAY_MEDIAN), STRAY_SD),
                1.0 * (SPREADS <= pace.regular_spread),
            ),
        )


def by_kind(usual: float, fast: float, regular: float) -> list[float]:
    """Log-probability of times for the careful, guessing, position and automatic kinds."""
    person = np.logaddexp(usual, fast) - np.log(2)
    return [usual, person, person, np.logaddexp(fast, regular) - np.log(2)]
