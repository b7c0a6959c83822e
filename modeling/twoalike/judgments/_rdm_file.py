"""Reading representational dissimilarity matrices (RDMs) from the formats labs keep them in.

Where the file names its objects, or whose dissimilarities it holds, the names are kept: ``ids`` in
an ``.npz``, header and first column of a text, ``stimuli`` and ``rdmutv_<alias>`` in the MATLAB
export of Meadows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.judgments._mat import MatValue, read_mat
from twoalike.judgments._meadows import MEDIA
from twoalike.study import TwoalikeError, load_arrays, read_delimited, require_file


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
    """

    values: npt.NDArray[np.float64]
    ids: tuple[str, ...] | None = None
    participants: tuple[str, ...] | None = None

    def select(self, ids: Sequence[str], where: str) -> "RdmTable":
        """Name the objects, or check that the file and the list agree on them.

        Raises
        ------
        TwoalikeError
            If their number differs, or the file names other objects.
        """
        if len(ids) != self.values.shape[1]:
            raise TwoalikeError(
                f"{where}: dissimilarities of {self.values.shape[1]} objects, the list of objects "
                f"has {len(ids)}. Give the list the matrix was made with."
            )
        if self.ids is None:
            return RdmTable(self.values, tuple(ids), self.participants)
        place = {name: row for row, name in enumerate(self.ids)}
        unknown = [name for name in ids if name not in place]
        if unknown:
            raise TwoalikeError(f"{where}: object {unknown[0]!r} of the list is not in the matrix.")
        rows = [place[name] for name in ids]
        return RdmTable(self.values[:, rows][:, :, rows], tuple(ids), self.participants)


def _unfold(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Square matrices from upper triangles (k, m(m-1)/2), read row by row; None if none fit."""
    size = int(round((1 + np.sqrt(1 + 8 * vectors.shape[1])) / 2))
    if size < 3 or size * (size - 1) // 2 != vectors.shape[1]:
        return None
    full = np.zeros((len(vectors), size, size))
    rows, columns = np.triu_indices(size, 1)
    full[:, rows, columns] = full[:, columns, rows] = vectors
    return full


def _stack(array: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    """Read an array as RDMs (k, m, m), or None if its shape is that of none."""
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


def _arrays(value: MatValue) -> Iterator[npt.NDArray[Any]]:
    """All arrays inside a MATLAB variable: in struct fields and cells as well."""
    if isinstance(value, list):
        for item in value:
            yield from _arrays(item)
    elif value is not None:
        yield value


def _from_meadows(path: Path, content: dict[str, MatValue]) -> RdmTable | None:
    """Read the platform's export: ``stimuli`` and ``rdmutv``, or both once a participant."""
    lists = {name: value for name, value in content.items() if name.startswith("stimuli")}
    aliases = [name.removeprefix("stimuli") for name in lists]
    if not lists or not all(f"rdmutv{alias}" in content for alias in aliases):
        return None
    named = [
        tuple(str(name).strip() for array in _arrays(value) for name in array.ravel())
        for value in lists.values()
    ]
    if any(ids != named[0] for ids in named):
        raise TwoalikeError(
            f"{path}: the participants' lists of stimuli differ. Give one file a participant."
        )
    triangles = [list(_arrays(content[f"rdmutv{alias}"])) for alias in aliases]
    found = [_stack(one[0].ravel()) if len(one) == 1 else None for one in triangles]
    values = [one for one in found if one is not None]
    if len(values) < len(found) or any(one.shape[1] != len(named[0]) for one in values):
        raise TwoalikeError(f"{path}: expected an upper triangle of {len(named[0])} stimuli.")
    short = tuple(MEDIA.sub("", name) for name in named[0])
    ids = short if len(set(short)) == len(short) else named[0]
    people = tuple(alias.strip("_").replace("_", "-") for alias in aliases)
    return RdmTable(np.concatenate(values), ids, people if all(people) else None)


def _from_mat(path: Path) -> RdmTable:
    content = read_mat(path)
    if table := _from_meadows(path, content):
        return table
    found = {}
    for name, value in content.items():
        stacks = [s for s in map(_stack, _arrays(value)) if s is not None]
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


def _from_numpy(path: Path) -> tuple[npt.NDArray[Any], tuple[str, ...] | None]:
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


def _from_text(path: Path) -> tuple[npt.NDArray[Any], tuple[str, ...] | None]:
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


def _check(path: Path, values: npt.NDArray[np.float64], *, gaps: bool, diagonal: bool) -> None:
    if np.isinf(values).any() or (np.isnan(values).any() and not gaps):
        raise TwoalikeError(f"{path}: dissimilarities hold NaN or infinite values; fill all pairs.")
    values = np.nan_to_num(values)
    scale = float(np.abs(values).max()) or 1.0
    skew = np.abs(values - values.transpose(0, 2, 1))
    if skew.max() > 1e-5 * scale:
        person, row, column = np.unravel_index(int(skew.argmax()), skew.shape)
        raise TwoalikeError(
            f"{path}: matrix {person + 1} is not symmetric, first seen at row {row + 1}, column "
            f"{column + 1}: {values[person, row, column]:g} and {values[person, column, row]:g}."
        )
    if diagonal and np.abs(np.diagonal(values, axis1=1, axis2=2)).max() > 1e-5 * scale:
        raise TwoalikeError(
            f"{path}: expected dissimilarities (zeros on the diagonal); subtract similarities "
            "from their maximum."
        )


def read_rdms(path: Path, ids: Sequence[str] | None = None, *, gaps: bool = False) -> RdmTable:
    """Read RDMs from ``.mat``, ``.npy``, ``.npz`` or delimited text.

    Square matrices, stacks of them, or upper triangles (row by row, one participant a row).

    Parameters
    ----------
    path
        The file.
    ids
        Object ids in the order of its rows; needed unless the file names them.
    gaps
        Whether pairs may be missing (NaN).

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, holds no such matrix, a matrix is not symmetric or its
        diagonal not zero, a pair is missing that may not be, or the objects are unknown or do
        not fit.
    """
    table = read_matrices(path, gaps=gaps)
    if ids is not None:
        return table.select(ids, str(path))
    if table.ids is None:
        raise TwoalikeError(f"{path}: holds no object ids; name their list with --objects.")
    return table


def read_matrices(path: Path, *, gaps: bool = False, diagonal: bool = True) -> RdmTable:
    """Read matrices of all pairs, with the names the file holds.

    Parameters
    ----------
    path
        The file, as in :func:`read_rdms`.
    gaps
        Whether pairs may be missing (NaN).
    diagonal
        Whether the diagonal must be zero; similarities have something else there.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, holds no such matrix, or a matrix breaks the rules.
    """
    require_file(path, "dissimilarities (.mat, .npy, .npz, .csv)")
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
    _check(path, table.values, gaps=gaps, diagonal=diagonal)
    return table
