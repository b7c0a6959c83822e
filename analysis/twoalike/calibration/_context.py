"""Judgments seen as trials and as triplets, with everything that models are held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.calibration._entropy import (
    FEWEST,
    FEWEST_VOTES,
    PeopleEntropy,
    by_triplet,
    people_entropy,
)
from twoalike.calibration._times import FEWEST_TIMES, LogTimes, log_times
from twoalike.ceilings import Votes, votes
from twoalike.choice import log_choice
from twoalike.evaluation import (
    Candidate,
    Judgments,
    TwoWayBootstrap,
    candidate_similarities,
    cross_fitted_temperatures,
    halves_by_triplet,
    triplet_numbers,
)
from twoalike.study import counted

type Floats = npt.NDArray[np.float64]
type Codes = npt.NDArray[np.int64]
type Groups = Mapping[str, Mapping[str, npt.NDArray[np.bool_]]]
type Times = npt.NDArray[np.floating] | None


def candidate_probabilities(
    candidate: Candidate, judged: Judgments, rng: np.random.Generator
) -> Floats:
    """Choice probabilities of a model, at the temperature fitted to other triplets.

    Parameters
    ----------
    candidate
        The model; its own temperature is used where it is known.
    judged
        Choices to predict.
    rng
        Source of the halves of triplets, as in :func:`twoalike.evaluation.cross_fitted_losses`.

    Returns
    -------
    Shape (n, 3).

    Raises
    ------
    TwoalikeError
        If the candidate has no features for a judged object.
    ValueError
        If a temperature is to be fitted and there are fewer than two different triplets.
    """
    similarities = candidate_similarities(candidate, judged)
    temperature: Any = candidate.temperature
    if temperature is None:
        first = halves_by_triplet(judged.triplets, rng)
        temperature = cross_fitted_temperatures(similarities, judged.chosen, first)
    return np.exp(np.stack(log_choice(tuple(similarities.T), temperature), axis=1))


@dataclass(frozen=True)
class Context:
    """Judgments as trials and as triplets, with resamples of both.

    Attributes
    ----------
    triplet
        Triplet of each choice, 0..m-1, shape (n,).
    unique
        The different triplets, shape (m, 3).
    groups, trial_groups
        Group -> subset -> whether each triplet (its first choice) is in it, shape (m,), and
        whether each choice is, shape (n,).
    trials
        Resamples of the n choices.
    seed, resamples
        For resamples of the m triplets.
    people
        Entropy of the votes; None where too few triplets have enough.
    times
        Response times; None where they are missing.
    missing
        Why something is None.
    """

    judged: Judgments
    triplet: Codes
    unique: Codes
    groups: Groups
    trial_groups: Groups
    trials: TwoWayBootstrap
    seed: int
    resamples: int
    people: PeopleEntropy | None
    times: LogTimes | None
    missing: dict[str, str]

    @property
    def m(self) -> int:
        """Number of different triplets."""
        return len(self.unique)

    @cached_property
    def triplets(self) -> TwoWayBootstrap:
        """Resamples of the triplets: a second's work for a million, where it is needed."""
        nobody = np.zeros(self.m, dtype=np.int64)  # a triplet's votes are of several people
        rng = np.random.default_rng(self.seed)
        return TwoWayBootstrap(nobody, self.unique, rng, resamples=self.resamples)

    def times_of_triplets(self, values: Floats) -> Floats:
        """Mean log time of each triplet with several times, NaN for others, shape (m,)."""
        return by_triplet(values, self.triplet, self.m, fewest=FEWEST_TIMES)


def in_context(
    judged: Judgments,
    response_times: Times,
    rng: np.random.Generator,
    known_people: bool,
    resamples: int,
) -> Context:
    """Gather what does not depend on a model; the arguments are those of ``uncertainty``."""
    unique, triplet = triplet_numbers(judged.triplets)
    first = np.empty(len(unique), dtype=np.int64)
    first[triplet[::-1]] = np.arange(len(triplet))[::-1]
    subsets = {name: _subsets(of) for name, of in judged.groups.items()}
    missing: dict[str, str] = {}
    cast = votes(judged.triplets, judged.chosen, judged.participants if known_people else None)
    people = judged.participants if known_people else np.zeros(len(triplet), dtype=np.int64)
    return Context(
        judged=judged,
        triplet=triplet,
        unique=unique,
        groups={name: {k: v[first] for k, v in of.items()} for name, of in subsets.items()},
        trial_groups=subsets,
        trials=TwoWayBootstrap(people, judged.triplets, rng, resamples=resamples),
        seed=int(rng.integers(2**63)),
        resamples=resamples,
        people=_people(cast, rng, missing),
        times=_times(response_times, judged, known_people, missing),
        missing=missing,
    )


def _subsets(subset_of: npt.NDArray[np.str_]) -> dict[str, npt.NDArray[np.bool_]]:
    """Members of each subset, in the order of the names."""
    names, code = np.unique(subset_of, return_inverse=True)
    return {name: code == number for number, name in enumerate(names.tolist()) if name}


def _people(cast: Votes, rng: np.random.Generator, missing: dict[str, str]) -> PeopleEntropy | None:
    enough = int((cast.n_votes >= FEWEST_VOTES).sum())
    if enough < FEWEST:
        missing["entropy"] = (
            f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_VOTES} votes, has {enough}"
        )
        return None
    return people_entropy(cast, rng)


def _times(
    response_times: Times,
    judged: Judgments,
    known_people: bool,
    missing: dict[str, str],
) -> LogTimes | None:
    if response_times is None or not (response_times > 0).any():
        missing["response_time"] = "no response times"
    elif not known_people:
        missing["response_time"] = "participants are not told apart, nor how fast each of them is"
    else:
        return log_times(response_times, judged.participants)
    return None
