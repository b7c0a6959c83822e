"""Small sounds and lists of words for tests."""

from pathlib import Path

import numpy as np

WORDS = "cat\tanimal\ndog\tanimal\nθάλασσα\tplace\nشمس\tsky\ncoffee cup\tthing\n"
"""Latin, Greek and Arabic, with categories."""


def write_sounds(folder: Path, n: int = 3, length_s: float = 0.3, first: int = 0) -> None:
    """Tones as WAV, FLAC and OGG, each a tenth of a second longer than the one before."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n):
        ending = ("wav", "flac", "ogg")[number % 3]
        moments = np.arange(0, length_s + 0.1 * (number - first), 1 / 8000)
        tone = 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * moments)
        soundfile.write(folder / f"tone{number}.{ending}", tone, 8000)
