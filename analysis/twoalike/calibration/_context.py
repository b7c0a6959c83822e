"""Judgments seen as trials and as triplets, with everything that models are held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

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
from twoalike.ceilings import Votes, votes_of
from twoalike.evaluation import Judgments, TwoWayBootstrap, first_of
from twoalike.study import counted

type Floats = npt.NDArray[np.float64]
type Codes = npt.NDArray[np.int64]
type Groups = Mapping[str, Mapping[str, npt.NDArray[np.bool_]]]
type Times = npt.NDArray[np.floating] | None


@dataclass(frozen=True)
class Context:
    """Judgments as trials and as triplets, with resamples of both.

    Attributes
    ----------
    judged
        The choices.
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
    groups: Groups
    trial_groups: Groups
    trials: TwoWayBootstrap
    seed: int
    resamples: int
    people: PeopleEntropy | None
    times: LogTimes | None
    missing: dict[str, str]

    @property
    def triplet(self) -> Codes:
        """Triplet of each choice, 0..m-1, shape (n,)."""
        return self.judged.numbers[1]

    @property
    def m(self) -> int:
        """Number of different triplets."""
        return len(self.judged.numbers[0])

    @cached_property
    def triplets(self) -> TwoWayBootstrap:
        """Resamples of the triplets: a second's work for a million, where it is needed."""
        nobody = np.zeros(self.m, dtype=np.int64)  # a triplet's votes are of several people
        rng = np.random.default_rng(self.seed)
        unique, _ = self.judged.numbers
        return TwoWayBootstrap(nobody, unique, rng, resamples=self.resamples)

    def times_of_triplets(self, values: Floats) -> Floats:
        """Mean log time of each triplet with several times, NaN for others, shape (m,)."""
        return by_triplet(values, self.triplet, self.m, fewest=FEWEST_TIMES)


def in_context(
    judged: Judgments,
    boot: TwoWayBootstrap,
    response_times: Times,
    rng: np.random.Generator,
    resamples: int,
) -> Context:
    """Gather what does not depend on a model; the arguments are those of ``uncertainty``."""
    first = first_of(judged.numbers[1])
    subsets = {name: _subsets(of) for name, of in judged.groups.items()}
    missing: dict[str, str] = {}
    return Context(
        judged=judged,
        groups={name: {k: v[first] for k, v in of.items()} for name, of in subsets.items()},
        trial_groups=subsets,
        trials=boot,
        seed=int(rng.integers(2**63)),
        resamples=resamples,
        people=_people(votes_of(judged), rng, missing),
        times=_times(response_times, judged, missing),
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
    missing: dict[str, str],
) -> LogTimes | None:
    if response_times is None or not (response_times > 0).any():
        missing["response_time"] = "no response times"
    elif not judged.known_people:
        missing["response_time"] = "participants are not told apart, nor how fast each of them is"
    else:
        return log_times(response_times, judged.participants)
    return None
