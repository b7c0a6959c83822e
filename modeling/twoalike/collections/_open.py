"""What a path holds: a folder of images, tar shards, or tables with images in them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from twoalike.collections._collection import Collection, Store
from twoalike.collections._names import Names
from twoalike.collections._tables import SPLITS, STATE, open_arrow, open_parquet, split_folders
from twoalike.collections._tar import open_tars
from twoalike.stimuli import MANIFEST, SUFFIXES, find_images, read_frames, read_picture
from twoalike.study import TwoalikeError

PACKED = {".tar": open_tars, ".parquet": open_parquet}
"""Readers of files that hold many images, by ending."""
COMPRESSED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")
"""Endings of tar shards that cannot be read by number."""
_KINDS = "a folder of images, tar shards or Parquet files, or one that `datasets` saved"


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
    if (path / MANIFEST).is_file():
        return open_folder(path)
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
            kind = packed[0].suffix.lower()
            return PACKED[kind](path, packed)
        if pictures:
            break
    return open_folder(path)


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


@dataclass(frozen=True)
class Files(Store):
    """Image files by number: their folder, and their paths in it."""

    folder: str
    names: Names

    def _path(self, row: int) -> Path:
        return Path(self.folder, self.names[row])

    def name(self, row: int) -> str:
        """Path of a file."""
        return str(self._path(row))

    def picture(self, row: int) -> Image.Image:
        """Image of a file."""
        return read_picture(self._path(row))

    def frames(self, row: int, n: int) -> list[Image.Image]:
        """Frames of a film's file; of an image, the image alone."""
        return read_frames(self._path(row), n)


def of_files(where: Path, ids: Sequence[str], paths: Sequence[Path]) -> Collection:
    """Make a collection of n image files with these ids; ``where`` is the folder they are in."""
    try:
        sizes = np.fromiter((path.stat().st_size for path in paths), np.int64, len(paths))
    except FileNotFoundError as error:
        raise TwoalikeError(where=error.filename, expected="an image", found="no file") from error
    inside = f"{where}{os.sep}"
    names = Names.of(str(path).removeprefix(inside) for path in paths)
    return Collection(where, Names.of(ids), sizes, Files(str(where), names), np.arange(len(paths)))


def open_folder(folder: Path) -> Collection:
    """Images of a folder; ids and order as in :func:`twoalike.stimuli.find_images`."""
    return of_files(folder, *find_images(folder))
