"""Columns of an embedding may be exchanged: bring chains and draws to one order.

Coordinates are non-negative, so there are no signs to settle.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment


def match_columns(
    reference: npt.NDArray[np.floating], other: npt.NDArray[np.floating]
) -> npt.NDArray[np.int64]:
    """Order of ``other``'s columns that makes them most alike ``reference``'s, by cosine.

    Parameters
    ----------
    reference, other
        Embeddings, shape (m, d).

    Returns
    -------
    Column indices, shape (d,): ``other[:, order]`` lies beside ``reference``.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0, 3.0], [0.0, 2.0, 1.0]])
    >>> match_columns(x, x[:, [2, 0, 1]])
    array([1, 2, 0])
    """

    def unit(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        return np.asarray(x / np.maximum(np.linalg.norm(x, axis=0), 1e-12))

    _, order = linear_sum_assignment(unit(reference).T @ unit(other), maximize=True)
    return np.asarray(order, dtype=np.int64)


def align_draws(x: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Column order of every draw: chains by their means, then draws within a chain.

    Parameters
    ----------
    x
        Draws, shape (chains, draws, m, d).

    Returns
    -------
    Shape (chains, draws, d): apply with ``numpy.take_along_axis`` on the last axis.
    """
    chains, draws, _, d = x.shape
    orders = np.empty((chains, draws, d), dtype=np.int64)
    reference = x[0].mean(axis=0)
    for chain in range(chains):
        first = match_columns(reference, x[chain].mean(axis=0))
        anchor = x[chain].mean(axis=0)[:, first]
        for draw in range(draws):
            orders[chain, draw] = match_columns(anchor, x[chain, draw])
    return orders


def rotate_draws(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn and shift every draw onto the others: distances know no origin and no axes.

    Each draw is centred and turned (or mirrored) onto the mean of all by orthogonal Procrustes
    (Gower 1975, doi:10.1007/BF02291478), and all together onto the mean's principal axes.

    Parameters
    ----------
    x
        Draws, shape (chains, draws, m, d).

    Returns
    -------
    The same shape; distances within a draw are as they were.
    """
    flat = x.reshape(-1, *x.shape[2:]).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    target = flat[0]
    for _ in range(3):  # the mean is settled after two
        left, _, right = np.linalg.svd(np.swapaxes(flat, 1, 2) @ target)
        flat = flat @ (left @ right)
        target = flat.mean(axis=0)
    _, _, axes = np.linalg.svd(target, full_matrices=False)
    return (flat @ axes.T).reshape(x.shape).astype(np.float32)


def spread(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Share of the squared distances that each dimension carries, shape (d,).

    Parameters
    ----------
    x
        Draws, shape (chains, draws, m, d).
    """
    weight = x.astype(np.float64).var(axis=2).mean(axis=(0, 1))
    return np.asarray(weight / weight.sum())


def importance(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Share of the variation of similarity that each dimension carries, shape (d,).

    The similarity of two objects is a sum over dimensions of products of their coordinates. A
    dimension matters by how much its product varies over pairs of objects, E[x²]² - E[x]⁴: one
    on which all objects stand alike adds a constant, which changes no choice.

    Parameters
    ----------
    x
        Draws, shape (chains, draws, m, d).
    """
    values = x.astype(np.float64)
    square, mean = (values**2).mean(axis=2), values.mean(axis=2)
    weight = (square**2 - mean**4).mean(axis=(0, 1))
    return np.asarray(weight / weight.sum())
