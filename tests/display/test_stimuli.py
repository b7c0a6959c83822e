"""Words and sounds in a real window; sounds by real keys and a real mouse."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.display.conftest import Session
from tests.stimuli.media import WORDS, write_sounds

from twoalike.display import DeviceSpeaker, SilentSpeaker, open_window
from twoalike.observers import SimulatedObserver
from twoalike.planning import create_study
from twoalike.record import Progress, read_run
from twoalike.stimuli import StimulusSet
from twoalike.study import ScreenProfile, Study, TwoalikeError
from twoalike.tasks import (
    ImageRow,
    OddOneOut,
    Playing,
    Sitting,
    View,
    VirtualClock,
    lay_out,
    prepare_session,
)

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

SETTINGS = 'title = "Kinds"\nseed = 1\n[design]\ntrials = 3\npractice = 0\n'
QUICK = "[pages]\npage_s = 0\ninstruction_s = 0\n[timing]\nfixation_s = 0\n[breaks]\nready_s = 0\n"


def made(folder: Path, **source: Path) -> Study:
    study = create_study(folder / "study", **source, seed=1).study
    (study.root / "study.toml").write_text(SETTINGS)
    return Study.load(study.root)


def pixels(study: Study, scene: Any) -> np.ndarray:
    """What a window shows of a scene, rows from the top."""
    ids = StimulusSet.load(study.stimuli).ids
    observer = SimulatedObserver(ids, np.eye(len(ids)))
    sitting = Sitting(study=study, participant="001", session=1, observer=observer)
    prepared, clock = prepare_session("odd-one-out", sitting), VirtualClock()
    with open_window(prepared, Progress(), ScreenProfile(), clock=clock) as (screen, _, _):
        return np.asarray(screen.picture(scene))


def square(picture: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    height, width, _ = picture.shape
    row, column, half = round(height / 2 - y), round(width / 2 + x), round(side / 2)
    return picture[row - half : row + half, column - half : column + half]


def test_words_of_three_scripts_are_drawn_in_the_colours_of_the_screen(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(WORDS, encoding="utf-8")
    study = made(tmp_path, words=tmp_path / "words.txt")
    row = ImageRow(("cat", "θάλασσα", "شمس"), "Which?")
    picture = pixels(study, row)
    layout, heights = lay_out(OddOneOut(), View((1280, 1024))), []
    for place in ("left", "middle", "right"):
        part = square(picture, *layout.centre(place), layout.image).astype(int)
        assert tuple(part[2, 2]) == (0xE6, 0xE6, 0xE6)
        assert part.min() < 0x50  # letters in the colour of texts
        rows = np.flatnonzero((part.max(axis=2) < 0x80).any(axis=1))
        heights.append(rows[-1] - rows[0])
    assert max(heights) < 3 * min(heights)  # one size of letters


def test_a_word_without_a_font_opens_no_window(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("cat\ndog\n\U0001e900\n", encoding="utf-8")
    study = made(tmp_path, words=tmp_path / "words.txt")
    study.root.joinpath("study.toml").write_text(SETTINGS.replace("trials = 3", "trials = 1"))
    with pytest.raises(TwoalikeError, match="no font of this computer has the characters"):
        pixels(Study.load(study.root), ImageRow((None, None, None)))


def test_sounds_are_played_by_keys_and_mouse_and_heard_before_an_answer(
    tmp_path: Path, person: Any, sit: Callable[..., Session]
) -> None:
    write_sounds(tmp_path / "tones", 4)
    study = made(tmp_path, sounds=tmp_path / "tones")
    study.protocol_of("oddoneout").write_text(QUICK)
    session = sit(study.root, "odd-one-out", "--pilot")
    size = (int(0.85 * 1280) // 2 * 2, int(0.85 * 1024) // 2 * 2)
    layout = lay_out(OddOneOut(), View(size))
    person.point_at(0, 400)
    session.begin()
    session.until(lambda: session.notes("trial_shown"))
    person.press("Left")
    person.click(*layout.centre("left"))
    session.until(lambda: len(session.notes("sound_played")) == 1)
    person.press("s")
    session.until(lambda: len(session.notes("sound_played")) == 2)
    assert session.n_rows() <= 0
    person.point_at(*layout.centre("right"))
    session.until(lambda: len(session.notes("sound_played")) == 3)
    person.wait(0.1)
    person.press("Right")
    session.until(lambda: session.n_rows() == 1)
    plays = session.notes("sound_played")
    assert [note["by"] for note in plays] == ["mouse", "keyboard", "mouse"]
    assert all(note["to_end"] for note in plays)
    row = read_run(session.name.rows(session.raw)).rows.iloc[0]
    assert row["response_position"] == "right"
    heard = {note["stimulus"] for note in plays}
    assert heard == {row["stimulus_1"], row["stimulus_2"], row["stimulus_3"]}


def test_speakers_follow_what_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sounds(tmp_path)
    files = {"a": tmp_path / "tone0.wav", "b": tmp_path / "tone2.ogg"}
    first, second = Playing("a", 0.0, 0.3, "mouse"), Playing("b", 0.1, 0.6, "mouse")
    silent = SilentSpeaker(files)
    for playing, time in ((first, 0.0), (first, 0.05), (second, 0.1), (None, 0.6)):
        silent.follow(playing, time)
    assert silent.played == [(files["a"], 2400), (files["b"], 4000)]

    done: list[str] = []

    class Sound:
        def __init__(self, file: str, volume: float) -> None:
            self.name = f"{Path(file).stem} {volume}"

        def play(self) -> None:
            done.append(f"play {self.name}")

        def stop(self) -> None:
            done.append(f"stop {self.name}")

    module = types.ModuleType("psychopy.sound")
    module.Sound = Sound  # type: ignore[attr-defined]
    import psychopy

    monkeypatch.setitem(sys.modules, "psychopy.sound", module)
    monkeypatch.setattr(psychopy, "sound", module, raising=False)
    speaker = DeviceSpeaker(files, 0.5)
    for playing, time in ((first, 0.0), (second, 0.1), (None, 0.6), (first, 1.0), (None, 1.0)):
        speaker.follow(playing, time)
    # The second came to its end by itself; the first, at its second time, has ended long ago.
    assert done == ["play tone0 0.5", "stop tone0 0.5", "play tone2 0.5", "play tone0 0.5"]

    def broken(*_: object, **__: object) -> None:
        raise Exception("PortAudio can't detect any supported sound device")  # noqa: TRY002

    module.Sound = broken  # type: ignore[attr-defined]
    with pytest.raises(TwoalikeError, match="no sound device that works") as caught:
        DeviceSpeaker(files, 1.0)
    assert "\n" not in str(caught.value)
