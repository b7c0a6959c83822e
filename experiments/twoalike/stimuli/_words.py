"""Words as pictures: all of a set in one size of letters, as large as the longest allows.

A word is drawn when it is needed, in the colours of the screen; the manifest keeps the text itself.
"""

import unicodedata
from collections.abc import Iterable

from PIL import Image, ImageDraw

from twoalike.stimuli.lettering import (
    LINE,
    Letters,
    ShapedLetters,
    broken,
    is_shaped,
    pieces,
    right_to_left,
    shape,
    visual_order,
)

SIDE = 768
"""Width of the picture of a word in pixels, and its largest height."""
_ROOM = 0.9
"""Share of the picture that the letters may take."""
_LARGEST, _SMALLEST = SIDE // 4, 24
"""Heights of the letters in pixels: of a set of short words, and where long texts are cut."""


class Words:
    """Draws the words of a set.

    Parameters
    ----------
    texts
        Text by object.

    Raises
    ------
    TwoalikeError
        If no font of this computer has a character of a word; the message names both.

    Examples
    --------
    >>> words = Words({"cat": "cat", "big": "thunderstorm"})
    >>> words.draw("cat").size == words.draw("big").size
    True
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = {
            name: unicodedata.normalize("NFC", text.strip()) for name, text in texts.items()
        }
        self.height = min(map(self._largest, self._texts), default=_LARGEST)
        """Height of the letters in pixels."""
        n_lines = max((len(self._lines(name)) for name in self._texts), default=1)
        step = LINE * self.height
        self._size = (SIDE, min(SIDE, round((n_lines * step + step / 2) / 2) * 2))

    def draw(self, name: str, *, ink: str = "#000000", paper: str = "#ffffff") -> Image.Image:
        """Picture of a word, mode RGB; all words of the set have the same size in pixels."""
        image = Image.new("RGB", self._size, paper)
        draw = ImageDraw.Draw(image)
        letters, lines = self._letters(name, self.height), self._lines(name)
        rtl, step = right_to_left(self._texts[name]), LINE * self.height
        y = (self._size[1] - step * (len(lines) - 1)) / 2
        for line in lines:
            ordered = line if isinstance(letters, ShapedLetters) else visual_order(line, rtl=rtl)
            letters.draw(draw, ordered, (SIDE - letters.width(line)) / 2, y, ink)
            y += step
        return image

    def _letters(self, name: str, height: int) -> Letters | ShapedLetters:
        text, of = self._texts[name], f"of the word {self._texts[name]!r} (object {name!r})"
        if is_shaped(text):
            return ShapedLetters(text, height, of)
        return Letters(text, height, of=of)

    def _lines(self, name: str, height: int | None = None) -> list[str]:
        letters = self._letters(name, height or self.height)
        text = self._texts[name]
        text = text if isinstance(letters, ShapedLetters) else shape(text)
        return broken(text, letters, _ROOM * SIDE)

    def _largest(self, name: str) -> int:
        """Largest height at which a word keeps its parts whole and fits the square."""
        low, high = _SMALLEST, _LARGEST
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._fits(name, middle) else (low, middle - 1)
        return low

    def _fits(self, name: str, height: int) -> bool:
        letters, text = self._letters(name, height), self._texts[name]
        text = text if isinstance(letters, ShapedLetters) else shape(text)
        parts: Iterable[str] = (piece.rstrip() for piece in pieces(text))
        if any(letters.width(part) > _ROOM * SIDE for part in parts):
            return False
        return len(self._lines(name, height)) * LINE * height <= _ROOM * SIDE
