"""Reading raw tables (BIDS ``_beh.tsv``) cell by cell, with complaints that name the cell."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import MISSING, TwoalikeError

_NAME = re.compile(
    r"sub-(?P<participant>[0-9a-zA-Z+]+)(_ses-(?P<session>[0-9a-zA-Z+]+))?"
    r"_task-(?P<task>[0-9a-zA-Z+]+)(_run-[0-9]+)?_beh\.tsv"
)


def raw_tables(raw: Path, task: str) -> list[Path]:
    """Raw tables of a task (its BIDS label) in a data set, in the order of their names."""
    return sorted(
        path
        for path in raw.glob("sub-*/**/beh/*_beh.tsv")
        if (match := _NAME.fullmatch(path.name)) and match["task"] == task
    )


def raw_tasks(raw: Path) -> tuple[str, ...]:
    """Tasks (BIDS labels) of which a data set holds tables, sorted."""
    names = (_NAME.fullmatch(path.name) for path in raw.glob("sub-*/**/beh/*_beh.tsv"))
    return tuple(sorted({match["task"] for match in names if match}))


def whose(path: Path) -> tuple[str, str | None]:
    """Participant and session of a raw table, from its name."""
    match = _NAME.fullmatch(path.name)
    assert match is not None  # raw_tables lists matching names only
    return match["participant"], match["session"]


def read_raw_table(path: Path, needed: Sequence[str]) -> tuple[pd.DataFrame, bool]:
    """Read the rows of a raw table as strings.

    What stands after the last line end is part of a row that a power cut tore: it is passed
    over, since resuming the session shows that trial again.

    Returns
    -------
    The rows; whether a torn one was passed over.

    Raises
    ------
    TwoalikeError
        If the file cannot be read, or a column of ``needed`` is missing.
    """
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a raw table, found a folder. Restore the file.")
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
        raise TwoalikeError(f"{path}: cannot be read as a table ({reason}).") from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise TwoalikeError(f"{path}: column {missing[0]!r} is missing.")
    return table, len(whole) < len(content)


def refuse(path: Path, row: int, column: str, expected: str, found: object) -> None:
    """Raise the complaint about one cell; ``row`` counts from 0."""
    raise TwoalikeError(
        f"{path}: row {row + 1}, column {column!r}: expected {expected}, found {found!r}."
    )


def codes(values: "pd.Series[str]", valid: Sequence[str]) -> npt.NDArray[np.int64]:
    """Positions among ``valid``; -1 where a value is not."""
    return pd.Index(list(valid)).get_indexer(pd.Index(values)).astype(np.int64)


def numbers(values: "pd.Series[str]", path: Path) -> npt.NDArray[np.float64]:
    """Numbers, NaN for n/a."""
    found = pd.to_numeric(values.where(values != MISSING), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(np.isnan(found) & (values != MISSING).to_numpy())
    if len(bad):
        row = int(values.index[bad[0]])
        refuse(path, row, str(values.name), "a number", values.iloc[bad[0]])
    return found


def whole_numbers(values: "pd.Series[str]", path: Path) -> npt.NDArray[np.int64]:
    """Whole numbers from 1."""
    found = numbers(values, path)
    bad = np.flatnonzero(~((found >= 1) & (found % 1 == 0)))
    if len(bad):
        row = int(values.index[bad[0]])
        refuse(path, row, str(values.name), "a whole number from 1", values.iloc[bad[0]])
    return found.astype(np.int64)


def words(values: "pd.Series[str]", valid: Sequence[str], path: Path) -> "pd.Series[str]":
    """Values as they are, all of them among ``valid``."""
    bad = np.flatnonzero(codes(values, valid) < 0)
    if len(bad):
        row = int(values.index[bad[0]])
        expected = f"one of {', '.join(valid)}"
        refuse(path, row, str(values.name), expected, values.iloc[bad[0]])
    return values


def known_order(seen: Sequence[str], objects: Sequence[str] | None, raw: Path) -> list[str]:
    """Objects seen, in the order of ``objects``; in their own where that is None.

    Raises
    ------
    TwoalikeError
        If one is not among ``objects``.
    """
    if objects is None:
        return list(seen)
    unknown = set(seen) - set(objects)
    if unknown:
        raise TwoalikeError(
            f"{raw}: stimulus {min(unknown)!r} was shown but is not one of the "
            f"{len(objects)} stimuli of the manifest."
        )
    return [name for name in objects if name in set(seen)]
