"""Tab-separated tables with a header, as BIDS writes them: no quotes, ``n/a`` for missing.

Read strictly and as strings, since a table editor's silent changes (a moved column, an empty
cell, a row cut off) would otherwise surface as a wrong analysis.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from twoalike.study import MISSING, TwoalikeError, atomic_path, read_text, require_file, shortened


def read_tsv(path: Path, what: str, columns: Sequence[str], *, empty: bool = False) -> pd.DataFrame:
    """Read a table as strings, in file order.

    Parameters
    ----------
    path
        The file.
    what
        What the file should be, for messages.
    columns
        Columns that must be there; others are kept.
    empty
        Whether a table may have no rows.

    Returns
    -------
    Table of strings, with at least one row unless it may be ``empty``.

    Raises
    ------
    TwoalikeError
        If the file is missing, empty or not UTF-8, lacks a column or has one twice, has no
        rows, or a row has too few or too many cells or an empty one.
    """
    require_file(path, what)
    lines = read_text(path).split("\n")
    header, *body = (line.removesuffix("\r").split("\t") for line in lines)
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise TwoalikeError(f"{path}: column {twice!r} stands twice in the header. Rename one.")
    missing = [name for name in columns if name not in header]
    if missing:
        raise TwoalikeError(
            f"{path}: expected {what} with the column {missing[0]!r}, found columns "
            f"{shortened(', '.join(map(repr, header)), 400)}. Tabs separate columns."
        )
    rows = []
    for number, row in enumerate(body, start=2):
        if row == [""]:
            continue
        if len(row) != len(header):
            raise TwoalikeError(
                f"{path}: line {number} has {len(row)} cells, the header has {len(header)}. "
                "Tabs separate columns; a missing value is n/a."
            )
        if "" in row:
            raise TwoalikeError(
                f"{path}: line {number}: column {header[row.index('')]!r} is empty. "
                "Write n/a for a missing value."
            )
        rows.append(row)
    if not rows and not empty:
        raise TwoalikeError(f"{path}: expected {what}, found a header and no rows.")
    return pd.DataFrame(rows, columns=header, dtype=str)


def write_tsv(path: Path, table: pd.DataFrame) -> None:
    """Write a table, all or nothing; missing values become ``n/a``, line ends are LF.

    Raises
    ------
    ValueError
        If a cell holds a tab or a line break, which the format cannot say.
    """
    cells = table.astype(object).where(table.notna(), MISSING).astype(str)
    if cells.map(lambda cell: any(mark in cell for mark in "\t\n\r")).to_numpy().any():
        raise ValueError(f"{path}: a cell holds a tab or a line break.")
    lines = ["\t".join(cells.columns), *("\t".join(row) for row in cells.to_numpy())]
    with atomic_path(path) as temporary:
        temporary.write_bytes(("\n".join(lines) + "\n").encode())
