"""Raw rows of choices among three to six images as a table of choices.

A row says which object is which (``stimulus_1..6``, missing beyond ``n_items``), where each was
shown (``position_1..6``, numbered in reading order) and what was chosen. A choice has its items in
the order of the places, and the chosen ones by their number in that order.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._raw import RawSession, Rule
from twoalike.judgments._raw_choices import choices_of_sessions, circumstances
from twoalike.judgments._sets import ITEMS, MORE_ITEMS
from twoalike.study import Booleans, Integers
from twoalike.tables import MANY_PLACES, MANY_STIMULI, MOST_ALIKE_PAIR, ODD_ONE_OF_MANY, Fault

_SHOWN = ("trial_index", "trial_type", "n_items", *MANY_STIMULI, *MANY_PLACES, "response_time")
_ANSWERS = {
    ODD_ONE_OF_MANY: (("response",), ("odd_stimulus",), ("expected_odd",)),
    MOST_ALIKE_PAIR: (
        ("response_1", "response_2"),
        ("alike_1", "alike_2"),
        ("expected_1", "expected_2"),
    ),
}
"""Columns of the numbers chosen, of the ids chosen and of the right answer, by the task."""


def read_raw_odd_of_many(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all choices of the odd one of many of a BIDS data set.

    Parameters
    ----------
    raw, objects, unusable
        As in :func:`read_raw`, whose attributes the table has as well.

    Raises
    ------
    TwoalikeError
        As :func:`read_raw`.
    """
    return _read(raw, ODD_ONE_OF_MANY, objects, unusable)


def read_raw_alike_pairs(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all choices of the most alike pair, as :func:`read_raw_odd_of_many`."""
    return _read(raw, MOST_ALIKE_PAIR, objects, unusable)


def _read(
    raw: str | Path, task: str, objects: Sequence[str] | None, unusable: Rule | None
) -> pd.DataFrame:
    """Choices of one task (its label)."""
    numbers, ids, expected = _ANSWERS[task]
    kind = "odd_one_out" if task == ODD_ONE_OF_MANY else "most_alike"
    return choices_of_sessions(
        raw,
        task,
        (*_SHOWN, *numbers, *ids),
        expected,
        lambda session: _choices_of(session, numbers, ids),
        kind,
        objects,
        unusable,
    )


def _choices_of(session: RawSession, numbers: Sequence[str], ids: Sequence[str]) -> pd.DataFrame:
    """Choices of one session, with the items in the order of their places."""
    raw = session.rows
    answered = raw[numbers[0]].notna().to_numpy()
    shown, places = _as_shown(session)
    chosen = _chosen(session, answered, places, numbers, ids)[answered]
    items = {
        name: shown[answered, k] for k, name in enumerate((*ITEMS, *MORE_ITEMS)[: shown.shape[1]])
    }
    answers: dict[str, npt.NDArray[np.float64] | Integers] = {"chosen": chosen[:, 0]}
    if len(numbers) > 1:
        answers = {"chosen": chosen.min(axis=1), "second": chosen.max(axis=1)}
    return pd.DataFrame({**items, **answers} | circumstances(session, answered))


def _as_shown(session: RawSession) -> tuple[npt.NDArray[np.object_], Integers]:
    """Stimuli in order of their places, None beyond them, and the place of each: both (n, 6)."""
    raw = session.rows
    stimuli = raw[list(MANY_STIMULI)].astype(object)
    names = stimuli.where(stimuli.notna(), None).to_numpy()
    places = raw[list(MANY_PLACES)].fillna(0).to_numpy(np.int64)
    n = raw["n_items"].to_numpy(np.int64)
    within = np.arange(len(MANY_PLACES)) < n[:, None]
    there = np.array([[name is not None for name in row] for row in names])
    # Images that are not there come last, in their order.
    ranked = np.where(within, places, len(MANY_PLACES) + 1)
    wrong = (there != within).any(axis=1)
    counted = np.where(within, np.arange(1, len(MANY_PLACES) + 1), len(MANY_PLACES) + 1)
    wrong |= (np.sort(ranked, axis=1) != counted).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        expected = f"{n[row]} objects at the places 1 to {n[row]}, each once"
        found = ", ".join(map(str, places[row][within[row]]))
        raise Fault(row, expected, found, MANY_PLACES[0]).error(session.path)
    return np.take_along_axis(names, np.argsort(ranked, axis=1, kind="stable"), axis=1), places


def _chosen(
    session: RawSession,
    answered: Booleans,
    places: Integers,
    numbers: Sequence[str],
    ids: Sequence[str],
) -> Integers:
    """Places of the objects chosen, shape (n, 1 or 2); checked against their ids."""
    raw, rows = session.rows, np.arange(len(session.rows))
    found = []
    for number, name in zip(numbers, ids, strict=True):
        item = raw[number].fillna(1).to_numpy(np.int64) - 1
        meant = raw[list(MANY_STIMULI)].to_numpy(dtype=object)[rows, item]
        wrong = answered & (meant != raw[name].to_numpy(dtype=object))
        if wrong.any():
            row = int(wrong.argmax())
            expected = f"{meant[row]!r} as {number} {item[row] + 1} says"
            raise Fault(row, expected, repr(session.text[name][row]), name).error(session.path)
        found.append(places[rows, item])
    return np.stack(found, axis=1)
