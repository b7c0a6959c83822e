"""NUTS engine, by nutpie, on the same single-precision density as ``vi`` goes through.

Chains start near the spectrum of the judgments, each from coordinates of its own, or from small
random ones: from large ones some stay in a wrong mode, with tiny steps and every trajectory at its
depth limit, which looks like a hang. The depth is capped.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._config import Checkpoint, FitConfig
from twoalike.embedding._model import Data, Form
from twoalike.embedding._spectrum import starts_near
from twoalike.embedding._vi import columns_of, jax_density, single_precision
from twoalike.study import Floats, progress

STATISTICS = ("logp", "energy", "step_size", "diverging", "depth", "n_steps")
JITTER = 0.02
"""Standard deviation of what is added to a start: where a gradient is zero no chain begins."""
type Chain = dict[str, npt.NDArray[Any]]
"""Draws and statistics of one chain by name, each of shape (draws, ...)."""
_STATISTIC, _DRAW = "statistic_", "unconstrained"


def fit_nuts(
    data: Data,
    form: Form,
    *,
    config: FitConfig,
    thin: int = 1,
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Sample draws by name, (chains, draws, ...) each, and sampler statistics, (chains, draws).

    One draw of ``thin`` is kept.
    Each chain is sampled by itself from its own seed, so the draws do not depend on the number of
    processors; the checkpoint keeps finished chains.
    """
    n_chains, draws = config.chains or 2, thin * (config.draws or 300)
    stored = {} if checkpoint is None else checkpoint.load()
    chains: dict[int, Chain] = {
        number: _of_chain(stored, number)
        for number in range(n_chains)
        if f"{number}_embedding" in stored
    }
    samplers: dict[int, Any] = {}
    with progress() as bar:
        total = n_chains * (config.tune + draws)
        task = bar.add_task(f"NUTS, {n_chains} chains", total=total, status="compiling")
        try:
            wanted = set(range(n_chains)) - set(chains)
            samplers, quantities = _begin(data, form, config, draws, n_chains, wanted)
            for number, sampler in samplers.items():
                bar.update(task, status=f"{len(chains)} of {n_chains} chains done")
                chains[number] = _chain(sampler.wait(), quantities, thin)
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


@single_precision()
def _begin(
    data: Data, form: Form, config: FitConfig, draws: int, n_chains: int, numbers: set[int]
) -> tuple[dict[int, Any], Callable[[Floats], Chain]]:
    """Start the chains of these numbers in the background, each from a start of its own.

    Also gives what turns draws of all variables, (S, N), into what is stored.
    """
    import jax
    import jax.numpy as jnp
    import nutpie
    from jax.flatten_util import ravel_pytree
    from nutpie.compiled_pyfunc import from_pyfunc

    rngs = [np.random.default_rng([config.seed, 0, number]) for number in range(n_chains)]
    starts = starts_near([data] * n_chains, form, rngs)
    density = jax_density(data, form, starts)
    flat, unravel = ravel_pytree([density.starts[0][name] for name in density.names])
    judged = [array for group in columns_of(data) for array in group]

    def log_density(point: Any, arrays: Any) -> Any:
        values = unravel(jax.lax.optimization_barrier(point))
        return sum(density.groups(*values, *arrays)) + density.prior(*values)[0]

    gradient = jax.jit(jax.value_and_grad(log_density)).lower(flat, judged).compile()
    outputs = jax.jit(lambda points: jax.lax.map(lambda p: density.quantities(*unravel(p)), points))

    def log_density_of(point: Floats) -> tuple[float, Floats]:
        value, slope = gradient(point.astype(np.float32), judged)
        return float(value), np.asarray(slope, dtype=np.float64)

    @single_precision()
    def quantities(points: Floats) -> Chain:
        found = outputs(jnp.asarray(points, dtype=jnp.float32))
        return dict(zip(density.outputs, map(np.asarray, found), strict=True))

    def sampler(number: int) -> Any:
        start = np.concatenate([density.starts[number][name].ravel() for name in density.names])
        start = start + JITTER * rngs[number].normal(size=start.shape)
        compiled = from_pyfunc(
            len(flat),
            lambda: log_density_of,
            lambda *_: lambda point: {_DRAW: point},
            [np.dtype("float64")],
            [(len(flat),)],
            [_DRAW],
            make_initial_point_fn=lambda _: start,
        )
        return nutpie.sample(
            compiled,
            draws=draws,
            tune=config.tune,
            chains=1,
            seed=int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0]),
            maxdepth=config.max_depth,
            progress_bar=False,
            save_warmup=False,
            blocking=False,
        )

    return {number: sampler(number) for number in sorted(numbers)}, quantities


def _chain(tree: Any, quantities: Callable[[Floats], Chain], thin: int) -> Chain:
    """Take what is kept of a sampled chain."""
    stats = tree["sample_stats"].dataset
    known = {name: stats[name].values[0].reshape(-1, thin) for name in STATISTICS if name in stats}
    statistics = {  # a transition that diverged counts whether its draw is kept or not
        f"{_STATISTIC}{name}": (of.any(axis=1) if name == "diverging" else of[:, -1]).astype(float)
        for name, of in known.items()
    }
    points = tree["posterior"].dataset[_DRAW].values[0, thin - 1 :: thin]
    return {**quantities(points), **statistics}


def _as_arrays(chains: dict[int, Chain]) -> dict[str, npt.NDArray[Any]]:
    return {f"{k}_{name}": value for k, chain in chains.items() for name, value in chain.items()}


def _of_chain(arrays: dict[str, npt.NDArray[Any]], number: int) -> Chain:
    begin = f"{number}_"
    return {n.removeprefix(begin): v for n, v in arrays.items() if n.startswith(begin)}
