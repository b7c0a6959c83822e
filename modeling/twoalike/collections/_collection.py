"""Images by number: ids, sizes, and a store that reads one at a time.

An image's number is its place in the listing, which depends on names alone. So the batches of a run
are functions of seed, step and process, whatever the images are stored in, and a run that was
stopped goes on bit by bit.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from twoalike.collections._names import Names
from twoalike.study import Integers


class Store(Protocol):
    """What holds the images: files, archives or tables. It can be sent to other processes."""

    def name(self, row: int) -> str:
        """File and place of an image, for messages."""
        ...

    def picture(self, row: int) -> Image.Image:
        """Image as people see it (:func:`twoalike.stimuli.read_picture`), mode RGB."""
        ...

    def frames(self, row: int, n: int) -> list[Image.Image]:
        """``n`` evenly spaced frames of a film; of an image, the image alone."""
        return [self.picture(row)]

    def mark(self, row: int) -> str:
        """Hash of an image, if ids and sizes do not tell it from others."""
        return ""


@dataclass(frozen=True, eq=False)
class Collection:
    """n images in a fixed order.

    Attributes
    ----------
    where
        Folder or file that was opened.
    ids
        Ids of the images, unique.
    sizes
        Bytes of each as it is stored, shape (n,); 0 if Python holds it.
    store
        Reads them.
    rows
        Place of each image in the store, shape (n,).
    """

    where: Path
    ids: Names
    sizes: Integers
    store: Store
    rows: Integers

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
        """Image ``index`` as people see it, mode RGB; of a film the middle frame."""
        return self.store.picture(int(self.rows[index]))

    def frames(self, index: int, n: int) -> list[Image.Image]:
        """``n`` evenly spaced frames of film ``index``; of an image, the image alone."""
        return self.store.frames(int(self.rows[index]), n)

    def only(self, indices: Sequence[int] | Integers) -> "Collection":
        """Keep some of the images, in the order of ``indices``."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self, ids=self.ids.take(chosen), sizes=self.sizes[chosen], rows=self.rows[chosen]
        )
