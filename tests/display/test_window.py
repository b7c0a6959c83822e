"""A real PsychoPy window on a virtual screen: what is drawn, and what it hears."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image
from tests.stimuli.odd_images import SIZE, write_odd_images

from twoalike.display import WindowScreen, open_window
from twoalike.display._drawing import photodiode_patch
from twoalike.record import Progress, RunPlan
from twoalike.report._blocks import thumbnail
from twoalike.stimuli import StimulusSet, read_picture
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks import (
    Ask,
    Countdown,
    Fixation,
    Focus,
    ImageRow,
    Layout,
    OddOneOut,
    Page,
    Scene,
    Sitting,
    Stop,
    Timer,
    Trial,
    Typed,
    VirtualClock,
    lay_out,
)
from twoalike.tasks._protocol import Triggers
from twoalike.tasks.choosing import PreparedTriplets

# PsychoPy's imports warn of their own dependencies.
pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 40), "blue": (30, 40, 220)}
GROUND = (0xE6, 0xE6, 0xE6)
PROTOCOL = OddOneOut()
TEXTS = PROTOCOL.texts


class Opened:
    """An open window with what belongs to it."""

    def __init__(self, screen: WindowScreen, layout: Layout, clock: VirtualClock) -> None:
        self.screen, self.layout, self.clock = screen, layout, clock

    def picture(self, scene: Scene, now: float = 0.0) -> npt.NDArray[np.uint8]:
        """Pixels of a scene, rows from the top; the front buffer is black on a virtual screen."""
        window: Any = self.screen._window
        self.screen._painter.draw(scene, now)
        image = window.getMovieFrame(buffer="back")
        window.movieFrames.clear()
        window.flip()
        return np.asarray(image.convert("RGB"))

    def at(self, picture: npt.NDArray[np.uint8], x: float, y: float) -> tuple[int, ...]:
        height, width, _ = picture.shape
        return tuple(int(v) for v in picture[round(height / 2 - y), round(width / 2 + x)])


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("stimuli")
    rows = []
    for name, colour in COLOURS.items():
        # Upper half in its colour, lower half black: shows whether images stand upright.
        pixels = np.zeros((60, 60, 3), np.uint8)
        pixels[:30] = colour
        Image.fromarray(pixels).save(folder / f"{name}.png")
        rows.append((name, f"{name}.png", "0"))
    rows += [(name, f"odd/{name}", "0") for name in write_odd_images(folder / "odd")]
    stimuli = StimulusSet(folder, pd.DataFrame(rows, columns=["id", "file", "sha256"]))
    clock = VirtualClock()
    red, green, blue = COLOURS
    trial = Trial(1, 1, "main", "t1", (red, green, blue), ("left", "middle", "right"))
    prepared = PreparedTriplets(
        sitting=cast(Sitting, SimpleNamespace(pilot=False)),
        protocol=PROTOCOL,
        stimuli=stimuli,
        plan=cast(RunPlan, None),
        inputs={},
        trials=(trial,),
    )
    with open_window(prepared, Progress(), ScreenProfile(), clock=clock) as (screen, view, _):
        yield Opened(screen, lay_out(PROTOCOL, view), clock)


def test_the_window_shows_what_networks_and_reports_see(opened: Opened, tmp_path: Path) -> None:
    """The network's input is compared with the same files in tests/backbones."""
    for name, (expected, _) in write_odd_images(tmp_path).items():
        picture = opened.picture(ImageRow((None, name, None))).astype(int)
        drawn = thumbnail(read_picture(tmp_path / name), 48)
        for right, down in product((0, 1), (0, 1)):
            rows, columns = (1 + 2 * down) * SIZE[1] // 4, (1 + 2 * right) * SIZE[0] // 4
            x, y = (
                (2 * right - 1) * opened.layout.image / 4,
                (1 - 2 * down) * opened.layout.image / 6,
            )
            shown = np.array(opened.at(picture, x, y))
            assert np.abs(shown - expected[rows, columns].astype(int)).max() <= 4, name
            small = np.array(drawn.getpixel((columns, rows + 8)))
            assert np.abs(shown - small).max() <= 1, name


