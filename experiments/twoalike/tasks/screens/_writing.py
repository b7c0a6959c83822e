"""A text of several lines as it is written: its lines in a box, and where the caret is."""

from dataclasses import dataclass, replace
from functools import lru_cache

from twoalike.stimuli.lettering import Letters, pieces

LONGEST = 10_000
"""Characters of the longest answer."""


@dataclass(frozen=True)
class Pad:
    """Where a text is written."""

    height: int
    """Height of its letters, px."""
    width: float
    """Longest line, px."""
    lines: int
    """Lines that are shown at a time."""


@dataclass(frozen=True)
class Writing:
    """What is written so far; every act gives a new one."""

    text: str = ""
    caret: int = 0
    """Characters before the caret."""
    top: int = 0
    """Number of the first line that is shown."""

    def insert(self, text: str, pad: Pad) -> "Writing":
        """Put a text in at the caret; what would be longer than :data:`LONGEST` is not taken."""
        if len(self.text) + len(text) > LONGEST:
            return self
        whole = self.text[: self.caret] + text + self.text[self.caret :]
        return Writing(whole, self.caret + len(text), self.top)._shown(pad)

    def erase(self, pad: Pad, *, after: bool = False) -> "Writing":
        """Take the character before the caret away, or the one after it."""
        start = self.caret if after else self.caret - 1
        if not 0 <= start < len(self.text):
            return self
        whole = self.text[:start] + self.text[start + 1 :]
        return Writing(whole, start, self.top)._shown(pad)

    def step(self, dx: int, dy: int, pad: Pad) -> "Writing":
        """Move the caret by a character, or by a line (``dy`` -1: down)."""
        if dx:
            caret = min(max(self.caret + dx, 0), len(self.text))
            return replace(self, caret=caret)._shown(pad)
        line, column = caret_place(self.text, self.caret, pad)
        starts = line_starts(self.text, pad)
        target = line - dy
        if not 0 <= target < len(starts):
            return self
        end = starts[target + 1] - 1 if target + 1 < len(starts) else len(self.text)
        return replace(self, caret=min(starts[target] + column, end))._shown(pad)

    def edge(self, pad: Pad, *, end: bool) -> "Writing":
        """Move the caret to the beginning or the end of its line."""
        line, _ = caret_place(self.text, self.caret, pad)
        starts = line_starts(self.text, pad)
        last = starts[line + 1] - 1 if line + 1 < len(starts) else len(self.text)
        return replace(self, caret=last if end else starts[line])

    def scroll(self, lines: int, pad: Pad) -> "Writing":
        """Show later lines, or earlier ones (negative), wherever the caret is."""
        most = max(0, len(line_starts(self.text, pad)) - pad.lines)
        return replace(self, top=min(max(self.top + lines, 0), most))

    def _shown(self, pad: Pad) -> "Writing":
        line, _ = caret_place(self.text, self.caret, pad)
        top = min(max(self.top, line - pad.lines + 1), line)
        return replace(self, top=top).scroll(0, pad)


@lru_cache(maxsize=8)
def line_starts(text: str, pad: Pad) -> tuple[int, ...]:
    r"""Places in a text at which its lines begin; none is wider than the box.

    Examples
    --------
    >>> line_starts("so it is\nhere", Pad(20, 60, 4))
    (0, 6, 9)
    """
    letters = Letters(text, pad.height)
    starts, at = [], 0
    for paragraph in text.split("\n"):
        starts.append(at)
        used = 0.0
        for piece in pieces(paragraph):
            if used and used + letters.width(piece.rstrip()) > pad.width:
                starts.append(at)
                used = 0.0
            for sign in piece if letters.width(piece.rstrip()) > pad.width else (piece,):
                if used and used + letters.width(sign.rstrip()) > pad.width:
                    starts.append(at)
                    used = 0.0
                used += letters.width(sign)
                at += len(sign)
        at += 1  # the line end
    return tuple(starts)


def caret_place(text: str, caret: int, pad: Pad) -> tuple[int, int]:
    """Line of the caret, and its place in the line, both from 0."""
    starts = line_starts(text, pad)
    line = max(number for number, start in enumerate(starts) if start <= caret)
    return line, caret - starts[line]


def shown_lines(text: str, top: int, pad: Pad) -> tuple[str, ...]:
    """Lines that are shown, from the line ``top`` on, without their ends."""
    starts = [*line_starts(text, pad), len(text) + 1]
    ends = zip(starts[top:], starts[top + 1 :], strict=False)
    return tuple(text[start:end].rstrip("\n") for start, end in list(ends)[: pad.lines])
