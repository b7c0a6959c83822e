"""Sounds: their lengths, and the loudspeaker that is shown for one."""

from pathlib import Path

from PIL import Image, ImageDraw

from twoalike.study import TwoalikeError, shortened

LONGEST_SOUND_S = 120.0
"""Longest sound, s: each is heard to its end in every trial."""
_SIDE, _FINE = 384, 4
"""Side of a loudspeaker's picture in pixels, and how many times finer it is drawn."""


def sound_length(path: Path, where: str = "", *, decode: bool = False) -> float:
    """Duration of a sound, s; the header says it, unless all of it is decoded."""
    import soundfile

    where = where or str(path)
    try:
        length = float(soundfile.info(str(path)).duration)
        if decode:
            n_samples = len(soundfile.read(str(path), dtype="float32", always_2d=True)[0])
            length = min(length, n_samples / soundfile.info(str(path)).samplerate)
    except soundfile.SoundFileError as error:
        raise TwoalikeError(
            f"{where}: cannot be read as a sound ({shortened(error)}). Replace or remove it; "
            "formats: WAV, FLAC, OGG."
        ) from error
    if not 0 < length <= LONGEST_SOUND_S:
        raise TwoalikeError(
            where=where,
            expected=f"a sound of at most {LONGEST_SOUND_S:.0f} s",
            found=f"{length:.1f} s",
            remedy="Cut it.",
        )
    return length


def draw_speaker(label: Image.Image | None, *, ink: str, paper: str) -> Image.Image:
    """Picture of a loudspeaker, mode RGB, square; below it the picture of a label."""
    side = _FINE * _SIDE
    image = Image.new("RGB", (side, side), paper)
    draw = ImageDraw.Draw(image)
    unit, x, y = side / 100, 50 * side / 100, (50 if label is None else 38) * side / 100
    corners = ((-27, -9), (-16, -9), (-2, -23), (-2, 23), (-16, 9), (-27, 9))
    draw.polygon([(x + right * unit, y + down * unit) for right, down in corners], fill=ink)
    for radius in (11, 20, 29):
        box = [x - radius * unit, y - radius * unit, x + radius * unit, y + radius * unit]
        draw.arc(box, -42, 42, fill=ink, width=round(4 * unit))
    image = image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if label is not None:
        high = min(round(label.height * _SIDE / label.width), _SIDE // 3)
        image.paste(label.resize((_SIDE, high), Image.Resampling.LANCZOS), (0, _SIDE - high))
    return image
