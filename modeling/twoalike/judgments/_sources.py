"""Judgments from wherever they are: a study's raw data, a file, or a data frame."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from twoalike.judgments._raw import raw_tasks
from twoalike.judgments._tables import TABLES, JudgmentKind, trial_numbers
from twoalike.study import Study, TwoalikeError, counted, provenance
from twoalike.tables import make_frame, read_frame, write_frame


class ForeignFrame(Protocol):
    """A data frame of another library, such as polars."""

    def to_pandas(self) -> pd.DataFrame:
        """Convert to pandas."""
        ...


type JudgmentTable = str | Path | pd.DataFrame | ForeignFrame
"""Where a table of judgments comes from: a Parquet file, or a frame of pandas or polars."""


def read_judgments(source: JudgmentTable, kind: JudgmentKind = "choices") -> pd.DataFrame:
    """Read and check a table of judgments.

    Parameters
    ----------
    source
        A Parquet file, or a frame of pandas or polars with the columns of
        :func:`~twoalike.judgments.choices_table` (or its like for the kind): items are object ids,
        or numbers of objects from 0. Columns with a default may be left out.
    kind
        What the table holds.

    Returns
    -------
    The tidy table. Objects are in the order of the file's or frame's own list (its categories),
    or else in order of first appearance.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, or a value breaks the schema; the message names row and
        column.
    """
    if isinstance(source, str | Path):
        return read_frame(source, TABLES[kind])
    frame = source if isinstance(source, pd.DataFrame) else source.to_pandas()
    return make_frame(frame, TABLES[kind], kind)


def collect_judgments(
    study: Study | str | Path,
    *,
    allow_problems: bool = False,
    announce: Callable[[str], object] | None = None,
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

    Returns
    -------
    File of each kind of judgments that the study has.

    Raises
    ------
    TwoalikeError
        If the raw data have problems, or there are none.
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
    files: dict[JudgmentKind, Path] = {
        "choices": study.choices,
        "arrangements": study.arrangements,
        "dissimilarities": study.choices.with_name("dissimilarities.parquet"),
    }
    written: dict[JudgmentKind, Path] = {}
    for kind, path in files.items():
        tables = [_of_task(task, study, ids) for task in tasks if task.judgments == kind]
        if tables:
            _write(path, kind, tables, study)
            written[kind] = path
            for line in _lines(path, kind, tables):
                tell(line)
    return written


def _of_task(task: Any, study: Study, ids: Any) -> pd.DataFrame:
    """Judgments of one task, without the sessions that the study's rule leaves out."""
    if task.unusable is None:
        return pd.DataFrame(task.read_raw(study.raw, ids))
    rule = partial(task.unusable, rule=study.config.exclusion)
    return pd.DataFrame(task.read_raw(study.raw, ids, rule))


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
    noun = {"choices": "choice", "arrangements": "arrangement"}.get(kind, "judged pair")
    trials = kind == "arrangements"
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
