"""The trial list of a multi-arrangement session: one row an item of a trial.

Any tool may write such a list; reading it checks everything a session relies on. Where the
sets are chosen during the session (lift the weakest), the list holds practice and attention
checks only.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.design._lift import SMALLEST_SET
from twoalike.study import write_json
from twoalike.tables import TRIAL_TYPES, Column, Fault, Table, faults, read_table, typed, write_tsv

ARRANGEMENT_TYPES = {
    "practice": TRIAL_TYPES["practice"],
    "main": TRIAL_TYPES["main"],
    "catch": "attention check: images of one kind, and others far from it",
}
"""Why an arrangement is asked for."""


def _trials_count_up(rows: pd.DataFrame) -> Iterator[Fault]:
    last = 0
    for row, number in enumerate(rows["trial_index"]):
        if number not in (last, last + 1) or number == 0:
            wanted = f"{last} or {last + 1}" if last else "1"
            yield Fault(row, f"{wanted} (trials count up)", repr(str(number)), "trial_index")
        last = number


def _trials_agree(rows: pd.DataFrame) -> Iterator[Fault]:
    for column in ("trial_type", "scheduler"):
        first = rows.groupby("trial_index")[column].transform("first")
        for row in (rows[column] != first).to_numpy().nonzero()[0].tolist():
            wanted = f"{first[row]!r} as in the first row of the trial"
            yield Fault(row, wanted, repr(rows[column][row]), column)


def _practice_first(rows: pd.DataFrame) -> Iterator[Fault]:
    practice = rows["trial_type"] == "practice"
    late = practice & (~practice).cummax()
    expected = "practice before all other trials"
    yield from faults(late.to_numpy(), expected, "trial_type", rows["trial_type"].tolist())


def _objects_once(rows: pd.DataFrame) -> Iterator[Fault]:
    twice = rows.duplicated(["trial_index", "stimulus"]).to_numpy()
    expected = "each object once in a trial"
    yield from faults(twice, expected, "stimulus", rows["stimulus"].tolist())


def _large_enough(rows: pd.DataFrame) -> Iterator[Fault]:
    run = (rows["trial_index"].diff() != 0).cumsum()
    for at in rows.groupby(run).indices.values():
        if len(at) < SMALLEST_SET:
            wanted = f"at least {SMALLEST_SET} rows in the trial that ends here"
            yield Fault(int(at[-1]), wanted, repr(str(len(at))), "trial_index")


ARRANGEMENT_LIST = Table(
    "list of arrangement trials",
    (
        Column(
            "trial_index",
            "integer",
            "Number of the trial in the run, in the order shown.",
            minimum=1,
        ),
        Column("trial_type", "string", "Why the trial was shown.", levels=ARRANGEMENT_TYPES),
        Column("stimulus", "string", "Id of the object placed."),
        Column(
            "scheduler",
            "string",
            "How the images of the trial were chosen (all, lift_weakest, covering, list).",
        ),
    ),
    items=("stimulus",),
    checks=(_trials_count_up, _trials_agree, _practice_first, _objects_once, _large_enough),
)
"""The list of arrangements; the raw table has its columns as well."""
ARRANGEMENT_COLUMNS = ARRANGEMENT_LIST.names
"""Columns of a list, in file order."""


@dataclass(frozen=True)
class ListedArrangement:
    """One trial of a list.

    Attributes
    ----------
    trial_type
        practice, main or catch.
    stimuli
        Ids of the items, in the order to seat them.
    scheduler
        How they were chosen.
    """

    trial_type: str
    stimuli: tuple[str, ...]
    scheduler: str


def arrangement_table(trials: Collection[ListedArrangement]) -> pd.DataFrame:
    """Table of a list, as :func:`read_arrangement_list` returns it."""
    rows = [
        (number, trial.trial_type, name, trial.scheduler)
        for number, trial in enumerate(trials, start=1)
        for name in trial.stimuli
    ]
    return typed(ARRANGEMENT_LIST, pd.DataFrame(rows, columns=list(ARRANGEMENT_COLUMNS)))


def listed_arrangements(table: pd.DataFrame) -> tuple[ListedArrangement, ...]:
    """Trials of a table, in order.

    Examples
    --------
    >>> trial = ListedArrangement("main", ("a", "b", "c"), "list")
    >>> listed_arrangements(arrangement_table([trial])) == (trial,)
    True
    """
    return tuple(
        ListedArrangement(
            str(rows["trial_type"].iloc[0]),
            tuple(rows["stimulus"].tolist()),
            str(rows["scheduler"].iloc[0]),
        )
        for _, rows in table.groupby("trial_index", sort=True)
    )


def write_arrangement_list(path: Path, table: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Write a list, and ``meta`` as JSON beside it, each all or nothing.

    Parameters
    ----------
    path
        File to write (.tsv); the description gets the ending ``.json``.
    table
        As :func:`read_arrangement_list` returns it, with at least one trial.
    meta
        Its :func:`twoalike.study.provenance`.
    """
    # The list comes last: where there is a list, there is its description.
    write_json(path.with_suffix(".json"), dict(meta))
    write_tsv(path, table[list(ARRANGEMENT_COLUMNS)])


def read_arrangement_list(path: Path, ids: Collection[str]) -> pd.DataFrame:
    """Read a list and check it.

    Parameters
    ----------
    path
        Tab-separated; the rows of a trial stand together.
    ids
        Objects that may be shown.

    Returns
    -------
    One row an item: ``trial_index`` (int64: 1, 2, ...), ``trial_type`` (practice, main, catch;
    practice comes first), ``stimulus`` (object id), ``scheduler`` (how the set was chosen).

    Raises
    ------
    TwoalikeError
        If the file is missing or malformed, a value is wrong, or a trial has fewer than three
        items or one twice; the message names file, row and column.
    """
    return read_table(path, ARRANGEMENT_LIST, "a list of arrangement trials", ids)
