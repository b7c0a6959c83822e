"""Sensitivity to parts of the model by power-scaling, from the draws of one fit.

Power-scaling (doi:10.1007/s11222-023-10366-5) asks how much choice probabilities and similarities
would change with another prior: the draws are weighted as if one part of the prior, or the
likelihood, were raised to a power a little below and above one; sensitivity is the rate at which
a quantity's distribution moves. A part with many coordinates varies by many nats over draws, and
few draws then give sensitivities that are noise. So the same is computed with the draws of the
quantity shuffled, which breaks any link; only what exceeds nearly all of these counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twoalike.study import Floats

ALPHAS = (0.99, 1.01)
THRESHOLD = 0.05
"""Sensitivity that counts, as in the paper."""


@dataclass(frozen=True)
class Sensitivity:
    """Sensitivity to one part of the model.

    Attributes
    ----------
    part
        Name of the part of the prior, or ``likelihood``.
    choice, similarity
        Share of the choice probabilities, of the similarities, that are sensitive to it.
    noise
        Sensitivity that shuffled draws reach in 5 % of cases: far above 0.05, and more draws
        are needed to see anything smaller.
    k
        Pareto's k of the weights; above 0.7 they cannot be trusted.
    """

    part: str
    choice: float
    similarity: float
    noise: float
    k: float


def power_weights(log_density: Floats, alpha: float) -> tuple[Floats, float]:
    """Weights of the draws, (S,), with a part of the density raised to a power; Pareto's k."""
    from arviz_stats.base import array_stats

    log_weights, k = array_stats.psislw(-(alpha - 1) * log_density, axis=-1)
    return np.exp(log_weights), float(k)


def power_sensitivity(values: Floats, weights: tuple[Floats, Floats]) -> Floats:
    """Sensitivity of each quantity, (n,), by its draws, (S, n), and weights at both powers."""
    from arviz_stats.base import array_stats

    moving = np.ptp(values, axis=0) > 1e-12
    result = np.zeros(values.shape[1])
    lower, upper = (
        np.broadcast_to(w[None, :, None], (1, *values[:, moving].shape)) for w in weights
    )
    result[moving] = array_stats.power_scale_sense(
        values[None][..., moving], lower, upper, *ALPHAS, chain_axis=0, draw_axis=1
    )
    return result


def sensitivities(
    choice: Floats, similarity: Floats, parts: Mapping[str, Floats], seed: int
) -> list[Sensitivity]:
    """Sensitivity of choice probabilities and similarities, draws (S, n), to parts of the model.

    ``parts`` has the log-density of each part, shape (S,); one that is the same in all draws can
    move nothing and is left out.
    """
    rng = np.random.default_rng([seed, 3])
    found = []
    for part, log_density in parts.items():
        if np.ptp(log_density) < 1e-9:
            continue
        both = [power_weights(log_density, alpha) for alpha in ALPHAS]
        weights = (both[0][0], both[1][0])
        shuffled = rng.permuted(np.hstack([choice, similarity]), axis=0)
        noise = float(np.quantile(power_sensitivity(shuffled, weights), 0.95))
        limit = max(THRESHOLD, noise)
        shares = [
            float((power_sensitivity(values, weights) > limit).mean())
            for values in (choice, similarity)
        ]
        k = max(both[0][1], both[1][1])
        found.append(Sensitivity(part, shares[0], shares[1], noise, k))
    return found
