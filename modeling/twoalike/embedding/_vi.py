"""Variational engine: several mean-field Gaussian fits on the unconstrained space, in minibatches.

A fit from one start finds one of many modes that predict alike and differ in detail; the fits
together are a mixture, which predicts better than any of them and whose intervals hold what one
fit is too sure of. Draws of a fit are a chain of the posterior.

The KL term is warmed up: with its full weight from the start, dimensions die before the data
can claim them. Observers are held at their start for the first part, or lapses explain what the
embedding cannot yet.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._checkpoint import Checkpoint
from twoalike.embedding._config import FitConfig
from twoalike.embedding._density import Density, Form, jax_density
from twoalike.embedding._model import Data, log_likelihood
from twoalike.embedding._steps import (
    CHUNK,
    columns_of,
    many_steps,
    plan_steps,
    sample,
    unravel_to,
)
from twoalike.study import TwoalikeError, progress

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
        """Take some steps.

        Raises
        ------
        TwoalikeError
            If the evidence bound is no number any more.
        """
        self.q, self.state, value = many(self.q, self.state, key, self.done)
        self.done += CHUNK
        self.losses.append(float(value))
        if not np.isfinite(self.losses[-1]):
            raise TwoalikeError(
                f"the variational fit diverged at step {self.done} (its bound is "
                f"{self.losses[-1]}). Try another --seed or --prior, or fewer --dimensions."
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
    def look(q: Any, key: Any) -> Any:
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

    return lambda q, key: float(look(q, key))


def fit_vi(
    data: Data,
    form: Form,
    *,
    config: FitConfig,
    held: Data | None = None,
    checkpoint: Checkpoint | None = None,
    between: Callable[[], None] = lambda: None,
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, npt.NDArray[np.float64]]]:
    """Fit by variational inference.

    Parameters
    ----------
    held
        Judgments of the same objects and participants that are not fitted: the progress shows
        their log-loss.
    checkpoint
        Keeps the fit on its way; one that was interrupted goes on from there.
    between
        Called whenever some steps are done; what it raises ends the fit.

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
    draws = []
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
            draws.append(_draws(density, fit.q, last, config.draws or 100))
    together = {name: np.stack([each[name] for each in draws]) for name in draws[0]}
    return together, {"loss": np.array([fit.losses for fit in fits])}


def begin(start: dict[str, npt.NDArray[np.float32]], optimiser: Any) -> _Progress:
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


def _draws(density: Density, q: Any, key: Any, n: int) -> dict[str, npt.NDArray[np.float32]]:
    """Draws of one fit by name, each of shape (S, ...)."""
    import jax

    unravel = unravel_to(density)

    @jax.jit
    def draw(k: Any) -> Any:
        return density.quantities(*unravel(sample(q, k)))

    each = [draw(k) for k in jax.random.split(key, n)]
    return {
        name: np.stack([np.asarray(values[place]) for values in each]).astype(np.float32)
        for place, name in enumerate(density.outputs)
    }
