"""A study's raw data as tidy tables in ``derived/``, one a kind of judgments."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.judgments._raw import raw_tasks
from twoalike.judgments._tables import TABLES, JudgmentKind, trial_numbers
from twoalike.study import Study, TwoalikeError, counted, provenance
from twoalike.tables import BY_CONDITION, write_frame

_NOUNS = {
    "choices": "choice",
    "arrangements": "arrangement",
    "ratings": "rating",
    "sortings": "sorting",
}


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
    from twoalike.record import check_raw, wrong_items
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
    rule, wrong = study.config.exclusion, wrong_items(study.raw)
    failed = {whose: why for whose, n in wrong.items() if (why := rule.of_items(n))}
    reasons: dict[Any, str] = {**(left_out or {}), **failed}
    ids = StimulusSet.load(study.stimuli, verify=False).ids
    if condition is not None:
        tasks = _tasks_in(study, tasks, condition)
    files = {kind: study.derived / f"{kind}.parquet" for kind in TABLES}
    if condition is not None:
        files = {kind: path.with_stem(f"{path.stem}_{condition}") for kind, path in files.items()}
    written: dict[JudgmentKind, Path] = {}
    for kind, path in files.items():
        tables = [
            _without(_of_task(task, study, ids, condition), kind, reasons)
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


def _without(table: pd.DataFrame, kind: JudgmentKind, left_out: Mapping[Any, str]) -> pd.DataFrame:
    """Leave participants, and sessions as (participant, session), out, and note them as excluded.

    Objects and people who are in no row any more are not listed, as if the sessions were not there.
    """
    people = table["participant"].astype(str)
    named = pd.MultiIndex.from_arrays([people, table["session"].astype(object)])
    whose = people.isin(left_out) | named.isin([one for one in left_out if isinstance(one, tuple)])
    if not whose.any():
        return table
    excluded = [
        (who, None if pd.isna(one) else str(one), left_out.get(who) or left_out[who, one])
        for who, one in named[whose].unique()
    ]
    kept = table[~whose].reset_index(drop=True)
    if not len(kept):
        raise TwoalikeError(
            f"the exclusion rule of study.toml leaves out all {kind} ({excluded[0][2]})",
            remedy="Look at the data, or at [exclusion].",
        )
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
