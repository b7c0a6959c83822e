"""Films: decoded to frames once, by the ffmpeg that comes with imageio-ffmpeg.

Films are silent: a sound track is passed over. All frames of a film are kept in memory while it is
shown, so that none waits for a decoder; hence the limits.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.study import TwoalikeError, how_to_install, shortened

LONGEST_FILM_S = 60.0
MOST_FRAMES = 1800
"""``LONGEST_FILM_S``, ``MOST_FRAMES``: Longest film: a minute at 30 frames a second."""


@dataclass(frozen=True)
class Film:
    """A film, decoded."""

    frames: npt.NDArray[np.uint8]
    """Shape (n, height, width, 3), sRGB."""
    fps: float
    """Frames a second."""

    def frame(self, seconds: float) -> int:
        """Return which frame is shown ``seconds`` after the film began, in a loop."""
        return int(seconds * self.fps + 1e-6) % len(self.frames)

    @property
    def middle(self) -> Image.Image:
        """Frame in the middle."""
        return Image.fromarray(self.frames[(len(self.frames) - 1) // 2])


def scaled(image: Image.Image, side: int) -> Image.Image:
    """Image scaled into a square of ``side`` pixels.

    Width and height come out even, so that image and screen pixels coincide.
    """
    scale = side / max(image.size)
    width, height = (max(2, round(length * scale / 2) * 2) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise TwoalikeError(
            f"films cannot be read without imageio-ffmpeg. {how_to_install('analysis')}"
        ) from error
    return imageio_ffmpeg


@contextmanager
def _reading(path: Path, where: str) -> Generator[tuple[dict[str, Any], Generator[bytes]]]:
    """Open a film: what ffmpeg says of it, and its frames as bytes."""
    if not path.is_file():
        raise TwoalikeError(where=where, expected="a film", found="no file")
    frames = _ffmpeg().read_frames(str(path), input_params=["-an"])
    try:
        yield next(frames), frames
    except (OSError, RuntimeError, IndexError, KeyError, ValueError, StopIteration) as error:
        lines = [line.strip() for line in str(error).splitlines() if path.name in line]
        reason = lines[-1].rpartition(f"{path.name}:")[2] if lines else type(error).__name__
        raise TwoalikeError(
            f"{where}: cannot be read as a film ({shortened(reason)}). Replace or remove it; "
            "formats: MP4, WebM, GIF."
        ) from error
    finally:
        frames.close()


def read_film(path: Path, side: int | None = None, where: str | None = None) -> Film:
    """Decode a film.

    Parameters
    ----------
    side
        Scale it into a square of this many pixels; None leaves its size.
    where
        The file, for messages.

    Raises
    ------
    TwoalikeError
        If it cannot be read, has fewer than two frames, or is longer than a minute or
        :data:`MOST_FRAMES`.
    """
    where = where or str(path)
    decoded: list[npt.NDArray[np.uint8]] = []
    with _reading(path, where) as (about, frames):
        width, height = about["size"]
        fps = float(about["fps"])
        for content in frames:
            picture = Image.frombytes("RGB", (width, height), content)
            decoded.append(np.asarray(picture if side is None else scaled(picture, side)))
            # Counted, since a header need not say how long a film is.
            if len(decoded) > min(MOST_FRAMES, LONGEST_FILM_S * fps + 1):
                raise TwoalikeError(
                    where=where,
                    expected=f"a film of at most {LONGEST_FILM_S:.0f} s and {MOST_FRAMES:,} frames",
                    found="more",
                    remedy="Cut it.",
                )
    if len(decoded) < 2:
        raise TwoalikeError(
            where=where,
            expected="a film of two frames or more",
            found=str(len(decoded)),
            remedy="Save a single picture as an image.",
        )
    return Film(np.stack(decoded), fps)


def check_film(path: Path, where: str) -> None:
    """Check that all of a film can be decoded; raises as :func:`read_film`."""
    read_film(path, 64, where)
