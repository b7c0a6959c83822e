"""What each model says of each choice: worked out once, for every measure that needs it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_choice
from twoalike.evaluation._agreement import (
    Temperatures,
    accuracy_scores,
    cross_fitted_temperatures,
    fit_temperature,
    halves_by_triplet,
)
from twoalike.evaluation._judgments import Judgments
from twoalike.evaluation._similarity import Similarity, triplet_similarities
from twoalike.features import FeatureTable

type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A model to score.

    Attributes
    ----------
    name
        How the results call it.
    features
        One row an object.
    similarity
        How similarities come from the features.
    role
        ``ceiling`` for the true observer's embedding, where answers were simulated.
    temperature
        The choice temperature, where it is known; None to fit it.
    """

    name: str
    features: FeatureTable
    similarity: Similarity = "cosine"
    role: Literal["model", "ceiling"] = "model"
    temperature: float | None = None


@dataclass(frozen=True)
class Scored:
    """A model's answers to n choices, each at the temperature fitted to other triplets.

    Attributes
    ----------
    candidate
        The model.
    hits
        Accuracy of each choice (ties 1/k), shape (n,).
    probabilities
        Of the three items of each choice, shape (n, 3).
    losses
        Log-loss of each choice in nats, shape (n,).
    temperature
        The one fitted to all choices, or that of the model where it is known.
    """

    candidate: Candidate
    hits: Floats
    probabilities: Floats
    losses: Floats
    temperature: float


def candidate_similarities(candidate: Candidate, judged: Judgments) -> Floats:
    """Pair similarities of the triplets judged, in PAIRS order, shape (n, 3).

    Raises
    ------
    TwoalikeError
        If the candidate has no features for a judged object.
    """
    used = np.zeros(len(judged.ids), dtype=bool)
    used[judged.triplets] = True
    values = candidate.features.select(
        [judged.ids[row] for row in np.flatnonzero(used)], candidate.name
    )
    triplets = (np.cumsum(used) - 1)[judged.triplets]
    return triplet_similarities(values, triplets, candidate.similarity)


def score_choices(
    candidates: Sequence[Candidate], judged: Judgments, rng: np.random.Generator
) -> list[Scored]:
    """Score each choice by every candidate.

    Parameters
    ----------
    candidates
        The models; their own temperature is used where it is known.
    judged
        Choices, n of them.
    rng
        Source of the halves of triplets for the temperatures, the same for every candidate.

    Raises
    ------
    TwoalikeError
        If a candidate has no features for a judged object.
    ValueError
        If there are fewer than two different triplets.
    """
    first = halves_by_triplet(judged.numbers[1], rng)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda candidate: _scored(candidate, judged, first), candidates))


def _scored(candidate: Candidate, judged: Judgments, first: npt.NDArray[np.bool_]) -> Scored:
    similarities = candidate_similarities(candidate, judged)
    temperature = candidate.temperature
    of_choices: Temperatures
    if temperature is None:
        of_choices = cross_fitted_temperatures(similarities, judged.chosen, first)
        temperature = fit_temperature(similarities, judged.chosen)
    else:
        of_choices = temperature
    # Losses from the log-probabilities: finite also where the probability underflows.
    logs = log_choice(tuple(similarities.T), of_choices)
    return Scored(
        candidate,
        hits=accuracy_scores(similarities, judged.chosen),
        probabilities=np.exp(np.stack(logs, axis=1)),
        losses=np.asarray(-np.choose(judged.chosen, logs)),
        temperature=temperature,
    )
