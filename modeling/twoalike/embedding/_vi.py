"""Variational engine: mean-field Gaussian on the unconstrained space, in minibatches.

The log-density is the PyMC model's, turned into a JAX function and differentiated by JAX
(PyTensor's own gradient of the row gather is several times slower). The KL term is warmed up:
with its full weight from the start, dimensions die before the data can claim them. Observers
are held at their start for the first part, or lapses explain what the embedding cannot yet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._config import FitConfig
from twoalike.embedding._layouts import LayoutGroup
from twoalike.embedding._model import Data, build_model, start_values
from twoalike.study import TwoalikeError, progress

CHUNK = 50  # steps in one compiled loop
TRIALS = 200  # arrangements a step
OBSERVERS = ("lapse", "log_temperature", "temperature")


@dataclass(frozen=True)
class _Density:
    """The model in JAX: parts of the log-density, and the named quantities."""

    names: tuple[str, ...]
    start: dict[str, npt.NDArray[np.float32]]
    prior: Callable[..., Any]
    likelihood: Callable[..., Any]
    layouts: Callable[..., Any]
    quantities: Callable[..., Any]
    outputs: tuple[str, ...]


def _density(
    data: Data,
    dimensions: int,
    prior: str,
    features: npt.NDArray[np.float32] | None,
    rng: np.random.Generator,
) -> _Density:
    import pytensor
    import pytensor.tensor as pt
    from pymc.sampling.jax import get_jaxified_graph

    with pytensor.config.change_flags(floatX="float32"):
        items, judge = pt.imatrix("items"), pt.ivector("judge")
        anchored = pt.bvector("anchored") if data.anchored.any() else None
        trials = [(pt.imatrix(), pt.ftensor3(), pt.fmatrix(), pt.ivector()) for _ in _groups(data)]
        model = build_model(
            data,
            dimensions,
            prior=prior,
            features=features,
            batch=(items, judge, anchored),
            layout_batch=trials,
        )
        values = model.value_vars
        log_prior = model.logp(vars=model.free_RVs)
        potentials = {potential.name: potential for potential in model.potentials}
        log_likelihood = model.logp(vars=[potentials.pop("choices")])
        log_layouts = [model.logp(vars=[potential]) for potential in potentials.values()]
        batch = [items, judge] + ([] if anchored is None else [anchored])
        outputs = [v for v in model.unobserved_value_vars if v not in values]
        small = start_values(data, dimensions, prior, rng)
        seed = int(rng.integers(2**31))
        start = model.initial_point(random_seed=seed)
        for variable, value in small.items():
            symbol = model.rvs_to_values[model[variable]]
            transform = model.rvs_to_transforms[model[variable]]
            start[symbol.name] = transform.forward(value).eval() if transform else value
        return _Density(
            names=tuple(v.name for v in values),
            start={v.name: np.asarray(start[v.name], dtype=np.float32) for v in values},
            prior=get_jaxified_graph(inputs=values, outputs=[log_prior]),
            likelihood=get_jaxified_graph(inputs=[*values, *batch], outputs=[log_likelihood]),
            layouts=get_jaxified_graph(
                inputs=[*values, *(array for trial in trials for array in trial)],
                outputs=log_layouts,
            ),
            quantities=get_jaxified_graph(inputs=values, outputs=outputs),
            outputs=tuple(v.name for v in outputs),
        )


def _sample(q: Any, names: tuple[str, ...], key: Any) -> list[Any]:
    """One draw from the approximation, by reparameterisation."""
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(key, len(names))
    return [
        q["mean"][name]
        + jnp.exp(q["log_sd"][name]) * jax.random.normal(k, q["mean"][name].shape, jnp.float32)
        for name, k in zip(names, keys, strict=True)
    ]


def _groups(data: Data) -> tuple[LayoutGroup, ...]:
    return () if data.layouts is None else data.layouts.groups


def _layout_fit(density: _Density, data: Data) -> Callable[..., Any]:
    """Log-likelihood of the arrangements, from some trials of each group."""
    import jax
    import jax.numpy as jnp

    groups = _groups(data)
    total = sum(len(group.items) for group in groups)
    sizes = [min(len(g.items), -(-TRIALS * len(g.items) // total)) for g in groups]
    columns = [[jnp.asarray(array) for array in group.arrays] for group in groups]

    def fit(values: Any, key: Any) -> Any:
        arrays, weights = [], []
        for group, size, number in zip(columns, sizes, range(len(groups)), strict=True):
            n = len(group[0])
            draw = jax.random.randint(jax.random.fold_in(key, number), (size,), 0, n)
            arrays += [a if size == n else a[draw] for a in group]
            weights.append(n / size)
        logs = density.layouts(*values, *arrays)
        return sum(weight * log for weight, log in zip(weights, logs, strict=True))

    return fit


def _loss(density: _Density, data: Data, batch: int) -> Callable[..., Any]:
    """Negative evidence bound a judgment, for a minibatch and a weight of the KL term."""
    import jax
    import jax.numpy as jnp

    n, layout_fit = data.size, _layout_fit(density, data)
    weight = len(data.items) / max(batch, 1)
    columns = [jnp.asarray(data.items), jnp.asarray(data.judge)]
    if data.anchored.any():
        columns.append(jnp.asarray(data.anchored, jnp.int8))

    def loss(q: Any, key: Any, rows: Any, kl_weight: Any) -> Any:
        values = _sample(q, density.names, key)
        entropy = sum(q["log_sd"][name].sum() for name in density.names)
        fit = density.likelihood(*values, *(column[rows] for column in columns))[0] * weight
        fit = fit + layout_fit(values, jax.random.fold_in(key, 1))
        return -(fit + kl_weight * (density.prior(*values)[0] + entropy)) / n

    return loss


def _many_steps(
    density: _Density, data: Data, config: FitConfig, optimiser: Any
) -> Callable[..., Any]:
    """Compiled loop over CHUNK steps."""
    import jax
    import jax.numpy as jnp
    import optax

    n, batch = len(data.items), min(config.batch, len(data.items))
    loss = _loss(density, data, batch)
    grow = max(config.warmup * config.steps, 1.0)

    def release(step: Any, gradient: Any) -> Any:
        moving = (step >= config.hold * config.steps).astype(jnp.float32)
        return {
            part: {
                name: value * moving if name.startswith(OBSERVERS) else value
                for name, value in gradient[part].items()
            }
            for part in gradient
        }

    def one(carry: Any, step: Any) -> Any:
        q, state, key = carry
        k_rows, k_noise = jax.random.split(jax.random.fold_in(key, step))
        rows = jnp.arange(n) if batch == n else jax.random.randint(k_rows, (batch,), 0, n)
        weight = jnp.minimum(1.0, (step + 1) / grow).astype(jnp.float32)
        value, gradient = jax.value_and_grad(loss)(q, k_noise, rows, weight)
        updates, state = optimiser.update(release(step, gradient), state)
        return (optax.apply_updates(q, updates), state, key), value

    @jax.jit
    def many(q: Any, state: Any, key: Any, first: Any) -> Any:
        (q, state, _), values = jax.lax.scan(one, (q, state, key), first + jnp.arange(CHUNK))
        return q, state, values.mean()

    return many


def fit_vi(
    data: Data,
    dimensions: int,
    *,
    prior: str,
    features: npt.NDArray[np.float32] | None,
    config: FitConfig,
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, npt.NDArray[np.float64]]]:
    """Fit by variational inference.

    Returns
    -------
    Draws by name, each of shape (1, S, ...); statistics: ``loss`` a chunk of steps, the negative
    evidence bound a judgment in nats.
    """
    import jax
    import optax

    rng = np.random.default_rng([config.seed, 0])
    density = _density(data, dimensions, prior, features, rng)
    steps = -(-config.steps // CHUNK) * CHUNK
    optimiser = optax.adam(optax.cosine_decay_schedule(config.rate, steps))
    spread = -1.0
    q: Any = {
        "mean": {name: jax.numpy.asarray(value) for name, value in density.start.items()},
        "log_sd": {
            name: jax.numpy.full(value.shape, spread, jax.numpy.float32)
            for name, value in density.start.items()
        },
    }
    state, key = optimiser.init(q), jax.random.key(config.seed)
    many = _many_steps(density, data, config, optimiser)
    losses = []
    with progress() as bar:
        task = bar.add_task("variational fit", total=steps, status="compiling")
        for first in range(0, steps, CHUNK):
            q, state, value = many(q, state, key, first)
            losses.append(float(value))
            if not np.isfinite(losses[-1]):
                raise TwoalikeError(
                    f"the variational fit diverged at step {first + CHUNK} (its bound is "
                    f"{losses[-1]}). Try another --seed or --prior, or fewer --dimensions."
                )
            bar.update(task, advance=CHUNK, status=f"loss {losses[-1]:.4f} nats a judgment")
    return _draws(density, q, jax.random.fold_in(key, steps), config.draws or 100), {
        "loss": np.array(losses)
    }


def _draws(density: _Density, q: Any, key: Any, n: int) -> dict[str, npt.NDArray[np.float32]]:
    import jax

    @jax.jit
    def draw(k: Any) -> Any:
        return density.quantities(*_sample(q, density.names, k))

    each = [draw(k) for k in jax.random.split(key, n)]
    return {
        name: np.stack([np.asarray(values[place]) for values in each])[None].astype(np.float32)
        for place, name in enumerate(density.outputs)
    }
