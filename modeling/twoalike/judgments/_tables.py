"""The tidy tables of judgments, in memory and in files: a kind of judgments is one table.

Readers of other people's files and of our own raw data all end in these tables, and everything
downstream starts from them. Columns of object ids share one list of categories, which is the order
of objects everywhere downstream and may name objects that nobody judged.

A choice has the columns of a triplet; what a larger set needs more (``item_4`` and on, and
``second``, the other item of a pair) is there only in tables that have such
rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import pandas as pd

from twoalike.choice import ChoiceKind
from twoalike.study import Booleans, Integers, TwoalikeError, provenance, read_ids
from twoalike.tables import (
    JUDGED,
    LEVELS,
    TRIAL_TYPES,
    Column,
    Fault,
    Table,
    faults,
    make_frame,
    read_frame,
    write_frame,
)

type JudgmentKind = Literal[
    "choices", "arrangements", "dissimilarities", "ratings", "sortings", "sources"
]
type Objects = Sequence[str] | str | Path | None
"""Ids of objects, or a file with one a line; None: those that another file names."""


ITEMS = ("item_1", "item_2", "item_3")
"""Columns of the objects of a triplet, in the order shown."""
MORE_ITEMS = tuple(f"item_{number}" for number in range(4, 10))
"""Columns of the further objects of a larger set."""
CHOICE_KINDS = {
    "odd_one_out": "the chosen item is the odd one",
    "anchored": "item_1 is the reference, the chosen item is the most similar of the others",
    "least_like": "item_1 is the reference, the chosen item is the least similar of the others, of "
    "which there are three or more",
    "most_alike": "the chosen item and the second, which has the higher number, are the pair that "
    "is most alike",
}
"""What may be asked about a set of items."""


PAIR = ("item_a", "item_b")
"""Columns of the objects of a pair."""
TRIAL = ("participant", "session", "trial")
"""Columns that together identify a trial."""


def _labels(name: str, description: str, **more: Any) -> Column:
    return Column(name, "string", description, dtype="category", **more)


def _participant(who: str) -> Column:
    said = f"{who}; `unknown` where the source does not say."
    return _labels("participant", said, default="unknown")


def _seconds(description: str) -> Column:
    known: Any = {"units": "s", "minimum": 0, "missing": "not measured", "dtype": "float32"}
    return Column("response_time", "number", description, **known)


def _counted(name: str, description: str, dtype: str, **more: Any) -> Column:
    return Column(name, "integer", description, minimum=1, dtype=dtype, **more)


ADAPTIVE = "adaptive"
"""In the column ``sampler`` of trials that were chosen by a posterior."""
SESSION = _labels("session", "Session label.", missing="the source has no sessions")
TRIAL_NUMBER = _counted("trial", "Number of the trial in its session.", "int32", default="row")
TRIAL_TYPE = _labels(
    "trial_type",
    "Why the trial was shown.",
    levels={name: TRIAL_TYPES[name] for name in ("main", "catch", "repeat", "practice")},
    default="main",
)
CORRECT = _labels(
    "correct",
    "Whether an attention check was answered right.",
    levels={"true": "answered right", "false": "answered wrong"},
    missing="no attention check, or its right answer is not known",
    added=True,
)
OBJECTS_OF_PAIR = (
    _labels("item_a", "Id of one object of the pair."),
    _labels("item_b", "Id of the other object."),
)


def trial_numbers(table: pd.DataFrame) -> Integers:
    """Trial of each row, numbered from 0 in order of first appearance, shape (n,)."""
    keys = [table[name].cat.codes for name in TRIAL[:2]] + [table["trial"]]
    rows = np.stack([np.asarray(key, dtype=np.int64) for key in keys], axis=1)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse.ravel()]


def two_objects(table: pd.DataFrame) -> Iterator[Fault]:
    one, other = (table[item].cat.codes.to_numpy() for item in PAIR)
    yield from faults(one == other, "two objects")


def two_items(table: pd.DataFrame) -> Iterator[Fault]:
    number = trial_numbers(table)
    yield from faults(np.bincount(number)[number] < 2, "two items or more in a trial")


def rows_agree(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows that differ from the first of their trial in its time or type."""
    number = trial_numbers(table)
    first = np.unique(number, return_index=True)[1][number]
    times, kinds = table["response_time"].to_numpy(), table["trial_type"].cat.codes.to_numpy()
    same = (times == times[first]) | (np.isnan(times) & np.isnan(times[first]))
    expected = "the response_time and trial_type of the trial's first row"
    yield from faults(~(same & (kinds == kinds[first])), expected)


