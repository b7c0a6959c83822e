"""Readers of records from a server, its store, an archive, results of JATOS or a folder."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import IO

from twoalike.online._archive import OURS, Origin
from twoalike.online._jatos import study_uuid
from twoalike.online._site import OnlineStudy
from twoalike.study import TwoalikeError

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
        from twoalike.online._serve import default_store
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
