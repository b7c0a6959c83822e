"""The PyMC model as functions in JAX, for the engine that differentiates them itself.

JAX differentiates the parts of the log-density: PyTensor's own gradient of the row gather is
several times slower.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._model import STORED, Data, Form, prior_terms
from twoalike.study import Floats


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
        wanted = [v for v in model.unobserved_value_vars if v.name in STORED]
        prior_names, priors = prior_terms(model)
        return Density(
            names=tuple(v.name for v in values),
            starts=tuple(_unconstrained(model, start) for start in starts),
            prior=get_jaxified_graph(inputs=values, outputs=[model.logp(vars=model.free_RVs)]),
            groups=get_jaxified_graph(
                inputs=[*values, *(array for group in groups for array in group)],
                outputs=[model.logp(vars=[potential]) for potential in model.potentials],
            ),
            quantities=get_jaxified_graph(inputs=values, outputs=[*wanted, *priors]),
            outputs=(*(v.name for v in wanted), *prior_names),
        )


def _unconstrained(model: Any, near: dict[str, Floats]) -> dict[str, Floats]:
    """Complete a start by PyMC's own, and give it by name of the unconstrained variable."""
    start = model.initial_point()
    for name, value in near.items():
        variable = model[name]
        transform = model.rvs_to_transforms[variable]
        symbol = model.rvs_to_values[variable].name
        start[symbol] = value if transform is None else transform.forward(value).eval()
    return {v.name: np.asarray(start[v.name], dtype=np.float32) for v in model.value_vars}
