"""Small sounds, films and lists of words for tests."""

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = "cat\tanimal\ndog\tanimal\nθάλασσα\tplace\nشمس\tsky\ncoffee cup\tthing\n"
"""Latin, Greek and Arabic, with categories."""
SHADES = (250, 200, 150, 100, 50, 0)
"""Red of the frames of a film."""
FPS = 12.5


def write_sounds(folder: Path, n: int = 3, length_s: float = 0.3) -> None:
    """Tones as WAV, FLAC and OGG, each a tenth of a second longer than the one before."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        ending = ("wav", "flac", "ogg")[number % 3]
        moments = np.arange(0, length_s + 0.1 * number, 1 / 8000)
        tone = 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * moments)
        soundfile.write(folder / f"tone{number}.{ending}", tone, 8000)


def write_films(folder: Path) -> None:
    """Three films of six frames, as MP4, WebM and GIF: red fades from frame to frame."""
    import imageio_ffmpeg

    folder.mkdir(parents=True, exist_ok=True)
    frames = [np.full((48, 64, 3), (shade, 40, 60), np.uint8) for shade in SHADES]
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo"]
    pixels = ["-pix_fmt", "rgb24", "-s", "64x48", "-r", str(FPS), "-i", "-"]
    for name, codec in (("a.mp4", "libx264"), ("b.webm", "libvpx")):
        command = [*ffmpeg, *pixels, "-c:v", codec, "-pix_fmt", "yuv420p", str(folder / name)]
        subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), check=True)
    first, *rest = map(Image.fromarray, frames)
    first.save(folder / "c.gif", save_all=True, append_images=rest, duration=80, loop=0)
