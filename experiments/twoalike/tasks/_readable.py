"""Whether participants can read what a protocol shows: contrast of colours, room for texts."""

from collections.abc import Iterator

from twoalike.registry import find_task
from twoalike.tasks._protocol import Protocol, Screen
from twoalike.tasks.screens import View, frame, page_faults

TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, from 0 (black) to 1 (white)."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(first: str, second: str) -> float:
    """Contrast of two colours, from 1 (the same) to 21 (black and white).

    Examples
    --------
    >>> round(contrast("#ffffff", "#000000"), 1), round(contrast("#777777", "#ffffff"), 2)
    (21.0, 4.48)
    """
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def between(first: str, second: str, share: float) -> str:
    """Colour ``share`` of the way from the first to the second.

    Examples
    --------
    >>> between("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(255 * ((1 - share) * a + share * b)):02x}" for a, b in pairs)


def readable_on(ground: str, wanted: str = "#ffffff") -> str:
    """Colour for text on ``ground``: the wanted one if it is readable, else black or white.

    One of the two always has a contrast of 4.58 or more.

    Examples
    --------
    >>> readable_on("#0072b2"), readable_on("#ffff00")
    ('#ffffff', '#000000')
    """
    if contrast(wanted, ground) >= TEXT_CONTRAST:
        return wanted
    return max(("#ffffff", "#000000"), key=lambda colour: contrast(colour, ground))


def box_fill(screen: Screen) -> str:
    """Fill of boxes with text: the background, shifted away from the colour of the text.

    Examples
    --------
    >>> box_fill(Screen()), box_fill(Screen(background="#202020", foreground="#f0f0f0"))
    ('#f5f5f5', '#0d0d0d')
    """
    light = luminance(screen.background) > luminance(screen.foreground)
    return between(screen.background, "#ffffff" if light else "#000000", 0.6)


def check_contrast(protocol: Protocol) -> list[str]:
    """List the colours of the screen with too little contrast, one line each.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOut
    >>> check_contrast(OddOneOut.model_validate({"screen": {"foreground": "#8c8c8c"}}))
    ['screen.foreground #8c8c8c on screen.background #e6e6e6: expected a contrast of 4.5 to 1 \
for text (WCAG 1.4.3), found 2.69. Make one of them darker or lighter.']
    """
    screen = protocol.screen
    pairs = (
        ("foreground", screen.foreground, TEXT_CONTRAST, "text (WCAG 1.4.3)"),
        ("accent", screen.accent, SHAPE_CONTRAST, "bars and rims (WCAG 1.4.11)"),
    )
    return [
        f"screen.{name} {colour} on screen.background {screen.background}: expected a contrast of "
        f"{least:g} to 1 for {what}, found {found:.2f}. Make one of them darker or lighter."
        for name, colour, least, what in pairs
        if (found := contrast(colour, screen.background)) < least
    ]


SMALLEST_SCREEN = (1024, 768)
"""Width and height in pixels of the smallest screen that texts are checked for."""


def _faults(protocol: Protocol, view: View) -> Iterator[tuple[str, str]]:
    yield from page_faults(protocol, frame(protocol.screen, view.size))
    if (of_trials := find_task(protocol.task).text_faults) is not None:
        yield from of_trials(protocol, view)


def check_texts(protocol: Protocol, view: View) -> list[str]:
    """List the texts that do not fit a window, or cannot be drawn, one line each.

    Parameters
    ----------
    view
        The window; its profile is needed where images have their size in degrees.
    """
    width, height = view.size
    return [
        f"{key}: expected a text that fits a screen of {width} x {height} px, but {why}. Make it "
        "shorter, or screen.text_fraction smaller."
        if key
        else why
        for key, why in _faults(protocol, view)
    ]
