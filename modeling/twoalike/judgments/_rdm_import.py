"""Dissimilarities from elsewhere: matrices (RDMs), and long tables of rated pairs.

A long table is delimited text whose header names ``item_a``, ``item_b`` and ``dissimilarity`` or
``similarity``; ``participant`` is optional, further columns are passed over.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.judgments._dissimilarities import PAIR, dissimilarities_table
from twoalike.judgments._rdm_file import read_matrices
from twoalike.study import TwoalikeError, read_delimited

TEXT = (".csv", ".tsv", ".txt")
LONG, MATRIX = "rating", "rdm"
"""Kind of judgment that a file of this shape holds, unless it is told."""


def import_dissimilarities(
    files: Sequence[Path],
    objects: Sequence[str] | None = None,
    *,
    kind: str | None = None,
    similarity: bool = False,
) -> pd.DataFrame:
    """Read RDMs and tables of rated pairs.

    Parameters
    ----------
    files
        ``.mat``, ``.npy``, ``.npz`` or delimited text: square matrices, stacks of them, upper
        triangles (read row by row, one participant a row), or a long table of pairs. Pairs
        that are missing (NaN) are left out.
    objects
        All object ids, in the order to keep, which is that of unnamed rows; None: those that
        the files name.
    kind
        ``rdm`` or ``rating``; None: matrices are RDMs, long tables ratings.
    similarity
        Whether large values mean alike: each is taken from its participant's largest.

    Returns
    -------
    Table of dissimilarities. Who judged is called as in the file; where it does not say, by the
    file's name and the number of the matrix, or ``unknown`` where there is nobody else.

    Raises
    ------
    TwoalikeError
        If a file is missing or damaged, holds no dissimilarities, names unknown objects or none
        at all, or a value is missing from a long table or negative; or if two files are of one
        participant.
    """
    parts = []
    for path in files:
        read = _read_long if _is_long(path) else _read_matrices
        part = read(path, objects, similarity)
        alone = len(files) == 1 and part["participant"].nunique() <= 1
        name = "unknown" if alone else path.stem
        part["participant"] = [
            who if isinstance(who, str) else name + ("" if alone or not who else f"-{who:02d}")
            for who in part["participant"]
        ]
        part["kind"] = kind or part["kind"]
        parts.append(part)
    _check_apart(files, parts)
    table = pd.concat(parts, ignore_index=True)
    seen = dict.fromkeys(name for part in parts for name in part.attrs["ids"])
    columns = {str(name): table[name].to_numpy() for name in table}
    return dissimilarities_table(columns, objects or list(seen), " ".join(map(str, files)))


def _check_apart(files: Sequence[Path], parts: Sequence[pd.DataFrame]) -> None:
    seen: dict[str, Path] = {}
    for path, part in zip(files, parts, strict=True):
        for who in part["participant"].unique():
            if who in seen:
                raise TwoalikeError(
                    f"{path}: dissimilarities of participant {who!r} stand already in {seen[who]}. "
                    "Give each person's once, or rename the file."
                )
            seen[who] = path


def _is_long(path: Path) -> bool:
    if path.suffix not in TEXT:
        return False
    return bool(set(PAIR) & set(read_delimited(path, "dissimilarities").iloc[0]))


def _read_long(path: Path, objects: Sequence[str] | None, similarity: bool) -> pd.DataFrame:
    """Columns of our table; ``participant`` is 0 where the file has none."""
    cells = read_delimited(path, "dissimilarities")
    rows = cells.iloc[1:].set_axis(cells.iloc[0], axis=1)
    value = "similarity" if similarity else "dissimilarity"
    _check_header(path, list(rows.columns), value)
    names = [*PAIR, *(["participant"] if "participant" in rows else [])]
    _check_names(path, rows[names], objects)
    numbers = pd.to_numeric(rows[value], errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers) | ((numbers < 0) & (not similarity)))
    if len(bad):
        raise TwoalikeError(
            f"{path}: column {value!r}, row {bad[0] + 1}: expected a number"
            f"{'' if similarity else ' from 0 on'}, found {rows[value].iloc[bad[0]]!r}. Correct "
            "it, or leave the row out."
        )
    table = pd.DataFrame({"participant": 0, **{name: rows[name].to_numpy() for name in names}})
    if similarity:
        numbers = pd.Series(numbers).groupby(table["participant"]).transform("max") - numbers
    table["dissimilarity"], table["kind"] = np.asarray(numbers), LONG
    table.attrs["ids"] = list(dict.fromkeys(table[list(PAIR)].to_numpy().ravel()))
    return table


def _check_header(path: Path, header: list[str], value: str) -> None:
    turned = {"similarity", "dissimilarity"} & set(header) and value not in header
    hint = " (--similarity says which of the two the values are)" if turned else ""
    for name in (*PAIR, value, "participant"):
        if header.count(name) != 1 and (name != "participant" or name in header):
            raise TwoalikeError(
                f"{path}: expected one column {name!r}{hint if name == value else ''}, found "
                f"{', '.join(header)}."
            )


def _check_names(path: Path, rows: pd.DataFrame, objects: Sequence[str] | None) -> None:
    for name in rows:
        empty = np.flatnonzero(rows[name] == "")
        if len(empty):
            raise TwoalikeError(
                f"{path}: column {name!r}, row {empty[0] + 1}: expected a name, found an empty "
                "cell. Fill it in, or leave the row out."
            )
    if objects is None:
        return
    for name in PAIR:
        unknown = np.flatnonzero(~rows[name].isin(list(objects)))
        if len(unknown):
            raise TwoalikeError(
                f"{path}: column {name!r}, row {unknown[0] + 1}: "
                f"{rows[name].iloc[unknown[0]]!r} is not one of the {len(objects)} objects."
            )


def _read_matrices(path: Path, objects: Sequence[str] | None, similarity: bool) -> pd.DataFrame:
    """Columns of our table; ``participant`` is the matrix's number where the file has no names."""
    found = read_matrices(path, gaps=True, diagonal=not similarity)
    if objects is not None:
        found = found.select(objects, str(path))
    if found.ids is None:
        raise TwoalikeError(f"{path}: holds no object ids; name their list with --objects.")
    if len(set(found.ids)) < len(found.ids):
        raise TwoalikeError(f"{path}: the object ids are not all different.")
    first, second = np.triu_indices(len(found.ids), 1)
    several = len(found.values) > 1
    parts = []
    for number, matrix in enumerate(found.values, start=1):
        values = matrix[first, second]
        there = np.flatnonzero(~np.isnan(values))
        if not len(there):
            raise TwoalikeError(f"{path}: matrix {number} holds no dissimilarity, only NaN.")
        if not similarity and values[there].min() < 0:
            raise TwoalikeError(
                f"{path}: matrix {number}: expected dissimilarities from 0 on, found "
                f"{values[there].min():g}. Add a constant to all (only differences count), or say "
                "--similarity if they are similarities."
            )
        who = found.participants[number - 1] if found.participants else number * several
        part = {"item_a": first[there], "item_b": second[there], "participant": who}
        turned = values[there].max() - values[there] if similarity else values[there]
        parts.append(pd.DataFrame(part | {"dissimilarity": turned, "kind": MATRIX}))
    table = pd.concat(parts, ignore_index=True)
    for name in PAIR:
        table[name] = np.array(found.ids, dtype=object)[table[name]]
    table.attrs["ids"] = list(found.ids)
    return table
