"""The files of a data set as they are published: text in, text out.

Structured files are changed where their structure says what is what; whatever else they hold is
searched afterwards (:mod:`twoalike.exchange._private`).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twoalike.exchange._dataset import split_table
from twoalike.exchange._people import Person
from twoalike.record import OLDEST_AGE
from twoalike.study import MISSING, TwoalikeError, parse_json_table

_PARTICIPANT = frozenset({"participant", "participant_id", "subject"})
_SEED = re.compile(r"(^|_)(seeds?|entropy)($|_)", re.IGNORECASE)
"""Left out: with the seed of a study, a trial list tells which code it was made for."""
_IDENTITY = re.compile(
    r"(^|_)(birth\w*|dob|(first|last|family|sur|full)_?name|name|e?_?mail\w*|phone\w*|mobile|"
    r"street|address|postcode|zip|ip|ip_address)($|_)",
    re.IGNORECASE,
)
_REMARK = re.compile(r"(^|_)(comments?|notes?|remarks?|strategy)($|_)", re.IGNORECASE)
_AGE = re.compile(r"(^|_)age($|_)", re.IGNORECASE)
_TOKEN = re.compile(r"[\w.:+-]{0,40}")
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?|true|false")


@dataclass(frozen=True)
class Anonymous:
    """How the copy differs from the data set.

    Attributes
    ----------
    people
        By old code.
    rename
        Replaces ``sub-<code>`` in a text.
    with_free_text
        Whether answers in participants' own words stay.
    """

    people: Mapping[str, Person]
    rename: Callable[[str], str]
    with_free_text: bool

    def text(self, text: str, person: Person | None) -> str:
        """Text with new codes, and with moved dates where it belongs to one person."""
        renamed = self.rename(text)
        return person.move(renamed) if person else renamed

    def json(self, text: str, person: Person | None, where: str) -> str:
        """JSON with new codes, moved dates and no seeds.

        Raises
        ------
        TwoalikeError
            If it is not JSON with keys.
        """
        return _dump(self._value(_load(text, where), person))

    def _value(self, value: Any, person: Person | None) -> Any:
        if isinstance(value, dict):
            return {
                self.rename(key): None if _SEED.search(key) else self._entry(key, entry, person)
                for key, entry in value.items()
            }
        if isinstance(value, list):
            return [self._value(entry, person) for entry in value]
        if isinstance(value, str):
            moved = self.text(value, person)
            return None if moved == MISSING != value else moved
        return value

    def _entry(self, key: str, entry: Any, person: Person | None) -> Any:
        if key in _PARTICIPANT and isinstance(entry, str) and entry in self.people:
            return self.people[entry].code
        return self._value(entry, person)

    def log(self, text: str, person: Person | None) -> str:
        """Log of a run: times, numbers and single words of each event; torn lines are left out."""
        lines = []
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and entry.get("event") != "torn_row":
                kept = {key: value for key, value in entry.items() if _says_no_more(value)}
                lines.append(json.dumps(self._value(kept, person), ensure_ascii=False) + "\n")
        return "".join(lines)

    def table(self, text: str, sidecar: str | None, where: str) -> str:
        """Table of participants or of their answers, one or more rows a person.

        Rows come in the order of the new codes, since theirs may be the order of the visits.

        Raises
        ------
        TwoalikeError
            If a column is meant for what identifies people.
        """
        header, rows = table_cells(text, where)
        dropped = self._dropped(header, rows, sidecar, where)
        kept = [place for place, name in enumerate(header) if name not in dropped]
        who = header.index("participant_id")
        lines = []
        for row in rows:
            person = self.people[row[who].removeprefix("sub-")]
            cells = [self._cell(header[place], row[place], person) for place in kept]
            lines.append((person.code, "\t".join(cells)))
        names = "\t".join(header[place] for place in kept)
        return "\n".join([names, *(line for _, line in sorted(lines))]) + "\n"

    def _cell(self, column: str, cell: str, person: Person) -> str:
        if column == "participant_id":
            return f"sub-{person.code}"
        return _capped(cell) if _AGE.search(column) else self.text(cell, person)

    def table_sidecar(self, text: str, table: str | None, where: str) -> str:
        """Sidecar of such a table, without the columns the table has no more."""
        content = _load(text, where)
        if table is not None:
            dropped = self._dropped(*table_cells(table, where), text, where)
            content = {key: value for key, value in content.items() if key not in dropped}
        return _dump(self._value(content, None))

    def _dropped(
        self, header: list[str], rows: list[list[str]], sidecar: str | None, where: str
    ) -> set[str]:
        """Columns of free text, unless they stay."""
        identity = [name for name in header if _IDENTITY.search(name)]
        if identity:
            raise TwoalikeError(
                f"{where}: column {identity[0]!r} may tell who somebody is. Take it out of the "
                "data, or rename it if it does not."
            )
        name = re.split(r"[._]", where.rpartition("/")[2])[0]
        if self.with_free_text or name == "consent":
            return set()
        about = _load(sidecar, where) if sidecar else {}
        closed = _is_closed if name == "participants" else _is_number
        return {
            column
            for place, column in enumerate(header)
            if column not in {"participant_id", "session_id"}
            and not _has_levels(about.get(column))
            and (_REMARK.search(column) or not all(closed(row[place]) for row in rows))
        }


def _has_levels(entry: Any) -> bool:
    """Whether a sidecar's entry lists the values that a column may take."""
    return isinstance(entry, dict) and bool(entry.get("Levels"))


def _is_number(cell: str) -> bool:
    """Whether a cell holds no words: a column of answers that are words needs Levels to stay."""
    return cell == MISSING or _NUMBER.fullmatch(cell) is not None


def _is_closed(cell: str) -> bool:
    """Whether a cell holds one word at most, as the lab's own entries do (sex, handedness)."""
    return _TOKEN.fullmatch(cell) is not None or cell == MISSING


def add_generator(description: str, toolkit_version: str) -> str:
    """Add to the description of a data set how the copy was made."""
    content = json.loads(description)
    made = {
        "Name": "twoalike share",
        "Version": toolkit_version,
        "Description": "Copy for publication: new codes, no dates, no seeds.",
    }
    before = content.get("GeneratedBy")
    content["GeneratedBy"] = [*(before if isinstance(before, list) else []), made]
    return _dump(content)


def _says_no_more(value: Any) -> bool:
    """Whether a detail of the log is a number, a flag or one short word."""
    return not isinstance(value, dict | list) and (
        not isinstance(value, str) or _TOKEN.fullmatch(value) is not None
    )


def _capped(cell: str) -> str:
    try:
        value = float(cell)
    except ValueError:
        return cell
    return str(OLDEST_AGE) if value > OLDEST_AGE else cell


def table_cells(text: str, where: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table of participants, as :func:`split_table` gives them.

    Raises
    ------
    TwoalikeError
        As there, and if it has no column ``participant_id``.
    """
    header, rows = split_table(text, where)
    if "participant_id" not in header:
        raise TwoalikeError(f"{where}: expected a column participant_id, found {header}.")
    return header, rows


def _load(text: str, where: str) -> dict[str, Any]:
    return parse_json_table(text, where, "Restore the file.")


def _dump(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
