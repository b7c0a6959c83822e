"""Similarities of objects from a network's features.

Three definitions are in use: the cosine after centring, for networks whose features have an
arbitrary origin and length; the cosine without, as many published comparisons have it; and the
plain dot product, for embeddings made to be read so.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import PAIRS, pair_similarities

type Similarity = Literal["cosine", "raw-cosine", "dot"]

_LARGEST_MATRIX = 6000
"""Objects up to which all pairs are computed at once (6000 squared in float64: 0.3 GB)."""


def prepare(values: npt.ArrayLike, kind: Similarity) -> npt.NDArray[np.float64]:
    """Rows whose dot products are the similarities, shape (m, p).

    In float64, so that objects with equal features stay tied: a tie that rounding breaks would
    count as right or wrong at random.
    """
    rows = np.asarray(values, dtype=np.float64)
    if kind == "dot":
        return rows
    if kind == "cosine":
        rows = rows - rows.mean(axis=0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # An object at the mean has no direction; what is left of it after centring is rounding.
    negligible = length <= 1e-9 * max(float(np.abs(np.asarray(values)).max(initial=0.0)), 1e-300)
    return np.asarray(np.where(negligible, 0.0, rows / np.where(negligible, 1.0, length)))


def similarity_matrix(
    values: npt.ArrayLike, kind: Similarity = "cosine"
) -> npt.NDArray[np.float64]:
    """Similarity of every pair of objects.

    Parameters
    ----------
    values
        Features, shape (m, p).
    kind
        ``cosine``: of the rows minus their mean over these m objects. ``raw-cosine``: of the
        rows. ``dot``: the dot product of the rows.

    Returns
    -------
    Symmetric matrix, shape (m, m).

    Examples
    --------
    >>> similarity_matrix([[3.0, 1.0], [1.0, 1.0], [2.0, 1.0]]).round(2) + 0.0
    array([[ 1., -1.,  0.],
           [-1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    """
    rows = prepare(values, kind)
    product = rows @ rows.T
    return np.asarray((product + product.T) / 2)


def triplet_similarities(
    values: npt.ArrayLike, triplets: npt.NDArray[np.integer], kind: Similarity = "cosine"
) -> npt.NDArray[np.float64]:
    """Pair similarities of each triplet in PAIRS order, shape (n, 3).

    Parameters
    ----------
    values
        Features, shape (m, p).
    triplets
        Rows of ``values``, shape (n, 3).
    kind
        As in :func:`similarity_matrix`.
    """
    if len(np.asarray(values)) <= _LARGEST_MATRIX:
        return np.stack(pair_similarities(similarity_matrix(values, kind), triplets), axis=1)
    rows = prepare(values, kind)
    out = np.empty((len(triplets), 3))
    for start in range(0, len(triplets), 8192):
        part = triplets[start : start + 8192]
        for column, (a, b) in enumerate(PAIRS):
            out[start : start + 8192, column] = np.einsum(
                "np,np->n", rows[part[:, a]], rows[part[:, b]]
            )
    return out
