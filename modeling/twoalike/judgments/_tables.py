"""The tidy tables of judgments, in memory and in files.

Readers of other people's files and of our own raw data all end in these tables, and everything
downstream starts from them. Columns of object ids share one list of categories, which is the order
of objects everywhere downstream and may name objects that nobody judged.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from twoalike.choice import ChoiceKind
from twoalike.judgments._columns import (
    CORRECT,
    PAIR,
    SESSION,
    TRIAL,
    TRIAL_NUMBER,
    TRIAL_TYPE,
    item_column,
    participant_column,
    rows_agree,
    seconds_column,
    two_items,
    two_objects,
)
from twoalike.judgments._rated import RATINGS, SORTINGS
from twoalike.judgments._sets import (
    CHOICE_KINDS,
    ITEMS,
    MORE_ITEMS,
    chosen_was_shown,
    different_items,
    items_in_order,
    second_where_asked,
)
from twoalike.study import Booleans, TwoalikeError, provenance, read_ids
from twoalike.tables import (
    JUDGED,
    LEVELS,
    Column,
    Fault,
    Table,
    faults,
    make_frame,
    read_frame,
    write_frame,
)

type JudgmentKind = Literal["choices", "arrangements", "dissimilarities", "ratings", "sortings"]

FARTHEST = 0.75
"""Largest distance from the centre of an arena, in its diameters. A round arena ends at .5, the
corners of a square one at .71; anything beyond is in another unit."""


CHOICES = Table(
    "choices",
    (
        participant_column("Who judged"),
        SESSION,
        TRIAL_NUMBER,
        Column(
            "kind",
            "string",
            "What was asked.",
            levels=CHOICE_KINDS,
            dtype="category",
            default="odd_one_out",
        ),
        *(item_column(name, f"Id of object {name[-1]} in the order shown.") for name in ITEMS),
        *(item_column(name, f"Id of object {name[-1]}.", "fewer items") for name in MORE_ITEMS),
        Column(
            "chosen",
            "integer",
            "Which item was chosen, by its number.",
            minimum=1,
            maximum=len(ITEMS) + len(MORE_ITEMS),
            dtype="int8",
        ),
        Column(
            "second",
            "integer",
            "The other item of a chosen pair, or the item chosen next.",
            minimum=1,
            maximum=len(ITEMS) + len(MORE_ITEMS),
            missing="one item was chosen",
            optional=True,
            dtype="float32",
        ),
        seconds_column("Time from the first sight of the triplet to the choice."),
        TRIAL_TYPE,
        Column(
            "level",
            "string",
            "Level of abstraction.",
            levels=LEVELS,
            missing="none",
            dtype="category",
        ),
        CORRECT,
    ),
    rows="judgments",
    items=(*ITEMS, *MORE_ITEMS),
    checks=(different_items, items_in_order, chosen_was_shown, second_where_asked),
)
"""One row a choice among three items, or more."""


def _within_arena(table: pd.DataFrame) -> Iterator[Fault]:
    far = np.hypot(table["x"].to_numpy(), table["y"].to_numpy()) > FARTHEST
    yield from faults(far, f"x and y in arena diameters, at most {FARTHEST} from the centre")


ARRANGEMENTS = Table(
    "arrangements",
    (
        participant_column("Who arranged"),
        SESSION,
        TRIAL_NUMBER,
        item_column("item", "Id of the object placed."),
        *(
            Column(
                name,
                "number",
                f"Place of the item, {where} the centre of the arena.",
                units="arena diameters",
                dtype="float64",
            )
            for name, where in (("x", "to the right of"), ("y", "above"))
        ),
        seconds_column("Duration of the whole trial; the same in all its rows."),
        TRIAL_TYPE,
        Column(
            "seat_angle",
            "number",
            "Direction from the centre in which the item lay at first, counter-clockwise from the "
            "right.",
            units="degrees",
            missing="the item lay elsewhere, or this is not known",
            added=True,
            dtype="float32",
        ),
        Column(
            "moves",
            "number",
            "Times the item was dragged.",
            minimum=0,
            missing="not counted",
            added=True,
            dtype="float32",
        ),
    ),
    rows="arrangements",
    keys=(*TRIAL, "item"),
    items=("item",),
    checks=(_within_arena, two_items, rows_agree),
)
"""One row an item placed."""


PAIR_KINDS = {
    "rdm": "computed from trials that are gone, a pair in relation to all others",
    "arrangement": "the same, where the trials were arrangements in a plane",
    "rating": "each pair judged by itself",
}
"""How dissimilarities were judged."""

DISSIMILARITIES = Table(
    "dissimilarities",
    (
        participant_column("Who judged"),
        item_column("item_a", "Id of one object of the pair."),
        item_column("item_b", "Id of the other object."),
        Column(
            "dissimilarity",
            "number",
            "Any scale: only differences within a source count.",
            minimum=0,
            dtype="float64",
            remedy="Only differences count: a constant may be added to all.",
        ),
        Column(
            "kind",
            "string",
            "How it was judged.",
            levels=PAIR_KINDS,
            dtype="category",
            default="rdm",
        ),
    ),
    rows="dissimilarities",
    items=PAIR,
    checks=(two_objects,),
)
"""One row a pair; a pair may be left out, and be there several times."""

TABLES: Mapping[JudgmentKind, Table] = {
    "choices": CHOICES,
    "arrangements": ARRANGEMENTS,
    "dissimilarities": DISSIMILARITIES,
    "ratings": RATINGS,
    "sortings": SORTINGS,
}


def choices_table(
    columns: Mapping[str, Any], objects: Sequence[str], where: object = "choices"
) -> pd.DataFrame:
    """Build and check a table of choices from arrays.

    Parameters
    ----------
    columns
        Values by column name. ``trial`` (default 1, 2, ...), ``session``, ``response_time``,
        ``level``, ``correct`` (default missing), ``participant`` (default ``unknown``), ``kind``
        (default ``odd_one_out``) and ``trial_type`` (default ``main``) may be left out. Items are
        ids, or integers that index ``objects``.
    objects
        All object ids, in the order to keep; may name objects nobody judged.
    where
        What to name in errors.

    Examples
    --------
    >>> table = choices_table(
    ...     {"item_1": [0], "item_2": [1], "item_3": [2], "chosen": [3]}, ["cat", "dog", "oak"]
    ... )
    >>> table["item_3"].tolist(), table["chosen"].tolist(), table["kind"].tolist()
    (['oak'], [3], ['odd_one_out'])
    """
    return make_frame(columns, CHOICES, where, objects)


def arrangements_table(
    columns: Mapping[str, Any], objects: Sequence[str], where: object = "arrangements"
) -> pd.DataFrame:
    """Build and check a table of arrangements from arrays, as :func:`choices_table`.

    Examples
    --------
    >>> table = arrangements_table(
    ...     {"trial": [1, 1], "item": [0, 2], "x": [0.1, -0.3], "y": [0.0, 0.2]},
    ...     ["cat", "dog", "oak"],
    ... )
    >>> table["item"].tolist(), table["participant"].tolist()
    (['cat', 'oak'], ['unknown', 'unknown'])
    """
    return make_frame(columns, ARRANGEMENTS, where, objects)


def dissimilarities_table(
    columns: Mapping[str, Any], objects: Sequence[str], where: object = "dissimilarities"
) -> pd.DataFrame:
    """Build and check a table of dissimilarities from arrays, as :func:`choices_table`.

    Examples
    --------
    >>> table = dissimilarities_table(
    ...     {"item_a": [0, 0], "item_b": [1, 2], "dissimilarity": [0.2, 0.9]},
    ...     ["cat", "dog", "oak"],
    ... )
    >>> table["item_b"].tolist(), table["kind"].tolist()
    (['dog', 'oak'], ['rdm', 'rdm'])
    """
    return make_frame(columns, DISSIMILARITIES, where, objects)


def write_judgments(
    path: str | Path,
    table: pd.DataFrame,
    provenance: Mapping[str, Any],
    kind: JudgmentKind = "choices",
) -> None:
    """Write a table of judgments as Parquet, all or nothing; strings become categories."""
    write_frame(path, table, TABLES[kind], provenance)


def write_imported(
    target: Path | None,
    table: pd.DataFrame,
    kind: JudgmentKind,
    inputs: Mapping[str, Path],
    objects: object,
    config: Mapping[str, Any],
) -> None:
    """Write a table that was read from files of others, where ``target`` is a path.

    ``inputs`` and ``config`` are for the record, and the file of ``objects``, if that is one.
    """
    if target is not None:
        listed = {"objects": Path(objects)} if isinstance(objects, str | Path) else {}
        made = provenance(kind, inputs={**inputs, **listed}, config=config)
        write_judgments(target, table, made, kind)


class ForeignFrame(Protocol):
    """A data frame of another library, such as polars."""

    def to_pandas(self) -> pd.DataFrame:
        """Convert to pandas."""
        ...


type JudgmentTable = str | Path | pd.DataFrame | ForeignFrame
"""Where a table of judgments comes from: a Parquet file, or a frame of pandas or polars."""


def read_judgments(source: JudgmentTable, kind: JudgmentKind = "choices") -> pd.DataFrame:
    """Read and check a table of judgments.

    Parameters
    ----------
    source
        A Parquet file, or a frame of pandas or polars with the columns of
        :func:`~twoalike.judgments.choices_table` (or its like for the kind): items are object ids,
        or numbers of objects from 0. Columns with a default may be left out.
    kind
        What the table holds.

    Returns
    -------
    The tidy table. Objects are in the order of the file's or frame's own list (its categories),
    or else in order of first appearance. ``attrs["provenance"]`` says how a file of ours was made.
    """
    if isinstance(source, str | Path):
        return read_frame(source, TABLES[kind])
    frame = source if isinstance(source, pd.DataFrame) else source.to_pandas()
    return make_frame(frame, TABLES[kind], kind)


def is_scored(choices: pd.DataFrame, kind: ChoiceKind | None = None) -> Booleans:
    """Tell which rows are main or repeated judgments, of one kind if it is given, shape (n,)."""
    scored = choices["trial_type"].isin(JUDGED).to_numpy(dtype=bool)
    return scored if kind is None else scored & (choices["kind"] == kind).to_numpy(dtype=bool)


def object_ids(objects: Sequence[str] | str | Path) -> Sequence[str]:
    """Ids of objects, from a file with one a line where a path is given."""
    return read_ids(objects) if isinstance(objects, str | Path) else objects


def check_new_table(out: str | Path | None, overwrite: bool) -> Path | None:
    """Check, before anything is read, that a table can be written under this name."""
    if out is None:
        return None
    path = Path(out)
    if path.suffix != ".parquet":
        raise TwoalikeError(
            where=f"`out=...` {path}",
            expected="a name that ends in .parquet, the format of our tables",
        )
    if path.exists() and not overwrite:
        raise TwoalikeError(
            "there is such a file already",
            where=f"`out=...` {path}",
            remedy="Nothing was changed; choose another name, or replace it with `overwrite=True`.",
        )
    return path
