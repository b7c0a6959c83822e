"""How much of a network's features alignment left as it was: CKA and nearest neighbours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import Similarity, prepare

type Floats = npt.NDArray[np.float64]

_ROWS = 1024
"""Objects whose similarities to all others are in memory at once."""


def _centred(features: npt.ArrayLike, other: npt.ArrayLike, least: int) -> tuple[Floats, Floats]:
    first, second = (np.asarray(x, dtype=np.float64) for x in (features, other))
    if len(first) != len(second) or len(first) < least:
        raise ValueError(
            f"expected two sets of features of the same {least} objects or more, found "
            f"{len(first)} and {len(second)} rows"
        )
    return first - first.mean(axis=0), second - second.mean(axis=0)


def _inner(a: Floats, b: Floats) -> float:
    """Sum of the products of two matrices of dot products, by the smaller way."""
    if max(a.shape[1], b.shape[1]) <= len(a):
        return float(((a.T @ b) ** 2).sum())
    return float(np.vdot(a @ a.T, b @ b.T))


def _ratio(common: float, own: float, other: float) -> float:
    return common / float(np.sqrt(own * other)) if own > 0 and other > 0 else float("nan")


def linear_cka(features: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Linear centred kernel alignment of two networks' features of the same objects.

    1 where they are the same up to rotation, size and shift. Biased upwards where there are few
    objects for the number of features: see :func:`debiased_cka`.

    Parameters
    ----------
    features, other
        Shape (m, p) and (m, q).

    Returns
    -------
    In [0, 1]; NaN where all objects have the same features.

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton (2019), arXiv:1905.00414, equation 4

    Examples
    --------
    >>> round(linear_cka([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]], [[2.0], [0.0], [0.0]]), 3)
    0.791
    """
    a, b = _centred(features, other, 2)
    return _ratio(_inner(a, b), _inner(a, a), _inner(b, b))


def _unbiased_hsic(a: Floats, b: Floats) -> float:
    """Unbiased estimator of the Hilbert-Schmidt independence criterion, linear kernels.

    Equation 5 of Song et al. (2012), up to the factor 1/(m(m-3)); K and L are matrices of dot
    products with their diagonals set to zero, and never formed.
    """
    m = len(a)
    own, others = (a**2).sum(axis=1), (b**2).sum(axis=1)
    trace = _inner(a, b) - float(own @ others)
    k, l = a @ a.sum(axis=0) - own, b @ b.sum(axis=0) - others  # noqa: E741
    sums = float(k.sum() * l.sum()) / ((m - 1) * (m - 2))
    return trace + sums - 2 * float(k @ l) / (m - 2)


def debiased_cka(features: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Linear CKA with unbiased estimators of its parts: about 0 for unrelated features.

    Parameters
    ----------
    features, other
        Shape (m, p) and (m, q), at least four objects.

    Returns
    -------
    At most about 1, negative by chance; NaN where features vary no more than noise does.

    References
    ----------
    Song, Smola, Gretton, Bedo and Borgwardt (2012), JMLR 13:1393 (the estimator); Nguyen,
    Raghu and Kornblith (2021), arXiv:2010.15327 and Murphy, Zylberberg and Fyshe (2024),
    arXiv:2405.01012 (its use in CKA)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 40, 100))
    >>> round(linear_cka(a, b), 1), abs(debiased_cka(a, b)) < 0.05
    (0.7, True)
    """
    a, b = _centred(features, other, 4)
    return _ratio(_unbiased_hsic(a, b), _unbiased_hsic(a, a), _unbiased_hsic(b, b))


@dataclass(frozen=True)
class NeighbourOverlap:
    """How many of an object's nearest neighbours stayed.

    Attributes
    ----------
    value
        Mean over objects of the share of the k nearest that are among the k nearest still.
    chance
        The same for unrelated features: k / (m - 1).
    neighbours
        k.
    """

    value: float
    chance: float
    neighbours: int


def neighbour_overlap(
    features: npt.ArrayLike,
    other: npt.ArrayLike,
    neighbours: int = 10,
    kind: Similarity = "cosine",
) -> NeighbourOverlap:
    """Share of each object's nearest neighbours that two sets of features have in common.

    Parameters
    ----------
    features, other
        Shape (m, p) and (m, q).
    neighbours
        k, fewer than m - 1: with all others as neighbours nothing can differ.
    kind
        What near means.

    Raises
    ------
    ValueError
        If there are too few objects.

    Examples
    --------
    >>> line = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> neighbour_overlap(line, line[:, ::-1], neighbours=1)
    NeighbourOverlap(value=1.0, chance=0.3333333333333333, neighbours=1)
    """
    a, b = prepare(features, kind), prepare(other, kind)
    m = len(a)
    if len(b) != m or not 1 <= neighbours < m - 1:
        raise ValueError(
            f"expected features of the same objects, more than {neighbours + 1}, found {m} and "
            f"{len(b)} rows"
        )
    shared = 0
    for start in range(0, m, _ROWS):
        part = np.arange(start, min(start + _ROWS, m))
        near = np.zeros((2, len(part), m), dtype=bool)
        for rows, found in zip((a, b), near, strict=True):
            similarity = rows[part] @ rows.T
            similarity[np.arange(len(part)), part] = -np.inf
            top = np.argpartition(-similarity, neighbours - 1, axis=1)[:, :neighbours]
            np.put_along_axis(found, top, True, axis=1)
        shared += int((near[0] & near[1]).sum())
    return NeighbourOverlap(shared / (m * neighbours), neighbours / (m - 1), neighbours)
