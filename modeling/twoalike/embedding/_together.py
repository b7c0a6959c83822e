"""The chance that two objects are kept together against a third one drawn at random.

The probability-like similarity of SPoSE and VICE (doi:10.1038/s41562-020-00951-3):

    R_ij = mean over k of exp(s_ij) / (exp(s_ij) + exp(s_ik) + exp(s_jk)),

over all objects k but i and j. All m(m - 1)(m - 2) / 2 triplets are summed, none is sampled.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError

type Floats = npt.NDArray[np.floating[Any]]

SINGLE_SPAN, DOUBLE_SPAN = 60.0, 600.0
"""Spans of similarities, in nats, whose exponentials are normal numbers of that precision."""
TILE = 2**18  # numbers a tile: it stays in the processor's cache


def pair_odds(similarity: Floats) -> Floats:
    """Exponentials of the similarities, up to a factor; infinite on the diagonal.

    Infinite, so that a third object that is one of the two adds nothing to a sum of
    reciprocals.

    Parameters
    ----------
    similarity
        Shape (m, m).

    Raises
    ------
    TwoalikeError
        If similarities span more than double precision can hold.
    """
    odds = np.array(similarity, dtype=np.float64)
    np.fill_diagonal(odds, -np.inf)
    top = odds.max()
    np.fill_diagonal(odds, np.inf)
    span = float(top - odds.min())
    if span > DOUBLE_SPAN:
        raise TwoalikeError(
            f"--scale chance: similarities span {span:.0f} nats, more than {DOUBLE_SPAN:.0f}; "
            "every triplet is certain. Use --scale raw."
        )
    odds -= top
    np.exp(odds, out=odds)
    return odds.astype(np.float32) if span < SINGLE_SPAN else odds


def kept_together(odds: Floats, band: slice) -> Floats:
    """Chance that each two objects are kept together, of a band of rows from its first on.

    Parameters
    ----------
    odds
        From :func:`pair_odds`, shape (m, m), m at least 3.
    band
        Rows, with start and stop.

    Returns
    -------
    Shape (stop - start, m - start); 1 where an object meets itself.

    Examples
    --------
    >>> odds = pair_odds(np.log([[1.0, 2.0, 1.0], [2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    >>> kept_together(odds, slice(0, 3)).round(2)
    array([[1.  , 0.5 , 0.25],
           [0.5 , 1.  , 0.25],
           [0.25, 0.25, 1.  ]], dtype=float32)
    """
    m = len(odds)
    height = max(TILE // m, 1)
    tile = np.empty((height, m), dtype=odds.dtype)
    result = np.ones((band.stop - band.start, m - band.start), dtype=odds.dtype)
    for i in range(band.start, band.stop):
        own = odds[i]
        for start in range(i + 1, m, height):
            others = slice(start, min(start + height, m))
            part = tile[: others.stop - start]
            np.add(odds[others], own, out=part)
            part += own[others, None]
            np.reciprocal(part, out=part)
            chance = own[others] * part.sum(axis=1) / (m - 2)
            result[i - band.start, start - band.start : others.stop - band.start] = chance
    _mirror(result)
    return result


def _mirror(result: Floats) -> None:
    """Fill what lies below the diagonal of the leading square."""
    square = result[:, : len(result)]
    below = np.tril_indices(len(result), -1)
    square[below] = square.T[below]
