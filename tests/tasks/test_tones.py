"""Tones after answers in practice: which, when, and that a speaker gets them."""

import wave
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from twoalike.record import Progress
from twoalike.sitting._part import How, Part
from twoalike.tasks import KeyPress, OddOneOut, Shown, Tick, Trial, View, lay_out, write_tones
from twoalike.tasks._listening import RIGHT_TONE, WRONG_TONE
from twoalike.tasks.choosing import TripletActivity

TRIAL = Trial(1, 1, "practice", "t", ("a", "b", "c"), ("left", "middle", "right"), expected=3)
TONES = OddOneOut.model_validate({"practice": {"tones": True}, "timing": {"fixation_s": 0}})
HOW = How(
    simulated=False,
    resume=False,
    elsewhere=False,
    allow_problems=False,
    window=True,
    windowed=False,
    virtual_display=False,
    speed=None,
    panel=False,
    show=print,
)


def heard(protocol: OddOneOut, key: str) -> list[str | None]:
    """Sounds before the answer, at its first frame, and when feedback is over."""
    activity = TripletActivity(TRIAL, protocol, lay_out(protocol, View((1280, 1024))))
    found: list[str | None] = []
    for events in ((Shown(0.0),), (KeyPress(1.0, key), Shown(1.02)), (Tick(9.0),)):
        for event in events:
            activity.handle(event)
        found.append(None if activity.sounding is None else activity.sounding.name)
    return found


def test_a_tone_follows_an_answer_in_practice() -> None:
    assert heard(TONES, "right") == [None, RIGHT_TONE, None]
    assert heard(TONES, "left") == [None, WRONG_TONE, None]
    assert heard(OddOneOut(), "right") == [None, None, None]


def test_tones_are_soft_sounds_that_any_program_reads(tmp_path: Path) -> None:
    for path in write_tones(tmp_path).values():
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_767
            assert file.getnframes() / file.getframerate() == pytest.approx(0.2)
        assert samples[0] == samples[-1] == 0
        assert 0.4 < np.abs(samples).max() <= 0.5


def test_a_speaker_gets_the_tones(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, bool] = {}

    def device(files: Mapping[str, Path], volume: float) -> str:
        given.update({name: path.is_file() for name, path in files.items()})
        return "speaker"

    monkeypatch.setattr("twoalike.display.DeviceSpeaker", device)
    with ExitStack() as stack:
        for protocol, opened in ((OddOneOut(), None), (TONES, "speaker")):
            prepared: Any = SimpleNamespace(protocol=protocol)
            part = Part(prepared=prepared, progress=Progress(), sounds={}, how=HOW)
            assert part._open_speaker(stack) == opened
    assert given == {RIGHT_TONE: True, WRONG_TONE: True}