def _more(table: pd.DataFrame) -> list[str]:
    return [item for item in MORE_ITEMS if item in table]


def item_counts(choices: pd.DataFrame) -> Integers:
    """Count the items of each choice, shape (n,)."""
    counts = np.full(len(choices), len(ITEMS))
    for item in _more(choices):
        counts += choices[item].notna().to_numpy()
    return counts


def different_items(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows that show an object twice, or leave out an item before the last."""
    items = [*ITEMS, *_more(table)]
    codes = [table[item].cat.codes.to_numpy() for item in items]
    same = np.zeros(len(table), dtype=bool)
    for place, code in enumerate(codes):
        for earlier in codes[:place]:
            same |= (code == earlier) & (code >= 0)
    yield from faults(same, "three different items" if len(items) == 3 else "different items")


def items_in_order(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows that have an item but lack the one before it."""
    for item in _more(table):
        before = f"item_{int(item[-1]) - 1}"
        gap = table[item].notna().to_numpy()
        if before in table:
            gap = gap & table[before].isna().to_numpy()
        yield from faults(gap, f"a {before} before {item}", item, table[item].tolist())


def with_reference(table: pd.DataFrame) -> Booleans:
    """Tell where item_1 is a reference, shape (n,)."""
    return np.asarray(table["kind"].isin(("anchored", "least_like")))


def chosen_was_shown(table: pd.DataFrame) -> Iterator[Fault]:
    """Find chosen and second items beyond those of the row, and references that were chosen."""
    counts = item_counts(table)
    for column in ("chosen", "second"):
        if column not in table:
            continue
        place = table[column].to_numpy()
        beyond = place > counts
        expected = "one of 1, 2, 3" if counts.max() == 3 else "one of the row's items"
        yield from faults(
            beyond, expected, column, np.nan_to_num(place).astype(int).astype(str).tolist()
        )
    wrong = with_reference(table) & (table["chosen"].to_numpy() == 1)
    expected = "item_1 is the reference of an anchored judgment and cannot be the chosen one"
    yield from faults(wrong, expected)
    few = (table["kind"] == "least_like").to_numpy() & (counts == len(ITEMS))
    yield from faults(few, "three items or more besides the reference, of least_like")


def second_where_asked(table: pd.DataFrame) -> Iterator[Fault]:
    """Find pairs without their second item, or not in order, and other rows with a second one."""
    pair = (table["kind"] == "most_alike").to_numpy()
    there = table["second"].notna().to_numpy() if "second" in table else np.zeros(len(pair), bool)
    yield from faults(pair & ~there, "a second item, as the kind is most_alike", "second")
    yield from faults(there & ~pair, "no second item: only most_alike has one", "second")
    if "second" in table:
        disordered = (table["second"] <= table["chosen"]).to_numpy()
        yield from faults(disordered, "the pair in the order of its items, chosen first", "second")


MOST_ITEMS = len(ITEMS) + len(MORE_ITEMS)
CHOICES = Table(
    "choices",
    (
        _participant("Who judged"),
        SESSION,
        TRIAL_NUMBER,
        _labels("kind", "What was asked.", levels=CHOICE_KINDS, default="odd_one_out"),
        *(_labels(name, f"Id of object {name[-1]} in the order shown.") for name in ITEMS),
        *(
            _labels(name, f"Id of object {name[-1]}.", missing="fewer items", optional=True)
            for name in MORE_ITEMS
        ),
        _counted("chosen", "Which item was chosen, by its number.", "int8", maximum=MOST_ITEMS),
        _counted(
            "second",
            "The other item of a chosen pair.",
            "float32",
            maximum=MOST_ITEMS,
            missing="one item was chosen",
            optional=True,
        ),
        _seconds("Time from the first sight of the triplet to the choice."),
        TRIAL_TYPE,
        _labels("level", "Level of abstraction.", levels=LEVELS, missing="none"),
        CORRECT,
    ),
    rows="judgments",
    items=(*ITEMS, *MORE_ITEMS),
    further=True,
    checks=(different_items, items_in_order, chosen_was_shown, second_where_asked),
)
"""One row a choice among three items, or more; further columns are for terms of the model."""


SOURCES = replace(CHOICES, name="sources", rows="answers")
"""Choices of networks, language models or other studies, whose name is the participant's."""


FARTHEST = 0.75
"""Largest distance from the centre of an arena, in its diameters. A round arena ends at .5, the
corners of a square one at .71; anything beyond is in another unit."""


def _within_arena(table: pd.DataFrame) -> Iterator[Fault]:
    far = np.hypot(table["x"].to_numpy(), table["y"].to_numpy()) > FARTHEST
    yield from faults(far, f"x and y in arena diameters, at most {FARTHEST} from the centre")


ARRANGEMENTS = Table(
    "arrangements",
    (
        _participant("Who arranged"),
        SESSION,
        TRIAL_NUMBER,
        _labels("item", "Id of the object placed."),
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
        _seconds("Duration of the whole trial; the same in all its rows."),
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
        _participant("Who judged"),
        *OBJECTS_OF_PAIR,
        Column(
            "dissimilarity",
            "number",
            "Any scale: only differences within a source count.",
            minimum=0,
            dtype="float64",
            remedy="Only differences count: a constant may be added to all.",
        ),
        _labels("kind", "How it was judged.", levels=PAIR_KINDS, default="rdm"),
    ),
    rows="dissimilarities",
    items=PAIR,
    checks=(two_objects,),
)
"""One row a pair; a pair may be left out, and be there several times."""

MOST_POINTS = 100
"""Most points of a Likert scale; a longer one is a slider, whose ratings are from 0 to 1."""


def _two_objects_but_in_checks(table: pd.DataFrame) -> Iterator[Fault]:
    """Find pairs of an object with itself, which attention checks show."""
    for fault in two_objects(table):
        if table["trial_type"].iloc[fault.row] != "catch":
            yield fault


def _on_its_scale(table: pd.DataFrame) -> Iterator[Fault]:
    rating, points = table["rating"].to_numpy(), table["scale_points"].to_numpy()
    slider = np.isnan(points)
    on_slider = (rating >= 0) & (rating <= 1)
    on_points = (rating >= 1) & (rating <= np.nan_to_num(points)) & (rating == np.round(rating))
    expected = "a rating from 0 to 1 (slider), or a whole number from 1 to scale_points"
    yield from faults(~np.where(slider, on_slider, on_points), expected)


RATINGS = Table(
    "ratings",
    (
        _participant("Who rated"),
        SESSION,
        TRIAL_NUMBER,
        TRIAL_TYPE,
        *OBJECTS_OF_PAIR,
        Column(
            "rating",
            "number",
            "How alike the two are: from 0 to 1 on a slider, from 1 to `scale_points` on a Likert "
            "scale. Higher is more alike.",
            minimum=0,
            dtype="float64",
        ),
        Column(
            "scale_points",
            "number",
            "Number of points of the Likert scale.",
            minimum=2,
            maximum=MOST_POINTS,
            missing="a slider",
            dtype="float32",
        ),
        _seconds("Time from the first sight of the pair to the rating."),
        CORRECT,
    ),
    rows="ratings",
    items=PAIR,
    further=True,
    checks=(_two_objects_but_in_checks, _on_its_scale),
)
"""One row a rating of a pair; a pair may be rated several times."""


def _one_name(table: pd.DataFrame) -> Iterator[Fault]:
    pile = np.stack([trial_numbers(table), table["pile"].to_numpy(np.int64)], axis=1)
    _, first, group = np.unique(pile, axis=0, return_index=True, return_inverse=True)
    name = table["pile_name"].cat.codes.to_numpy()
    yield from faults(name != name[first[group.ravel()]], "one name in all rows of a pile")


SORTINGS = Table(
    "sortings",
    (
        _participant("Who sorted"),
        SESSION,
        TRIAL_NUMBER,
        TRIAL_TYPE,
        _labels("item", "Id of the object."),
        _counted(
            "pile",
            "Number of the pile that it was put into; only which objects share one counts.",
            "int32",
        ),
        _labels("pile_name", "Name that the participant gave to the pile.", missing="none"),
        _seconds("Duration of the whole trial; the same in all its rows."),
    ),
    rows="sortings",
    keys=(*TRIAL, "item"),
    items=("item",),
    checks=(two_items, rows_agree, _one_name),
)
"""One row an object of a trial."""


TABLES: Mapping[JudgmentKind, Table] = {
    "choices": CHOICES,
    "arrangements": ARRANGEMENTS,
    "dissimilarities": DISSIMILARITIES,
    "ratings": RATINGS,
    "sortings": SORTINGS,
    "sources": SOURCES,
}


def choices_table(
    columns: Mapping[str, Any], objects: Sequence[str] | None, where: object = "choices"
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


def _built(
    columns: Mapping[str, Any],
    objects: Sequence[str] | None,
    where: object = None,
    *,
    kind: JudgmentKind,
) -> pd.DataFrame:
    return make_frame(columns, TABLES[kind], where or kind, objects)


arrangements_table = partial(_built, kind="arrangements")
"""Build and check a table of arrangements from arrays, as :func:`choices_table`."""
dissimilarities_table = partial(_built, kind="dissimilarities")
"""Build and check a table of dissimilarities from arrays, as :func:`choices_table`."""
ratings_table = partial(_built, kind="ratings")
"""Build and check a table of rated pairs from arrays, as :func:`choices_table`."""
sortings_table = partial(_built, kind="sortings")
"""Build and check a table of sortings from arrays, as :func:`choices_table`."""


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

    ``inputs`` and ``config`` are for the record, and the file of ``objects``, if that is one. The
    table gets the counts of rows left out, which ``config`` has.
    """
    table.attrs["left_out"] = config.get("left_out", {})
    if target is not None:
        listed = {"objects": Path(objects)} if isinstance(objects, str | Path) else {}
        made = provenance(kind, inputs={**inputs, **listed}, config=config)
        write_judgments(target, table, made, kind)


class ForeignFrame(Protocol):
    """A data frame of another library, such as polars."""

    def to_pandas(self) -> pd.DataFrame: ...


type JudgmentTable = str | Path | pd.DataFrame | ForeignFrame
"""Where a table of judgments comes from: a Parquet file, or a frame of pandas or polars."""


def given_tables(**tables: JudgmentTable | None) -> dict[JudgmentKind, JudgmentTable]:
    """Leave out the kinds of judgments of which there is no table."""
    return {cast("JudgmentKind", kind): one for kind, one in tables.items() if one is not None}


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
        table = read_frame(source, TABLES[kind])
        made_as = table.attrs["provenance"].get("kind")
        if kind == "choices" and made_as == "sources":
            raise TwoalikeError(
                where=source,
                expected="choices of people",
                found="answers of a source",
                remedy="Give them as `sources=...` of a fit.",
            )
        return table
    frame = source if isinstance(source, pd.DataFrame) else source.to_pandas()
    return make_frame(frame, TABLES[kind], kind)


def list_sources(
    sources: JudgmentTable | Sequence[JudgmentTable] | None,
) -> dict[str, JudgmentTable]:
    """Give tables of sources by their role: ``sources``, ``sources_2`` and so on."""
    if sources is None:
        return {}
    listed: list[Any] = list(sources) if isinstance(sources, list | tuple) else [sources]
    return {f"sources_{n}" if n > 1 else "sources": one for n, one in enumerate(listed, 1)}


def read_sources(tables: Iterable[JudgmentTable]) -> pd.DataFrame:
    """Read tables of sources as one; of one name they are one source."""
    read = [read_judgments(one, "sources") for one in tables]
    if len(read) == 1:
        return read[0]
    return make_frame(pd.concat([table.astype(object) for table in read]), SOURCES, "sources")


def is_scored(choices: pd.DataFrame, kind: ChoiceKind | None = None) -> Booleans:
    """Tell which rows are main or repeated judgments, of one kind if it is given, shape (n,)."""
    scored = choices["trial_type"].isin(JUDGED).to_numpy(dtype=bool)
    return scored if kind is None else scored & (choices["kind"] == kind).to_numpy(dtype=bool)


def chosen_at_random(table: pd.DataFrame) -> Booleans:
    """Tell which rows are of trials that no posterior chose, (n,); every row where it chose all.

    Agreement, accuracy and ceilings of trials that an adaptive design chose are those of hard
    questions: such figures are taken from the others. A model that knows what was asked is safe.
    """
    if "sampler" not in table:
        return np.ones(len(table), dtype=bool)
    fair = (table["sampler"] != ADAPTIVE).to_numpy(bool)
    return fair if (fair & is_scored(table)).any() else np.ones_like(fair)


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
