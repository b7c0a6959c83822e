"""Dissimilarities from elsewhere: matrices (RDMs), and long tables of rated pairs.

Where a file names its objects, or who judged, the names are kept: ``ids`` in an ``.npz``, header
and first column of a text, ``stimuli`` and ``rdmutv_<alias>`` in the MATLAB export of Meadows.

A long table is delimited text whose header names ``item_a``, ``item_b`` and ``dissimilarity`` or
``similarity``; ``participant`` is optional, further columns are ignored.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from twoalike.judgments._import_rated import judged_rows
from twoalike.judgments._sheet import MEDIA, Sheet
from twoalike.judgments._tables import (
    PAIR,
    check_new_table,
    dissimilarities_table,
    object_ids,
    read_judgments,
    write_imported,
)
from twoalike.judgments._views import pair_sources
from twoalike.study import (
    Floats,
    TwoalikeError,
    load_arrays,
    load_mat,
    read_delimited,
    require_file,
)

_TEXT = (".csv", ".tsv", ".txt")
_LONG, _MATRIX = "rating", "rdm"
"""Kind of judgment that a file of this shape holds, unless another is given."""


@dataclass(frozen=True)
class RdmTable:
    """Dissimilarities of the same objects by one or several participants.

    Attributes
    ----------
    values
        Shape (participants, m, m), symmetric, zero diagonal, any positive scale.
    ids
        Object ids in the order of the rows; None where the file holds none.
    participants
        Who judged; None where the file does not say.
    kind
        What the numbers are: ``rdm``, or ``arrangement`` where the file shows where they are from.
    """

    values: Floats
    ids: tuple[str, ...] | None = None
    participants: tuple[str, ...] | None = None
    kind: str = _MATRIX

    def select(self, ids: Sequence[str], where: str) -> "RdmTable":
        """Name the objects, or check that the file and the list agree on them."""
        if len(ids) != self.values.shape[1]:
            raise TwoalikeError(
                f"{where}: dissimilarities of {self.values.shape[1]} objects, the list of objects "
                f"has {len(ids)}. Give the list the matrix was made with."
            )
        if self.ids is None:
            return replace(self, ids=tuple(ids))
        place = {name: row for row, name in enumerate(self.ids)}
        unknown = [name for name in ids if name not in place]
        if unknown:
            raise TwoalikeError(f"{where}: object {unknown[0]!r} of the list is not in the matrix.")
        rows = [place[name] for name in ids]
        return replace(self, values=self.values[:, rows][:, :, rows], ids=tuple(ids))


def _unfold(vectors: Floats) -> Floats | None:
    """Square matrices from upper triangles (k, m(m-1)/2), read row by row; None if none fit."""
    size = int(round((1 + np.sqrt(1 + 8 * vectors.shape[1])) / 2))
    if size < 3 or size * (size - 1) // 2 != vectors.shape[1]:
        return None
    full = np.full((len(vectors), size, size), np.nan)  # a triangle has no diagonal
    rows, columns = np.triu_indices(size, 1)
    full[:, rows, columns] = full[:, columns, rows] = vectors
    return full


def _stack(array: np.ndarray) -> Floats | None:
    """Read an array as RDMs (k, m, m); None if its shape does not fit."""
    if array.dtype.kind not in "fiu" or array.size < 3:
        return None
    values = np.asarray(array, dtype=np.float64)
    if values.ndim == 3 and values.shape[1] == values.shape[2]:
        return values
    if values.ndim == 3 and values.shape[0] == values.shape[1]:
        return np.moveaxis(values, 2, 0)  # MATLAB keeps participants last
    if values.ndim == 2 and values.shape[0] == values.shape[1] and values.shape[0] >= 3:
        return values[None]
    if values.ndim == 1 or (values.ndim == 2 and 1 in values.shape):
        return _unfold(values.reshape(1, -1))
    return _unfold(values) if values.ndim == 2 else None


def _from_meadows(path: Path, content: dict[str, list[np.ndarray]]) -> RdmTable | None:
    lists = {name: value for name, value in content.items() if name.startswith("stimuli")}
    aliases = [name.removeprefix("stimuli") for name in lists]
    if not lists or not all(f"rdmutv{alias}" in content for alias in aliases):
        return None
    named = [
        tuple(str(name).strip() for array in arrays for name in array.ravel())
        for arrays in lists.values()
    ]
    if any(ids != named[0] for ids in named):
        raise TwoalikeError(
            f"{path}: the participants' lists of stimuli differ. Give one file a participant."
        )
    triangles = [content[f"rdmutv{alias}"] for alias in aliases]
    found = [_stack(one[0].ravel()) if len(one) == 1 else None for one in triangles]
    values = [one for one in found if one is not None]
    if len(values) < len(found) or any(one.shape[1] != len(named[0]) for one in values):
        raise TwoalikeError(f"{path}: expected an upper triangle of {len(named[0])} stimuli.")
    short = tuple(MEDIA.sub("", name) for name in named[0])
    ids = short if len(set(short)) == len(short) else named[0]
    people = tuple(alias.strip("_").replace("_", "-") for alias in aliases)
    who = people if all(people) else None
    return RdmTable(np.concatenate(values), ids, who, "arrangement")


def _from_mat(path: Path) -> RdmTable:
    content = load_mat(path, "dissimilarities")
    if table := _from_meadows(path, content):
        return table
    found = {}
    for name, arrays in content.items():
        stacks = [s for s in map(_stack, arrays) if s is not None]
        # A colour or a position also is a short vector of numbers: the largest size is the RDMs'.
        size = max((s.shape[1] for s in stacks), default=0)
        stacks = [s for s in stacks if s.shape[1] == size]
        if stacks:
            found[name] = np.concatenate(stacks)
    if len(found) != 1:
        names = ", ".join(content)
        raise TwoalikeError(
            f"{path}: expected one variable with dissimilarities (square, or upper triangles), "
            f"found {len(found)} among {names or 'no variables'}. Keep one in the file."
        )
    return RdmTable(next(iter(found.values())))


def _from_numpy(path: Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
    loaded = load_arrays(path, "dissimilarities")
    if not isinstance(loaded, dict):
        return loaded, None
    ids = tuple(str(name) for name in loaded["ids"].ravel()) if "ids" in loaded else None
    arrays = [array for name, array in loaded.items() if name not in {"ids", "meta"}]
    if len(arrays) != 1:
        raise TwoalikeError(
            f"{path}: expected one array of dissimilarities beside 'ids', found {len(arrays)}."
        )
    return arrays[0], ids


def _from_text(path: Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Numbers alone, or a square matrix with object ids as header and/or first column."""
    cells = read_delimited(path, "dissimilarities").to_numpy(dtype=str)

    def is_number(cell: str) -> bool:
        try:
            float(cell)
        except ValueError:
            return False
        return True

    has_header = cells.shape[0] > 1 and not all(map(is_number, cells[0, 1:]))
    body = cells[1:] if has_header else cells
    has_names = body.shape[1] > 1 and not all(map(is_number, body[:, 0]))
    names = body[:, 0] if has_names else cells[0] if has_header else None
    body = body[:, 1:] if has_names else body
    try:
        values = body.astype(np.float64)
    except ValueError as error:
        raise TwoalikeError(f"{path}: expected dissimilarities as numbers ({error}).") from error
    square = names is not None and values.shape == (len(names), len(names))
    return values, tuple(map(str, names)) if square and names is not None else None


