"""Sessions on the server: who has which code, how sessions end, and what the operator sees of them.

Each function that writes runs within a transaction of the store's writer, so that two people never
get the same code, however many server processes there are.
"""

import csv
import io
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from twoalike.online._ids import Key, hashed, withdrawal_as_typed
from twoalike.online._records import (
    NEW,
    ArrangementStep,
    BlockStep,
    PartShape,
    Reason,
    Refusal,
    TrialStep,
)
from twoalike.online._site import OnlineStudy, has_data
from twoalike.online._store import FACTS, LINES, LINKS, SESSIONS, fact, lost, over, set_fact
from twoalike.registry import find_task
from twoalike.study import OnlineConfig, inert_cell

_WITHDRAWN = ""
"""In place of the session of a link whose session was withdrawn or erased."""
ACCEPTING = "accepting"
"""Fact that is ``no`` while nobody new may take part."""
_CLOCK = "clock"
"""Fact that holds the time of the last look at the clock, s since 1970."""
LOOK_S = 60.0
"""How often a server looks at the clock, by a clock that is never set."""
type Token = tuple[str, str]
"""Session and participant of a browser's token."""


def enter(
    connection: sa.Connection,
    built: OnlineStudy,
    key: Key,
    external: Mapping[str, str],
    link: str | None = None,
    token: Token | None = None,
    page: str | None = None,
) -> sa.RowMapping:
    """Return the session of whoever enters: their own, which may be over, or a new one.

    A link counts first, then an id (in ``external``, the parts of the address), then the token:
    several people may use one browser. ``page`` is the hash of the page in the language they chose.
    """
    config, visit = built.study.config.online, built.session.session
    identity = external.get(config.id_parameter, "")
    person = key.mark("person", f"{config.id_parameter}={identity}") if identity else None
    link = None if link is None else key.mark("link", link)
    if (earlier := _earlier(connection, person, link, token, visit)) is not None:
        if earlier["ended"] == "expired":
            raise over("expired")
        if earlier["ended"] is None and earlier["protocol"] not in built.pages:
            raise Refusal("changed", "the study was built anew since the session began")
        return earlier
    if config.entry in ("link", "id") and {"link": link, "id": person}[config.entry] is None:
        raise Refusal("unknown", f"entered without {config.entry}")
    name, participant = _restored(connection, token, built, key) or (
        secrets.token_hex(8),
        _free_code(connection, person, built, key),
    )
    now = time.time()
    row = {"name": name, "visit": visit, "participant": participant, "held": participant}
    chosen = page if page in built.pages else built.session.hash
    row |= {"protocol": chosen, "entered": now, "last": now, "person": person}
    row |= {"ids": key.close(external) if external else None}
    row |= {"withdrawal": hashed(key.withdrawal(name))}
    connection.execute(sa.insert(SESSIONS).values(row))
    if link is not None:
        connection.execute(sa.update(LINKS).where(LINKS.c.link == link).values(session=name))
    return find_session(connection, name)


def find_session(connection: sa.Connection, name: str) -> sa.RowMapping:
    """Return a session."""
    query = sa.select(SESSIONS).where(SESSIONS.c.name == name)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise lost()
    return row


def _restored(
    connection: sa.Connection, token: Token | None, built: OnlineStudy, key: Key
) -> Token | None:
    """Session and code of a valid token that the store does not know, if the code is still free.

    The store was restored from a backup made before the session began. Its page sends all records
    again, so that it is not a new session, and neither ``most`` nor a stop of the entry applies.
    """
    if token is None or token[1] not in built.session.participants:
        return None
    if key.erased(token[1]) in _erased_codes(connection):
        raise Refusal("unknown", "a session of a person who was erased")
    here = (SESSIONS.c.visit == built.session.session) & (SESSIONS.c.held == token[1])
    taken = sa.select(SESSIONS.c.name).where(sa.or_(SESSIONS.c.name == token[0], here))
    return None if connection.execute(taken).first() else token


