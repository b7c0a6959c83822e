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
from itertools import repeat
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from twoalike.online._blocks import Block
from twoalike.online._hosts import study_uuid
from twoalike.online._records import Name, Record, Sent, Sha256
from twoalike.online._site import OnlineStudy, default_store
from twoalike.study import TwoalikeError, counted, shortened, visible

type Ended = Literal["completed", "declined", "screened_out", "expired", "withdrawn"]
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


@dataclass(frozen=True)
class Origin:
    """Where lines come from."""

    name: str = ""
    ours: bool = False
    """Whether it is our own store or server, which no participant writes to."""
    several: bool = False
    """Whether it may hold the results of several people: an archive, or an export as plain text."""
    result: str = ""
    """Number of a study result of JATOS, if that is known."""

    def speaks_for(self, session: str, first: str) -> bool:
        """Whether a line about a session counts; ``first`` is the session it names first."""
        if self.ours or self.several:
            return True
        named = _OF_JATOS.match(session)
        return named[1] == self.result if named and self.result else session == first


OURS = Origin("the store", ours=True)


@dataclass
class ArchivedSession:
    """The lines of one session."""

    session: str
    lines: list[tuple[str, bytes]] = field(default_factory=list)
    """``session``, ``block`` or empty for a record, and the line."""
    origins: set[Origin] = field(default_factory=set)

    def head(self) -> SessionLine:
        """Read what the archive says of the session as a whole."""
        heads = [line for kind, line in self.lines if kind == "session"]
        return self._merged([self._valid(SessionLine, line) for line in heads])

    @property
    def has_records(self) -> bool:
        """Whether there is any line but those that describe it, and blocks."""
        return any(kind not in ("session", "block") for kind, _ in self.lines)

    def read(self) -> ReadSession:
        """Read the lines, and check that nothing is missing, damaged or sent in two versions."""
        head, records, blocks = self.head(), dict[int, Record](), dict[tuple[int, int], Block]()
        for kind, line in self.lines:
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
            raise self.fault(f"{place}: {first['msg']} ({_shown(line)})") from error

    def _merged(self, heads: list[SessionLine]) -> SessionLine:
        """Merge the lines about the session; later ones fill in what earlier ones left open."""
        if not heads:
            raise self.fault("the archive has records of it, but no line that describes it")
        merged = heads[0]
        for head in heads[1:]:
            given = head.model_dump(exclude_none=True)
            both = merged.model_copy(update=given)
            ends = {merged.ended, head.ended} - {None, "withdrawn"}
            same = both.participant == merged.participant and both.protocol == merged.protocol
            if not same or len(ends) > 1:
                raise self.fault("two lines describe it differently")
            merged = both.model_copy(update={"entered": merged.entered or head.entered})
        return merged


@dataclass
class Archive:
    """Sessions of an archive in order of appearance, and what is wrong with its lines."""

    sessions: dict[str, ArchivedSession] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    """In order, each once."""
    _first: dict[Origin, str] = field(default_factory=dict)
    _withdrawn: list[tuple[Origin, str, bytes]] = field(default_factory=list)
    """Lines by participants that say that a session was withdrawn."""

    def take(self, origin: Origin, line: bytes, number: int) -> None:
        """Give a line to its session, if it may speak for it."""
        try:
            content = json.loads(line, object_pairs_hook=_object)
            session = content["session"]
            if not isinstance(session, str):
                raise TypeError("a name that is no text")
            first = self._first.setdefault(origin, session)
        except _TwiceError as error:
            self.problems[f"line {number}: {error} is given twice: {_shown(line)}"] = None
            return
        except (ValueError, RecursionError, LookupError, TypeError):
            self.problems[f"line {number}: no JSON of a record: {_shown(line)}"] = None
            return
        if not origin.speaks_for(session, first):
            problem = f"{origin.name}: names session {visible(session)}, which is not its own"
            self.problems[f"{problem}; left out"] = None
            return
        kind = str(content.get("kind", ""))
        if kind == "session" and content.get("ended") == "withdrawn" and not origin.ours:
            self._withdrawn.append((origin, session, line))
            return
        archived = self.sessions.setdefault(session, ArchivedSession(session))
        archived.lines.append((kind, line))
        archived.origins.add(origin)

    def withdraw(self) -> None:
        """Believe a result that its own session was withdrawn: one with all lines of it."""
        for origin, session, line in self._withdrawn:
            archived = self.sessions.get(session, ArchivedSession(session))
            if archived.origins == {origin} and archived.has_records and not origin.several:
                archived.lines.append(("session", line))
                continue
            self.problems[
                f"session {visible(session)}: {origin.name} says that it was withdrawn, but only "
                "the server's store counts, or the result that has all of its records; left out"
            ] = None


