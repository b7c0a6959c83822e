"""Archives of records: the lines of JSON that servers and hosts export, read session by session.

A line describes a session (code, protocol, how it ended) or is one of its blocks or records. Lines
may come in any order and more than once, as a page without an answer sends a record again. They
are checked when their session is processed, so that thousands of sessions fit into memory.

Our own store speaks for all sessions. What a host stored was written by participants: a result
speaks for its own session only.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import IO, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationError

from twoalike.online._blocks import Block
from twoalike.online._hosts import study_uuid
from twoalike.online._records import Name, Reason, Record, Sent, Sha256
from twoalike.online._site import OnlineStudy, default_store
from twoalike.study import TwoalikeError, counted, shortened, visible

_OF_JATOS = re.compile(r"jatos-(\d+)-")
"""Name that a page in JATOS gives its session, with the number of the study result."""
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
    ended: Reason | Literal["expired", "withdrawn"] | None = None
    """None: not over."""


class ReadSession(NamedTuple):
    """A session of an archive: its head, its records from 1 without gaps, its blocks in order."""

    head: SessionLine
    records: tuple[Record, ...]
    blocks: tuple[Block, ...] = ()


def records_sha256(records: Iterable[Record]) -> str:
    """Hash of records, the same whatever their source."""
    return hashlib.sha256("".join(one.model_dump_json() for one in records).encode()).hexdigest()


class Origin(NamedTuple):
    """Where lines come from; ``ours`` is our own store or server, which no participant writes to.

    ``several`` may hold the results of several people: an archive, or an export as plain text.
    ``result`` is the number of a study result of JATOS, if that is known.
    """

    name: str = ""
    ours: bool = False
    several: bool = False
    result: str = ""


OURS = Origin("the store", ours=True)


@dataclass
class ArchivedSession:
    """The lines of one session."""

    session: str
    lines: list[tuple[str, bytes]] = field(default_factory=list)
    """``session``, ``block`` or empty for a record, and the line."""
    origins: set[Origin] = field(default_factory=set)

    def head(self) -> SessionLine:
        """Read what lines say of the session as a whole; later ones fill in what was left open."""
        merged: SessionLine | None = None
        for head in (self._valid(SessionLine, line) for line in self._of("session")):
            if merged is None:
                merged = head
                continue
            both = merged.model_copy(update=head.model_dump(exclude_none=True))
            ends = {merged.ended, head.ended} - {None, "withdrawn"}
            same = both.participant == merged.participant and both.protocol == merged.protocol
            if not same or len(ends) > 1:
                raise self.fault("two lines describe it differently")
            merged = both.model_copy(update={"entered": merged.entered or head.entered})
        if merged is None:
            raise self.fault("the archive has records of it, but no line that describes it")
        return merged

    @property
    def has_records(self) -> bool:
        """Whether there is any line but those that describe it, and blocks."""
        return any(kind not in ("session", "block") for kind, _ in self.lines)

    def read(self) -> ReadSession:
        """Read the lines, and check that nothing is missing, damaged or sent in two versions."""
        head, records, blocks = self.head(), dict[int, Record](), dict[tuple[int, int], Block]()
        for block in (self._valid(Block, line) for line in self._of("block")):
            if blocks.setdefault((block.part, block.block), block) != block:
                raise self.fault(f"block {block.block} was chosen twice")
        for kind, line in self.lines:
            if kind not in ("session", "block"):
                record = self._valid(Record, line)
                if records.setdefault(record.n, record) != record:
                    raise self.fault(f"record {record.n} was sent in two versions")
                if record.protocol != head.protocol:
                    raise self.fault(f"record {record.n} is of another protocol than the session")
        if missing := sorted({*range(1, max(records, default=0))} - records.keys()):
            many = counted(len(missing), "record")
            raise self.fault(f"{many} missing, the first is {missing[0]}")
        ordered = tuple(records[n] for n in sorted(records))
        return ReadSession(head, ordered, tuple(blocks[key] for key in sorted(blocks)))

    def fault(self, problem: str) -> TwoalikeError:
        """Make an error that names the session."""
        return TwoalikeError(problem, where=f"session {self.session}")

    def _of(self, kind: str) -> Iterator[bytes]:
        return (line for own, line in self.lines if own == kind)

    def _valid[T: Sent](self, model: type[T], line: bytes) -> T:
        try:
            return model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the line"
            raise self.fault(f"{place}: {first['msg']} ({_shown(line)})") from error


def read_archive(
    lines: Iterable[tuple[Origin, str | bytes]],
) -> tuple[list[ArchivedSession], list[str]]:
    """Sort the lines of an archive by session; returns also what is wrong with them, each once.

    A line counts if its origin may speak for the session. That one was withdrawn is believed our
    own store, and the one result that has all lines of it.
    """
    sessions: dict[str, ArchivedSession] = {}
    problems: dict[str, None] = {}
    firsts: dict[Origin, str] = {}
    withdrawn: list[tuple[Origin, str, bytes]] = []
    for number, (origin, given) in enumerate(lines, start=1):
        line = given.encode() if isinstance(given, str) else given
        if not line.strip():
            continue
        try:
            content = json.loads(line, object_pairs_hook=_object)
            session = content["session"]
            if not isinstance(session, str):
                raise TypeError("a name that is no text")
        except _TwiceError as error:
            problems[f"line {number}: {error} is given twice: {_shown(line)}"] = None
            continue
        except (ValueError, RecursionError, LookupError, TypeError):
            problems[f"line {number}: no JSON of a record: {_shown(line)}"] = None
            continue
        own = firsts.setdefault(origin, session)
        if origin.result and (named := _OF_JATOS.match(session)):
            own = session if named[1] == origin.result else ""
        if not (origin.ours or origin.several) and session != own:
            told = f"{origin.name}: names session {visible(session)}, which is not its own"
            problems[f"{told}; left out"] = None
            continue
        kind = str(content.get("kind", ""))
        if kind == "session" and content.get("ended") == "withdrawn" and not origin.ours:
            withdrawn.append((origin, session, line))
            continue
        archived = sessions.setdefault(session, ArchivedSession(session))
        archived.lines.append((kind, line))
        archived.origins.add(origin)
    for origin, session, line in withdrawn:
        archived = sessions.get(session, ArchivedSession(session))
        if archived.origins == {origin} and archived.has_records and not origin.several:
            archived.lines.append(("session", line))
            continue
        problems[
            f"session {visible(session)}: {origin.name} says that it was withdrawn, but only "
            "the server's store counts, or the result that has all of its records; left out"
        ] = None
    return list(sessions.values()), list(problems)


def _shown(line: bytes) -> str:
    return visible(shortened(line.decode("utf-8", "replace").strip(), _SHOWN))


class _TwiceError(ValueError):
    """A name that is given twice in an object of JSON."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(repr(name))
        found[name] = value
    return found


