"""The manifest ``stimuli.tsv``: its columns, the kinds of stimuli, and the checks of its rows.

Its checksums hold the stimuli to what participants saw: a file that was edited or swapped later is
refused, and so is a word that was retyped.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from twoalike.stimuli._films import count_frames
from twoalike.stimuli._names import escaped, fault_of_name
from twoalike.stimuli._picture import FILM_SUFFIXES, check_still, opened, plain_picture
from twoalike.stimuli._sounds import check_sound
from twoalike.study import MISSING, TwoalikeError, sha256_file
from twoalike.tables import OBJECT_ID, Column, Table, check_text

MANIFEST = "stimuli.tsv"
"""Name of the manifest in a folder of stimuli."""
KINDS = {
    "image": "a picture; so are all objects of a list without this column",
    "word": "a text that is drawn, of any script",
    "sound": "a recording that is played",
    "film": "a short film, shown in a loop without its sound",
}
"""Kinds of stimuli, and what they are."""
SUFFIXES = {
    "image": frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}),
    "sound": frozenset({".flac", ".ogg", ".wav"}),
    "film": frozenset({".gif", *FILM_SUFFIXES}),
}
"""Endings of the files of each kind, in lower case."""
_KIND = Column("kind", "string", "Kind of stimulus; the column may be left out.", levels=KINDS)
_TEXT = Column(
    "text",
    "string",
    "The word; of a sound, a label to show with it. Only beside `kind`.",
    missing="an object that shows no text",
)

STIMULUS_LIST = Table(
    "stimuli",
    (
        # Blanks, commas and semicolons separate ids in the files between stages.
        replace(
            OBJECT_ID,
            pattern=r"[^\s,;#][^\s,;]*",
            form="an id without blanks, commas and semicolons that does not start with #",
        ),
        Column(
            "file",
            "string",
            "Image, sound or film, relative to the folder of the list, with `/`.",
            missing="the object is a word",
        ),
        Column("sha256", "string", "SHA-256 of the file; of a word, of its text in UTF-8."),
        _KIND,
        _TEXT,
    ),
    rows="objects",
    keys=("id",),
)
"""The manifest; columns after these are levels of categories, from coarse to fine."""
COLUMNS = STIMULUS_LIST.names[:3]
"""Columns that every manifest has."""
FEWEST = 3
"""Objects that make one triplet."""


def own_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Columns of a manifest that are no categories.

    A category may be called ``kind`` or ``text``: the column is that of the kinds only where one
    of its values is a kind.
    """
    if "kind" not in table.columns or not set(table["kind"]) & KINDS.keys():
        return COLUMNS
    return (*COLUMNS, *(name for name in ("kind", "text") if name in table.columns))


def text_digest(text: str) -> str:
    """SHA-256 of a word."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Stimulus:
    """An object of a manifest."""

    name: str
    file: str
    sha256: str
    kind: str = "image"
    text: str = MISSING


def stimuli_of(table: pd.DataFrame) -> list[Stimulus]:
    """Objects of a manifest, in order."""
    known = [{"id": "name"}.get(name, name) for name in own_columns(table)]
    rows = table[list(own_columns(table))].itertuples(index=False)
    return [Stimulus(**dict(zip(known, row, strict=True))) for row in rows]


def check_rows(path: Path, table: pd.DataFrame) -> None:
    """Check ids, files and words of a manifest; row numbers in messages count from 1."""
    if len(table) < FEWEST:
        raise TwoalikeError(
            f"{path}: expected at least {FEWEST} objects (one triplet), found {len(table)}."
        )
    for number, one in enumerate(stimuli_of(table), start=1):
        shown = (one.name, one.file, one.text if one.kind == "word" else "")
        if fault := next(filter(None, map(fault_of_name, shown)), None):
            raise TwoalikeError(
                f"{path}: object {number}: expected names that tables can hold, found "
                f"'{escaped(one.name)}' ('{escaped(one.file)}') with {fault}. Rename the file."
            )
        if one.kind == "word":
            _check_word(path, number, one)
        else:
            _check_inside(path, number, one)
    columns = tuple(STIMULUS_LIST[name] for name in own_columns(table))
    check_text(replace(STIMULUS_LIST, columns=columns), table, path)


def _check_word(path: Path, number: int, one: Stimulus) -> None:
    if one.text == MISSING or not one.text.strip():
        raise TwoalikeError(
            where=f"{path}, row {number}, column 'text'",
            expected=f"the word that {one.name!r} is",
            found=repr(one.text),
        )
    if one.file != MISSING:
        raise TwoalikeError(
            where=f"{path}, row {number}, column 'file'",
            expected=f"{MISSING}: {one.name!r} is a word",
            found=repr(one.file),
        )


def _check_inside(path: Path, number: int, one: Stimulus) -> None:
    """Refuse a file outside the folder: a manifest that came from elsewhere must open none."""
    root, file = path.parent.resolve(), one.file
    if file == MISSING:
        raise TwoalikeError(
            where=f"{path}, row {number}, column 'file'",
            expected=f"the file of the {one.kind} {one.name!r}",
            found=repr(file),
        )
    outside = (
        "\0" in file
        or Path(file).is_absolute()
        or "\\" in file
        or ".." in PurePosixPath(file).parts
    )
    if outside or not (root / file).resolve().is_relative_to(root):
        raise TwoalikeError(
            f"{path}: object {number} ({one.name}): file {file!r} lies outside the folder of the "
            f"manifest. Put the {one.kind} into the folder and name it relative to it, with '/'."
        )


def check_stimulus(manifest: Path, one: Stimulus, *, decode: bool = False) -> None:
    """Check an object against its checksum, and its file.

    A file that was cut off may pass the quick look. So the whole file is decoded when the manifest
    is made; afterwards the checksum vouches for it.
    """
    if one.kind == "word":
        if (found := text_digest(one.text)) != one.sha256:
            raise TwoalikeError(
                f"{manifest}: object {one.name!r}: {one.text!r} is not the word listed (sha256 "
                f"{found[:12]}..., expected {one.sha256[:12]}...). Restore it."
            )
        return
    file = manifest.parent / one.file
    if not os.path.isfile(file):  # unlike Path's, it takes a name of any length
        raise TwoalikeError(
            f"{manifest}: object {one.name!r}: no {one.kind} at {file}. Restore it or drop the "
            "object."
        )
    found = sha256_file(file)
    if found != one.sha256:
        raise TwoalikeError(
            f"{manifest}: object {one.name!r}: {file.name} is not the {one.kind} listed (sha256 "
            f"{found[:12]}..., expected {one.sha256[:12]}...). Restore it or make the manifest "
            "anew."
        )
    _CHECKS[one.kind](file, f"{manifest}: object {one.name!r}: {file.name}", decode)


def _check_image(image: Path, where: str, decode: bool) -> None:
    with opened(image, where) as picture:
        if decode:
            check_still(picture, where)
            plain_picture(picture)
        else:
            picture.verify()


def _check_sound_file(file: Path, where: str, decode: bool) -> None:
    check_sound(file, where, decode=decode)


def _check_film_file(file: Path, where: str, decode: bool) -> None:
    if decode:
        count_frames(file, where)


_CHECKS = {"image": _check_image, "sound": _check_sound_file, "film": _check_film_file}
