"""Parts of the model that a setting names: the similarity of two objects, and the priors.

Similarity ``dot`` is the dot product of non-negative coordinates (SPoSE, VICE). ``distance`` is
minus the Euclidean distance: a softmax over it is the ratio rule with similarities that fall off
exponentially with distance (Shepard 1957, doi:10.1007/BF02288967), the world of scaling methods.
The model and everything that turns coordinates into similarities after a fit ask :data:`KERNELS`.

Two priors are for dot products: coordinates are non-negative, and what matters of one is whether it
is there and how large it is. The Gaussian one is for distances, which know no origin and no axes.
Priors of other modules are named as ``module:name``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from twoalike.study import Floats, Integers, TwoalikeError

ROWS = 65_536  # triplets handled at once: bounds memory, and fits the processor's cache


@dataclass(frozen=True)
class Kernel:
    """A similarity in forms that agree.

    Attributes
    ----------
    matrix
        Every row with every row: (a, D), (b, D) -> (a, b); numpy.
    rows
        Row with row: (n, D), (n, D) -> (n,); numpy.
    by_log_weight
        Derivative of ``rows`` by the log weight of each dimension, (n, D); numpy.
    symbolic
        ``rows`` for the module given last: ``pytensor.tensor`` or ``jax.numpy``.
    gram
        From squared norms, (..., m, 1), and dot products, (..., m, m), for the module given last.
    """

    matrix: Callable[[Floats, Floats], Floats]
    rows: Callable[[Floats, Floats], Floats]
    by_log_weight: Callable[[Floats, Floats], Floats]
    symbolic: Callable[[Any, Any, Any], Any]
    gram: Callable[[Any, Any, Any], Any]

    def is_cheaper_whole(self, m: int, n: int) -> bool:
        """Whether similarities of all m objects cost less than those of n items in sets.

        A matrix product does its multiplications some 30 times faster than gathered rows do.
        """
        return m**2 < 30 * n

    def pairs(
        self,
        x: Any,
        items: Any,
        pairs: Integers,
        *,
        matrix: Any = None,
        roots: Any = None,
        xp: ModuleType = np,
    ) -> tuple[Any, ...]:
        """Similarities of pairs of places, (P, 2), in sets of items, (n, k): (n,) each.

        By the embedding ``x`` (m, d), or by the ``matrix`` (m, m) of all similarities, where it is
        known. Without it the judge of each set may multiply the coordinates by ``roots``, (n, d)
        or (d,).
        """
        if matrix is not None:
            m = x.shape[0]
            # One gather: the gradient of several would fill and add up several matrices.
            places = xp.stack([items[:, one] * m + items[:, other] for one, other in pairs])
            found = matrix.ravel()[places]
            return tuple(found[row] for row in range(len(pairs)))
        sides = [x[items[:, place]] for place in range(int(np.max(pairs)) + 1)]
        if roots is not None:
            sides = [side * roots for side in sides]
        if xp is np:
            return tuple(self.rows(sides[one], sides[other]) for one, other in pairs)
        return tuple(self.symbolic(sides[one], sides[other], xp) for one, other in pairs)


def _dot_matrix(left: Floats, right: Floats) -> Floats:
    return np.asarray(left @ right.T)


def _dot_rows(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", left, right))


def _distance_matrix(left: Floats, right: Floats) -> Floats:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    return np.asarray(-np.sqrt(np.maximum(squares, 0) + _TINY))


def _distance_rows(left: Floats, right: Floats) -> Floats:
    return np.asarray(-np.sqrt(((left - right) ** 2).sum(axis=1) + _TINY))


_TINY = 1e-6
"""Below the square root: a distance of zero has no gradient."""
KERNELS = {
    "dot": Kernel(
        _dot_matrix,
        _dot_rows,
        lambda left, right: left * right,
        lambda left, right, xp: (left * right).sum(axis=-1),
        lambda squares, dots, xp: dots,
    ),
    "distance": Kernel(
        _distance_matrix,
        _distance_rows,
        lambda left, right: (left - right) ** 2 / (2 * _distance_rows(left, right)[:, None]),
        lambda left, right, xp: -xp.sqrt(((left - right) ** 2).sum(axis=-1) + _TINY),
        lambda squares, dots, xp: (
            -xp.sqrt(xp.maximum(squares + squares.swapaxes(-1, -2) - 2 * dots, 0.0) + _TINY)
        ),
    ),
}
"""Name in the attribute ``similarity`` -> its definition; without that attribute: dot."""


def find_kernel(name: str) -> Kernel:
    """Look up a similarity by its name; a newer twoalike may know others."""
    if name not in KERNELS:
        raise TwoalikeError(
            f"the posterior's similarity is {name!r}, this twoalike knows "
            f"{', '.join(sorted(KERNELS))}. Upgrade twoalike."
        )
    return KERNELS[name]


SPIKE = 0.1
"""Scale of a coordinate that is not there, as a share of one that is."""
TAIL = 3.0
"""Degrees of freedom of the slab: with a half-normal one, large coordinates are shrunk and the
intervals of similarities miss them (benchmarks/results/calibration.md)."""
START_DECAY = 0.05
"""At a start all components count about alike."""
RIDGE = 0.1
"""Of the map from features to coordinates at a start, in units of a feature's sum of squares."""
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
        and gives the ``embedding``, shape (m, d). With principal components of features, (m, p),
        the prior mean is a linear map of them, whose strength is learnt a dimension, so that
        features that are unrelated to a dimension leave it alone.
    start
        Where a fit starts, by name of the variable, from m, d, the number of features and a
        generator; variables that are left out start where PyMC has them. Coordinates are small: a
        chain that starts from large ones may stay in a wrong mode. With features the map starts
        strong and what is left to each object weak, or every object learns for itself before the
        map has been found.
    start_at
        The start whose embedding is x, (m, d), with features or None; variables that are left out
        start where PyMC has them.
    similarity
        The one it is for: ``dot``, of coordinates that are not negative, or ``distance``.
    with_features
        Whether it takes features.
    stored
        Variables that a posterior keeps beside the embedding, and their axes, such as
        ``dimension`` or ``component dimension``; the dimension is the last one.
    """

    add: Callable[[int, int, Features], Any]
    start: Callable[[int, int, int, np.random.Generator], Start]
    start_at: Callable[[Floats, Features], Start]
    similarity: str = "dot"
    with_features: bool = False
    stored: Mapping[str, str] = field(default_factory=dict)


def spike_and_slab(m: int, d: int, features: Features = None) -> Any:
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
    share = pt.maximum(share, 1e-12)  # the root of 0 has no gradient
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
        support_point=lambda *_: pt.full((m, d), 0.3),  # at 0 the density is not finite
        shape=(m, d),
        signature="()->()",
        transform=pm.distributions.transforms.log_exp_m1,
    )
    return pm.Deterministic("embedding", scale * unit, dims=("object", "dimension"))


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
    decay = pm.HalfNormal("feature_decay", 1.5)
    strength = pm.HalfNormal("feature_strength", 1.0, dims="dimension")
    weights = pm.Normal("feature_weights", 0.0, 1.0, shape=(features.shape[1], d))
    return latent + pt.dot(_components(features, decay, pt), weights * strength)


def _components(features: Floats, decay: Any, xp: ModuleType) -> Any:
    """Components of features as the map takes them, (m, p), for numpy or PyTensor."""
    spread = features.std(axis=0)
    share = xp.exp(decay * np.log(spread / spread.max()))
    return features / spread * share / xp.sqrt((share**2).sum())


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
            "feature_decay": np.array(START_DECAY),
        }

    return start


LEAST = 0.02
"""Smallest non-negative coordinate of a start: no density is finite at zero."""


def _slab_at(x: Floats, features: Features) -> Start:
    scale = np.sqrt((x**2).mean(axis=0)) + LEAST
    total = float(np.sqrt((scale**2).sum()))
    unit = np.maximum(x, LEAST * scale) / scale
    share = {"slab_share": (scale / total) ** 2} if len(scale) > 1 else {}
    return {"unit": unit, "slab_total": np.array(total), **share}


def _softplus_at(x: Floats, features: Features) -> Start:
    latent = np.log(np.expm1(np.maximum(x, LEAST)))
    location = latent.mean(axis=0)
    return {"location": location, **_latent_at(latent - location, features)}


def _latent_at(latent: Floats, features: Features) -> Start:
    """Start at latent coordinates: the map is their ridge regression on the features."""
    found: Start = {}
    if features is not None:
        z = _components(features, START_DECAY, np)
        gram = z.T @ z
        weights = np.linalg.solve(
            gram + RIDGE * gram.diagonal().mean() * np.eye(len(gram)), z.T @ latent
        )
        strength = np.sqrt((weights**2).mean(axis=0)) + LEAST
        found = {
            "feature_weights": weights / strength,
            "feature_strength": strength,
            "feature_decay": np.array(START_DECAY),
        }
        latent = latent - z @ weights
    scale = latent.std(axis=0) + LEAST
    return {"residual": latent / scale, "residual_scale": scale, **found}


_LATENT = {
    **dict.fromkeys(("residual_scale", "feature_strength"), "dimension"),
    "feature_weights": "component dimension",
    "feature_decay": "",
}
PRIORS: Mapping[str, Prior] = {
    "spike-and-slab": Prior(
        spike_and_slab,
        _start_slab,
        _slab_at,
        stored=dict.fromkeys(("slab_weight", "slab_scale"), "dimension"),
    ),
    "softplus": Prior(
        _softplus,
        _start_around(-0.5),
        _softplus_at,
        with_features=True,
        stored={"location": "dimension", **_LATENT},
    ),
    "gaussian": Prior(
        _gaussian, _start_around(0.0), _latent_at, "distance", with_features=True, stored=_LATENT
    ),
}
"""By the name that settings and posteriors have."""


def imported(name: str) -> Any:
    """Import what ``module:name`` names; None if there is no such thing."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute) if attribute else None
    except (ImportError, AttributeError, ValueError):
        return None


def find_prior(name: str) -> Prior:
    """Look up a prior by its name, or import one of another module, ``module:name``."""
    found = PRIORS.get(name) or imported(name)
    if not isinstance(found, Prior):
        raise TwoalikeError(
            where=f"`prior={name}`",
            expected=f"auto, {', '.join(PRIORS)}, or module:name of a Prior that can be imported",
            found=repr(name),
            remedy="See the how-to on priors.",
        )
    return found
