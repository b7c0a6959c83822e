"""An image file as people and networks see it: upright, opaque, 8-bit sRGB.

Windows, networks and reports all read images through :func:`read_picture`. It decides what a file
leaves to the program that opens it: EXIF orientation, transparency, bit depth, colour profiles. If
that changes an image, ``init`` writes the result as a plain file, so that every other program shows
the same picture.
"""

import hashlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageCms, UnidentifiedImageError

from twoalike.study import Integers, TwoalikeError, shortened, visible

BACKGROUND = "#ffffff"
"""Colour behind transparent parts, as on paper, unless a study has chosen another."""
MOST_PIXELS = 89_478_485
"""Pixels of the largest image; about 256 MiB as RGB. Pillow warns from here on."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""Formats that are read, by Pillow's names; the content of a file decides, not its name."""

_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_DEEP = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_SAME = 2
"""Difference (of 255) up to which a profile counts as sRGB: implementations round differently."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How pixels are put upright, by EXIF orientation."""
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow raises at damaged files."""


def read_picture(source: str | Path | bytes | Image.Image, where: str | None = None) -> Image.Image:
    """Read an image file as 8-bit sRGB, upright, transparent parts on white.

    Of several pages or frames it is the first. ``source`` may be the content of a file as well;
    ``where`` is what to call it in errors.
    """
    if isinstance(source, str | Path):
        source, where = Path(source), where or str(source)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with opened(file, str(where)) as image:
        return plain_picture(image)[0]


def scaled(image: Image.Image, side: int) -> Image.Image:
    """Image scaled into a square of ``side`` pixels.

    Width and height come out even, so that image and screen pixels coincide.
    """
    scale = side / max(image.size)
    width, height = (max(2, round(length * scale / 2) * 2) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


_IN_BROWSERS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
"""Formats that every browser shows, by Pillow's names, and their endings."""
_COLOUR = frozenset({"icc_profile", "gamma", "chromaticity", "srgb"})
"""What a file may say about its colours; browsers and Pillow heed some of it differently."""


def shown_as_it_is(path: str | Path) -> str:
    """Return the ending of a file that browsers show as :func:`read_picture` reads it; else "".

    That is a still picture of 8 bits a channel, upright, opaque, without a colour profile, in a
    format that all browsers have.
    """
    with opened(Path(path), str(path)) as image:
        plain = is_still(image) and image.format in _IN_BROWSERS and not _COLOUR & set(image.info)
        ending = _IN_BROWSERS.get(image.format or "", "")
        return ending if plain and not plain_picture(image)[1] else ""


@contextmanager
def opened(source: Path | io.BytesIO | Image.Image, where: str) -> Iterator[Image.Image]:
    """Open an image file and check its header; errors in the block are reported as well."""
    try:
        with warnings.catch_warnings():
            # Our own limit is checked below, and reported in one line.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if isinstance(source, Image.Image):
                image = source.copy()
            else:
                image = Image.open(source, formats=FORMATS)
        with image:
            _check_header(image, where)
            yield image
    except Image.DecompressionBombError as error:
        # Pillow gives the number in its message only.
        found = re.search(r"\d+", str(error))
        raise TwoalikeError(_too_large(where, int(found[0]) if found else None)) from error
    except FileNotFoundError as error:
        raise TwoalikeError(
            f"{where}: expected an image, found no file. Check the path."
        ) from error
    except _DAMAGED as error:
        # Pillow's own text for an unknown format is the path once more.
        unknown = isinstance(error, UnidentifiedImageError)
        empty = unknown and not isinstance(source, Image.Image) and _size(source) == 0
        reason = "the file is empty" if empty else "damaged, or no image" if unknown else error
        raise TwoalikeError(
            f"{where}: cannot be read as an image ({shortened(reason)}). Replace or remove it; "
            f"formats: {', '.join(FORMATS)}."
        ) from error


def _size(source: Path | io.BytesIO) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source.getvalue())


def is_still(image: Image.Image) -> bool:
    """Whether an open image is one picture, or a photograph with a preview (MPO)."""
    return image.format == "MPO" or getattr(image, "n_frames", 1) == 1


def check_still(image: Image.Image, where: str) -> None:
    """Check that an open image is one picture."""
    if not is_still(image):
        raise TwoalikeError(
            f"{where}: expected one picture, found several frames. Save the one to show as PNG."
        )


