"""Variational engine: several Gaussian fits on the unconstrained space.

A fit from one start finds one of many modes that predict alike and differ in detail; the fits
together are a mixture, which predicts better than any of them and whose intervals cover what a
single fit is too sure of. Draws of a fit are a chain of the posterior.

The KL term is warmed up: with its full weight from the start, dimensions die before the data
can claim them. Observers are held at their start for the first part, or lapses explain what the
embedding cannot yet.

The coordinates of one object are correlated, all else is independent: what an object's judgments
tell is mostly about combinations of its coordinates, and an approximation that keeps these apart
is too narrow and drops dimensions. A step sees all judgments wherever the similarities of all
pairs of objects cost less than those of the judged triplets do; then only the draw is random.

JAX differentiates the parts of the log-density: PyTensor's own gradient of the row gather is
several times slower.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from twoalike.embedding._choices import ChoiceGroup, Choices, held_losses
from twoalike.embedding._config import Checkpoint, FitConfig
from twoalike.embedding._model import Data, Form, prior_terms
from twoalike.embedding._observers import drawn
from twoalike.embedding._priors import find_kernel
from twoalike.embedding._spectrum import starts_near, tells
from twoalike.study import Booleans, Floats, TwoalikeError, progress

CHUNK = 50  # steps in one compiled loop
OBSERVERS = ("lapse", "log_temperature", "temperature", "weight")
RATES = ((1_000, 0.01), (20_000, 0.03), (np.inf, 0.06))
"""Fewer judgments than -> peak learning rate. From a hundred thousand judgments on .06 is better
than .03; with a hundred judgments of more objects than that, some fits diverge at .03."""


@dataclass(frozen=True)
class Density:
    """The model in JAX.

    ``names`` are the unconstrained variables, in the order in which every function takes them;
    ``starts`` values to start from, one dictionary a fit. ``prior`` and ``groups`` are
    log-densities: of the variables, with the transformations' Jacobians; of batches of judgments,
    one a group. ``quantities`` gives what is stored of a draw, named by ``outputs``.
    """

    names: tuple[str, ...]
    starts: tuple[dict[str, Floats], ...]
    prior: Callable[..., Any]
    groups: Callable[..., Any]
    quantities: Callable[..., Any]
    outputs: tuple[str, ...]


def _stand_in(array: npt.NDArray[Any]) -> Any:
    """Symbol for a batch of an array's rows: axes of length 1 stay so, others may be any."""
    import pytensor.tensor as pt

    return pt.tensor(dtype=array.dtype, shape=tuple(1 if n == 1 else None for n in array.shape))


def jax_density(
    data: Data,
    form: Form,
    starts: Sequence[dict[str, Floats]],
    sizes: Sequence[int] | None = None,
) -> Density:
    """Turn the model into single-precision JAX functions, with each fit's start by variable.

    ``sizes`` are those of the batches of each of ``data.groups``.
    """
    import pytensor
    from pymc.sampling.jax import get_jaxified_graph

    with pytensor.config.change_flags(floatX="float32"):
        groups = [tuple(map(_stand_in, group.arrays)) for group in data.groups]
        model = form.model(data, groups, sizes)
        values = model.value_vars
        wanted = [v for v in model.unobserved_value_vars if v.name in form.stored]
        prior_names, priors = prior_terms(model)
        judged = [model[name] for name in data.likelihoods]
        others = [one for one in model.potentials if one.name not in data.likelihoods]
        log_prior = model.logp(vars=[*model.free_RVs, *others])  # a prior of user code may have one
        return Density(
            names=tuple(v.name for v in values),
            starts=tuple(_unconstrained(model, start) for start in starts),
            prior=get_jaxified_graph(inputs=values, outputs=[log_prior]),
            groups=get_jaxified_graph(
                inputs=[*values, *(array for group in groups for array in group)],
                outputs=[model.logp(vars=[potential]) for potential in judged],
            ),
            quantities=get_jaxified_graph(inputs=values, outputs=[*wanted, *priors]),
            outputs=(*(v.name for v in wanted), *prior_names),
        )


def _unconstrained(model: Any, near: dict[str, Floats]) -> dict[str, Floats]:
    """Complete a start by PyMC's own, and give it by name of the unconstrained variable."""
    import pytensor.tensor as pt

    start = model.initial_point()
    for name, value in near.items():
        variable = model[name]
        transform, given = model.rvs_to_transforms[variable], (pt.as_tensor(value),)
        given += tuple(variable.owner.inputs)  # such as the bounds of a uniform variable
        symbol = model.rvs_to_values[variable].name
        start[symbol] = value if transform is None else transform.forward(*given).eval()
    return {v.name: np.asarray(start[v.name], dtype=np.float32) for v in model.value_vars}


