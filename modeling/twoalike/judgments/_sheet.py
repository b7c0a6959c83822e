"""Cells of delimited text: columns by number or name, objects, response times, bad rows.

A file can be misread although no cell is wrong. What shows this (a header in another order,
indices without 0, each row twice) is an error where it is certain, and a note where it is not.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted, read_delimited
from twoalike.tables import Column

type ColumnName = int | str
"""A column: its number from 1, or its name in the header."""
type TimeUnit = Literal["s", "ms"]
type ItemNumbers = Literal["ids", "from-0", "from-1"]
"""What numbers in the columns of items are: ids, or places in the list of objects."""

NOTHING = ("", "n/a", "na", "nan", "none", "null", "-1")
"""Cells that hold nothing, in lower case."""
_SECONDS = {"s": 1.0, "ms": 1e-3}
_PLAUSIBLE_S = (0.1, 100.0)
"""Bounds of the median response time: seconds taken for milliseconds, or the reverse, are beyond
them by a factor of ten or more."""
_WHOLE = r"[0-9]{1,9}"
_MEANINGS = {
    "odd": "odd oddone oddoneout outlier",
    "reference": "reference ref head target anchor center centre query probe standard",
    "nearer": "winner moresimilar morealike nearer closer positive",
    "farther": "loser lesssimilar lessalike farther negative",
    "answer": "chosen choice answer response selected",
    "person": "participant participantu subject subj sub worker pu p pid prolific prolificp "
    "prolificpid user rater judge annotator observer respondent",
    "session": "session block run set",
    "trial": "trial",
    "time": "rt responsetime reactiontime time timestamp timereceived datetime",
}
_MEANING = {word: what for what, words in _MEANINGS.items() for word in words.split()}
"""What a column holds, by its name without the words below."""
_DECORATION = set(
    "item id uid stimulus stim image object file filename name index number s".split()
)


MEDIA = re.compile(
    r"\.(png|jpe?g|gif|bmp|svg|webp|tiff?|mp3|wav|ogg|m4a|mp4|webm|mov|txt)$", re.IGNORECASE
)


class ImportNote(UserWarning):
    """What an importer found that may be a misreading, and what to do if it is one."""


def note(text: str) -> None:
    warnings.warn(text, ImportNote, stacklevel=2)


def meaning(name: str) -> str | None:
    """Return what a column of this name (``odd_stimulus``, ``workerId``) usually holds."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return _MEANING.get("".join(w.lower() for w in words if w.lower() not in _DECORATION))


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Names of files without folder and ending, where these are still different."""
    short = {
        name: MEDIA.sub("", re.split(r"[/\\]", name)[-1]) if MEDIA.search(name) else name
        for name in names
    }
    return short if len(set(short.values())) == len(short) else {name: name for name in names}


@dataclass(frozen=True)
class Sheet:
    """Cells of delimited text, as strings, and the header, if there is one.

    The index of ``cells`` numbers the rows of the file below the header, from 0.
    """

    path: Path
    cells: pd.DataFrame
    header: tuple[str, ...] | None = None

    @classmethod
    def of_table(cls, path: Path, needed: Sequence[str]) -> "Sheet":
        """Read delimited text under a header that names what is needed."""
        cells = read_delimited(path, f"a header with {', '.join(needed)}, and one judgment a line")
        header = tuple(cells.iloc[0].fillna("").str.strip())
        missing = [name for name in needed if header.count(name) != 1]
        if missing or len(cells) < 2:
            raise TwoalikeError(
                where=path,
                expected=f"a header that names {', '.join(needed)} once each, and rows below it",
                found=", ".join(header) if missing else "no row",
            )
        return cls(path, cells.iloc[1:].reset_index(drop=True), header)

    def refuse(self, wrong: Any, column: ColumnName, expected: str) -> None:
        if len(rows := np.flatnonzero(wrong)):
            row = int(rows[0])
            raise TwoalikeError(
                where=self.where(row, column),
                expected=expected,
                found=repr(self.text(column).iloc[row]),
            )

    def numbers(self, column: ColumnName, *, missing: bool = False) -> Floats:
        """Numbers of a column, NaN where they may be missing, shape (n,)."""
        cells = self.text(column) if missing else self.filled(column)
        found = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
        absent = cells.str.lower().isin(("", "n/a", "nan")).to_numpy() & missing
        self.refuse(~np.isfinite(found) & ~absent, column, "a number")
        return np.asarray(found)

    def typed(self, column: Column) -> Any:
        """Cells as a column of a table has them, None or NaN where they hold nothing."""
        cells = self.text(column.name)
        absent = cells.str.lower().isin(NOTHING)
        if column.kind == "string":
            return cells.astype(object).where(~absent, None)
        found = pd.to_numeric(cells.mask(absent), errors="coerce")
        self.refuse(found.isna() & ~absent, column.name, column.allowed)
        return found

    def where(self, row: int, column: ColumnName | None = None) -> str:
        """Name a row (from 0 here; from 1 in the file, the header counted) and a column."""
        name = self.cells.index[row]  # rows of many files have the names of their places
        if not isinstance(name, str):
            name = f"{self.path}: row {name + (1 if self.header is None else 2)}"
        return name + ("" if column is None else f", column {column}")

    def place(self, column: ColumnName) -> int:
        if isinstance(column, str):
            names = self.header or ()
            if names.count(column) != 1:
                raise TwoalikeError(
                    where=self.path, expected=f"one column {column!r}", found=f"{', '.join(names)}"
                )
            return names.index(column)
        if not 1 <= column <= self.cells.shape[1]:
            raise TwoalikeError(
                where=self.path,
                expected=f"column {column}",
                found=f"{self.cells.shape[1]} columns (numbered from 1)",
            )
        return column - 1

    def text(self, column: ColumnName) -> "pd.Series[str]":
        return self.cells.iloc[:, self.place(column)].fillna("").str.strip()

    def with_ids(self, columns: Sequence[ColumnName], given: Sequence[str] | None) -> "Sheet":
        """Write ids of objects for names of files that are not given as ids themselves."""
        cells = self.cells.copy()
        texts = {column: self.text(column) for column in dict.fromkeys(columns)}
        values = pd.unique(pd.concat(list(texts.values()), ignore_index=True))
        short = short_names([name for name in values if name.lower() not in NOTHING])
        short |= {name: name for name in given or ()}
        for column, text in texts.items():
            ids = np.array([short.get(name, name) for name in text], dtype=object)
            cells.isetitem(self.place(column), ids)
        return Sheet(self.path, cells, self.header)

    def filled(self, column: ColumnName) -> "pd.Series[str]":
        values = self.text(column)
        empty = np.flatnonzero(values == "")
        if len(empty):
            raise TwoalikeError("the cell is empty", where=self.where(int(empty[0]), column))
        return values

    def named(self, what: str) -> list[str]:
        """Names of the columns that hold this (``person``, ``odd``, ...) by their names."""
        return [name for name in self.header or () if meaning(name) == what]

    def kept(self, rows: Booleans | Integers) -> "Sheet":
        return Sheet(self.path, self.cells.iloc[rows], self.header)


@dataclass
class BadRows:
    """Rows that cannot be judgments, each with its first reason; ``where`` names a row."""

    n: int
    where: Callable[[int, ColumnName | None], str]
    reasons: dict[int, str] = field(default_factory=dict)
    first: tuple[int, str, str] | None = None

    def add(
        self,
        rows: "Booleans | pd.Series[bool]",
        reason: str,
        problem: str | Callable[[int], str],
        column: ColumnName | None = None,
    ) -> None:
        new = [row for row in np.flatnonzero(rows).tolist() if row not in self.reasons]
        self.reasons |= dict.fromkeys(new, reason)
        if new and (self.first is None or new[0] < self.first[0]):
            text = problem if isinstance(problem, str) else problem(new[0])
            self.first = (new[0], self.where(new[0], column), text)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(self.reasons.values()).most_common())

    def kept(self, skip: bool | None) -> Booleans:
        """Rows that remain, shape (n,), after refusing bad ones; None: there is no choice."""
        if self.first and not (skip and len(self.reasons) < self.n):
            listed = ", ".join(f"{many:,} {reason}" for reason, many in self.counts.items())
            share = f"{counted(len(self.reasons), 'row')} of {self.n:,} cannot be judgments"
            advice = "None is left." if skip else "Correct them, or give `skip_bad=True`."
            raise TwoalikeError(
                self.first[2],
                where=self.first[1],
                remedy="" if skip is None else f"{share} ({listed}). {advice}",
            )
        return ~np.isin(np.arange(self.n), list(self.reasons))


def numbers_in(
    sheet: Sheet, columns: Sequence[ColumnName], ids: Sequence[str], asked: ItemNumbers | None
) -> ItemNumbers:
    """Find out what the cells of items are, or refuse to guess."""
    if asked is not None:
        return asked
    cells = pd.concat([sheet.text(column) for column in columns])
    cells = cells[~cells.str.lower().isin(NOTHING) | cells.isin(list(ids))]
    whole = cells.str.fullmatch(_WHOLE).to_numpy(bool)
    values = cells.where(whole, "-1").to_numpy().astype(np.int64)
    places = pd.Index(list(ids)).get_indexer(pd.Index(cells))
    as_ids, as_places = places >= 0, whole & (values < len(ids))
    numbered = as_ids & whole & (places != values)
    if numbered.any() and as_ids.all() == as_places.all():
        problem = "the objects' ids are numbers, so that the items may be ids or indices from 0"
        ways: tuple[ItemNumbers, ...] = ("ids", "from-0")
    elif as_ids.sum() >= as_places.sum():
        return "ids"
    elif (values == 0).any():
        return "from-0"
    else:
        problem = f"the items are indices without 0, of {len(ids)} objects counted from 0 or from 1"
        ways = ("from-0", "from-1")
    raise TwoalikeError(
        problem,
        where=sheet.path,
        remedy="State which: " + " or ".join(f"`item_numbers={way!r}`" for way in ways) + ".",
    )


def object_cells(
    sheet: Sheet,
    columns: Sequence[ColumnName],
    ids: Sequence[str],
    numbers: ItemNumbers | None = None,
    bad: BadRows | None = None,
    *,
    needed: int | None = None,
) -> Integers:
    """Objects in the cells of the given columns, as indices into ``ids``, (n, len(columns)).

    ``bad`` takes rows in which a cell is no object, whose index is -1; without it they are errors,
    and all cells are ids or all indices. Only the first ``needed`` columns may not be empty.
    """
    alone = bad or BadRows(len(sheet.cells), sheet.where)
    cells = [sheet.text(column) for column in columns]
    known = pd.Index(list(ids))
    found = np.stack([known.get_indexer(pd.Index(values)) for values in cells], axis=1)
    whole = np.stack([values.str.fullmatch(_WHOLE) for values in cells], axis=1).astype(bool)
    if numbers is None:
        numbers = "from-0" if whole.all() and (found < 0).any() else "ids"
    expected, first = "an object id", int(numbers == "from-1")
    if numbers != "ids":
        texts = np.stack([np.asarray(one, dtype=object) for one in cells], axis=1)
        found = np.where(whole, texts, "-1").astype(np.int64) - first * whole
        found[found >= len(ids)] = -1
        expected = f"an index from {first} to {len(ids) - 1 + first}"
    for place, (column, values) in enumerate(zip(columns, cells, strict=True)):
        unknown = found[:, place] < 0
        empty = unknown & values.str.lower().isin(NOTHING)

        def problem(row: int, values: "pd.Series[str]" = values) -> str:
            return (
                f"{values.iloc[row]!r} is not one of the {len(ids)} objects (expected {expected})"
                if values.iloc[row]
                else "the cell is empty"
            )

        alone.add(unknown & ~empty, "unknown object", problem, column)
        if needed is None or place < needed:
            alone.add(empty, "no object", problem, column)
    if bad is None:
        alone.kept(None)
    return found.astype(np.int64)


def check_distinct(items: Integers, bad: BadRows) -> None:
    """Find rows that list an object twice; -1 is none."""
    ordered = np.sort(items, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    bad.add(twice, "object twice", "an object is listed twice; the items of a row are different")


def places_of(
    sheet: Sheet,
    column: ColumnName,
    ids: Sequence[str],
    numbers: ItemNumbers,
    items: Integers,
    bad: BadRows,
) -> Integers:
    """Place from 0 of the chosen object in a column, shape (n,), among the items, shape (n, k)."""
    chosen = object_cells(sheet, (column,), ids, numbers, BadRows(bad.n, bad.where))
    hits, text = (items == chosen) & (chosen >= 0), sheet.text(column)
    none = ~hits.any(axis=1)
    empty = none & text.str.lower().isin(NOTHING)
    bad.add(empty, "no answer", "the cell is empty", column)

    problem = "the chosen item {!r} is not one of the row's items"
    reason = "answer not among the items"
    bad.add(none & ~empty, reason, lambda row: problem.format(text.iloc[row]), column)
    return np.asarray(hits.argmax(axis=1), dtype=np.int64)


def check_order(
    sheet: Sheet, items: Sequence[ColumnName], chosen: Sequence[ColumnName] | None, kind: str
) -> None:
    """Check the names in the header; ``chosen`` is None where its place follows from the kind."""
    if sheet.header is None:
        return
    shown = [sheet.header[sheet.place(column)] for column in items]
    answers = [sheet.header[sheet.place(column)] for column in chosen or ()]
    used = {meaning(name): name for name in (*shown, *answers)}
    anchored = kind == "anchored"
    if chosen is None and kind in ("odd-one-out", "anchored"):
        answers = [shown[1 if anchored else -1]]
    wrong = [used.get("odd")] if anchored else [used.get("reference")]
    if not anchored and {"nearer", "farther"} <= set(used):
        wrong.append(used["nearer"])
    if anchored and meaning(shown[0]) != "reference":
        wrong.append(used.get("reference"))
    right = sheet.named("nearer" if anchored else "odd")
    if answers and not set(answers) & set(right):
        wrong += right
    wrong += [name for name in answers if meaning(name) == "farther"]
    if chosen is None:
        wrong += [name for name in sheet.named("answer") if name not in answers]
    if name := next((name for name in wrong if name), None):
        raise TwoalikeError(
            f"the column {name!r} contradicts how the file would be read ({kind}, items "
            f"{', '.join(shown)}, chosen {', '.join(answers) or 'by votes'})",
            where=f"{sheet.path}: header",
            remedy="State the kind of judgment (`kind=...`), the columns of items "
            "(`item_columns=...`) and that of the chosen item, or rename the column.",
        )


def note_people(sheet: Sheet, used: Sequence[ColumnName | None], remedy: str) -> None:
    """Note an unused column that seems to name the participants (``{}`` in the remedy)."""
    columns: list[ColumnName] = list(sheet.named("person"))
    if sheet.header is None:
        columns = list(range(1, sheet.cells.shape[1] + 1))
    places = [sheet.place(column) for column in used if column is not None]
    if ignored := [column for column in columns if sheet.place(column) not in places]:
        what = "seems to name the participants and" if sheet.header else "may name them but"
        note(
            f"{sheet.path}: all judgments are by one unknown person, since column {ignored[0]} "
            f"{what} is not used. {remedy.format(repr(ignored[0]))}"
        )


def find_copies(
    sheet: Sheet, items: Sequence[ColumnName], bad: BadRows, *, once: bool = False
) -> None:
    """Find rows that are in the file twice.

    Certain ones are of the same trial (``once``: of the same person), identical in a file with
    times, or of a file that has all rows equally often. Rows that are identical to the row before
    may be others' answers: a note.
    """
    cells, shown = sheet.cells, [sheet.place(column) for column in items]
    certain = once or bool(sheet.named("trial"))
    if certain:
        keys = [
            sheet.place(n) for what in ("person", "session", "trial") for n in sheet.named(what)
        ]
        copies = cells.iloc[:, [*keys, *shown]].duplicated()
    else:
        order = pd.Series(np.arange(len(cells)), index=cells.index)
        numbers = cells.apply(lambda of: pd.to_numeric(of, errors="coerce") - order)
        counts = ~(numbers != numbers.iloc[0]).any().to_numpy()  # the rows
        counts[shown] = False
        cells = cells.loc[:, ~counts]
        often = cells.value_counts(dropna=False)  # people's votes recur too, but not equally often
        everywhere = bool(1 < often.max() == often.min())
        times = [sheet.text(name).str.lower() for name in sheet.named("time")]
        timed = np.array([~of.isin(NOTHING) for of in times]).any(axis=0) if times else everywhere
        certain = everywhere or bool(times)
        copies = cells.duplicated() & timed if certain else (cells == cells.shift()).all(axis=1)
    if certain:
        text = "this row is in the file twice; number the trials in a column 'trial' if it is not"
        bad.add(copies, "copy of another row", text)
    elif copies.any():
        note(
            f"{sheet.where(int(copies.to_numpy().argmax()))}: identical to the row before, and "
            f"{counted(int(copies.sum()), 'such row')} in all, of which each counts as a judgment. "
            "Take copies out of the file."
        )


def note_mirrored(sheet: Sheet, value: str) -> None:
    """Note that most pairs were judged in both orders, with the same value by the same person."""
    people = sheet.text("participant") if "participant" in (sheet.header or ()) else ""
    rows = pd.DataFrame(
        {"a": sheet.text("item_a"), "b": sheet.text("item_b"), "v": sheet.text(value), "p": people}
    )
    there = pd.MultiIndex.from_frame(rows[["p", "a", "b", "v"]])
    twice = int(pd.MultiIndex.from_frame(rows[["p", "b", "a", "v"]]).isin(there).sum())
    if 2 * twice > len(rows):
        note(
            f"{sheet.path}: {twice:,} of {counted(len(rows), 'row')} have a row with the same two "
            f"objects in the other order and the same {value}. If the file was made from symmetric "
            "matrices, each judgment counts twice: keep one order of each pair."
        )


def seconds(sheet: Sheet, column: ColumnName, unit: TimeUnit | None) -> Floats:
    """Response times in seconds, NaN where they are empty, ``n/a`` or -1, shape (n,)."""
    if unit is None or unit not in _SECONDS:
        raise TwoalikeError(
            where="`response_time_unit=...`",
            expected="s or ms, the unit of the response times",
            found="none" if unit is None else repr(unit),
        )
    values = sheet.text(column)
    found = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    absent = values.str.lower().isin(NOTHING).to_numpy() | (found == -1)
    wrong = ~absent & ~((found >= 0) & np.isfinite(found))
    sheet.refuse(wrong, column, "a response time from 0 on, or nothing")
    found = np.where(absent, np.nan, found * _SECONDS[unit])
    low, high = _PLAUSIBLE_S
    middle = low if absent.all() else float(np.nanmedian(found))
    if not low <= middle <= high:
        other = "ms" if unit == "s" else "s"
        raise TwoalikeError(
            where=f"{sheet.path}: column {column}",
            expected=f"response times in {unit}, with a median from {low:g} to {high:g} s",
            found=f"{middle:g} s",
            remedy=f"If the unit is {other}, say `response_time_unit={other!r}`.",
        )
    return np.asarray(found)