def _earlier(
    connection: sa.Connection, person: str | None, link: str | None, token: Token | None, visit: int
) -> sa.RowMapping | None:
    ended = sa.func.coalesce(SESSIONS.c.ended, "")
    query = sa.select(SESSIONS).where(sa.or_(ended != "expired", SESSIONS.c.held.is_not(None)))
    if link is not None:
        known = connection.execute(sa.select(LINKS.c.session).where(LINKS.c.link == link)).first()
        if known is None:
            raise Refusal("unknown", "no such link")
        if known.session == _WITHDRAWN:
            raise Refusal("used", "a link whose session was withdrawn")
        query = query.where(SESSIONS.c.name == known.session)
    elif person is not None:
        query = query.where(SESSIONS.c.person == person, SESSIONS.c.visit == visit)
    elif token is not None:
        query = query.where(SESSIONS.c.name == token[0], SESSIONS.c.visit == visit)
        query = query.where(ended != "withdrawn")
    else:
        return None
    return connection.execute(query.order_by(SESSIONS.c.entered.desc())).mappings().first()


def _held(connection: sa.Connection, visit: int) -> dict[str, str | None]:
    """How the session of each code that somebody has has ended; None: not yet."""
    query = sa.select(SESSIONS.c.held, SESSIONS.c.ended)
    found = connection.execute(query.where(SESSIONS.c.visit == visit, SESSIONS.c.held.is_not(None)))
    return {row.held: row.ended for row in found}


def _free_code(connection: sa.Connection, person: str | None, built: OnlineStudy, key: Key) -> str:
    """Code for someone new: in the group with the fewest people, the first in the order built.

    In later sessions of the study it is the one that the person had before.
    """
    most, visit = built.study.config.online.most, built.session.session
    if fact(connection, ACCEPTING) == "no":
        raise Refusal("stopped", "nobody new may take part")
    taken = _held(connection, visit)
    here = [who for who, ended in taken.items() if ended in (None, "completed")]
    if most and len(here) >= most:
        raise Refusal("full", "as many people as may take part")
    if visit > 1:
        known = sa.select(SESSIONS.c.participant).where(
            SESSIONS.c.person == person, SESSIONS.c.ended == "completed"
        )
        code: str | None = None if person is None else connection.scalar(known)
        if code is None or code not in built.session.participants:
            raise Refusal("unknown", "nobody who completed an earlier session")
        if code in taken:
            raise Refusal("used", "the code has this session already")
        return code
    groups, erased = built.groups, _erased_codes(connection)
    free = [who for who in built.session.participants if who not in taken]
    free = [who for who in free if not erased or key.erased(who) not in erased]
    sizes = Counter(groups[who] for who in here if who in groups)
    for who in sorted(free, key=lambda one: sizes[groups[one]]):
        if not has_data(built.study, who, visit):  # else it was fetched, and a backup restored
            return who
    raise Refusal("full", "no code is free")


def _erased_codes(connection: sa.Connection) -> set[str]:
    """Facts by which the codes of erased people are recognised; they are not given out again."""
    return set(connection.scalars(sa.select(FACTS.c.name).where(FACTS.c.name.like("erased %"))))


def expire(connection: sa.Connection, config: OnlineConfig) -> None:
    """End sessions that were not continued in time; codes without a stored trial become free.

    What is no time of service is left out for all sessions. A server looks every ``LOOK_S``. If
    more has passed since the last look, no server ran, the store is a backup, or the clock was set
    forward: nobody could use that time to come back. If sessions are ahead of the clock, it was set
    back: they begin to wait now.
    """
    now, last = time.time(), SESSIONS.c.last
    before = float(fact(connection, _CLOCK) or now)
    open_ = sa.update(SESSIONS).where(SESSIONS.c.ended.is_(None))
    if now - before > 2 * LOOK_S:
        waiting = open_.where(last <= before + LOOK_S)
        connection.execute(waiting.values(last=last + (now - before)))
    connection.execute(open_.where(last > now).values(last=now))
    set_fact(connection, _CLOCK, repr(now))
    _end_abandoned(connection, last < now - 3600 * config.return_hours)


