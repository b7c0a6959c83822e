"""Image files: read as networks see them, and those that cannot be read."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError, counted, progress


def open_image(path: Path) -> Image.Image:
    """Read an image as people see it (:func:`twoalike.stimuli.read_picture`), mode RGB.

    Raises
    ------
    TwoalikeError
        If the file is missing, empty, damaged, no image, too large, or has values that no screen
        is defined to show.
    """
    try:
        return read_picture(path)
    except TwoalikeError as error:
        raise TwoalikeError(f"{error} Or leave such files out with --skip-unreadable.") from error


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
