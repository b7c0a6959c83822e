"""Folders of image files, with a manifest or without."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from twoalike.collections._collection import Collection
from twoalike.collections._names import Names
from twoalike.stimuli import find_images, read_frames, read_picture
from twoalike.study import TwoalikeError


@dataclass(frozen=True)
class Files:
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
    """Make a collection of n image files with these ids; ``where`` is the folder they are in.

    Raises
    ------
    TwoalikeError
        If there is no such file.
    """
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
