"""What holds images: a folder, tar shards, tables with images in them, or objects of Python."""

import hashlib
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from twoalike.collections._collection import Collection, Store, checked_ids
from twoalike.collections._packed import (
    ID_COLUMNS,
    SPLITS,
    STATE,
    open_arrow,
    open_parquet,
    open_tars,
    split_folders,
)
from twoalike.stimuli import MANIFEST, SUFFIXES, find_images, read_picture
from twoalike.study import TwoalikeError, shortened

PACKED = {".tar": open_tars, ".parquet": open_parquet}
"""Readers of files that hold many images, by ending."""
COMPRESSED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")
"""Endings of tar shards that cannot be read by number."""
type Images = str | Path | Collection | Mapping[str, Any] | Sequence[Any] | Any
"""What :func:`as_collection` takes: a path, PIL images or files, or a dataset of them."""
_KINDS = "a folder of images, tar shards or Parquet files, or one that `datasets` saved"
_GIVEN = "`images=...`"


def open_collection(path: str | Path) -> Collection:
    """List the images of a folder or file, without reading one.

    ==============================  =====================================================
    path                            ids
    ==============================  =====================================================
    folder of images, also a tree   relative paths without endings, or those of a manifest
                                    (:func:`twoalike.stimuli.find_images`)
    folder of tar shards, or one    WebDataset's keys
    folder that Hugging Face's      paths of the images without endings if they have some,
    ``datasets`` saved              else a column of ids (``id``, ``image_id``, ``key``,
                                    ``filename``, ``name``), else file and row
    folder of Parquet, or a file    the same
    ==============================  =====================================================

    Paths and columns that name two images alike are passed over.
    """
    found = _open(Path(path))
    if not len(found):
        endings = ", ".join(sorted(SUFFIXES["image"]))
        raise TwoalikeError(where=path, expected=f"images ({endings})", found="none")
    return found


def _open(path: Path) -> Collection:
    if path.is_file():
        _check_uncompressed([path])
        if (read := PACKED.get(path.suffix.lower())) is not None:
            return read(path, [path])
        raise TwoalikeError(where=path, expected=_KINDS, found="a file of another kind")
    if not (path / MANIFEST).is_file():
        if (path / SPLITS).is_file():
            names = ", ".join(split_folders(path)) or "none"
            raise TwoalikeError(
                where=path,
                expected="one split of a dataset",
                found=f"the folder of all: {names}",
                remedy="Name the folder of one of them.",
            )
        if (path / STATE).is_file():
            return open_arrow(path)
        for folder in (path, path / "data"):  # where the hub keeps Parquet files
            packed, pictures = _files(folder)
            if packed:
                return PACKED[packed[0].suffix.lower()](path, packed)
            if pictures:
                break
    return _of_files(path, *find_images(path))


def _files(folder: Path) -> tuple[list[Path], bool]:
    """Files of a folder that hold many images, in order, and whether it has images."""
    if not folder.is_dir():
        return [], False
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
        # The disk is asked about links only: there may be a million files.
        files = sorted(
            entry.name
            for entry in shown
            if (os.path.isfile(entry) if entry.is_symlink() else entry.is_file())
        )
    endings = [os.path.splitext(name)[1].lower() for name in files]
    packed = [folder / name for name, of in zip(files, endings, strict=True) if of in PACKED]
    pictures, kinds = SUFFIXES["image"].intersection(endings), set(PACKED).intersection(endings)
    if len(kinds) > 1 or (packed and pictures):
        others = sorted(kinds | pictures)
        raise TwoalikeError(
            where=folder,
            expected="images, tar shards or Parquet files",
            found=f"files of several kinds ({', '.join(others)})",
            remedy="Keep one kind in a folder.",
        )
    if packed or (len(files) == len(shown) and not pictures):
        _check_uncompressed([folder / name for name in files])
    return packed, bool(pictures)


def _check_uncompressed(files: Sequence[Path]) -> None:
    """Refuse compressed shards, which would be passed over beside others."""
    if packed := [path for path in files if path.name.lower().endswith(COMPRESSED)]:
        raise TwoalikeError(
            where=packed[0],
            expected="tar shards that are not compressed",
            found="a compressed one",
            remedy="Unpack it: images are read from its middle, and are compressed themselves.",
        )


def as_collection(images: Images, ids: Sequence[str] | None = None) -> Collection:
    """List images of a path, PIL images or files, or a dataset that gives them by number.

    A dataset gives an image, or a tuple that begins with one (torchvision's), or has a column of
    them (Hugging Face's). Ids are those of :func:`open_collection`, a mapping's keys, names of
    files or a column of ids; else places. ``ids`` are others for the n images, in their order.
    """
    found = images if isinstance(images, Collection) else _listed(images)
    if ids is None:
        return found
    if len(ids) != len(found):
        raise TwoalikeError(where="`ids=...`", expected=f"{len(found)} ids", found=len(ids))
    return replace(found, ids=checked_ids(ids, "`ids=...`"))


