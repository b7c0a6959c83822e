"""Raw rows of a BIDS data set (``_beh.tsv``) as tables of judgments.

A raw table of the multi-arrangement task has one row an image of a trial; images that lay outside
the arena when the time was over were not placed. Other tasks are read in
:mod:`twoalike.judgments._raw_tasks`.

Data sets of other tools are read as well, if their tables have the columns that are needed.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._columns import trial_numbers
from twoalike.judgments._tables import TABLES, JudgmentKind
from twoalike.registry import find_task
from twoalike.study import Booleans, Integers, Study, TwoalikeError, counted, provenance
from twoalike.tables import (
    BY_CONDITION,
    MULTI_ARRANGEMENT,
    Column,
    Fault,
    Table,
    make_frame,
    parse_text,
    typed,
    write_frame,
)

type Rule = Callable[[pd.DataFrame], str | None]
"""From the raw rows of a session, as text, to the reason to leave it out; None keeps it."""

_NAME = re.compile(
    r"sub-(?P<participant>[0-9a-zA-Z+]+)(_ses-(?P<session>[0-9a-zA-Z+]+))?"
    r"_task-(?P<task>[0-9a-zA-Z+]+)(_run-[0-9]+)?_beh\.tsv"
)
_UNNAMED: tuple[JudgmentKind, ...] = ("dissimilarities", "ratings", "sortings")
"""Kinds of judgments whose file in ``derived/`` is named by the kind alone."""
_NOUNS = {
    "choices": "choice",
    "arrangements": "arrangement",
    "ratings": "rating",
    "sortings": "sorting",
}
ARRANGEMENT_COLUMNS = (
    *("trial_index", "trial_type", "n_items", "stimulus"),
    *("x", "y", "inside", "response_time"),
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
    """Raw tables of a data set and the parts of their names, in the order of the names."""
    paths = sorted(raw.glob("sub-*/**/beh/*_beh.tsv"))
    return [(path, match) for path in paths if (match := _NAME.fullmatch(path.name))]


def raw_tasks(raw: str | Path) -> tuple[str, ...]:
    """Tasks (BIDS labels) of which a data set holds tables, sorted."""
    return tuple(sorted({match["task"] for _, match in _raw_tables(Path(raw))}))


def raw_sessions(
    raw: str | Path, task: str, columns: Sequence[str], unusable: Rule | None = None
) -> tuple[list[RawSession], list[tuple[str, str | None, str]]]:
    """Read the raw tables of a task, for a function that makes judgments of them.

    Parameters
    ----------
    raw
        Root of the data set.
    task
        Label or name of the task; its raw table declares the columns.
    columns
        Columns that are needed.
    unusable
        Rule by which a session is left out.

    Returns
    -------
    The sessions in the order of their names; participant, session and reason of those left out.
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
    """Table of the same columns as other tools write them: numbers may be missing."""

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


