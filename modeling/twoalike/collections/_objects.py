"""Images that Python holds: PIL images, files by name, and datasets of other libraries.

Whatever gives an image for a number is a dataset. Its contents have no names or sizes that could
tell one collection from another, so images are known by the hash of their pixels.
"""

import hashlib
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from twoalike.collections._collection import Collection
from twoalike.collections._names import checked_ids
from twoalike.collections._open import of_files, open_collection
from twoalike.collections._tables import ID_COLUMNS
from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError, shortened

type Picture = Image.Image | str | Path
type Images = str | Path | Collection | Mapping[str, Picture] | Sequence[Picture] | Any
"""What :func:`as_collection` takes; the last are datasets."""
_KINDS = "a path, PIL images, files, or a dataset of them"


def as_collection(images: Images, ids: Sequence[str] | None = None) -> Collection:
    """List images, wherever they are.

    ==================================  ==========================================================
    images                              ids
    ==================================  ==========================================================
    path                                those of :func:`open_collection`
    PIL images or files by id           the keys of the mapping
    sequence of files                   paths without endings, in the folder that they share
    sequence of PIL images              places: 0000000, 0000001, ...
    ``datasets.Dataset`` with images    a column of ids, as in files of it; else places
    torchvision's ``ImageFolder``       as of its folder, if it has no transform
    other datasets: an image, or a      places
    tuple that begins with one, by
    number
    ==================================  ==========================================================

    Parameters
    ----------
    ids
        Other ids for the n images, in their order.

    Raises
    ------
    TwoalikeError
        If there is no image, one is neither a PIL image nor a file, or two share an id.
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
    if not (hasattr(images, "__len__") and hasattr(images, "__getitem__")):
        raise TwoalikeError(where="`images=...`", expected=_KINDS, found=type(images).__name__)
    if not len(images):
        raise TwoalikeError(where="`images=...`", expected="images", found="none")
    if isinstance(images, Mapping):
        return _collection(Objects(dict(images), list(images)), list(map(str, images)))
    if isinstance(images, Sequence) and all(isinstance(one, str | Path) for one in images):
        return _files(list(map(Path, images)))
    if hasattr(images, "samples") and getattr(images, "transform", images) is None:
        return _files([Path(path) for path, *_ in images.samples], Path(images.root))
    places = [f"{row:07d}" for row in range(len(images))]
    if hasattr(images, "column_names"):
        return _of_columns(images, places)
    return _collection(Objects(images, range(len(images))), places)


def _files(paths: Sequence[Path], root: Path | None = None) -> Collection:
    """Files in order; ids are paths in ``root``, or in the folder that they share."""
    root = root or Path(os.path.commonpath([path.absolute().parent for path in paths]))
    inside = [path.absolute().relative_to(root.absolute()) for path in paths]
    ids = checked_ids([path.with_suffix("").as_posix() for path in inside], root)
    return of_files(Path(), ids, paths)


def _of_columns(images: Any, places: list[str]) -> Collection:
    """Rows of a dataset of Hugging Face."""
    features = images.features
    found = [name for name in images.column_names if type(features[name]).__name__ == "Image"]
    if len(found) != 1:
        raise TwoalikeError(
            where="`images=...`",
            expected="a dataset with one column of images",
            found=", ".join(found) or f"columns {', '.join(images.column_names)}",
            remedy="Choose it with `select_columns`.",
        )
    named = (list(map(str, images[name])) for name in ID_COLUMNS if name in images.column_names)
    ids = next((names for names in named if len(set(names)) == len(names)), places)
    version = str(getattr(images, "_fingerprint", ""))
    return _collection(Objects(images, range(len(images)), found[0], version), ids)


def _collection(store: "Objects", ids: Sequence[str]) -> Collection:
    if isinstance(store.source, Mapping | Sequence):
        for row in range(len(ids)):
            store.item(row)
    else:
        store.item(0)
    sizes = np.zeros(len(ids), np.int64)
    return Collection(Path(), checked_ids(ids, "`images=...`"), sizes, store, np.arange(len(ids)))


@dataclass(frozen=True, eq=False)
class Objects:
    """Images in a mapping, a sequence or a dataset, by number.

    Attributes
    ----------
    source
        What holds or gives them.
    keys
        Key of each in the source: an id or a place.
    column
        Where each is in its row, if rows have names.
    version
        Hash of everything by the source itself; empty: images are read and hashed.
    """

    source: Any
    keys: Sequence[Any]
    column: str | None = None
    version: str = ""
    _marks: dict[int, str] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        try:
            return self.__dict__ | {"source": pickle.dumps(self.source)}
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TwoalikeError(
                f"they cannot be sent to other processes ({shortened(error)})",
                where="`images=...`",
                remedy="Set `workers=0`.",
            ) from error

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"source": pickle.loads(state["source"])})

    def item(self, row: int) -> Picture:
        """Get a PIL image or a file."""
        found = self.source[self.keys[row]]
        if self.column is not None:
            found = found[self.column]
        if isinstance(found, tuple | list) and found:
            found = found[0]
        if not isinstance(found, Image.Image | str | Path):
            raise TwoalikeError(
                where=self.name(row), expected="a PIL image or a file", found=type(found).__name__
            )
        return found

    def name(self, row: int) -> str:
        """Place in the source."""
        return f"images[{self.keys[row]!r}]"

    def picture(self, row: int) -> Image.Image:
        """Image as people see it."""
        item = self.item(row)
        return read_picture(item, self.name(row) if isinstance(item, Image.Image) else str(item))

    def frames(self, row: int, n: int) -> list[Image.Image]:
        """Give the image alone."""
        return [self.picture(row)]

    def mark(self, row: int) -> str:
        """Hash of an image, by which a collection is known again."""
        if self.version:
            return f"{self.version} {self.keys[row]}"
        if row not in self._marks:
            try:
                picture = self.picture(row)
                content = repr(picture.size).encode() + picture.tobytes()
            except TwoalikeError as error:  # left out, or refused, by who reads it
                content = str(error).encode()
            self._marks[row] = hashlib.sha256(content).hexdigest()
        return self._marks[row]