def _from_pairs(table: pd.DataFrame) -> RdmTable:
    """Matrices of a table of dissimilarities, one per source, NaN where a pair was not judged."""
    sources, ids = pair_sources(table)
    values = np.full((len(sources), len(ids), len(ids)), np.nan)
    for matrix, source in zip(values, sources, strict=True):
        np.fill_diagonal(matrix, 0.0)
        first, second = source.pairs.T
        matrix[first, second] = matrix[second, first] = source.values
    return RdmTable(values, ids, tuple(source.label for source in sources))


def _check(path: Path, matrices: Floats, *, gaps: bool, similarity: bool) -> None:
    itself = np.diagonal(matrices, axis1=1, axis2=2)
    pairs = matrices[:, ~np.eye(matrices.shape[1], dtype=bool)]
    if np.isinf(matrices).any() or (np.isnan(pairs).any() and not gaps):
        raise TwoalikeError(f"{path}: dissimilarities hold NaN or infinite values; fill all pairs.")
    values = np.nan_to_num(matrices)
    scale = float(np.abs(values).max()) or 1.0
    skew = np.abs(values - values.transpose(0, 2, 1))
    if skew.max() > 1e-5 * scale:
        person, row, column = np.unravel_index(int(skew.argmax()), skew.shape)
        raise TwoalikeError(
            f"{path}: matrix {person + 1} is not symmetric, first seen at row {row + 1}, column "
            f"{column + 1}: {values[person, row, column]:g} and {values[person, column, row]:g}."
        )
    if not similarity and np.abs(np.nan_to_num(itself)).max() > 1e-5 * scale:
        raise TwoalikeError(
            where=path,
            expected="dissimilarities (zeros on the diagonal)",
            found="other values there",
            remedy="Convert similarities with `twoalike import rdm` and `similarity=True`.",
        )
    lowest = np.where(np.isnan(pairs), np.inf, pairs).min(axis=1)
    own = itself.max(axis=1)
    if similarity and ((own <= lowest) & (own < np.nan_to_num(pairs).max(axis=1))).any():
        raise TwoalikeError(
            where=path,
            expected="similarities (the largest values on the diagonal)",
            found="the smallest ones there, as in dissimilarities",
            remedy="Leave out `similarity=True`; if no object was compared with itself, set the "
            "diagonal to NaN.",
        )


