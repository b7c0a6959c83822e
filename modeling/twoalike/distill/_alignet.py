"""AligNet's archives of triplets become a folder of labels.

``filenames`` (n, 3), ``similarities`` (n, 3) of the pairs (0,1), (0,2), (1,2) and ``indices``
(n, 3), which number the same images (Muttenthaler et al., doi:10.1038/s41586-025-09631-6; the
format is described in the repository google-deepmind/alignet). Labels are the softmax of the
similarities. Which image is the odd one follows from the largest of them: the rows are said to
be sorted so that it is the last, and the order that is stated for the similarities does not
ensure that.

Memory holds one shard and each image's name, however many rows there are.
"""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import log_choice
from twoalike.distill._label_file import PLAN, write_shard
from twoalike.distill._npz_blocks import Member, open_members
from twoalike.study import (
    TwoalikeError,
    atomic_directory,
    check_replaceable,
    progress,
    provenance,
    write_json,
)

SHARD = 200_000
"""Triplets a file, and a block of reading."""
KINDS = {"filenames": "US", "similarities": "f", "indices": "iu"}
"""Arrays, and the kinds of numpy types that each may have."""


def import_alignet(
    path: str | Path,
    out: str | Path,
    *,
    temperature: float = 1.0,
    shard: int = SHARD,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write AligNet's triplets as a folder of labels, all or nothing.

    An image's id is its file's name without the ending, as in a folder of images; the rows and
    the order of a row's images are the archive's.

    Parameters
    ----------
    path
        Archive (.npz), compressed or not; ``indices`` may be missing.
    out
        Folder to make.
    temperature
        By which similarities are divided, above 0; 1 in AligNet.
    shard
        Triplets a file.
    overwrite
        Replace ``out`` if it holds labels.

    Returns
    -------
    The content of labels.json: ``triplets``, ``images``, and under ``checked`` the rows whose odd
    image is not the last (``odd_not_last``), those whose largest similarities are equal (``tied``),
    and whether there were ``indices`` to check.

    Raises
    ------
    TwoalikeError
        If the archive is missing, damaged or pickled, its arrays do not fit together, indices
        and names disagree, a similarity is not finite, or a row shows an image twice.
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
    # An archive that is refused half-way is closed at once, not when its readers are collected.
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
    """Find the archive's arrays and check that they fit together."""
    found = open_members(path, "AligNet's triplets (.npz)")
    needed = [name for name in KINDS if name in found or name != "indices"]
    missing = [name for name in needed if name not in found]
    if missing:
        raise TwoalikeError(
            f"{path}: expected arrays filenames, similarities and indices of shape (n, 3), found "
            f"{', '.join(found) or 'none'}."
        )
    members = {name: found[name] for name in needed}
    n = members["filenames"].shape[0]
    for name, member in members.items():
        if member.dtype.kind not in KINDS[name] or member.shape != (n, 3) or n == 0:
            raise TwoalikeError(
                f"{path}: expected {name} of shape ({n or 'n'}, 3), "
                f"{'strings' if name == 'filenames' else 'numbers'}, found {member.dtype} of "
                f"shape {member.shape}."
            )
    return members


class _Names:
    """The images met so far, and that index and name always go together."""

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
                f"{self.path}: row {start + twice[0] + 1} shows an image twice "
                f"({', '.join(files[twice[0]])}). A triplet has three."
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
        own = indices[places]  # of each name where it first stands
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
                    f"row {start + place // 3 + 1}: index {index} is of {before!r} and of {name!r}"
                )

    def finish(self) -> int:
        """Count the images, when all rows were taken."""
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
                    f"{self.path}: {min(name, other)!r} and {max(name, other)!r} would share the "
                    f"id {_id(name)!r}. Rename one of them."
                )
        return len(file_of)

    def _disagreement(self, what: str) -> TwoalikeError:
        return TwoalikeError(
            f"{self.path}: indices and filenames disagree, so that similarities may be of other "
            f"images. {what[0].upper()}{what[1:]}. Get the file again."
        )


def _id(filename: str) -> str:
    """Take an image's ending off its name, as the ids of a folder of images are made."""
    stem, _, ending = filename.rpartition(".")
    return stem if stem and not stem.endswith("/") and "/" not in ending else filename


def _similarities(
    path: Path, values: npt.NDArray[np.floating], start: int
) -> npt.NDArray[np.float64]:
    pairs = values.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(pairs).all(axis=1))
    if len(wrong):
        raise TwoalikeError(
            f"{path}: row {start + wrong[0] + 1}: expected finite similarities, found "
            f"{pairs[wrong[0]].tolist()}."
        )
    return pairs


def _chances(pairs: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float32]:
    """Probability that image 1, 2, 3 is the odd one, shape (n, 3)."""
    first, second, third = (pairs / temperature).T
    logs = np.stack(log_choice((first, second, third)), axis=1)
    return np.exp(logs).astype(np.float32)