def test_a_patch_for_a_photodiode_is_white_while_images_are_shown(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    triggers = Triggers(photodiode="bottom-right")
    place = photodiode_patch(triggers, opened.screen.size)
    monkeypatch.setattr(opened.screen._painter, "_patch", place)
    row = ("red", "green", "blue")
    dark = (Fixation(), Page("Welcome"), ImageRow((None,) * 3, "Which one?"))
    masks = ImageRow(row, source="scrambled")
    for scene in (*dark, ImageRow(row), masks):
        picture = opened.picture(scene)
        side = round(triggers.photodiode_size * min(picture.shape[:2]))
        patch, around = picture[-side:, -side:], picture[-side - 2, -side - 2]
        assert (patch == (255 if scene == ImageRow(row) else 0)).all()
        assert tuple(around) == GROUND


def test_a_labs_own_calibration_gets_the_window(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "tracker.py").write_text("def calibrate(window):\n    return window.size[0]\n")
    width, _ = opened.screen.size
    assert opened.screen.calibrate("tracker:calibrate", tmp_path) == str(width)
    with pytest.raises(TwoalikeError, match="cannot be imported"):
        opened.screen.calibrate("tracker:validate", tmp_path)


def test_image_edges_are_where_clicks_begin(opened: Opened) -> None:
    picture = opened.picture(ImageRow((None, "red", None)))
    coloured = np.flatnonzero((picture[picture.shape[0] // 2 - 20] != GROUND).any(axis=1))
    width = picture.shape[1]
    assert coloured[0] == width / 2 - opened.layout.image / 2
    assert coloured[-1] == width / 2 + opened.layout.image / 2 - 1
    assert opened.layout.hit(coloured[0] - width / 2, 0) == "middle"
    assert opened.layout.hit(coloured[0] - 1 - width / 2, 0) is None


def test_the_answer_expected_has_a_frame_around_its_whole_image(opened: Opened) -> None:
    plain = opened.picture(ImageRow(("red", "green", "blue")))
    marked = opened.picture(ImageRow(("red", "green", "blue"), marked=("green",)))
    changed = (marked != plain).any(axis=2)
    accent = tuple(int(PROTOCOL.screen.accent[k : k + 2], 16) for k in (1, 3, 5))
    assert {tuple(map(int, colour)) for colour in marked[changed]} == {accent}
    half = opened.layout.image / 2
    assert opened.at(marked, -half - 9, 0) == accent
    assert opened.at(marked, 0, half + 9) == accent


def test_more_images_than_are_kept_are_loaded_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = opened.picture(ImageRow(("red", "green", "blue")))
    monkeypatch.setattr("twoalike.display._canvas.MOST_IMAGES", 1)
    for _ in range(2):
        np.testing.assert_array_equal(opened.picture(ImageRow(("red", "green", "blue"))), whole)


def test_texts_after_timed_images_are_ready_before_the_cross(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = ImageRow((None, None, None), "Which one, in a text not drawn before?")
    cross = Fixation((("objects", "red"), ("objects", "green"), ("objects", "blue")), prompt)
    np.testing.assert_array_equal(opened.picture(cross), opened.picture(Fixation()))
    monkeypatch.setattr(opened.screen._painter._canvas, "_image_stimulus", None)
    assert (opened.picture(prompt) != opened.picture(Fixation())).any()


@pytest.mark.parametrize(
    "scene",
    [
        Fixation(),
        *(Page(text, PROTOCOL.texts.go_on) for text in PROTOCOL.texts.instruction),
        Page(PROTOCOL.texts.pause, PROTOCOL.texts.go_on, (5, 10), "5 of 10 done"),
        Page("Grüße, 你好, здравствуйте"),
        ImageRow(("red", "blue", "green"), verdict=TEXTS.wrong, marked=("green",)),
        Countdown(TEXTS.ready, 3.0),
        Ask("Which hand do you write with?", ("left", "right"), None, TEXTS.choose),
        Ask("How old are you?", (), "31", TEXTS.enter, TEXTS.needs_number),
        Ask(TEXTS.consent, (TEXTS.agree, TEXTS.decline), None, TEXTS.choose),
        ImageRow(
            ("red", "green", "blue"), PROTOCOL.texts.prompt, PROTOCOL.texts.labels, Timer(9.0, 10.0)
        ),
    ],
)
def test_nothing_touches_the_edge_of_the_window(opened: Opened, scene: Scene) -> None:
    picture = opened.picture(scene)
    drawn = (picture != GROUND).any(axis=2)
    assert drawn.any()
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    assert rows[0] > 20
    assert rows[-1] < picture.shape[0] - 20
    assert columns[0] > 20
    assert columns[-1] < picture.shape[1] - 20


def test_typed_text_arrives_and_line_ends_do_not(opened: Opened) -> None:
    opened.screen.events()
    now = opened.screen.now()
    for text in ("a", "ß", "大", "\r", "\t", " "):
        opened.screen.type_text(text)
    assert opened.screen.events() == [Typed(now, text) for text in ("a", "ß", "大", " ")]


def test_a_key_that_is_held_writes_once(opened: Opened) -> None:
    opened.screen.events()
    for _ in range(2):
        opened.screen.press_key("1")
        for _ in range(3):  # as X repeats it
            opened.screen.type_text("1")
    typed = [event for event in opened.screen.events() if isinstance(event, Typed)]
    assert [event.text for event in typed] == ["1", "1"]


def test_gaining_and_losing_the_keyboard_is_told(opened: Opened) -> None:
    opened.screen.events()
    now = opened.screen.now()
    handle: Any = opened.screen._window.winHandle
    handle.dispatch_event("on_deactivate")
    handle.dispatch_event("on_activate")
    assert opened.screen.events() == [Focus(now, here=False), Focus(now, here=True)]


def test_the_close_button_asks_for_a_stop_and_the_window_stays(opened: Opened) -> None:
    from Xlib.display import Display
    from Xlib.protocol.event import ClientMessage

    opened.screen.events()
    display = Display()
    handle: Any = opened.screen._window.winHandle
    window = display.create_resource_object("window", handle._window)
    # What a window manager sends.
    content = [display.intern_atom("WM_DELETE_WINDOW"), 0, 0, 0, 0]
    window.send_event(
        ClientMessage(
            window=window, client_type=display.intern_atom("WM_PROTOCOLS"), data=(32, content)
        )
    )
    display.sync()
    found = opened.screen.events()
    display.close()
    assert found == [Stop(opened.screen.now(), "window_closed")]
    assert opened.screen.show(Fixation()).time == opened.screen.now()