def plain_picture(
    image: Image.Image, background: str = BACKGROUND
) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an open image to 8-bit sRGB, upright and opaque.

    An embedded profile that cannot be used is ignored, as viewers and browsers do.
    """
    stated = image.getexif().get(ExifTags.Base.Orientation)
    image.load()  # turns a TIFF upright and removes the tag
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    profile = image.info.get("icc_profile")
    plain = image.mode == "RGB" and "transparency" not in image.info
    if plain and profile is None and stated not in _TURNS:
        return _bare(image.convert("RGB")), ()
    changes = []
    alpha = None
    if image.mode in _DEEP:
        image, alpha = _from_16_bits(image)
        changes.append("16 bits a channel to 8")
    elif image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
    image, change = _to_srgb(image, profile)
    changes += change
    if alpha is not None and np.asarray(alpha).min() < 255:
        # Dropping alpha would show whatever colour lies under it, mostly black.
        image.putalpha(alpha)
        paper = Image.new("RGBA", image.size, background)
        paper.alpha_composite(image)
        image = paper.convert("RGB")
        changes.append(f"transparent parts to {background}")
    if turn is not None:
        image = image.transpose(turn)
    if stated in _TURNS:
        changes.append("turned by EXIF orientation")
    return _bare(image), tuple(changes)


def _bare(image: Image.Image) -> Image.Image:
    """Drop everything but the pixels, since Pillow would write it into other files."""
    image.info = {}
    return image


def _check_header(image: Image.Image, where: str) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise TwoalikeError(_too_large(where, width * height, f" ({width:,} x {height:,})"))
    if image.mode not in _MODES | _DEEP:
        raise TwoalikeError(
            f"{where}: expected grey, RGB or CMYK of 8 or 16 bits a channel, found image mode "
            f"{image.mode}, which no screen is defined to show. Convert it to 8-bit RGB."
        )


def _too_large(where: str, n_pixels: int | None, size: str = "") -> str:
    found = "more" if n_pixels is None else f"{n_pixels:,}{size}"
    return (
        f"{where}: expected at most {MOST_PIXELS:,} pixels, found {found}. Make the image smaller: "
        "no screen shows a tenth of them."
    )


def _from_16_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Upper 8 bits of a grey image, as Pillow takes them from 16-bit RGB, and its alpha."""
    values = np.asarray(image)
    alpha = None
    if (clear := image.info.get("transparency")) is not None:
        alpha = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    return Image.fromarray((values >> 8).astype(np.uint8)), alpha


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[str]]:
    """Colours of an image without its alpha, mode RGB, and how they were changed."""
    mode = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    changes = []
    if profile:
        transform, name = _profile_transform(profile, mode)
        if transform is not None:
            colours = image.convert(transform.input_mode)
            return transform.apply(colours), [f"colours from {name} to sRGB"]
        changes += [name] if name else []
    if mode == "CMYK":
        changes.append("CMYK inks to RGB without a profile")
    return image.convert("RGB"), changes


@lru_cache(maxsize=16)
def _profile_transform(profile: bytes, mode: str) -> tuple[Any, str]:
    """Transform of a profile to sRGB, and the profile's name.

    None and an empty name if the profile is sRGB; None and the reason if it cannot be used.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        described = shortened(visible(ImageCms.getProfileDescription(source)), 60)
        name = described or "an unnamed profile"
        if mode == "L" and source.profile.xcolor_space.strip() == "RGB":
            mode = "RGB"
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        if mode == "L":  # optimised, dark greys of a linear scale would be 10 levels off
            flags |= ImageCms.Flags.NOOPTIMIZE
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags,
        )
    except (ImageCms.PyCMSError, *_DAMAGED):
        return None, "unusable colour profile ignored"
    if mode != "CMYK":
        probe = _probe(mode)
        difference = ImageChops.difference(transform.apply(probe), probe.convert("RGB"))
        if np.asarray(difference).max() <= _SAME:
            return None, ""
    return transform, name


def _probe(mode: str) -> Image.Image:
    """Every grey, and in RGB a grid of colours besides."""
    grey = np.arange(256, dtype=np.uint8)[None, :]
    if mode == "L":
        return Image.fromarray(grey)
    steps = np.linspace(0, 255, 16).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 256, 3)
    return Image.fromarray(np.concatenate([grid, np.stack([grey] * 3, axis=-1)]))


_ROUNDS = 8
"""Corrections of mean and contrast after values outside the range were cut off."""


def scrambled_mask(name: str, image: Image.Image, seed: int) -> Image.Image:
    """Scramble the phases of an object's image, for everybody in a study of a seed alike."""
    digest = hashlib.sha256(name.encode()).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8])])
    return Image.fromarray(phase_scrambled(np.asarray(image.convert("RGB")), rng))


def phase_scrambled(pixels: Integers, rng: np.random.Generator) -> Integers:
    """Scramble the phases of an image, and keep its amplitudes.

    The same random phases are added in all channels, so that the colours stay together. Mean and
    standard deviation of each channel stay those of the image, as nearly as values from 0 to 255
    allow: a small light object on black gets a lighter mask.

    ``pixels`` are values from 0 to 255, shape (height, width, channels).

    References
    ----------
    Oppenheim & Lim (1981), The importance of phase in signals, doi:10.1109/PROC.1981.12022.

    Examples
    --------
    >>> image = np.full((16, 16, 3), 120, np.uint8)
    >>> image[4:9, 2:11] = 200, 120, 40
    >>> mask = phase_scrambled(image, np.random.default_rng(1))
    >>> mask.shape, abs(float(mask.mean()) - float(image.mean())) < 1
    ((16, 16, 3), True)
    """
    values = pixels.astype(np.float64)
    noise = np.fft.fft2(rng.standard_normal(pixels.shape[:2]))
    turned = np.exp(1j * np.angle(noise))  # of real noise, so that the result is real
    turned[0, 0] = 1.0  # the mean
    spectrum = np.fft.fft2(values, axes=(0, 1)) * turned[:, :, None]
    scrambled = np.fft.ifft2(spectrum, axes=(0, 1)).real
    mean, spread = values.mean((0, 1)), values.std((0, 1))
    for _ in range(_ROUNDS):
        now = scrambled.std((0, 1))
        scale = np.divide(spread, now, out=np.ones_like(now), where=now > 0)
        scrambled = np.clip((scrambled - scrambled.mean((0, 1))) * scale + mean, 0, 255)
    return np.rint(scrambled).astype(np.uint8)
