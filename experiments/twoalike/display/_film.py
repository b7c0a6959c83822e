"""Films in a window: decoded before the session, drawn at their own frame rate, in a loop."""

from collections.abc import Callable
from typing import Any

from PIL import Image

from twoalike.stimuli import Film
from twoalike.study import TwoalikeError

MOST_BYTES = 2 * 2**30
"""Memory that the frames of a session's films may take, as shown."""


class FilmStimulus:
    """A film that is drawn like an image.

    Each time that it appears, it begins with its first frame.

    Parameters
    ----------
    film
        Decoded at the largest size that is shown.
    make
        Makes an image stimulus of a picture.

    Attributes
    ----------
    full_size
        Width and height in pixels, as last asked for.
    pos, size
        Where it is drawn next, and how large.
    """

    def __init__(self, film: Film, make: Callable[[Image.Image], Any]) -> None:
        self._film = film
        self._stimulus = make(Image.fromarray(film.frames[0]))
        self._frame = 0
        self._turn = -1
        self._since = 0.0
        self.full_size: tuple[int, int] = self._stimulus.full_size
        self.pos: tuple[float, float] = (0.0, 0.0)
        self.size: tuple[float, float] = self.full_size

    def fit(self, side: int) -> "FilmStimulus":
        """Take the size at which it fits a square of ``side`` pixels."""
        height, width = self._film.frames.shape[1:3]
        scale = side / max(width, height)
        self.full_size = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
        return self

    def draw(self, now: float, turn: int) -> None:
        """Draw the frame of time ``now``, s; ``turn`` counts what is drawn."""
        if self._turn < turn - 1:
            self._since = now
        self._turn = turn
        frame = self._film.frame(max(0.0, now - self._since))
        if frame != self._frame:
            self._frame = frame
            self._stimulus.image = Image.fromarray(self._film.frames[frame])
        self._stimulus.pos, self._stimulus.size = self.pos, self.size
        self._stimulus.draw()


def check_memory(n_bytes: int) -> None:
    """Check that the films of a session fit the memory."""
    if n_bytes > MOST_BYTES:
        raise TwoalikeError(
            f"the films of this session take more than {MOST_BYTES / 2**30:.0f} GiB of memory, as "
            "shown. Show them smaller ([images] or [arena] of the protocol), cut them, or show "
            "fewer objects in a session."
        )
