"""Tones after answers in practice: a high one after a right answer, a low one after another."""

import wave
from pathlib import Path

import numpy as np

from twoalike.study import Floats
from twoalike.tasks._activity import Playing

RIGHT_TONE, WRONG_TONE = "tone/right", "tone/wrong"
"""Names of the tones; no object has a name with a slash."""
TONE_S = 0.2
"""How long a tone lasts."""
_HERTZ = {RIGHT_TONE: 880.0, WRONG_TONE: 220.0}
_RATE, _RAMP_S = 44_100, 0.01


def feedback_tone(right: bool, time: float) -> Playing:
    """Tone that an answer gets, from a time on."""
    return Playing(RIGHT_TONE if right else WRONG_TONE, time, time + TONE_S, "feedback")


def tone(name: str) -> Floats:
    """Make a tone: samples in [-1, 1], 44,100 a second, shape (n,), a sine with soft ends."""
    times = np.arange(round(TONE_S * _RATE)) / _RATE
    ramp = np.clip(np.minimum(times, times[::-1]) / _RAMP_S, 0.0, 1.0)
    return np.asarray(0.5 * ramp * np.sin(2 * np.pi * _HERTZ[name] * times))


def write_tones(folder: Path) -> dict[str, Path]:
    """Write the tones as WAV files of 16 bits into a folder; return the file of each."""
    files = {name: folder / f"{name.replace('/', '_')}.wav" for name in _HERTZ}
    for name, path in files.items():
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(_RATE)
            file.writeframes((32_767 * tone(name)).astype("<i2").tobytes())
    return files
