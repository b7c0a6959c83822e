"""Raw rows of the tasks of choices as a table of choices.

A raw row of the odd-one-out task says which stimulus is which (``stimulus_1..3``, sorted), where
each was shown (``position_1..3``) and which was called odd (``response``, an index into
``stimulus_1..3``). A choice wants the items in the order shown and the place of the chosen one in
that order. Of an anchored choice ``stimulus_1`` is the reference, which comes before the
candidates.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._raw import RawSession, Rule, known_order, raw_sessions
from twoalike.judgments._sets import ITEMS, MORE_ITEMS
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
    return choices_of_sessions(
        raw,
        task,
        (*_CHOICES, chosen),
        (expected,),
        lambda session: _choices_of(session, _ORDERS[task]),
        "anchored" if anchored else "odd_one_out",
        objects,
        unusable,
    )


def choices_of_sessions(
    raw: str | Path,
    task: str,
    columns: Sequence[str],
    expected: Sequence[str],
    make: Callable[[RawSession], pd.DataFrame],
    kind: str,
    objects: Sequence[str] | None,
    unusable: Rule | None,
) -> pd.DataFrame:
    """Table of the choices of one task (its label), as :func:`read_raw` returns it.

    Parameters
    ----------
    columns
        Columns that are needed of its raw tables.
    expected
        Columns of right answers, for the rule of exclusion.
    make
        Makes choices of a session.
    kind
        What the task asks.
    """
    rule = unusable and (lambda rows: unusable(_with_checks(rows, expected)))
    sessions, excluded = raw_sessions(raw, task, columns, rule)
    rows = pd.concat([make(session) for session in sessions], ignore_index=True)
    rows["kind"] = kind
    if not len(rows):
        raise TwoalikeError(f"{len(sessions)} sessions, but no trial has a response", where=raw)
    items = [rows[item] for item in (*ITEMS, *MORE_ITEMS) if item in rows]
    seen = list(pd.unique(pd.concat(items, ignore_index=True).dropna()))
    table = choices_table(dict(rows), known_order(seen, objects, raw), raw)
    table.attrs["n_without_choice"] = sum(len(one.rows) for one in sessions) - len(rows)
    table.attrs["n_torn"] = sum(one.torn for one in sessions)
    table.attrs["excluded"] = excluded
    return table


def _with_checks(rows: pd.DataFrame, expected: Sequence[str]) -> pd.DataFrame:
    """Rows with columns of right answers; tables of other tools may have no attention checks."""
    return rows.assign(**{name: MISSING for name in expected if name not in rows.columns})


def _choices_of(session: RawSession, order: Sequence[str]) -> pd.DataFrame:
    """Choices of one session, with the items in an order of their places."""
    answered = session.rows["response"].notna().to_numpy()
    shown, place = _as_shown(session, answered, order)
    items = {item: shown[answered, k] for k, item in enumerate(ITEMS)}
    return pd.DataFrame(items | {"chosen": place[answered] + 1} | circumstances(session, answered))


def circumstances(session: RawSession, answered: Booleans) -> dict[str, Any]:
    """Columns of the choices of a session that do not depend on what was asked."""
    rows, text = session.rows[answered], session.text[answered]
    return {
        "participant": session.participant,
        "session": session.session,
        "trial": rows["trial_index"].to_numpy(),
        "response_time": rows["response_time"].to_numpy(),
        "trial_type": rows["trial_type"].to_numpy(),
        "level": _one_of(LEVELS, "condition", text).to_numpy(),
        "correct": check_verdicts(text).to_numpy(),
    }


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


def check_verdicts(text: pd.DataFrame) -> "pd.Series[str]":
    """Verdicts on attention checks; practice trials have some too."""
    verdicts = _one_of(("true", "false"), "correct", text)
    return verdicts.where(text["trial_type"] == "catch", None)
