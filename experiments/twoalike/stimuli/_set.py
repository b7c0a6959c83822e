"""The stimulus set: which objects there are, what they look like, and their categories.

The manifest ``stimuli.tsv`` is the one list of objects in a study. It is made from folders of
images or sounds, or from a list of words.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

import pandas as pd
from PIL import Image

from twoalike.stimuli._manifest import (
    COLUMNS,
    FEWEST,
    MANIFEST,
    SUFFIXES,
    Stimulus,
    about_films,
    check_names,
    check_portable,
    check_rows,
    check_stimulus,
    composed,
    own_columns,
    stimuli_of,
    text_digest,
)
from twoalike.stimuli._picture import is_still, opened, plain_picture, read_picture
from twoalike.stimuli._sound import draw_speaker, sound_length
from twoalike.stimuli.lettering import Words
from twoalike.study import MISSING, TwoalikeError, counted, folder_labels, read_text, sha256_file
from twoalike.tables import read_tsv, write_tsv


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """Objects with what they look like and their categories."""

    folder: Path
    """Where the manifest and, in it or below it, the images are."""
    table: pd.DataFrame
    """The manifest: columns ``id``, ``file`` (relative to ``folder``), ``sha256``, ``kind`` and
    ``text`` where the file has them, then the category levels from coarse to fine; strings, one row
    an object, in manifest order."""

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Object ids in manifest order."""
        return tuple(self.table["id"])

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the category levels, coarse to fine."""
        own = own_columns(self.table)
        return tuple(name for name in self.table.columns if name not in own)

    @cached_property
    def _objects(self) -> Mapping[str, Stimulus]:
        return {one.name: one for one in stimuli_of(self.table)}

    def _object(self, name: str) -> Stimulus:
        if name not in self._objects:
            raise TwoalikeError(
                f"{self.folder / MANIFEST}: no object {name!r} among its {len(self.ids)} objects."
            )
        return self._objects[name]

    def kind(self, name: str) -> str:
        """Kind of an object: ``image``, ``word`` or ``sound``."""
        return self._object(name).kind

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Ids of the objects of a kind, in manifest order."""
        return tuple(name for name, one in self._objects.items() if one.kind == kind)

    def text(self, name: str) -> str:
        """Word that an object is, or the label of a sound; empty where there is none."""
        text = self._object(name).text
        return "" if text == MISSING else text

    @property
    def identical(self) -> list[tuple[str, ...]]:
        """Ids of files that are the same, byte for byte, and of one word; a group a tuple."""
        groups = self.table.groupby("sha256", sort=False)["id"]
        return [tuple(group) for _, group in groups if len(group) > 1]

    def path(self, name: str) -> Path:
        """File of an object."""
        one = self._object(name)
        if one.kind == "word":
            raise TwoalikeError(f"{self.folder / MANIFEST}: {name!r} is a word, which has no file.")
        return self.folder / one.file

    def digest(self, name: str) -> str | None:
        """SHA-256 of an object as it is now; None where its file is missing."""
        one = self._object(name)
        if one.kind == "word":
            return text_digest(one.text)
        file = self.folder / one.file
        return sha256_file(file) if file.is_file() else None

    @cached_property
    def _words(self) -> Words:
        return Words({name: self.text(name) for name in self.of_kind("word")})

    @cached_property
    def _labels(self) -> Words:
        named = [name for name in self.of_kind("sound") if self.text(name)]
        return Words({name: self.text(name) for name in named})

    def picture(self, name: str, *, ink: str = "#000000", paper: str = "#ffffff") -> Image.Image:
        """Picture of an object as it is shown, mode RGB.

        An image is read by :func:`read_picture`; a word is drawn, all of the set in one size of
        letters; a sound is a loudspeaker with its label, if it has one.

        Parameters
        ----------
        ink, paper
            Colours of words and loudspeakers, and behind them.
        """
        match self.kind(name):
            case "word":
                return self._words.draw(name, ink=ink, paper=paper)
            case "sound":
                label = self._labels.draw(name, ink=ink, paper=paper) if self.text(name) else None
                return draw_speaker(label, ink=ink, paper=paper)
            case _:
                return read_picture(self.path(name))

    def sound_lengths(self) -> dict[str, float]:
        """Duration of each sound in s, by object id."""
        return {name: sound_length(self.path(name)) for name in self.of_kind("sound")}

    def check_letters(self) -> None:
        """Check that this computer has fonts for all words and labels."""
        _ = self._words, self._labels

    @classmethod
    def load(cls, folder: str | Path, verify: bool = True) -> Self:
        """Read the manifest of a folder and check it.

        Parameters
        ----------
        folder
            Folder with ``stimuli.tsv``.
        verify
            Also open every image and compare its checksum; leave out only where the images
            themselves are not needed.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        if (held := _held.get()) is not None and (known := held.get((folder, verify))) is not None:
            assert isinstance(known, cls)
            return known
        table = read_tsv(path, "a manifest of stimuli", COLUMNS)
        own = own_columns(table)
        table = table[[*own, *(name for name in table.columns if name not in own)]]
        check_rows(path, table)
        if verify:
            for one in stimuli_of(table):
                check_stimulus(path, one)
        loaded = cls(folder, table)
        if held is not None:
            held[folder, verify] = loaded
        return loaded

    @classmethod
    def write(cls, folder: str | Path, table: pd.DataFrame) -> Self:
        """Write ``table`` as the manifest of ``folder``, all or nothing, and load it."""
        folder = Path(folder)
        path = folder / MANIFEST
        check_rows(path, table)
        check_portable(folder, (file for file in table["file"] if file != MISSING))
        for one in stimuli_of(table):
            check_stimulus(path, one, decode=True)
        write_tsv(path, table)
        return cls.load(folder, verify=False)


_held: ContextVar[dict[tuple[Path, bool], StimulusSet] | None] = ContextVar("held", default=None)


@contextmanager
def stimuli_held() -> Iterator[None]:
    """Read and check each folder of stimuli once while the block runs, however often it is loaded.

    For sessions that are prepared one after the other, while no stimulus changes.
    """
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def find_images(folder: str | Path) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Ids and files of the images in a folder.

    With a manifest (``stimuli.tsv``) the ids, files and order are the manifest's, checked
    against the files; without one, all images in the order of their paths, and an id is the
    relative path without its ending, in composed letters.

    Words and sounds of a manifest are refused.
    """
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        listed = StimulusSet.load(folder, verify=False)
        numbers = {kind: len(listed.of_kind(kind)) for kind in ("word", "sound")}
        if others := [counted(n, kind) for kind, n in numbers.items() if n]:
            raise TwoalikeError(
                where=folder / MANIFEST,
                expected="images, which networks can take",
                found=" and ".join(others),
                remedy="For words and sounds give features of your own as a table (.npz, .npy, "
                ".parquet or .h5, with their ids), which teach and evaluate take as well.",
            )
        stimuli = StimulusSet.load(folder)
        return stimuli.ids, tuple(stimuli.path(name) for name in stimuli.ids)
    files = list_files(folder)
    start = len((folder / "x").as_posix()) - 1
    ids = [composed(path.with_suffix("").as_posix()[start:]) for path in files]
    check_unique(folder, ids, files)
    return tuple(ids), tuple(files)


