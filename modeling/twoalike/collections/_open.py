"""What a path holds."""

from collections.abc import Sequence
from pathlib import Path

from twoalike.collections._collection import Collection
from twoalike.collections._folder import of_files, open_folder


def open_collection(path: str | Path) -> Collection:
    """List the images of a folder, without reading one.

    Parameters
    ----------
    path
        A folder of images, flat or a tree; ids and order as in
        :func:`twoalike.stimuli.find_images`.

    Raises
    ------
    TwoalikeError
        If it holds no image, or two images share an id.
    """
    return open_folder(Path(path))


def as_collection(images: str | Path | Sequence[Path] | Collection) -> Collection:
    """Open a path, or files, whose ids are their names; return a collection as it is."""
    if isinstance(images, Collection):
        return images
    if isinstance(images, str | Path):
        return open_collection(images)
    return of_files(Path(), [str(path.with_suffix("")) for path in images], images)
