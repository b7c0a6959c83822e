"""The stimulus set: which objects there are, their images, and the categories they are in.

The manifest ``stimuli.tsv`` is the one list of objects in a study. Its checksums hold the
images to what participants saw: a file that was edited or swapped later is refused on load.

A study is collected on one computer, copied to another and published from a third. Names that not
all systems, tables and terminals can hold, or that some cannot distinguish, are refused when a set
is made.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

import pandas as pd

from twoalike.stimuli._picture import check_still, is_still, opened, plain_picture
from twoalike.study import TwoalikeError, folder_labels, sha256_file
from twoalike.tables import OBJECT_ID, Column, Table, check_text, read_tsv, write_tsv

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
"""Devices of Windows, with any ending."""
_FORBIDDEN = '<>:"|?*\\'
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that reverse the text around them: such a name is not what it looks like."""
_MOST = 3


def escaped(name: str) -> str:
    r"""Return a name with unprintable characters escaped.

    Examples
    --------
    >>> escaped("a\tb"), escaped("caf\udce9")
    ('a\\tb', 'caf\\xe9')
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def composed(name: str) -> str:
    """Return a name with composed letters (NFC): macOS writes them decomposed."""
    return unicodedata.normalize("NFC", name)


def fault_of_name(name: str) -> str | None:
    """Reason why tables and terminals cannot hold a name; None if they can."""
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
    faults = portability_faults(files)
    if faults:
        more = f"; and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
        raise TwoalikeError(
            f"{folder}: expected names that every system can hold, found "
            f"{'; '.join(faults[:_MOST])}{more}. Rename them."
        )


def portability_faults(files: Iterable[str]) -> list[str]:
    """Describe paths (with ``/``) that some system cannot hold or distinguish."""
    faults = []
    first: dict[str, str] = {}
    for file in files:
        if fault := fault_of_portable_name(file):
            faults.append(f"'{escaped(file)}' with {fault}")
        parts = file.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            other = first.setdefault(composed(composed(path).lower()), path)
            if other != path:
                faults.append(_collision(other, path))
    return list(dict.fromkeys(faults))


def _collision(one: str, other: str) -> str:
    if composed(one) == composed(other):
        return f"'{escaped(one)}' twice, with composed and with decomposed letters"
    return f"'{escaped(one)}' and '{escaped(other)}', which differ in upper and lower case alone"


SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Endings taken for images, in lower case."""
MANIFEST = "stimuli.tsv"
"""Name of the manifest in a folder of stimuli."""


STIMULUS_LIST = Table(
    "stimuli",
    (
        # Blanks, commas and semicolons separate ids in the files between stages.
        replace(
            OBJECT_ID,
            pattern=r"[^\s,;#][^\s,;]*",
            form="an id without blanks, commas and semicolons that does not start with #",
        ),
        Column("file", "string", "Image, relative to the folder of the list, with `/`."),
        Column("sha256", "string", "SHA-256 of the image."),
    ),
    rows="objects",
    keys=("id",),
)
"""The manifest; columns after these are levels of categories, from coarse to fine."""
COLUMNS = STIMULUS_LIST.names
FEWEST = 3
"""Objects that make one triplet."""


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """Objects with their images and categories.

    Attributes
    ----------
    folder
        Where the manifest and, in it or below it, the images are.
    table
        The manifest: columns ``id``, ``file`` (relative to ``folder``), ``sha256``, then the
        category levels from coarse to fine; strings, one row an object, in manifest order.
    """

    folder: Path
    table: pd.DataFrame

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Object ids in manifest order."""
        return tuple(self.table["id"])

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the category levels, coarse to fine."""
        return tuple(self.table.columns[len(COLUMNS) :])

    @cached_property
    def _files(self) -> dict[str, str]:
        return dict(zip(self.table["id"], self.table["file"], strict=True))

    @property
    def identical(self) -> list[tuple[str, ...]]:
        """Ids of images that are the same file, byte for byte; a group a tuple."""
        groups = self.table.groupby("sha256", sort=False)["id"]
        return [tuple(group) for _, group in groups if len(group) > 1]

    def path(self, name: str) -> Path:
        """Image file of an object.

        Raises
        ------
        TwoalikeError
            If the manifest has no such object.
        """
        if name not in self._files:
            raise TwoalikeError(
                f"{self.folder / MANIFEST}: no object {name!r} among its {len(self.ids)} objects."
            )
        return self.folder / self._files[name]

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

        Raises
        ------
        TwoalikeError
            If the manifest is missing or malformed, has fewer than three objects, an id twice
            or a file outside the folder, or (``verify``) an image is missing, cannot be read
            or differs from its checksum.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        table = read_tsv(path, "a manifest of stimuli", COLUMNS)
        levels = [name for name in table.columns if name not in COLUMNS]
        table = table[[*COLUMNS, *levels]]
        _check_rows(path, table)
        if verify:
            for name, file, digest in table[list(COLUMNS)].itertuples(index=False):
                _check_image(path, name, folder / file, digest)
        return cls(folder, table)

    @classmethod
    def from_images(cls, folder: str | Path) -> Self:
        """Build and write the manifest of a folder of images.

        Sub-folders become the category levels ``level_1``, ``level_2``, ...; a category is
        named by its path, so that two folders of one name stay apart. The id of an image is
        its name without the ending, with its folders in front where that name is not unique.

        Raises
        ------
        TwoalikeError
            If there is a manifest already, fewer than three images, or one cannot be read.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        if path.exists():
            raise TwoalikeError(f"{path}: there is a manifest already. Remove it to build it anew.")
        write_tsv(path, image_table(folder))
        return cls.load(folder, verify=False)

    @classmethod
    def write(cls, folder: str | Path, table: pd.DataFrame) -> Self:
        """Write ``table`` as the manifest of ``folder``, all or nothing, and load it.

        Raises
        ------
        TwoalikeError
            As in :meth:`load`; then no manifest is written.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        _check_rows(path, table)
        check_portable(folder, table["file"])
        for name, file, digest in table[list(COLUMNS)].itertuples(index=False):
            _check_image(path, name, folder / file, digest, decode=True)
        write_tsv(path, table)
        return cls.load(folder, verify=False)


