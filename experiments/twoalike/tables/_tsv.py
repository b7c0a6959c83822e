"""Tables as tab-separated text with a header, as BIDS writes them: no quotes, ``n/a`` for missing.

Read strictly, since a table editor's silent changes (a moved column, an empty cell, a row cut off)
would otherwise surface as a wrong analysis.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from twoalike.study import (
    MISSING,
    Integers,
    TwoalikeError,
    atomic_path,
    read_text,
    require_file,
    shortened,
)
from twoalike.tables._table import LABELS, Fault, Table

if TYPE_CHECKING:
    import pandas as pd


def read_tsv(
    path: Path, what: str, columns: Sequence[str], *, empty: bool = False
) -> "pd.DataFrame":
    """Read a table as strings, in file order, with at least one row unless it may be ``empty``.

    ``columns`` must be there, others are kept; ``what`` the file should be, for messages.
    """
    import pandas as pd

    require_file(path, what)
    lines = read_text(path).split("\n")
    header, *body = (line.removesuffix("\r").split("\t") for line in lines)
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise TwoalikeError(
            f"column {twice!r} appears twice in the header", where=path, remedy="Rename one."
        )
    missing = [name for name in columns if name not in header]
    if missing:
        raise TwoalikeError(
            where=path,
            expected=f"{what} with the column {missing[0]!r}",
            found=f"columns {shortened(', '.join(map(repr, header)), 400)}",
            remedy="Tabs separate columns.",
        )
    rows = [
        _checked_row(row, header, f"{path}: line {number}")
        for number, row in enumerate(body, start=2)
        if row != [""]
    ]
    if not rows and not empty:
        raise TwoalikeError(where=path, expected=what, found="a header and no rows")
    return pd.DataFrame(rows, columns=header, dtype=str)


def _checked_row(row: list[str], header: Sequence[str], where: str) -> list[str]:
    if len(row) != len(header):
        raise TwoalikeError(
            f"{where} has {len(row)} cells, the header has {len(header)}. Tabs separate columns; "
            "a missing value is n/a."
        )
    if "" in row:
        raise TwoalikeError(
            f"{where}: column {header[row.index('')]!r} is empty. Write n/a for a missing value."
        )
    return row


def write_tsv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table, all or nothing; missing values become ``n/a``, line ends are LF."""
    columns = text_columns(table)
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    if any(line.count("\t") >= len(columns) or "\n" in line or "\r" in line for line in lines):
        raise ValueError(f"{path}: a cell holds a tab or a line break.")
    with atomic_path(path) as temporary:
        temporary.write_bytes(("\n".join(["\t".join(table.columns), *lines]) + "\n").encode())


def text_columns(table: "pd.DataFrame") -> dict[str, list[str]]:
    """Cells of a table as text, by column; ``n/a`` for missing values."""
    return {
        str(name): [
            str(cell) if there else MISSING
            for cell, there in zip(column.tolist(), column.notna().tolist(), strict=True)
        ]
        for name, column in table.items()
    }


def parse_text(
    table: Table,
    text: "pd.DataFrame | Mapping[str, Sequence[str]]",
    objects: Collection[str] | None = None,
) -> tuple["pd.DataFrame", list[Fault]]:
    """Parse the cells of a table of strings, each by itself; further columns are passed over.

    ``objects`` are the ids that the columns of items may hold; None: any. Gives values (of dtype
    object), None where one is missing or not allowed, and the faults by row.
    """
    import pandas as pd

    known = None if objects is None else frozenset(objects)
    values: dict[str, Any] = {}
    found: list[Fault] = []
    for column in table.columns:
        cells = list(text[column.name])
        meant: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for cell in set(cells):
            try:
                meant[cell] = column.parse(cell)
            except ValueError:
                meant[cell], wrong[cell] = None, column.expected(cell)
            absent = cell == MISSING and column.missing
            if known is not None and column.name in table.items and not (cell in known or absent):
                wrong[cell] = "an object of the stimulus set"
        values[column.name] = [meant[cell] for cell in cells]
        if wrong:
            found += [
                Fault(row, wrong[cell], repr(cell), column.name)
                for row, cell in enumerate(cells)
                if cell in wrong
            ]
    found.sort(key=lambda fault: fault.row)  # stable: columns stay in their order
    return pd.DataFrame(values, columns=list(table.names), dtype=object), found


def typed(table: Table, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Give parsed columns their types, nullable ones where a value may be missing."""
    plain = {"string": "str", "integer": "int64", "number": "float64", "boolean": "bool"}
    nullable = plain | {"integer": "Int64", "boolean": "boolean"}
    return frame[list(table.names)].astype(
        {one.name: (nullable if one.missing else plain)[one.kind] for one in table.columns}
    )


def check_text(
    table: Table,
    text: "pd.DataFrame",
    where: object,
    *,
    objects: Collection[str] | None = None,
    remedy: str = "",
) -> "pd.DataFrame":
    """Check every cell, row and rule of a table of strings, and give its columns their types.

    ``objects`` are the ids that the columns of items may hold; None: any.
    """
    parsed, found = parse_text(table, text, objects)
    for fault in found:
        raise fault.error(where, remedy)
    frame = typed(table, parsed)
    if (broken := table.broken_rule(frame)) is not None:
        raise broken.error(where, remedy)
    return frame


def read_table(
    path: Path, table: Table, what: str, objects: Collection[str] | None = None
) -> "pd.DataFrame":
    """Read a tab-separated table and check it as :func:`check_text`.

    Columns may be in another order, further ones are passed over.
    """
    return check_text(table, read_tsv(path, what, table.names), path, objects=objects)


type Labels = Mapping[str, Mapping[str, str]]
type LabelSource = str | Path | pd.DataFrame | Labels


def read_labels(
    source: LabelSource | None, files: dict[str, Path] | None = None, role: str = "labels"
) -> Labels:
    """Labels of each level by object id; ``files`` gets the one read, under its role.

    ``source`` is a table with the ids and a column a level, such as ``stimuli.tsv``, or the labels
    themselves.
    """
    import pandas as pd

    if source is None:
        return {}
    if isinstance(source, Mapping):
        return source
    where = "labels"
    if isinstance(source, str | Path):
        if files is not None:
            files[role] = Path(source)
        where = str(source)
        source = read_tsv(Path(source), "labels of objects", LABELS.names)
    table = source.astype(str)
    levels = [name for name in table.columns if name not in {"id", "file", "sha256"}]
    ids = table["id"] if "id" in table else table.index.to_series()
    check_text(LABELS, pd.DataFrame({"id": ids.to_numpy()}), where)
    if not levels:
        raise TwoalikeError(
            where=where,
            expected="an object a line and its labels, a column a level",
            found="no column beside the ids",
        )
    return {level: dict(zip(ids, table[level], strict=True)) for level in levels}


def classes_of(ids: Sequence[str], source: LabelSource | None) -> Integers | None:
    """Class of each object by the last level of labels, or by its folder, (n,); -1 for none.

    None if fewer than two classes have several objects.
    """
    import numpy as np

    if source is None:
        folders = [PurePosixPath(name).parent for name in ids]
        named = ["" if str(folder) == "." else str(folder) for folder in folders]
    else:
        last = list(read_labels(source).values())[-1]
        named = ["" if (label := last.get(name, "")) == "n/a" else label for name in ids]
    names, codes = np.unique(np.array(["", *named]), return_inverse=True)
    classes = codes[1:] - 1
    several = np.bincount(classes[classes >= 0], minlength=len(names)) > 1
    return classes if several.sum() >= 2 else None