def _end_abandoned(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    which, end = SESSIONS.c.ended.is_(None) & which, {"ended": "expired", "ended_at": time.time()}
    empty = sa.update(SESSIONS).where(which, SESSIONS.c.trials == 0)
    connection.execute(empty.values(**end, held=None))
    connection.execute(sa.update(SESSIONS).where(which).values(end))


def free(connection: sa.Connection, session: str) -> None:
    """End a session as if its participant had not come back in time; one that is over stays so."""
    find_session(connection, session)
    _end_abandoned(connection, SESSIONS.c.name == session)


def finish(
    connection: sa.Connection, session: str, reason: Reason, config: OnlineConfig
) -> dict[str, str | None]:
    """End a session; returns its :func:`outcome`."""
    row = find_session(connection, session)
    if row["ended"] not in (None, reason):
        raise over(row["ended"])
    if reason == "completed" and not row["done"]:
        raise Refusal("malformed", "completed before its last record")
    if row["ended"] is None:
        held = row["held"] if row["trials"] else None
        change = sa.update(SESSIONS).where(SESSIONS.c.name == session)
        connection.execute(change.values(ended=reason, ended_at=time.time(), held=held))
    return outcome(reason, config)


def outcome(reason: str, config: OnlineConfig) -> dict[str, str | None]:
    """Return the code for the payment, and where the page leads; None: no code, nowhere."""
    names = {"completed": "completion_code"}
    code: str = getattr(config, names.get(reason, f"{reason}_code"))
    leads = code or reason == "completed"
    url = config.completion_url.replace("{code}", code) if leads else ""
    return {"code": code or None, "url": url or None}


def withdraw(connection: sa.Connection, code: str) -> str:
    """Delete what is stored of a session; returns its name.

    The store keeps the fact of the withdrawal and the participant's code, by which answers that
    were fetched before can be found.
    """
    query = sa.select(SESSIONS).where(SESSIONS.c.withdrawal == hashed(withdrawal_as_typed(code)))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise Refusal("unknown", "no such code for withdrawal")
    if row["ended"] != "withdrawn":
        _delete_records(connection, [row["name"]])
        values = {**NEW, "ended": "withdrawn", "ended_at": time.time(), "last": row["entered"]}
        values |= {"person": None, "ids": None, "held": row["held"] if row["trials"] else None}
        connection.execute(sa.update(SESSIONS).where(SESSIONS.c.name == row["name"]).values(values))
    return str(row["name"])


def _delete_records(connection: sa.Connection, sessions: list[str]) -> None:
    """Delete what is stored of sessions except their rows; their links stay used."""
    connection.execute(sa.delete(LINES).where(LINES.c.session.in_(sessions)))
    used = sa.update(LINKS).where(LINKS.c.session.in_(sessions))
    connection.execute(used.values(session=_WITHDRAWN))


def sessions_of(connection: sa.Connection, code: str, known: Collection[str]) -> list[str]:
    """Sessions of whoever has a code, under other codes as well; ``known`` are some of them."""
    query = sa.select(SESSIONS.c.name, SESSIONS.c.person)
    own = connection.execute(
        query.where(sa.or_(SESSIONS.c.held == code, SESSIONS.c.name.in_(known)))
    ).all()
    if not own:  # the code went back to the pool
        own = connection.execute(query.where(SESSIONS.c.participant == code)).all()
    people = {row.person for row in own if row.person is not None}
    others = connection.scalars(sa.select(SESSIONS.c.name).where(SESSIONS.c.person.in_(people)))
    return sorted({*(row.name for row in own), *others})


def erase_sessions(
    connection: sa.Connection, code: str, known: Collection[str], key: Key | None
) -> None:
    """Delete the sessions of whoever has a code; with a key, the code is not given out again."""
    names = sessions_of(connection, code, known)
    _delete_records(connection, names)
    connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.name.in_(names)))
    if key is not None:
        set_fact(connection, key.erased(code), "yes")


