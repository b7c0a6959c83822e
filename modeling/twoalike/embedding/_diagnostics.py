"""Whether a fit has converged, judged on what is used: choice probabilities and similarities."""

from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_choice, pair_similarities

RHAT_LIMIT = 1.05
N_TRIPLETS = 300


def _probabilities(
    x: npt.NDArray[np.float32], triplets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Probability that item 1 is odd and similarity of items 1 and 2, (chains, draws, n) each."""
    chains, draws = x.shape[:2]
    shape = (chains, draws, len(triplets))
    p, s = np.empty(shape), np.empty(shape)
    for chain in range(chains):
        for draw in range(draws):
            pairs = pair_similarities(x[chain, draw] @ x[chain, draw].T, triplets)
            p[chain, draw], s[chain, draw] = np.exp(log_choice(pairs)[0]), pairs[0]
    return p, s


def chain_convergence(
    x: npt.NDArray[np.float32], stats: dict[str, npt.NDArray[np.float64]], seed: int
) -> dict[str, Any]:
    """R-hat and ESS over chains for random triplets and pairs, and how the chains compare.

    Parameters
    ----------
    x
        Draws, shape (chains, draws, m, d).
    stats
        Sampler statistics, (chains, draws) each.
    """
    from arviz_stats.base import array_stats

    rng = np.random.default_rng([seed, 1])
    m = x.shape[2]
    triplets = np.stack([rng.choice(m, size=3, replace=False) for _ in range(N_TRIPLETS)])
    result: dict[str, Any] = {}
    for name, values in zip(("choice", "similarity"), _probabilities(x, triplets), strict=True):
        rhat = np.asarray(array_stats.rhat(values, chain_axis=0, draw_axis=1))
        ess = np.asarray(array_stats.ess(values, chain_axis=0, draw_axis=1))
        result |= {
            f"{name}_rhat_95": round(float(np.quantile(rhat, 0.95)), 4),
            f"{name}_rhat_max": round(float(rhat.max()), 4),
            f"{name}_ess_median": round(float(np.median(ess)), 1),
        }
    result["chain_log_density"] = [round(float(v), 1) for v in stats["logp"].mean(axis=1)]
    result["chain_step_size"] = [round(float(v[-1]), 5) for v in stats["step_size"]]
    result["divergences"] = int(stats["diverging"].sum())
    converged = result["choice_rhat_95"] <= RHAT_LIMIT
    return {"converged": bool(converged), **result}


def optimiser_convergence(losses: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Whether the evidence bound has stopped moving: its last tenth against the one before.

    The bound is noisy: a change counts when it is larger than three standard errors of the mean
    and than a hundredth of a nat a judgment, which held-out log-loss would hardly show.

    Parameters
    ----------
    losses
        Negative evidence bound a judgment in nats, one value a chunk of steps.
    """
    tenth = max(len(losses) // 10, 1)
    last, before = losses[-tenth:], losses[-2 * tenth : -tenth]
    change = float(before.mean() - last.mean())
    noise = float(last.std(ddof=1) / np.sqrt(len(last))) if len(last) > 1 else 0.0
    return {
        "converged": bool(abs(change) <= max(0.01, 3 * noise)),
        "loss": round(float(last.mean()), 5),
        "loss_change": round(change, 5),
    }
