"""What participants chose in the trials of a session, in one form for all tasks of choices."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.tables import (
    ANCHORED_CHOICE,
    MOST_ALIKE_PAIR,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    POSITIONS,
)

CHOSEN: Mapping[str, tuple[str, ...]] = {
    ODD_ONE_OUT: ("odd_stimulus",),
    ANCHORED_CHOICE: ("chosen_stimulus",),
    ODD_ONE_OF_MANY: ("odd_stimulus",),
    MOST_ALIKE_PAIR: ("alike_1", "alike_2"),
}
"""Columns of the chosen objects, by the label of each task of choices."""
_ANSWERS = {ODD_ONE_OUT: 3, ANCHORED_CHOICE: 2}
"""Images that can be chosen, in tasks with three images."""


@dataclass(frozen=True)
class Given:
    """Answers in some trials of a session."""

    chosen: Mapping[int, frozenset[str]]
    """Objects chosen, by the number of the trial; trials without an answer are left out."""
    places: Mapping[str, float]
    """Share of the chosen images at each place; all 0 without an answer."""
    chance: float
    """Share expected at each place by chance."""
    picks: int
    """Chosen images in all."""

    @property
    def favourite(self) -> tuple[str, float]:
        """Place chosen most often, and its share."""
        place = max(self.places, key=self.places.__getitem__)
        return place, self.places[place]

    @property
    def one_sided(self) -> bool:
        """Whether one place is chosen far more often than by chance (3.5 sd)."""
        if not self.picks:
            return False
        spread = float(np.sqrt(self.chance * (1 - self.chance) / self.picks))
        return self.favourite[1] > self.chance + 3.5 * spread


def read_given(rows: pd.DataFrame, task: str) -> Given:
    """Read the answers from raw rows of a task (its label)."""
    columns = list(CHOSEN[task])
    answered = rows[rows[columns[0]].notna()]
    chosen = {
        int(index): frozenset(names)
        for index, *names in answered[["trial_index", *columns]].itertuples(index=False)
    }
    known: tuple[str, ...]
    if task in _ANSWERS:
        known, chance = POSITIONS, 1 / _ANSWERS[task]
        at = answered["response_position"].tolist()
    else:
        most = int(rows["n_items"].max()) if len(rows) else 0
        known = tuple(str(number) for number in range(1, most + 1))
        chance = float((1 / rows["n_items"]).mean()) if len(rows) else 0.0
        at = _numbered_places(answered, task)
    places = {place: at.count(place) / len(at) if at else 0.0 for place in known}
    return Given(chosen, places, chance, len(at))


def _numbered_places(answered: pd.DataFrame, task: str) -> list[str]:
    numbers = ("response",) if task == ODD_ONE_OF_MANY else ("response_1", "response_2")
    return [
        str(row[f"position_{row[number]}"])
        for row in answered.to_dict("records")
        for number in numbers
    ]