def read_rdms(
    path: str | Path, objects: Sequence[str] | None = None, *, gaps: bool = False
) -> RdmTable:
    """Read RDMs from ``.mat``, ``.npy``, ``.npz``, delimited text or our table (``.parquet``).

    Square matrices, stacks of them, or upper triangles (row by row, one participant a row).
    ``objects`` are ids in the order of the rows, needed unless the file names them; ``gaps`` allows
    missing pairs (NaN).
    """
    if Path(path).suffix == ".parquet":
        table = _from_pairs(read_judgments(path, "dissimilarities"))
        _check(Path(path), table.values, gaps=gaps, similarity=False)
    else:
        table = _read_matrix_file(Path(path), gaps=gaps)
    if objects is not None:
        return table.select(objects, str(path))
    if table.ids is None:
        raise TwoalikeError(f"{path}: holds no object ids; name their list with `objects=...`.")
    return table


def _read_matrix_file(path: Path, *, gaps: bool = False, similarity: bool = False) -> RdmTable:
    require_file(path, "dissimilarities (.mat, .npy, .npz, .csv, .parquet)")
    if path.suffix == ".mat":
        table = _from_mat(path)
    else:
        raw, ids = _from_numpy(path) if path.suffix in {".npy", ".npz"} else _from_text(path)
        values = _stack(np.asarray(raw))
        if values is None:
            raise TwoalikeError(
                f"{path}: expected square matrices or upper triangles, found numbers of shape "
                f"{np.asarray(raw).shape}."
            )
        table = RdmTable(values, ids)
    if table.ids is not None and len(table.ids) != table.values.shape[1]:
        raise TwoalikeError(
            f"{path}: dissimilarities of {table.values.shape[1]} objects, and {len(table.ids)} "
            "object ids. Save those that belong together."
        )
    _check(path, table.values, gaps=gaps, similarity=similarity)
    blank = np.isnan(table.values) & np.eye(table.values.shape[1], dtype=bool)
    return replace(table, values=np.where(blank, 0.0, table.values))


