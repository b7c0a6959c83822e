"""The store of an online study: a journal of lines for each session, and the one writer.

One thread writes. It collects what arrives while the last transaction is being synced, writes it in
one transaction, and answers afterwards (group commit): an acknowledged record is on the disk, and a
hundred participants cost little more than one. SQLite in WAL mode with ``synchronous=FULL``
is the default; several server processes of one machine may share its file. PostgreSQL, given by
a connection string, serves several machines.

Records of a session are stored without gaps. One that comes before its predecessor is not
acknowledged, and the page sends it again. Whatever failed, a stored session is therefore always the
beginning of a session, up to its last record. A store that was restored from a backup may lack the
last records of a session, or the session: the answer to each request says what is stored, and the
page, which keeps its records until the session is over, sends the rest again.
"""

import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from twoalike.online._records import MOST_BYTES, NEW, PartShape, Record, Refusal, following
from twoalike.study import TwoalikeError, shortened

_LOG = logging.getLogger("twoalike.online")
_PATIENCE_S = 30
"""How long a transaction waits for another process that writes to the same SQLite file."""
_RETRY_S = 0.5
"""How long after a reader kept deleted text in an SQLite file its removal is tried again."""
_MOST_TOGETHER = 500
"""Requests that are written in one transaction."""
_LOCK = 7_201_522
"""Number of the lock that writers to one PostgreSQL database take in turns."""

METADATA = sa.MetaData()
_TYPES = {int: sa.Integer, float: sa.Float, str: sa.Text}
SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("visit", sa.Integer, nullable=False),  # number of the participant's session
    sa.Column("participant", sa.Text, nullable=False),
    sa.Column("held", sa.Text),  # the participant's code, NULL once it went back to the pool
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("entered", sa.Float, nullable=False),  # s since 1970
    sa.Column("last", sa.Float, nullable=False),  # when it was last heard of
    sa.Column("ended", sa.Text),
    sa.Column("ended_at", sa.Float),
    sa.Column("person", sa.Text, index=True),  # recognises an id, and does not reveal it
    sa.Column("ids", sa.Text),  # encrypted under the key
    sa.Column("withdrawal", sa.Text, nullable=False, unique=True),  # hash of the code
    # State after the last record:
    *(sa.Column(name, _TYPES[type(new)], nullable=False, default=new) for name, new in NEW.items()),
    sa.UniqueConstraint("visit", "held"),
)
LINES = sa.Table(
    "records",
    METADATA,
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # block, as it was chosen and shown, or record
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),  # of blocks within the part, of records overall
    sa.Column("body", sa.Text, nullable=False),
)
LINKS = sa.Table(
    "links",
    METADATA,
    sa.Column("link", sa.Text, primary_key=True),  # recognises a link under the key
    sa.Column("session", sa.Text),
    sqlite_with_rowid=False,  # else in the order in which they were made
)
FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


type Job = Callable[[sa.Connection], Any]
"""Writes and returns the answer; raises :class:`Refusal` to write nothing."""
type _Task = tuple[Job, Future[Any]]


