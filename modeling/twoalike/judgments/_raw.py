"""Raw rows of a BIDS data set (``_beh.tsv``) as tables of judgments.

Data sets of other tools are read as well, if their tables have the columns that are needed. A raw
row of a choice says which stimulus is which (``stimulus_1``, ...), where each was shown
(``position_1``, ...) and what was chosen (an index into the stimuli, and its id). A choice wants
the items in the order shown and the place of the chosen one in that order. Three images have places
by name, of which the reference comes first; three to six have places by number, in reading order,
and ``n_items`` tells how many there are. Arrangements and sortings have one row an image of a
trial; images that lay outside the arena when the time was over were not placed.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._tables import ADAPTIVE, ITEMS, MORE_ITEMS, TABLES, JudgmentKind
from twoalike.registry import find_task
from twoalike.study import MISSING, Booleans, Integers, TwoalikeError
from twoalike.tables import (
    ANCHORED_CHOICE,
    BY_CONDITION,
    CHOICE_COLUMNS,
    FREE_SORTING,
    LEVELS,
    MANY_PLACES,
    MANY_STIMULI,
    MOST_ALIKE_PAIR,
    MULTI_ARRANGEMENT,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PAIR_RATING,
    PLACES,
    POSITIONS,
    REFERENCE,
    STIMULI,
    Column,
    Fault,
    Table,
    make_frame,
    parse_text,
    typed,
)

type Rule = Callable[[pd.DataFrame], str | None]
"""From the raw rows of a session, as text, to the reason to leave it out; None keeps it."""

_NAME = re.compile(
    r"sub-(?P<participant>[0-9a-zA-Z+]+)(_ses-(?P<session>[0-9a-zA-Z+]+))?"
    r"_task-(?P<task>[0-9a-zA-Z+]+)(_run-[0-9]+)?_beh\.tsv"
)


@dataclass(frozen=True)
class RawSession:
    """Raw table of one run.

    Attributes
    ----------
    session
        Label; None where the file name has none.
    rows
        Columns that were asked for, with the types of :func:`twoalike.tables.typed`.
    text
        All columns as text.
    torn
        Whether the last row, which a power cut tore, was passed over; resuming the session shows
        its trial again.
    """

    path: Path
    participant: str
    session: str | None
    rows: pd.DataFrame
    text: pd.DataFrame
    torn: bool


def _raw_tables(raw: Path) -> list[tuple[Path, re.Match[str]]]:
    paths = sorted(raw.glob("sub-*/**/beh/*_beh.tsv"))
    return [(path, match) for path in paths if (match := _NAME.fullmatch(path.name))]


def raw_tasks(raw: str | Path) -> tuple[str, ...]:
    """Tasks (BIDS labels) of which a data set holds tables, sorted."""
    return tuple(sorted({match["task"] for _, match in _raw_tables(Path(raw))}))


def raw_sessions(
    raw: str | Path, task: str, columns: Sequence[str], unusable: Rule | None = None
) -> tuple[list[RawSession], list[tuple[str, str | None, str]]]:
    """Read the raw tables of a task in a data set: the columns that are needed.

    Gives the sessions in the order of their names, and participant, session and reason of those
    that the rule ``unusable`` leaves out.
    """
    raw, found = Path(raw), find_task(task)
    files = [(path, match) for path, match in _raw_tables(raw) if match["task"] == found.label]
    if not files:
        raise TwoalikeError(
            where=raw,
            expected=f"{found.name} sessions (sub-*/ses-*/beh/*_task-{found.label}*_beh.tsv)",
            found="none",
            remedy="Run one with: twoalike run",
        )
    table = _lenient(found.trials.subset(columns))
    sessions, excluded = [], []
    for path, match in files:
        text, torn = _read_text(path, columns)
        if unusable is not None and (reason := unusable(text)) is not None:
            excluded.append((match["participant"], match["session"], reason))
            continue
        values, faults = parse_text(table, text)
        for fault in faults:
            raise fault.error(path)
        rows = typed(table, values)
        sessions.append(RawSession(path, match["participant"], match["session"], rows, text, torn))
    if not sessions:
        raise TwoalikeError(
            f"the exclusion rule of study.toml leaves out all {len(files)} sessions, the first "
            f"for {excluded[0][2]}",
            where=raw,
            remedy="Look at the data, or at [exclusion].",
        )
    return sessions, excluded


def _lenient(table: Table) -> Table:

    def of_others(column: Column) -> Column:
        if column.name == "n_items":
            return replace(column, minimum=1)
        return replace(column, missing="not known") if column.kind == "number" else column

    return replace(table, columns=tuple(map(of_others, table.columns)))


def _read_text(path: Path, columns: Sequence[str]) -> tuple[pd.DataFrame, bool]:
    """Read the rows of a raw table as strings; whether a torn one was passed over."""
    if path.is_dir():
        raise TwoalikeError(
            where=path, expected="a raw table", found="a folder", remedy="Restore the file."
        )
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        # BIDS tables have no quoting: a quotation mark is part of a value.
        table = pd.read_csv(
            io.StringIO(whole.decode("utf-8-sig")),
            sep="\t",
            dtype=str,
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise TwoalikeError(f"cannot be read as a table ({reason})", where=path) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TwoalikeError(f"column {missing[0]!r} is missing", where=path)
    return table, len(whole) < len(content)


def whole_trials(session: RawSession, trial: Integers) -> Booleans:
    """Tell which rows belong to a trial all of whose rows are there, shape (n,).

    The rows of a trial are written together, so only the last trial can lack some: those after
    the place where a power cut tore the file.
    """
    if not len(trial):
        return np.zeros(0, dtype=bool)
    expected = session.rows["n_items"].to_numpy(np.int64)
    found = np.bincount(trial)[trial]
    wrong = (found != expected) & ((trial != trial[-1]) | (found > expected))
    if wrong.any():
        row = int(wrong.argmax())
        rows = f"{found[row]} rows of trial {trial[row]}"
        images = f"as many rows as images ({expected[row]})"
        raise Fault(row, images, rows, "n_items").error(session.path)
    return np.asarray(found == expected)


def known_order(seen: Sequence[str], objects: Sequence[str] | None, raw: str | Path) -> list[str]:
    """Objects seen, in the order of ``objects``; in their own where that is None."""
    if objects is None:
        return [str(name) for name in seen]
    unknown = set(seen) - set(objects)
    if unknown:
        raise TwoalikeError(
            f"stimulus {min(unknown)!r} was shown but is not one of the {len(objects)} stimuli of "
            "the manifest",
            where=raw,
        )
    return [name for name in objects if name in set(seen)]


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


_TRIAL = ("trial_index", "trial_type", "response_time")


@dataclass(frozen=True)
class _Task:
    """What the rows of a task become: a kind of judgments, from columns, by session.

    ``of_session`` gives the table of a session, without the columns that every kind has, and the
    rows it is of; ``counts`` names what it leaves out, ``nothing`` says that there is no row.
    """

    kind: JudgmentKind
    columns: tuple[str, ...]
    of_session: Callable[["_Counts", RawSession], tuple[dict[str, Any], pd.DataFrame]]
    nothing: str
    counts: tuple[str, ...] = ("n_without_choice",)
    optional: tuple[str, ...] = ()
    """Columns that the rule of exclusion reads and tables of other tools may lack."""


type _Counts = Counter[str]


def read_raw(
    raw: str | Path,
    objects: Sequence[str] | None = None,
    unusable: Rule | None = None,
    *,
    task: str = ODD_ONE_OUT,
) -> pd.DataFrame:
    """Read all trials of a task in a BIDS data set.

    Left out and counted in ``table.attrs`` are trials without an answer (``n_without_choice``; of
    sortings, objects without a pile, or then alone in their trial), images outside the arena at the
    end of an arrangement (``n_outside``) or then alone (``n_alone``), and what a power cut tore
    (``n_torn``). Practice and catch trials are kept, with their ``trial_type``. Trials of a further
    run of a session are numbered on, but for choices.

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
    task
        Label of the task.
    """
    of = _TASKS[task]
    rule = unusable and (
        lambda rows: unusable(
            rows.reindex(
                columns=rows.columns.union(pd.Index(of.optional), sort=False), fill_value=MISSING
            )
        )
    )
    sessions, excluded = raw_sessions(raw, task, of.columns, rule)
    counts: _Counts = Counter(dict.fromkeys((*of.counts, "n_torn"), 0))
    last, parts = dict[tuple[str, str | None], int](), []
    for session in sessions:
        columns, rows = of.of_session(counts, session)
        whose, trial = (session.participant, session.session), rows["trial_index"]
        if of.kind != "choices":
            trial = trial + last.get(whose, 0)
        if len(rows):
            last[whose] = int(trial.max())
        columns |= {"participant": session.participant, "session": session.session, "trial": trial}
        columns |= {name: rows[name] for name in ("trial_type", "response_time")}
        parts.append(pd.DataFrame(columns, index=rows.index))
    whole = pd.concat(parts, ignore_index=True)
    if not len(whole):
        raise TwoalikeError(f"{len(parts)} sessions, but {of.nothing}", where=raw)
    items = [whole[item] for item in TABLES[of.kind].items if item in whole]
    seen = list(pd.unique(pd.concat(items, ignore_index=True).dropna()))
    table = make_frame(dict(whole), TABLES[of.kind], raw, known_order(seen, objects, raw))
    table.attrs |= counts
    if unusable is not None:
        table.attrs["excluded"] = excluded
    return table


def _choices(
    counts: _Counts, session: RawSession, *, asked: _Asked
) -> tuple[dict[str, Any], pd.DataFrame]:
    answered = _answered(counts, session, asked.numbers[0])
    shown, places = _as_shown(session, asked)
    chosen = _chosen(session, answered, places, asked)[answered]
    columns: dict[str, Any] = dict(zip((*ITEMS, *MORE_ITEMS), shown[answered].T, strict=False))
    columns["chosen"] = chosen.min(axis=1)
    if chosen.shape[1] > 1:
        columns["second"] = chosen.max(axis=1)
    text = session.text[answered]
    columns |= {
        "kind": asked.kind,
        "level": _one_of(LEVELS, "condition", text),
        "correct": _verdicts(text),
        **_adaptive(text),
    }
    if BY_CONDITION.name in text:
        columns[BY_CONDITION.name] = text[BY_CONDITION.name]
    return columns, session.rows[answered]


def _answered(counts: _Counts, session: RawSession, column: str) -> Booleans:
    """Tell which rows have an answer, (n,), and count the others."""
    answered = session.rows[column].notna().to_numpy()
    counts["n_without_choice"] += int((~answered).sum())
    counts["n_torn"] += session.torn
    return np.asarray(answered)


def _several(
    counts: _Counts, session: RawSession, there: Booleans
) -> tuple[Booleans, Booleans, pd.DataFrame]:
    """Rows of whole trials, those of them that are there beside another one, and the latter."""
    trial = session.rows["trial_index"].to_numpy(np.int64)
    whole = whole_trials(session, trial)
    counts["n_torn"] += int(session.torn or not whole.all())
    there = whole & there
    kept = there & (np.bincount(trial, there, minlength=1)[trial] >= 2)
    return whole, kept, session.rows[kept]


def _ratings(counts: _Counts, session: RawSession) -> tuple[dict[str, Any], pd.DataFrame]:
    rows = session.rows[_answered(counts, session, "response")]
    columns = {
        "item_a": rows["stimulus_1"],
        "item_b": rows["stimulus_2"],
        "rating": rows["response"],
        "scale_points": pd.to_numeric(rows["scale_points"]),
        "correct": _verdicts(session.text)[rows.index],
        **_adaptive(session.text.loc[rows.index]),
    }
    return columns, rows


def _adaptive(text: pd.DataFrame) -> dict[str, Any]:
    """Give the column that tells trials chosen by a posterior from others, if there are any."""
    there = "sampler" in text and (text["sampler"] == ADAPTIVE).any()
    return {"sampler": text["sampler"]} if there else {}


def _sortings(counts: _Counts, session: RawSession) -> tuple[dict[str, Any], pd.DataFrame]:
    whole, kept, rows = _several(counts, session, session.rows["pile"].notna().to_numpy())
    counts["n_without_choice"] += int((whole & ~kept).sum())
    names = {"item": "stimulus", "pile": "pile", "pile_name": "pile_name"}
    return {name: rows[column] for name, column in names.items()}, rows


def _arrangements(counts: _Counts, session: RawSession) -> tuple[dict[str, Any], pd.DataFrame]:
    inside = session.rows["inside"].to_numpy(bool)
    whole, kept, rows = _several(counts, session, inside)
    counts["n_outside"] += int((whole & ~inside).sum())
    counts["n_alone"] += int((whole & inside & ~kept).sum())
    for column in ("x", "y"):
        unplaced = kept & session.rows[column].isna().to_numpy()
        if unplaced.any():
            row, expected = int(unplaced.argmax()), "a place of an image inside"
            found = repr(session.text[column][row])
            raise Fault(row, expected, found, column).error(session.path)
    columns = {
        "item": rows["stimulus"],
        "x": rows["x"],
        "y": rows["y"],
        "seat_angle": _numbers("seat_angle", session.text)[rows.index],
        "moves": _numbers("n_moves", session.text)[rows.index],
    }
    return columns, rows


def _numbers(column: str, text: pd.DataFrame) -> "pd.Series[float]":
    """Cells of a column that other tools may lack; missing where they are no numbers."""
    if column not in text.columns:
        return pd.Series(np.nan, index=text.index)
    return pd.to_numeric(text[column], errors="coerce")


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


def _verdicts(text: pd.DataFrame) -> "pd.Series[str]":
    """Verdicts on attention checks; practice trials have some too."""
    verdicts = _one_of(("true", "false"), "correct", text)
    return verdicts.where(text["trial_type"] == "catch", None)


def _choice_task(asked: _Asked) -> _Task:
    shown = (*asked.stimuli, *asked.places, *(() if asked.order else ("n_items",)))
    columns = (*_TRIAL[:2], *shown, *asked.numbers, *asked.ids, _TRIAL[2])
    of_session = partial(_choices, asked=asked)
    return _Task("choices", columns, of_session, "no trial has a response", optional=asked.expected)


_TASKS: Mapping[str, _Task] = {
    **{task: _choice_task(asked) for task, asked in _ASKED.items()},
    PAIR_RATING: _Task(
        "ratings",
        (*_TRIAL, "stimulus_1", "stimulus_2", "response", "scale_points"),
        _ratings,
        "no trial has a rating",
    ),
    FREE_SORTING: _Task(
        "sortings",
        (*_TRIAL, "n_items", "stimulus", "pile", "pile_name"),
        _sortings,
        "nothing was sorted",
    ),
    MULTI_ARRANGEMENT: _Task(
        "arrangements",
        (*_TRIAL, "n_items", "stimulus", "x", "y", "inside"),
        _arrangements,
        "no trial has two images inside",
        ("n_outside", "n_alone"),
    ),
}
