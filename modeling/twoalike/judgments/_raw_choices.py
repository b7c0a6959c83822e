"""Raw rows of the tasks of choices as a table of choices.

A raw row of the odd-one-out task says which stimulus is which (``stimulus_1..3``, sorted), where
each was shown (``position_1..3``) and which was called odd (``response``, an index into
``stimulus_1..3``). A choice wants the items in the order shown and the place of the chosen one in
that order. Of an anchored choice ``stimulus_1`` is the reference, which comes before the
candidates.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._raw import RawSession, Rule, known_order, raw_sessions
from twoalike.judgments._sets import ITEMS
from twoalike.judgments._tables import choices_table
from twoalike.study import MISSING, Booleans, Integers, TwoalikeError
from twoalike.tables import (
    ANCHORED_CHOICE,
    CHOICE_COLUMNS,
    LEVELS,
    ODD_ONE_OUT,
    PLACES,
    POSITIONS,
    REFERENCE,
    STIMULI,
    Fault,
    choice_columns,
)

_CHOICES = ("trial_index", "trial_type", *STIMULI, *PLACES, "response", "response_time")
"""Columns that are needed of either task of choices, besides the one that names the chosen."""
_ORDERS: Mapping[str, tuple[str, ...]] = {
    ODD_ONE_OUT: POSITIONS,
    ANCHORED_CHOICE: (REFERENCE, *(place for place in POSITIONS if place != REFERENCE)),
}
"""Places in the order in which a choice has its items, by the task."""


def read_raw(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all odd-one-out trials of a BIDS data set.

    Trials without a choice (timed out) are left out; ``table.attrs["n_without_choice"]`` counts
    them. Practice and catch trials are kept, with their ``trial_type``. A last line that a
    power cut tore is passed over; ``table.attrs["n_torn"]`` counts those.

    Parameters
    ----------
    raw
        Root of the data set (``data/raw`` of a study).
    objects
        All object ids in the order to keep, for instance the stimulus manifest's; only those
        judged are listed in the table. None: order of first appearance.
    unusable
        Rule by which a session is left out, such as :func:`twoalike.design.excluded`: from its
        raw rows, as text, to the reason; None keeps it. ``table.attrs["excluded"]`` lists
        participant, session and reason of those left out.

    Raises
    ------
    TwoalikeError
        If there is no trial, the rule leaves out all sessions, a column is missing, or a value
        does not fit; the message names the file, the row and the column.
    """
    return _read_choices(raw, ODD_ONE_OUT, objects, unusable)


def read_raw_anchored(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all anchored choices of a BIDS data set; the reference is the first item.

    Parameters
    ----------
    raw, objects, unusable
        As in :func:`read_raw`, whose attributes the table has as well.

    Raises
    ------
    TwoalikeError
        As :func:`read_raw`.
    """
    return _read_choices(raw, ANCHORED_CHOICE, objects, unusable)


def _read_choices(
    raw: str | Path, task: str, objects: Sequence[str] | None, unusable: Rule | None
) -> pd.DataFrame:
    """Choices of one task (its label)."""
    anchored = task == ANCHORED_CHOICE
    chosen, expected = CHOICE_COLUMNS[anchored]
    rule = unusable and (lambda rows: unusable(_with_checks(rows, expected)))
    sessions, excluded = raw_sessions(raw, task, (*_CHOICES, chosen), rule)
    parts = [_choices_of(session, _ORDERS[task]) for session in sessions]
    rows = pd.concat(parts, ignore_index=True)
    rows["kind"] = "anchored" if anchored else "odd_one_out"
    if not len(rows):
        raise TwoalikeError(f"{len(sessions)} sessions, but no trial has a response", where=raw)
    seen = list(pd.unique(pd.concat([rows[item] for item in ITEMS], ignore_index=True)))
    table = choices_table(dict(rows), known_order(seen, objects, raw), raw)
    table.attrs["n_without_choice"] = sum(len(one.rows) for one in sessions) - len(rows)
    table.attrs["n_torn"] = sum(one.torn for one in sessions)
    table.attrs["excluded"] = excluded
    return table


def _with_checks(rows: pd.DataFrame, expected: str) -> pd.DataFrame:
    """Rows with a column of right answers; tables of other tools may have no attention checks."""
    return rows if expected in rows.columns else rows.assign(**{expected: MISSING})


def _choices_of(session: RawSession, order: Sequence[str]) -> pd.DataFrame:
    """Choices of one session, with the items in an order of their places."""
    answered = session.rows["response"].notna().to_numpy()
    shown, place = _as_shown(session, answered, order)
    rows = session.rows[answered]
    return pd.DataFrame(
        {
            "participant": session.participant,
            "session": session.session,
            "trial": rows["trial_index"],
            **{item: shown[answered, k] for k, item in enumerate(ITEMS)},
            "chosen": place[answered] + 1,
            "response_time": rows["response_time"],
            "trial_type": rows["trial_type"],
            "level": _one_of(LEVELS, "condition", session.text[answered]),
            "correct": _correct(session.text[answered]),
        }
    )


def _as_shown(
    session: RawSession, answered: Booleans, order: Sequence[str]
) -> tuple[npt.NDArray[np.object_], Integers]:
    """Stimuli in order of their places, shape (n, 3), and where there the chosen is, (n,)."""
    raw = session.rows
    chosen = choice_columns(raw.columns)[0]
    stimuli = raw[list(STIMULI)].to_numpy(dtype=object)
    position = np.stack(
        [pd.Index(order).get_indexer(pd.Index(raw[name])) for name in PLACES], axis=1
    )
    wrong = (np.sort(position, axis=1) != [0, 1, 2]).any(axis=1)
    if wrong.any():
        row, expected = int(wrong.argmax()), "left, middle and right, each once"
        raise Fault(row, expected, repr(raw[PLACES[0]][row]), PLACES[0]).error(session.path)
    if order[0] == REFERENCE and (elsewhere := position[:, 0] != 0).any():
        row = int(elsewhere.argmax())
        expected = f"{REFERENCE!r}, the place of the reference"
        raise Fault(row, expected, repr(raw[PLACES[0]][row]), PLACES[0]).error(session.path)
    response = raw["response"].fillna(1).to_numpy(np.int64) - 1
    rows = np.arange(len(raw))
    odd = stimuli[rows, response]
    wrong = answered & (odd != raw[chosen].to_numpy(dtype=object))
    if wrong.any():
        row = int(wrong.argmax())
        expected = f"{odd[row]!r} as response {response[row] + 1} says"
        found = repr(session.text[chosen][row])
        raise Fault(row, expected, found, chosen).error(session.path)
    shown = np.take_along_axis(stimuli, np.argsort(position, axis=1), axis=1)
    return shown, position[rows, response].astype(np.int64)


def _one_of(levels: Collection[str], column: str, text: pd.DataFrame) -> "pd.Series[str]":
    """Cells of a column that other tools may lack; missing where they are none of ``levels``."""
    if column not in text.columns:
        return pd.Series(None, index=text.index, dtype=object)
    return text[column].astype(object).where(text[column].isin(list(levels)), None)


def _correct(text: pd.DataFrame) -> "pd.Series[str]":
    """Verdicts on attention checks; practice trials have some too."""
    verdicts = _one_of(("true", "false"), "correct", text)
    return verdicts.where(text["trial_type"] == "catch", None)
