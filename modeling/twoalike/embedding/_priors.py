"""Priors of a non-negative embedding.

Both are centred on nothing in particular: columns may be exchanged, and what matters of a
coordinate is whether it is there and how large it is.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

SPIKE = 0.1
"""Scale of a coordinate that is not there, as a share of one that is."""


def spike_and_slab(m: int, d: int) -> Any:
    """Scaled mixture of two half-normals; a slab scale and a slab weight a dimension.

    Parameters
    ----------
    m, d
        Objects and dimensions.

    Returns
    -------
    The ``embedding``, shape (m, d): ``slab_scale`` times a unit mixture, so that the scale of a
    dimension can shrink without all its coordinates having to follow.
    """
    import pymc as pm
    import pytensor.tensor as pt

    weight = pm.Beta("slab_weight", 2.0, 2.0, dims="dimension")
    scale = pm.HalfNormal("slab_scale", 1.5, dims="dimension")

    def logp(value: Any, weight: Any) -> Any:
        # In single precision a weight can round to 0 or 1; plain floats keep the density single.
        share = pt.clip(weight, 1e-6, 1 - 1e-6)
        slab = pt.log(share) - 0.5 * value**2
        spike = pt.log1p(-share) - float(np.log(SPIKE)) - 0.5 * (value / SPIKE) ** 2
        return pt.logaddexp(slab, spike) + float(0.5 * np.log(2 / np.pi))

    def random(weight: Any, rng: Any = None, size: Any = None) -> Any:
        there = rng.random(size) < weight
        return np.abs(rng.standard_normal(size)) * np.where(there, 1.0, SPIKE)

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


def softplus_gaussian(m: int, d: int, features: npt.NDArray[np.float32] | None) -> Any:
    """Softplus of a Gaussian, whose mean may be a linear map of features.

    Parameters
    ----------
    m, d
        Objects and dimensions.
    features
        Standardised features, shape (m, p), or None. The map's strength is learnt a dimension:
        features that tell nothing of a dimension leave it alone.
    """
    import pymc as pm
    import pytensor.tensor as pt

    location = pm.Normal("location", -1.0, 1.0, dims="dimension")
    scale = pm.HalfNormal("residual_scale", 1.5, dims="dimension")
    residual = pm.Normal("residual", 0.0, 1.0, shape=(m, d))
    latent = location + scale * residual
    if features is not None:
        strength = pm.HalfNormal("feature_strength", 0.5, dims="dimension")
        weights = pm.Normal("feature_weights", 0.0, 1.0, shape=(features.shape[1], d))
        latent = latent + pt.dot(features, weights * strength)
    return pm.Deterministic("embedding", pt.softplus(latent), dims=("object", "dimension"))
