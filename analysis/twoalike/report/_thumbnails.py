"""Small copies of the stimuli, for the map and the galleries."""

import base64
import io
from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.stimuli import StimulusSet


def thumbnail(picture: Image.Image, size: int) -> Image.Image:
    """Square thumbnail: the whole picture on white, ``size`` pixels wide."""
    image = picture.copy()
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return square


def image_uri(picture: Image.Image, size: int = 112) -> str:
    """Thumbnail as a JPEG data URI."""
    return _uri(thumbnail(picture, size))


def pair_uri(left: Image.Image, right: Image.Image, size: int = 112) -> str:
    """Thumbnails of two pictures side by side, as a JPEG data URI, twice as wide as high."""
    both = Image.new("RGB", (2 * size, size), "white")
    for place, picture in enumerate((left, right)):
        both.paste(thumbnail(picture, size), (place * size, 0))
    return _uri(both)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


class Thumbnails(Sequence[npt.NDArray[np.uint8]]):
    """Thumbnails of the named objects, shape (size, size, 3) each, read when asked for."""

    def __init__(self, stimuli: StimulusSet, ids: Sequence[str], size: int = 48) -> None:
        self._stimuli, self._ids, self._size = stimuli, ids, size

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._ids)

    @overload
    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, row: slice) -> "Thumbnails": ...
    def __getitem__(self, row: int | slice) -> "npt.NDArray[np.uint8] | Thumbnails":
        """Read the thumbnail of an object."""
        if isinstance(row, slice):
            return Thumbnails(self._stimuli, self._ids[row], self._size)
        return np.asarray(thumbnail(self._stimuli.picture(self._ids[row]), self._size), np.uint8)
