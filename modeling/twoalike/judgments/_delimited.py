"""Judgments and triplets in delimited text, as platforms and other projects export them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.choice import ODD, PAIRS
from twoalike.judgments._sets import ITEMS
from twoalike.judgments._sheet import (
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
from twoalike.judgments._tables import check_new_table, choices_table, object_ids, write_imported
from twoalike.study import Integers, TwoalikeError, read_delimited
from twoalike.tables import TRIAL_TYPES

type CatchObjects = str | Path | Sequence[str | Sequence[str]]
"""Objects by which attention checks are known: a file, or ids and pairs of ids."""

_TRIAL_TYPES = {
    **dict.fromkeys(("1", "true", "yes"), "catch"),
    **dict.fromkeys(("0", "false", "no", ""), "main"),
    **{name: name for name in TRIAL_TYPES},
}
MOST_VOTES = 20_000_000
"""Judgments that a table of votes may expand to: four times as many as any fit was tried on."""


@dataclass(frozen=True)
class Answers:
    """Triplets (n, 3), places (n,) from 0 of the chosen items, and further columns of the table."""

    kind: Literal["odd_one_out", "anchored"]
    triplets: Integers
    chosen: Integers
    optional: Mapping[str, Any]

    def kept(self, bad: BadRows, sheet: Sheet, skip: bool) -> tuple["Answers", Sheet]:
        """Leave out bad rows, also those whose answer is the reference, here and in the sheet."""
        text = "the chosen item is the reference, the first item column"
        bad.add((self.chosen == 0) & (self.kind == "anchored"), "reference chosen", text)
        rows = bad.kept(skip)
        judged = replace(self, triplets=self.triplets[rows], chosen=self.chosen[rows])
        return judged, sheet.kept(rows)


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
    _check_columns(item_columns, chosen_column, votes_columns, kind)
    options = {
        "chosen_column": chosen_column,
        "participant_column": participant_column,
        "response_time_column": response_time_column,
        "catch_column": catch_column,
    }
    if votes_columns is not None and (given := [one for one, of in options.items() if of]):
        raise TwoalikeError(
            f"`{given[0]}=...`: votes of several people share a row, so that it can only hold its "
            "items and `votes_columns=...`."
        )
    named = [*item_columns, *(votes_columns or ()), *options.values()]
    sheet = read_sheet(path, named, item_columns, ids)
    bad = BadRows(len(sheet.cells), sheet.where)
    numbers = numbers_in(sheet, item_columns, ids, item_numbers)
    triplets = object_cells(sheet, item_columns, ids, numbers, bad)
    check_distinct(triplets, bad)
    answers = None if chosen_column is None else (chosen_column,)
    check_order(sheet, item_columns, answers if votes_columns is None else (), kind)
    if participant_column is None and votes_columns is None:
        note_people(sheet, named, "Name it with `participant_column={}`.")
    find_copies(sheet, item_columns, bad)
    chosen = np.full(len(triplets), 2)
    if chosen_column is not None and chosen_column in item_columns:
        chosen[:] = list(item_columns).index(chosen_column)
    elif chosen_column is not None:
        chosen = places_of(sheet, chosen_column, ids, numbers, triplets, bad)
    judged = Answers("anchored" if kind == "anchored" else "odd_one_out", triplets, chosen, {})
    judged, sheet = judged.kept(bad, sheet, skip_bad)
    if votes_columns is not None:
        rows, chosen = _votes(sheet, votes_columns)
        judged = replace(judged, triplets=judged.triplets[rows], chosen=chosen)
    optional = optional_columns(
        sheet, participant_column, response_time_column, response_time_unit, catch_column
    )
    config = {
        "kind": kind,
        "item_columns": list(item_columns),
        "item_numbers": numbers,
        "votes_columns": votes_columns,
        **options,
        "response_time_unit": response_time_unit,
        "left_out": bad.counts,
    }
    judged = replace(judged, optional=optional)
    table = finish(judged, ids, sheet, catch_objects, target, objects=objects, config=config)
    table.attrs["header"] = sheet.header
    return table


def optional_columns(
    sheet: Sheet,
    participant: ColumnName | None,
    response_time: ColumnName | None,
    unit: TimeUnit | None,
    catch: ColumnName | None,
) -> dict[str, Any]:
    """Read the columns of the table of choices that a file may lack."""
    columns: dict[str, Any] = {}
    if participant is not None:
        labels = columns["participant"] = sheet.filled(participant)
        columns["trial"] = labels.groupby(labels, sort=False).cumcount().to_numpy() + 1
    if response_time is not None:
        columns["response_time"] = seconds(sheet, response_time, unit)
    if catch is not None:
        columns["trial_type"] = trial_types(sheet, catch)
    return columns


def finish(
    answers: Answers,
    ids: Sequence[str],
    sheet: Sheet,
    catch_objects: CatchObjects | None,
    target: Path | None,
    *,
    objects: object,
    config: Mapping[str, Any],
) -> pd.DataFrame:
    """Make the table of choices, and write it where ``target`` is a path.

    ``objects`` and ``config`` are for the record.
    """
    columns: dict[str, Any] = {
        "kind": pd.Categorical([answers.kind]).repeat(len(answers.chosen)),
        "chosen": answers.chosen + 1,
        **{item: answers.triplets[:, place] for place, item in enumerate(ITEMS)},
        **answers.optional,
    }
    inputs = {"judgments": sheet.path}
    if catch_objects is not None:
        columns |= _checks(answers, ids, catch_objects, config.get("item_numbers"))
        if isinstance(catch_objects, str | Path):
            inputs["catch_objects"] = Path(catch_objects)
    table = choices_table(columns, ids, str(sheet.path))
    write_imported(target, table, "choices", inputs, objects, config)
    table.attrs["left_out"] = config["left_out"]
    return table


def _check_columns(
    items: Sequence[ColumnName],
    chosen: ColumnName | None,
    votes: Sequence[ColumnName] | None,
    kind: str,
) -> None:
    if len(items) != 3 or len(set(items)) != 3:
        raise TwoalikeError(
            f"`item_columns=...`: expected three different columns, found {list(items)}."
        )
    if kind == "anchored" and chosen is None and votes is None:
        raise TwoalikeError(
            where="`chosen_column=...`",
            expected="the column of the item that is more like the reference",
            found="none",
            remedy="If each row is reference, more similar, less similar: `chosen_column=2`.",
        )
    answers = 2 if kind == "anchored" else 3
    if votes is not None and not len(votes) == len(set(votes)) == answers:
        raise TwoalikeError(
            where="`votes_columns=...`",
            expected=f"{answers} different columns, one for each possible answer",
            found=str(list(votes)),
        )


def read_sheet(
    path: Path,
    named: Sequence[ColumnName | None],
    items: Sequence[ColumnName],
    ids: Sequence[str] | None,
) -> Sheet:
    """Read the cells, and find out whether the first line is a header."""
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
        bad = np.flatnonzero(~values.str.fullmatch(r"[0-9]{1,9}"))
        if len(bad):
            raise TwoalikeError(
                where=sheet.where(int(bad[0]), column),
                expected="a number of votes, from 0 on",
                found=repr(values.iloc[bad[0]]),
            )
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


def trial_types(sheet: Sheet, column: ColumnName) -> Any:
    """Type of each trial, shape (n,)."""
    values = sheet.text(column)
    found = values.str.lower().map(_TRIAL_TYPES)
    bad = np.flatnonzero(found.isna())
    if len(bad):
        raise TwoalikeError(
            where=sheet.where(int(bad[0]), column),
            expected="1, true, yes or catch for an attention check; 0, false, no, main or nothing "
            "for a judgment; repeat or practice",
            found=repr(values.iloc[bad[0]]),
        )
    return found.to_numpy()


def _checks(
    answers: Answers, ids: Sequence[str], objects: CatchObjects, numbers: ItemNumbers | None
) -> dict[str, Any]:
    """Types of trials, and whether checks were answered right, by the objects shown."""
    alone, together = _catch_objects(objects, ids, numbers if numbers == "from-1" else None)
    listed = np.zeros(len(ids), dtype=bool)
    listed[alone] = True
    strange = listed[answers.triplets]
    pairs = np.sort(answers.triplets[:, list(PAIRS)], axis=2) @ [len(ids), 1]
    kept = np.isin(pairs, np.sort(together, axis=1) @ [len(ids), 1])
    # Each of the two says which item is the odd one; an anchored choice keeps the other.
    marks = np.stack([strange, kept[:, list(ODD)]], axis=1)
    check = marks.any(axis=(1, 2))
    known = marks.sum(axis=2) == 1
    odd = np.where(known[:, 0], marks[:, 0].argmax(axis=1), marks[:, 1].argmax(axis=1))
    right, certain = odd, known.any(axis=1)
    if answers.kind == "anchored":
        right, certain = 3 - odd, certain & (odd > 0)
    told = pd.Series(np.where(answers.chosen == right, "true", "false"), dtype=object)
    before = answers.optional.get("trial_type", np.full(len(check), "main"))
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
