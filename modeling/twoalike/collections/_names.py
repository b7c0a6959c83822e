"""Many names in one block of memory, and the images that names from elsewhere mean.

A million strings take 100 MB and as many objects, in every process that prepares images; as one
block they take a fifth, and are sent to another process at once.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from twoalike.stimuli import SUFFIXES, escaped, fault_of_name
from twoalike.study import Integers, TwoalikeError


class Names(Sequence[str]):
    """n names, read only.

    Attributes
    ----------
    text
        All names, in UTF-8.
    ends
        Number of the byte after each, shape (n,).

    Examples
    --------
    >>> names = Names.of(["cat", "dog", "häuser"])
    >>> names[2], len(names), names == ("cat", "dog", "häuser")
    ('häuser', 3, True)
    >>> list(names.take(np.array([1, 0])))
    ['dog', 'cat']
    """

    def __init__(self, text: bytes, ends: npt.NDArray[np.int64]) -> None:
        self.text, self.ends = text, ends

    @classmethod
    def of(cls, names: Iterable[str]) -> "Names":
        """Pack names."""
        parts = [name.encode("utf-8", "surrogateescape") for name in names]
        ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
        return cls(b"".join(parts), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Names": ...
    def __getitem__(self, index: int | slice) -> "str | Names":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        place = range(len(self))[index]
        start = int(self.ends[place - 1]) if place else 0
        return self.text[start : int(self.ends[place])].decode("utf-8", "surrogateescape")

    def take(self, indices: Integers) -> "Names":
        """Take some of the names, in the order of ``indices``."""
        return Names.of(self[index] for index in indices.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Names: {len(self)}>"


def checked_ids(names: Sequence[str], where: object) -> Names:
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
    return Names.of(ids)


def located(ids: Sequence[str], names: Sequence[str], where: str) -> npt.NDArray[np.int64]:
    """Find the images that names from elsewhere mean: by their ids, or by the last part of these.

    Published lists name ImageNet's images flat (``n01440764_10026``), folders hold them by class
    (``n01440764/n01440764_10026``).

    Parameters
    ----------
    ids
        Ids of the images that there are.
    names
        Names to find, with an image's ending or without.
    where
        What holds the names, for messages.

    Returns
    -------
    Place of each name among the ids, shape (len(names),).

    Examples
    --------
    >>> located(["n01/n01_1", "n01/n01_2"], ["n01_2", "n01/n01_1"], "labels")
    array([1, 0])
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
