"""Choices in the files of others: triplets, larger sets and votes.

Each importer says which columns hold what; one reader makes the table of them. Rows may have
different numbers of items: an odd one, the most alike pair, or the one or two candidates most like
a reference, in order or not (the trials of PsiZ and of work that follows Roads and Mozer 2019,
doi:10.3758/s13428-019-01285-3).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.choice import ODD, PAIRS
from twoalike.judgments._sheet import (
    NOTHING,
    BadRows,
    ColumnName,
    ItemNumbers,
    Sheet,
    TimeUnit,
    check_distinct,
    check_order,
    find_copies,
    meaning,
    note_people,
    numbers_in,
    object_cells,
    places_of,
    seconds,
)
from twoalike.judgments._tables import (
    CHOICES,
    ITEMS,
    MORE_ITEMS,
    Objects,
    check_new_table,
    choices_table,
    object_ids,
    read_judgments,
    write_imported,
)
from twoalike.study import Integers, TwoalikeError, load_parquet, read_delimited
from twoalike.tables import TRIAL_TYPES

type SetKindName = Literal["odd-one-out", "most-alike", "anchored", "anchored-pair"]
type CatchObjects = str | Path | Sequence[str | Sequence[str]]
"""Objects by which attention checks are known: a file, or ids and pairs of ids."""

_FIXED: Mapping[SetKindName, tuple[int, ...]] = {
    "odd-one-out": (-1,),
    "most-alike": (0, 1),
    "anchored": (1,),
    "anchored-pair": (1, 2),
}
"""Places of the chosen items among the item columns, where no column names them."""
_TRIAL_TYPES = {
    **dict.fromkeys(("1", "true", "yes"), "catch"),
    **dict.fromkeys(("0", "false", "no", ""), "main"),
    **{name: name for name in TRIAL_TYPES},
}
MOST_VOTES = 20_000_000
"""Judgments that a table of votes may expand to: four times as many as any fit was tried on."""
_PARQUET = ".parquet"


class ChoiceRows:
    """Rows of a sheet on their way to a table of choices."""

    def __init__(
        self,
        sheet: Sheet,
        items: Sequence[ColumnName],
        ids: Sequence[str] | None,
        asked: ItemNumbers | None,
        *,
        named: Sheet | None = None,
    ) -> None:
        self.sheet, self.items = sheet, items
        self.cells = named or sheet  # of which the items are read, once they are ids
        self.bad = BadRows(len(sheet.cells), sheet.where)
        self.ids = self._seen(asked) if ids is None else ids
        self.numbers = numbers_in(self.cells, items, self.ids, asked)
        self.shown = object_cells(
            self.cells, items, self.ids, self.numbers, self.bad, needed=len(ITEMS)
        )
        check_distinct(self.shown, self.bad)
        self.columns: dict[str, Any] = {}

    def _seen(self, asked: ItemNumbers | None) -> list[str]:
        """Objects that the file names."""
        flat = pd.concat([self.cells.text(name) for name in self.items], ignore_index=True)
        flat = flat[~flat.str.lower().isin(NOTHING)]
        if asked is None and flat.str.fullmatch(r"[0-9]{1,9}").all():
            raise TwoalikeError(
                where=self.sheet.path,
                expected="names of objects",
                found="numbers only",
                remedy="Name the list of objects with `objects=...`.",
            )
        return list(pd.unique(flat))

    def answers(self, kind: SetKindName, chosen: Sequence[ColumnName] | None) -> None:
        """Find the items that were chosen, by the columns that name them."""
        if chosen is None:
            last = (self.shown >= 0).sum(axis=1) - 1
            places = [last if at < 0 else np.full(len(last), at) for at in _FIXED[kind]]
        else:
            places = [self._places(column) for column in chosen]
        if kind in ("most-alike", "anchored-pair"):
            places = list(np.sort(np.stack(places), axis=0))
        if kind.startswith("anchored"):
            text = "the chosen item is the reference, the first item column"
            self.bad.add(np.min(places, axis=0) == 0, "reference chosen", text)
        names = zip((*ITEMS, *MORE_ITEMS), self.shown.T, strict=False)
        self.columns = {**dict(names), "kind": np.full(len(self.shown), kind.replace("-", "_"))}
        self.columns["chosen"] = places[0] + 1
        if len(places) > 1:
            self.columns["second"] = places[1] + 1.0

    def _places(self, column: ColumnName) -> Integers:
        if column in self.items:
            return np.full(len(self.shown), list(self.items).index(column))
        return places_of(self.cells, column, self.ids, self.numbers, self.shown, self.bad)

    def take(self, rows: Any) -> None:
        """Keep some of the rows, or repeat them."""
        self.columns = {name: values[rows] for name, values in self.columns.items()}

    def skip(self, skip_bad: bool) -> None:
        """Leave out rows that cannot be judgments, or refuse them."""
        kept = self.bad.kept(skip_bad)
        self.take(kept)
        self.sheet = self.sheet.kept(kept)

    def optional(
        self,
        participant: ColumnName | None,
        response_time: ColumnName | None,
        unit: TimeUnit | None,
        catch: ColumnName | None = None,
        *,
        missing_time: float | None = None,
    ) -> None:
        """Read the columns of the table of choices that a file may lack."""
        if participant is not None:
            labels = self.columns["participant"] = self.sheet.filled(participant)
            self.columns["trial"] = labels.groupby(labels, sort=False).cumcount().to_numpy() + 1
        if response_time is not None:
            times = seconds(self.sheet, response_time, unit, missing_time)
            self.columns["response_time"] = times
        if catch is not None:
            self.columns["trial_type"] = _trial_types(self.sheet, catch)

    def table(
        self,
        target: Path | None,
        objects: object,
        config: Mapping[str, Any],
        catch_objects: CatchObjects | None = None,
    ) -> pd.DataFrame:
        """Make the table, and write it where ``target`` is a path; the rest is for the record."""
        inputs = {"judgments": self.sheet.path}
        if catch_objects is not None:
            self.columns |= _checks(self.columns, self.ids, catch_objects, self.numbers)
            if isinstance(catch_objects, str | Path):
                inputs["catch_objects"] = Path(catch_objects)
        table = choices_table(self.columns, self.ids, str(self.sheet.path))
        config = {**config, "left_out": self.bad.counts}
        write_imported(target, table, "choices", inputs, objects, config)
        table.attrs |= {"left_out": self.bad.counts, "header": self.sheet.header}
        return table


def import_triplets(
    path: str | Path,
    objects: Sequence[str] | str | Path,
    *,
    kind: Literal["odd-one-out", "anchored"] = "odd-one-out",
    item_columns: Sequence[ColumnName] = (1, 2, 3),
    chosen_column: ColumnName | None = None,
    item_numbers: ItemNumbers | None = None,
    votes_columns: Sequence[ColumnName] | None = None,
    participant_column: ColumnName | None = None,
    response_time_column: ColumnName | None = None,
    response_time_unit: TimeUnit | None = None,
    catch_column: ColumnName | None = None,
    catch_objects: CatchObjects | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read judgments (one per line), or numbers of votes, from delimited text.

    Columns are given by number, from 1, or by their names in the header. The first line is a
    header if a column is named, or if none of its items is an object or a number. A header whose
    names contradict the columns used (odd, reference, winner, loser and the like) is refused.

    Parameters
    ----------
    path
        Text split at tabs, commas, semicolons or spaces. Items are object ids or indices into the
        list of objects.
    objects
        All object ids, one per line.
    kind
        ``odd-one-out``: the chosen item is the odd one. ``anchored``: the first item column is the
        reference, and the chosen item is the more similar one of the other two.
    item_columns
        The three columns of items.
    chosen_column
        Column of the chosen item: one of the item columns, or another column that repeats the item.
        If left out, the last item is the odd one; anchored judgments need it.
    item_numbers
        What numbers in the columns of items are: object ids, or indices that count from 0 or 1.
        Needed only where the file could be read in two ways.
    votes_columns
        Instead of a chosen item, three columns with the number of people who chose item 1, 2 and 3
        (anchored: two columns, items 2 and 3). Each vote becomes a judgment by ``unknown``.
    participant_column
        Column of participant labels; without it all judgments are by ``unknown``.
    response_time_column
        Column of response times; needs ``response_time_unit``. An empty cell or n/a is missing.
    response_time_unit
        Unit of the response times; times that are implausible in this unit are refused.
    catch_column
        Column that marks attention checks (1, true, yes or catch). 0, false, no, main or nothing
        mark a judgment; repeat and practice are taken as they are.
    catch_objects
        Objects that identify attention checks, or a file of them. A line contains one id, an object
        that is obviously the odd one, or two ids, a pair that obviously belongs together.
    skip_bad
        Leave out rows that cannot be judgments, and count them: an object twice, an unknown object,
        no answer, an answer that is not among the items, a copy of another row.
    out
        Table to write (.parquet).
    overwrite
        Replace the table if there is one.

    Returns
    -------
    Table of choices. The order shown is taken to be the order of the item columns.
    ``attrs["header"]`` has the names of the columns, None where there is no header;
    ``attrs["left_out"]`` the number of rows left out, by reason.

    Warns
    -----
    ImportNote
        If a column that seems to name the participants is ignored, or rows may be copies.
    """
    path, target, ids = Path(path), check_new_table(out, overwrite), object_ids(objects)
    options = {
        "chosen_column": chosen_column,
        "participant_column": participant_column,
        "response_time_column": response_time_column,
        "catch_column": catch_column,
    }
    _check_columns(item_columns, votes_columns, kind, options)
    named = [*item_columns, *(votes_columns or ()), *options.values()]
    sheet = _read_sheet(path, named, item_columns, ids)
    rows = ChoiceRows(sheet, item_columns, ids, item_numbers)
    chosen = None if chosen_column is None else (chosen_column,)
    check_order(sheet, item_columns, chosen if votes_columns is None else (), kind)
    if participant_column is None and votes_columns is None:
        note_people(sheet, named, "Name it with `participant_column={}`.")
    find_copies(sheet, item_columns, rows.bad)
    rows.answers(kind, chosen)
    rows.skip(skip_bad)
    if votes_columns is not None:
        judged, places = _votes(rows.sheet, votes_columns)
        rows.take(judged)
        rows.columns["chosen"] = places + 1
    rows.optional(participant_column, response_time_column, response_time_unit, catch_column)
    config = {
        "kind": kind,
        "item_columns": list(item_columns),
        "item_numbers": rows.numbers,
        "votes_columns": votes_columns,
        **options,
        "response_time_unit": response_time_unit,
    }
    return rows.table(target, objects, config, catch_objects)


