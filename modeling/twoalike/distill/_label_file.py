"""Labelled triplets on disk: a folder of Parquet shards, each whole or absent.

``labels.json`` says what is to be there (``triplets``, ``shards``) and where it comes from. A shard
``shard-00012.parquet`` has one row a triplet:

=========  ============================  =====================================================
column     type                          content
=========  ============================  =====================================================
item_1..3  string, dictionary-encoded    image ids, in an order that tells nothing
p_1..3     float32                       probability that item 1, 2, 3 is called the odd one
=========  ============================  =====================================================

The key ``twoalike`` of its metadata holds ``labels.json`` and the shard's own number, so that a
shard alone still says what it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import PROVENANCE, TwoalikeError, atomic_path, load_parquet, whole_parts

PLAN = "labels.json"
ITEMS, CHANCES = ("item_1", "item_2", "item_3"), ("p_1", "p_2", "p_3")
UNEVEN = 1e-3
"""How far a row's probabilities may add up to something else than one."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Triplets of images with their choice probabilities.

    Attributes
    ----------
    ids
        Image ids, in the order in which they first appear.
    triplets
        Indices into the ids, shape (n, 3).
    probabilities
        That item 1, 2, 3 is called the odd one, shape (n, 3); rows sum to one.
    meta
        What labels.json says.
    """

    ids: tuple[str, ...]
    triplets: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]
    meta: Mapping[str, Any] = field(default_factory=dict)


def shard_path(folder: Path, number: int) -> Path:
    """File of one shard."""
    return folder / f"shard-{number:05d}.parquet"


def write_shard(
    folder: Path,
    number: int,
    ids: Sequence[str],
    triplets: npt.NDArray[np.integer],
    probabilities: npt.NDArray[np.float32],
    plan: Mapping[str, Any],
) -> None:
    """Write one shard, all or nothing; the same content gives the same bytes.

    Parameters
    ----------
    folder
        Of the labels.
    number
        Of the shard, from 0.
    ids
        Image ids.
    triplets
        Indices into the ids, shape (n, 3).
    probabilities
        That item 1, 2, 3 is called the odd one, shape (n, 3).
    plan
        What labels.json says.

    Raises
    ------
    TwoalikeError
        If it cannot be written.
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
        pq.write_table(content, temporary, compression="zstd")


def read_labels(folder: Path) -> LabelTable:
    """Read a whole folder of labels.

    Raises
    ------
    TwoalikeError
        If the folder, a shard or a column is missing, or rows are not labelled triplets.
    """
    paths, plan = whole_parts(folder, PLAN, "labels", shard_path)
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
    """Triplets and probabilities of a shard; ids not met before get a place of their own."""
    import pyarrow as pa

    content = load_parquet(
        path,
        "labelled triplets (parquet)",
        dictionaries=ITEMS,
        remedy="Remove it and give the command that made it again.",
    )
    absent = [name for name in (*ITEMS, *CHANCES) if name not in content.column_names]
    if absent:
        raise TwoalikeError(f"{path}: expected a column {absent[0]}, found none of that name.")
    of = pa.types
    for names, fits, expected in (
        (ITEMS, (of.is_dictionary, of.is_integer), "image ids"),
        (CHANCES, (of.is_floating, of.is_integer), "probabilities"),
    ):
        for name in names:
            if not any(fit(content[name].type) for fit in fits):
                raise TwoalikeError(
                    f"{path}: expected {expected} in column {name}, found {content[name].type}. "
                    "Make the labels again."
                )
    gaps = [name for name in (*ITEMS, *CHANCES) if content[name].null_count]
    if gaps:
        raise TwoalikeError(f"{path}: column {gaps[0]} has missing values; labels have none.")
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
    """Refuse rows that are no labelled triplets, naming the first."""
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
                f"{path}: row {row + 1}: expected {what}, found {found}. {int(wrong.sum())} such "
                "rows in all; make the labels again."
            )