class Store:
    """Open store of one study, with the thread that writes to it.

    ``url`` is a connection string of SQLAlchemy, or the path of an SQLite file, which is made.
    """

    def __init__(self, url: str | Path | URL) -> None:
        self.url = url if isinstance(url, URL) else store_url(url)
        self._writer = _engine(self.url, writes=True)
        self._reader = _engine(self.url, writes=False)
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._has_traces = True  # a process may have been killed before it removed them
        self._retry_at = 0.0
        try:
            with self._writing() as connection:
                METADATA.create_all(connection)
        except SQLAlchemyError as error:
            raise _unreachable(self.url, error) from error
        self._thread = threading.Thread(target=self._write, name="twoalike-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[Any]:
        """Hand a job to the writer; the answer comes when it is on the disk."""
        future: Future[Any] = Future()
        self._queue.put((job, future))
        return future

    def write(self, job: Job) -> Any:
        """Let the writer do a job, and wait for its answer."""
        return self.submit(job).result()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a connection that reads one state of the store, whatever is written meanwhile."""
        with self._reader.connect() as connection:
            yield connection

    def forget(self) -> bool:
        """Remove deleted records from the file of the last transactions as well (SQLite).

        A reader that began before they were deleted still needs that file. Then this returns False,
        and it is tried again between later transactions, so that nobody waits.
        """
        if self._truncated():
            return True
        self._has_traces = True
        self.submit(lambda _: None)  # wakes the writer
        return False

    def _truncated(self) -> bool:
        if self.url.get_backend_name() != "sqlite":
            return True
        with closing(sqlite3.connect(str(self.url.database), timeout=0)) as connection:
            try:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:  # locked
                return False
        return not busy

    def close(self) -> None:
        """Write what is waiting, then close."""
        self._queue.put(None)
        self._thread.join()
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection

    def _next(self) -> _Task | None:
        """Wait for the next task, and meanwhile for the readers of deleted records to leave."""
        while self._has_traces:
            if time.monotonic() >= self._retry_at:
                self._retry_at = time.monotonic() + _RETRY_S
                self._has_traces = False
                self._has_traces = not self._truncated() or self._has_traces
            with suppress(queue.Empty):
                return self._queue.get(timeout=_RETRY_S)
        return self._queue.get()

    def _write(self) -> None:
        while (first := self._next()) is not None:
            group: list[_Task | None] = [first]
            while len(group) < _MOST_TOGETHER and group[-1] and not self._queue.empty():
                group.append(self._queue.get())
            # Those who asked may have left meanwhile.
            wanted = [one for one in group if one and one[1].set_running_or_notify_cancel()]
            if wanted:
                self._commit(wanted)
            if group[-1] is None:
                return

    def _commit(self, group: Sequence[_Task]) -> None:
        answers: list[Any] = []
        try:
            with self._writing() as connection:
                for job, _ in group:
                    try:
                        with connection.begin_nested():
                            answers.append(job(connection))
                    except Refusal as refusal:
                        answers.append(refusal)
        except Exception as error:
            if len(group) > 1:  # whichever of them is at fault, the others are written
                for one in group:
                    self._commit([one])
                return
            _LOG.exception("the store could not be written")
            group[0][1].set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            give = future.set_exception if isinstance(answer, Refusal) else future.set_result
            give(answer)


def append(
    connection: sa.Connection, session: str, records: Sequence[Record], parts: tuple[PartShape, ...]
) -> int:
    """Store records of a session, whose participant was given ``parts``; returns how many it has.

    The number of the last one that is stored is that of all, as there are no gaps.
    """
    row = (
        connection.execute(sa.select(SESSIONS).where(SESSIONS.c.name == session)).mappings().first()
    )
    if row is None:
        raise lost()
    own = (LINES.c.session == session) & (LINES.c.kind == "record")
    again = [one.n for one in records if one.n <= row["n"]]
    query = sa.select(LINES.c.n, LINES.c.body).where(own, LINES.c.n.in_(again))
    known = {one.n: one.body for one in connection.execute(query)} if again else {}
    state = dict(row)
    for record in sorted(records, key=lambda one: one.n):
        body = record.model_dump_json()  # canonical: compared if it comes again
        if len(body) > MOST_BYTES:
            raise Refusal("too_large", "record")
        if record.n <= row["n"] and known.get(record.n) != body:
            raise Refusal("changed", "a record that differs from the stored one")
        if record.n == state["n"] + 1:
            if row["ended"] is not None:
                raise over(row["ended"])
            state |= following(state, record, parts)
            write_line(connection, session, "record", record.part, record.n, body)
    if state["n"] > row["n"]:
        changed = {name: state[name] for name in NEW} | {"last": time.time()}
        connection.execute(sa.update(SESSIONS).where(SESSIONS.c.name == session).values(changed))
    return int(state["n"])


def write_line(
    connection: sa.Connection, session: str, kind: str, part: int, n: int, body: str
) -> None:
    """Add a line to the journal of a session."""
    values = {"session": session, "kind": kind, "part": part, "n": n, "body": body}
    connection.execute(sa.insert(LINES), values)


def stored(
    connection: sa.Connection, session: str, kind: str | None = None, part: int | None = None
) -> tuple[str, ...]:
    """Read lines of a session's journal: its blocks, then its records, each in their order."""
    query = sa.select(LINES.c.body).where(LINES.c.session == session)
    if kind is not None:
        query = query.where(LINES.c.kind == kind)
    if part is not None:
        query = query.where(LINES.c.part == part)
    return tuple(connection.scalars(query.order_by(LINES.c.kind, LINES.c.part, LINES.c.n)))


def lost() -> Refusal:
    """Refusal of a session that was entered and is not in the store: it may be entered again."""
    return Refusal("lost", "no such session")


def over(ended: str) -> Refusal:
    """Refusal of what comes after the end of a session; ``ended`` is how it ended."""
    error = {"expired": "expired", "withdrawn": "unknown"}.get(ended, "finished")
    return Refusal(error, f"session is {ended}")


def fact(connection: sa.Connection, name: str) -> str | None:
    """Read a fact about the study, such as whether people may enter."""
    return connection.scalar(sa.select(FACTS.c.value).where(FACTS.c.name == name))


def set_fact(connection: sa.Connection, name: str, value: str) -> None:
    """Write a fact about the study."""
    changed = connection.execute(sa.update(FACTS).where(FACTS.c.name == name).values(value=value))
    if not changed.rowcount:
        connection.execute(sa.insert(FACTS).values(name=name, value=value))


def store_url(store: str | Path) -> URL:
    """Return the connection string of a store; a path is that of an SQLite file."""
    if isinstance(store, Path) or "://" not in store:
        return URL.create("sqlite", database=str(store))
    try:
        url = make_url(store)
    except ArgumentError:
        url = URL.create("unknown")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise TwoalikeError(
            where="`store=...`",
            expected="a path, or postgresql+psycopg://USER@HOST/DATABASE",
            found=url.drivername,
        )
    return url


def existing_store(store: str | Path) -> URL:
    """Return the connection string of a store that is there."""
    url = store_url(store)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise TwoalikeError(where=url.database, expected="a store of records", found="none")
    return url


def _engine(url: URL, *, writes: bool) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        level = "READ COMMITTED" if writes else "REPEATABLE READ"
        return sa.create_engine(
            url, isolation_level=level, pool_pre_ping=True, hide_parameters=True
        )
    engine = sa.create_engine(url, connect_args={"timeout": _PATIENCE_S}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below
        for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {setting}").fetchall()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that reads and then writes has to hold the lock from its start.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _unreachable(url: URL, error: SQLAlchemyError) -> TwoalikeError:
    reason = shortened(getattr(error, "orig", None) or error)
    return TwoalikeError(
        f"the store cannot be opened ({reason})", where=url.render_as_string(hide_password=True)
    )


def archive(connection: sa.Connection) -> Iterator[str]:
    """Yield the archive of a store, line by line without line ends.

    A line ``{"kind": "session", ...}`` for each session, in the order in which they were entered,
    then its blocks, where trials were chosen meanwhile, and its records by number. A session whose
    code went back to the pool has no participant.
    """
    for session in connection.execute(sa.select(SESSIONS).order_by(SESSIONS.c.entered)).all():
        entered = datetime.fromtimestamp(session.entered, UTC)
        yield json.dumps(
            {
                "kind": "session",
                "session": session.name,
                "participant": session.participant if session.held is not None else None,
                "protocol": session.protocol,
                "entered": f"{entered:%Y-%m-%dT%H:%M:%SZ}",
                "ended": session.ended,
            }
        )
        yield from stored(connection, session.name)


def read_store(store: str | Path) -> Iterator[str]:
    """Yield the archive of a store line by line, also while a server writes to it.

    Parameters
    ----------
    store
        Connection string, or path of the SQLite file.
    """
    url = existing_store(store)
    engine = _engine(url, writes=False)
    try:
        with engine.connect() as connection:
            yield from archive(connection)
    except SQLAlchemyError as error:
        raise _unreachable(url, error) from error
    finally:
        engine.dispose()
