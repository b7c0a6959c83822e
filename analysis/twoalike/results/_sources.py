"""What networks are scored on: the files, whether they are enough, and what is in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from twoalike.evaluation import Candidate, Judgments
from twoalike.judgments import RdmTable, read_arrangements, read_rdms
from twoalike.rsa import arranged_rdms
from twoalike.study import Floats, TwoalikeError, read_ids

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

type Labels = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Sources:
    """Files that networks are scored on.

    Attributes
    ----------
    choices, arrangements
        Tables of judgments (.parquet).
    rdm, objects
        People's dissimilarities, and the list of object ids in their order.
    posterior
        A fitted embedding (.nc), whose calibration is told beside the networks', and whose
        similarities they are compared with.
    """

    choices: Path | None = None
    arrangements: Path | None = None
    rdm: Path | None = None
    objects: Path | None = None
    posterior: Path | None = None

    def files(self) -> dict[str, Path]:
        """Return those that are given, by role."""
        return {role: path for role, path in vars(self).items() if path is not None}


def check(candidates: Sequence[Candidate], sources: Sources, labels: Labels) -> None:
    """Tell whether there is something to score, on something, under names that differ.

    Raises
    ------
    TwoalikeError
        If not.
    """
    if not any(candidate.role == "model" for candidate in candidates):
        raise TwoalikeError("evaluate: no model to score; give --features or --model.")
    if sources.arrangements and sources.rdm:
        raise TwoalikeError(
            "evaluate: --arrangements and --rdm both tell people's dissimilarities; give one."
        )
    judged = sources.choices, sources.rdm, sources.arrangements, sources.posterior
    if not labels and not any(judged):
        raise TwoalikeError("evaluate: no judgments to score on; give --choices, --rdm or both.")
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise TwoalikeError(
                f"evaluate: two models are called {name!r}; name them apart with NAME=FILE."
            )


def check_labels(judged: Judgments, labels: Labels) -> None:
    """Tell whether every object judged has a label at every level.

    Raises
    ------
    TwoalikeError
        If not.
    """
    for level, by_id in labels.items():
        unknown = [name for name in judged.ids if name not in by_id]
        if unknown:
            raise TwoalikeError(
                f"evaluate: object {unknown[0]!r} has no label at level {level!r}; "
                "the table of labels must cover all judged objects."
            )


def read_dissimilarities(
    sources: Sources,
) -> tuple[RdmTable | None, Floats | None]:
    """People's dissimilarities, and the evidence on each where they arranged objects."""
    if sources.rdm:
        ids = read_ids(sources.objects) if sources.objects else None
        return read_rdms(sources.rdm, ids, gaps=True), None
    if sources.arrangements:
        arranged = arranged_rdms(read_arrangements(sources.arrangements))
        return arranged.rdms, arranged.evidence
    return None, None


def read_posterior(path: Path | None) -> "Posterior | None":
    """Read a fitted embedding, if one is given."""
    if path is None:
        return None
    from twoalike.embedding import Posterior

    return Posterior.load(path)


def posterior_probabilities(
    posterior: "Posterior | None", judged: Judgments, people: "pd.Series[str]"
) -> np.ndarray | None:
    """Answers to every choice by the posterior, with participants' own noise where it knows it.

    None where there is no posterior, or it does not know all objects judged.
    """
    if posterior is None or not set(judged.ids) <= set(posterior.ids):
        return None
    place = {name: row for row, name in enumerate(posterior.ids)}
    rows = np.array([place[name] for name in judged.ids])
    person = {name: row for row, name in enumerate(posterior.participants)}
    known = np.array([person.get(name, -1) for name in people.astype(str)])
    triplets = rows[judged.triplets]
    return posterior.choice_probabilities(triplets, lapse=True, participants=known)
