"""Labelled triplets at scale: a teacher's choice probabilities, in a folder of Parquet shards.

``labels.json`` gives the planned content (``triplets``, ``shards``) and its provenance. A shard
``shard-00012.parquet`` is complete or absent and has one row per triplet:

=========  ============================  =====================================================
column     type                          content
=========  ============================  =====================================================
item_1..3  string, dictionary-encoded    image ids, in an order without meaning
p_1..3     float32                       probability that item 1, 2, 3 is called the odd one
=========  ============================  =====================================================

The key ``twoalike`` of its metadata holds ``labels.json`` and the shard's number, so that a shard
is self-describing.

AligNet's archives of triplets become such folders. They hold ``filenames`` (n, 3), ``similarities``
(n, 3) of the pairs (0,1), (0,2), (1,2) and ``indices`` (n, 3), which number the same images
(Muttenthaler et al., doi:10.1038/s41586-025-09631-6; the format is described in the repository
google-deepmind/alignet). Labels are the softmax of the similarities. The odd image follows from the
largest similarity: rows are documented to end with the odd image, but the documented order of the
similarities does not guarantee that. Arrays are read in blocks of rows, so that memory is that of
one shard and the images' names, for any number of rows.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import log_choice
from twoalike.features import StoredRows, stored_rows
from twoalike.study import (
    PROVENANCE,
    Booleans,
    Integers,
    TwoalikeError,
    atomic_directory,
    atomic_path,
    check_replaceable,
    load_parquet,
    progress,
    provenance,
    require_file,
    whole_parts,
    write_json,
)

PLAN = "labels.json"
ITEMS, CHANCES = ("item_1", "item_2", "item_3"), ("p_1", "p_2", "p_3")
UNEVEN = 1e-3
"""Largest allowed difference between 1 and the sum of a row's probabilities."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Triplets of images with their choice probabilities."""

    ids: tuple[str, ...]  # image ids, in the order in which they first appear
    triplets: npt.NDArray[np.int32]  # indices into the ids, shape (n, 3)
    # Probability that item 1, 2, 3 is called the odd one, shape (n, 3); rows sum to one
    probabilities: npt.NDArray[np.float32]
    meta: Mapping[str, Any] = field(default_factory=dict)  # content of labels.json


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.parquet"