COORDINATES = ("residual", "unit")
"""Begin the name of the variable that holds the coordinates of all objects, shape (m, d)."""
MOST_ENTRIES = 2_000_000
"""Most entries of the matrices that correlate coordinates, m d²; beyond, they are independent."""


@dataclass(frozen=True)
class Family:
    """The approximation of N unconstrained variables: independent Gaussians, correlated by object.

    It is described by two arrays: ``rows`` (2, N), means and log standard deviations in the order
    of the density's names, and ``mixing`` (m, d, d), whose strict lower triangles mix the noise of
    one object's coordinates before it is scaled; (0, 0, 0) where all variables are independent. Two
    leaves make two updates of the optimiser a step; one leaf a variable made twenty.
    """

    density: Density
    first: int  # of the coordinates among the N
    m: int
    d: int  # 0: independent

    @classmethod
    def of(cls, density: Density) -> "Family":
        """Find the coordinates among the variables."""
        first, m, d = 0, 0, 0
        for name in density.names:
            value = density.starts[0][name]
            if name.startswith(COORDINATES) and value.ndim == 2:
                m, d = value.shape
                break
            first += value.size
        return cls(density, first, m, d) if m * d**2 <= MOST_ENTRIES else cls(density, 0, 0, 0)

    def begin(self, start: dict[str, Floats]) -> "Approximation":
        """Give the approximation around a start, by name of the variable."""
        import jax.numpy as jnp

        mean = np.concatenate([value.ravel() for value in start.values()])
        rows = jnp.stack([mean, np.full_like(mean, START_LOG_SD)])
        return Approximation(rows, jnp.zeros((self.m if self.d else 0, self.d, self.d)))

    def noise(self, q: "Approximation", key: Any) -> Any:
        """Draw standard normal numbers for one draw of the variables, shape (N,)."""
        import jax
        import jax.numpy as jnp

        return jax.random.normal(key, (q.rows.shape[1],), jnp.float32)

    def at(self, q: "Approximation", noise: Any) -> Any:
        """Turn noise into a draw from the approximation, shape (N,) both."""
        import jax
        import jax.numpy as jnp

        if self.d:
            here = slice(self.first, self.first + self.m * self.d)
            own = noise[here].reshape(self.m, self.d)
            mixed = own + jnp.einsum("mij,mj->mi", jnp.tril(q.mixing, -1), own)
            noise = noise.at[here].set(mixed.ravel())
        # Without the barrier XLA computes a variable anew in every kernel that reads it, for every
        # row that is gathered.
        return jax.lax.optimization_barrier(q.rows[0] + jnp.exp(q.rows[1]) * noise)

    def values(self, q: "Approximation", noise: Any) -> list[Any]:
        """Variables of a draw, in the order of their names."""
        from jax.flatten_util import ravel_pytree

        start = self.density.starts[0]
        unravel = ravel_pytree([start[name] for name in self.density.names])[1]
        return list(unravel(self.at(q, noise)))


class Approximation(NamedTuple):
    """State of a :class:`Family`: see there."""

    rows: Any
    mixing: Any


def _observers(density: Density) -> Booleans:
    """Tell which of the N variables are the observers', shape (N,)."""
    sizes = [np.size(density.starts[0][name]) for name in density.names]
    return np.repeat([name.startswith(OBSERVERS) for name in density.names], sizes)


def rows_a_step(data: Data, batch: int | None = None) -> list[int]:
    """Rows of each of ``data.groups`` that a step sees: all, or a random part.

    ``batch`` is the number of choices; None: all.
    """
    rows = []
    for kind in data.kinds:
        most = kind.at_once
        if isinstance(kind, Choices):
            most = len(kind) if batch is None else batch
        share = min(1.0, most / sum(group.entries for group in kind.groups))
        rows += [int(np.ceil(group.size * share)) for group in kind.groups]
    return rows


def columns_of(data: Data) -> list[list[Any]]:
    """Judgments as JAX arrays, by group; choices by their first item, to read row after row."""
    import jax.numpy as jnp

    found = []
    for group in data.groups:
        order = np.argsort(group.items[:, 0]) if isinstance(group, ChoiceGroup) else slice(None)
        found.append([jnp.asarray(a if len(a) == 1 else a[order]) for a in group.arrays])
    return found