def read_archive(lines: Iterable[tuple[Origin, str | bytes]]) -> Archive:
    """Sort the lines of an archive by session."""
    archive = Archive()
    for number, (origin, given) in enumerate(lines, start=1):
        line = given.encode() if isinstance(given, str) else given
        if line.strip():
            archive.take(origin, line, number)
    archive.withdraw()
    return archive


def _shown(line: bytes) -> str:
    """Beginning of a line, for a message."""
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


type _Lines = Iterator[tuple[Origin, bytes]]


def source_lines(
    built: OnlineStudy, source: str | Path | None, *, token: str = "", jatos: bool = False
) -> Iterator[tuple[Origin, str | bytes]]:
    """Yield the lines of what :func:`twoalike.online.fetch` reads, each with its origin."""
    text = "" if source is None else str(source)
    if text.startswith(("http://", "https://")):
        if jatos:
            yield from _from_jatos(text, built, token)
        else:
            yield from zip(repeat(OURS), _from_server(text, token))
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
    yield from _from_path(Path(text))


def _from_path(path: Path) -> _Lines:
    if path.is_dir():
        files = sorted(
            one for one in path.rglob("*") if one.suffix in (*_TEXTS, *_ZIPS) and one.is_file()
        )
        if not files:
            kinds = ", ".join((*_TEXTS, *_ZIPS))
            raise TwoalikeError(where=path, expected=f"files of records ({kinds})", found="none")
        for file in files:
            yield from _from_file(file, path)
    else:
        yield from _from_file(path)


def _origin(where: str, name: str) -> Origin:
    """Make the origin of a result's lines: all files of one run in JATOS are one result."""
    if (run := _RUN.search(name)) is None:
        return Origin(where + name)
    return Origin(where + name[: run.end() - 1], result=run[1])


def _from_file(path: Path, folder: Path | None = None) -> _Lines:
    try:
        if zipfile.is_zipfile(path):
            yield from _in_zip(path, str(path))
            return
        with path.open("rb") as file:
            origin = Origin(str(path), several=True)
            if folder is not None:
                origin = _origin(str(folder), f"/{path.relative_to(folder).as_posix()}")
            yield from zip(repeat(origin), _lines(file, str(path)))
    except OSError as error:
        raise TwoalikeError(
            where=path, expected="a file or folder of records", found=error.strerror or str(error)
        ) from error


def _lines(file: IO[bytes], where: str) -> Iterator[bytes]:
    while line := file.readline(_LONGEST + 1):
        _check_length(line, where)
        yield line


def _split(chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """Lines of what comes in pieces; only a line feed ends one, as answers may hold other ends."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        _check_length(rest, where)
        yield from whole
    yield rest


def _check_length(line: bytes, where: str) -> None:
    if len(line) > _LONGEST:
        raise TwoalikeError(where=where, expected="lines of at most 16 MiB", found="a longer one")


def _in_zip(file: Path | IO[bytes], where: str) -> _Lines:
    """Lines of the result data in a zip file, as JATOS exports them: a folder for each run."""
    try:
        with zipfile.ZipFile(file) as archive:
            for member in _members(archive, where):
                with archive.open(member) as content:
                    origin = _origin(where, f"/{member.filename}")
                    yield from zip(repeat(origin), _lines(content, where))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise TwoalikeError(
            f"cannot be read: the zip file is damaged or encrypted ({error})", where=where
        ) from error


def _members(archive: zipfile.ZipFile, where: str) -> list[zipfile.ZipInfo]:
    members = [one for one in archive.infolist() if one.filename.endswith(_TEXTS)]
    members = [one for one in members if Path(one.filename).name != "metadata.json"]
    if not members:
        raise TwoalikeError(where=where, expected="result data (.txt)", found="none")
    if sum(one.file_size for one in members) > _MOST_BYTES:
        raise TwoalikeError(where=where, expected="at most 8 GiB of results", found="more")
    return sorted(members, key=lambda one: one.filename)


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _from_server(address: str, token: str) -> Iterator[bytes]:
    """Lines of a running server, of its operator's endpoint."""
    place = f"{address.rstrip('/')}/api/operator/records"
    yield from _split(_asked(place, token, "an operator's token"), place)


def _from_jatos(address: str, built: OnlineStudy, token: str) -> _Lines:
    """Lines of the results of a study at a JATOS server, by its API."""
    place = f"{address.rstrip('/')}/jatos/api/v1/results/data"
    asked = f"{place}?studyUuid={study_uuid(built.session)}"
    content = b"".join(_asked(asked, token, "a token of JATOS' API", moves=True))
    if content[:2] == b"PK":
        yield from _in_zip(io.BytesIO(content), place)
    else:
        yield from zip(repeat(Origin(place, several=True)), content.splitlines())


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
