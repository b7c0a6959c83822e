"""Choices in the files of others: triplets, larger sets and votes, by a mapping of columns.

A file is read by saying which of its columns hold what. Rows may have different numbers of items:
an odd one, the most alike pair, or the candidate most like a reference. Of choices of several
candidates in order (the trials of PsiZ, after Roads and Mozer 2019, doi:10.3758/s13428-019-01285-3)
the first one is read. A trial in which somebody names the candidate most like a reference and the
one least like it is two choices: the best, then the worst of the others (Marley and Louviere 2005,
doi:10.1016/j.jmp.2005.05.003).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
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
    JudgmentKind,
    Objects,
    check_new_table,
    choices_table,
    object_ids,
    read_judgments,
    write_imported,
)
from twoalike.study import Integers, TwoalikeError, load_parquet, read_delimited
from twoalike.tables import LEVELS, TRIAL_TYPES

type SetKindName = Literal["odd-one-out", "most-alike", "anchored", "best-worst"]
type CatchObjects = str | Path | Sequence[str | Sequence[str]]
"""Objects by which attention checks are known: a file, or ids and pairs of ids."""

_TRIAL_TYPES = {
    **dict.fromkeys(("1", "true", "yes"), "catch"),
    **dict.fromkeys(("0", "false", "no", ""), "main"),
    **{name: name for name in TRIAL_TYPES},
}
MOST_VOTES = 20_000_000
"""Judgments that a table of votes may expand to: four times as many as any fit was tried on."""
_PARQUET = ".parquet"


def import_choices(
    file: str | Path,
    objects: Objects = None,
    *,
    kind: SetKindName = "odd-one-out",
    item_columns: Sequence[ColumnName] | None = None,
    chosen_columns: Sequence[ColumnName] | None = None,
    item_numbers: ItemNumbers | None = None,
    votes_columns: Sequence[ColumnName] | None = None,
    participant_column: ColumnName | None = None,
    source: str | None = None,
    response_time_column: ColumnName | None = None,
    response_time_unit: TimeUnit | None = None,
    level_column: ColumnName | None = None,
    catch_column: ColumnName | None = None,
    catch_label: str | None = None,
    catch_objects: CatchObjects | None = None,
    term_columns: Sequence[ColumnName] = (),
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read choices among three to nine items (one per row), or numbers of votes.

    Columns are given by number, from 1, or by their names in the header. The first line is a
    header if a column is named, or if none of its items is an object or a number. A header whose
    names contradict the columns used (odd, reference, winner, loser and the like) is refused.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces, or Parquet. Items are object ids, the
        names of their files, or indices into the list of objects.
    objects
        All object ids, one per line; if left out, those that the file names.
    kind
        The question. ``odd-one-out``: which is the odd one. ``most-alike``: which two are most
        alike. ``anchored``: which is most like the reference (the first item column).
        ``best-worst``: which is most and which is least like it, two rows of the table.
    item_columns
        Three to nine columns of items (1,2,3 if left out); the last ones may be empty in rows with
        fewer items. A file with twoalike's own columns (item_1, item_2 and so on, chosen, second
        and kind) needs none of these options.
    chosen_columns
        The column of the chosen item, or the two of the most alike or of best and worst: item
        columns, or others that repeat an item. If left out, the last item is the odd one, and the
        first two are the most alike; anchored judgments need it. Of candidates chosen in order,
        name the first choice.
    item_numbers
        What numbers in the columns of items are: object ids, or indices that count from 0 or 1.
        Needed only where the file could be read in two ways.
    votes_columns
        Instead of a chosen item, three columns with the number of people who chose item 1, 2 and 3
        (anchored: two columns, items 2 and 3). Each vote becomes a judgment by ``unknown``.
    participant_column
        Column of participant labels; without it all judgments are by ``unknown``.
    source
        Name of the network, language model or other study that answered: the table is for
        ``sources=...`` of a fit, and none of people.
    response_time_column
        Column of response times; needs ``response_time_unit``. An empty cell, n/a or -1 is missing.
    response_time_unit
        Unit of the response times; times that are implausible in this unit are refused.
    level_column
        Column of levels of abstraction: coarse, fine, boundary, or nothing.
    catch_column
        Column that marks attention checks (1, true, yes or catch). 0, false, no, main or nothing
        mark a judgment; repeat and practice are taken as they are.
    catch_label
        Text in ``catch_column`` that marks attention checks instead; all else marks judgments.
    catch_objects
        Objects that identify attention checks among triplets, or a file of them. A line contains
        one id, an object that is obviously the odd one, or two ids, a pair that obviously belongs
        together.
    term_columns
        Further columns to keep, numbers or categories such as a block or a condition, which terms
        of the model may name. A file with twoalike's own columns keeps all others.
    skip_bad
        Leave out rows that cannot be judgments, and count them: an object twice, an unknown object,
        no answer, an answer that is not among the items, no participant, a copy of another row.
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
    path, target = Path(file), check_new_table(out, overwrite)
    if kind == "best-worst" and catch_objects is not None:
        raise TwoalikeError("`catch_objects=...`: not with best-worst. Use `catch_column=...`.")
    ids = None if objects is None else object_ids(objects)
    about = {
        "participant_column": participant_column,
        "response_time_column": response_time_column,
        "level_column": level_column,
        "catch_column": catch_column,
    }
    items = tuple(item_columns or (1, 2, 3))
    of = ChoiceColumns(kind, items, chosen_columns, votes_columns, about, term_columns)
    sheet = _read_sheet(path, of.used, of.items, ids)
    if item_columns is None and of.is_bare and ITEMS[0] in (sheet.header or ()):
        return _own_table(sheet, ids, objects, target, source)
    of.check(sheet)
    said = response_time_unit, catch_label
    columns, ids, numbers, left_out = choices_in(sheet, of, ids, item_numbers, *said, skip_bad)
    inputs = {"judgments": path}
    if catch_objects:
        columns |= _checks(columns, ids, catch_objects, numbers)
        if isinstance(catch_objects, str | Path):
            inputs["catch_objects"] = Path(catch_objects)
    columns |= {} if source is None else {"participant": np.full(len(columns["chosen"]), source)}
    table = choices_table(columns, ids, str(path))
    config = of.record() | {
        "item_numbers": numbers,
        "response_time_unit": response_time_unit,
        "catch_label": catch_label,
        "left_out": left_out,
        "source": source,
    }
    write_imported(target, table, "sources" if source else "choices", inputs, objects, config)
    table.attrs["header"] = sheet.header
    return table


@dataclass(frozen=True)
class ChoiceColumns:
    """Which columns of a file hold what; ``about`` those besides items and answers, by option."""

    kind: SetKindName
    items: tuple[ColumnName, ...]
    chosen: Sequence[ColumnName] | None
    votes: Sequence[ColumnName] | None
    about: Mapping[str, ColumnName | None]
    terms: Sequence[ColumnName]

    @property
    def used(self) -> list[ColumnName | None]:
        lists = self.items, self.chosen or (), self.votes or (), self.about.values(), self.terms
        return [column for some in lists for column in some]

    @property
    def is_bare(self) -> bool:
        return self.chosen is self.votes is None and not any(self.about.values())

    def record(self) -> dict[str, Any]:
        lists = {"item": self.items, "chosen": self.chosen, "votes": self.votes, "term": self.terms}
        columns = {f"{name}_columns": of and list(of) for name, of in lists.items()}
        return {"kind": self.kind, **columns, **self.about}

    def check(self, sheet: Sheet) -> None:
        most, twice = len(ITEMS) + len(MORE_ITEMS), self.kind == "best-worst"
        anchored = twice or self.kind == "anchored"
        if not len(ITEMS) <= len(set(self.items)) == len(self.items) <= most:
            raise TwoalikeError(
                where="`item_columns=...`",
                expected=f"three to {most} different columns",
                found=str(list(self.items)),
            )
        if anchored and self.chosen is None and (twice or self.votes is None):
            raise TwoalikeError(
                where="`chosen_columns=...`",
                expected="the column of the item that is more like the reference",
                found="none",
                remedy="If each row is reference, more similar, less similar: `chosen_columns=2`.",
            )
        named = 2 if twice or self.kind == "most-alike" else 1
        if self.chosen is not None and len(self.chosen) != named:
            raise TwoalikeError(
                where="`chosen_columns=...`",
                expected=f"{named} for {self.kind}",
                found=str(list(self.chosen)),
            )
        answers = 2 if anchored else 3
        if self.votes is not None and not (
            len(self.votes) == len(set(self.votes)) == answers and len(self.items) == len(ITEMS)
        ):
            raise TwoalikeError(
                where="`votes_columns=...`",
                expected=f"{answers} different columns, one for each possible answer of a triplet",
                found=str(list(self.votes)),
            )
        given = {"chosen_columns": self.chosen, **self.about}
        if self.votes is not None and (other := [one for one, of in given.items() if of]):
            raise TwoalikeError(
                f"`{other[0]}=...`: votes of several people share a row, so that it can only hold "
                "its items and `votes_columns=...`."
            )
        chosen, kind = (self.chosen or ())[:1] if twice else self.chosen, self.kind
        kind = "anchored" if twice else kind
        check_order(sheet, self.items, chosen if self.votes is None else (), kind)
        if self.about["participant_column"] is None and self.votes is None:
            note_people(sheet, self.used, "Name it with `participant_column={}`.")


def choices_in(
    sheet: Sheet,
    of: ChoiceColumns,
    given: Sequence[str] | None,
    asked: ItemNumbers | None,
    unit: TimeUnit | None,
    label: str | None,
    skip_bad: bool,
) -> tuple[dict[str, Any], Sequence[str], ItemNumbers, dict[str, int]]:
    """Columns of a table of choices, all objects, what numbers are, and counts of bad rows.

    ``label`` marks checks in their column, as ``catch_label`` of :func:`import_choices`.
    """
    bad = BadRows(len(sheet.cells), sheet.where)
    cells, ids = _objects_named(sheet, of, given, asked)
    numbers = numbers_in(cells, of.items, ids, asked)
    shown = object_cells(cells, of.items, ids, numbers, bad, needed=len(ITEMS))
    check_distinct(shown, bad)
    find_copies(sheet, of.items, bad)
    places = [
        np.full(len(shown), of.items.index(column))
        if column in of.items
        else places_of(cells, column, ids, numbers, shown, bad)
        for column in of.chosen or ()
    ]
    columns = _answers(of.kind, shown, places, bad)
    if (who := of.about.get("participant_column")) is not None:
        columns["participant"] = sheet.text(who).to_numpy()
        bad.add(columns["participant"] == "", "no participant", "the cell is empty", who)
    kept = bad.kept(skip_bad)
    columns, sheet = {name: values[kept] for name, values in columns.items()}, sheet.kept(kept)
    if of.kind == "best-worst":
        columns, judged = _best_then_worst(columns)
        sheet = sheet.kept(judged)
    if who is not None:
        people = pd.Series(columns["participant"])
        columns["trial"] = people.groupby(people, sort=False).cumcount().to_numpy() + 1
    columns |= _further(sheet, of.terms)

    def labels(column: ColumnName) -> Any:
        return sheet.text(column).replace("", None).to_numpy()

    reads: dict[str, Callable[[ColumnName], Any]] = {
        "session": labels,
        "correct": labels,
        "response_time": lambda column: seconds(sheet, column, unit),
        "level": lambda column: _levels(sheet, column),
        "catch": lambda column: _trial_types(sheet, column, label),
    }
    for name, read in reads.items():
        if (column := of.about.get(f"{name}_column")) is not None:
            columns["trial_type" if name == "catch" else name] = read(column)
    if of.votes is not None:
        judged, voted = _votes(sheet, of.votes)
        columns = {name: values[judged] for name, values in columns.items()} | {"chosen": voted}
    return columns, ids, numbers, bad.counts


def read_sets(sets: str | Path | npt.ArrayLike, ids: Sequence[str], size: int = 3) -> Integers:
    """Read sets of objects as indices into ``ids``, shape (n, size).

    A file has so many object ids or 0-based indices a line, and further columns are ignored; an
    array has shape (n, size). The message of an error names the row.
    """
    if isinstance(sets, str | Path):
        path = Path(sets)
        sheet = Sheet(path, read_delimited(path, f"sets of {size} objects, one a line"))
        items = object_cells(sheet, range(1, size + 1), ids)
        bad = BadRows(len(items), sheet.where)
    else:
        values = np.asarray(sets)
        if values.ndim != 2 or values.shape[1] != size or not len(values):
            raise TwoalikeError(
                where="sets", expected=f"shape (n, {size})", found=f"shape {values.shape}"
            )
        known = pd.Index(range(len(ids)) if values.dtype.kind in "iuf" else ids)
        items = known.get_indexer(pd.Index(values.ravel())).reshape(values.shape).astype(np.int64)
        bad = BadRows(len(items), lambda row, _: f"sets, row {row}")
        problem = f"expected ids, or indices, of the {len(ids)} objects, found "
        bad.add((items < 0).any(axis=1), "", lambda row: problem + repr(values[row].tolist()))
    check_distinct(items, bad)
    bad.kept(None)
    return items


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
    has_header = any(isinstance(column, str) for column in named) or ITEMS[0] in set(first)
    if not has_header and len(cells) > 1 and all(1 <= int(c) <= len(first) for c in items):
        shown = [first.iloc[int(column) - 1] for column in items]
        if ids is None:  # the names of the objects are not known, those of columns are
            has_header = any(meaning(name) for name in shown)
        else:
            has_header = not any(cell in set(ids) or cell[:1].isdigit() for cell in shown)
    if not has_header:
        return Sheet(path, cells)
    if len(cells) == 1:
        raise TwoalikeError(
            where=path, expected="a header and judgments, one per line", found="one line"
        )
    return Sheet(path, cells.iloc[1:].reset_index(drop=True), tuple(first))


def _own_table(
    sheet: Sheet,
    ids: Sequence[str] | None,
    objects: Objects,
    target: Path | None,
    source: str | None,
) -> pd.DataFrame:
    if sheet.path.suffix == _PARQUET:
        values: Any = read_judgments(sheet.path)
    else:
        if "participant" not in (sheet.header or ()):
            note_people(sheet, (), "Rename it to `participant`.")
        own = [name for name in CHOICES.names if name in (sheet.header or ())]
        values = {name: sheet.typed(CHOICES[name]) for name in own}
        values |= _further(sheet, [name for name in sheet.header or () if name not in values])
    values = dict(values) | ({} if source is None else {"participant": [source] * len(sheet.cells)})
    table = choices_table(values, ids, str(sheet.path))
    table.attrs["header"] = sheet.header
    made_as: JudgmentKind = "sources" if source else "choices"
    write_imported(target, table, made_as, {"judgments": sheet.path}, objects, {})
    return table


def _objects_named(
    sheet: Sheet, of: ChoiceColumns, given: Sequence[str] | None, asked: ItemNumbers | None
) -> tuple[Sheet, Sequence[str]]:
    """Cells in which names of files are ids of objects, and all ids."""
    named = sheet.with_ids([*of.items, *(of.chosen or ())], given)
    if given is not None:
        return named, given
    shown = pd.unique(pd.concat([named.text(column) for column in of.items], ignore_index=True))
    seen = [name for name in shown if name.lower() not in NOTHING]
    if asked is None and all(name.isdecimal() for name in seen):
        raise TwoalikeError(
            where=sheet.path,
            expected="names of objects",
            found="numbers only",
            remedy="Name the list of objects with `objects=...`.",
        )
    return named, seen


def _answers(
    kind: SetKindName, shown: Integers, places: list[Integers], bad: BadRows
) -> dict[str, Any]:
    """Columns of the items and of the chosen ones, from the places of the latter, from 0."""
    n, last = len(shown), (shown >= 0).sum(axis=1) - 1
    if not places:
        places = [np.zeros(n, int), np.ones(n, int)] if kind == "most-alike" else [last]
    if kind in ("anchored", "best-worst"):
        text = "the chosen item is the reference, the first item column"
        bad.add((np.stack(places) == 0).any(axis=0), "reference chosen", text)
    if len(places) > 1:
        bad.add(places[0] == places[1], "one item for both", "both answers are the same item")
    if kind != "best-worst":
        places = list(np.sort(np.stack(places), axis=0))
    columns: dict[str, Any] = dict(zip((*ITEMS, *MORE_ITEMS), shown.T, strict=False))
    columns["kind"] = np.full(n, kind.replace("-", "_"))
    columns["chosen"] = places[0] + 1
    if len(places) > 1:
        columns["second"] = places[1] + 1.0
    return columns


def _best_then_worst(columns: Mapping[str, Any]) -> tuple[dict[str, Any], Integers]:
    """Choices of the most like, each followed by that of the least like of the others.

    Also the row of the table that each comes from. Where two others are left, naming the least like
    one chooses the other as more like; where one is left, the answer holds no information.
    """
    names = [name for name in (*ITEMS, *MORE_ITEMS) if name in columns]
    items = np.stack([columns[name] for name in names], axis=1)
    best, worst = (columns[name].astype(np.int64) - 1 for name in ("chosen", "second"))
    last = np.argsort(np.arange(len(names)) == best[:, None], axis=1, kind="stable")
    rest = np.take_along_axis(items, last, axis=1)
    rest[:, -1], left, place = -1, (rest >= 0).sum(axis=1) - 1, worst - (worst > best)
    of_two, told = left == len(ITEMS), np.flatnonzero(left >= len(ITEMS))
    again = {**columns, **dict(zip(names, rest.T, strict=True))}
    again["kind"] = np.where(of_two, "anchored", "least_like")
    again["chosen"] = np.where(of_two, 3 - place, place) + 1
    judged = np.concatenate([np.arange(len(items)), told])
    order = np.argsort(judged, kind="stable")
    both = {
        name: np.concatenate([values, again[name][told]])[order]
        for name, values in {**columns, "kind": np.full(len(items), "anchored")}.items()
        if name != "second"
    }
    return both, judged[order]


def _votes(sheet: Sheet, columns: Sequence[ColumnName]) -> tuple[Integers, Integers]:
    """Row and number of the chosen item of each vote; votes of two answers are of items 2 and 3."""
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
    return rows, places + 4 - answers


def _levels(sheet: Sheet, column: ColumnName) -> Any:
    found = sheet.text(column).str.lower()
    absent = found.isin(NOTHING)
    sheet.refuse(~(absent | found.isin(list(LEVELS))), column, f"one of {', '.join(LEVELS)}")
    return found.astype(object).where(~absent, None).to_numpy()


def _trial_types(sheet: Sheet, column: ColumnName, label: str | None) -> Any:
    text = sheet.text(column)
    if label is None:
        found = text.str.lower().map(_TRIAL_TYPES)
        expected = (
            "1, true, yes or catch for an attention check; 0, false, no, main or nothing for a "
            "judgment; repeat or practice"
        )
        sheet.refuse(found.isna(), column, expected)
        return found.to_numpy()
    if not (text == label).any():
        raise TwoalikeError(
            where=f"{sheet.path}: column {column}",
            expected=f"{label!r} in some rows (`catch_label=...`)",
            found=", ".join(sorted(set(text))[:10]),
        )
    return np.where(text == label, "catch", "main")


def _further(sheet: Sheet, columns: Sequence[ColumnName]) -> dict[str, Any]:
    """Columns by their name, or column_2 and so on, as numbers where all of them are."""
    found: dict[str, Any] = {}
    for column in columns:
        cells, place = sheet.text(column), sheet.place(column)
        cells = cells.mask(cells.str.lower().isin(NOTHING))
        numbers = pd.to_numeric(cells, errors="coerce")
        is_number = (numbers.notna() == cells.notna()).all()
        name = f"column_{place + 1}" if sheet.header is None else sheet.header[place]
        if name in CHOICES.names:
            raise TwoalikeError(
                where="`term_columns=...`",
                expected="columns whose names mean nothing else in a table of choices",
                found=repr(name),
                remedy="Give the option that reads it, or rename it.",
            )
        found[name] = (numbers if is_number else cells).to_numpy()
    return found


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
        cells = read_delimited(path, "objects or pairs of objects, one a line")
    else:
        path = Path("`catch_objects=...`")
        rows = [[one] if isinstance(one, str) else list(one) for one in objects]
        cells = pd.DataFrame(rows, dtype=object).fillna("")
    sheet, width = Sheet(path, cells), cells.shape[1]
    if width > 2:
        raise TwoalikeError(
            where=path, expected="one or two objects a line", found=f"{width} columns"
        )
    bad = BadRows(len(cells), sheet.where)
    found = object_cells(sheet, range(1, width + 1), ids, numbers, bad, needed=1)
    check_distinct(found, bad)
    bad.kept(None)
    second = found[:, 1] if width == 2 else np.full(len(found), -1)
    return found[second < 0, 0], np.stack([found[:, 0], second], axis=1)[second >= 0]
