"""A flat map of an embedding, with the posterior's uncertainty about each object's place."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]

_MOST_WORK = 4e8
"""Distances computed for a map at most; with many objects fewer draws are mapped."""


@dataclass(frozen=True)
class MapLayout:
    """Places of m objects on a plane.

    Attributes
    ----------
    positions
        Shape (m, 2).
    covariances
        Of each object's place over the draws, shape (m, 2, 2).
    fit
        Correlation between distances on the map and in the embedding.
    """

    positions: Floats
    covariances: Floats
    fit: float


def _distances(points: Floats) -> Floats:
    squares = (points**2).sum(axis=1)
    squared = squares[:, None] + squares[None, :] - 2 * points @ points.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _rotation(points: Floats, target: Floats) -> Floats:
    """Rotation (or reflection) that brings ``points`` closest to ``target``."""
    left, _, right = np.linalg.svd(points.T @ target, full_matrices=False)
    return np.asarray(left @ right)


def _turned(points: Floats, target: Floats) -> Floats:
    """Points moved, turned and scaled to fit the target."""
    points = points - points.mean(axis=0)
    turned = points @ _rotation(points, target)
    size = float((turned**2).sum())
    return turned * (float((turned * target).sum()) / size if size else 1.0)


def _flatten(distances: Floats, start: Floats, steps: int) -> Floats:
    """Least-squares scaling by majorisation (de Leeuw 1977), from ``start``.

    Every step lowers the sum of squared differences between given distances and the map's.
    """
    points = start
    for _ in range(steps):
        current = _distances(points)
        ratio = np.divide(distances, current, out=np.zeros_like(current), where=current > 1e-12)
        points = (ratio.sum(axis=1)[:, None] * points - ratio @ points) / len(points)
    return points - points.mean(axis=0)


def _mean_shape(draws: Floats) -> Floats:
    """Average the draws after turning each onto the mean similarities' shape: (m, D)."""
    mean = np.zeros((draws.shape[1], draws.shape[1]))
    for draw in draws:
        mean += draw @ draw.T / len(draws)
    values, vectors = np.linalg.eigh(mean)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # An axis has no direction of its own: the largest coordinate is made positive.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(mean))])
    kept = min(max(draws.shape[2], 2), len(mean))
    target = np.asarray(vectors[:, :kept] * np.sqrt(values[:kept]))
    if draws.shape[2] < kept:
        draws = np.pad(draws, ((0, 0), (0, 0), (0, kept - draws.shape[2])))
    return np.asarray(np.mean([draw @ _rotation(draw, target) for draw in draws], axis=0))


def map_layout(draws: npt.NDArray[np.floating], most: int = 100) -> MapLayout:
    """Flatten an embedding so that distances are kept as well as a plane can.

    Coordinates of different draws share no axes. So each draw is first turned (and mirrored)
    onto the configuration of the mean similarities, and their mean is flattened by least-squares
    scaling. Then each draw is flattened by itself, starting from that map, and moved, turned
    and scaled onto it: how its objects are scattered around their places is the uncertainty.

    Parameters
    ----------
    draws
        Embedding draws, shape (S, m, D), with at least three objects.
    most
        Draws used at most, evenly spaced.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> turned = square @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> layout = map_layout(np.stack([square, turned]))
    >>> bool(np.allclose(layout.covariances, 0, atol=1e-6)), round(layout.fit, 3)
    (True, 1.0)
    """
    m = draws.shape[1]
    steps = 20
    most = int(np.clip(_MOST_WORK / (steps * m**2), 8, most))
    picked = np.unique(np.linspace(0, len(draws) - 1, min(most, len(draws))).round().astype(int))
    centred = np.asarray(draws[picked], dtype=np.float64)
    centred = centred - centred.mean(axis=1, keepdims=True)
    shape = _mean_shape(centred)
    distances = _distances(shape)
    positions = _flatten(distances, shape[:, :2], 10 * steps)
    flat = np.stack(
        [_turned(_flatten(_distances(draw), positions, steps), positions) for draw in centred]
    )
    deviations = flat - flat.mean(axis=0)
    covariances = np.einsum("smi,smj->mij", deviations, deviations) / max(len(flat) - 1, 1)
    pairs = np.triu_indices(m, 1)
    with np.errstate(invalid="ignore", divide="ignore"):  # all objects in one place
        fit = float(np.corrcoef(distances[pairs], _distances(positions)[pairs])[0, 1])
    return MapLayout(positions, covariances, fit if np.isfinite(fit) else 0.0)
