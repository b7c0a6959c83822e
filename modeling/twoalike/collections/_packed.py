"""Images in files that hold many: tar shards, folders of Hugging Face's ``datasets``, Parquet.

Tar shards are in WebDataset's layout: ``key.jpg`` beside ``key.cls``, ``key.json`` and the like.
Their headers are read once, for the place of each image, so that any image can be read by number;
WebDataset's own reader goes through a shard in order and cannot continue where it stopped.

A table's column of images holds the bytes of a file, alone or beside its path (``bytes``,
``path``), as ``datasets`` and the hub's viewer have it. A folder that ``save_to_disk`` wrote is
mapped into memory, so that reading an image costs its bytes. Parquet is read by row groups: small
ones (100 rows, as the hub writes images) suit a random order.
"""

import ntpath
import posixpath
import tarfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.collections._collection import Collection, Store, checked_ids
from twoalike.stimuli import SUFFIXES, read_picture
from twoalike.study import (
    DAMAGED,
    TwoalikeError,
    parse_json_table,
    progress,
    read_text,
    shortened,
)

STATE, SPLITS = "state.json", "dataset_dict.json"
"""Files of a folder by ``datasets`` that name the files of its table, and its splits."""
ID_COLUMNS = ("id", "ids", "image_id", "key", "__key__", "filename", "file_name", "name")
GROUPS = 4
"""Row groups that a process keeps."""


@dataclass(frozen=True, eq=False)
class TarShards(Store):
    """Images of tar files by number."""

    paths: Sequence[str]  # the shards
    members: Sequence[str]  # name of each image within its shard
    # Where it is: number of the shard, and bytes in it, each of shape (n,)
    shards: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def name(self, row: int) -> str:
        return f"{self.paths[int(self.shards[row])]}: {self.members[row]}"

    def picture(self, row: int) -> Image.Image:
        return read_picture(self._content(row), self.name(row))

    def _content(self, row: int) -> bytes:
        size = int(self.sizes[row])
        try:
            # Unbuffered: an image is read at once, and the next is elsewhere.
            with open(self.paths[int(self.shards[row])], "rb", buffering=0) as file:
                file.seek(int(self.offsets[row]))
                content: bytes = file.read(size)
        except OSError as error:
            raise TwoalikeError(f"cannot be read ({error})", where=self.name(row)) from error
        if len(content) < size:
            raise TwoalikeError(
                where=self.name(row),
                expected=f"{size:,} bytes",
                found=f"{len(content):,}: the shard is cut off",
                remedy="Get it again.",
            )
        return content


def open_tars(where: Path, paths: Sequence[Path]) -> Collection:
    """Images of tar shards, in the order of the shards and of the members within.

    An image's id is its key, the member's name up to the first dot of its last part; if shards
    share keys, the shard's name stands before all of them (``train-0001/000017``).
    """
    store = _listed(paths)
    ids = checked_ids(_keys(store), where)
    return Collection(where, ids, store.sizes, store, np.arange(len(ids)))


def _listed(paths: Sequence[Path]) -> TarShards:
    names: list[str] = []
    places = array("q")
    with progress() as bar:
        task = bar.add_task("listing shards", total=len(paths), status="")
        for number, path in enumerate(paths):
            for member in _images(path):
                names.append(member.name)
                places.extend((number, member.offset_data, member.size))
            bar.update(task, advance=1)
    found = np.array(places, np.int64).reshape(-1, 3)
    shards, offsets, sizes = (np.ascontiguousarray(column) for column in found.T)
    return TarShards(tuple(map(str, paths)), tuple(names), shards, offsets, sizes)


def _images(path: Path) -> Iterator[tarfile.TarInfo]:
    """Image members of a shard, one a key."""
    keys: set[str] = set()
    try:
        # Without a buffer: between two headers lies an image, which is not read.
        with path.open("rb", buffering=0) as file, tarfile.open(fileobj=file, mode="r:") as shard:
            while (member := shard.next()) is not None:
                shard.members.clear()  # type: ignore[attr-defined]  # it keeps all that it has seen
                parts = PurePosixPath(member.name).parts
                _, dot, ending = parts[-1].partition(".") if parts else ("", "", "")
                is_hidden = any(part.startswith(".") and part != ".." for part in parts)
                if is_hidden or member.isdir() or dot + ending.lower() not in SUFFIXES["image"]:
                    continue
                if not member.isreg() or member.issparse():
                    raise TwoalikeError(
                        where=f"{path}: {member.name}",
                        expected="an image's bytes",
                        found="a link, or a file with holes",
                        remedy="Make the shard of the files themselves.",
                    )
                if (key := _key(member.name)) in keys:
                    raise TwoalikeError(
                        f"has two images of the key {key!r}",
                        where=path,
                        remedy="Keep one of them.",
                    )
                keys.add(key)
                yield member
            _check_end(file, shard.offset)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TwoalikeError(
            f"cannot be read as an uncompressed tar file ({shortened(error)})",
            where=path,
            remedy="Unpack it if it is compressed, since images are read from its middle; get it "
            "again if it is damaged.",
        ) from error


def _check_end(file: IO[bytes], end: int) -> None:
    """Check that there are zeros where headers end: tarfile ends at any damage as well."""
    file.seek(end)
    start = file.read(tarfile.BLOCKSIZE)
    if len(start) < tarfile.BLOCKSIZE or any(start):
        raise tarfile.ReadError(f"cut off or damaged at byte {end:,}")
    while block := file.read(2**20):
        if any(block):
            raise tarfile.ReadError(f"there is more after its end at byte {end:,}")


def _key(member: str) -> str:
    """Name of a member up to the first dot of its last part, as in WebDataset."""
    folder, slash, last = member.removeprefix("./").rpartition("/")
    return f"{folder}{slash}{last.partition('.')[0]}"


def _keys(store: TarShards) -> list[str]:
    """Keys of the images, with their shards' names if several shards have one."""
    keys = [_key(name) for name in store.members]
    if len(set(keys)) < len(keys):
        stems = [Path(path).stem for path in store.paths]
        keys = [f"{stems[shard]}/{key}" for shard, key in zip(store.shards, keys, strict=True)]
    return keys


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
    sizes = np.concatenate([_sizes(_bytes_of(table.column(column))) for table in tables])
    named = [(path.stem, table) for path, table in zip(files, tables, strict=True)]
    parts = [(number, -1, 0) for number in range(len(files))]
    return _of_cells(folder, files, column, list(map(len, tables)), parts, sizes, named)


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
    return _of_cells(where, paths, column, rows, groups, np.array(sizes, np.int64), tables)


def _of_cells(
    where: Path,
    paths: Sequence[Path],
    column: str,
    rows: Sequence[int],
    parts: Sequence[tuple[int, int, int]],
    sizes: npt.NDArray[np.int64],
    tables: Sequence[tuple[str, Any]],
) -> Collection:
    """Images of the cells of tables, whose parts have so many rows each."""
    ids = _ids(tables, column, where)
    starts, places = np.cumsum([0, *rows]), np.array(parts, np.int64).reshape(-1, 3)
    store = Cells(tuple(map(str, paths)), column, starts, places)
    return Collection(where, ids, sizes, store, np.arange(len(ids)))


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
