"""Tar shards in WebDataset's layout: ``key.jpg`` beside ``key.cls``, ``key.json`` and the like.

The shards' headers are read once, for the place of each image, so that any image can be read by
number; WebDataset's own reader goes through a shard in order and cannot continue where it stopped.
"""

import tarfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.collections._collection import Collection, Store, checked_ids
from twoalike.stimuli import SUFFIXES, read_picture
from twoalike.study import TwoalikeError, progress, shortened


@dataclass(frozen=True, eq=False)
class TarShards(Store):
    """Images of tar files by number."""

    paths: Sequence[str]  # the shards
    members: Sequence[str]  # name of each image within its shard
    # Where it is: number of the shard, and bytes in it, each of shape (n,)
    shards: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def name(self, row: int) -> str:
        """Shard, and member in it."""
        return f"{self.paths[int(self.shards[row])]}: {self.members[row]}"

    def picture(self, row: int) -> Image.Image:
        """Image of a member."""
        return read_picture(self._content(row), self.name(row))

    def _content(self, row: int) -> bytes:
        size = int(self.sizes[row])
        try:
            # Unbuffered: an image is read at once, and the next is elsewhere.
            with open(self.paths[int(self.shards[row])], "rb", buffering=0) as file:
                file.seek(int(self.offsets[row]))
                content: bytes = file.read(size)
        except OSError as error:
            raise TwoalikeError(f"cannot be read ({error})", where=self.name(row)) from error
        if len(content) < size:
            raise TwoalikeError(
                where=self.name(row),
                expected=f"{size:,} bytes",
                found=f"{len(content):,}: the shard is cut off",
                remedy="Get it again.",
            )
        return content


def open_tars(where: Path, paths: Sequence[Path]) -> Collection:
    """Images of tar shards, in the order of the shards and of the members within.

    An image's id is its key, the member's name up to the first dot of its last part; if shards
    share keys, the shard's name stands before all of them (``train-0001/000017``).
    """
    store = _listed(paths)
    ids = checked_ids(_keys(store), where)
    return Collection(where, ids, store.sizes, store, np.arange(len(ids)))


def _listed(paths: Sequence[Path]) -> TarShards:
    """Read the headers of all shards."""
    names: list[str] = []
    places = array("q")
    with progress() as bar:
        task = bar.add_task("listing shards", total=len(paths), status="")
        for number, path in enumerate(paths):
            for member in _images(path):
                names.append(member.name)
                places.extend((number, member.offset_data, member.size))
            bar.update(task, advance=1)
    found = np.array(places, np.int64).reshape(-1, 3)
    shards, offsets, sizes = (np.ascontiguousarray(column) for column in found.T)
    return TarShards(tuple(map(str, paths)), tuple(names), shards, offsets, sizes)


def _images(path: Path) -> Iterator[tarfile.TarInfo]:
    """Image members of a shard, one a key."""
    keys: set[str] = set()
    try:
        # Without a buffer: between two headers lies an image, which is not read.
        with path.open("rb", buffering=0) as file, tarfile.open(fileobj=file, mode="r:") as shard:
            while (member := shard.next()) is not None:
                shard.members.clear()  # type: ignore[attr-defined]  # it keeps all that it has seen
                parts = PurePosixPath(member.name).parts
                _, dot, ending = parts[-1].partition(".") if parts else ("", "", "")
                is_hidden = any(part.startswith(".") and part != ".." for part in parts)
                if is_hidden or member.isdir() or dot + ending.lower() not in SUFFIXES["image"]:
                    continue
                if not member.isreg() or member.issparse():
                    raise TwoalikeError(
                        where=f"{path}: {member.name}",
                        expected="an image's bytes",
                        found="a link, or a file with holes",
                        remedy="Make the shard of the files themselves.",
                    )
                if (key := _key(member.name)) in keys:
                    raise TwoalikeError(
                        f"has two images of the key {key!r}",
                        where=path,
                        remedy="Keep one of them.",
                    )
                keys.add(key)
                yield member
            _check_end(file, shard.offset)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TwoalikeError(
            f"cannot be read as an uncompressed tar file ({shortened(error)})",
            where=path,
            remedy="Unpack it if it is compressed, since images are read from its middle; get it "
            "again if it is damaged.",
        ) from error


def _check_end(file: IO[bytes], end: int) -> None:
    """Check that there are zeros where headers end: tarfile ends at any damage as well."""
    file.seek(end)
    start = file.read(tarfile.BLOCKSIZE)
    if len(start) < tarfile.BLOCKSIZE or any(start):
        raise tarfile.ReadError(f"cut off or damaged at byte {end:,}")
    while block := file.read(2**20):
        if any(block):
            raise tarfile.ReadError(f"there is more after its end at byte {end:,}")


def _key(member: str) -> str:
    """Name of a member up to the first dot of its last part, as in WebDataset."""
    folder, slash, last = member.removeprefix("./").rpartition("/")
    return f"{folder}{slash}{last.partition('.')[0]}"


def _keys(store: TarShards) -> list[str]:
    """Keys of the images, with their shards' names if several shards have one."""
    keys = [_key(name) for name in store.members]
    if len(set(keys)) < len(keys):
        stems = [Path(path).stem for path in store.paths]
        keys = [f"{stems[shard]}/{key}" for shard, key in zip(store.shards, keys, strict=True)]
    return keys
