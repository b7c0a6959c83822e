"""The smallest window in which the images, texts and arena of a study fit."""

from collections.abc import Sequence

from twoalike.registry import find_task
from twoalike.study import TwoalikeError
from twoalike.tasks import PageTexts, Prepared, Protocol, View
from twoalike.tasks.screens import usual_screen

_STEP = 20
_NARROWEST, _WIDEST = 320, 1920
_LOWEST, _USUAL, _HIGHEST = 400, 600, 1200
"""Heights in CSS pixels: of the smallest window tried, of most laptops' and phones', at most."""
_FEWEST_PX = 48
"""Smallest side of an image: what a finger can pick up. On phones of the usual width, images of an
arrangement are hardly larger."""
_OF_SOUNDS = "texts.listen"
"""The only text of a trial that no page shows, as it plays no sounds."""


def least_window(sessions: Sequence[Prepared]) -> tuple[int, int]:
    """Width and height of the smallest window for all sessions, CSS pixels.

    The narrowest one that is no higher than those of laptops, so that phones held upright are
    possible where the images are a row; else the lowest one.
    """
    unlike = {_trial_settings(one.protocol): one for one in sessions}.values()

    def fit(width: int, height: int) -> bool:
        return all(_fits(one, (width, height)) for one in unlike)

    heights = [_USUAL, *range(_USUAL + _STEP, _HIGHEST + 1, _STEP)]
    for most in heights:
        widths = range(_NARROWEST, _WIDEST + 1, _STEP)
        width = next((width for width in widths if fit(width, most)), None)
        if width is None:
            continue
        height = most
        while height > _LOWEST and fit(width, height - _STEP):
            height -= _STEP
        return width, height
    for one in sessions:
        one.image_size(_view((_WIDEST, _HIGHEST)))  # says what does not fit
    raise TwoalikeError(
        f"the texts of the trials do not fit a window of {_WIDEST} x {_HIGHEST} px. Make "
        "screen.text_fraction smaller in the protocol, or the texts shorter."
    )


def _trial_settings(protocol: Protocol) -> str:
    """Write the settings that trials depend on; those of pages around them are left out."""
    around = {"texts": {*PageTexts.model_fields} - {"listen"}}
    beside = dict.fromkeys(("pages", "consent", "form", "blocks", "debrief"), True)
    return protocol.model_dump_json(exclude={**around, **beside})


def _fits(prepared: Prepared, size: tuple[int, int]) -> bool:
    """Whether images and texts of the trials of a session fit a window."""
    view = _view(size)
    try:
        side = prepared.image_size(view)
    except TwoalikeError:
        return False
    faults = find_task(prepared.plan.name.task).text_faults
    found = faults(prepared.protocol, view) if faults else ()
    return side >= _FEWEST_PX and all(key == _OF_SOUNDS for key, _ in found)


def _view(size: tuple[int, int]) -> View:
    return View(size, usual_screen(size))
