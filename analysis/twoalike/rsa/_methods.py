"""Comparisons that rsatoolbox defines: Kendall's tau a, and correlation after whitening.

Spearman's correlation and rho-a are :mod:`twoalike.evaluation`'s own, which the tests hold to
rsatoolbox's.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]

WHITENED_WITH_GAPS = 99
"""Objects up to which rsatoolbox 0.3.2 whitens where pairs are missing; it fails with more."""


def _compare(a: Floats, b: Floats, method: str) -> float:
    from rsatoolbox.rdm.compare import compare
    from rsatoolbox.rdm.rdms import RDMs

    one, other = (RDMs(vector[None]) for vector in (a, b))  # type: ignore[no-untyped-call]
    return float(compare(one, other, method)[0, 0])


def tau_a(a: Floats, b: Floats) -> float:
    """Kendall's tau a: share of pairs of pairs in the same order, minus those in the other.

    Like rho-a it does not reward ties; a million pairs take a second (rsatoolbox).

    Parameters
    ----------
    a, b
        Dissimilarities, shape (pairs,); pairs that either lacks (NaN) are left out.

    Returns
    -------
    In [-1, 1]; 0 with fewer than two pairs.

    Examples
    --------
    >>> round(tau_a(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 3.0, 2.0, 4.0])), 3)
    0.333
    """
    known = ~(np.isnan(a) | np.isnan(b))
    return _compare(a[known], b[known], "tau-a") if known.sum() > 1 else 0.0


def whitening_problem(a: Floats, b: Floats) -> str | None:
    """Why :func:`whitened` is not defined here, or None.

    Parameters
    ----------
    a, b
        Dissimilarities of all pairs, NaN where missing, shape (m(m-1)/2,).
    """
    known = ~(np.isnan(a) | np.isnan(b))
    n_objects = round((1 + np.sqrt(1 + 8 * len(known))) / 2)
    if n_objects * (n_objects - 1) // 2 != len(known):
        return "needs all pairs of the objects, in the order of an upper triangle"
    if not known.all() and n_objects > WHITENED_WITH_GAPS:
        return (
            f"pairs are missing; with gaps it is computed for at most {WHITENED_WITH_GAPS} "
            f"objects, there are {n_objects}"
        )
    if known.sum() < n_objects:
        return f"needs at least as many pairs as objects, has {known.sum()}"
    return None


def whitened(a: Floats, b: Floats, kind: Literal["corr", "cosine"] = "corr") -> float:
    """Correlation (or cosine) after removing how errors of pairs with a common object covary.

    The covariance is that of squared distances which are estimated with independent noise of
    equal size on each object (rsatoolbox ``corr_cov`` and ``cosine_cov``). People's judgments
    need not err so: take it as a comparison that counts each object's pairs as one source, not as
    the optimal one. ``cosine`` needs a meaningful zero, which similarities of networks lack.

    Parameters
    ----------
    a, b
        Dissimilarities of all pairs of the objects, upper triangle row by row, shape
        (m(m-1)/2,); pairs that either lacks (NaN) are left out. 1,854 objects take half a second.
    kind
        ``corr`` subtracts the means first.

    Raises
    ------
    ValueError
        Where :func:`whitening_problem` names one.

    References
    ----------
    Diedrichsen, Berlot, Mur, Schütt, Shahbazi and Kriegeskorte (2021), doi:10.51628/001c.27664
    """
    if problem := whitening_problem(a, b):
        raise ValueError(f"whitened comparison: {problem}")
    missing = np.isnan(a) | np.isnan(b)
    return _compare(np.where(missing, np.nan, a), np.where(missing, np.nan, b), f"{kind}_cov")
