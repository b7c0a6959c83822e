"""Variational engine: several mean-field Gaussian fits on the unconstrained space, in minibatches.

A fit from one start finds one of many modes that predict alike and differ in detail; the fits
together are a mixture, which predicts better than any of them and whose intervals cover what a
single fit is too sure of. Draws of a fit are a chain of the posterior.

The KL term is warmed up: with its full weight from the start, dimensions die before the data
can claim them. Observers are held at their start for the first part, or lapses explain what the
embedding cannot yet.

The approximation q is one array: means and log standard deviations of all N unconstrained
variables in a row, shape (2, N). One leaf makes one update of the optimiser; one leaf a variable
made twenty.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._config import Checkpoint, FitConfig
from twoalike.embedding._layouts import LayoutGroup
from twoalike.embedding._model import Data, Density, Form, jax_density, log_likelihood
from twoalike.study import Booleans, Floats, TwoalikeError, progress

CHUNK = 50  # steps in one compiled loop
OBSERVERS = ("lapse", "log_temperature", "temperature")
TRIALS = 200  # arrangements a step
PAIRS = 50_000  # entries of matrices of dissimilarities a step, or one matrix
RATES = ((1_000, 0.01), (20_000, 0.03), (200_000, 0.06), (np.inf, 0.03))
"""Fewer judgments than -> peak learning rate. At a hundred thousand judgments .06 is .003 nats a
judgment better than .03, at a million .007 worse, since dimensions get lost; with a hundred
judgments of more objects than that, some fits diverge at .03."""


def unravel_to(density: Density) -> Callable[[Any], list[Any]]:
    """Give the variables of a row of N numbers, in the order of their names."""
    from jax.flatten_util import ravel_pytree

    start = density.starts[0]
    unravel: Callable[[Any], list[Any]] = ravel_pytree([start[name] for name in density.names])[1]
    return unravel


def _at(q: Any, noise: Any) -> Any:
    """Turn noise into a draw from the approximation, shape (N,) both."""
    import jax
    import jax.numpy as jnp

    # Without the barrier XLA computes a variable anew in every kernel that reads it, for every
    # row that is gathered.
    return jax.lax.optimization_barrier(q[0] + jnp.exp(q[1]) * noise)


def _noise(q: Any, key: Any) -> Any:
    """Draw standard normal numbers for one draw of the variables, shape (N,)."""
    import jax
    import jax.numpy as jnp

    return jax.random.normal(key, (q.shape[1],), jnp.float32)


def sample(q: Any, key: Any) -> Any:
    """Draw the variables once from the approximation, shape (N,)."""
    return _at(q, _noise(q, key))


def _observers(density: Density) -> Booleans:
    """Tell which of the N variables are the observers', shape (N,)."""
    sizes = [np.size(density.starts[0][name]) for name in density.names]
    return np.repeat([name.startswith(OBSERVERS) for name in density.names], sizes)


def rows_a_step(data: Data) -> list[int]:
    """Trials or sources of each of ``data.groups`` that a step sees: all, or a random part."""
    pairs = data.dissimilarities
    layouts = data.layouts
    trials = 1 if layouts is None else max(1, layouts.n_trials / TRIALS)
    entries = 0 if pairs is None else sum(group.values.size for group in pairs.groups)
    parts = [trials if isinstance(g, LayoutGroup) else max(1, entries / PAIRS) for g in data.groups]
    return [int(np.ceil(g.size / part)) for g, part in zip(data.groups, parts, strict=True)]


def _group_fit(density: Density, data: Data) -> Callable[..., Any]:
    """Log-likelihood of arrangements and dissimilarities, from some rows of each group."""
    import jax

    if not data.groups:
        return lambda values, key, columns: 0.0
    sizes = rows_a_step(data)

    def fit(values: Any, key: Any, columns: Any) -> Any:
        arrays, weights = [], []
        for group, size, number in zip(columns, sizes, range(len(sizes)), strict=True):
            n = len(group[-1])
            draw = jax.random.randint(jax.random.fold_in(key, number), (size,), 0, n)
            # What all rows share has one row.
            arrays += [a if size == n or len(a) == 1 else a[draw] for a in group]
            weights.append(n / size)
        logs = density.groups(*values, *arrays)
        return sum(weight * log for weight, log in zip(weights, logs, strict=True))

    return fit


