"""Ridge regression from features to positions, for many penalties at once, by object folds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def spectral_positions(similarity: Floats, dimensions: int) -> Floats:
    """Positions whose dot products come closest to a similarity matrix, shape (m, D).

    A posterior's draws have no common coordinates to average, but their mean similarity has an
    eigendecomposition, and the map fitted below gives the same similarities whatever the
    rotation of these positions.

    Parameters
    ----------
    similarity
        Symmetric, shape (m, m).
    dimensions
        D; directions with no positive eigenvalue are left out.
    """
    values, vectors = np.linalg.eigh((similarity + similarity.T) / 2)
    keep = np.argsort(values)[::-1][:dimensions]
    keep = keep[values[keep] > 1e-9 * values.max()]
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


def object_folds(m: int, n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Fold of each object, shape (m,), sizes as equal as can be."""
    return np.asarray(rng.permutation(m) % min(n_folds, m))


def ridge_maps(z: Floats, y: Floats, strengths: Sequence[float]) -> list[tuple[Floats, Floats]]:
    """Weight (D, p) and bias (D,) of y ≈ W z + b for each penalty.

    Minimises the squared error plus ``strength`` times the mean squared norm of the centred
    features times the squared norm of W: so a strength means the same for any number and scale
    of features. The bias is free.

    Parameters
    ----------
    z
        Features, shape (m, p).
    y
        Positions, shape (m, D).
    """
    centre, middle = z.mean(axis=0), y.mean(axis=0)
    u, s, vt = np.linalg.svd(z - centre, full_matrices=False)
    kept = s > 1e-10 * s[0]
    u, s, vt = u[:, kept], s[kept], vt[kept]
    target = u.T @ (y - middle)  # (r, D)
    unit = float((s**2).sum()) / len(z)
    maps = []
    for strength in strengths:
        weight = (target * (s / (s**2 + strength * unit))[:, None]).T @ vt
        maps.append((weight, middle - weight @ centre))
    return maps


def predicted_without_own_fold(
    z: Floats, y: Floats, strengths: Sequence[float], fold: npt.NDArray[np.int64]
) -> Floats:
    """Positions of each object by maps that were fitted without its fold, shape (L, m, D)."""
    predicted = np.empty((len(strengths), *y.shape))
    for k in np.unique(fold):
        out = fold == k
        for place, (weight, bias) in enumerate(ridge_maps(z[~out], y[~out], strengths)):
            predicted[place, out] = z[out] @ weight.T + bias
    return predicted