def list_files(folder: Path, kind: str = "image") -> list[Path]:
    """Files of a kind below ``folder``, by their relative paths; hidden ones are left out.

    Links are followed, but for those to a folder that they are in.
    """
    if not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder of {kind}s, found none. Check the path.")
    names = sorted(files_below(str(folder)))
    found = [name for name in names if _ending(name) in SUFFIXES[kind]]
    if not found:
        raise TwoalikeError(
            f"{folder}: expected {kind}s ({', '.join(sorted(SUFFIXES[kind]))}), found none."
            f"{about_films(names)}"
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


def _as_id(name: str) -> str:
    """Name without what separates ids in the files between stages."""
    return re.sub(r"[\s,;]+", "_", name).lstrip("#")


def image_table(folder: str | Path, kind: str = "image") -> pd.DataFrame:
    """Make the manifest of a folder of images or sounds, and check every file.

    Images of several frames (animations, pages) are left out. ``kind`` is ``image`` or ``sound``.
    """
    folder = Path(folder)
    files = list_files(folder, kind)
    for file in list(files):
        if kind == "sound":
            sound_length(file, str(file), decode=True)
        else:
            with opened(file, str(file)) as image:
                if is_still(image):
                    plain_picture(image)  # reads every pixel
                else:
                    files.remove(file)
    if len(files) < FEWEST:
        raise TwoalikeError(
            f"{folder}: expected at least {FEWEST} {kind}s (one triplet), found {len(files)}."
        )
    relative = [PurePosixPath(file.relative_to(folder).as_posix()) for file in files]
    check_portable(folder, map(str, relative))
    names = [PurePosixPath(composed(str(name))) for name in relative]
    stems = Counter(name.stem for name in names)
    ids = [
        _as_id(name.stem if stems[name.stem] == 1 else "-".join(name.with_suffix("").parts))
        for name in names
    ]
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

    ``file`` has one word or phrase on a line, in UTF-8; after it, separated by tabs, its categories
    from coarse to fine, ``n/a`` where there is none.
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
    ids = [_as_id(row[0]) for row in rows]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise TwoalikeError(f"{file}: two words would share the id {twice!r}. Remove one.")
    table = pd.DataFrame({"id": ids, "file": MISSING}, dtype=str)
    table["sha256"] = [text_digest(row[0]) for row in rows]
    table["kind"], table["text"] = "word", [row[0] for row in rows]
    for level in range(1, len(rows[0]) if rows else 1):
        table[f"level_{level}"] = [row[level] for row in rows]
    check_rows(file, table)
    return table