_TEXTS = (".ndjson", ".jsonl", ".json", ".txt")
_ZIPS = (".zip", ".jzip", ".jrzip")
_RUN = re.compile(r"(?:^|/)study_result_(\d+)/")
"""Folder with the results of one run of a study in JATOS."""
_PATIENCE_S = 60.0
_MOST_BYTES = 8 * 2**30
"""Largest content of a zip file."""
_LONGEST = 16 * 2**20
"""Longest line, bytes; a record has a sixteenth of it at most."""
_CHUNK = 2**20
type _Lines = Iterator[tuple[Origin, str | bytes]]


def source_lines(
    built: OnlineStudy, source: str | Path | None, *, token: str = "", jatos: bool = False
) -> _Lines:
    """Yield the lines of what :func:`twoalike.online.fetch` reads, each with its origin."""
    text = "" if source is None else str(source)
    if text.startswith(("http://", "https://")):
        address = text.rstrip("/")
        if jatos:
            place = f"{address}/jatos/api/v1/results/data"
            asked = f"{place}?studyUuid={study_uuid(built.session)}"
            content = b"".join(_asked(asked, token, "a token of JATOS' API", moves=True))
            yield from _content(io.BytesIO(content), place, Origin(place, several=True))
        else:
            place = f"{address}/api/operator/records"
            lines = _split(_asked(place, token, "an operator's token"), place)
            yield from zip(repeat(OURS), lines)
        return
    if jatos:
        raise TwoalikeError(
            where="`jatos=True`", expected="the address of a JATOS server", found=text or "none"
        )
    if source is None or "://" in text or _is_sqlite(Path(text)):
        from twoalike.online._store import read_store

        store = default_store(built.study.root) if source is None else source
        yield from zip(repeat(OURS), read_store(store))
        return
    path = Path(text)
    files = [path]
    if path.is_dir():
        kinds = (*_TEXTS, *_ZIPS)
        files = sorted(one for one in path.rglob("*") if one.suffix in kinds and one.is_file())
        if not files:
            expected = f"files of records ({', '.join(kinds)})"
            raise TwoalikeError(where=path, expected=expected, found="none")
    for file in files:
        origin = Origin(str(path), several=True)
        if file != path:
            origin = _origin(str(path), f"/{file.relative_to(path).as_posix()}")
        try:
            with file.open("rb") as opened:
                yield from _content(opened, str(file), origin)
        except OSError as error:
            found = error.strerror or str(error)
            expected = "a file or folder of records"
            raise TwoalikeError(where=file, expected=expected, found=found) from error


