"""Whether a fit has converged, judged on what is used: choice probabilities and similarities.

Coordinates cannot tell: columns may be exchanged, and near-empty ones change places within a
chain. A chain is a Markov chain of ``nuts`` or one of several independent fits of ``vi``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.embedding._similarity import find_kernel
from twoalike.study import Floats, Integers

RHAT_LIMIT = 1.05
"""Largest R-hat of 95 % of the choice probabilities, and of the similarities, that will do."""
N_TRIPLETS = 300


def judged_triplets(m: int, seed: int, n: int = N_TRIPLETS) -> Integers:
    """Random triplets of m objects on which convergence is judged, shape (n, 3)."""
    return random_triplets(m, n, np.random.default_rng([seed, 1]))


def predictions(x: Floats, triplets: Integers, similarity: str = "dot") -> tuple[Floats, Floats]:
    """Probability that item 1 is odd and similarity of items 1 and 2, (chains, draws, n) each.

    Draws ``x`` have shape (chains, draws, m, d), triplets (n, 3).
    """
    kernel = find_kernel(similarity)
    # Only of objects that are asked about: all pairs of 20,000 objects take gigabytes.
    objects, places = np.unique(triplets, return_inverse=True)
    x, triplets = x[:, :, objects], places.reshape(triplets.shape)
    chains, draws = x.shape[:2]
    shape = (chains, draws, len(triplets))
    p, s = np.empty(shape), np.empty(shape)
    for chain in range(chains):
        for draw in range(draws):
            matrix = kernel.matrix(x[chain, draw], x[chain, draw])
            pairs = pair_similarities(matrix, triplets)
            p[chain, draw], s[chain, draw] = np.exp(log_choice(pairs)[0]), pairs[0]
    return p, s


def mixing(values: Floats) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Rank-normalised split R-hat and bulk effective draws (doi:10.1214/20-BA1221), (n,) each.

    Values have shape (chains, draws, n); of a single chain the halves are compared. NaN where there
    are too few draws; a quantity that is the same in all draws has R-hat 1.
    """
    from arviz_stats.base import array_stats

    if values.shape[0] == 1:
        half = values.shape[1] // 2
        values = np.stack([values[0, :half], values[0, half : 2 * half]])
    if values.shape[1] < 4:
        missing = np.full(values.shape[2], np.nan)
        return missing, missing
    rhat = np.ones(values.shape[2])
    ess = np.full(values.shape[2], float(values.shape[0] * values.shape[1]))
    moving = np.ptp(values, axis=(0, 1)) > 1e-12
    if moving.any():
        some = values[..., moving]
        rhat[moving] = array_stats.rhat(some, chain_axis=0, draw_axis=1)
        ess[moving] = array_stats.ess(some, chain_axis=0, draw_axis=1)
    return rhat, ess


def chain_convergence(
    x: Floats,
    stats: dict[str, Floats],
    seed: int,
    similarity: str = "dot",
) -> dict[str, Any]:
    """R-hat and ESS over chains for random triplets and pairs, and how the chains compare.

    ``x`` are draws, shape (chains, draws, m, d); ``stats`` holds ``logp``, ``step_size`` and
    ``diverging``, (chains, draws) each, as far as the engine has them.

    Returns
    -------
    ``converged``; ``choice_rhat_95``, ``_rhat_max``, ``_ess_median``, ``_ess_05`` (5 % of the
    quantities have fewer effective draws) and the same of ``similarity``; of each chain
    ``chain_log_density`` and ``chain_step_size``; ``divergences``.
    """
    result: dict[str, Any] = {}
    both = predictions(x, judged_triplets(x.shape[2], seed), similarity)
    for name, values in zip(("choice", "similarity"), both, strict=True):
        rhat, ess = mixing(values)
        result |= {
            f"{name}_rhat_95": round(float(np.quantile(rhat, 0.95)), 4),
            f"{name}_rhat_max": round(float(rhat.max()), 4),
            f"{name}_ess_median": round(float(np.median(ess)), 1),
            f"{name}_ess_05": round(float(np.quantile(ess, 0.05)), 1),
        }
    if "logp" in stats:
        result["chain_log_density"] = [round(float(v), 1) for v in stats["logp"].mean(axis=1)]
    if "step_size" in stats:
        result["chain_step_size"] = [round(float(v[-1]), 5) for v in stats["step_size"]]
    if "diverging" in stats:
        result["divergences"] = int(stats["diverging"].sum())
    # A comparison with NaN is false: too few draws to tell is not convergence.
    converged = max(result["choice_rhat_95"], result["similarity_rhat_95"]) <= RHAT_LIMIT
    return {"converged": bool(converged), **result}


def with_chains(
    known: dict[str, Any],
    x: Floats,
    stats: dict[str, Floats],
    *,
    engine: str,
    seed: int,
    similarity: str = "dot",
) -> dict[str, Any]:
    """Add to what is known of a fit how its chains compare.

    A fit that the known figures call unsettled has not converged, whatever its chains say. A single
    chain of another engine than ``nuts`` mixes by construction and shows nothing.
    """
    if x.shape[0] == 1 and engine != "nuts":
        return known
    chains = chain_convergence(x, stats, seed, similarity)
    settled = bool(known.get("converged", True) and chains["converged"])
    return {**known, **chains, "converged": settled}


def optimiser_convergence(losses: Floats) -> dict[str, Any]:
    """Whether the evidence bound of every fit has settled, from losses (fits, chunks of steps).

    The last tenth is compared with the one before. The bound is noisy: a change counts when it is
    larger than three standard errors of the mean and than a hundredth of a nat a judgment, which
    held-out log-loss would hardly show. ``loss_change`` is that of the fit that moved most.
    """
    tenth = max(losses.shape[1] // 10, 1)
    last, before = losses[:, -tenth:], losses[:, -2 * tenth : -tenth]
    change = before.mean(axis=1) - last.mean(axis=1)
    noise = last.std(axis=1) / np.sqrt(tenth)
    # A comparison with NaN is false: a bound that is no number has not settled.
    settled = np.abs(change) <= np.maximum(0.01, 3 * noise)
    return {
        "converged": bool(settled.all()),
        "loss": round(float(last.mean()), 5),
        "loss_change": round(float(change[np.argmax(np.abs(change))]), 5),
    }
