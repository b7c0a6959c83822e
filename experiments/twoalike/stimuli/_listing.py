"""Manifests made from files: of folders of images, sounds or films, and of lists of words."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from twoalike.stimuli._films import count_frames
from twoalike.stimuli._manifest import FEWEST, MANIFEST, SUFFIXES, check_rows, text_digest
from twoalike.stimuli._names import check_names, check_portable, composed
from twoalike.stimuli._picture import is_still, opened, plain_picture
from twoalike.stimuli._sounds import check_sound
from twoalike.study import MISSING, TwoalikeError, folder_labels, read_text, sha256_file


def list_files(folder: Path, kind: str = "image") -> list[Path]:
    """Files of a kind below ``folder``, by their relative paths; hidden ones are left out.

    Links are followed, but for those to a folder that they are in.
    """
    if not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder of {kind}s, found none. Check the path.")
    names = (name for name in files_below(str(folder)) if _ending(name) in SUFFIXES[kind])
    found = sorted(names)
    if not found:
        raise TwoalikeError(
            f"{folder}: expected {kind}s ({', '.join(sorted(SUFFIXES[kind]))}), found none."
        )
    check_names(folder, found)
    return [folder / name for name in found]


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def files_below(
    folder: str, prefix: str = "", above: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Relative paths, with ``/``, of the files below a folder, but for hidden ones."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise TwoalikeError(
            f"{folder}: cannot be read ({error.strerror}). Ask its owner for the right to."
        ) from error
    for entry in shown:
        # A link may lead nowhere, or to itself.
        is_link = entry.is_symlink()
        if os.path.isdir(entry) if is_link else entry.is_dir():
            yield from files_below(entry.path, f"{prefix}{entry.name}/", above | {real})
        elif os.path.isfile(entry) if is_link else entry.is_file():
            yield prefix + entry.name


def check_unique(folder: Path, ids: Sequence[str], files: Sequence[Path]) -> None:
    """Check that no two files share an id."""
    taken: dict[str, Path] = {}
    for name, file in zip(ids, files, strict=True):
        if (first := taken.setdefault(name, file)) is not file:
            raise TwoalikeError(
                f"{folder}: {first.name} and {file.name} would share the id {name!r}. "
                "Rename one of them."
            )


def image_table(folder: str | Path) -> pd.DataFrame:
    """Make the manifest that :meth:`StimulusSet.from_images` writes, and check every image.

    Images of several frames (animations, pages) are left out.
    """
    folder = Path(folder)
    files = [file for file in list_files(folder) if _is_readable_still(file)]
    return _file_table(folder, files, "image")


def media_table(folder: str | Path, kind: str) -> pd.DataFrame:
    """Make the manifest of a folder of sounds or of films, and check every file.

    Parameters
    ----------
    kind
        ``sound`` or ``film``.
    """
    folder = Path(folder)
    files = list_files(folder, kind)
    for file in files:
        if kind == "sound":
            check_sound(file, str(file), decode=True)
        else:
            count_frames(file, str(file))
    return _file_table(folder, files, kind)


def _file_table(folder: Path, files: Sequence[Path], kind: str) -> pd.DataFrame:
    if len(files) < FEWEST:
        raise TwoalikeError(
            f"{folder}: expected at least {FEWEST} {kind}s (one triplet), found {len(files)}."
        )
    relative = [PurePosixPath(file.relative_to(folder).as_posix()) for file in files]
    check_portable(folder, map(str, relative))
    ids = _make_ids(relative)
    check_unique(folder, ids, files)
    table = pd.DataFrame({"id": ids, "file": [str(name) for name in relative]})
    table["sha256"] = [sha256_file(file) for file in files]
    if kind != "image":
        table["kind"], table["text"] = kind, MISSING
    for level, labels in folder_labels([name.parts[:-1] for name in relative]).items():
        table[level] = labels
    check_rows(folder / MANIFEST, table)
    return table


def word_table(file: str | Path) -> pd.DataFrame:
    """Make the manifest of a list of words.

    Parameters
    ----------
    file
        Text in UTF-8 with one word or phrase on a line; after it, separated by tabs, its
        categories from coarse to fine, ``n/a`` where there is none.
    """
    file = Path(file)
    if not file.is_file():
        raise TwoalikeError(f"{file}: expected a text file of words, found none. Check the path.")
    rows = [
        [composed(" ".join(cell.split())) for cell in line.split("\t")]
        for line in read_text(file).split("\n")
        if line.strip()
    ]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]) or "" in row:
            raise TwoalikeError(
                where=f"{file}, word {number}",
                expected=f"a word and {len(rows[0]) - 1} categories, as in the first line",
                found=" | ".join(row),
                remedy=f"Tabs separate them; write {MISSING} for none.",
            )
    ids = [re.sub(r"[\s,;]+", "_", row[0]).lstrip("#") for row in rows]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise TwoalikeError(f"{file}: two words would share the id {twice!r}. Remove one.")
    table = pd.DataFrame({"id": ids, "file": MISSING}, dtype=str)
    table["sha256"] = [text_digest(row[0]) for row in rows]
    table["kind"], table["text"] = "word", [row[0] for row in rows]
    for level in range(1, len(rows[0]) if rows else 1):
        table[f"level_{level}"] = [row[level] for row in rows]
    check_rows(file, table)
    return table


def _is_readable_still(file: Path) -> bool:
    """Read every pixel of an image; False for one of several frames."""
    with opened(file, str(file)) as image:
        if not is_still(image):
            return False
        plain_picture(image)
    return True


def _make_ids(files: Sequence[PurePosixPath]) -> list[str]:
    files = [PurePosixPath(composed(str(file))) for file in files]
    stems = pd.Series([file.stem for file in files])
    unique = ~stems.duplicated(keep=False)
    names = [
        stem if alone else "-".join(file.with_suffix("").parts)
        for stem, alone, file in zip(stems, unique, files, strict=True)
    ]
    return [re.sub(r"[\s,;]+", "_", name).lstrip("#") for name in names]
