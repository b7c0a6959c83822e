"""The manifest ``stimuli.tsv``: its columns, the kinds of stimuli, and the checks of its rows.

Its checksums hold the stimuli to what participants saw: a file that was edited or swapped later is
refused, and so is a word that was retyped. A study is collected on one computer, copied to another
and published from a third: names that not all systems, tables and terminals can hold, or that some
cannot distinguish, are refused when a set is made.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from twoalike.stimuli._picture import check_still, opened, plain_picture
from twoalike.stimuli._sound import sound_length
from twoalike.study import MISSING, TwoalikeError, sha256_file
from twoalike.tables import OBJECT_ID, Column, Table, check_text

MANIFEST = "stimuli.tsv"
"""Name of the manifest in a folder of stimuli."""
KINDS = {
    "image": "a picture; so are all objects of a list without this column",
    "word": "a text that is drawn, of any script",
    "sound": "a recording that is played",
}
"""Kinds of stimuli, and what they are."""
SUFFIXES = {
    "image": frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}),
    "sound": frozenset({".flac", ".ogg", ".wav"}),
}
"""Endings of the files of each kind, in lower case."""
_FILM_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4", ".webm"})
_OF_FILMS = "Films cannot be shown; take one picture of each film."
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
            "Image or sound, relative to the folder of the list, with `/`.",
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


_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
"""Devices of Windows, with any ending."""
_FORBIDDEN = '<>:"|?*\\'
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that reverse the text around them: such a name is not what it looks like."""
_MOST = 3


def escaped(name: str) -> str:
    r"""Return a name with unprintable characters escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def about_films(files: Iterable[str]) -> str:
    """Say what to do with films, if there are any among the files; else nothing."""
    endings = {PurePosixPath(file).suffix.lower() for file in files}
    return f" {_OF_FILMS}" if endings & _FILM_SUFFIXES else ""


def composed(name: str) -> str:
    """Return a name with composed letters (NFC): macOS writes them decomposed."""
    return unicodedata.normalize("NFC", name)


def fault_of_name(name: str) -> str | None:
    """Reason why tables and terminals cannot hold a name; None if they can."""
    if name.isascii() and name.isprintable():
        return None
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        return "bytes that are no UTF-8"
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in name):
        return "control characters such as tabs"
    if any(sign in _TURNING for sign in name):
        return "signs that turn the words around"
    return None


def fault_of_portable_name(path: str) -> str | None:
    """Reason why some system cannot hold a path with ``/``; None if all can."""
    for part in path.split("/"):
        if any(sign in _FORBIDDEN for sign in part):
            return f"one of {' '.join(_FORBIDDEN)}"
        if part.endswith((".", " ")):
            return "a dot or a blank at the end"
        if _RESERVED.fullmatch(part.partition(".")[0].rstrip()):
            return "the name of a device of Windows"
    return None


def check_names(folder: Path, files: Iterable[str]) -> None:
    """Check that tables and terminals can hold the names of files."""
    for file in files:
        if fault := fault_of_name(file):
            raise TwoalikeError(
                f"{folder}: expected names that tables can hold, found '{escaped(file)}' with "
                f"{fault}. Rename the file."
            )


def check_portable(folder: Path, files: Iterable[str]) -> None:
    """Check that Linux, macOS and Windows can hold the files beside one another."""
    if faults := portability_faults(files):
        more = f"; and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
        raise TwoalikeError(
            f"{folder}: expected names that every system can hold, found "
            f"{'; '.join(faults[:_MOST])}{more}. Rename them."
        )


def portability_faults(files: Iterable[str]) -> list[str]:
    """Describe paths (with ``/``) that some system cannot hold or distinguish."""
    faults: dict[str, None] = {}
    first: dict[str, str] = {}
    for file in files:
        if fault := fault_of_portable_name(file):
            faults[f"'{escaped(file)}' with {fault}"] = None
        parts = file.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            other = first.setdefault(composed(composed(path).lower()), path)
            if other == path:
                continue
            if composed(other) == composed(path):
                said = f"'{escaped(other)}' twice, with composed and with decomposed letters"
            else:
                said = f"'{escaped(other)}' and '{escaped(path)}', which differ in upper and lower"
                said += " case alone"
            faults[said] = None
    return list(faults)


def own_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Columns of a manifest that are no categories.

    A category may be called ``kind`` or ``text``: the column is that of the kinds only where one
    of its values is a kind.
    """
    if "kind" not in table.columns or not set(table["kind"]) & {*KINDS, "film"}:
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
        if one.kind == "film":
            raise TwoalikeError(
                where=f"{path}, row {number}, column 'kind'",
                expected=f"one of {', '.join(KINDS)}",
                found=f"the film {one.name!r}",
                remedy=_OF_FILMS,
            )
        _check_content(path, number, one)
    columns = tuple(STIMULUS_LIST[name] for name in own_columns(table))
    check_text(replace(STIMULUS_LIST, columns=columns), table, path)


def _check_content(path: Path, number: int, one: Stimulus) -> None:
    """Check that a word has its text, and another object a file.

    A file outside the folder is refused: a manifest that came from elsewhere must open none.
    """
    root, file, is_word = path.parent.resolve(), one.file, one.kind == "word"
    for column, found, expected, wrong in (
        ("text", one.text, f"the word that {one.name!r} is", one.text.strip() in ("", MISSING)),
        ("file", file, f"{MISSING}: {one.name!r} is a word", file != MISSING),
    ):
        if is_word and wrong:
            where = f"{path}, row {number}, column {column!r}"
            raise TwoalikeError(where=where, expected=expected, found=repr(found))
    if is_word:
        return
    if file == MISSING:
        raise TwoalikeError(
            where=f"{path}, row {number}, column 'file'",
            expected=f"the file of the {one.kind} {one.name!r}",
            found=repr(file),
        )
    outside = "\0" in file or "\\" in file or Path(file).is_absolute()
    outside = outside or ".." in PurePosixPath(file).parts
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
    where, expected = f"{manifest}: object {one.name!r}:", f"expected {one.sha256[:12]}..."
    if one.kind == "word":
        if (found := text_digest(one.text)) != one.sha256:
            raise TwoalikeError(
                f"{where} {one.text!r} is not the word listed (sha256 {found[:12]}..., {expected})"
                ". Restore it."
            )
        return
    file = manifest.parent / one.file
    if not os.path.isfile(file):  # unlike Path's, it takes a name of any length
        raise TwoalikeError(f"{where} no {one.kind} at {file}. Restore it or drop the object.")
    if (found := sha256_file(file)) != one.sha256:
        raise TwoalikeError(
            f"{where} {file.name} is not the {one.kind} listed (sha256 {found[:12]}..., "
            f"{expected}). Restore it or make the manifest anew."
        )
    where = f"{where} {file.name}"
    if one.kind == "sound":
        sound_length(file, where, decode=decode)
    else:
        with opened(file, where) as picture:
            if decode:
                check_still(picture, where)
                plain_picture(picture)
            else:
                picture.verify()
