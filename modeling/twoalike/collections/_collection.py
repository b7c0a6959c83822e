"""Images by number: ids, sizes, and a store that reads one at a time.

An image's number is its place in the listing, which depends on names alone. So the batches of a run
are functions of seed, step and process, whatever the images are stored in, and a run that was
stopped goes on bit by bit.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.stimuli import SUFFIXES, escaped, fault_of_name
from twoalike.study import Integers, TwoalikeError


class Store(Protocol):
    """What holds the images: files, archives or tables. It can be sent to other processes."""

    def name(self, row: int) -> str:
        """File and place of an image, for messages."""

    def picture(self, row: int) -> Image.Image:
        """Image as people see it (:func:`twoalike.stimuli.read_picture`), mode RGB."""

    def mark(self, row: int) -> str:
        """Hash of an image, if ids and sizes do not tell it from others."""
        return ""


@dataclass(frozen=True, eq=False)
class Collection:
    """n images in a fixed order."""

    where: Path  # folder or file that was opened
    ids: tuple[str, ...]  # ids of the images, unique
    sizes: Integers  # bytes of each as it is stored, shape (n,); 0 if Python holds it
    store: Store  # reads them
    rows: Integers  # place of each image in the store, shape (n,)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<Collection: {len(self)} images of {str(self.where)!r}>"

    @cached_property
    def digest(self) -> str:
        """Hash of ids and sizes, or of images that are in no file.

        It tells one collection from another without reading a file.
        """
        digest = hashlib.sha256()
        for name, size, row in zip(self.ids, self.sizes.tolist(), self.rows.tolist(), strict=True):
            digest.update(f"{name} {size};{self.store.mark(row)}".encode())
        return digest.hexdigest()

    def name(self, index: int) -> str:
        """File and place of image ``index``, for messages."""
        return self.store.name(int(self.rows[index]))

    def picture(self, index: int) -> Image.Image:
        """Image ``index`` as people see it, mode RGB."""
        return self.store.picture(int(self.rows[index]))

    def only(self, indices: Sequence[int] | Integers) -> "Collection":
        """Keep some of the images, in the order of ``indices``."""
        chosen = np.asarray(indices, dtype=np.int64)
        ids = tuple(self.ids[index] for index in chosen.tolist())
        return replace(self, ids=ids, sizes=self.sizes[chosen], rows=self.rows[chosen])


def checked_ids(names: Sequence[str], where: object) -> tuple[str, ...]:
    """Ids of n images in composed letters, as those of files are."""
    ids = [name if name.isascii() else unicodedata.normalize("NFC", name) for name in names]
    for name in ids:
        if fault := fault_of_name(name) if name else "no character":
            raise TwoalikeError(
                where=where,
                expected="names of images that tables can hold",
                found=f"'{escaped(name)}' with {fault}",
                remedy="Rename the image.",
            )
    if len(set(ids)) < len(ids):
        twice = next(name for name, n in Counter(ids).items() if n > 1)
        raise TwoalikeError(
            f"two images share the id {twice!r}", where=where, remedy="Rename one of them."
        )
    return tuple(ids)


def located(ids: Sequence[str], names: Sequence[str], where: str) -> npt.NDArray[np.int64]:
    """Find the images that names from elsewhere mean: by their ids, or by the last part of these.

    Published lists name ImageNet's images flat (``n01440764_10026``), folders hold them by class
    (``n01440764/n01440764_10026``). Names may have an image's ending. Gives the place of each among
    the ids, shape (n,); ``where`` is what holds the names, for messages.
    """
    wanted = [_bare(name) for name in names]
    place = {name: row for row, name in enumerate(ids)}
    if any(name not in place for name in wanted):
        place = _by_last_part(ids) | place
    rows = np.array([place.get(name, -1) for name in wanted], np.int64)
    if len(twice := np.flatnonzero(rows == -2)):
        raise TwoalikeError(
            f"{names[twice[0]]!r} is the last part of several images' ids",
            where=where,
            remedy="Give the labels whole ids.",
        )
    if len(missing := np.flatnonzero(rows == -1)):
        first = ", ".join(repr(names[row]) for row in missing[:10].tolist())
        raise TwoalikeError(
            f"{len(missing)} of {len(names)} labelled images are not among the images, first "
            f"{first}",
            where=where,
            remedy="Give the folder that contains them.",
        )
    return rows


def _by_last_part(ids: Sequence[str]) -> dict[str, int]:
    """Place of each image by the last part of its id; -2 where several share one."""
    places: dict[str, int] = {}
    for row, name in enumerate(ids):
        last = name.rpartition("/")[2]
        places[last] = -2 if last in places else row
    return places


def _bare(name: str) -> str:
    """Name without an image's ending."""
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending.lower()}" in SUFFIXES["image"] else name
