"""Raw rows of the tasks of choices, ratings and sortings as tables of judgments.

A raw row of a choice says which stimulus is which (``stimulus_1``, ...), where each was shown
(``position_1``, ...) and what was chosen (an index into the stimuli, and its id). A choice wants
the items in the order shown and the place of the chosen one in that order. Three images have places
by name, of which the reference comes first; three to six have places by number, in reading order,
and ``n_items`` tells how many there are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._raw import (
    LastTrials,
    RawSession,
    Rule,
    raw_sessions,
    raw_table,
    whole_trials,
)
from twoalike.judgments._sets import ITEMS, MORE_ITEMS
from twoalike.study import MISSING, Booleans, Integers
from twoalike.tables import (
    ANCHORED_CHOICE,
    CHOICE_COLUMNS,
    LEVELS,
    MANY_PLACES,
    MANY_STIMULI,
    MOST_ALIKE_PAIR,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PLACES,
    POSITIONS,
    REFERENCE,
    STIMULI,
    Fault,
)


@dataclass(frozen=True)
class _Asked:
    """Question of a task, and its columns in raw tables.

    ``numbers``, ``ids`` and ``expected`` are those of the numbers chosen, of the ids chosen and of
    the right answer; ``order`` has the names of the places of three images.
    """

    kind: str
    numbers: tuple[str, ...]
    ids: tuple[str, ...]
    expected: tuple[str, ...]
    order: tuple[str, ...] = ()
    stimuli: tuple[str, ...] = tuple(MANY_STIMULI)
    places: tuple[str, ...] = tuple(MANY_PLACES)


def _of_three(kind: str, order: tuple[str, ...]) -> _Asked:
    chosen, expected = CHOICE_COLUMNS[kind == "anchored"]
    shown = tuple(STIMULI), tuple(PLACES)
    return _Asked(kind, ("response",), (chosen,), (expected,), order, *shown)


_ASKED: Mapping[str, _Asked] = {
    ODD_ONE_OUT: _of_three("odd_one_out", tuple(POSITIONS)),
    ANCHORED_CHOICE: _of_three(
        "anchored", (REFERENCE, *(place for place in POSITIONS if place != REFERENCE))
    ),
    ODD_ONE_OF_MANY: _Asked("odd_one_out", ("response",), ("odd_stimulus",), ("expected_odd",)),
    MOST_ALIKE_PAIR: _Asked(
        "most_alike",
        ("response_1", "response_2"),
        ("alike_1", "alike_2"),
        ("expected_1", "expected_2"),
    ),
}


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
    """
    return _read_choices(raw, objects, unusable, task=ODD_ONE_OUT)


def _read_choices(
    raw: str | Path,
    objects: Sequence[str] | None = None,
    unusable: Rule | None = None,
    *,
    task: str,
) -> pd.DataFrame:
    asked = _ASKED[task]
    shown = (*asked.stimuli, *asked.places, *(() if asked.order else ("n_items",)))
    columns = ("trial_index", "trial_type", *shown, *asked.numbers, *asked.ids, "response_time")
    # Tables of other tools may have no attention checks, so no columns of right answers.
    rule = unusable and (
        lambda rows: unusable(
            rows.reindex(
                columns=rows.columns.union(pd.Index(asked.expected), sort=False), fill_value=MISSING
            )
        )
    )
    sessions, excluded = raw_sessions(raw, task, columns, rule)
    parts = [_choices_of(session, asked) for session in sessions]
    table = raw_table("choices", parts, raw, objects, "no trial has a response")
    return _with_counts(table, sessions, excluded)


read_raw_anchored = partial(_read_choices, task=ANCHORED_CHOICE)
"""Read all anchored choices, as :func:`read_raw`; the reference is the first item."""
read_raw_odd_of_many = partial(_read_choices, task=ODD_ONE_OF_MANY)
"""Read all choices of the odd one of many, as :func:`read_raw`."""
read_raw_alike_pairs = partial(_read_choices, task=MOST_ALIKE_PAIR)
"""Read all choices of the most alike pair, as :func:`read_raw`."""


def _with_counts(
    table: pd.DataFrame, sessions: Sequence[RawSession], excluded: object
) -> pd.DataFrame:
    """Add how many trials have no answer, how many rows are torn, and whom the rule leaves out."""
    table.attrs["n_without_choice"] = sum(len(one.rows) for one in sessions) - len(table)
    table.attrs |= {"n_torn": sum(one.torn for one in sessions), "excluded": excluded}
    return table


def _choices_of(session: RawSession, asked: _Asked) -> pd.DataFrame:
    """Choices of one session, with the items in the order of their places."""
    answered = session.rows[asked.numbers[0]].notna().to_numpy()
    shown, places = _as_shown(session, asked)
    chosen = _chosen(session, answered, places, asked)[answered]
    items = dict(zip((*ITEMS, *MORE_ITEMS), shown[answered].T, strict=False))
    answers: dict[str, Any] = {"chosen": chosen[:, 0]}
    if chosen.shape[1] > 1:
        answers = {"chosen": chosen.min(axis=1), "second": chosen.max(axis=1)}
    rows, text = session.rows[answered], session.text[answered]
    about = {
        "kind": asked.kind,
        "participant": session.participant,
        "session": session.session,
        "trial": rows["trial_index"].to_numpy(),
        "response_time": rows["response_time"].to_numpy(),
        "trial_type": rows["trial_type"].to_numpy(),
        "level": _one_of(LEVELS, "condition", text).to_numpy(),
        "correct": check_verdicts(text).to_numpy(),
    }
    return pd.DataFrame({**items, **answers, **about})


