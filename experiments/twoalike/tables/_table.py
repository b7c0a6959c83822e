"""A table: its columns with their values, what identifies a row, and the checks across columns.

Below are the words, columns and tables that several stages share.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from twoalike.study import MISSING, Booleans, TwoalikeError

if TYPE_CHECKING:
    import pandas as pd


_TRUTH = {"true": "yes", "false": "no"}
_NOUNS = {"integer": "a whole number", "number": "a number", "string": "text"}
_RANGES = {
    "integer": ("from {:g}", "from {:g} to {:g}"),
    "number": ("from {:g} on", "from {:g} to {:g}"),
}
_WRITTEN = {
    "integer": re.compile(r"-?(0|[1-9][0-9]*)"),
    "number": re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
}
"""Python itself would read ``1_000``, and digits of other scripts, as numbers."""
_DECLARED: dict[str, dict[str, Any]] = {
    "string": {"kind": "string"},
    "boolean": {"kind": "boolean"},
    "integer": {"kind": "integer"},
    "count": {"kind": "integer", "minimum": 0},
    "number": {"kind": "number"},
    "seconds": {"kind": "number", "minimum": 0, "units": "s"},
    "place": {"kind": "number", "units": "arena diameters", "decimals": 6},
}
"""Kinds of values that files of data declare."""
_MOST_KNOWN = 4096
"""Cells of a column whose values are remembered."""


@dataclass(frozen=True)
class Column:
    """One column: what it means and which values it takes."""

    name: str
    kind: Literal["string", "integer", "number", "boolean"]
    """``string``, ``integer``, ``number`` or ``boolean`` (written ``true`` and ``false``)."""
    description: str
    _: KW_ONLY
    levels: Mapping[str, str] = field(default_factory=dict)
    """The only values allowed, with their meaning; empty for free values."""
    units: str = ""
    minimum: float | None = None
    maximum: float | None = None
    """``minimum``, ``maximum``: Smallest and largest number allowed."""
    pattern: str = ""
    form: str = ""
    """``pattern``, ``form``: Regular expression that all of a free text has to match, and what it
    asks for, in words."""
    missing: str = ""
    """Whether a value may be missing (``n/a`` in text), and what that says."""
    decimals: int = 4
    """Digits after the point of a number in text."""
    added: bool = False
    """Whether tables of version 0.1 lack the column."""
    when: str = ""
    """Setting of the protocol that a session needs to have the column, such as
    ``timing.presentation_ms``; empty for columns of every session."""
    optional: bool = False
    """Whether a data frame in which all values are missing lacks the column."""
    identifier: bool = False
    """Whether BIDS itself fixes the form of the column, so that a sidecar leaves it out."""
    own_words: bool = False
    """Whether participants write it in their own words: a copy for publication leaves it empty,
    unless its owner names it."""
    dtype: str = ""
    """Type in a data frame and in Parquet: ``category`` for strings, a numpy type for numbers.
    Empty in tables that are text only, as those with booleans are."""
    remedy: str = ""
    """What to do about a value that is not allowed, for messages."""
    default: str | None = None
    """Value of a data frame's column that is not given, ``row`` for the number of the row; None:
    missing, if that is allowed."""

    @classmethod
    def of(
        cls,
        name: str,
        about: Mapping[str, Any],
        known: Mapping[str, Mapping[str, str]] | None = None,
        **words: object,
    ) -> Self:
        """Column that a file of data declares: the key of its description is the kind of values.

        ``words`` fill its texts; levels that are a word are those ``known`` by it.
        """
        more = dict(about)
        key = next(key for key in more if key in _DECLARED)
        more["description"] = more.pop(key).format(**words)
        more["missing"] = more.get("missing", "").format(**words)
        levels = more.get("levels", {})
        if isinstance(levels, str):
            more["levels"] = (known or {})[levels]
        else:
            more["levels"] = {level: text.format(**words) for level, text in levels.items()}
        return cls(name, **_DECLARED[key] | more)

    @property
    def conditional(self) -> bool:
        """Whether there are raw tables without the column."""
        return self.added or bool(self.when)

    def recorded(self, settings: Mapping[str, Any]) -> bool:
        """Whether a session with these settings, tables within tables, has the column."""
        value: Any = settings
        for key in self.when.split(".") if self.when else ():
            value = value.get(key) if isinstance(value, Mapping) else None
        return not self.when or value not in (None, False, 0, "", "none")

    @property
    def allowed(self) -> str:
        """What a value has to be, for messages."""
        if self.levels:
            return f"one of {', '.join(self.levels)}"
        if self.kind == "boolean":
            return "true or false"
        if self.pattern:
            return self.form
        noun, (above, between) = _NOUNS[self.kind], _RANGES.get(self.kind, ("", ""))
        if self.minimum is None:
            return noun
        if self.maximum is None:
            return f"{noun} {above.format(self.minimum)}"
        return f"{noun} {between.format(self.minimum, self.maximum)}"

    def expected(self, text: str) -> str:
        """Say what a cell has to be instead of ``text``, for messages."""
        if text == MISSING:
            return f"{self.allowed} in every row"
        if self.kind == "string" and not self.levels and not self.pattern:
            return "text without tabs or line breaks"
        separator = ", " if self.levels else " or "
        return f"{self.allowed}{separator}{MISSING}" if self.missing else self.allowed

    def format(self, value: object) -> str:
        """Text of ``value`` in the table."""
        if isinstance(value, float):
            text = f"{value:.{self.decimals}f}"
        else:
            text = MISSING if value is None else str(value)
            text = text.lower() if isinstance(value, bool) else text
        if text not in self._known:
            self.parse(text)
        return text

    def parse(self, text: str) -> Any:
        """Value behind ``text``; None where it is missing."""
        known = self._known  # the same few words and numbers make up most cells
        if text in known:
            return known[text]
        value = None if text == MISSING else self._value(text)
        if value is None and not (text == MISSING and self.missing):
            raise ValueError(f"expected {self.expected(text)}, found {text!r}")
        if len(known) < _MOST_KNOWN:
            known[text] = value
        return value

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def allows(self, text: str) -> bool:
        """Whether the column allows ``text`` as a value that is not missing."""
        return self._value(text) is not None

    def _value(self, text: str) -> str | int | float | bool | None:
        if self.kind == "boolean":
            return {"true": True, "false": False}.get(text)
        if self.levels and text not in self.levels:
            return None
        if self.kind == "string":
            broken = not text or "\t" in text or "\n" in text or "\r" in text
            broken = broken or bool(self.pattern and not re.fullmatch(self.pattern, text))
            return None if broken else text
        if not _WRITTEN[self.kind].fullmatch(text):
            return None
        value = int(text) if self.kind == "integer" else float(text)
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return value if abs(value) < math.inf and low <= value <= high else None

    def sidecar(self) -> dict[str, Any]:
        """Entry of the BIDS sidecar."""
        entry: dict[str, Any] = {"Description": self.description}
        if self.missing:
            entry["Description"] += f" n/a: {self.missing}."
        levels = self.levels or (_TRUTH if self.kind == "boolean" else {})
        if levels:
            entry["Levels"] = dict(levels)
        elif not self.identifier:
            entry["Format"] = self.kind
        more = {"Units": self.units or None, "Minimum": self.minimum, "Maximum": self.maximum}
        return entry | {name: value for name, value in more.items() if value is not None}

    def values(self) -> str:
        """Values in Markdown, for the reference: levels, or kind or type; units; missing values."""
        words = ", ".join(f"`{level}`" for level in self.levels) or self.dtype or self.kind
        if self.units:
            words += f", {self.units}"
        if self.missing:
            words += f", {'missing' if self.dtype else f'`{MISSING}`'} ({self.missing})"
        return words


BY_CONDITION = Column(
    "run_condition",
    "string",
    "Condition of the run, of those within a session ([[conditions]] of study.toml).",
)
"""Last column of raw tables of trials in a study with conditions; the writer fills it in."""

type Check = Callable[["pd.DataFrame"], Iterator["Fault"]]
"""A rule across cells: from a typed table to the faults, those of earlier rows first."""


@dataclass(frozen=True)
class Fault:
    """A cell or row that a table does not allow."""

    row: int
    """Counted from 0."""
    expected: str
    found: str = ""
    """``expected``, ``found``: For the message; ``found`` is empty where ``expected`` alone says
    it."""
    column: str = ""
    """Name; empty for the row as a whole."""

    @property
    def message(self) -> str:
        """What was expected, and what was found instead."""
        found = f", found {self.found}" if self.found else ""
        return f"expected {self.expected}{found}"

    def error(self, where: object, remedy: str = "") -> TwoalikeError:
        """Error that names file, row (from 1) and column."""
        column = f", column {self.column!r}" if self.column else ""
        place = f"{where}, row {self.row + 1}{column}"
        return TwoalikeError(where=place, expected=self.expected, found=self.found, remedy=remedy)


def faults(
    wrong: Booleans, expected: str, column: str = "", values: Sequence[object] | None = None
) -> Iterator[Fault]:
    """Faults of the rows where ``wrong``, shape (n,), is true; ``values``: what each holds."""
    for row in wrong.nonzero()[0].tolist():
        yield Fault(row, expected, "" if values is None else repr(values[row]), column)


@dataclass(frozen=True)
class Table:
    """A table, declared once."""

    name: str
    """What the table is one of, such as ``choices``; of raw tables the ending of the file name."""
    columns: tuple[Column, ...]
    """In the order of the file."""
    rows: str = "rows"
    """What a row is one of, such as ``judgments``, for messages."""
    keys: tuple[str, ...] = ()
    """Columns that together identify a row: no two rows may agree in all of them."""
    items: tuple[str, ...] = ()
    """Columns of object ids. In a data frame they share one list of categories, which is the order
    of objects and may name objects that no row has."""
    further: bool = False
    """Whether a data frame keeps columns of other names, as numbers or categories."""
    checks: tuple[Check, ...] = ()
    """Across columns and rows, called once every cell by itself is allowed."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def _conditional(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns if column.conditional)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def among(self, names: Collection[str]) -> list[str]:
        """Order names of a data frame's columns; further ones come last, or are left out."""
        own = [name for name in self.names if name in names]
        return own + [name for name in names if self.further and name not in self.names]

    def subset(self, names: Sequence[str]) -> "Table":
        """Make a table of some of its columns, without keys and checks."""
        kept = tuple(self[name] for name in names)
        items = tuple(name for name in names if name in self.items)
        return Table(self.name, kept, self.rows, items=items)

    def header(self) -> str:
        """First line, with its line end."""
        return "\t".join(self.names) + "\n"

    def with_condition(self) -> "Table":
        """Add the column that a run in a condition has as its last one."""
        return replace(self, columns=(*self.columns, BY_CONDITION))

    def with_columns_of(self, header: str) -> "Table":
        """Columns of a file by its first line.

        Conditional columns that it does not name are left out, and that of a condition is added if
        it has it.
        """
        named = header.rstrip("\r\n").split("\t")
        kept = (one for one in self.columns if not one.conditional or one.name in named)
        table = replace(self, columns=tuple(kept))
        by_condition = named[-1] == BY_CONDITION.name and BY_CONDITION not in table.columns
        return table.with_condition() if by_condition else table

    def recorded(self, settings: Mapping[str, Any]) -> "Table":
        """Leave out the columns that a session with these settings does not have."""
        kept = (one for one in self.columns if one.recorded(settings))
        return replace(self, columns=tuple(kept))

    def format_row(self, values: Mapping[str, object]) -> str:
        """One line, with its line end; conditional columns may be left out."""
        if odd := (set(values) ^ set(self.names)) - self._conditional:
            raise ValueError(f"row differs in {sorted(odd)}")
        cells = []
        for column in self.columns:
            try:
                cells.append(column.format(values.get(column.name)))
            except ValueError as error:
                raise ValueError(f"column {column.name}: {error}") from error
        return "\t".join(cells) + "\n"

    def sidecar(self) -> dict[str, Any]:
        """Entries of the BIDS sidecar, by column."""
        return {column.name: column.sidecar() for column in self.columns}

    def dictionary(self) -> str:
        """Markdown table of the columns, as ``data/README.md`` and the reference show it."""
        lines = ["| column | values | meaning |", "|---|---|---|"]
        for one in self.columns:
            when = f" Only with `{one.when}`." if one.when else ""
            lines.append(f"| `{one.name}` | {one.values()} | {one.description}{when} |")
        return "\n".join(lines) + "\n"

    def broken_rule(self, frame: "pd.DataFrame") -> Fault | None:
        """First row that agrees with an earlier one in the keys or breaks a check."""
        first = [next(check(frame), None) for check in (self._rows_differ, *self.checks)]
        return min(filter(None, first), key=lambda fault: fault.row, default=None)

    def _rows_differ(self, frame: "pd.DataFrame") -> Iterator[Fault]:
        if self.keys:
            *others, last = self.keys
            one = f"{', '.join(others)} and {last}" if others else last
            twice = frame.duplicated(list(self.keys)).to_numpy()
            for row in twice.nonzero()[0].tolist():
                yield Fault(row, f"one row for each {one}", f"{frame[last].iloc[row]!r} again")


