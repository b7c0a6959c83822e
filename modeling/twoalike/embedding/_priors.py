"""Parts of the model that a setting names: the similarity of two objects, and the priors.

Similarity ``dot`` is the dot product of non-negative coordinates (SPoSE, VICE). ``distance`` is
minus the Euclidean distance: a softmax over it is the ratio rule with similarities that fall off
exponentially with distance (Shepard 1957, doi:10.1007/BF02288967), the world of scaling methods.
The model and everything that turns coordinates into similarities after a fit ask :data:`KERNELS`.

Two priors are for dot products: coordinates are non-negative, and what matters of one is whether it
is there and how large it is. The Gaussian one is for distances, which know no origin and no axes.
A prior is an object whose fields are its hyperparameters; those of user code are named as
``module:name``, or given as they are.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, Literal

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
    weighed
        The same by weights of the dimensions, as one product: (n, D), (n, D), (P, D) -> (P, n).
    gram
        From squared norms, (..., m, 1), and dot products, (..., m, m), for the module given last.
    """

    matrix: Callable[[Floats, Floats], Floats]
    rows: Callable[[Floats, Floats], Floats]
    by_log_weight: Callable[[Floats, Floats], Floats]
    symbolic: Callable[[Any, Any, Any], Any]
    weighed: Callable[[Any, Any, Any, Any], Any]
    gram: Callable[[Any, Any, Any], Any]

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


def cheaper_whole(m: int, n: int) -> bool:
    """Whether similarities of all m objects cost less than those of n items in sets.

    A matrix product does its multiplications some 30 times faster than gathered rows do.
    """
    return m**2 < 30 * n


def _distance_matrix(left: Floats, right: Floats) -> Floats:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    return np.asarray(-np.sqrt(np.maximum(squares, 0) + _TINY))


def _distance_rows(left: Floats, right: Floats) -> Floats:
    return np.asarray(-np.sqrt(((left - right) ** 2).sum(axis=1) + _TINY))


