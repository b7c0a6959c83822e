"""New codes and moved dates for participants, and the files of a published copy: text in, text out.

Codes and shifts are drawn afresh and kept nowhere. Were they computed from the old code and a
seed, anyone could try all old codes until one gives the new code; so there is nothing to repeat the
drawing with. Structured files are changed where their structure says what is what; whatever else
they hold is searched afterwards (:mod:`twoalike.exchange._private`).
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from twoalike.exchange._dataset import SEED, Column, dump_json, load_json, split_table
from twoalike.exchange._private import FIRST_YEAR
from twoalike.record import OLDEST_AGE
from twoalike.study import MISSING, TwoalikeError, inert_cell

_MARKS = "bcdfghjkmnpqrstvwxz23456789"
"""No vowels, so that no words arise, and no marks that look alike."""
_LENGTH = 8
_DATE = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)(?!\d)")
_TIME = re.compile(_DATE.pattern + r"(?:[T ]\d\d:?\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True)
class Person:
    """A participant in the copy: the new code, and by how many days dates are moved back.

    ``days`` is None where dates and times are left out.
    """

    code: str
    days: int | None

    def move(self, text: str) -> str:
        """Text with its dates moved back by whole days, or with ``n/a`` in place of times."""
        if self.days is None:
            return _TIME.sub(lambda match: MISSING if _day(match[1]) else match[0], text)
        back = timedelta(days=self.days)

        def moved(match: re.Match[str]) -> str:
            day = _day(match[1])
            return (day - back).isoformat() if day else match[1]

        return _DATE.sub(moved, text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def days_in(text: str) -> list[date]:
    """Days named in a text, written year first."""
    days = (_day(match[1]) for match in _DATE.finditer(text))
    return [day for day in days if day]


def draw_people(
    days: Mapping[str, Iterable[date]], rng: np.random.Generator, *, keep_times: bool
) -> dict[str, Person]:
    """Draw a new code and a shift of dates for every participant; neither depends on the old code.

    ``days`` are those named in a participant's files, by old code. The generator is seeded by the
    operating system, not by a number that somebody could guess. Dates move so that the last one
    falls into 1905 to 1924.
    """
    people: dict[str, Person] = {}
    taken = {code.lower() for code in days}
    for code in rng.permutation(sorted(days)).tolist():
        new = _new_code(rng, taken)
        taken.add(new)
        people[code] = Person(new, _shift(list(days[code]), rng) if keep_times else None)
    return people


def _new_code(rng: np.random.Generator, taken: Collection[str]) -> str:
    while True:
        code = "".join(rng.choice(list(_MARKS), _LENGTH))
        # A digit, since codes without one look like names; a letter, so that it is no number.
        if code not in taken and any(map(str.isdigit, code)) and any(map(str.isalpha, code)):
            return code


def _shift(days: list[date], rng: np.random.Generator) -> int:
    last = max(days, default=date(FIRST_YEAR + 75, 1, 1))
    first, end = date(FIRST_YEAR - 20, 1, 1), date(FIRST_YEAR - 1, 12, 31)
    target = first + timedelta(days=int(rng.integers((end - first).days + 1)))
    return max(0, (last - target).days)


def replace_codes(people: Mapping[str, Person]) -> Callable[[str], str]:
    """Make a function that replaces ``sub-<code>`` in texts and paths."""
    if not people:
        return lambda text: text
    either = "|".join(re.escape(code) for code in sorted(people, key=len, reverse=True))
    pattern = re.compile(rf"(?<![0-9A-Za-z+])sub-({either})(?![0-9A-Za-z+])")
    return lambda text: pattern.sub(lambda match: f"sub-{people[match[1]].code}", text)


_PARTICIPANT = frozenset({"participant", "participants", "participant_id", "subject"})
_SAME_FOR_ALL = frozenset(
    {"protocol", "protocol_of_group", "protocol_of_condition", "stimuli", "features"}
)
"""Inputs of a run whose hashes are published: they do not depend on who took part."""
_TOKEN = re.compile(r"[\w.:+-]{0,40}")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Anonymous:
    """How the copy differs: people by old code, and what renames them in texts."""

    people: Mapping[str, Person]
    rename: Callable[[str], str]
    with_groups: bool = False
    """Whether the groups of people are published."""

    def text(self, text: str, person: Person | None) -> str:
        """Text with new codes, and with moved dates where it belongs to one person."""
        renamed = self.rename(text)
        return person.move(renamed) if person else renamed

    def json(self, text: str, person: Person | None, where: str) -> str:
        """JSON with new codes, moved dates and no seeds."""
        return dump_json(self._value(load_json(text, where), person))

    def _value(self, value: Any, person: Person | None) -> Any:
        if isinstance(value, dict):
            return {
                self.rename(key): None if SEED.search(key) else self._entry(key, entry, person)
                for key, entry in value.items()
            }
        if isinstance(value, list):
            return [self._value(entry, person) for entry in value]
        if isinstance(value, str):
            moved = self.text(value, person)
            return None if moved == MISSING != value else moved
        return value

    def _entry(self, key: str, entry: Any, person: Person | None) -> Any:
        if key in _PARTICIPANT and isinstance(entry, list):
            return [self._entry(key, one, person) for one in entry]
        if key in _PARTICIPANT and isinstance(entry, str) and entry in self.people:
            return self.people[entry].code
        return self._value(entry, person)

    def manifest(self, text: str, person: Person | None, where: str) -> str:
        """Manifest of a run, as other JSON, without hashes of files that the copy changes.

        If everything in a file but the code is known, trying codes against its hash reveals the
        code; and the raw table may have columns that the copy lacks.
        """
        content = load_json(text, where)
        inputs = content.get("inputs")
        if not self.with_groups:
            content.pop("group", None)
            if isinstance(inputs, dict):
                inputs.pop("protocol_of_group", None)
        for role, entry in inputs.items() if isinstance(inputs, dict) else ():
            if role not in _SAME_FOR_ALL and isinstance(entry, dict):
                entry["sha256"] = None
        content["journal"] = None
        return dump_json(self._value(content, person))

    def log(self, text: str, person: Person | None) -> str:
        """Keep of a journal what it notes: times, numbers and single words of each event."""
        lines = []
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and entry.get("what") == "note":
                kept = {
                    key: value
                    for key, value in entry.items()
                    if key not in ("n", "what", "chain") and _says_no_more(value)
                }
                lines.append(json.dumps(self._value(kept, person), ensure_ascii=False) + "\n")
        return "".join(lines)

    def table(self, text: str, columns: Sequence[Column], where: str) -> str:
        """Table about participants with its published columns, rows in their order."""
        header, rows = table_cells(text, where)
        who = header.index("participant_id")
        kept = [column for column in columns if column.published]
        lines = ["\t".join(column.header for column in kept)]
        for number, row in enumerate(rows, start=1):
            person = self.people[row[who].removeprefix("sub-")]
            place = f"{where}, row {number} ({row[who]})"
            lines.append("\t".join(self._cell(c, row[c.place], person, place) for c in kept))
        return "\n".join(lines) + "\n"

    def _cell(self, column: Column, cell: str, person: Person, place: str) -> str:
        if column.header == "participant_id":
            return f"sub-{person.code}"
        return _published(column, self.text(cell, person), place)

    def run_table(
        self, text: str, columns: Sequence[Column], person: Person | None, where: str
    ) -> str:
        """Table of one run with its published columns, without a torn last row."""
        whole = text[: text.rfind("\n") + 1]
        if not all(column.is_ours and not column.is_blank for column in columns):
            _, rows = split_table(whole, where)
            kept = [column for column in columns if column.published]
            lines = [[column.header for column in kept]]
            for number, row in enumerate(rows, start=1):
                place = f"{where}, row {number}"
                lines.append([_published(c, row[c.place], place) for c in kept])
            whole = "".join("\t".join(line) + "\n" for line in lines)
        return self.text(whole, person)

    def table_sidecar(
        self, text: str, columns: Sequence[Column], person: Person | None, where: str
    ) -> str:
        """Sidecar of a table, without the columns that are not published.

        Levels are written as the cells are.
        """
        content = load_json(text, where)
        for column in columns:
            entry = content.get(column.header)
            if not column.published:
                content.pop(column.header, None)
            elif isinstance(entry, dict) and isinstance(levels := entry.get("Levels"), dict):
                entry["Levels"] = {inert_cell(level): words for level, words in levels.items()}
        return dump_json(self._value(content, person))


def add_generator(description: str, toolkit_version: str) -> str:
    """Add to the description of a data set how the copy was made."""
    content = json.loads(description)
    made = {
        "Name": "twoalike share",
        "Version": toolkit_version,
        "Description": "Copy for publication: new codes, named columns, no dates, no seeds.",
    }
    before = content.get("GeneratedBy")
    content["GeneratedBy"] = [*(before if isinstance(before, list) else []), made]
    return dump_json(content)


def _says_no_more(value: Any) -> bool:
    """Whether a detail of the log is a number, a flag or one short word."""
    return not isinstance(value, dict | list) and (
        not isinstance(value, str) or _TOKEN.fullmatch(value) is not None
    )


def _published(column: Column, cell: str, place: str) -> str:
    """Cell of a published column: ages capped, formulas in columns that are not ours disabled."""
    if column.is_blank:
        return MISSING
    if column.is_age:
        cell = _capped(cell, f"{place}, column {column.header!r}")
    return cell if column.is_ours else inert_cell(cell)


def _capped(cell: str, place: str) -> str:
    """Age as it is published: higher ages are given as the highest one."""
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        numbers = [float(text.replace(",", ".")) for text in _DIGITS.findall(cell)]
        if max(numbers, default=0.0) > OLDEST_AGE:
            raise TwoalikeError(
                f"{place}: expected an age in years, found {cell!r}; ages above {OLDEST_AGE} can "
                "tell who somebody is. Write it as a number."
            ) from None
        return cell
    return str(OLDEST_AGE) if value > OLDEST_AGE else cell


def sorted_by_code(text: str) -> str:
    """Table with its rows in the order of the new codes: the old order was that of the visits."""
    header, *rows = text.removesuffix("\n").split("\n")
    place = header.split("\t").index("participant_id")
    return "\n".join([header, *sorted(rows, key=lambda row: row.split("\t")[place])]) + "\n"


def table_cells(text: str, where: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table of participants, as :func:`split_table` gives them."""
    header, rows = split_table(text, where)
    if "participant_id" not in header:
        raise TwoalikeError(f"{where}: expected a column participant_id, found {header}.")
    return header, rows
