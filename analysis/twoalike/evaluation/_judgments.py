"""Odd-one-out choices as arrays, and how they come from a table of judgments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.evaluation._kinds import triplet_kinds
from twoalike.evaluation._numbers import Codes, triplet_numbers
from twoalike.judgments import JUDGED, object_index, participant_index, read_choices
from twoalike.study import TwoalikeError


@dataclass(frozen=True)
class Judgments:
    """Odd-one-out choices.

    Attributes
    ----------
    triplets
        Objects shown, indices into ``ids``, shape (n, 3).
    chosen
        Place of the odd one in 0..2, shape (n,).
    participants
        Participant of each choice, 0..P-1, shape (n,).
    ids
        Object ids.
    groups
        Names of subsets of the choices -> for each choice the subset it is in ("" for none),
        shape (n,); such as ``level`` -> coarse, fine, boundary.
    known_people
        Whether participants are told apart; if not, all are 0.
    """

    triplets: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    participants: npt.NDArray[np.int64]
    ids: tuple[str, ...]
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    known_people: bool = True

    @cached_property
    def numbers(self) -> tuple[Codes, Codes]:
        """Different triplets, shape (m, 3), and that of each choice, shape (n,); sorted once."""
        return triplet_numbers(self.triplets)

    def with_labels(self, labels: Mapping[str, Sequence[str]]) -> "Judgments":
        """Add a group a level of labels (m of them): within, boundary and between its classes."""
        kinds = {level: triplet_kinds(of, self.triplets) for level, of in labels.items()}
        return replace(self, groups={**self.groups, **kinds})

    def within(self, rows: npt.NDArray[np.bool_]) -> "Judgments":
        """Only some of the choices, shape (n,), in no group."""
        return replace(
            self,
            triplets=self.triplets[rows],
            chosen=self.chosen[rows],
            participants=self.participants[rows],
            groups={},
        )


def read_judgments(path: Path) -> tuple[Judgments, dict[str, int]]:
    """Read the odd-one-out choices of a table, and count by reason what is left out.

    Raises
    ------
    TwoalikeError
        If the table cannot be read or holds no main or repeat odd-one-out trial.
    """
    return judgments_of(read_choices(path), path)


def judgments_of(table: pd.DataFrame, path: Path) -> tuple[Judgments, dict[str, int]]:
    """Take the odd-one-out choices from a table that was read before.

    Raises
    ------
    TwoalikeError
        If it holds no main or repeat odd-one-out trial, or only one triplet.
    """
    anchored = (table["kind"] != "odd_one_out").to_numpy()
    scored = is_scored(table)
    left_out = {
        "anchored": int(anchored.sum()),
        "practice_or_catch": int((~scored & ~anchored).sum()),
    }
    table = table[scored].reset_index(drop=True)
    if not len(table):
        raise TwoalikeError(
            f"{path}: expected odd-one-out judgments of type main or repeat, found none among "
            f"{sum(left_out.values())} rows."
        )
    triplets, chosen, ids = object_index(table)
    participants, names = participant_index(table)
    judged = Judgments(
        triplets, chosen, participants, ids, _levels(table), tuple(names) != ("unknown",)
    )
    if len(judged.numbers[0]) < 2:
        raise TwoalikeError(
            f"{path}: expected at least two different triplets, found one; the temperature is "
            "fitted on one half of them and scored on the other."
        )
    return judged, left_out


def is_scored(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which rows are main or repeat odd-one-out trials, shape (n,)."""
    of_kind = (table["kind"] == "odd_one_out").to_numpy()
    return np.asarray(of_kind & table["trial_type"].isin(JUDGED).to_numpy())


def _levels(table: pd.DataFrame) -> dict[str, npt.NDArray[np.str_]]:
    if table["level"].isna().all():
        return {}
    return {"level": table["level"].astype(object).fillna("").to_numpy().astype(np.str_)}