def columns_of(data: Data) -> list[Any]:
    """Judgments as JAX arrays: items, judge and, where some have a reference, anchored."""
    import jax.numpy as jnp

    columns = [jnp.asarray(data.items), jnp.asarray(data.judge)]
    if data.anchored.any():
        columns.append(jnp.asarray(data.anchored, jnp.int8))
    return columns


def _group_columns(data: Data) -> list[list[Any]]:
    """Arrangements and dissimilarities as JAX arrays, by group."""
    import jax.numpy as jnp

    return [[jnp.asarray(array) for array in group.arrays] for group in data.groups]


def _loss(density: Density, data: Data, batch: int) -> Callable[..., Any]:
    """Negative evidence bound a judgment, for a minibatch and a weight of the KL term.

    The judgments are arguments: as constants they would be part of the program, and JAX's cache
    would hold it for these judgments alone.
    """
    import jax

    unravel = unravel_to(density)
    n, group_fit = data.size, _group_fit(density, data)
    weight = len(data.items) / max(batch, 1)

    def loss(q: Any, noise: Any, key: Any, rows: Any, kl_weight: Any, judged: Any) -> Any:
        columns, groups = judged
        values = unravel(_at(q, noise))
        fit = density.likelihood(*values, *(column[rows] for column in columns))[0] * weight
        fit = fit + group_fit(values, jax.random.fold_in(key, 1), groups)
        return -(fit + kl_weight * (density.prior(*values)[0] + q[1].sum())) / n

    return loss


def many_steps(
    density: Density, data: Data, config: FitConfig, plan: "Plan", optimiser: Any
) -> Callable[..., Any]:
    """Compiled loop over CHUNK steps.

    The noise of a chunk, CHUNK times the N variables, is drawn before by a program of its own:
    within the loop XLA draws the same numbers once for every kernel that reads them.
    """
    import jax
    import jax.numpy as jnp
    import optax

    n, batch = len(data.items), plan.batch
    loss = _loss(density, data, batch)
    judged = columns_of(data), _group_columns(data)
    grow = max(config.warmup * plan.steps, 1.0)
    observers = jnp.asarray(_observers(density))

    def keys(key: Any, step: Any) -> Any:
        return jax.random.split(jax.random.fold_in(key, step))

    @jax.jit
    def draw(q: Any, key: Any, steps: Any) -> Any:
        return jax.lax.map(lambda step: _noise(q, keys(key, step)[1]), steps)

    def one(carry: Any, drawn: Any, judged: Any) -> Any:
        (q, state, key), (step, noise) = carry, drawn
        k_rows, k_groups = keys(key, step)
        rows = jnp.arange(n) if batch == n else jax.random.randint(k_rows, (batch,), 0, n)
        rows = jax.lax.optimization_barrier(rows)
        weight = jnp.minimum(1.0, (step + 1) / grow).astype(jnp.float32)
        value, gradient = jax.value_and_grad(loss)(q, noise, k_groups, rows, weight, judged)
        held = observers & (step < config.hold * plan.steps)
        gradient = jax.lax.optimization_barrier(jnp.where(held, 0.0, gradient))
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(q, updates), state, key), value

    @jax.jit
    def loop(q: Any, state: Any, key: Any, steps: Any, noise: Any, judged: Any) -> Any:
        step = partial(one, judged=judged)
        (q, state, _), values = jax.lax.scan(step, (q, state, key), (steps, noise))
        return q, state, values.mean()

    def many(q: Any, state: Any, key: Any, first: Any) -> Any:
        steps = first + jnp.arange(CHUNK)
        return loop(q, state, key, steps, draw(q, key, steps), judged)

    return many