def write_shard(
    folder: Path,
    number: int,
    ids: Sequence[str],
    triplets: Integers,
    probabilities: npt.NDArray[np.float32],
    plan: Mapping[str, Any],
) -> None:
    """Write one shard, all or nothing; the same content gives the same bytes.

    ``triplets`` (n, 3) are indices into the image ids, ``plan`` is the content of labels.json.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pa.array(list(ids), pa.string())
    columns: dict[str, Any] = {}
    for place, item in enumerate(ITEMS):
        codes = pa.array(triplets[:, place], pa.int32())
        columns[item] = pa.DictionaryArray.from_arrays(codes, names)
    for place, chance in enumerate(CHANCES):
        columns[chance] = pa.array(probabilities[:, place], pa.float32())
    origin = json.dumps({**plan, "shard": number})
    content = pa.table(columns).replace_schema_metadata({PROVENANCE: origin})
    with atomic_path(shard_path(folder, number)) as temporary:
        # Without checksums, a number that a disk has changed is read like any other.
        pq.write_table(content, temporary, compression="zstd", write_page_checksum=True)


def read_labels(folder: str | Path) -> LabelTable:
    """Read a whole folder of labels."""
    paths, plan = whole_parts(Path(folder), PLAN, "labels", shard_path)
    places: dict[str, int] = {}
    parts = [_read_shard(path, places) for path in paths]
    return LabelTable(
        tuple(places),
        np.concatenate([triplets for triplets, _ in parts]),
        np.concatenate([chances for _, chances in parts]),
        plan,
    )


def _read_shard(
    path: Path, places: dict[str, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    import pyarrow as pa

    remedy = "Remove it and repeat the command that made it."
    content = load_parquet(path, "labelled triplets (parquet)", dictionaries=ITEMS, remedy=remedy)
    of = pa.types
    for names, fits, expected in (
        (ITEMS, (of.is_dictionary, of.is_integer), "image ids"),
        (CHANCES, (of.is_floating, of.is_integer), "probabilities"),
    ):
        for name in names:
            column = content[name] if name in content.column_names else None
            if column is None or column.null_count or not any(fit(column.type) for fit in fits):
                raise TwoalikeError(
                    where=path,
                    expected=f"{expected} in column {name}, without gaps",
                    found="no such column" if column is None else column.type,
                    remedy="Make the labels again.",
                )
    triplets = np.empty((len(content), 3), np.int32)
    for place, item in enumerate(ITEMS):
        codes = content[item].combine_chunks()
        codes = codes if isinstance(codes, pa.DictionaryArray) else codes.dictionary_encode()
        names = codes.dictionary.to_pylist()
        own = np.array([places.setdefault(str(name), len(places)) for name in names], np.int32)
        triplets[:, place] = own[codes.indices.to_numpy()]
    chances = np.stack([content[name].to_numpy() for name in CHANCES], axis=1).astype(np.float32)
    fair = (chances >= 0).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) <= UNEVEN)
    for wrong, what, found in (
        (_twice(triplets), "three different images", np.full(len(triplets), "an image twice")),
        (~fair, f"probabilities from 0 that add up to 1 (within {UNEVEN})", chances),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise TwoalikeError(
                where=f"{path}: row {row + 1}",
                expected=what,
                found=found[row].tolist() if found.ndim > 1 else found[row],
                remedy=f"{int(wrong.sum())} such rows in all; make the labels again.",
            )
    return triplets, chances


def _twice(triplets: Integers) -> Booleans:
    """Which triplets have an image twice, (n,)."""
    first, second, third = triplets.T
    return np.asarray((first == second) | (first == third) | (second == third))


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
    n = len(members["filenames"])
    plan = provenance("labels", inputs={"archive": path}, config={"temperature": temperature})
    plan |= {"triplets": n, "shards": -(-n // shard)}
    names: dict[str, str] = {}  # of images, by id
    by_index: dict[int, str] = {}
    odd_not_last = tied = 0
    # Close an archive that is refused half-way at once, not when its readers are collected.
    with ExitStack() as readers, atomic_directory(out) as folder, progress() as bar:
        task = bar.add_task("labels", total=plan["shards"], status="")
        parts = [readers.enter_context(closing(of.blocks(shard))) for of in members.values()]
        for number, block in enumerate(zip(*parts, strict=True)):
            rows = dict(zip(members, block, strict=True))
            start = number * shard
            files, triplets = _images(path, rows["filenames"], start)
            if "indices" in rows:
                codes, indices = pd.factorize(rows["indices"].reshape(-1))
                known = [by_index.setdefault(*pair) for pair in zip(indices, files, strict=False)]
                if (triplets.reshape(-1) != codes).any() or known != files:
                    raise _disagreement(path)
            ids = [_id(name) for name in files]
            for one, name in zip(ids, files, strict=True):
                if (other := names.setdefault(one, name)) != name:
                    raise TwoalikeError(
                        f"{min(name, other)!r} and {max(name, other)!r} would share the id {one!r}",
                        where=path,
                        remedy="Rename one of them.",
                    )
            pairs = rows["similarities"].astype(np.float64)
            if len(wrong := np.flatnonzero(~np.isfinite(pairs).all(axis=1))):
                raise TwoalikeError(
                    where=f"{path}: row {start + wrong[0] + 1}",
                    expected="finite similarities",
                    found=pairs[wrong[0]].tolist(),
                )
            logs = np.stack(log_choice(tuple((pairs / temperature).T)), axis=1)
            write_shard(folder, number, ids, triplets, np.exp(logs).astype(np.float32), plan)
            odd_not_last += int((pairs.argmax(axis=1) != 0).sum())
            tied += int(((pairs == pairs.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
            bar.update(task, advance=1)
        if by_index and len(by_index) != len(names):
            raise _disagreement(path)
        checked = {"odd_not_last": odd_not_last, "tied": tied, "indices": "indices" in members}
        content = {**plan, "images": len(names), "checked": checked}
        write_json(folder / PLAN, content)
    return content


def _members(path: Path) -> dict[str, StoredRows]:
    require_file(path, "AligNet's triplets (.npz)")
    found = {str(name): rows for name, rows in stored_rows(path).items()}
    needed = [name for name in KINDS if name in found or name != "indices"]
    if any(name not in found for name in needed):
        raise TwoalikeError(
            where=path,
            expected="arrays filenames, similarities and indices of shape (n, 3)",
            found=", ".join(found) or "none",
            remedy="Save them as plain strings and numbers, which are no pickles.",
        )
    members = {name: found[name] for name in needed}
    n = len(members["filenames"])
    for name, member in members.items():
        if member.dtype.kind not in KINDS[name] or member.shape != (n, 3) or n == 0:
            content = "strings" if name == "filenames" else "numbers"
            raise TwoalikeError(
                where=path,
                expected=f"{name} of shape ({n or 'n'}, 3), {content}",
                found=f"{member.dtype} of shape {member.shape}",
            )
    return members


def _images(
    path: Path, filenames: npt.NDArray[Any], start: int
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of a block's images, and its triplets as indices into them, shape (n, 3)."""
    files = np.char.decode(filenames, "utf-8") if filenames.dtype.kind == "S" else filenames
    codes, names = pd.factorize(files.reshape(-1).astype(object))
    triplets = np.asarray(codes, dtype=np.int64).reshape(files.shape)
    if len(twice := np.flatnonzero(_twice(triplets))):
        raise TwoalikeError(
            f"row {start + twice[0] + 1} has an image twice ({', '.join(files[twice[0]])})",
            where=path,
            remedy="A triplet has three different images.",
        )
    return list(names), triplets


def _disagreement(path: Path) -> TwoalikeError:
    return TwoalikeError(
        "indices and filenames disagree, so similarities may belong to other images",
        where=path,
        remedy="Get the file again.",
    )


def _id(filename: str) -> str:
    """Remove the extension, as for ids in a folder of images."""
    stem, _, ending = filename.rpartition(".")
    return stem if stem and not stem.endswith("/") and "/" not in ending else filename
