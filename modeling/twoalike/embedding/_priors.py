"""Priors of an embedding, and where a fit starts.

Two are for dot products: coordinates are non-negative, and what matters of one is whether it is
there and how large it is. The Gaussian one is for distances, which know no origin and no axes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoalike.study import Floats

SPIKE = 0.1
"""Scale of a coordinate that is not there, as a share of one that is."""
TAIL = 3.0
"""Degrees of freedom of the slab: with a half-normal one, large coordinates are shrunk and the
intervals of similarities miss them (benchmarks/results/calibration.md)."""
TOTAL = 3.0
"""Scale of the root of the sum of all squared slab scales: how large similarities are does not
depend on how many dimensions are on offer."""

type Features = Floats | None
type Start = dict[str, Floats]


@dataclass(frozen=True)
class Prior:
    """A prior of the embedding.

    Attributes
    ----------
    add
        Adds its variables to the open PyMC model, from m objects, d dimensions and features,
        and gives the ``embedding``, shape (m, d).
    start
        Where a fit starts, by name of the variable, from m, d, the number of features and a
        generator; variables that are left out start where PyMC has them.
    """

    add: Callable[[int, int, Features], Any]
    start: Callable[[int, int, int, np.random.Generator], Start]


def spike_and_slab(m: int, d: int) -> Any:
    """Scaled mixture of a half-normal spike and a half-Student slab: the ``embedding``, (m, d).

    Dimensions share one total of squared scales, in shares that are uniform on the simplex: a
    dimension that is not needed takes nothing from the others. It is ``slab_scale`` times a unit
    mixture, so that the scale of a dimension can shrink without all its coordinates having to
    follow.
    """
    import pymc as pm
    import pytensor.tensor as pt
    from scipy.stats import t

    weight = pm.Beta("slab_weight", 2.0, 2.0, dims="dimension")
    total = pm.HalfNormal("slab_total", TOTAL)
    share = pm.Dirichlet("slab_share", np.ones(d), dims="dimension") if d > 1 else pt.ones(1)
    scale = pm.Deterministic("slab_scale", total * pt.sqrt(share), dims="dimension")
    height = float(np.log(2.0) + t.logpdf(0.0, TAIL))

    def logp(value: Any, weight: Any) -> Any:
        # In single precision a weight can round to 0 or 1; plain floats keep the density single.
        share = pt.clip(weight, 1e-6, 1 - 1e-6)
        slab = pt.log(share) + height - 0.5 * (TAIL + 1) * pt.log1p(value**2 / TAIL)
        spike = pt.log1p(-share) + float(0.5 * np.log(2 / np.pi) - np.log(SPIKE))
        return pt.logaddexp(slab, spike - 0.5 * (value / SPIKE) ** 2)

    def random(weight: Any, rng: Any = None, size: Any = None) -> Any:
        there = rng.random(size) < weight
        slab, spike = rng.standard_t(TAIL, size), SPIKE * rng.standard_normal(size)
        return np.abs(np.where(there, slab, spike))

    unit = pm.CustomDist(
        "unit",
        weight,
        logp=logp,
        random=random,
        shape=(m, d),
        signature="()->()",
        transform=pm.distributions.transforms.log_exp_m1,
    )
    return pm.Deterministic("embedding", scale * unit, dims=("object", "dimension"))


def pooled_noise(
    name: str, symbol: str, typical: float, n: int, dims: str, least: float = 0.0
) -> Any:
    """Noise of each of n people or sources, partially pooled on the log scale, symbolic, (n,).

    Variables of the pool begin with ``symbol``, the result has the name.
    """
    import pymc as pm

    location = pm.Normal(f"{symbol}_location", float(np.log(typical)), 1.0)
    if n == 1:
        return pm.Deterministic(name, least + pm.math.exp(location)[None], dims=dims)
    spread = pm.HalfNormal(f"{symbol}_spread", 0.5)
    offset = pm.Normal(f"{symbol}_offset", 0.0, 1.0, dims=dims)
    return pm.Deterministic(name, least + pm.math.exp(location + spread * offset), dims=dims)


def add_prior(name: str, m: int, d: int, features: Features) -> Any:
    """Add a prior of :data:`PRIORS` to the open PyMC model; give the ``embedding``, shape (m, d).

    With principal components of features, (m, p), the prior mean is a linear map of them, whose
    strength is learnt a dimension, so that features that are unrelated to a dimension leave it
    alone. Not for ``spike-and-slab``.
    """
    return PRIORS[name].add(m, d, features)


def _softplus(m: int, d: int, features: Features) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    latent = pm.Normal("location", -1.0, 1.0, dims="dimension") + _latent(m, d, features)
    return pm.Deterministic("embedding", pt.softplus(latent), dims=("object", "dimension"))


def _gaussian(m: int, d: int, features: Features) -> Any:
    import pymc as pm

    return pm.Deterministic("embedding", _latent(m, d, features), dims=("object", "dimension"))


def _latent(m: int, d: int, features: Features) -> Any:
    """Gaussian coordinates around a map of the features, with scales learnt a dimension.

    A component counts by a power of its spread, which is learnt: of few objects the components
    are as many as the objects, and if all counted alike they would tell any two apart equally
    well, which is to tell nothing. The map's variance is one, whatever the power.
    """
    import pymc as pm
    import pytensor.tensor as pt

    scale = pm.HalfNormal("residual_scale", 1.5, dims="dimension")
    latent = scale * pm.Normal("residual", 0.0, 1.0, shape=(m, d))
    if features is None:
        return latent
    spread = features.std(axis=0)
    decay = pm.HalfNormal("feature_decay", 1.5)
    share = pt.as_tensor(spread / spread.max()) ** decay
    share = share / pt.sqrt((share**2).sum())
    strength = pm.HalfNormal("feature_strength", 1.0, dims="dimension")
    weights = pm.Normal("feature_weights", 0.0, 1.0, shape=(features.shape[1], d))
    return latent + pt.dot((features / spread) * share, weights * strength)


def start_values(name: str, m: int, d: int, p: int, rng: np.random.Generator) -> Start:
    """Where a fit starts, by name of the variable.

    Coordinates are small: a chain that starts from large ones may stay in a wrong mode. With p
    features the map starts strong and what is left to each object weak, or every object learns
    for itself before the map has been found.
    """
    return PRIORS[name].start(m, d, p, rng)


def _start_slab(m: int, d: int, p: int, rng: np.random.Generator) -> Start:
    return {"unit": 0.3 * rng.gamma(1.5, 1 / 1.5, size=(m, d)) + 0.02}


def _start_around(centre: float) -> Callable[[int, int, int, np.random.Generator], Start]:
    """Start of Gaussian coordinates, around ``centre`` where there are no features."""

    def start(m: int, d: int, p: int, rng: np.random.Generator) -> Start:
        if not p:
            return {"residual": centre + 0.5 * rng.normal(size=(m, d))}
        return {
            "residual": rng.normal(size=(m, d)),
            "residual_scale": np.full(d, 0.3),
            "feature_strength": np.full(d, 7.0),
            "feature_weights": 0.3 * rng.normal(size=(p, d)),
            "feature_decay": np.array(0.05),
        }

    return start


PRIORS: Mapping[str, Prior] = {
    "spike-and-slab": Prior(lambda m, d, features: spike_and_slab(m, d), _start_slab),
    "softplus": Prior(_softplus, _start_around(-0.5)),
    "gaussian": Prior(_gaussian, _start_around(0.0)),
}
"""By the name that settings and posteriors have."""
