"""A dark theme is dark everywhere: boxes, buttons, entry and arena follow it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.display.consent import consent_text

from twoalike.display._canvas import Canvas
from twoalike.display._drawing import Painter
from twoalike.display._open import create_window, psychopy_environment
from twoalike.stimuli import StimulusSet
from twoalike.study import ScreenProfile
from twoalike.tasks import Arena, Ask, MultiArrangement, Page, PushButton, Scene, View, frame

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

DARK = MultiArrangement.model_validate(
    {"screen": {"background": "#181818", "foreground": "#e8e8e8", "accent": "#56b4e9"}}
)
LONG = consent_text("en")
NONE = StimulusSet(Path(), pd.DataFrame(columns=["id", "file", "sha256"]))
BUTTONS = (
    PushButton(300, -300, 160, 60, "done", "Done", enabled=False),
    PushButton(-300, -300, 160, 60, "start_over", "Start over", enabled=False),
)


@pytest.fixture(scope="module")
def dark() -> Iterator[tuple[Any, Painter]]:
    """A window of the dark theme, and what draws into it."""
    with psychopy_environment():
        window, size = create_window(DARK.screen.background, ScreenProfile(), windowed=False)
        canvas = Canvas(window, DARK, frame(DARK.screen, size), NONE)
        yield window, Painter(canvas, DARK, View(size))
        window.close()


@pytest.mark.parametrize(
    "scene",
    [
        Page(LONG, "Go on", part=1),
        Page("Time for a break.", "Go on", (5, 10), "5 of 10"),
        Ask(LONG, ("I agree", "I do not agree"), None, "Choose", turn="Go on", part=1),
        Ask("Which hand?", ("left", "right", "both"), None, "Choose"),
        Ask("How old are you?", (), "31", "Type", "Please enter a number."),
        Arena(
            centre=(0.0, 0.0),
            radius=300.0,
            images=(),
            buttons=BUTTONS,
            prompt="Alike: close together.",
            counter="5 images left",
        ),
    ],
)
def test_nothing_but_letters_and_rims_is_light(dark: tuple[Any, Painter], scene: Scene) -> None:
    window, painter = dark
    painter.draw(scene, 0.0)
    picture = np.asarray(window._getFrame(buffer="back").convert("L"))
    window.flip()
    assert (picture > 200).any()  # the letters
    # No light area: in any square of 16 pixels there is dark between the letters.
    rows, columns = (length // 16 * 16 for length in picture.shape)
    squares = picture[:rows, :columns].reshape(rows // 16, 16, columns // 16, 16)
    assert squares.min(axis=(1, 3)).max() < 100
