"""Similarity of two embedded objects: one definition, by the name that a posterior stores.

Everything that turns coordinates into similarities after a fit asks :data:`KERNELS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError

type Rows = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Kernel:
    """A similarity in two forms that agree.

    Attributes
    ----------
    matrix
        Every row with every row: (a, D), (b, D) -> (a, b).
    rows
        Row with row: (n, D), (n, D) -> (n,).
    """

    matrix: Callable[[Rows, Rows], Rows]
    rows: Callable[[Rows, Rows], Rows]


def _dot_matrix(left: Rows, right: Rows) -> Rows:
    return np.asarray(left @ right.T)


def _dot_rows(left: Rows, right: Rows) -> Rows:
    return np.asarray(np.einsum("nd,nd->n", left, right))


KERNELS = {"dot": Kernel(_dot_matrix, _dot_rows)}
"""Name in the attribute ``similarity`` -> its definition; without that attribute: dot."""


def find_kernel(name: str) -> Kernel:
    """Look up a similarity by its name.

    Raises
    ------
    TwoalikeError
        If a newer twoalike knew a similarity that this one does not.
    """
    if name not in KERNELS:
        raise TwoalikeError(
            f"the posterior's similarity is {name!r}, this twoalike knows "
            f"{', '.join(sorted(KERNELS))}. Upgrade twoalike."
        )
    return KERNELS[name]