def import_dissimilarities(
    files: Sequence[str | Path],
    objects: Sequence[str] | str | Path | None = None,
    *,
    kind: Literal["rdm", "arrangement", "rating"] | None = None,
    similarity: bool = False,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read dissimilarities: RDMs, or rated pairs.

    Matrices may be square, stacked, or upper triangles (row by row, one row for each participant);
    Meadows' export is one of these. Pairs that are NaN are left out. A long table of pairs has a
    header with item_a, item_b, dissimilarity (or similarity) and, if several people judged,
    participant.

    Parameters
    ----------
    files
        .mat, .npy, .npz, or text split at tabs, commas, semicolons or spaces.
    objects
        All object ids, one per line, in the order of the matrix; needed if the file does not name
        them.
    kind
        What the numbers are. Use arrangement for RDMs that were computed from arrangements in a
        plane; fits of these have no intervals. If left out, rdm for a matrix, arrangement for one
        of Meadows, and rating for a long table.
    similarity
        The values are similarities (large means alike). Each value is subtracted from the largest
        one of its participant.
    skip_bad
        Leave out, and count, rows of a long table that cannot be judgments: an object twice, an
        unknown object, no value.
    out, overwrite
        As in :func:`import_choices`.

    Returns
    -------
    Table of dissimilarities. Who judged is called as in the file; where it does not say, by the
    file's name and the number of the matrix, or ``unknown`` where there is nobody else.
    """
    target, seen = check_new_table(out, overwrite), dict[str, Path]()
    paths, parts = [Path(file) for file in files], []
    ids, left_out = None if objects is None else object_ids(objects), Counter[str]()
    for path in paths:
        if _is_long(path):
            part = _read_long(path, ids, similarity, skip_bad)
            left_out.update(part.attrs["left_out"])
        else:
            part = _read_matrices(path, ids, similarity)
        alone = len(paths) == 1 and part["participant"].nunique() <= 1
        name = "unknown" if alone else path.stem
        part["participant"] = [
            who if isinstance(who, str) else name + ("" if alone or not who else f"-{who:02d}")
            for who in part["participant"]
        ]
        part["kind"] = kind or part["kind"]
        for who in part["participant"].unique():
            if who in seen:
                raise TwoalikeError(
                    f"{path}: dissimilarities of participant {who!r} are already in {seen[who]}. "
                    "Give each person's once, or rename the file."
                )
            seen[who] = path
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    named = dict.fromkeys(name for part in parts for name in part.attrs["ids"])
    columns = {str(name): table[name].to_numpy() for name in table}
    table = dissimilarities_table(columns, ids or list(named), " ".join(map(str, paths)))
    inputs = {f"file_{number}": path for number, path in enumerate(paths, start=1)}
    config = {"kind": kind, "similarity": similarity, "left_out": dict(left_out)}
    write_imported(target, table, "dissimilarities", inputs, objects, config)
    return table


def _is_long(path: Path) -> bool:
    if path.suffix not in _TEXT:
        return False
    return bool(set(PAIR) & set(read_delimited(path, "dissimilarities").iloc[0]))


def _read_long(
    path: Path, objects: Sequence[str] | None, similarity: bool, skip_bad: bool
) -> pd.DataFrame:
    """Rows of our table; ``participant`` is 0 where the file has none."""
    value = "similarity" if similarity else "dissimilarity"
    sheet = Sheet.of_table(path, ())
    header = sheet.header or ()
    turned = {"similarity", "dissimilarity"} & set(header) and value not in header
    hint = " (`similarity=True` states that larger values mean alike)" if turned else ""
    for name in (*PAIR, value, "participant"):
        if header.count(name) != 1 and (name != "participant" or name in header):
            raise TwoalikeError(
                f"{path}: expected one column {name!r}{hint if name == value else ''}, found "
                f"{', '.join(header)}."
            )
    sheet, ids, left_out = judged_rows(sheet, PAIR, value, objects, skip_bad)
    numbers = sheet.numbers(value)
    bad = np.flatnonzero((numbers < 0) & (not similarity))
    if len(bad):
        raise TwoalikeError(
            where=sheet.where(int(bad[0]), value),
            expected="a number from 0 on",
            found=repr(sheet.text(value).iloc[bad[0]]),
        )
    table = pd.DataFrame({name: sheet.text(name).to_numpy() for name in PAIR})
    table["participant"] = sheet.filled("participant").to_numpy() if "participant" in header else 0
    if similarity:
        most = pd.Series(numbers).groupby(table["participant"]).transform("max")
        numbers = most.to_numpy() - numbers
    table["dissimilarity"], table["kind"] = numbers, _LONG
    table.attrs |= {"ids": list(ids), "left_out": left_out}
    return table


def _read_matrices(path: Path, objects: Sequence[str] | None, similarity: bool) -> pd.DataFrame:
    """Rows of our table; ``participant`` is the matrix's number where the file has no names."""
    found = _read_matrix_file(path, gaps=True, similarity=similarity)
    if objects is not None:
        found = found.select(objects, str(path))
    if found.ids is None:
        raise TwoalikeError(f"{path}: holds no object ids; name their list with `objects=...`.")
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
                "`similarity=True` if they are similarities."
            )
        who = found.participants[number - 1] if found.participants else number * several
        part = {"item_a": first[there], "item_b": second[there], "participant": who}
        turned = values[there].max() - values[there] if similarity else values[there]
        parts.append(pd.DataFrame(part | {"dissimilarity": turned, "kind": found.kind}))
    table = pd.concat(parts, ignore_index=True)
    for name in PAIR:
        table[name] = np.array(found.ids, dtype=object)[table[name]]
    table.attrs["ids"] = list(found.ids)
    return table
