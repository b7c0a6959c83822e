"""Spaces and people to simulate: a hierarchical embedding, and observers who differ."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import MISSING, TwoalikeError

_N_TRIPLETS = 4000


def _oracle_accuracy(embedding: npt.NDArray[np.float64], triplets: npt.NDArray[np.int64]) -> float:
    """Accuracy expected of one who knows the embedding, for choices at temperature 1."""
    log_p = log_choice(pair_similarities(embedding @ embedding.T, triplets))
    return float(np.exp(np.max(log_p, axis=0)).mean())


def _scale_to(
    embedding: npt.NDArray[np.float64], accuracy: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Embedding times the number that gives the oracle this accuracy on random triplets."""
    m = len(embedding)
    triplets = random_triplets(m, _N_TRIPLETS, rng)
    low, high = 0.0, 64.0
    if _oracle_accuracy(embedding * high, triplets) < accuracy:
        raise TwoalikeError(
            f"no scale of this space gives an oracle accuracy of {accuracy}: its categories "
            "leave too many triplets undecided. Ask for less."
        )
    for _ in range(40):
        middle = (low + high) / 2
        if _oracle_accuracy(embedding * middle, triplets) < accuracy:
            low = middle
        else:
            high = middle
    return embedding * high


def hierarchical_embedding(
    stimuli: StimulusSet,
    rng: np.random.Generator,
    *,
    strengths: Sequence[float] | None = None,
    spread: float = 0.35,
    jitter: float = 0.1,
    accuracy: float = 0.69,
) -> npt.NDArray[np.float64]:
    """Embed objects by their categories, as people group things: coarse kinds before fine ones.

    Every category of every level is a dimension. An object loads on the categories it is in
    with the strength of the level; categories of one level differ in strength (``spread``),
    and so, a little, do the individuals of a category (``jitter``).

    Parameters
    ----------
    strengths
        Loading of each level, coarse to fine; equal ones if left out.
    spread, jitter
        Standard deviations of the log-strength over categories and over individuals.
    accuracy
        The space is scaled so that this is the accuracy, on random triplets, of somebody who
        knows it and predicts choices at temperature 1.

    Returns
    -------
    Non-negative coordinates, shape (m, D), rows in the order of ``stimuli.ids``.

    Raises
    ------
    TwoalikeError
        If the stimuli have no category levels, or no scale gives that accuracy.
    """
    levels = stimuli.levels
    if not levels:
        raise TwoalikeError(
            f"{stimuli.folder}: the stimuli have no category columns to build an observer from. "
            "Sort the images into folders, or give an observer: --simulate OBSERVER.npz"
        )
    blocks = []
    for level, strength in zip(levels, strengths or [1.0] * len(levels), strict=True):
        labels = stimuli.table[level]
        members = pd.get_dummies(labels).drop(columns=MISSING, errors="ignore").to_numpy(float)
        by_category = np.exp(spread * rng.standard_normal(members.shape[1]))
        by_object = np.exp(jitter * rng.standard_normal(members.shape))
        blocks.append(strength * members * by_category * by_object)
    return _scale_to(np.concatenate(blocks, axis=1), accuracy, rng)


def sparse_embedding(
    m: int,
    rng: np.random.Generator,
    *,
    dimensions: int | None = None,
    share: float = 0.35,
    accuracy: float = 0.69,
) -> npt.NDArray[np.float64]:
    """Embed ``m`` objects of which nothing is known: each has some of many qualities.

    Parameters
    ----------
    dimensions
        Number of qualities; 1.2 times the root of ``m`` if left out, at least 3. That is 52 for
        the 1,854 objects of THINGS, whose published embeddings have 49 and 66.
    share
        Share of the objects that have a quality, to an extent that is gamma-distributed.
    accuracy
        As for :func:`hierarchical_embedding`.

    Returns
    -------
    Non-negative coordinates, shape (m, D).
    """
    d = dimensions or max(3, round(1.2 * float(np.sqrt(m))))
    there = rng.random((m, d)) < share
    values = np.where(there, rng.gamma(2.0, 0.6, (m, d)), rng.exponential(0.03, (m, d)))
    return _scale_to(values, accuracy, rng)


def draw_population(
    n: int,
    rng: np.random.Generator,
    *,
    temperature_sd: float = 0.25,
    mean_lapse: float = 0.03,
    careless: int = 1,
    careless_lapse: float = 0.4,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Temperatures and lapses of ``n`` participants, each of shape (n,).

    Log-temperatures are normal and centred, since only their differences can be told from
    data; lapses are beta-distributed, but for the last ``careless`` participants, who guess
    much more often.
    """
    log_temperature = temperature_sd * rng.standard_normal(n)
    log_temperature -= log_temperature.mean()
    lapse = rng.beta(2.0, 2.0 / mean_lapse - 2.0, size=n)
    if careless:
        lapse[-careless:] = careless_lapse
    return np.exp(log_temperature), lapse
