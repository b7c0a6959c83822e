"""Similarity as odd-one-out studies that show every triplet measure it."""

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_choice

type Floats = npt.NDArray[np.float64]


def choice_similarity(similarity: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Share of third objects with which a pair is called alike, shape (m, m).

    Where all triplets of m objects were judged, this share is what the judgments themselves say
    of a pair (Hebart et al. 2020, doi:10.1038/s41562-020-00951-3). It is bounded, and depends on
    which objects there are.

    Parameters
    ----------
    similarity
        Symmetric, shape (m, m).
    temperature
        Of the choices.

    Returns
    -------
    Symmetric, with ones on the diagonal.

    Raises
    ------
    ValueError
        If there are fewer than three objects.

    Examples
    --------
    >>> choice_similarity(np.zeros((4, 4)))[0].round(3)
    array([1.   , 0.333, 0.333, 0.333])
    """
    given = np.asarray(similarity, dtype=np.float64)
    m = len(given)
    if m < 3:
        raise ValueError(f"a triplet needs 3 objects, there are {m}")
    result = np.eye(m)
    for row in range(m - 1):
        others = np.arange(row + 1, m)
        # Pairs (row, other), (row, third), (other, third): the chance that the first is kept.
        sides = (given[row, others][:, None], given[row][None], given[others])
        kept = np.exp(log_choice(sides, temperature)[2])
        kept[:, row] = 0.0
        kept[np.arange(len(others)), others] = 0.0
        result[row, others] = kept.sum(axis=1) / (m - 2)
    return np.maximum(result, result.T)
