"""Finding the images of a folder, with or without a manifest."""

from pathlib import Path

from twoalike.stimuli._file_names import check_names, composed
from twoalike.study import TwoalikeError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Endings taken for images, in lower case."""
MANIFEST = "stimuli.tsv"
"""Name of the manifest in a folder of stimuli."""


def list_image_files(folder: Path) -> list[Path]:
    """Image files below ``folder`` in the order of their relative paths, hidden ones left out.

    Raises
    ------
    TwoalikeError
        If the folder is missing or holds no image, or no table can hold one's name.
    """
    if not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder of images, found none. Check the path.")
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise TwoalikeError(
            f"{folder}: expected images ({', '.join(sorted(SUFFIXES))}), found none."
        )
    files = {path.relative_to(folder).as_posix(): path for path in found}
    check_names(folder, files)
    return [files[name] for name in sorted(files)]


def find_images(folder: Path) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Ids and files of the images in a folder.

    With a manifest (``stimuli.tsv``) the ids, files and order are the manifest's, checked
    against the files; without one, all images in the order of their paths, and an id is the
    relative path without its ending, in composed letters.

    Raises
    ------
    TwoalikeError
        If the folder holds no image, its manifest is wrong, or two images share an id.
    """
    if (folder / MANIFEST).is_file():
        # Imported here, since the stimulus set builds on this module.
        from twoalike.stimuli._set import StimulusSet

        stimuli = StimulusSet.load(folder)
        return stimuli.ids, tuple(stimuli.path(name) for name in stimuli.ids)
    files = list_image_files(folder)
    ids = [composed(path.relative_to(folder).with_suffix("").as_posix()) for path in files]
    taken: dict[str, Path] = {}
    for name, path in zip(ids, files, strict=True):
        if name in taken:
            raise TwoalikeError(
                f"{folder}: {taken[name].name} and {path.name} would share the id {name!r}. "
                "Rename one of them."
            )
        taken[name] = path
    return tuple(ids), tuple(files)
