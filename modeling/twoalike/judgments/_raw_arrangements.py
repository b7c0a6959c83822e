"""Raw rows of the multi-arrangement task (BIDS ``_beh.tsv``) as a table of arrangements.

The raw table has one row an image of a trial; images that lay outside the arena when the time
was over were not placed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._arrangements import arrangements_table
from twoalike.judgments._raw_table import (
    known_order,
    numbers,
    raw_tables,
    read_raw_table,
    refuse,
    whole_numbers,
    whose,
    words,
)
from twoalike.judgments._schema import TRIAL_TYPES
from twoalike.study import TwoalikeError

TASK = "multiarrangement"
NEEDED = (
    "trial_index",
    "trial_type",
    "n_items",
    "stimulus",
    "x",
    "y",
    "inside",
    "response_time",
)


@dataclass(frozen=True)
class _Run:
    """Rows of one run, and how many things it leaves out."""

    rows: pd.DataFrame
    n_outside: int
    n_alone: int
    torn: bool


def read_raw_arrangements(raw: Path, objects: Sequence[str] | None = None) -> pd.DataFrame:
    """Read all multi-arrangement trials of a BIDS data set.

    Left out, and counted in ``table.attrs``: images outside the arena at the end of a trial
    (``n_outside``), images then alone in their trial (``n_alone``), and a last trial that a
    power cut tore (``n_torn``; resuming the session shows it again). Trials of a further run of
    a session are numbered on from those of the run before.

    Parameters
    ----------
    raw
        Root of the data set (``data/raw`` of a study).
    objects
        All object ids in the order to keep, for instance the stimulus manifest's; only those
        placed are listed in the table. None: order of first appearance.

    Raises
    ------
    TwoalikeError
        If there is no trial, a column is missing, or a value does not fit; the message names
        the file, the row and the column.
    """
    files = raw_tables(raw, TASK)
    if not files:
        raise TwoalikeError(
            f"{raw}: expected multi-arrangement sessions (sub-*/ses-*/beh/*_task-{TASK}*_beh.tsv), "
            "found none. Run one with: twoalike run"
        )
    last: dict[tuple[str, str | None], int] = {}
    runs = []
    for path in files:
        run = _read_run(path, last.get(whose(path), 0))
        if len(run.rows):
            last[whose(path)] = int(run.rows["trial"].max())
        runs.append(run)
    rows = pd.concat([run.rows for run in runs], ignore_index=True)
    if not len(rows):
        raise TwoalikeError(f"{raw}: {len(files)} sessions, but no trial has two images inside.")
    columns = {str(name): rows[name].to_numpy() for name in rows.columns}
    seen = [str(name) for name in pd.unique(rows["item"])]
    table = arrangements_table(columns, known_order(seen, objects, raw), str(raw))
    table.attrs["n_outside"] = sum(run.n_outside for run in runs)
    table.attrs["n_alone"] = sum(run.n_alone for run in runs)
    table.attrs["n_torn"] = sum(run.torn for run in runs)
    return table


def _read_run(path: Path, trials_before: int) -> _Run:
    raw, torn = read_raw_table(path, NEEDED)
    participant, session = whose(path)
    trial = whole_numbers(raw["trial_index"], path)
    whole = _whole_trials(raw, trial, path)
    inside = (words(raw["inside"], ("true", "false"), path) == "true").to_numpy()
    kept = whole & inside
    alone = kept & (np.bincount(trial, kept, minlength=1)[trial] < 2)
    rows = raw[kept & ~alone]
    table = pd.DataFrame(
        {
            "participant": participant,
            "session": session,
            "trial": trial[kept & ~alone] + trials_before,
            "item": rows["stimulus"],
            "x": _coordinates(rows["x"], path),
            "y": _coordinates(rows["y"], path),
            "response_time": numbers(rows["response_time"], path),
            "trial_type": words(rows["trial_type"], TRIAL_TYPES, path),
        }
    )
    n_outside = int((whole & ~inside).sum())
    return _Run(table, n_outside, int(alone.sum()), torn or not bool(whole.all()))


def _whole_trials(
    raw: pd.DataFrame, trial: npt.NDArray[np.int64], path: Path
) -> npt.NDArray[np.bool_]:
    """Which rows belong to a trial all of whose rows are there, shape (n,).

    The rows of a trial are written together, so only the last trial can lack some: those after
    the place where a power cut tore the file.
    """
    if not len(raw):
        return np.zeros(0, dtype=np.bool_)
    expected = whole_numbers(raw["n_items"], path)
    whole = np.asarray(np.bincount(trial)[trial] == expected, dtype=np.bool_)
    bad = np.flatnonzero(~whole & ((trial != trial[-1]) | (np.bincount(trial)[trial] > expected)))
    if len(bad):
        row = int(bad[0])
        found = f"{int((trial == trial[row]).sum())} rows of trial {trial[row]}"
        refuse(path, row, "n_items", f"as many rows as images ({expected[row]})", found)
    return whole


def _coordinates(values: "pd.Series[str]", path: Path) -> npt.NDArray[np.float64]:
    found = numbers(values, path)
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        row = int(values.index[bad[0]])
        refuse(path, row, str(values.name), "a place of an image inside", values.iloc[bad[0]])
    return found
