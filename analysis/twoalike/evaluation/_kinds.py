"""What a triplet asks, by the labels of its objects."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from twoalike.study import MISSING

KINDS = ("within", "boundary", "between")
"""Kind of a triplet by the number of different labels of its objects: one, two, three."""


def triplet_kinds(labels: Sequence[str], triplets: npt.NDArray[np.integer]) -> npt.NDArray[np.str_]:
    """Kind of each triplet at one level of labels, "" where an object has none, shape (n,).

    Parameters
    ----------
    labels
        Label of each object (``n/a`` for none), length m.
    triplets
        Objects, 0..m-1, shape (n, 3).

    Examples
    --------
    >>> triplet_kinds(["cat", "cat", "dog", "fox"], np.array([[0, 1, 2], [1, 2, 3]]))
    array(['boundary', 'between'], dtype='<U8')
    """
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    ordered = np.sort(codes[triplets], axis=1)
    different = (np.diff(ordered, axis=1) != 0).sum(axis=1)
    unlabelled = np.array([label == MISSING for label in labels], dtype=bool)
    kinds = np.where(unlabelled[triplets].any(axis=1), "", np.array(KINDS)[different])
    return np.asarray(kinds)
