"""Images that Python holds: PIL images, files by name, and datasets of other libraries."""

import hashlib
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from twoalike.collections._collection import Collection, Store
from twoalike.collections._names import checked_ids
from twoalike.collections._open import of_files, open_collection
from twoalike.collections._tables import ID_COLUMNS
from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError, shortened

type Images = str | Path | Collection | Mapping[str, Any] | Sequence[Any] | Any
"""What :func:`as_collection` takes: a path, PIL images or files, or a dataset of them."""
_GIVEN = "`images=...`"


def as_collection(images: Images, ids: Sequence[str] | None = None) -> Collection:
    """List images of a path, PIL images or files, or a dataset that gives them by number.

    A dataset gives an image, or a tuple that begins with one (torchvision's), or has a column of
    them (Hugging Face's). Ids are those of :func:`open_collection`, a mapping's keys, names of
    files or a column of ids; else places.

    Parameters
    ----------
    ids
        Other ids for the n images, in their order.
    """
    found = images if isinstance(images, Collection) else _listed(images)
    if ids is None:
        return found
    if len(ids) != len(found):
        raise TwoalikeError(where="`ids=...`", expected=f"{len(found)} ids", found=len(ids))
    return replace(found, ids=checked_ids(ids, "`ids=...`"))


def _listed(images: Any) -> Collection:
    if isinstance(images, str | Path):
        return open_collection(images)
    if not (hasattr(images, "__len__") and hasattr(images, "__getitem__")) or not len(images):
        kinds, found = "a path, images, files, or a dataset", type(images).__name__
        empty = hasattr(images, "__len__")
        raise TwoalikeError(where=_GIVEN, expected=kinds, found="none" if empty else found)
    if isinstance(images, Sequence) and all(isinstance(one, str | Path) for one in images):
        return _files(list(map(Path, images)))
    if hasattr(images, "samples") and getattr(images, "transform", images) is None:
        return _files([Path(path) for path, *_ in images.samples], Path(images.root))
    if hasattr(images, "column_names"):
        return _rows(images)
    keys = list(images) if isinstance(images, Mapping) else range(len(images))
    return _collection(Objects(images, keys), keys)


def _files(paths: Sequence[Path], root: Path | None = None) -> Collection:
    """Files in order; ids are paths in ``root``, or in the folder that they share."""
    root = root or Path(os.path.commonpath([path.absolute().parent for path in paths]))
    inside = [path.absolute().relative_to(root.absolute()) for path in paths]
    ids = checked_ids([path.with_suffix("").as_posix() for path in inside], root)
    return of_files(Path(), ids, paths)


def _rows(images: Any) -> Collection:
    """Rows of a dataset of Hugging Face."""
    names = list(images.column_names)
    found = [name for name in names if type(images.features[name]).__name__ == "Image"]
    if len(found) != 1:
        raise TwoalikeError(
            where=_GIVEN,
            expected="a dataset with one column of images",
            found=f"{len(found)} among {', '.join(names)}",
            remedy="Choose it with `select_columns`.",
        )
    rows = range(len(images))
    columns = (list(images[name]) for name in ID_COLUMNS if name in names)
    ids = next((ids for ids in columns if len(set(ids)) == len(ids)), rows)
    version = str(getattr(images, "_fingerprint", ""))
    return _collection(Objects(images, rows, found[0], version), ids)


def _collection(store: "Objects", keys: Sequence[Any]) -> Collection:
    rows = np.arange(len(keys))
    for row in rows if isinstance(store.source, Mapping | Sequence) else rows[:1]:
        store.item(int(row))
    names = [f"{key:07d}" if isinstance(keys, range) else str(key) for key in keys]
    return Collection(Path(), checked_ids(names, _GIVEN), np.zeros_like(rows), store, rows)


@dataclass(frozen=True, eq=False)
class Objects(Store):
    """Images in a mapping, a sequence or a dataset: of a row, ``source[keys[row]]``.

    ``column`` is where an image is in its row if rows have names. ``version`` is the source's own
    hash of everything; without one, images are read and hashed.
    """

    source: Any
    keys: Sequence[Any]
    column: str | None = None
    version: str = ""

    def __getstate__(self) -> dict[str, Any]:
        try:
            pickle.dumps(self.source)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            problem = f"they cannot be sent to other processes ({shortened(error)})"
            raise TwoalikeError(problem, where=_GIVEN, remedy="Set `workers=0`.") from error
        return self.__dict__

    def item(self, row: int) -> Image.Image | str | Path:
        """Get a PIL image or a file."""
        found = self.source[self.keys[row]]
        if self.column is not None:
            found = found[self.column]
        if isinstance(found, tuple | list) and found:
            found = found[0]
        if isinstance(found, Image.Image | str | Path):
            return found
        kind = type(found).__name__
        raise TwoalikeError(where=self.name(row), expected="a PIL image or a file", found=kind)

    def name(self, row: int) -> str:
        """Place in the source."""
        return f"images[{self.keys[row]!r}]"

    def picture(self, row: int) -> Image.Image:
        """Image as people see it."""
        item = self.item(row)
        return read_picture(item, self.name(row) if isinstance(item, Image.Image) else str(item))

    def mark(self, row: int) -> str:
        """Hash of an image, or why it cannot be read."""
        if self.version:
            return f"{self.version} {self.keys[row]}"
        try:
            picture = self.picture(row)
        except TwoalikeError as error:
            return str(error)
        return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()
