"""How far a run is, from what is on the disk."""

import math
from dataclasses import dataclass
from pathlib import Path

from twoalike.record._names import RunName
from twoalike.record._table import TASKS
from twoalike.record._whole import n_partial_rows
from twoalike.record._witness import read_log
from twoalike.study import MISSING, TwoalikeError
from twoalike.tables import Table

_LONGEST_S = 1e7
"""Longer than any session: larger times are damage."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    begun
        Whether there is a raw table.
    n_done
        Trials on the disk.
    time_s
        Last run time in table, events or log; the clock of a resumed run continues from it.
    """

    begun: bool = False
    n_done: int = 0
    time_s: float = 0.0


def whole_rows(path: Path, table: Table) -> list[dict[str, str]]:
    """Rows of a raw table, without an unfinished last line or trial.

    Raises
    ------
    TwoalikeError
        If the header is not the one that this version writes.
    """
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a raw table, found a folder. Restore the file.")
    try:
        first, *lines = path.read_text(encoding="utf-8").split("\n")[:-1] or [""]
    except UnicodeDecodeError as error:
        raise TwoalikeError(
            f"{path}: not UTF-8 text (byte {error.start}). Restore the file."
        ) from error
    table = table.with_columns_of(first)
    if first + "\n" != table.header():
        raise TwoalikeError(
            f"{path}: its header is not this version's. Run: twoalike validate, and start the "
            "next --session."
        )
    cells = [line.split("\t") for line in lines]
    if any(len(row) != len(table.names) for row in cells):
        raise TwoalikeError(f"{path}: a row has too few or too many cells. Run: twoalike validate")
    cells = cells[: len(cells) - n_partial_rows(cells, table)]
    return [dict(zip(table.names, row, strict=True)) for row in cells]


def run_progress(root: Path, name: RunName) -> Progress:
    """Read how far a run is.

    Raises
    ------
    TwoalikeError
        If its tables are not as the writer leaves them.
    """
    tables, path = TASKS[name.task], name.rows(root)
    if not path.exists():
        return Progress()
    done, time_s = 0, 0.0
    for number, row in enumerate(whole_rows(path, tables.trials), start=1):
        if (index := row.get("trial_index")) not in (str(done), str(done + 1)) or index == "0":
            raise TwoalikeError(
                f"{path}: row {number} has trial_index {index!r}, expected {done + 1}. The file "
                "was edited: restore it, or start the next --session."
            )
        done = int(index)
        answered = row["response_time"] != MISSING
        taken = _seconds(path, number, row, "response_time") if answered else 0.0
        time_s = _seconds(path, number, row, "onset") + taken
    events = name.events(root)
    if tables.events is not None and events.exists():
        for number, row in enumerate(whole_rows(events, tables.events), start=1):
            onset, taken = (_seconds(events, number, row, name) for name in ("onset", "duration"))
            time_s = max(time_s, onset + taken)
    # Pages, breaks and an interrupted trial come after the last row.
    noted = [entry.get("time_s") for entry in read_log(name.log(root))]
    times = [time for time in noted if isinstance(time, int | float) and 0 <= time < _LONGEST_S]
    time_s = max([time_s, *times])
    return Progress(True, done, time_s)


def _seconds(path: Path, number: int, row: dict[str, str], column: str) -> float:
    try:
        if math.isfinite(value := float(row[column])):
            return value
    except ValueError:
        pass  # reported below, together with infinity and NaN
    raise TwoalikeError(
        f"{path}: row {number}, column {column}: expected a time in seconds, found "
        f"{row[column]!r}. The file was edited: restore it, or start the next --session."
    )
