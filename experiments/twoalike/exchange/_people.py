"""New codes and moved dates: what stands in for a participant in a published copy.

Both are drawn afresh and kept nowhere. Were they computed from the old code and a seed, anybody
could try all old codes until one gives the new code, even without knowing how the seed came
about if it is a small number; so there is nothing to repeat the drawing with.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from twoalike.exchange._private import FIRST_YEAR
from twoalike.study import MISSING

_MARKS = "bcdfghjkmnpqrstvwxz23456789"
"""No vowels, so that no words arise, and no marks that look alike."""
_LENGTH = 8
_DATE = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)(?!\d)")
_TIME = re.compile(_DATE.pattern + r"(?:[T ]\d\d:?\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True)
class Person:
    """A participant in the copy.

    Attributes
    ----------
    code
        The new code.
    days
        How far dates are moved back; None: dates and times are left out.
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
    """Draw a new code and a shift of dates for every participant.

    Parameters
    ----------
    days
        Days named in a participant's files, by old code.
    rng
        Seeded by the operating system, not by a number that somebody could guess.
    keep_times
        Whether dates are moved (the last one to a day of 1905 to 1924) or left out.

    Returns
    -------
    Person by old code; nothing about them depends on the old codes.
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
