"""A flat map of an embedding, with the posterior's uncertainty about each object's place."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MapLayout:
    """Places of m objects on a plane.

    Attributes
    ----------
    positions
        Shape (m, 2).
    covariances
        Of each object's place over the draws, shape (m, 2, 2).
    explained
        Share of the squared distances between objects that the plane shows.
    """

    positions: Floats
    covariances: Floats
    explained: float


def _centred(draws: npt.NDArray[np.floating]) -> Floats:
    values = np.asarray(draws, dtype=np.float64)
    return np.asarray(values - values.mean(axis=-2, keepdims=True))


def map_layout(draws: npt.NDArray[np.floating], most: int = 200) -> MapLayout:
    """Map of the mean similarities, with each draw turned onto it.

    The map is classical scaling of the similarity matrix averaged over draws. Coordinates of
    different draws share no axes: each draw is first turned (and mirrored) in all its
    dimensions to fit the map's configuration, then seen from the map's side.

    Parameters
    ----------
    draws
        Embedding draws, shape (S, m, D).
    most
        Draws used at most, evenly spaced.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> turned = square @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> layout = map_layout(np.stack([square, turned]))
    >>> bool(np.allclose(layout.covariances, 0)), round(layout.explained, 3)
    (True, 1.0)
    """
    picked = np.unique(np.linspace(0, len(draws) - 1, min(most, len(draws))).round().astype(int))
    centred = _centred(draws[picked])
    mean = np.zeros((centred.shape[1], centred.shape[1]))
    for draw in centred:
        mean += draw @ draw.T / len(centred)
    values, vectors = np.linalg.eigh(mean)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # An axis has no direction of its own: the largest coordinate is made positive.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(mean))])
    dimensions = min(centred.shape[2], len(mean))
    target = vectors[:, :dimensions] * np.sqrt(values[:dimensions])
    flat = np.empty((len(centred), len(mean), 2))
    for number, draw in enumerate(centred):
        left, _, right = np.linalg.svd(draw.T @ target, full_matrices=False)
        flat[number, :, : min(2, dimensions)] = (draw @ (left @ right))[:, :2]
        flat[number, :, dimensions:] = 0.0
    positions = np.zeros((len(mean), 2))
    positions[:, : min(2, dimensions)] = target[:, :2]
    deviations = flat - flat.mean(axis=0)
    covariances = np.einsum("smi,smj->mij", deviations, deviations) / max(len(flat) - 1, 1)
    total = float(values.sum())
    return MapLayout(positions, covariances, float(values[:2].sum()) / total if total else 0.0)
