"""Sounds and films: what is read of their files, and the loudspeaker that is shown for a sound.

Films are silent: a sound track is passed over. They are decoded to frames once, by the ffmpeg that
comes with imageio-ffmpeg. All frames of a film are kept in memory while it is shown, so that none
waits for a decoder; hence the limits.
"""

import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from twoalike.study import TwoalikeError, shortened

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


def scaled(image: Image.Image, side: int) -> Image.Image:
    """Image scaled into a square of ``side`` pixels.

    Width and height come out even, so that image and screen pixels coincide.
    """
    scale = side / max(image.size)
    width, height = (max(2, round(length * scale / 2) * 2) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


_OUTPUT = re.compile(rb"Video: rawvideo.*?, (\d+)x(\d+).*?, ([\d.]+) fps")
"""What ffmpeg says of its output, in its log: width, height, frames a second."""


@contextmanager
def _decoding(path: Path, where: str) -> Generator[tuple[tuple[int, int], float, BufferedReader]]:
    """Start decoding at a constant frame rate: size, rate, and the RGB values of the frames."""
    from imageio_ffmpeg import get_ffmpeg_exe

    # Its own reader would leave pipes open.
    command = [str(get_ffmpeg_exe()), "-nostdin", "-i", str(path), "-an", "-pix_fmt", "rgb24"]
    command += ["-f", "rawvideo", "-fps_mode", "cfr", "-"]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # of a console, on Windows
    with (
        TemporaryFile() as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            creationflags=hidden,
        ) as process,
    ):
        frames = cast(BufferedReader, process.stdout)
        try:
            frames.peek(1)  # the log describes the output before its first byte
            log.seek(0)
            lines = log.read()
            about = _OUTPUT.search(lines)
            if about is None:
                told = lines.decode(errors="replace").strip().splitlines()
                reason = told[-1].rpartition(f"{path.name}: ")[2] if told else "no frames"
                raise TwoalikeError(
                    f"{where}: cannot be read as a film ({shortened(reason)}). Replace or remove "
                    "it; formats: MP4, WebM, GIF."
                )
            yield (int(about[1]), int(about[2])), float(about[3]), frames
        finally:
            process.kill()


def _pictures(path: Path, where: str) -> Generator[tuple[Image.Image, float]]:
    """Frames of a film in order, each with the frame rate."""
    if not path.is_file():
        raise TwoalikeError(where=where, expected="a film", found="no file")
    n = 0
    with _decoding(path, where) as (size, fps, frames):
        while len(content := frames.read(3 * size[0] * size[1])) == 3 * size[0] * size[1]:
            yield Image.frombytes("RGB", size, content), fps
            n += 1  # counted, since a header need not say how long a film is
            if n > min(MOST_FRAMES, LONGEST_FILM_S * fps + 1):
                raise TwoalikeError(
                    where=where,
                    expected=f"a film of at most {LONGEST_FILM_S:.0f} s and {MOST_FRAMES:,} frames",
                    found="more",
                    remedy="Cut it.",
                )
    if n < 2:
        raise TwoalikeError(
            where=where,
            expected="a film of two frames or more",
            found=str(n),
            remedy="Save a single picture as an image.",
        )


def read_film(path: Path, side: int) -> Film:
    """Decode a film, scaled into a square of ``side`` pixels."""
    pairs = [
        (np.asarray(scaled(picture, side)), fps) for picture, fps in _pictures(path, str(path))
    ]
    return Film(np.stack([frame for frame, _ in pairs]), pairs[0][1])


def count_frames(path: Path, where: str) -> int:
    """Decode all of a film, and count its frames; raises as :func:`read_film`."""
    return sum(1 for _ in _pictures(path, where))


def film_stills(path: Path, n: int = 1) -> list[Image.Image]:
    """Pictures of ``n`` frames of a film, evenly spaced; of one, the middle frame."""
    total = count_frames(path, str(path))
    wanted = [int((2 * k + 1) * total - 1) // (2 * n) for k in range(n)]
    kept = {k: image for k, (image, _) in enumerate(_pictures(path, str(path))) if k in wanted}
    return [kept[k] for k in wanted]


LONGEST_SOUND_S = 120.0
"""Longest sound, s: each is heard to its end in every trial."""
_SIDE, _FINE = 384, 4
"""Side of a loudspeaker's picture in pixels, and how many times finer it is drawn."""


def sound_length(path: Path, where: str = "", *, decode: bool = False) -> float:
    """Duration of a sound, s; the header says it, unless all of it is decoded."""
    import soundfile

    where = where or str(path)
    try:
        length = float(soundfile.info(str(path)).duration)
        if decode:
            n_samples = len(soundfile.read(str(path), dtype="float32", always_2d=True)[0])
            length = min(length, n_samples / soundfile.info(str(path)).samplerate)
    except soundfile.SoundFileError as error:
        raise TwoalikeError(
            f"{where}: cannot be read as a sound ({shortened(error)}). Replace or remove it; "
            "formats: WAV, FLAC, OGG."
        ) from error
    if not 0 < length <= LONGEST_SOUND_S:
        raise TwoalikeError(
            where=where,
            expected=f"a sound of at most {LONGEST_SOUND_S:.0f} s",
            found=f"{length:.1f} s",
            remedy="Cut it.",
        )
    return length


def draw_speaker(label: Image.Image | None, *, ink: str, paper: str) -> Image.Image:
    """Picture of a loudspeaker, mode RGB, square; below it the picture of a label."""
    side = _FINE * _SIDE
    image = Image.new("RGB", (side, side), paper)
    draw = ImageDraw.Draw(image)
    unit, x, y = side / 100, 50 * side / 100, (50 if label is None else 38) * side / 100
    corners = ((-27, -9), (-16, -9), (-2, -23), (-2, 23), (-16, 9), (-27, 9))
    draw.polygon([(x + right * unit, y + down * unit) for right, down in corners], fill=ink)
    for radius in (11, 20, 29):
        box = [x - radius * unit, y - radius * unit, x + radius * unit, y + radius * unit]
        draw.arc(box, -42, 42, fill=ink, width=round(4 * unit))
    image = image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if label is not None:
        high = min(round(label.height * _SIDE / label.width), _SIDE // 3)
        image.paste(label.resize((_SIDE, high), Image.Resampling.LANCZOS), (0, _SIDE - high))
    return image