class LastTrials:
    """Last trial of each session: those of a further run are numbered on."""

    def __init__(self) -> None:
        self._trial: dict[tuple[str, str | None], int] = {}

    def add(self, session: RawSession, rows: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
        """Complete the columns of one run by those that every task has."""
        whose = (session.participant, session.session)
        trial = rows["trial_index"] + self._trial.get(whose, 0)
        if len(rows):
            self._trial[whose] = int(trial.max())
        about = {"participant": session.participant, "session": session.session, "trial": trial}
        times = {name: rows[name] for name in ("trial_type", "response_time")}
        return pd.DataFrame({**about, **columns, **times})


def raw_table(
    kind: JudgmentKind,
    parts: Sequence[pd.DataFrame],
    raw: str | Path,
    objects: Sequence[str] | None,
    nothing: str,
) -> pd.DataFrame:
    """Make the table of what was read of each session; ``nothing`` says that there is no row."""
    rows = pd.concat(parts, ignore_index=True)
    if not len(rows):
        raise TwoalikeError(f"{len(parts)} sessions, but {nothing}", where=raw)
    items = [rows[item] for item in TABLES[kind].items if item in rows]
    seen = pd.unique(pd.concat(items, ignore_index=True).dropna())
    return make_frame(dict(rows), TABLES[kind], raw, known_order(list(seen), objects, raw))


def read_raw_arrangements(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all multi-arrangement trials of a BIDS data set.

    Left out, and counted in ``table.attrs``: images outside the arena at the end of a trial
    (``n_outside``), images then alone in their trial (``n_alone``), and a last trial that a
    power cut tore (``n_torn``; resuming the session shows it again). Trials of a further run of
    a session are numbered on from those of the run before.

    Parameters and errors are those of :func:`read_raw`.
    """
    sessions, excluded = raw_sessions(raw, MULTI_ARRANGEMENT, ARRANGEMENT_COLUMNS, unusable)
    counts, last = {"n_outside": 0, "n_alone": 0, "n_torn": 0}, LastTrials()
    parts = [_arrangements_of(session, last, counts) for session in sessions]
    nothing = "no trial has two images inside"
    table = raw_table("arrangements", parts, raw, objects, nothing)
    table.attrs.update(counts)
    if unusable is not None:
        table.attrs["excluded"] = excluded
    return table


def _arrangements_of(session: RawSession, last: LastTrials, counts: dict[str, int]) -> pd.DataFrame:
    """Images placed in one run; those left out are added to ``counts``."""
    raw = session.rows
    trial = raw["trial_index"].to_numpy(np.int64)
    whole = whole_trials(session, trial)
    inside = raw["inside"].to_numpy(bool)
    kept = whole & inside
    alone = kept & (np.bincount(trial, kept, minlength=1)[trial] < 2)
    counts["n_outside"] += int((whole & ~inside).sum())
    counts["n_alone"] += int(alone.sum())
    counts["n_torn"] += int(session.torn or not whole.all())
    for column in ("x", "y"):
        unplaced = kept & ~alone & raw[column].isna().to_numpy()
        if unplaced.any():
            row, expected = int(unplaced.argmax()), "a place of an image inside"
            found = repr(session.text[column][row])
            raise Fault(row, expected, found, column).error(session.path)
    rows = raw[kept & ~alone]
    columns = {
        "item": rows["stimulus"],
        "x": rows["x"],
        "y": rows["y"],
        "seat_angle": _numbers("seat_angle", session.text)[rows.index],
        "moves": _numbers("n_moves", session.text)[rows.index],
    }
    return last.add(session, rows, columns)


def _numbers(column: str, text: pd.DataFrame) -> "pd.Series[float]":
    """Cells of a column that other tools may lack; missing where they are no numbers."""
    if column not in text.columns:
        return pd.Series(np.nan, index=text.index)
    return pd.to_numeric(text[column], errors="coerce")


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


def collect_judgments(
    study: Study | str | Path,
    *,
    allow_problems: bool = False,
    announce: Callable[[str], object] | None = None,
    left_out: Mapping[str, str] | None = None,
    condition: str | None = None,
) -> dict[JudgmentKind, Path]:
    """Write a study's raw data as tidy tables into ``derived/``, one a kind of judgments.

    Raw data are checked first. Sessions that the exclusion rule of study.toml leaves out are not
    in the tables; the provenance of a table names the rule and these sessions.

    Parameters
    ----------
    study
        The study or its folder.
    allow_problems
        Use the data as they are, even if the checks find problems.
    announce
        Receives one line for each table and each session left out, and remarks of the checks.
    left_out
        Further participants who are left out by the rule, with reasons.
    condition
        Only the runs in this condition, of those within a session; the names of the files end
        with it.

    Returns
    -------
    File of each kind of judgments that the study has.
    """
    from twoalike.record import check_raw
    from twoalike.registry import find_task
    from twoalike.stimuli import StimulusSet

    tell = announce or (lambda line: None)
    study = study if isinstance(study, Study) else Study.load(Path(study))
    for line in check_raw(study, allow_problems=allow_problems):
        tell(line)
    tasks = [find_task(label) for label in raw_tasks(study.raw)]
    if not tasks:
        raise TwoalikeError(
            where=study.raw,
            expected="sessions of a task (sub-*/ses-*/beh/*_beh.tsv)",
            found="none",
            remedy="Run one with: twoalike run",
        )
    ids = StimulusSet.load(study.stimuli, verify=False).ids
    if condition is not None:
        tasks = _tasks_in(study, tasks, condition)
    files: dict[JudgmentKind, Path] = {
        "choices": study.choices,
        "arrangements": study.arrangements,
        **{kind: study.derived / f"{kind}.parquet" for kind in _UNNAMED},
    }
    if condition is not None:
        files = {kind: path.with_stem(f"{path.stem}_{condition}") for kind, path in files.items()}
    written: dict[JudgmentKind, Path] = {}
    for kind, path in files.items():
        tables = [
            _without(_of_task(task, study, ids, condition), kind, left_out or {})
            for task in tasks
            if task.judgments == kind
        ]
        if tables:
            _write(path, kind, tables, study)
            written[kind] = path
            for line in _lines(path, kind, tables):
                tell(line)
    return written


def _tasks_in(study: Study, tasks: list[Any], condition: str) -> list[Any]:
    """Tasks of which there are sessions in a condition."""
    from twoalike.record import RunName, find_runs

    own = study.in_condition(condition)
    found = [
        task
        for task in tasks
        if any(RunName.parse(path).run == own.run for path in find_runs(study.raw, task.label))
    ]
    if not found:
        raise TwoalikeError(
            where=study.raw, expected=f"sessions in the condition {condition}", found="none"
        )
    return found


_OTHER_CONDITION = "in another condition"


def _of_task(task: Any, study: Study, ids: Any, condition: str | None) -> pd.DataFrame:
    """Judgments of one task, without the sessions that the study's rule leaves out."""
    rule = task.unusable and partial(task.unusable, rule=study.config.exclusion)
    table: pd.DataFrame  # pd.DataFrame(table) would lose its attrs
    if condition is None:
        table = task.read_raw(study.raw, ids, *([rule] if rule else []))
        return table

    def of_others(rows: pd.DataFrame) -> str | None:
        column = BY_CONDITION.name
        if column not in rows or (rows[column] != condition).any():
            return _OTHER_CONDITION
        return rule(rows) if rule else None

    table = task.read_raw(study.raw, ids, of_others)
    excluded = [one for one in table.attrs.pop("excluded", ()) if one[2] != _OTHER_CONDITION]
    if rule:
        table.attrs["excluded"] = excluded
    return table


def _without(table: pd.DataFrame, kind: JudgmentKind, left_out: Mapping[str, str]) -> pd.DataFrame:
    """Leave the sessions of some participants out, and note them as excluded.

    Objects and people who are in no row any more are not listed, as if the sessions were not there.
    """
    whose = table["participant"].astype(str).isin(left_out)
    if not whose.any():
        return table
    sessions = table.loc[whose, ["participant", "session"]].drop_duplicates()
    excluded = [
        (str(who), None if pd.isna(session) else str(session), left_out[str(who)])
        for who, session in sessions.itertuples(index=False)
    ]
    kept = table[~whose].reset_index(drop=True)
    items = [item for item in TABLES[kind].items if item in table]
    for name in ("participant", "session", *items):
        kept[name] = kept[name].cat.remove_unused_categories()
    kept.attrs = table.attrs | {"excluded": [*table.attrs.get("excluded", ()), *excluded]}
    return kept


def _write(path: Path, kind: JudgmentKind, tables: list[pd.DataFrame], study: Study) -> None:
    rules = [table.attrs["excluded"] for table in tables if "excluded" in table.attrs]
    applied = None
    if rules:
        left_out = [session for excluded in rules for session in excluded]
        applied = {"exclusion": study.config.exclusion.model_dump(), "excluded": left_out}
    whole = tables[0] if len(tables) == 1 else pd.concat(tables)
    write_frame(path, whole, TABLES[kind], provenance(kind, config=applied))


def _lines(path: Path, kind: JudgmentKind, tables: list[pd.DataFrame]) -> list[str]:
    """Describe what was written: how many judgments, and what is not among them."""
    noun = _NOUNS.get(kind, "judged pair")
    trials = kind in ("arrangements", "sortings")
    number = sum(int(trial_numbers(one).max()) + 1 if trials else len(one) for one in tables)
    late = sum(table.attrs.get("n_without_choice", 0) for table in tables)
    torn = sum(table.attrs.get("n_torn", 0) for table in tables)
    parts = [f"{late} without an answer"] * (late > 0) + [f"{torn} torn by a crash"] * (torn > 0)
    lines = [f"{path}  {counted(number, noun)}"]
    lines[0] += f" (left out: {', '.join(parts)})" if parts else ""
    for table in tables:
        for participant, session, reason in table.attrs.get("excluded", ()):
            who = f"participant {participant}" + (f", session {session}" if session else "")
            lines.append(f"left out by the rule of study.toml: {who} ({reason})")
    return lines