_TINY = 1e-6
"""Below the square root: a distance of zero has no gradient."""
KERNELS = {
    "dot": Kernel(
        lambda left, right: np.asarray(left @ right.T),
        lambda left, right: np.asarray(np.einsum("nd,nd->n", left, right)),
        lambda left, right: left * right,
        lambda left, right, xp: (left * right).sum(axis=-1),
        lambda left, right, weights, xp: weights @ (left * right).T,
        lambda squares, dots, xp: dots,
    ),
    "distance": Kernel(
        _distance_matrix,
        _distance_rows,
        lambda left, right: (left - right) ** 2 / (2 * _distance_rows(left, right)[:, None]),
        lambda left, right, xp: -xp.sqrt(((left - right) ** 2).sum(axis=-1) + _TINY),
        lambda left, right, weights, xp: -xp.sqrt(weights @ ((left - right) ** 2).T + _TINY),
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


START_DECAY = 0.05
"""At a start all components count about alike."""
RIDGE = 0.1
"""Of the map from features to coordinates at a start, in units of a feature's sum of squares."""
LEAST = 0.02
"""Smallest non-negative coordinate of a start: no density is finite at zero."""

type Features = Floats | None
type Start = dict[str, Floats]


class Part(ABC):  # noqa: B024 - what is abstract, each part says
    """A part of the model that user code may replace; its fields are its hyperparameters.

    Attributes
    ----------
    name
        In settings and in attributes of a posterior; by default module and name of the class.
    stored
        Variables that a posterior keeps of it, and their axes, such as ``dimension`` or
        ``component dimension``; the dimension is the last one.
    """

    name: ClassVar[str] = ""
    stored: ClassVar[Mapping[str, str]] = {}

    def __str__(self) -> str:
        own = type(self)  # subclasses have a name of their own
        return vars(own).get("name") or f"{own.__module__}:{own.__qualname__}"


class Prior(Part):
    """A prior of the embedding: subclass it, usually as a frozen dataclass.

    The likelihood, people and both engines depend on nothing else of it. Its variables are
    continuous, with a differentiable density; of those with one value a dimension the dimension is
    the last axis, since dimensions are sorted and dropped after a fit.

    Attributes
    ----------
    similarity
        The one it is for: ``dot``, of coordinates that are not negative, or ``distance``.
    with_features
        Whether it takes features.

    Examples
    --------
    >>> SpikeAndSlab(total=2.0)
    SpikeAndSlab(spike=0.1, tail=3.0, total=2.0)
    """

    similarity: ClassVar[Literal["dot", "distance"]] = "dot"
    with_features: ClassVar[bool] = False

    @abstractmethod
    def add(self, m: int, d: int, features: Features) -> Any:
        """Add its variables to the open PyMC model, and return the deterministic ``embedding``.

        Its dims are ``object`` and ``dimension``; ``features`` are components, (m, p), or None.
        """

    @abstractmethod
    def start_at(self, x: Floats, features: Features) -> Start:
        """Where a fit starts whose embedding is x, (m, d): values by name of the variable.

        Variables that are left out start where PyMC has them.
        """

    def start(self, m: int, d: int, p: int, rng: np.random.Generator) -> Start:
        """Where a fit starts at random; p counts the components of features.

        Coordinates are small: a chain that starts from large ones may stay in a wrong mode.
        """
        if self.similarity == "distance":
            return self.start_at(0.5 * rng.normal(size=(m, d)), None)
        return self.start_at(_small(m, d, rng), None)


@dataclass(frozen=True)
class SpikeAndSlab(Prior):
    """Scaled mixture of a half-normal spike and a half-Student slab.

    Dimensions share one total of squared scales, in shares that are uniform on the simplex: a
    dimension that is not needed takes nothing from the others, and how large similarities are does
    not depend on how many are on offer. The embedding is ``slab_scale`` times a unit mixture, so
    that the scale of a dimension can shrink without all its coordinates having to follow.

    Attributes
    ----------
    spike
        Scale of a coordinate that is not there, as a share of one that is.
    tail
        Degrees of freedom of the slab: with a half-normal one, large coordinates are shrunk and the
        intervals of similarities miss them (benchmarks/results/calibration.md).
    total
        Scale of the root of the sum of all squared slab scales.
    """

    spike: float = 0.1
    tail: float = 3.0
    total: float = 3.0

    name = "spike-and-slab"
    stored = {"slab_weight": "dimension", "slab_scale": "dimension"}

    def add(self, m: int, d: int, features: Features) -> Any:
        import pymc as pm
        import pytensor.tensor as pt
        from scipy.stats import t

        spike, tail = float(self.spike), float(self.tail)
        weight = pm.Beta("slab_weight", 2.0, 2.0, dims="dimension")
        total = pm.HalfNormal("slab_total", self.total)
        share = pm.Dirichlet("slab_share", np.ones(d), dims="dimension") if d > 1 else pt.ones(1)
        share = pt.maximum(share, 1e-12)  # the root of 0 has no gradient
        scale = pm.Deterministic("slab_scale", total * pt.sqrt(share), dims="dimension")
        height = float(np.log(2.0) + t.logpdf(0.0, tail))

        def logp(value: Any, weight: Any) -> Any:
            # In single precision a weight can round to 0 or 1; plain floats keep that precision.
            share = pt.clip(weight, 1e-6, 1 - 1e-6)
            slab = pt.log(share) + height - 0.5 * (tail + 1) * pt.log1p(value**2 / tail)
            there = pt.log1p(-share) + float(0.5 * np.log(2 / np.pi) - np.log(spike))
            return pt.logaddexp(slab, there - 0.5 * (value / spike) ** 2)

        def random(weight: Any, rng: Any = None, size: Any = None) -> Any:
            slab, near = rng.standard_t(tail, size), spike * rng.standard_normal(size)
            return np.abs(np.where(rng.random(size) < weight, slab, near))

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

    def start(self, m: int, d: int, p: int, rng: np.random.Generator) -> Start:
        return {"unit": _small(m, d, rng)}

    def start_at(self, x: Floats, features: Features) -> Start:
        """Start where the scale of each dimension is its root mean square."""
        scale = np.sqrt((x**2).mean(axis=0)) + LEAST
        total = float(np.sqrt((scale**2).sum()))
        unit = np.maximum(x, LEAST * scale) / scale
        share = {"slab_share": (scale / total) ** 2} if len(scale) > 1 else {}
        return {"unit": unit, "slab_total": np.array(total), **share}


@dataclass(frozen=True)
class Gaussian(Prior):
    """Gaussian coordinates around a map of the features, with scales learnt a dimension.

    A component of features counts by a power of its spread, which is learnt: of few objects the
    components are as many as the objects, and if all counted alike they would tell any two apart
    equally well, which is to tell nothing. The map's variance is one, whatever the power; how
    strong it is is learnt a dimension, so that features that are unrelated to it leave it alone.

    Attributes
    ----------
    residual
        Scale of the half-normal prior of what is left to each object.
    strength, decay
        Scales of the half-normal priors of the map's strength, and of the power.
    """

    residual: float = 1.5
    strength: float = 1.0
    decay: float = 1.5

    name = "gaussian"
    similarity: ClassVar[Literal["dot", "distance"]] = "distance"
    with_features = True
    stored = {
        "residual_scale": "dimension",
        "feature_strength": "dimension",
        "feature_weights": "component dimension",
        "feature_decay": "",
    }
    _centre: ClassVar[float] = 0.0

    def add(self, m: int, d: int, features: Features) -> Any:
        import pymc as pm

        latent = self._latent(m, d, features)
        return pm.Deterministic("embedding", latent, dims=("object", "dimension"))

    def _latent(self, m: int, d: int, features: Features) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        scale = pm.HalfNormal("residual_scale", self.residual, dims="dimension")
        latent = scale * pm.Normal("residual", 0.0, 1.0, shape=(m, d))
        if features is None:
            return latent
        decay = pm.HalfNormal("feature_decay", self.decay)
        strength = pm.HalfNormal("feature_strength", self.strength, dims="dimension")
        weights = pm.Normal("feature_weights", 0.0, 1.0, shape=(features.shape[1], d))
        return latent + pt.dot(_components(features, decay, pt), weights * strength)

    def start(self, m: int, d: int, p: int, rng: np.random.Generator) -> Start:
        if not p:
            return {"residual": self._centre + 0.5 * rng.normal(size=(m, d))}
        # Without a strong map every object learns for itself before the map has been found.
        return {
            "residual": rng.normal(size=(m, d)),
            "residual_scale": np.full(d, 0.3),
            "feature_strength": np.full(d, 7.0),
            "feature_weights": 0.3 * rng.normal(size=(p, d)),
            "feature_decay": np.array(START_DECAY),
        }

    def start_at(self, x: Floats, features: Features) -> Start:
        """Start where the map is the ridge regression of the coordinates on the features."""
        found: Start = {}
        if features is not None:
            z = _components(features, START_DECAY, np)
            gram = z.T @ z
            ridge = RIDGE * gram.diagonal().mean() * np.eye(len(gram))
            weights = np.linalg.solve(gram + ridge, z.T @ x)
            strength = np.sqrt((weights**2).mean(axis=0)) + LEAST
            found = {
                "feature_weights": weights / strength,
                "feature_strength": strength,
                "feature_decay": np.array(START_DECAY),
            }
            x = x - z @ weights
        scale = x.std(axis=0) + LEAST
        return {"residual": x / scale, "residual_scale": scale, **found}


@dataclass(frozen=True)
class Student(Prior):
    """Coordinates of a dimension as those of :class:`Gaussian`, with its scale integrated out.

    The squared scale has an inverse gamma distribution, so that the m coordinates of a dimension
    have a multivariate Student distribution. Where objects are well known chains go through it with
    shorter trajectories, since no scale holds all coordinates of a dimension together.

    Attributes
    ----------
    shape, rate
        Of the inverse gamma distribution.
    """

    shape: float = 1.0
    rate: float = 0.5

    name = "student"
    similarity = "distance"

    def add(self, m: int, d: int, features: Features) -> Any:
        import pymc as pm
        import pytensor.tensor as pt
        from scipy.special import gammaln

        shape, rate = float(self.shape), float(self.rate)
        power = shape + m / 2
        constant = float(gammaln(power) - gammaln(shape) + shape * np.log(rate))
        constant -= m / 2 * float(np.log(2 * np.pi))

        def logp(value: Any, centre: Any, rate: Any) -> Any:
            squares = ((value - centre) ** 2).sum(axis=-2)
            return (constant - power * pt.log(rate + 0.5 * squares)).sum(axis=-1)

        def random(centre: Any, rate: Any, rng: Any = None, size: Any = None) -> Any:
            scale = np.sqrt(rate / rng.gamma(shape, size=(*(size or ()), 1, d)))
            return centre + scale * rng.standard_normal((*(size or ()), m, d))

        x = pm.CustomDist(
            "residual",
            np.zeros((m, d), dtype=np.float32),
            np.float32(rate),
            logp=logp,
            random=random,
            support_point=lambda *_: pt.full((m, d), 0.3),
            signature="(m,d),()->(m,d)",
        )
        return pm.Deterministic("embedding", x, dims=("object", "dimension"))

    def start_at(self, x: Floats, features: Features) -> Start:
        return {"residual": x}


@dataclass(frozen=True)
class Softplus(Gaussian):
    """The softplus of Gaussian coordinates, for dot products.

    Attributes
    ----------
    location, location_spread
        Mean and standard deviation of the normal prior of each dimension's location.
    """

    location: float = -1.0
    location_spread: float = 1.0

    name = "softplus"
    similarity = "dot"
    stored = {"location": "dimension", **Gaussian.stored}
    _centre = -0.5

    def add(self, m: int, d: int, features: Features) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        location = pm.Normal("location", self.location, self.location_spread, dims="dimension")
        x = softplus(location + self._latent(m, d, features), pt)
        return pm.Deterministic("embedding", x, dims=("object", "dimension"))

    def start_at(self, x: Floats, features: Features) -> Start:
        latent = np.log(np.expm1(np.maximum(x, LEAST)))
        location = latent.mean(axis=0)
        return {"location": location, **super().start_at(latent - location, features)}


def softplus(v: Any, xp: ModuleType) -> Any:
    """log(1 + exp(v)), for numpy or PyTensor, whose gradient is a number far from 0 too."""
    return xp.maximum(v, 0.0) + xp.log1p(xp.exp(xp.clip(-xp.abs(v), -80.0, 0.0)))


def _small(m: int, d: int, rng: np.random.Generator) -> Floats:
    return np.asarray(0.3 * rng.gamma(1.5, 1 / 1.5, size=(m, d)) + LEAST)


def _components(features: Floats, decay: Any, xp: ModuleType) -> Any:
    """Components of features as the map takes them, (m, p), for numpy or PyTensor."""
    spread = features.std(axis=0)
    share = xp.exp(decay * np.log(spread / spread.max()))
    return features / spread * share / xp.sqrt((share**2).sum())


PRIORS: Mapping[str, Prior] = {
    prior.name: prior for prior in (SpikeAndSlab(), Softplus(), Gaussian(), Student())
}


def find_prior(prior: str | Prior) -> Prior:
    """Look up a prior by its name, or import one of another module, ``module:name``."""
    return find_part(prior, PRIORS, Prior, "auto")  # type: ignore[type-abstract]


def imported(name: str) -> Any:
    """Import what ``module:name`` names; None if there is no such thing."""
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # a module in the working directory, as for a script
    try:
        return getattr(import_module(module), attribute) if attribute else None
    except (ImportError, AttributeError, ValueError):
        return None


def find_part[P: Part](given: str | P, known: Mapping[str, P], base: type[P], *more: str) -> P:
    """Give a part as it is, by its name, or imported as ``module:name``: an object or its class."""
    if isinstance(given, base):
        return given
    name = str(given)
    found: Any = known.get(name) or imported(name)
    if isinstance(found, type) and issubclass(found, base):
        found = found()
    if not isinstance(found, base):
        what = base.__name__.lower()
        names = ", ".join((*more, *known))
        raise TwoalikeError(
            where=f"`{what}={name}`",
            expected=f"{names}, or module:name of {base.__name__} that can be imported",
            found=repr(name),
            remedy=f"See the how-to on {what}.",
        )
    return found
