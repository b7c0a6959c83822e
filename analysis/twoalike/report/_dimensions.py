"""What the dimensions of an embedding mean: their weight, and the objects highest on each.

Coordinates are never averaged over draws. What is averaged is a statement about each draw:
that an object is among the highest on a dimension, and how much of all similarity it carries.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Dimension:
    """One dimension.

    Attributes
    ----------
    index
        Its column in the embedding.
    share, low, high
        Share of all similarity that it carries (sum of squares): mean and 95 % interval.
    top
        Objects that are most surely among the highest, best first.
    sureness
        For each of ``top``, the share of draws in which it is among the highest.
    """

    index: int
    share: float
    low: float
    high: float
    top: npt.NDArray[np.int64]
    sureness: npt.NDArray[np.float64]


def describe_dimensions(draws: npt.NDArray[np.floating], highest: int = 8) -> list[Dimension]:
    """Describe every dimension, the weightiest first.

    Parameters
    ----------
    draws
        Embedding draws with their dimensions aligned, shape (S, m, D).
    highest
        How many objects count as the highest on a dimension.

    Examples
    --------
    >>> draws = np.zeros((4, 3, 2))
    >>> draws[:, 0, 1] = 2.0
    >>> draws[:, 1, 0] = 1.0
    >>> [(d.index, round(d.share, 2), d.top.tolist()) for d in describe_dimensions(draws, 1)]
    [(1, 0.8, [0]), (0, 0.2, [1])]
    """
    squares = np.einsum("smd,smd->sd", draws, draws, dtype=np.float64)
    total = squares.sum(axis=1, keepdims=True)
    shares = squares / np.where(total > 0, total, 1.0)
    m = draws.shape[1]
    highest = min(highest, m)
    described = []
    for index in np.argsort(-shares.mean(axis=0), kind="stable").tolist():
        order = np.argsort(-draws[:, :, index], axis=1, kind="stable")[:, :highest]
        sureness = np.bincount(order.ravel(), minlength=m) / len(draws)
        top = np.argsort(-sureness, kind="stable")[:highest]
        low, high = np.percentile(shares[:, index], (2.5, 97.5))
        share = float(shares[:, index].mean())
        described.append(
            Dimension(index, share, float(low), float(high), top.astype(np.int64), sureness[top])
        )
    return described
