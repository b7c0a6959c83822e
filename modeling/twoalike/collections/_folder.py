"""Folders of image files, with a manifest or without."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from twoalike.collections._collection import Collection
from twoalike.stimuli import find_images, read_frames, read_picture
from twoalike.study import TwoalikeError


@dataclass(frozen=True)
class Files:
    """Image files by number."""

    paths: Sequence[Path]

    def name(self, row: int) -> str:
        """Path of a file."""
        return str(self.paths[row])

    def picture(self, row: int) -> Image.Image:
        """Image of a file."""
        return read_picture(self.paths[row])

    def frames(self, row: int, n: int) -> list[Image.Image]:
        """Frames of a film's file; of an image, the image alone."""
        return read_frames(self.paths[row], n)


def of_files(where: Path, ids: Sequence[str], paths: Sequence[Path]) -> Collection:
    """Make a collection of n image files with these ids.

    Raises
    ------
    TwoalikeError
        If there is no such file.
    """
    try:
        sizes = np.fromiter((path.stat().st_size for path in paths), np.int64, len(paths))
    except FileNotFoundError as error:
        raise TwoalikeError(where=error.filename, expected="an image", found="no file") from error
    return Collection(where, tuple(ids), sizes, Files(tuple(paths)), np.arange(len(paths)))


def open_folder(folder: Path) -> Collection:
    """Images of a folder; ids and order as in :func:`twoalike.stimuli.find_images`."""
    return of_files(folder, *find_images(folder))