def _loss(family: Family, data: Data, sizes: Sequence[int]) -> Callable[..., Any]:
    """Negative evidence bound a judgment, for some judgments and a weight of the KL term.

    The judgments are arguments: as constants they would be part of the program, and JAX's cache
    would hold it for these judgments alone.
    """
    import jax

    density, n = family.density, data.size

    def loss(q: Any, noise: Any, key: Any, kl_weight: Any, judged: Any) -> Any:
        values = family.values(q, noise)
        arrays, weights = [], []
        for number, (group, size) in enumerate(zip(judged, sizes, strict=True)):
            count = len(group[-1])
            if size < count:
                rows = jax.random.randint(jax.random.fold_in(key, number), (size,), 0, count)
                rows = jax.lax.optimization_barrier(rows)
                # What all rows share has one row.
                group = [array if len(array) == 1 else array[rows] for array in group]  # noqa: PLW2901
            arrays += group
            weights.append(count / size)
        logs = density.groups(*values, *arrays)
        fit = sum(weight * log for weight, log in zip(weights, logs, strict=True))
        return -(fit + kl_weight * (density.prior(*values)[0] + q.rows[1].sum())) / n

    return loss


def many_steps(
    family: Family, data: Data, config: FitConfig, plan: "Plan", optimiser: Any
) -> Callable[..., Any]:
    """Compiled loop over CHUNK steps.

    The noise of a chunk, CHUNK times the N variables, is drawn before by a program of its own:
    within the loop XLA draws the same numbers once for every kernel that reads them.
    """
    import jax
    import jax.numpy as jnp
    import optax

    loss = _loss(family, data, rows_a_step(data, plan.batch))
    grow = max(config.warmup * plan.steps, 1.0)
    observers = jnp.asarray(_observers(family.density))

    def keys(key: Any, step: Any) -> Any:
        return jax.random.split(jax.random.fold_in(key, step))

    @jax.jit
    def draw(q: Any, key: Any, steps: Any) -> Any:
        return jax.lax.map(lambda step: family.noise(q, keys(key, step)[1]), steps)

    def one(carry: Any, drawn: Any, judged: Any) -> Any:
        (q, state, key), (step, noise) = carry, drawn
        weight = jnp.minimum(1.0, (step + 1) / grow).astype(jnp.float32)
        rows_key = keys(key, step)[0]
        value, gradient = jax.value_and_grad(loss)(q, noise, rows_key, weight, judged)
        held = observers & (step < config.hold * plan.steps)
        gradient = gradient._replace(rows=jnp.where(held, 0.0, gradient.rows))
        gradient = jax.lax.optimization_barrier(gradient)
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(q, updates), state, key), value

    @jax.jit
    def loop(q: Any, state: Any, key: Any, steps: Any, noise: Any, judged: Any) -> Any:
        step = partial(one, judged=judged)
        (q, state, _), values = jax.lax.scan(step, (q, state, key), (steps, noise))
        return q, state, values.mean()

    def many(q: Any, state: Any, key: Any, first: Any, judged: Any) -> Any:
        steps = first + jnp.arange(CHUNK)
        return loop(q, state, key, steps, draw(q, key, steps), judged)

    return many


MOST_AT_ONCE = 150_000
"""Judgments that a step sees all of; of more, a small random part tells as much in less time."""
WHOLE = 10
"""Pairs of objects for each judgment, below which it does."""
MANY = 20_000
"""Judgments from which on there are more and shorter fits."""
DRAWS = 400
"""Draws that are kept of four fits, or more, together."""


@dataclass(frozen=True)
class Plan:
    """Steps of a fit, choices a step, the learning rate at its peak; how many fits."""

    steps: int
    batch: int
    rate: float
    fits: int = 4


