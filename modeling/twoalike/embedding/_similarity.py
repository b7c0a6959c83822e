"""Similarity of two embedded objects: one definition, by the name that a posterior stores.

``dot`` is the dot product of non-negative coordinates (SPoSE, VICE). ``distance`` is minus the
Euclidean distance: a softmax over it is the ratio rule with similarities that fall off
exponentially with distance (Shepard 1957, doi:10.1007/BF02288967), the world of scaling methods.

The model and everything that turns coordinates into similarities after a fit ask
:data:`KERNELS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoalike.choice import pair_similarities
from twoalike.study import Floats, Integers, TwoalikeError

ROWS = 65_536  # triplets handled at once: bounds memory, and fits the processor's cache


@dataclass(frozen=True)
class Kernel:
    """A similarity in forms that agree.

    Attributes
    ----------
    matrix
        Every row with every row: (a, D), (b, D) -> (a, b); numpy.
    rows
        Row with row: (n, D), (n, D) -> (n,); numpy.
    symbolic
        ``rows`` for the module given last: ``pytensor.tensor`` or ``jax.numpy``.
    gram
        From squared norms, (..., m, 1), and dot products, (..., m, m), for the module given last.
    """

    matrix: Callable[[Floats, Floats], Floats]
    rows: Callable[[Floats, Floats], Floats]
    symbolic: Callable[[Any, Any, Any], Any]
    gram: Callable[[Any, Any, Any], Any]

    def whole(self, x: Floats, n: int) -> Floats | None:
        """Similarities of all objects, (m, m), where n triplets are cheaper with them; else None.

        A matrix product does its multiplications some 30 times faster than gathered rows do.
        """
        return self.matrix(x, x) if len(x) ** 2 < 90 * n else None

    def triplets(
        self, x: Floats, items: Integers, whole: Floats | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Similarities of the pairs of triplets, (n, 3), in PAIRS order, shape (n,) each."""
        if whole is not None:
            return pair_similarities(whole, items)
        first, second, third = (x[items[:, place]] for place in range(3))
        return self.rows(first, second), self.rows(first, third), self.rows(second, third)


def _dot_matrix(left: Floats, right: Floats) -> Floats:
    return np.asarray(left @ right.T)


def _dot_rows(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", left, right))


def _distance_matrix(left: Floats, right: Floats) -> Floats:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    return np.asarray(-np.sqrt(np.maximum(squares, 0) + _TINY))


def _distance_rows(left: Floats, right: Floats) -> Floats:
    return np.asarray(-np.sqrt(((left - right) ** 2).sum(axis=1) + _TINY))


_TINY = 1e-6
"""Below the square root: a distance of zero has no gradient."""
KERNELS = {
    "dot": Kernel(
        _dot_matrix,
        _dot_rows,
        lambda left, right, xp: (left * right).sum(axis=-1),
        lambda squares, dots, xp: dots,
    ),
    "distance": Kernel(
        _distance_matrix,
        _distance_rows,
        lambda left, right, xp: -xp.sqrt(((left - right) ** 2).sum(axis=-1) + _TINY),
        lambda squares, dots, xp: (
            -xp.sqrt(xp.maximum(squares + squares.swapaxes(-1, -2) - 2 * dots, 0.0) + _TINY)
        ),
    ),
}
"""Name in the attribute ``similarity`` -> its definition; without that attribute: dot."""


def find_kernel(name: str) -> Kernel:
    """Look up a similarity by its name; a newer twoalike may know others."""
    if name not in KERNELS:
        raise TwoalikeError(
            f"the posterior's similarity is {name!r}, this twoalike knows "
            f"{', '.join(sorted(KERNELS))}. Upgrade twoalike."
        )
    return KERNELS[name]