@dataclass(frozen=True)
class Plan:
    """Steps in all, judgments a step, and the learning rate at its peak."""

    steps: int
    batch: int
    rate: float


def plan_steps(config: FitConfig, n_judgments: int) -> Plan:
    """Choose steps, judgments a step and learning rate by the size of the data.

    At least 3,000 steps, and at least 40 passes over the judgments: with fewer, held-out
    predictions of real data lose points. The rate follows :data:`RATES`.
    """
    batch = config.batch or int(np.clip(n_judgments // 25, 4000, 10_000))
    batch = min(batch, n_judgments)
    passes = -(-40 * n_judgments // max(batch, 1))
    steps = config.steps or max(3000, passes)
    rate = config.rate or next(rate for fewer, rate in RATES if n_judgments < fewer)
    return Plan(-(-steps // CHUNK) * CHUNK, batch, rate)


START_LOG_SD = -2.0
"""Log standard deviation at the start: fits that start wider end in the same few modes."""
HELD_DRAWS = 10
"""Draws that the held-out log-loss is taken from while the fit runs."""


@dataclass
class _Progress:
    """A fit on its way: the approximation, its optimiser, and the steps done."""

    q: Any
    state: Any
    done: int = 0
    losses: list[float] = field(default_factory=list)

    def go_on(self, many: Callable[..., Any], key: Any) -> None:
        """Take some steps; refuse to continue once the evidence bound is no number."""
        self.q, self.state, value = many(self.q, self.state, key, self.done)
        self.done += CHUNK
        self.losses.append(float(value))
        if not np.isfinite(self.losses[-1]):
            raise TwoalikeError(
                f"the variational fit diverged at step {self.done} (its bound is "
                f"{self.losses[-1]})",
                remedy="Try another `seed=...` or `prior=...`, or fewer `dimensions=...`.",
            )


def _held_out_loss(density: Density, form: Form, held: Data) -> Callable[[Any, Any], float]:
    """Log-loss on judgments held out, for a compiled look at a fit on its way."""
    import jax
    import jax.numpy as jnp

    items, judge, *rest = columns_of(held)
    batch = (items, judge, rest[0] if rest else None)
    place = {name: number for number, name in enumerate(density.outputs)}
    unravel = unravel_to(density)

    @jax.jit
    def look(q: Any, key: Any, batch: Any) -> Any:
        def one(k: Any) -> Any:
            found = density.quantities(*unravel(sample(q, k)))
            x, temperature, lapse = (
                found[place[name]] for name in ("embedding", "temperature", "lapse")
            )
            return log_likelihood(
                x,
                temperature,
                lapse,
                batch,
                similarity=form.similarity,
                matrix=False,
                xp=jnp,
            )

        logs = jax.lax.map(one, jax.random.split(key, HELD_DRAWS))
        return -(jax.nn.logsumexp(logs, axis=0) - jnp.log(HELD_DRAWS)).mean()

    return lambda q, key: float(look(q, key, batch))


def fit_vi(
    data: Data,
    form: Form,
    *,
    config: FitConfig,
    held: Data | None = None,
    checkpoint: Checkpoint | None = None,
    between: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Fit by variational inference.

    The progress bar shows the log-loss of ``held`` judgments; ``between`` is called whenever some
    steps are done, and what it raises ends the fit.

    Returns
    -------
    Draws by name, each of shape (fits, S, ...); statistics: ``loss`` of each fit and chunk of
    steps, the negative evidence bound a judgment in nats.

    Raises
    ------
    TwoalikeError
        If a fit diverges.
    """
    import jax
    import optax

    n_fits, plan = config.chains or 4, plan_steps(config, len(data.items))
    seeds = range(n_fits)
    density = jax_density(data, form, [np.random.default_rng([config.seed, k]) for k in seeds])
    optimiser = optax.adam(optax.cosine_decay_schedule(plan.rate, plan.steps))
    many = many_steps(density, data, config, plan, optimiser)
    look = None if held is None else _held_out_loss(density, form, held)
    fits = [begin(start, optimiser) for start in density.starts]
    if checkpoint is not None:
        stored = checkpoint.load()
        fits = [_resumed(fit, number, stored) for number, fit in enumerate(fits)]
    draw, draws = _drawer(density), []
    with progress() as bar:
        total = plan.steps * n_fits
        task = bar.add_task("variational fit", total=total, status="compiling")
        bar.update(task, completed=sum(fit.done for fit in fits))
        for number, fit in enumerate(fits):
            key = jax.random.fold_in(jax.random.key(config.seed), number)
            while fit.done < plan.steps:
                fit.go_on(many, key)
                between()
                said = f"fit {number + 1} of {n_fits}, loss {fit.losses[-1]:.4f} nats a judgment"
                if look is not None and fit.done % (10 * CHUNK) == 0:
                    bar.update(task, description=f"held-out log-loss {look(fit.q, key):.4f}")
                bar.update(task, advance=CHUNK, status=said)
                if checkpoint is not None and checkpoint.due():
                    checkpoint.save(_as_arrays(fits))
            last = jax.random.fold_in(key, plan.steps)
            draws.append(draw(fit.q, last, config.draws or 100))
    together = {name: np.stack([each[name] for each in draws]) for name in draws[0]}
    return together, {"loss": np.array([fit.losses for fit in fits])}


def begin(start: dict[str, Floats], optimiser: Any) -> _Progress:
    """Give a fit at its start, from values by name."""
    import jax.numpy as jnp

    mean = np.concatenate([value.ravel() for value in start.values()])
    q = jnp.stack([mean, np.full_like(mean, START_LOG_SD)])
    return _Progress(q, optimiser.init(q))


def _as_arrays(fits: list[_Progress]) -> dict[str, npt.NDArray[Any]]:
    """Every array of the fits on their way, by the fit's number."""
    import jax

    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, fit in enumerate(fits):
        for place, leaf in enumerate(jax.tree.leaves((fit.q, fit.state))):
            arrays[f"{number}_{place}"] = np.asarray(leaf)
        arrays[f"{number}_losses"] = np.array(fit.losses)
    return arrays


def _resumed(fit: _Progress, number: int, arrays: dict[str, npt.NDArray[Any]]) -> _Progress:
    """Give a fit at its start, or as it was when its arrays were saved."""
    import jax
    import jax.numpy as jnp

    if not arrays:
        return fit
    leaves, structure = jax.tree.flatten((fit.q, fit.state))
    stored = [jnp.asarray(arrays[f"{number}_{place}"]) for place in range(len(leaves))]
    losses = arrays[f"{number}_losses"].tolist()
    q, state = jax.tree.unflatten(structure, stored)
    return _Progress(q, state, done=CHUNK * len(losses), losses=losses)


def _drawer(density: Density) -> Callable[[Any, Any, int], dict[str, Floats]]:
    """Compile once for all fits: n draws of an approximation by name, each of shape (n, ...)."""
    import jax
    import jax.numpy as jnp

    unravel = unravel_to(density)

    @jax.jit
    def draw(mean: Any, scale: Any, key: Any) -> Any:
        noise = jax.random.normal(key, mean.shape, jnp.float32)
        return density.quantities(*unravel(jax.lax.optimization_barrier(mean + scale * noise)))

    def draws(q: Any, key: Any, n: int) -> dict[str, Floats]:
        # Folded by the compiler, which rounds it otherwise than the processor does: posteriors of
        # earlier versions keep every bit.
        scale = jax.jit(lambda: jnp.exp(q[1]))()
        each = [draw(q[0], scale, k) for k in jax.random.split(key, n)]
        return {
            name: np.stack([np.asarray(values[place]) for values in each]).astype(np.float32)
            for place, name in enumerate(density.outputs)
        }

    return draws
