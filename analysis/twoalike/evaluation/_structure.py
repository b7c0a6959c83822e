"""Rank correlations of a network's dissimilarities with people's.

By rank, since neither scale is known; computed here in a few lines (and checked against
rsatoolbox in the tests) because the jackknife calls them some hundred times.
"""

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]


def upper(matrices: Floats) -> Floats:
    """Upper triangles of (..., m, m), read row by row: shape (..., m(m-1)/2)."""
    rows, columns = np.triu_indices(matrices.shape[-1], 1)
    return np.asarray(matrices[..., rows, columns])


def centred_ranks(values: npt.ArrayLike) -> Floats:
    """Ranks less their mean, ties sharing one, shape (n,); Spearman's is their cosine."""
    # By np.unique, which takes a quarter of the time of scipy's rankdata for a million pairs.
    _, place, count = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    return np.asarray(ranks[place] - (len(place) + 1) / 2)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation; 0 if either is constant, as there is no order to agree with.

    Examples
    --------
    >>> round(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 3)
    0.8
    """
    x, y = centred_ranks(a), centred_ranks(b)
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0


def rho_a(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's correlation expected when ties are broken at random.

    Unlike :func:`spearman` it does not reward a model for predicting ties
    (doi:10.7554/eLife.82566).

    Examples
    --------
    >>> rho_a([1, 1, 1, 1], [1, 2, 3, 4])
    0.0
    """
    x, y = centred_ranks(a), centred_ranks(b)
    n = len(x)
    return float(12 * (x @ y) / (n**3 - n))
