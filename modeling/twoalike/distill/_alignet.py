"""AligNet's archives of triplets, converted to a folder of labels.

``filenames`` (n, 3), ``similarities`` (n, 3) of the pairs (0,1), (0,2), (1,2) and ``indices``
(n, 3), which number the same images (Muttenthaler et al., doi:10.1038/s41586-025-09631-6; the
format is described in the repository google-deepmind/alignet). Labels are the softmax of the
similarities. The odd image follows from the largest similarity: rows are documented to end with the
odd image, but the documented order of the similarities does not guarantee that.

Memory use is one shard and the images' names, for any number of rows: arrays are read in blocks of
rows, whereas ``np.load`` reads each as a whole.
"""

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.backbones import Preprocessing
from twoalike.choice import log_choice
from twoalike.distill._labels import PLAN, write_shard
from twoalike.study import (
    DAMAGED,
    TwoalikeError,
    array_bytes,
    array_header,
    atomic_directory,
    check_replaceable,
    progress,
    provenance,
    require_file,
    shortened,
    write_json,
)


def alignet_preprocessing(size: int = 224) -> Preprocessing:
    """Prepare images as AligNet's students are trained: the whole image, pixels from 0 to 1.

    Its resize is OpenCV's ``INTER_CUBIC``, without antialiasing; ours differs by one level of 256
    at most (docs/explanation/alignet.md).
    """
    return Preprocessing(size=size, mean=(0.0,) * 3, std=(1.0,) * 3, antialias=False)


@dataclass(frozen=True)
class Member:
    """One array of an archive, unread."""

    path: Path
    name: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    by_columns: bool  # as it is stored: it is read as a whole then

    def blocks(self, rows: int) -> Generator[npt.NDArray[Any]]:
        """Yield the array in blocks of ``rows`` rows, the last one shorter."""
        n, columns = self.shape
        try:
            if self.by_columns:
                with np.load(self.path, allow_pickle=False) as arrays:
                    whole = arrays[self.name]
                yield from (whole[start : start + rows] for start in range(0, n, rows))
                return
            with ZipFile(self.path) as archive, archive.open(f"{self.name}.npy") as file:
                array_header(file)
                for start in range(0, n, rows):
                    size = min(rows, n - start) * columns * self.dtype.itemsize
                    content = file.read(size)
                    if len(content) < size:
                        raise EOFError(f"{self.name} ends before its last row")
                    yield np.frombuffer(content, self.dtype).reshape(-1, columns)
                file.read(1)  # at its end, zipfile compares the checksum
        except DAMAGED as error:
            raise _damaged(self.path, error) from error


def open_members(path: Path, what: str) -> dict[str, Member]:
    """Find the two-dimensional arrays of an archive, without reading them."""
    require_file(path, what)
    members: dict[str, Member] = {}
    try:
        with ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                with archive.open(entry) as file:
                    shape, by_columns, dtype = array_header(file)
                    needed = file.tell() + array_bytes(shape, dtype)
                if dtype.hasobject:
                    raise TwoalikeError(
                        f"array {name!r} is pickled, and opening a pickle may run any program",
                        where=path,
                        remedy="Save it as plain strings or numbers.",
                    )
                if needed > entry.file_size:
                    raise ValueError(f"{name} has the shape {shape} but ends too soon")
                if len(shape) == 2:
                    members[name] = Member(path, name, (shape[0], shape[1]), dtype, by_columns)
    except DAMAGED as error:
        raise _damaged(path, error) from error
    return members


def _damaged(path: Path, error: Exception) -> TwoalikeError:
    return TwoalikeError(
        f"cannot be read as .npz ({shortened(error)})",
        where=path,
        remedy="The file is damaged or of another kind; get it again.",
    )


SHARD = 200_000
"""Triplets per file, and per block of reading."""
KINDS = {"filenames": "US", "similarities": "f", "indices": "iu"}
"""Arrays, and the kinds of numpy types allowed for each."""