def plan_steps(
    config: FitConfig, n_judgments: int, n_objects: int, *, weights: bool = False
) -> Plan:
    """Choose steps, judgments a step and learning rate by the size of the data.

    A step sees all judgments where they are many for the number of objects, but no more than
    :data:`MOST_AT_ONCE`; else a part. Four fits take 2,000 steps each from the spectrum of the
    judgments, or from a random start at least 3,000 and 40 passes over the judgments: with fewer,
    held-out predictions of real data lose points. Between :data:`MANY` and :data:`MOST_AT_ONCE`,
    twelve fits of 1,500 steps from the spectrum depend less on the seed together. Of more
    judgments, two fits of 3,000 steps that see more of them predict better than four. The rate
    follows :data:`RATES`. With ``weights`` each person has similarities of their own, and a step
    sees a few judgments.
    """
    plain = not weights and n_judgments <= MOST_AT_ONCE
    large = not weights and not plain
    few = 40_000 if large else int(np.clip(n_judgments // 25, 4000, 10_000))
    at_once = plain and n_objects**2 < WHOLE * n_judgments
    batch = min(config.batch or (n_judgments if at_once else few), n_judgments)
    passes = -(-40 * n_judgments // max(batch, 1))
    near = tells(n_judgments, n_objects)
    several = near and plain and n_judgments >= MANY
    fits, from_spectrum = (12, 1500) if several else (2, 3000) if large else (4, 2000)
    steps = config.steps or (from_spectrum if near else max(3000, passes))
    rate = config.rate or next(rate for fewer, rate in RATES if n_judgments < fewer)
    whole_chunks = -(-steps // CHUNK) * CHUNK
    return Plan(whole_chunks, batch, rate, config.chains or fits)


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

    def go_on(self, many: Callable[..., Any], key: Any, judged: Any) -> None:
        """Take some steps; refuse to continue once the evidence bound is no number."""
        self.q, self.state, value = many(self.q, self.state, key, self.done, judged)
        self.done += CHUNK
        self.losses.append(float(value))
        if not np.isfinite(self.losses[-1]):
            raise TwoalikeError(
                f"the variational fit diverged at step {self.done} (its bound is "
                f"{self.losses[-1]})",
                remedy="Try another `seed=...` or `prior=...`, or fewer `dimensions=...`.",
            )


@contextmanager
def single_precision() -> Iterator[None]:
    """Compute in single precision.

    PyMC turns double precision on, and one division by a whole number then makes the likelihood of
    all judgments double.
    """
    import jax

    with jax.enable_x64(False), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
        yield


@single_precision()
def fit_vi(
    data: Data,
    form: Form,
    *,
    config: FitConfig,
    held: Data | None = None,
    parts: Sequence[Data] = (),
    title: str = "variational fit",
    checkpoint: Checkpoint | None = None,
    between: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Fit by variational inference: draws by name, (fits, S, ...) each, and statistics.

    These are the ``loss`` of each fit and chunk of steps, the negative evidence bound a judgment in
    nats. Each fit sees all of ``data``, or its own of ``parts``, which are of one size; ``between``
    is called whenever some steps are done, and what it raises ends the fit.
    """
    import jax
    import optax

    one = parts[0] if parts else data
    plan = plan_steps(config, len(one.choices), len(data.ids), weights=form.weights)
    parts = parts or [data] * plan.fits
    n_fits = len(parts)
    rngs = [np.random.default_rng([config.seed, k]) for k in range(n_fits)]
    starts = starts_near(parts, form, rngs)
    density = jax_density(data, form, starts, rows_a_step(parts[0], plan.batch))
    optimiser = optax.adam(optax.cosine_decay_schedule(plan.rate, plan.steps))
    family = Family.of(density)
    many = many_steps(family, parts[0], config, plan, optimiser)
    begun = map(family.begin, density.starts)
    fits = [_Progress(q, optimiser.init(q)) for q in begun]
    if checkpoint is not None:
        stored = checkpoint.load()
        fits = [_resumed(fit, number, stored) for number, fit in enumerate(fits)]
    draw, draws, kernel = _drawer(family), [], find_kernel(form.similarity)
    with progress() as bar:
        total = plan.steps * n_fits
        task = bar.add_task(title, total=total, status="compiling")
        bar.update(task, completed=sum(fit.done for fit in fits))
        for number, fit in enumerate(fits):
            key = jax.random.fold_in(jax.random.key(config.seed), number)
            judged = columns_of(parts[number])
            while fit.done < plan.steps:
                fit.go_on(many, key, judged)
                between()
                said = f"fit {number + 1} of {n_fits}, loss {fit.losses[-1]:.4f} nats a judgment"
                if held is not None and fit.done % (10 * CHUNK) == 0:
                    found = drawn(draw(fit.q, key, HELD_DRAWS), kernel, form.terms)
                    loss = held_losses(found, held.choices).mean()
                    bar.update(task, description=f"held-out log-loss {loss:.4f}")
                bar.update(task, advance=CHUNK, status=said)
                if checkpoint is not None and checkpoint.due():
                    checkpoint.save(_as_arrays(fits))
            last = jax.random.fold_in(key, plan.steps)
            draws.append(draw(fit.q, last, config.draws or DRAWS // max(plan.fits, 4)))
    together = {name: np.stack([each[name] for each in draws]) for name in draws[0]}
    return together, {"loss": np.array([fit.losses for fit in fits])}


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


def _drawer(family: Family) -> Callable[[Any, Any, int], dict[str, Floats]]:
    """Compile once for all fits: n draws of an approximation by name, each of shape (n, ...)."""
    import jax

    @jax.jit
    def draw(q: Any, key: Any) -> Any:
        return family.density.quantities(*family.values(q, family.noise(q, key)))

    def draws(q: Any, key: Any, n: int) -> dict[str, Floats]:
        each = [draw(q, k) for k in jax.random.split(key, n)]
        return {
            name: np.stack([np.asarray(values[place]) for values in each]).astype(np.float32)
            for place, name in enumerate(family.density.outputs)
        }

    return draws
