"""The operator's view of an online study: people, progress, speed, payments, the archive."""

import csv
import io
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select

from twoalike.online._built import BuiltStudy
from twoalike.online._checks import CheckCounts, Counted
from twoalike.online._ids import Key
from twoalike.online._places import ACCEPTING, count_people, erased_codes
from twoalike.online._session import ArrangementsStep
from twoalike.online._store import IDS, LINKS, SESSIONS, archive, fact
from twoalike.study import inert_cell

_MOST_PREPARED = 10
"""Participants whose checks are prepared for one look at the state; the page looks again soon."""
_RANGE, _FEWEST = 15, 5
"""Minutes of the shortest range in the list of payments, and people who share one at least."""
_CHUNK = 200
"""Lines of the archive that are sent together."""


def operator_state(
    connection: Connection, built: BuiltStudy, checks: CheckCounts
) -> dict[str, Any]:
    """Return what the operator's page shows; no ids. Times are s since 1970, by the server."""
    visit = built.session.session
    query = select(SESSIONS).where(SESSIONS.c.visit == visit).order_by(SESSIONS.c.entered.desc())
    rows = connection.execute(query).mappings().all()
    held = {row["held"] for row in rows}
    counts = checks.of(connection, rows, _MOST_PREPARED)
    links = connection.scalars(select(LINKS.c.session)).all()
    return {
        "study": built.session.study,
        "now": time.time(),
        "accepting": fact(connection, ACCEPTING) != "no",
        "most": built.study.config.online.most or None,
        "codes": len(built.session.participants),
        "free": sum(who not in held for who in built.session.participants)
        - len(erased_codes(connection)),
        "people": count_people(connection, visit),
        "links": len(links),
        "links_used": sum(session is not None for session in links),
        "sessions": [_session(dict(row), built, counts[row["name"]]) for row in rows],
    }


def _session(row: dict[str, Any], built: BuiltStudy, counted: Counted | None) -> dict[str, Any]:
    """State of a session: participant, times, trials done and listed, checks, fast answers."""
    names = ("name", "participant", "entered", "last", "ended", "ended_at", "trials", "fast")
    listed, parts = _listed_trials(built, row["participant"])
    return {
        **{name: row[name] for name in names},
        "returned": row["held"] is None,
        "checks": None if counted is None else counted.checks,  # None: not counted yet
        "right": None if counted is None else counted.right,
        "part": row["part"] + 1,
        "parts": parts,
        "listed": listed,  # None: the number of trials depends on the answers
    }


@lru_cache(maxsize=10_000)
def _listed_trials(built: BuiltStudy, participant: str) -> tuple[int | None, int]:
    if participant not in built.session.participants:  # an earlier build had this code
        return None, 0
    parts = built.person(participant).parts
    open_ended = any(isinstance(s, ArrangementsStep) for part in parts for s in part.steps)
    return None if open_ended else sum(map(built.n_trials, parts)), len(parts)


_PAYMENT = ("status", "minutes")


def payments(connection: Connection, key: Key) -> str:
    """Return the people to be paid as CSV: ids, how their session ended, a range of minutes.

    What it shows of a session is also seen in the raw data. So it shows little: rows are in the
    order of the ids, and at least five people with the same end share a range of minutes.
    Sessions without ids are left out, and parts of an address with the name of another column.
    """
    query = select(SESSIONS, IDS.c.closed).join(IDS, IDS.c.session == SESSIONS.c.name)
    minutes: dict[str, dict[str, float]] = defaultdict(dict)
    people: list[tuple[dict[str, str], str, str]] = []
    for row in connection.execute(query).mappings():
        status = row["ended"] or "under way"
        minutes[status][row["name"]] = ((row["ended_at"] or row["last"]) - row["entered"]) / 60
        people.append((key.open(row["closed"]), status, row["name"]))
    people.sort(key=lambda one: sorted(one[0].items()))
    ranges = {status: _shared_ranges(found) for status, found in minutes.items()}
    names = sorted({name for ids, _, _ in people for name in ids if name.lower() not in _PAYMENT})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([inert_cell(name) for name in [*names, *_PAYMENT]])
    for ids, status, session in people:
        cells = [*(ids.get(name, "") for name in names), status, ranges[status][session]]
        table.writerow([inert_cell(cell) for cell in cells])
    return text.getvalue()


def _shared_ranges(minutes: Mapping[str, float]) -> dict[str, str]:
    """Range of minutes by session, such as ``15-30``; empty if fewer than five share any."""
    quarters: dict[int, list[str]] = defaultdict(list)
    for session, length in minutes.items():
        quarters[int(length // _RANGE)].append(session)
    ranges = dict.fromkeys(minutes, "")
    waiting: list[str] = []
    first, left = 0, len(minutes)
    for quarter, sessions in sorted(quarters.items()):
        first = first if waiting else quarter
        waiting += sessions
        left -= len(sessions)
        if len(waiting) >= _FEWEST and (left >= _FEWEST or not left):
            ranges |= dict.fromkeys(waiting, f"{_RANGE * first}-{_RANGE * (quarter + 1)}")
            waiting = []
    return ranges


def archive_chunks(connection: Connection) -> Iterator[str]:
    """Yield the archive in pieces of some hundred lines."""
    lines: list[str] = []
    for line in archive(connection):
        lines.append(line)
        if len(lines) == _CHUNK:
            yield "\n".join(lines) + "\n"
            lines.clear()
    yield "".join(f"{line}\n" for line in lines)
