"""Images inside tables: folders of Hugging Face's ``datasets``, and Parquet files.

A column of images holds the bytes of a file, alone or beside its path (``bytes``, ``path``), as
``datasets`` and the hub's viewer have it. A folder that ``save_to_disk`` wrote is mapped into
memory, so that reading an image costs its bytes. Parquet is read by row groups: small ones (100
rows, as the hub writes images) suit a random order.
"""

import ntpath
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.collections._collection import Collection, Store, checked_ids
from twoalike.stimuli import read_picture
from twoalike.study import DAMAGED, TwoalikeError, parse_json_table, read_text, shortened

STATE, SPLITS = "state.json", "dataset_dict.json"
"""Files of a folder by ``datasets`` that name the files of its table, and its splits."""
ID_COLUMNS = ("id", "ids", "image_id", "key", "__key__", "filename", "file_name", "name")
GROUPS = 4
"""Row groups that a process keeps."""


@dataclass(frozen=True, eq=False)
class Cells(Store):
    """Cells of a table's column of images by number, in parts that are opened when needed."""

    paths: Sequence[str]  # files of the table
    column: str  # column of images
    # First row of each part, and after them the number of rows, shape (parts + 1,)
    starts: npt.NDArray[np.int64]
    # File of each part, its row group (-1: all of a file of Arrow, which is mapped), and its
    # first row in the file, shape (parts, 3)
    parts: npt.NDArray[np.int64]

    def name(self, row: int) -> str:
        """File and row, from 1."""
        part = self._part_of(row)
        file, _, first = self.parts[part].tolist()
        return f"{self.paths[file]}: row {first + row - int(self.starts[part]) + 1}"

    def picture(self, row: int) -> Image.Image:
        """Image of a row."""
        part = self._part_of(row)
        file, group, _ = self.parts[part].tolist()
        try:
            read = _mapped_cells if group < 0 else _group_cells
            cell = read(self.paths[file], self.column, group)[row - int(self.starts[part])]
        except DAMAGED as error:
            raise TwoalikeError(
                f"cannot be read ({shortened(error)})", where=self.name(row)
            ) from error
        if not cell.is_valid:
            raise TwoalikeError(
                where=self.name(row),
                expected=f"an image's bytes in column {self.column}",
                found="none",
                remedy="Save the table with its images inside.",
            )
        return read_picture(cell.as_py(), self.name(row))

    def _part_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1


@cache
def _mapped_cells(path: str, column: str, _group: int) -> Any:
    """Bytes of a column of a file of Arrow, which is mapped and takes no memory."""
    return _bytes_of(_mapped(Path(path)).column(column))