def add_links(connection: sa.Connection, links: list[str], key: Key) -> None:
    """Store the codes of one-time links, in an order that does not follow that of the links."""
    marks = sorted(key.mark("link", link) for link in links)
    connection.execute(sa.insert(LINKS), [{"link": one} for one in marks])


def resume_point(row: Mapping[str, Any], parts: tuple[PartShape, ...]) -> dict[str, Any] | None:
    """Where a session goes on: part, step and time; None for a new one."""
    if row["n"] == 0:
        return None
    part, step = row["part"], row["step"]
    if row["part_end"]:
        return {"part": part + 1, "step": 0, "time": 0.0}
    is_over = parts[part].steps[step].about is None or row["answered"]
    return {"part": part, "step": step + bool(is_over), "time": row["clock"]}


_SHOWN = ("name", "participant", "entered", "last", "ended", "ended_at")
_COUNTS = ("trials", "fast", "checks", "right")


def operator_state(connection: sa.Connection, built: OnlineStudy) -> dict[str, Any]:
    """Return what the operator's page shows; no ids. Times are s since 1970, by the server."""
    visit, codes = built.session.session, built.session.participants
    query = sa.select(SESSIONS).where(SESSIONS.c.visit == visit).order_by(SESSIONS.c.entered.desc())
    held = _held(connection, visit)
    links = connection.scalars(sa.select(LINKS.c.session)).all()
    sessions = []
    for row in connection.execute(query).mappings():
        shown = {name: row[name] for name in (*_SHOWN, *_COUNTS)}
        listed, parts = _listed_trials(built, row["participant"])
        shown["rule"] = built.study.config.exclusion.of_items(row["wrong"])
        place = {"part": row["part"] + 1, "parts": parts, "listed": listed}
        sessions.append({**shown, "returned": row["held"] is None, **place})
    return {
        "study": built.session.study,
        "now": time.time(),
        "accepting": fact(connection, ACCEPTING) != "no",
        "most": built.study.config.online.most or None,
        "codes": len(codes),
        "free": sum(who not in held for who in codes) - len(_erased_codes(connection)),
        "people": sum(ended in (None, "completed") for ended in held.values()),
        "links": len(links),
        "links_used": sum(session is not None for session in links),
        "sessions": sessions,
    }


@lru_cache(maxsize=10_000)
def _listed_trials(built: OnlineStudy, participant: str) -> tuple[int | None, int]:
    if participant not in built.session.participants:  # an earlier build had this code
        return None, 0
    parts, listed = built.person(participant).parts, 0
    for part in parts:
        blocks = [step for step in part.steps if isinstance(step, BlockStep)]
        if blocks and blocks[0].task == "multi-arrangement":
            return None, len(parts)
        trials = sum(isinstance(step, TrialStep | ArrangementStep) for step in part.steps)
        lists = find_task(part.task).lists
        listed += lists.settings(built.study).n_listed if blocks else trials
    return listed, len(parts)


_PAYMENT = ("status", "minutes")
_RANGE, _FEWEST = 15, 5
"""Minutes of the shortest range in the list of payments, and people who share one at least."""


def payments(connection: sa.Connection, key: Key) -> str:
    """Return the people to be paid as CSV: ids, how their session ended, a range of minutes.

    What it shows of a session is also seen in the raw data. So it shows little: rows are in the
    order of the ids, and at least five people with the same end share a range of minutes.
    Sessions without ids are left out, and parts of an address with the name of another column.
    """
    minutes: dict[str, dict[str, float]] = defaultdict(dict)
    people: list[tuple[dict[str, str], str, str]] = []
    query = sa.select(SESSIONS).where(SESSIONS.c.ids.is_not(None))
    for row in connection.execute(query).mappings():
        status = row["ended"] or "under way"
        minutes[status][row["name"]] = ((row["ended_at"] or row["last"]) - row["entered"]) / 60
        people.append((key.open(row["ids"]), status, row["name"]))
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
