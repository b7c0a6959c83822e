"""Whether the texts of a protocol fit a screen: every text that a session can show."""

from collections.abc import Iterator

from twoalike.study import TwoalikeError
from twoalike.tasks._settings import PageTexts, Protocol
from twoalike.tasks.multi_arrangement import MultiArrangement, arena_text_faults
from twoalike.tasks.odd_one_out import OddOneOut, triplet_text_faults
from twoalike.tasks.screens import View, frame, page_faults

SMALLEST_SCREEN = (1024, 768)
"""Width and height in pixels of the smallest screen that texts are checked for."""


def _faults(protocol: Protocol, view: View) -> Iterator[tuple[str, str]]:
    texts = getattr(protocol, "texts", None)
    if isinstance(texts, PageTexts):
        yield from page_faults(protocol, texts, frame(protocol.screen, view.size))
    try:
        if isinstance(protocol, OddOneOut):
            yield from triplet_text_faults(protocol, view)
        elif isinstance(protocol, MultiArrangement):
            yield from arena_text_faults(protocol, view)
    except TwoalikeError as error:
        # Images may be meant for a larger screen, unless this one was measured.
        if view.profile.measured or isinstance(protocol, MultiArrangement):
            yield "", str(error)


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
