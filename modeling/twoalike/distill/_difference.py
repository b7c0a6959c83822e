"""How far the features of one form of a network are from those of another."""

import numpy as np
import numpy.typing as npt

TOLERANCE = 1e-5
"""Largest difference of an exported network from the trained one."""


def difference(found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating]) -> float:
    """Largest difference of features, in units of the largest feature where that is above 1.

    float32 keeps seven digits, so that features of ten differ more than features of one.

    Parameters
    ----------
    found, expected
        Features, shape (n, p).

    Returns
    -------
    Infinite where the shapes differ or a feature is not finite.

    Examples
    --------
    >>> difference(np.array([[1.0, 20.5]]), np.array([[1.0, 20.0]]))
    0.025
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    unit = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0)) / unit