@lru_cache(maxsize=GROUPS)
def _group_cells(path: str, column: str, group: int) -> Any:
    """Bytes of a column of a row group."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return _bytes_of(file.read_row_group(group, columns=[column]).column(0))


def open_arrow(folder: Path) -> Collection:
    """Images of a folder that ``datasets`` wrote with ``save_to_disk``."""
    state = parse_json_table(read_text(folder / STATE), folder / STATE)
    try:
        files = [folder / str(part["filename"]) for part in state["_data_files"]]
    except (KeyError, TypeError):
        files = []
    if not files:
        raise TwoalikeError(
            where=folder / STATE,
            expected="_data_files, the files of a table that `datasets` saved",
            found="none",
            remedy="Save the dataset again; in a folder of images, remove this file.",
        )
    tables, column = [_mapped(path) for path in files], ""
    for path, table in zip(files, tables, strict=True):
        column = _image_column(table.schema, path, column)
    starts = np.cumsum([0, *(len(table) for table in tables)])
    sizes = np.concatenate([_sizes(_bytes_of(table.column(column))) for table in tables])
    named = [(path.stem, table) for path, table in zip(files, tables, strict=True)]
    ids = _ids(named, column, folder)
    parts = np.array([(number, -1, 0) for number in range(len(files))], np.int64)
    store = Cells(tuple(map(str, files)), column, starts, parts)
    return Collection(folder, ids, sizes, store, np.arange(len(ids)))


def open_parquet(where: Path, paths: Sequence[Path]) -> Collection:
    """Images of Parquet files, in order.

    An image's size is not known without reading it: the bytes of its row group stand for it.
    """
    import pyarrow.parquet as pq

    column, rows, groups, sizes, tables = "", [], [], [], []
    for number, path in enumerate(paths):
        try:
            with pq.ParquetFile(path) as file:
                column = _image_column(file.schema_arrow, path, column)
                first = 0
                for group in range(file.num_row_groups):
                    about = file.metadata.row_group(group)
                    rows.append(about.num_rows)
                    groups.append((number, group, first))
                    sizes += [about.total_byte_size] * about.num_rows
                    first += about.num_rows
                leaves = [name for name in ID_COLUMNS if name in file.schema_arrow.names]
                tables.append((path.stem, file.read(columns=[f"{column}.path", *leaves])))
        except DAMAGED as error:
            raise TwoalikeError(
                f"cannot be read as Parquet ({shortened(error)})",
                where=path,
                remedy="Get it again.",
            ) from error
    starts = np.cumsum([0, *rows])
    ids = _ids(tables, column, where)
    parts = np.array(groups, np.int64).reshape(-1, 3)
    store = Cells(tuple(map(str, paths)), column, starts, parts)
    return Collection(where, ids, np.array(sizes, np.int64), store, np.arange(len(ids)))


def split_folders(folder: Path) -> list[str]:
    """Name the splits of a dictionary of datasets."""
    content = parse_json_table(read_text(folder / SPLITS), folder / SPLITS)
    splits = content.get("splits")
    return list(map(str, splits)) if isinstance(splits, list) else []


def _mapped(path: Path) -> Any:
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise TwoalikeError(
            f"cannot be read as a table of datasets ({shortened(error)})",
            where=path,
            remedy="Save the dataset again.",
        ) from error


def _image_column(schema: Any, where: Path, known: str) -> str:
    """Find the column of images: bytes, alone or with a path beside; ``known`` if that is given."""
    import pyarrow as pa

    def is_binary(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def holds(kind: Any) -> bool:
        inside = {part.name: part.type for part in kind} if pa.types.is_struct(kind) else {}
        return is_binary(kind) or ("bytes" in inside and is_binary(inside["bytes"]))

    possible = [field.name for field in schema if holds(field.type)]
    found = [name for name in possible if name == (known or "image")]
    if not known and len(possible) == 1:
        found = possible
    if len(found) != 1:
        shown = "; ".join(f"{field.name} ({field.type})" for field in schema)
        raise TwoalikeError(
            where=where,
            expected=f"one column {known or 'of images'} (bytes, or bytes and path)",
            found=shortened(", ".join(possible) or f"none among {shown}"),
            remedy="Call it image if there are several, and keep other tables elsewhere.",
        )
    return str(found[0])


def _bytes_of(column: Any) -> Any:
    """Bytes of a column of images, one Arrow array or chunks of one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_struct = pa.types.is_struct(column.type)
    return pc.struct_field(column, "bytes") if is_struct else column


def _sizes(cells: Any) -> npt.NDArray[np.int64]:
    import pyarrow.compute as pc

    lengths: npt.NDArray[np.int64] = pc.binary_length(cells).fill_null(0).to_numpy()
    return lengths.astype(np.int64)


def _ids(tables: Sequence[tuple[str, Any]], column: str, where: Path) -> tuple[str, ...]:
    """Choose ids: the images' paths, a column of ids, or else file and row (from 0)."""
    for names in (_paths(tables, column), *(_texts(tables, name) for name in ID_COLUMNS)):
        if names is not None and len(set(names)) == len(names):
            return checked_ids(names, where)
    rows = [f"{stem}/{row:07d}" for stem, table in tables for row in range(len(table))]
    return checked_ids(rows, where)


def _paths(tables: Sequence[tuple[str, Any]], column: str) -> list[str] | None:
    """Paths of all images without endings; None if one has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    paths: list[str | None] = []
    for _, table in tables:
        kind = table.schema.field(column).type if column in table.column_names else None
        if kind is None or not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
            return None
        paths += pc.struct_field(table.column(column), "path").to_pylist()
    return [_without_ending(path) for path in paths if path] if all(paths) else None


def _without_ending(path: str) -> str:
    """Path without its ending; of one on somebody's machine the name alone."""
    if posixpath.isabs(path) or ntpath.isabs(path):
        path = ntpath.basename(path)
    return posixpath.splitext(path.removeprefix("./"))[0]


def _texts(tables: Sequence[tuple[str, Any]], name: str) -> list[str] | None:
    """Values of a column of names or whole numbers; None if a table lacks it or it has gaps."""
    import pyarrow as pa

    values: list[str] = []
    for _, table in tables:
        if name not in table.column_names:
            return None
        column = table.column(name)
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        known = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if column.null_count or not (known or pa.types.is_integer(kind)):
            return None
        values += map(str, column.to_pylist())
    return values
