"""Response times in the model: how clear an answer was shows in how soon it came.

A time less the person's shift is log-normal. Its location falls with the gap g of the log-odds of
the two best answers as the mean decision time of a diffusion process does between bounds that give
these odds, tanh(g / 2) / (g / 2) (Bogacz et al. 2006, doi:10.1037/0033-295X.113.4.700):

    log(t - shift_p) ~ Normal(location_p + slope_p log(tanh(g / 2) / (g / 2)), noise_p).

A slope of 1 is the diffusion process; at 0 times say nothing of the answers. Every person has
parameters of their own, partially pooled; the shift is a share of their shortest time, the same
share for all. A time that is unknown, or not positive, is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from twoalike.study import Floats, Integers, TwoalikeError

NOISE = 0.5
"""Typical standard deviation of log times; people differ in it by a factor of about 1.6."""
LEAST_GAP = 1e-3
"""Below, the location is flat to a millionth, and its expression has no digits left."""


def response_times(choices: pd.DataFrame) -> Floats:
    """Take the times of choices in s, NaN where unknown or not positive, (n,)."""
    times = choices["response_time"].to_numpy(dtype=np.float32, na_value=np.nan)
    if not (times > 0).any():
        raise TwoalikeError(
            where="`response_times=...`",
            expected="judgments with response times",
            found=f"none among {len(times):,}",
            remedy="Leave it out.",
        )
    return np.asarray(np.where(times > 0, times, np.nan), dtype=np.float32)


@dataclass(frozen=True)
class Clocks:
    """How people's times come about, symbolic or not: each (P,), by participant."""

    shift: Any
    location: Any
    slope: Any
    noise: Any

    def log_density(self, odds: Sequence[Any], times: Any, judge: Any, xp: ModuleType) -> Any:
        """Log density of each time, (n,), 0 where it is NaN.

        ``odds`` are the log-odds of the answers, (n,) each.
        """
        best, second = xp.maximum(odds[0], odds[1]), xp.minimum(odds[0], odds[1])
        for other in odds[2:]:
            best, second = xp.maximum(best, other), xp.maximum(second, xp.minimum(best, other))
        gap = best - second
        half = xp.maximum(gap / 2, LEAST_GAP)
        known = times > 0
        shift, noise = self.shift[judge], self.noise[judge]
        log_time = xp.log(xp.where(known, times - shift, 1.0))
        mean = self.location[judge] + self.slope[judge] * xp.log(xp.tanh(half) / half)
        log = -0.5 * ((log_time - mean) / noise) ** 2 - xp.log(noise) - log_time
        return xp.where(known, log - float(0.5 * np.log(2 * np.pi)), 0.0)


def add_clocks(times: Floats, judge: Integers, n_people: int) -> Clocks:
    """Add the parameters of all people's times to the open PyMC model.

    ``times`` (n,) in s and ``judge`` (n,) give the shortest time of each, and the typical one.
    """
    import pymc as pm

    shortest = np.full(n_people, np.inf, dtype=np.float32)
    known = times > 0
    np.minimum.at(shortest, judge[known], times[known])
    shortest[np.isinf(shortest)] = 0  # of whom no time is known
    typical = float(np.log(times[known]).mean())
    share = pm.Beta("time_share", 2.0, 2.0)

    def pooled(name: str, centre: float, scale: float) -> Any:
        mean = pm.Normal(f"time_{name}_mean", centre, scale)
        spread = pm.HalfNormal(f"time_{name}_spread", 0.5)
        return mean + spread * pm.Normal(f"time_{name}_offset", 0.0, 1.0, dims="participant")

    return Clocks(
        share * shortest,
        pm.Deterministic("time_location", pooled("location", typical, 1.0), dims="participant"),
        pm.Deterministic("time_slope", pooled("slope", 0.0, 0.5), dims="participant"),
        pm.Deterministic(
            "time_noise",
            pm.math.exp(pooled("log_noise", float(np.log(NOISE)), 0.5)),
            dims="participant",
        ),
    )
