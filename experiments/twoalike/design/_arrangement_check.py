"""How well an attention check was passed: images of one kind should be closer than strangers."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import MISSING


def check_separation(levels: pd.DataFrame, positions: npt.ArrayLike) -> float:
    """Share of comparisons in which two of a kind lie closer than two of far kinds.

    Two of a kind share the finest category, two of far kinds differ in the coarsest. Anyone
    who looks at the images of an attention check comes near 1; images put anywhere give .5.

    Parameters
    ----------
    levels
        Categories of the k images placed, coarse to fine, one row an image.
    positions
        Where they were put, shape (k, 2).

    Returns
    -------
    In [0, 1], ties counted half; NaN where the images allow no comparison.

    Examples
    --------
    >>> levels = pd.DataFrame({"kingdom": list("aab"), "species": list("xxy")})
    >>> check_separation(levels, [[0.0, 0.0], [0.1, 0.0], [0.4, 0.0]])
    1.0
    """
    place = np.asarray(positions, dtype=np.float64)
    a, b = np.triu_indices(len(levels), 1)
    distance = np.hypot(*(place[a] - place[b]).T)
    cells = levels.to_numpy(dtype=object)
    known = (cells != MISSING)[:, [0, -1]]
    alike = (cells[a] == cells[b]).all(axis=1) & known[a].all(axis=1)
    apart = (cells[a, 0] != cells[b, 0]) & known[a, 0] & known[b, 0]
    if not (alike.any() and apart.any()):
        return float("nan")
    closer = np.sign(distance[apart][:, None] - distance[alike][None, :])
    return float((1 + closer.mean()) / 2)