def _content(file: IO[bytes], where: str, origin: Origin) -> _Lines:
    """Lines of a file, or of the results in it, as JATOS exports them: a folder for each run."""
    start = file.read(2)  # not is_zipfile: somebody's answer may end as an archive does
    file.seek(0)
    if start != b"PK":
        yield from zip(repeat(origin), _split(iter(partial(file.read, _CHUNK), b""), where))
        return
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(_TEXTS)]
            members = [one for one in members if Path(one.filename).name != "metadata.json"]
            if not members:
                raise TwoalikeError(where=where, expected="result data (.txt)", found="none")
            if sum(one.file_size for one in members) > _MOST_BYTES:
                raise TwoalikeError(where=where, expected="at most 8 GiB of results", found="more")
            for member in sorted(members, key=lambda one: one.filename):
                with archive.open(member) as content:
                    lines = _split(iter(partial(content.read, _CHUNK), b""), where)
                    yield from zip(repeat(_origin(where, f"/{member.filename}")), lines)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise TwoalikeError(
            f"cannot be read: the zip file is damaged or encrypted ({error})", where=where
        ) from error


def _origin(where: str, name: str) -> Origin:
    """Make the origin of a result's lines: all files of one run in JATOS are one result."""
    if (run := _RUN.search(name)) is None:
        return Origin(where + name)
    return Origin(where + name[: run.end() - 1], result=run[1])


def _split(chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """Lines of what comes in pieces; only a line feed ends one, as answers may hold other ends."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST:
            expected = "lines of at most 16 MiB"
            raise TwoalikeError(where=where, expected=expected, found="a longer one")
        yield from whole
    yield rest


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _asked(address: str, token: str, what: str, *, moves: bool = False) -> Iterator[bytes]:
    """Ask for records, and yield the answer in pieces; ``moves`` follows redirections."""
    import httpx

    if not token:
        raise TwoalikeError(where="`token=...`", expected=what, found="none")
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.Client(headers=headers, timeout=_PATIENCE_S, follow_redirects=moves)
    try:
        with client, client.stream("GET", address) as answer:
            if answer.status_code in (401, 403):
                found = f"one that is refused (HTTP {answer.status_code})"
                raise TwoalikeError(where=address, expected=what, found=found)
            if answer.status_code != 200:
                found = f"HTTP {answer.status_code}"
                raise TwoalikeError(where=address, expected="records", found=found)
            yield from answer.iter_bytes()
    except httpx.HTTPError as error:
        raise TwoalikeError(
            f"cannot be read ({str(error) or type(error).__name__})",
            where=address,
            remedy="Is it running, and is the address right?",
        ) from error
