"""NUTS engine, by nutpie.

Chains start from small coordinates: from large ones some stay in a wrong mode, with tiny steps
and every trajectory at its depth limit, which looks like a hang. The depth is capped.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._config import Checkpoint, FitConfig
from twoalike.embedding._model import Data, Form, prior_terms
from twoalike.study import Floats, progress

STATISTICS = ("logp", "energy", "step_size", "diverging", "depth", "n_steps")
type Chain = dict[str, npt.NDArray[Any]]
"""Draws and statistics of one chain by name, each of shape (draws, ...)."""
_STATISTIC = "statistic_"


def fit_nuts(
    data: Data,
    form: Form,
    *,
    config: FitConfig,
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Sample draws by name, (chains, draws, ...) each, and sampler statistics, (chains, draws).

    Each chain is sampled by itself from its own seed, so the draws do not depend on the number of
    processors; the checkpoint keeps finished chains.
    """
    n_chains = config.chains or 2
    model = form.model(data)
    log_priors = _log_priors(model)
    stored = {} if checkpoint is None else checkpoint.load()
    chains: dict[int, Chain] = {
        number: _of_chain(stored, number)
        for number in range(n_chains)
        if f"{number}_embedding" in stored
    }
    samplers: dict[int, Any] = {}
    with progress() as bar:
        total = n_chains * (config.tune + (config.draws or 300))
        task = bar.add_task(f"NUTS, {n_chains} chains", total=total, status="compiling")
        try:
            samplers = _begin(model, form, config, set(range(n_chains)) - set(chains))
            for number, sampler in samplers.items():
                bar.update(task, status=f"{len(chains)} of {n_chains} chains done")
                chains[number] = _chain(sampler.wait(), form, log_priors)
                bar.update(task, completed=total * len(chains) // n_chains)
                if checkpoint is not None and len(chains) < n_chains:
                    checkpoint.save(_as_arrays(chains))
        except KeyboardInterrupt:
            _abort([sampler for number, sampler in samplers.items() if number not in chains])
            raise
    names = list(chains[0])
    together = {name: np.stack([chains[k][name] for k in range(n_chains)]) for name in names}
    return (
        {n: v.astype(np.float32) for n, v in together.items() if not n.startswith(_STATISTIC)},
        {
            n.removeprefix(_STATISTIC): v.astype(float)
            for n, v in together.items()
            if n.startswith(_STATISTIC)
        },
    )


def _abort(samplers: Sequence[Any]) -> None:
    """End chains that are under way; what they have sampled is not used."""
    with warnings.catch_warnings():
        # A chain that has no draw yet has a strange shape, ArviZ says.
        warnings.filterwarnings("ignore", "Found chain dimension", UserWarning)
        for sampler in samplers:
            sampler.abort()


def _begin(model: Any, form: Form, config: FitConfig, numbers: set[int]) -> dict[int, Any]:
    """Start the chains of these numbers in the background, each from a start of its own."""
    import nutpie

    start = form.start(len(model.coords["object"]), np.random.default_rng([config.seed, 0]))
    compiled = nutpie.compile_pymc_model(
        model,
        backend="jax",
        gradient_backend="jax",
        initial_points=start,  # and jitter, by the chain's seed
        var_names=[v.name for v in model.unobserved_RVs if v.name in form.stored],
    )
    return {
        number: nutpie.sample(
            compiled,
            draws=config.draws or 300,
            tune=config.tune,
            chains=1,
            seed=int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0]),
            maxdepth=config.max_depth,
            progress_bar=False,
            save_warmup=False,
            blocking=False,
            store_unconstrained=True,
        )
        for number in sorted(numbers)
    }


def _chain(tree: Any, form: Form, log_priors: Callable[[Floats], Chain]) -> Chain:
    """Take what is kept of a sampled chain."""
    posterior, stats = tree["posterior"].dataset, tree["sample_stats"].dataset
    draws = {
        name: posterior[name].values[0].astype(np.float32)
        for name in form.stored
        if name in posterior
    }
    statistics = {
        f"{_STATISTIC}{name}": np.asarray(stats[name].values[0], dtype=float)
        for name in STATISTICS
        if name in stats
    }
    return {**draws, **log_priors(stats["unconstrained_draw"].values[0]), **statistics}


def _log_priors(model: Any) -> Callable[[Floats], Chain]:
    """Log prior densities by variable, from unconstrained draws of shape (S, all variables)."""
    from pymc.sampling.jax import get_jaxified_graph

    names, terms = prior_terms(model)
    graph = get_jaxified_graph(inputs=model.value_vars, outputs=terms)
    point = model.initial_point()
    shapes = [np.shape(point[v.name]) for v in model.value_vars]
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes]

    def evaluate(flat: Floats) -> Chain:
        import jax

        def one(draw: Any) -> Any:
            ends = np.cumsum(sizes)
            parts = [
                draw[end - size : end].reshape(shape)
                for end, size, shape in zip(ends, sizes, shapes, strict=True)
            ]
            return graph(*parts)

        values = jax.jit(lambda draws: jax.lax.map(one, draws))(flat)
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}

    return evaluate


def _as_arrays(chains: dict[int, Chain]) -> dict[str, npt.NDArray[Any]]:
    return {f"{k}_{name}": value for k, chain in chains.items() for name, value in chain.items()}


def _of_chain(arrays: dict[str, npt.NDArray[Any]], number: int) -> Chain:
    begin = f"{number}_"
    return {n.removeprefix(begin): v for n, v in arrays.items() if n.startswith(begin)}
