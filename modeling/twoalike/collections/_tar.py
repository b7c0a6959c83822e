"""Tar shards in WebDataset's layout: ``key.jpg`` beside ``key.cls``, ``key.json`` and the like.

The shards' headers are read once, for the place of each image, so that any image can be read by
number; WebDataset's own reader goes through a shard in order and cannot continue where it stopped.
The list is kept in the user's cache, by the shards' names, sizes and times.
"""

import hashlib
import tarfile
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from twoalike.collections._collection import Collection, Store
from twoalike.collections._names import Names, checked_ids
from twoalike.stimuli import SUFFIXES, read_picture
from twoalike.study import TwoalikeError, atomic_path, load_arrays, progress, shortened

OPEN = 64
"""Shards that a process holds open."""
LONG = 100_000
"""Images from which on the list is kept: it takes some seconds to make."""


@dataclass(eq=False)
class TarShards(Store):
    """Images of tar files by number.

    Attributes
    ----------
    paths
        The shards.
    members
        Name of each image within its shard.
    shards, offsets, sizes
        Where it is: number of the shard, and bytes in it, each of shape (n,).
    """

    paths: Sequence[str]
    members: Names
    shards: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        self._open: OrderedDict[int, Any] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files out: each process opens its own."""
        return self.__dict__ | {"_open": OrderedDict()}

    def __del__(self) -> None:
        """Close what is open."""
        for file in self._open.values():
            file.close()

    def name(self, row: int) -> str:
        """Shard, and member in it."""
        return f"{self.paths[int(self.shards[row])]}: {self.members[row]}"

    def picture(self, row: int) -> Image.Image:
        """Image of a member."""
        return read_picture(self._content(row), self.name(row))

    def _content(self, row: int) -> bytes:
        size = int(self.sizes[row])
        try:
            file = self._file(int(self.shards[row]))
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

    def _file(self, shard: int) -> Any:
        if shard in self._open:
            self._open.move_to_end(shard)
        else:
            if len(self._open) >= OPEN:
                self._open.popitem(last=False)[1].close()
            # Unbuffered: an image is read at once, and the next is elsewhere.
            self._open[shard] = open(self.paths[shard], "rb", buffering=0)  # noqa: SIM115
        return self._open[shard]


def open_tars(where: Path, paths: Sequence[Path]) -> Collection:
    """Images of tar shards, in the order of the shards and of the members within.

    An image's id is its key, the member's name up to the first dot of its last part; if shards
    share keys, the shard's name stands before all of them (``train-0001/000017``).
    """
    cache = _cache(paths)
    store = _kept(cache, paths) if cache.is_file() else None
    if store is None:
        store = _listed(paths)
        if len(store.members) >= LONG:
            _keep(cache, store)
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
    return TarShards(tuple(map(str, paths)), Names.of(names), shards, offsets, sizes)


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


def _cache(paths: Sequence[Path]) -> Path:
    """File that holds the list of these shards, if they have been listed."""
    from platformdirs import user_cache_path

    digest = hashlib.sha256()
    for path in paths:
        try:
            state = path.stat()
        except OSError as error:
            raise TwoalikeError(f"cannot be read ({error})", where=path) from error
        digest.update(f"{path.resolve()} {state.st_size} {state.st_mtime_ns};".encode())
    return user_cache_path("twoalike") / "shards" / f"{digest.hexdigest()[:32]}.npz"


def _keep(cache: Path, store: TarShards) -> None:
    """Keep a list; where there is no room for it, it is made again next time."""
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(cache) as temporary:
            np.savez(
                temporary,
                text=np.frombuffer(store.members.text, np.uint8),
                ends=store.members.ends,
                shards=store.shards,
                offsets=store.offsets,
                sizes=store.sizes,
            )
    except (OSError, TwoalikeError):
        return


def _kept(cache: Path, paths: Sequence[Path]) -> TarShards | None:
    """Read a list that was kept; None if it is damaged."""
    try:
        arrays = load_arrays(cache, "list of shards")
        assert isinstance(arrays, dict)
        names = Names(arrays["text"].tobytes(), arrays["ends"])
        places = (arrays["shards"], arrays["offsets"], arrays["sizes"])
    except (TwoalikeError, KeyError, AssertionError):
        return None
    return TarShards(tuple(map(str, paths)), names, *places)