def _as_shown(session: RawSession, asked: _Asked) -> tuple[npt.NDArray[np.object_], Integers]:
    """Stimuli in order of their places, None beyond them, and the place of each: both (n, k)."""
    raw, k = session.rows, len(asked.places)
    stimuli = raw[list(asked.stimuli)].astype(object)
    names = stimuli.where(stimuli.notna(), None).to_numpy()
    if asked.order:
        columns = [pd.Index(asked.order).get_indexer(pd.Index(raw[name])) for name in asked.places]
        places, n = np.stack(columns, axis=1).astype(np.int64) + 1, np.full(len(raw), k)
    else:
        places = raw[list(asked.places)].fillna(0).to_numpy(np.int64)
        n = raw["n_items"].to_numpy(np.int64)
    within = np.arange(k) < n[:, None]
    there = stimuli.notna().to_numpy()
    ranked = np.where(within, places, k + 1)  # images that are not there come last, in their order
    counted = np.where(within, np.arange(1, k + 1), k + 1)
    wrong = (there != within).any(axis=1) | (np.sort(ranked, axis=1) != counted).any(axis=1)
    if asked.kind == "anchored":
        wrong |= places[:, 0] != 1
    if wrong.any():
        row = int(wrong.argmax())
        expected = f"{n[row]} objects at the places 1 to {n[row]}, each once"
        if asked.order:
            expected = f"{', '.join(asked.order)}, each once"
        if asked.kind == "anchored":
            expected += f", and stimulus_1 as the {REFERENCE}"
        found = ", ".join(map(str, raw[list(asked.places)].iloc[row][within[row]]))
        raise Fault(row, expected, found, asked.places[0]).error(session.path)
    return np.take_along_axis(names, np.argsort(ranked, axis=1, kind="stable"), axis=1), places


def _chosen(
    session: RawSession,
    answered: Booleans,
    places: Integers,
    asked: _Asked,
) -> Integers:
    """Places of the objects chosen, shape (n, 1 or 2); checked against their ids."""
    raw, rows = session.rows, np.arange(len(session.rows))
    found = []
    for number, name in zip(asked.numbers, asked.ids, strict=True):
        item = raw[number].fillna(1).to_numpy(np.int64) - 1
        meant = raw[list(asked.stimuli)].to_numpy(dtype=object)[rows, item]
        wrong = answered & (meant != raw[name].to_numpy(dtype=object))
        if wrong.any():
            row = int(wrong.argmax())
            expected = f"{meant[row]!r} as {number} {item[row] + 1} says"
            raise Fault(row, expected, repr(session.text[name][row]), name).error(session.path)
        found.append(places[rows, item])
    return np.stack(found, axis=1)


def _one_of(levels: Collection[str], column: str, text: pd.DataFrame) -> "pd.Series[str]":
    """Cells of a column that other tools may lack; missing where they are none of ``levels``."""
    if column not in text.columns:
        return pd.Series(None, index=text.index, dtype=object)
    return text[column].astype(object).where(text[column].isin(list(levels)), None)


def check_verdicts(text: pd.DataFrame) -> "pd.Series[str]":
    """Verdicts on attention checks; practice trials have some too."""
    verdicts = _one_of(("true", "false"), "correct", text)
    return verdicts.where(text["trial_type"] == "catch", None)


_RATING = ("stimulus_1", "stimulus_2", "response", "scale_points")
_SORTING = ("n_items", "stimulus", "pile", "pile_name")
_TRIAL = ("trial_index", "trial_type", "response_time")


def read_raw_ratings(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all pair-rating trials of a BIDS data set.

    Trials without a rating (timed out) are left out, and counted in
    ``table.attrs["n_without_choice"]``. Practice and catch trials are kept, with their
    ``trial_type``; only attention checks may show an image beside itself.

    Parameters, attributes and errors are those of :func:`twoalike.judgments.read_raw`.
    """
    sessions, excluded = raw_sessions(raw, "pair-rating", (*_TRIAL, *_RATING), unusable)
    parts, last = [], LastTrials()
    for session in sessions:
        rows = session.rows[session.rows["response"].notna()]
        columns = {
            "item_a": rows["stimulus_1"],
            "item_b": rows["stimulus_2"],
            "rating": rows["response"],
            "scale_points": pd.to_numeric(rows["scale_points"]),
            "correct": check_verdicts(session.text)[rows.index],
        }
        parts.append(last.add(session, rows, columns))
    table = raw_table("ratings", parts, raw, objects, "no trial has a rating")
    return _with_counts(table, sessions, excluded)


def read_raw_sortings(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all free-sorting trials of a BIDS data set.

    Objects without a pile, and trials of which fewer than two objects have one, are left out and
    counted in ``table.attrs`` (``n_without_choice``, in objects); so is a last trial that a power
    cut tore (``n_torn``; resuming the session shows it again).

    Parameters and errors are those of :func:`twoalike.judgments.read_raw`.
    """
    sessions, excluded = raw_sessions(raw, "free-sorting", (*_TRIAL, *_SORTING), unusable)
    parts, last = [], LastTrials()
    without, torn = 0, 0
    for session in sessions:
        trial = session.rows["trial_index"].to_numpy(np.int64)
        whole = whole_trials(session, trial)
        piled = whole & session.rows["pile"].notna().to_numpy()
        kept = piled & (np.bincount(trial, piled, minlength=1)[trial] >= 2)
        without += int((whole & ~kept).sum())
        torn += int(session.torn or not whole.all())
        rows = session.rows[kept]
        columns = {"item": rows["stimulus"], "pile": rows["pile"], "pile_name": rows["pile_name"]}
        parts.append(last.add(session, rows, columns))
    table = raw_table("sortings", parts, raw, objects, "nothing was sorted")
    table.attrs |= {"n_without_choice": without, "n_torn": torn, "excluded": excluded}
    return table
