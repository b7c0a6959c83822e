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
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import (
    PROVENANCE,
    Integers,
    TwoalikeError,
    atomic_path,
    load_parquet,
    whole_parts,
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
    """File of one shard."""
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
    """Triplets and probabilities of a shard; new ids are added to the index."""
    import pyarrow as pa

    content = load_parquet(
        path,
        "labelled triplets (parquet)",
        dictionaries=ITEMS,
        remedy="Remove it and repeat the command that made it.",
    )
    absent = [name for name in (*ITEMS, *CHANCES) if name not in content.column_names]
    if absent:
        raise TwoalikeError(where=path, expected=f"a column {absent[0]}", found="none of that name")
    of = pa.types
    for names, fits, expected in (
        (ITEMS, (of.is_dictionary, of.is_integer), "image ids"),
        (CHANCES, (of.is_floating, of.is_integer), "probabilities"),
    ):
        for name in names:
            if not any(fit(content[name].type) for fit in fits):
                raise TwoalikeError(
                    where=path,
                    expected=f"{expected} in column {name}",
                    found=content[name].type,
                    remedy="Make the labels again.",
                )
    gaps = [name for name in (*ITEMS, *CHANCES) if content[name].null_count]
    if gaps:
        raise TwoalikeError(f"column {gaps[0]} has missing values; labels have none", where=path)
    triplets = np.empty((len(content), 3), np.int32)
    for place, item in enumerate(ITEMS):
        codes = content[item].combine_chunks()
        codes = codes if isinstance(codes, pa.DictionaryArray) else codes.dictionary_encode()
        names = codes.dictionary.to_pylist()
        own = np.array([places.setdefault(str(name), len(places)) for name in names], np.int32)
        triplets[:, place] = own[codes.indices.to_numpy()]
    chances = np.stack([content[name].to_numpy() for name in CHANCES], axis=1).astype(np.float32)
    _check(path, triplets, chances)
    return triplets, chances


def _check(path: Path, triplets: npt.NDArray[np.int32], chances: npt.NDArray[np.float32]) -> None:
    """Refuse rows that are not labelled triplets, naming the first."""
    first, second, third = triplets.T
    same = (first == second) | (first == third) | (second == third)
    fair = (chances >= 0).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) <= UNEVEN)
    for wrong, what in (
        (same, "three different images"),
        (~fair, f"probabilities from 0 that add up to 1 (within {UNEVEN})"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = "an image twice" if what.startswith("three") else chances[row].tolist()
            raise TwoalikeError(
                where=f"{path}: row {row + 1}",
                expected=what,
                found=found,
                remedy=f"{int(wrong.sum())} such rows in all; make the labels again.",
            )
