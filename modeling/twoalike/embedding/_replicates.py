"""Layouts and dissimilarities as the model would have them again: drawn under one draw.

The same models as the likelihoods in :mod:`._layouts` and :mod:`._dissimilarities`, with what
those integrate out (views, effects of objects) drawn. Trials stand one after the other, without
padding.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Indices = npt.NDArray[np.integer[Any]]


def replicated_layouts(
    x: npt.NDArray[np.floating[Any]],
    noise: npt.NDArray[np.floating[Any]],
    items: Indices,
    trial: Indices,
    rng: np.random.Generator,
) -> Floats:
    """Draw one layout of every trial: a random view of its objects, and noise.

    Parameters
    ----------
    x
        Embedding, shape (m, d).
    noise
        Of whoever arranged each trial, as a share of the embedding's standard deviation,
        shape (T,).
    items, trial
        Object, and trial from 0 on, of each of K placements, shape (K,).

    Returns
    -------
    Places, shape (K, 2). They are neither centred nor scaled: only shapes are modelled.
    """
    x = np.asarray(x, dtype=np.float64)
    spread = ((x - x.mean(axis=0)) ** 2).mean(axis=0).sum()
    sd = np.sqrt(noise**2 * spread + 1e-6)  # as in the likelihood
    views = rng.standard_normal((len(noise), x.shape[1], 2))
    places = np.einsum("kd,kdc->kc", x[items], views[trial])
    return np.asarray(places + sd[trial][:, None] * rng.standard_normal((len(items), 2)))


def replicated_dissimilarities(
    similarity: Floats,
    object_noise: npt.NDArray[np.floating[Any]],
    pair_noise: npt.NDArray[np.floating[Any]],
    pairs: Indices,
    source: Indices,
    rng: np.random.Generator,
) -> Floats:
    """Draw the dissimilarities of every source: minus similarity, errors of objects and of pairs.

    Parameters
    ----------
    similarity
        Of each of P pairs, of mean 0 and variance 1 over the pairs of a source, shape (P,).
    object_noise, pair_noise
        Of every source, in standard deviations of the similarities, shape (S,).
    pairs
        Object indices, shape (P, 2).
    source
        Source of each pair, shape (P,).

    Returns
    -------
    Shape (P,), of variance about 1 over the pairs of a source.
    """
    v, w = (np.asarray(values, dtype=np.float64)[source] for values in (object_noise, pair_noise))
    own = np.asarray(source, dtype=np.int64)[:, None] * (int(pairs.max()) + 1) + pairs
    found, place = np.unique(own, return_inverse=True)
    effects = rng.standard_normal(len(found))[place.reshape(own.shape)].sum(axis=1)
    errors = v * effects + w * rng.standard_normal(len(similarity))
    return np.asarray((errors - similarity) / np.sqrt(1 + 2 * v**2 + w**2))