def import_alignet(
    path: str | Path,
    out: str | Path,
    *,
    temperature: float = 1.0,
    shard: int = SHARD,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write AligNet's triplets as a folder of labels, all or nothing.

    An image's id is the name of its file without the extension, as in a folder of images. The order
    of rows, and of the images in a row, is that of the archive.

    Parameters
    ----------
    path
        Archive (.npz), compressed or not; ``indices`` may be missing.
    out
        Folder to make; replaced if it holds labels and ``overwrite`` is on.
    temperature
        Divisor of the similarities, above 0; 1 in AligNet.
    shard
        Triplets per file.

    Returns
    -------
    The content of labels.json: ``triplets``, ``images``, and under ``checked`` the number of rows
    whose odd image is not the last (``odd_not_last``) or whose largest similarities are equal
    (``tied``), and whether ``indices`` were checked.
    """
    path, out = Path(path), Path(out)
    check_replaceable(out, PLAN, overwrite=overwrite)
    if not (np.isfinite(temperature) and temperature > 0):
        raise TwoalikeError(
            where="`temperature=...`", expected="a number above 0", found=f"{temperature:g}"
        )
    members = _members(path)
    n = members["filenames"].shape[0]
    plan = provenance("labels", inputs={"archive": path}, config={"temperature": temperature})
    plan |= {"triplets": n, "shards": -(-n // shard)}
    names = _Names(path)
    odd_not_last = tied = 0
    # Close an archive that is refused half-way at once, not when its readers are collected.
    with ExitStack() as readers, atomic_directory(out) as folder, progress() as bar:
        task = bar.add_task("labels", total=plan["shards"], status="")
        parts = [readers.enter_context(closing(of.blocks(shard))) for of in members.values()]
        for number, block in enumerate(zip(*parts, strict=True)):
            rows = dict(zip(members, block, strict=True))
            start = number * shard
            ids, triplets = names.take(rows["filenames"], rows.get("indices"), start)
            pairs = _similarities(path, rows["similarities"], start)
            write_shard(folder, number, ids, triplets, _chances(pairs, temperature), plan)
            odd_not_last += int((2 - pairs.argmax(axis=1) != 2).sum())
            tied += int(((pairs == pairs.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
            bar.update(task, advance=1)
        images = names.finish()
        checked = {"odd_not_last": odd_not_last, "tied": tied, "indices": "indices" in members}
        content = {**plan, "images": images, "checked": checked}
        write_json(folder / PLAN, content)
    return content


def _members(path: Path) -> dict[str, Member]:
    """Find the archive's arrays and check that their shapes agree."""
    found = open_members(path, "AligNet's triplets (.npz)")
    needed = [name for name in KINDS if name in found or name != "indices"]
    missing = [name for name in needed if name not in found]
    if missing:
        raise TwoalikeError(
            where=path,
            expected="arrays filenames, similarities and indices of shape (n, 3)",
            found=", ".join(found) or "none",
        )
    members = {name: found[name] for name in needed}
    n = members["filenames"].shape[0]
    for name, member in members.items():
        if member.dtype.kind not in KINDS[name] or member.shape != (n, 3) or n == 0:
            content = "strings" if name == "filenames" else "numbers"
            raise TwoalikeError(
                where=path,
                expected=f"{name} of shape ({n or 'n'}, 3), {content}",
                found=f"{member.dtype} of shape {member.shape}",
            )
    return members


class _Names:
    """The images read so far, and the check that each index always has the same name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_index: dict[int, str] = {}
        self.seen: set[str] = set()

    def take(
        self, filenames: npt.NDArray[Any], indices: npt.NDArray[Any] | None, start: int
    ) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Ids of a block's images, and its triplets as indices into them, shape (n, 3)."""
        files = np.char.decode(filenames, "utf-8") if filenames.dtype.kind == "S" else filenames
        codes, names = pd.factorize(files.reshape(-1).astype(object))
        triplets = np.asarray(codes, dtype=np.int64).reshape(files.shape)
        first, second, third = triplets.T
        twice = np.flatnonzero((first == second) | (first == third) | (second == third))
        if len(twice):
            raise TwoalikeError(
                f"row {start + twice[0] + 1} has an image twice ({', '.join(files[twice[0]])})",
                where=self.path,
                remedy="A triplet has three different images.",
            )
        if indices is None:
            self.seen.update(names)
        else:
            self._agree(codes, names, indices.reshape(-1), start)
        return [_id(name) for name in names], triplets

    def _agree(
        self,
        codes: npt.NDArray[np.intp],
        names: npt.NDArray[Any],
        indices: npt.NDArray[Any],
        start: int,
    ) -> None:
        _, places = np.unique(codes, return_index=True)
        own = indices[places]  # of each name at its first place
        wrong = np.flatnonzero(indices != own[codes])
        if len(wrong):
            place = wrong[0]
            raise self._disagreement(
                f"row {start + place // 3 + 1}: image {names[codes[place]]!r} has the indices "
                f"{own[codes[place]]} and {indices[place]}"
            )
        for place, index, name in zip(places, own.tolist(), names, strict=True):
            before = self.by_index.setdefault(index, name)
            if before != name:
                raise self._disagreement(
                    f"row {start + place // 3 + 1}: index {index} is both {before!r} and {name!r}"
                )

    def finish(self) -> int:
        """Count the images after all rows have been read."""
        index_of: dict[str, int] = {}
        for index, name in self.by_index.items():
            before = index_of.setdefault(name, index)
            if before != index:
                raise self._disagreement(f"image {name!r} has the indices {before} and {index}")
        file_of: dict[str, str] = {}
        for name in self.seen or index_of:
            other = file_of.setdefault(_id(name), name)
            if other != name:
                raise TwoalikeError(
                    f"{min(name, other)!r} and {max(name, other)!r} would share the id "
                    f"{_id(name)!r}",
                    where=self.path,
                    remedy="Rename one of them.",
                )
        return len(file_of)

    def _disagreement(self, what: str) -> TwoalikeError:
        return TwoalikeError(
            "indices and filenames disagree, so similarities may belong to other images",
            where=self.path,
            remedy=f"{what[0].upper()}{what[1:]}. Get the file again.",
        )


def _id(filename: str) -> str:
    """Remove the extension, as for ids in a folder of images."""
    stem, _, ending = filename.rpartition(".")
    return stem if stem and not stem.endswith("/") and "/" not in ending else filename


def _similarities(
    path: Path, values: npt.NDArray[np.floating], start: int
) -> npt.NDArray[np.float64]:
    pairs = values.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(pairs).all(axis=1))
    if len(wrong):
        raise TwoalikeError(
            where=f"{path}: row {start + wrong[0] + 1}",
            expected="finite similarities",
            found=pairs[wrong[0]].tolist(),
        )
    return pairs


def _chances(pairs: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float32]:
    """Probability that image 1, 2, 3 is the odd one, shape (n, 3)."""
    first, second, third = (pairs / temperature).T
    logs = np.stack(log_choice((first, second, third)), axis=1)
    return np.exp(logs).astype(np.float32)