ODD_ONE_OUT = "oddoneout"
"""BIDS label of the odd-one-out task."""
ANCHORED_CHOICE = "anchoredchoice"
"""BIDS label of the anchored-choice task."""
ODD_ONE_OF_MANY = "oddoneofmany"
"""BIDS label of the odd-one-of-many task."""
MOST_ALIKE_PAIR = "mostalikepair"
"""BIDS label of the most-alike-pair task."""
MULTI_ARRANGEMENT = "multiarrangement"
"""BIDS label of the multi-arrangement task."""
PAIR_RATING = "pairrating"
"""BIDS label of the pair-rating task."""
FREE_SORTING = "freesorting"
"""BIDS label of the free-sorting task."""

POSITIONS = ("left", "middle", "right")
"""Places of the three images on the screen."""
STIMULI = ("stimulus_1", "stimulus_2", "stimulus_3")
"""Columns of the objects of a triplet, in the order of the design."""
PLACES = ("position_1", "position_2", "position_3")
"""Columns of the places where they are shown."""
MOST_SHOWN = 6
"""Most images of a trial of odd-one-of-many and most-alike-pair; the fewest are three."""
MANY_STIMULI = tuple(f"stimulus_{number}" for number in range(1, MOST_SHOWN + 1))
"""Columns of the objects of a trial with up to six images, in the order of the design."""
MANY_PLACES = tuple(f"position_{number}" for number in range(1, MOST_SHOWN + 1))
"""Columns of the places where they are shown, numbered in reading order."""
REFERENCE = "middle"
"""Place of the reference of an anchored choice: between the candidates, above them or in line."""
TRIAL_TYPES = {
    "practice": "to learn the task; not for analysis",
    "main": "a judgment",
    "catch": "attention check with one obviously odd object",
    "repeat": "a main trial shown a second time",
}
"""Why a trial is shown."""

CHOICE_COLUMNS = (("odd_stimulus", "expected_odd"), ("chosen_stimulus", "expected_response"))
"""Columns of the chosen object and of the right answer: of odd-one-out and of anchored choices."""


JUDGED = ("main", "repeat")
"""Types of trials that are judgments: fitted and scored. Practice and attention checks are not."""
LEVELS = {
    "coarse": "objects of three categories",
    "fine": "objects of one category",
    "boundary": "two objects of one category, and one of another",
}
"""Levels of abstraction of a triplet, by the categories of its objects."""

OBJECT_ID = Column("id", "string", "Id of the object.")
LABELS = Table("labels", (OBJECT_ID,), rows="objects", keys=("id",))
"""Labels of objects; the columns after the id are levels of categories."""
PARTICIPANT_ID = Column(
    "participant_id", "string", "Code of the participant, with sub- in front.", identifier=True
)
SESSION_ID = Column("session_id", "string", "Session, with ses- in front.", identifier=True)
SEEN_BEFORE = Column(
    "seen_before",
    "boolean",
    "Whether the trial had been on the screen before, and was broken off.",
    missing="recorded by version 0.1",
    added=True,
)
"""Last column of every raw table of trials; the writer fills it in."""