def list_image_files(folder: Path) -> list[Path]:
    """Image files below ``folder`` in the order of their relative paths, hidden ones left out."""
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


def find_images(folder: str | Path) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Ids and files of the images in a folder.

    With a manifest (``stimuli.tsv``) the ids, files and order are the manifest's, checked
    against the files; without one, all images in the order of their paths, and an id is the
    relative path without its ending, in composed letters.

    Raises
    ------
    TwoalikeError
        If the folder holds no image, its manifest is wrong, or two images share an id.
    """
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        stimuli = StimulusSet.load(folder)
        return stimuli.ids, tuple(stimuli.path(name) for name in stimuli.ids)
    files = list_image_files(folder)
    ids = [composed(path.relative_to(folder).with_suffix("").as_posix()) for path in files]
    _check_unique(folder, ids, files)
    return tuple(ids), tuple(files)


def _check_unique(folder: Path, ids: Sequence[str], files: Sequence[Path]) -> None:
    taken: dict[str, Path] = {}
    for name, file in zip(ids, files, strict=True):
        if (first := taken.setdefault(name, file)) != file:
            raise TwoalikeError(
                f"{folder}: {first.name} and {file.name} would share the id {name!r}. "
                "Rename one of them."
            )


def image_table(folder: str | Path) -> pd.DataFrame:
    """Make the manifest that :meth:`StimulusSet.from_images` writes, and check every image.

    Images of several frames (animations, pages) are left out.

    Raises
    ------
    TwoalikeError
        If there are fewer than three images, two would share an id, one cannot be read, or names
        collide on other systems.
    """
    folder = Path(folder)
    files = [file for file in list_image_files(folder) if _is_readable_still(file)]
    if len(files) < FEWEST:
        raise TwoalikeError(
            f"{folder}: expected at least {FEWEST} images (one triplet), found {len(files)}."
        )
    relative = [PurePosixPath(file.relative_to(folder).as_posix()) for file in files]
    check_portable(folder, map(str, relative))
    ids = _make_ids(relative)
    _check_unique(folder, ids, files)
    table = pd.DataFrame({"id": ids, "file": [str(name) for name in relative]})
    table["sha256"] = [sha256_file(file) for file in files]
    for level, labels in folder_labels([name.parts[:-1] for name in relative]).items():
        table[level] = labels
    _check_rows(folder / MANIFEST, table)
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


def _check_rows(path: Path, table: pd.DataFrame) -> None:
    """Check ids and files of a manifest; row numbers in messages count the objects from 1."""
    if len(table) < FEWEST:
        raise TwoalikeError(
            f"{path}: expected at least {FEWEST} objects (one triplet), found {len(table)}."
        )
    root = path.parent.resolve()
    for number, (name, file) in enumerate(table[["id", "file"]].itertuples(index=False), start=1):
        if fault := fault_of_name(name) or fault_of_name(file):
            raise TwoalikeError(
                f"{path}: object {number}: expected names that tables can hold, found "
                f"'{escaped(name)}' ('{escaped(file)}') with {fault}. Rename the file."
            )
        # A manifest may come from elsewhere: it must not make us open files outside its folder.
        outside = (
            "\0" in file
            or Path(file).is_absolute()
            or "\\" in file
            or ".." in PurePosixPath(file).parts
        )
        if outside or not (root / file).resolve().is_relative_to(root):
            raise TwoalikeError(
                f"{path}: object {number} ({name}): file {file!r} lies outside the folder of the "
                "manifest. Put the image into the folder and name it relative to it, with '/'."
            )
    check_text(STIMULUS_LIST, table, path)


def _check_image(
    manifest: Path, name: str, image: Path, digest: str, *, decode: bool = False
) -> None:
    """Check an image against the manifest."""
    if not os.path.isfile(image):  # unlike Path's, it takes a name of any length
        raise TwoalikeError(
            f"{manifest}: object {name!r}: no image at {image}. Restore it or drop the object."
        )
    found = sha256_file(image)
    if found != digest:
        raise TwoalikeError(
            f"{manifest}: object {name!r}: {image.name} is not the image listed (sha256 "
            f"{found[:12]}..., expected {digest[:12]}...). Restore it or make the manifest anew."
        )
    _check_readable(image, f"{manifest}: object {name!r}: {image.name}", decode=decode)


def _check_readable(image: Path, where: str, *, decode: bool) -> None:
    """Check that an image can be read; ``decode`` reads every pixel, when the manifest is made.

    A JPEG that was cut off passes the quick look; afterwards the checksum vouches for it.
    """
    with opened(image, where) as picture:
        if decode:
            check_still(picture, where)
            plain_picture(picture)
        else:
            picture.verify()
