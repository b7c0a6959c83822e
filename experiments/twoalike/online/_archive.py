"""Archives of records: the lines of JSON that servers and hosts export, read session by session.

A line describes a session (code, protocol, how it ended) or is one of its blocks or records. Lines
may come in any order and more than once, as a page without an answer sends a record again. They
are parsed when their session is processed, so that thousands of sessions fit into memory.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from twoalike.online._blocks import Block
from twoalike.online._records import Name, Record, Sent, Sha256
from twoalike.study import TwoalikeError, counted, shortened, visible

type Ended = Literal["completed", "declined", "screened_out", "expired", "withdrawn"]
_KEY = re.compile(
    rb'\s*\{\s*(?:"kind"\s*:\s*"(?P<kind>\w+)"\s*,\s*)?"session"\s*:\s*"(?P<key>[^"\\]+)"'
)
_SHOWN = 60
"""Characters of a line that a message shows."""


def _in_utc(text: str) -> str:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="seconds")


class SessionLine(Sent):
    """Description of a session in an archive."""

    kind: Literal["session"] = "session"
    session: Name
    participant: Name | None
    """None: the code was returned, and may belong to another session."""
    protocol: Sha256
    entered: Annotated[str, Field(max_length=40), AfterValidator(_in_utc)] | None = None
    """ISO time of the entry; becomes one in UTC."""
    ended: Ended | None = None
    """None: not over."""


@dataclass(frozen=True)
class ReadSession:
    """A session of an archive, read and in order."""

    head: SessionLine
    records: tuple[Record, ...]
    """Numbered from 1 without gaps."""
    blocks: tuple[Block, ...] = ()
    """Trials that a server chose, of an adaptive session, in order."""

    @property
    def sha256(self) -> str:
        """Hash of the records, the same whatever their source."""
        digest = hashlib.sha256()
        for record in self.records:
            digest.update(record.model_dump_json().encode())
        return digest.hexdigest()

    def first(self, n: int) -> "ReadSession":
        """Return the session with its first ``n`` records only."""
        return ReadSession(self.head, self.records[:n], self.blocks)


@dataclass
class ArchivedSession:
    """The lines of one session."""

    session: str
    lines: list[bytes] = field(default_factory=list)

    def head(self) -> SessionLine:
        """Read what the archive says of the session as a whole."""
        heads = [line for line in self.lines if _kind(line) == "session"]
        return self._merged([self._valid(SessionLine, line) for line in heads])

    @property
    def has_records(self) -> bool:
        """Whether there is any line but those that describe it, and blocks."""
        return any(_kind(line) not in ("session", "block") for line in self.lines)

    def read(self) -> ReadSession:
        """Read the lines, and check that nothing is missing, damaged or sent in two versions."""
        head, records, blocks = self.head(), dict[int, Record](), dict[tuple[int, int], Block]()
        for line in self.lines:
            kind = _kind(line)
            if kind == "block":
                block = self._valid(Block, line)
                if blocks.setdefault((block.part, block.block), block) != block:
                    raise self.fault(f"block {block.block} was chosen twice")
            elif kind != "session":
                record = self._valid(Record, line)
                if records.setdefault(record.n, record) != record:
                    raise self.fault(f"record {record.n} was sent in two versions")
        numbers = sorted(records)
        if numbers != list(range(1, len(numbers) + 1)):
            missing = sorted(set(range(1, numbers[-1])) - set(numbers))
            raise self.fault(
                f"{counted(len(missing), 'record')} missing, the first is {missing[0]}"
            )
        for record in records.values():
            if record.session != self.session:
                raise self.fault(f"record {record.n} names the session {record.session}")
            if record.protocol != head.protocol:
                raise self.fault(f"record {record.n} is of another protocol than the session")
        chosen = tuple(blocks[key] for key in sorted(blocks))
        return ReadSession(head, tuple(records[n] for n in numbers), chosen)

    def fault(self, problem: str) -> TwoalikeError:
        """Make an error that names the session."""
        return TwoalikeError(problem, where=f"session {self.session}")

    def _valid[T: Sent](self, model: type[T], line: bytes) -> T:
        try:
            return model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the line"
            raise self.fault(
                f"{place}: {first['msg']} ({visible(shortened(_text(line), _SHOWN))})"
            ) from error

    def _merged(self, heads: list[SessionLine]) -> SessionLine:
        """Merge the lines about the session; later ones fill in what earlier ones left open."""
        if not heads:
            raise self.fault("the archive has records of it, but no line that describes it")
        merged = heads[0]
        for head in heads[1:]:
            given = head.model_dump(exclude_none=True)
            both = merged.model_copy(update=given)
            if (both.participant, both.protocol) != (merged.participant, merged.protocol):
                raise self.fault("two lines describe it differently")
            merged = both.model_copy(update={"entered": merged.entered or head.entered})
        return merged


@dataclass(frozen=True)
class Archive:
    """Sessions of an archive in order of appearance, and lines that belong to none."""

    sessions: tuple[ArchivedSession, ...]
    problems: tuple[str, ...]


def read_archive(lines: Iterable[str | bytes]) -> Archive:
    """Sort the lines of an archive by session.

    Examples
    --------
    >>> line = {"kind": "session", "session": "s1", "participant": "001", "protocol": "0" * 64}
    >>> archive = read_archive([json.dumps(line), "{"])
    >>> archive.sessions[0].read().head.participant, archive.problems
    ('001', ('line 2: no JSON of a record: {',))
    """
    sessions: dict[str, ArchivedSession] = {}
    problems = []
    for number, given in enumerate(lines, start=1):
        line = given.encode() if isinstance(given, str) else given
        if not line.strip():
            continue
        key = _session_of(line)
        if key is None:
            shown = visible(shortened(_text(line), _SHOWN))
            problems.append(f"line {number}: no JSON of a record: {shown}")
            continue
        sessions.setdefault(key, ArchivedSession(key)).lines.append(line)
    return Archive(tuple(sessions.values()), tuple(problems))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()


def _parsed(line: bytes) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _session_of(line: bytes) -> str | None:
    """Session that a line names; None if it names none."""
    if match := _KEY.match(line):
        return match["key"].decode("utf-8", "replace")
    found = _parsed(line).get("session")
    return found if isinstance(found, str) else None


def _kind(line: bytes) -> str:
    """``session``, ``block``, or empty for a record."""
    if match := _KEY.match(line):
        return (match["kind"] or b"").decode()
    return str(_parsed(line).get("kind", ""))
