"""The PyMC model in JAX: parts of its log-density, and what it stores of a draw.

JAX differentiates these itself: PyTensor's own gradient of the row gather is several times
slower.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._model import Data, build_model
from twoalike.embedding._priors import start_values

PER_DIMENSION = (
    "embedding",
    "slab_weight",
    "slab_scale",
    "location",
    "residual_scale",
    "feature_strength",
    "feature_weights",
)
"""Quantities whose last axis is the dimension."""
STORED = (
    *PER_DIMENSION,
    "feature_decay",
    "temperature",
    "temperature_spread",
    "lapse",
    "lapse_location",
    "lapse_spread",
    "arrangement_noise",
    "arrangement_location",
    "arrangement_spread",
    "object_noise",
    "object_noise_location",
    "object_noise_spread",
    "pair_noise",
    "pair_noise_location",
    "pair_noise_spread",
)
"""Quantities of a draw that the posterior keeps."""


@dataclass(frozen=True)
class Form:
    """What is fitted: the size and shape of the embedding, its prior and its similarity.

    Attributes
    ----------
    dimensions
        Columns of the embedding.
    prior, similarity
        Names, as in :func:`~twoalike.embedding._model.build_model`.
    features
        Standardised features, shape (m, p), or None.
    """

    dimensions: int
    prior: str
    similarity: str = "dot"
    features: npt.NDArray[np.float32] | None = None

    def model(self, data: Data, **batches: Any) -> Any:
        """Build the PyMC model."""
        return build_model(
            data,
            self.dimensions,
            prior=self.prior,
            similarity=self.similarity,
            features=self.features,
            **batches,
        )

    def start(self, m: int, rng: np.random.Generator) -> dict[str, npt.NDArray[np.float64]]:
        """Where a fit to m objects starts, by name of the model's variables."""
        p = 0 if self.features is None else self.features.shape[1]
        return start_values(self.prior, m, self.dimensions, p, rng)


@dataclass(frozen=True)
class Density:
    """The model in JAX.

    Attributes
    ----------
    names
        Unconstrained variables, in the order in which every function takes them.
    starts
        Values to start from, one dictionary a fit.
    prior, likelihood, groups
        Log-densities: of the unconstrained variables, with the transformations' Jacobians; of
        the choices of a batch; of the arrangements and dissimilarities of a batch, one a group.
    quantities
        What is stored of a draw, named by ``outputs``.
    """

    names: tuple[str, ...]
    starts: tuple[dict[str, npt.NDArray[np.float32]], ...]
    prior: Callable[..., Any]
    likelihood: Callable[..., Any]
    groups: Callable[..., Any]
    quantities: Callable[..., Any]
    outputs: tuple[str, ...]


def _stand_in(array: npt.NDArray[Any]) -> Any:
    """Symbol for a batch of an array's rows: axes of length 1 stay so, others may be any."""
    import pytensor.tensor as pt

    return pt.tensor(dtype=array.dtype, shape=tuple(1 if n == 1 else None for n in array.shape))


def jax_density(data: Data, form: Form, rngs: Sequence[np.random.Generator]) -> Density:
    """Turn the model into JAX functions, in single precision.

    Parameters
    ----------
    rngs
        Of the start of each fit.
    """
    import pytensor
    import pytensor.tensor as pt
    from pymc.sampling.jax import get_jaxified_graph

    with pytensor.config.change_flags(floatX="float32"):
        items, judge = pt.imatrix("items"), pt.ivector("judge")
        anchored = pt.bvector("anchored") if data.anchored.any() else None
        groups = [tuple(map(_stand_in, group.arrays)) for group in data.groups]
        model = form.model(data, batch=(items, judge, anchored), group_batch=groups)
        values = model.value_vars
        potentials = {potential.name: potential for potential in model.potentials}
        choices = model.logp(vars=[potentials.pop("choices")])
        others = [model.logp(vars=[potential]) for potential in potentials.values()]
        batch = [items, judge] + ([] if anchored is None else [anchored])
        wanted = [v for v in model.unobserved_value_vars if v.name in STORED]
        prior_names, priors = prior_terms(model)
        return Density(
            names=tuple(v.name for v in values),
            starts=tuple(_start(model, form, len(data.ids), rng) for rng in rngs),
            prior=get_jaxified_graph(inputs=values, outputs=[model.logp(vars=model.free_RVs)]),
            likelihood=get_jaxified_graph(inputs=[*values, *batch], outputs=[choices]),
            groups=get_jaxified_graph(
                inputs=[*values, *(array for group in groups for array in group)],
                outputs=others,
            ),
            quantities=get_jaxified_graph(inputs=values, outputs=[*wanted, *priors]),
            outputs=(*(v.name for v in wanted), *prior_names),
        )


LOG_PRIOR = "log_prior_"
"""Begins the name of a variable's log prior density among the quantities of a draw."""


def prior_terms(model: Any) -> tuple[tuple[str, ...], list[Any]]:
    """Log prior density of each free variable, summed over its elements, symbolic.

    On the constrained space without Jacobians: what power-scaling the prior needs.
    """
    terms = model.logp(vars=model.free_RVs, jacobian=False, sum=False)
    names = tuple(f"{LOG_PRIOR}{variable.name}" for variable in model.free_RVs)
    return names, [term.sum() for term in terms]


def _start(
    model: Any, form: Form, m: int, rng: np.random.Generator
) -> dict[str, npt.NDArray[np.float32]]:
    small = form.start(m, rng)
    start = model.initial_point(random_seed=int(rng.integers(2**31)))
    for name, value in small.items():
        variable = model[name]
        transform = model.rvs_to_transforms[variable]
        symbol = model.rvs_to_values[variable].name
        start[symbol] = value if transform is None else transform.forward(value).eval()
    return {v.name: np.asarray(start[v.name], dtype=np.float32) for v in model.value_vars}
