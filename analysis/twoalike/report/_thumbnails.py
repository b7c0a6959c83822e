"""Small copies of the stimuli, for the map and the galleries."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError


def thumbnail(path: Path, size: int) -> Image.Image:
    """Square thumbnail: the whole image on white, ``size`` pixels wide.

    Raises
    ------
    TwoalikeError
        If the file is missing or no image.
    """
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGBA")
    except FileNotFoundError as error:
        raise TwoalikeError(f"{path}: expected the image of a stimulus, found no file.") from error
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise TwoalikeError(f"{path}: cannot be read as an image ({error}).") from error
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (size, size), "white")
    corner = ((size - image.width) // 2, (size - image.height) // 2)
    square.paste(image, corner, image)
    return square


def image_uri(path: Path, size: int = 112) -> str:
    """Thumbnail as a JPEG data URI."""
    buffer = io.BytesIO()
    thumbnail(path, size).save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def thumbnails(
    stimuli: StimulusSet, ids: Sequence[str], size: int = 48
) -> list[npt.NDArray[np.uint8]]:
    """Thumbnails of the named objects as arrays, shape (size, size, 3)."""
    return [np.asarray(thumbnail(stimuli.path(name), size), dtype=np.uint8) for name in ids]