def _listed(images: Any) -> Collection:
    if isinstance(images, str | Path):
        return open_collection(images)
    if not (hasattr(images, "__len__") and hasattr(images, "__getitem__")) or not len(images):
        kinds, found = "a path, images, files, or a dataset", type(images).__name__
        empty = hasattr(images, "__len__")
        raise TwoalikeError(where=_GIVEN, expected=kinds, found="none" if empty else found)
    if isinstance(images, Sequence) and all(isinstance(one, str | Path) for one in images):
        return _of_paths(list(map(Path, images)))
    if hasattr(images, "samples") and getattr(images, "transform", images) is None:
        return _of_paths([Path(path) for path, *_ in images.samples], Path(images.root))
    if hasattr(images, "column_names"):
        return _of_rows(images)
    keys = list(images) if isinstance(images, Mapping) else range(len(images))
    return _of_objects(Objects(images, keys), keys)


@dataclass(frozen=True)
class Files(Store):
    """Image files by number: their folder, and their paths in it."""

    folder: str
    names: tuple[str, ...]

    def _path(self, row: int) -> Path:
        return Path(self.folder, self.names[row])

    def name(self, row: int) -> str:
        return str(self._path(row))

    def picture(self, row: int) -> Image.Image:
        return read_picture(self._path(row))


def _of_files(where: Path, ids: Sequence[str], paths: Sequence[Path]) -> Collection:
    """Image files with these ids; ``where`` is the folder they are in."""
    try:
        sizes = np.fromiter((path.stat().st_size for path in paths), np.int64, len(paths))
    except FileNotFoundError as error:
        raise TwoalikeError(where=error.filename, expected="an image", found="no file") from error
    names = tuple(str(path).removeprefix(f"{where}{os.sep}") for path in paths)
    return Collection(where, tuple(ids), sizes, Files(str(where), names), np.arange(len(paths)))


def _of_paths(paths: Sequence[Path], root: Path | None = None) -> Collection:
    """Files in order; ids are paths in ``root``, or in the folder that they share."""
    root = root or Path(os.path.commonpath([path.absolute().parent for path in paths]))
    inside = [path.absolute().relative_to(root.absolute()) for path in paths]
    ids = checked_ids([path.with_suffix("").as_posix() for path in inside], root)
    return _of_files(Path(), ids, paths)


def _of_rows(images: Any) -> Collection:
    names = list(images.column_names)
    found = [name for name in names if type(images.features[name]).__name__ == "Image"]
    if len(found) != 1:
        raise TwoalikeError(
            where=_GIVEN,
            expected="a dataset with one column of images",
            found=f"{len(found)} among {', '.join(names)}",
            remedy="Choose it with `select_columns`.",
        )
    rows = range(len(images))
    columns = (list(images[name]) for name in ID_COLUMNS if name in names)
    ids = next((ids for ids in columns if len(set(ids)) == len(ids)), rows)
    version = str(getattr(images, "_fingerprint", ""))
    return _of_objects(Objects(images, rows, found[0], version), ids)


def _of_objects(store: "Objects", keys: Sequence[Any]) -> Collection:
    rows = np.arange(len(keys))
    for row in rows if isinstance(store.source, Mapping | Sequence) else rows[:1]:
        store.item(int(row))
    names = [f"{key:07d}" if isinstance(keys, range) else str(key) for key in keys]
    return Collection(Path(), checked_ids(names, _GIVEN), np.zeros_like(rows), store, rows)


@dataclass(frozen=True, eq=False)
class Objects(Store):
    """Images in a mapping, a sequence or a dataset: of a row, ``source[keys[row]]``.

    ``column`` is where an image is in its row if rows have names. ``version`` is the source's own
    hash of everything; without one, images are read and hashed.
    """

    source: Any
    keys: Sequence[Any]
    column: str | None = None
    version: str = ""

    def __getstate__(self) -> dict[str, Any]:
        try:
            pickle.dumps(self.source)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            problem = f"they cannot be sent to other processes ({shortened(error)})"
            raise TwoalikeError(problem, where=_GIVEN, remedy="Set `workers=0`.") from error
        return self.__dict__

    def item(self, row: int) -> Image.Image | str | Path:
        """Get a PIL image or a file."""
        found = self.source[self.keys[row]]
        if self.column is not None:
            found = found[self.column]
        if isinstance(found, tuple | list) and found:
            found = found[0]
        if isinstance(found, Image.Image | str | Path):
            return found
        kind = type(found).__name__
        raise TwoalikeError(where=self.name(row), expected="a PIL image or a file", found=kind)

    def name(self, row: int) -> str:
        return f"images[{self.keys[row]!r}]"

    def picture(self, row: int) -> Image.Image:
        item = self.item(row)
        return read_picture(item, self.name(row) if isinstance(item, Image.Image) else str(item))

    def mark(self, row: int) -> str:
        """Hash of an image, or why it cannot be read."""
        if self.version:
            return f"{self.version} {self.keys[row]}"
        try:
            picture = self.picture(row)
        except TwoalikeError as error:
            return str(error)
        return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()
