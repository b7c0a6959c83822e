"""Image files: read as networks see them, and those that cannot be read."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from twoalike.study import TwoalikeError, counted, progress


def open_image(path: Path) -> Image.Image:
    """Read an image as RGB; transparent parts lie on white, as on a page.

    Raises
    ------
    TwoalikeError
        If the file is missing, empty, damaged, no image, or has more than 8 bits a channel.
    """
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode.startswith(("I", "F")):
                raise TwoalikeError(
                    f"{path}: expected 8 bits a channel, found image mode {image.mode}. Convert "
                    "it to 8-bit RGB or grey."
                )
            if not image.has_transparency_data:
                return image.convert("RGB")
            # Dropping alpha would show whatever colour lies under it, mostly black.
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(image.convert("RGBA"))
            return opaque.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        empty = path.is_file() and path.stat().st_size == 0
        reason = "the file is empty" if empty else " ".join(str(error).split())
        raise TwoalikeError(
            f"{path}: cannot be read as an image ({reason}). Replace or remove the file, or leave "
            "such files out with --skip-unreadable."
        ) from error


def without_unreadable(
    ids: Sequence[str], paths: Sequence[Path]
) -> tuple[tuple[str, ...], tuple[Path, ...], tuple[str, ...]]:
    """Ids and files of the images that can be read, and the ids of the others.

    Every image is read once, to its last pixel: many files that are damaged begin well.

    Raises
    ------
    TwoalikeError
        If none can be read.
    """
    unreadable, reason = [], ""
    with progress() as bar:
        task = bar.add_task("reading images", total=len(paths), status="")
        for name, path in zip(ids, paths, strict=True):
            try:
                open_image(path)
            except TwoalikeError as error:
                unreadable.append(name)
                reason = str(error)
            bar.update(task, advance=1)
    if len(unreadable) == len(paths):
        raise TwoalikeError(
            f"none of {counted(len(paths), 'image')} can be read; the last one: {reason}"
        )
    kept = [(n, p) for n, p in zip(ids, paths, strict=True) if n not in set(unreadable)]
    return tuple(n for n, _ in kept), tuple(p for _, p in kept), tuple(unreadable)