def import_sets(
    path: str | Path,
    objects: Sequence[str] | str | Path | None = None,
    *,
    kind: SetKindName | None = None,
    item_columns: Sequence[ColumnName] | None = None,
    chosen_columns: Sequence[ColumnName] | None = None,
    item_numbers: ItemNumbers | None = None,
    participant_column: ColumnName | None = None,
    response_time_column: ColumnName | None = None,
    response_time_unit: TimeUnit | None = None,
    catch_column: ColumnName | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read choices among three to nine items, one per row.

    Columns are given by number, from 1, or by their names in the header. Without ``item_columns``,
    the file must have twoalike's own columns: item_1, item_2 and so on, chosen, second and kind.

    Parameters
    ----------
    path
        Text split at tabs, commas, semicolons or spaces, or Parquet.
    objects
        All object ids, one per line; if left out, those that the file names.
    kind
        The question. ``odd-one-out``: which is the odd one. ``most-alike``: which two are most
        alike. ``anchored``: which is most like the reference (the first item column); with two
        chosen columns, also which comes second. ``anchored-pair``: which two are most like the
        reference, in no order.
    item_columns
        Columns of the items; the last ones may be empty in rows with fewer items.
    chosen_columns
        The one or two columns of the chosen items: item columns, or other columns that repeat an
        item. If left out, the last item is the odd one, the first two are the most alike, and the
        one or two after the reference are most like it.
    item_numbers, participant_column, response_time_column, response_time_unit
        As in :func:`import_triplets`.
    catch_column, skip_bad, out, overwrite
        As in :func:`import_triplets`.

    Returns
    -------
    Table of choices. The order shown is taken to be the order of the item columns.
    """
    path, target = Path(path), check_new_table(out, overwrite)
    options = (kind, chosen_columns, participant_column, response_time_column, catch_column)
    ids = None if objects is None else object_ids(objects)
    if item_columns is None:
        if any(one is not None for one in options):
            raise TwoalikeError(
                where="`item_columns=...`",
                expected="the columns of the items, as others are named",
                found="none",
            )
        return _own_table(path, objects, ids, skip_bad, target)
    asked: SetKindName = kind or "odd-one-out"
    used = [*item_columns, *(chosen_columns or ()), *options[2:]]
    sheet = _read_sheet(path, used, item_columns, None)
    _check_items(item_columns)
    rows = ChoiceRows(sheet, item_columns, ids, item_numbers)
    check_order(sheet, item_columns, chosen_columns, asked)
    if participant_column is None:
        note_people(sheet, used, "Name it with `participant_column={}`.")
    find_copies(sheet, item_columns, rows.bad)
    needed = {"odd-one-out": (1,), "anchored": (1, 2)}.get(asked, (2,))
    if chosen_columns is not None and len(chosen_columns) not in needed:
        raise TwoalikeError(
            where="`chosen_columns=...`",
            expected=f"{' or '.join(map(str, needed))} for {asked}",
            found=str(list(chosen_columns)),
        )
    rows.answers(asked, chosen_columns)
    rows.skip(skip_bad)
    rows.optional(participant_column, response_time_column, response_time_unit, catch_column)
    chosen = None if chosen_columns is None else list(chosen_columns)
    config = {"kind": kind, "item_columns": list(item_columns), "chosen_columns": chosen}
    return rows.table(target, objects, config | {"item_numbers": rows.numbers})


def read_sets(path: str | Path, ids: Sequence[str], size: int = 3) -> Integers:
    """Read sets of items: so many object ids or 0-based indices a line, further columns ignored.

    Returns indices into ``ids``, shape (n, size); the message of an error names row and column.
    """
    path = Path(path)
    sheet = Sheet(path, read_delimited(path, f"sets of {size} objects, one a line"))
    items = object_cells(sheet, range(1, size + 1), ids)
    bad = BadRows(len(items), sheet.where)
    check_distinct(items, bad)
    bad.kept(None)
    return items


def _own_table(
    path: Path, objects: Objects, ids: Sequence[str] | None, skip_bad: bool, target: Path | None
) -> pd.DataFrame:
    """Read a file that has the columns of our own table."""
    if path.suffix == _PARQUET:
        table = read_judgments(path)
        table = table if ids is None else choices_table(dict(table), ids, str(path))
        table.attrs["left_out"] = {}
        write_imported(target, table, "choices", {"judgments": path}, objects, {})
        return table
    sheet = _read_sheet(path, ["item_1"], (), None)
    names = sheet.header or ()
    items = [item for item in (*ITEMS, *MORE_ITEMS) if item in names]
    _check_items(items)
    rows = ChoiceRows(sheet, items, ids, "ids")
    if "participant" not in names:
        note_people(sheet, (), "Rename it to `participant`.")
    find_copies(sheet, items, rows.bad)
    chosen = pd.to_numeric(sheet.text("chosen"), errors="coerce").to_numpy()
    empty = sheet.text("chosen").str.lower().isin(NOTHING).to_numpy()
    rows.bad.add(empty, "no answer", "the cell is empty", "chosen")
    beyond = ~np.isnan(chosen) & (chosen > (rows.shown >= 0).sum(axis=1))
    rows.bad.add(beyond, "answer not among the items", "there is no such item", "chosen")
    rows.columns = dict(zip(items, rows.shown.T, strict=True))
    rows.skip(skip_bad)
    for name in (name for name in CHOICES.names if name in names and name not in items):
        rows.columns[name] = rows.sheet.typed(CHOICES[name])
    return rows.table(target, objects, {})


def _check_items(columns: Sequence[ColumnName]) -> None:
    most = len(ITEMS) + len(MORE_ITEMS)
    if not len(ITEMS) <= len(set(columns)) == len(columns) <= most:
        raise TwoalikeError(
            where="`item_columns=...`",
            expected=f"three to {most} different columns",
            found=str(list(columns)),
        )


def _check_columns(
    items: Sequence[ColumnName],
    votes: Sequence[ColumnName] | None,
    kind: str,
    options: Mapping[str, ColumnName | None],
) -> None:
    if len(items) != 3 or len(set(items)) != 3:
        raise TwoalikeError(
            f"`item_columns=...`: expected three different columns, found {list(items)}."
        )
    if kind == "anchored" and options["chosen_column"] is None and votes is None:
        raise TwoalikeError(
            where="`chosen_column=...`",
            expected="the column of the item that is more like the reference",
            found="none",
            remedy="If each row is reference, more similar, less similar: `chosen_column=2`.",
        )
    if votes is None:
        return
    answers = 2 if kind == "anchored" else 3
    if not len(votes) == len(set(votes)) == answers:
        raise TwoalikeError(
            where="`votes_columns=...`",
            expected=f"{answers} different columns, one for each possible answer",
            found=str(list(votes)),
        )
    if given := [one for one, of in options.items() if of]:
        raise TwoalikeError(
            f"`{given[0]}=...`: votes of several people share a row, so that it can only hold its "
            "items and `votes_columns=...`."
        )


def _read_sheet(
    path: Path,
    named: Sequence[ColumnName | None],
    items: Sequence[ColumnName],
    ids: Sequence[str] | None,
) -> Sheet:
    """Read the cells, and find out whether the first line is a header; Parquet always has one."""
    if path.suffix == _PARQUET:
        frame = load_parquet(path, "choices (parquet)").to_pandas()
        cells = frame.astype(object).where(frame.notna(), "").astype(str)
        whole = frame.select_dtypes("float").columns  # whole numbers with missing ones between
        cells[whole] = cells[whole].replace(r"\.0$", "", regex=True)
        return Sheet(path, cells, tuple(map(str, frame.columns)))
    cells = read_delimited(path, "judgments, one per line")
    first = cells.iloc[0].fillna("").str.strip()
    has_header = any(isinstance(column, str) for column in named)
    if not has_header and len(cells) > 1 and all(1 <= int(c) <= len(first) for c in items):
        shown = [first.iloc[int(column) - 1] for column in items]
        if ids is None:  # the names of the objects are not known, those of columns are
            has_header = any(meaning(name) or name.startswith("item_") for name in shown)
        else:
            has_header = not any(cell in set(ids) or cell[:1].isdigit() for cell in shown)
    if not has_header:
        return Sheet(path, cells)
    if len(cells) == 1:
        raise TwoalikeError(
            where=path, expected="a header and judgments, one per line", found="one line"
        )
    return Sheet(path, cells.iloc[1:].reset_index(drop=True), tuple(first))


def _votes(sheet: Sheet, columns: Sequence[ColumnName]) -> tuple[Integers, Integers]:
    """Row and place of the chosen item of each vote; votes of two answers are of items 2 and 3."""
    counts = []
    for column in columns:
        values = sheet.filled(column)
        whole = values.str.fullmatch(r"[0-9]{1,9}")
        sheet.refuse(~whole, column, "a number of votes, from 0 on")
        counts.append(values.to_numpy().astype(np.int64))
    votes = np.stack(counts, axis=1)
    if not 0 < votes.sum() <= MOST_VOTES:
        raise TwoalikeError(
            where=sheet.path,
            expected=f"from 1 to {MOST_VOTES:,} votes in all",
            found=f"{votes.sum():,}",
        )
    if len(votes) > 1 and (np.abs(votes.sum(axis=1) - 100) <= 1).all():
        raise TwoalikeError(
            where=sheet.path,
            expected="numbers of votes",
            found="100 in each row, which are percentages",
            remedy="Multiply them by the number of people who judged the row. If these were 100, "
            "list each judgment in a row of its own.",
        )
    n, answers = votes.shape
    rows, places = np.repeat(np.indices((n, answers)).reshape(2, -1), votes.ravel(), axis=1)
    return rows, places + 3 - answers


def _trial_types(sheet: Sheet, column: ColumnName) -> Any:
    """Type of each trial, shape (n,)."""
    found = sheet.text(column).str.lower().map(_TRIAL_TYPES)
    expected = (
        "1, true, yes or catch for an attention check; 0, false, no, main or nothing for a "
        "judgment; repeat or practice"
    )
    sheet.refuse(found.isna(), column, expected)
    return found.to_numpy()


def _checks(
    columns: Mapping[str, Any],
    ids: Sequence[str],
    objects: CatchObjects,
    numbers: ItemNumbers | None,
) -> dict[str, Any]:
    """Types of trials, and whether checks were answered right, by the objects of triplets."""
    alone, together = _catch_objects(objects, ids, numbers if numbers == "from-1" else None)
    triplets = np.stack([columns[item] for item in ITEMS], axis=1)
    listed = np.zeros(len(ids), dtype=bool)
    listed[alone] = True
    strange = listed[triplets]
    pairs = np.sort(triplets[:, list(PAIRS)], axis=2) @ [len(ids), 1]
    kept = np.isin(pairs, np.sort(together, axis=1) @ [len(ids), 1])
    # Each of the two says which item is the odd one; an anchored choice keeps the other.
    marks = np.stack([strange, kept[:, list(ODD)]], axis=1)
    check = marks.any(axis=(1, 2))
    known = marks.sum(axis=2) == 1
    odd = np.where(known[:, 0], marks[:, 0].argmax(axis=1), marks[:, 1].argmax(axis=1))
    right, certain = odd, known.any(axis=1)
    if (columns["kind"] == "anchored").all():
        right, certain = 3 - odd, certain & (odd > 0)
    told = pd.Series(np.where(columns["chosen"] - 1 == right, "true", "false"), dtype=object)
    before = columns.get("trial_type", np.full(len(check), "main"))
    return {
        "trial_type": np.where(check, "catch", before),
        "correct": told.where(check & certain, None),
    }


def _catch_objects(
    objects: CatchObjects, ids: Sequence[str], numbers: ItemNumbers | None
) -> tuple[Integers, Integers]:
    """Read the objects listed alone as indices, shape (a,), and the pairs, shape (p, 2)."""
    if isinstance(objects, str | Path):
        path = Path(objects)
        sheet = Sheet(path, read_delimited(path, "objects or pairs of objects, one a line"))
        width = sheet.cells.shape[1]
        if width > 2:
            raise TwoalikeError(
                where=path, expected="one or two objects a line", found=f"{width} columns"
            )
        found = object_cells(sheet, range(1, width + 1), ids, numbers)
        if width == 2 and (same := np.flatnonzero(found[:, 0] == found[:, 1])).size:
            raise TwoalikeError(
                where=sheet.where(int(same[0])), expected="two objects", found="one object twice"
            )
        none = np.zeros((0, 2), dtype=np.int64)
        return (found[:, 0], none) if width == 1 else (none[:, 0], found)
    place = {name: number for number, name in enumerate(ids)}
    listed = [(one,) if isinstance(one, str) else tuple(one) for one in objects]
    for group in listed:
        if len(group) not in (1, 2) or not set(group) <= set(place) or len(set(group)) < len(group):
            raise TwoalikeError(
                where="`catch_objects=...`",
                expected=f"ids, or pairs of ids, of the {len(ids)} objects",
                found=repr(group),
            )
    alone = [place[group[0]] for group in listed if len(group) == 1]
    together = [[place[name] for name in group] for group in listed if len(group) == 2]
    return np.array(alone, dtype=np.int64), np.array(together, dtype=np.int64).reshape(-1, 2)
