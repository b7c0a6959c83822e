"""NUTS engine, by nutpie.

Chains start from small coordinates: from large ones some stay in a wrong mode, with tiny steps
and every trajectory at its depth limit, which looks like a hang. The depth is capped.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._config import FitConfig
from twoalike.embedding._model import Data, build_model, start_values
from twoalike.study import progress

KEEP = ("logp", "step_size", "diverging", "depth", "n_steps")


def fit_nuts(
    data: Data,
    dimensions: int,
    *,
    prior: str,
    features: npt.NDArray[np.float32] | None,
    config: FitConfig,
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, npt.NDArray[np.float64]]]:
    """Sample the posterior.

    Returns
    -------
    Draws by name, each of shape (chains, draws, ...); sampler statistics, (chains, draws) each.
    """
    import nutpie

    rng = np.random.default_rng([config.seed, 0])
    model = build_model(data, dimensions, prior=prior, features=features)
    compiled = nutpie.compile_pymc_model(
        model,
        backend="jax",
        gradient_backend="jax",
        initial_points=start_values(data, dimensions, prior, rng),
    )
    sampler = nutpie.sample(
        compiled,
        draws=config.draws or 300,
        tune=config.tune,
        chains=config.chains,
        seed=config.seed,
        maxdepth=config.max_depth,
        progress_bar=False,
        save_warmup=False,
        blocking=False,
    )
    tree = _wait(sampler, config)
    posterior, stats = tree["posterior"].dataset, tree["sample_stats"].dataset
    wanted = [v.name for v in model.deterministics] + [v.name for v in model.free_RVs]
    draws = {
        name: posterior[name].values.astype(np.float32)
        for name in wanted
        if name in posterior and name not in ("unit", "residual")
    }
    return draws, {
        name: np.asarray(stats[name].values, dtype=float) for name in KEEP if name in stats
    }


def _wait(sampler: Any, config: FitConfig) -> Any:
    """Wait for the chains; an interrupt ends them and is passed on."""
    with progress() as bar:
        bar.add_task(f"NUTS, {config.chains} chains", total=None, status="")
        try:
            return sampler.wait()
        except KeyboardInterrupt:
            sampler.abort()
            raise
