"""Measuring a screen with a bank card: everybody has one, and all have the same size.

The person scales a drawn card until it is as large as the real one; no ruler, no data sheet.
"""

from dataclasses import dataclass, replace
from math import cos, pi, sin

CARD_M = (0.0856, 0.05398)
"""Width and height of bank and identity cards in metres (ISO/IEC 7810, ID-1)."""
CORNER_M = 0.00318
"""Radius of their corners in metres."""
_STEPS = {"left": -1, "right": 1, "down": -10, "up": 10}
"""Pixels that a key makes the card wider; one pixel is a third of a millimetre at most."""
_NOTCH = 2
"""Pixels that a notch of the mouse wheel makes the card wider."""
_SMALLEST = 40


@dataclass(frozen=True)
class CardMatch:
    """A card on the screen while a person brings it to the size of the real one.

    Attributes
    ----------
    width_px
        Width of the drawn card.
    largest_px
        Width that still fits the window.
    fits
        Whether the person said that it fits.
    left
        Whether the person left before.

    Examples
    --------
    >>> match = CardMatch(320, 1000).press("up").press("right").scroll(-1)
    >>> match.width_px, match.press("return").fits
    (329, True)
    """

    width_px: int
    largest_px: int
    fits: bool = False
    left: bool = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.fits or self.left

    def press(self, key: str) -> "CardMatch":
        """Take a key: arrows scale, return and space accept, escape leaves."""
        if key in {"return", "num_enter", "space"}:
            return replace(self, fits=True)
        if key == "escape":
            return replace(self, left=True)
        return self._wider(_STEPS.get(key, 0))

    def scroll(self, notches: float) -> "CardMatch":
        """Take the mouse wheel; forwards makes the card larger."""
        return self._wider(round(_NOTCH * notches))

    def _wider(self, pixels: int) -> "CardMatch":
        width = max(_SMALLEST, min(self.largest_px, self.width_px + pixels))
        return replace(self, width_px=width)


def picture_width(card_px: float, full_width_px: int) -> float:
    """Width of the screen's visible picture in metres.

    Parameters
    ----------
    card_px
        Pixels across a card of the true size.
    full_width_px
        Pixels across the whole screen, in the same unit.

    Examples
    --------
    >>> round(picture_width(321, 1920), 3)
    0.512
    """
    if not 0 < card_px <= full_width_px:
        raise ValueError(f"card of {card_px} pixels on a screen of {full_width_px}")
    return full_width_px / card_px * CARD_M[0]


def card_on(full_width_px: int, width_m: float) -> int:
    """Pixels across a card on a screen ``width_m`` metres wide; undoes :func:`picture_width`."""
    return round(full_width_px / width_m * CARD_M[0])


def card_outline(width_px: float, corner_points: int = 12) -> list[tuple[float, float]]:
    """Corners and arcs of a card's outline.

    Parameters
    ----------
    width_px
        Width of the card.
    corner_points
        Points on each rounded corner.

    Returns
    -------
    Points in pixels, counter-clockwise, with the card's lower left corner (as if it were not
    rounded) at the origin: there the person holds the real card, and only two edges move.
    """
    scale = width_px / CARD_M[0]
    height_px, radius = CARD_M[1] * scale, CORNER_M * scale
    centres = (
        (width_px - radius, height_px - radius),
        (radius, height_px - radius),
        (radius, radius),
        (width_px - radius, radius),
    )
    return [
        (x + radius * cos(angle), y + radius * sin(angle))
        for quarter, (x, y) in enumerate(centres)
        for angle in ((quarter + i / (corner_points - 1)) * pi / 2 for i in range(corner_points))
    ]
