"""Where records come from, what participants cannot say of each other, pages without our server."""

import json
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.conftest import call, write_study
from tests.online.simulated import head_of, items_of, records_of, write_archive

from twoalike.online import (
    OnlineStudy,
    _archive,
    build_online,
    fetch,
    read_built,
    write_jatos,
    write_static,
)
from twoalike.study import TwoalikeError

DESIGN = 'trials = 2\npractice = 0\n[online]\ncompletion_code = "C0DE"\n'
VICTIM, OTHER = "jatos-1-aa", "jatos-2-bb"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> OnlineStudy:
    return build_online(write_study(tmp_path_factory.mktemp("sources") / "s", DESIGN), 3)


@pytest.fixture(scope="module")
def two(built: OnlineStudy, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Lines of two people's sessions in JATOS, as a page without a server writes them."""
    lab = write_study(tmp_path_factory.mktemp("lab") / "s", DESIGN)

    def sent(session: str, code: str) -> str:
        records = records_of(built, code, items_of(lab, code), session)
        begun, over = (head_of(built, code, end, session) for end in (None, "completed"))
        lines = begun, records[:2], records[1:], {**over, "entered": None}
        return write_archive(lab / "archive.ndjson", *lines).read_text()

    return sent(VICTIM, "w0001"), sent(OTHER, "w0002")


@pytest.fixture
def empty(built: OnlineStudy) -> OnlineStudy:
    """The study without data."""
    shutil.rmtree(built.study.root / "data", ignore_errors=True)
    return built


@contextmanager
def answering(content: bytes, token: str) -> Iterator[tuple[str, list[str]]]:
    """A server that gives ``content`` to those who have the token; yields address and paths."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            allowed = self.headers["Authorization"] == f"Bearer {token}"
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(content if allowed else b"{}")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def in_jatos(folder: Path, *results: str) -> Path:
    path = folder / "results.jrzip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        for n, result in enumerate(results, start=1):
            head, *lines = result.splitlines(keepends=True)  # two pages: it was reloaded
            archive.writestr(f"study_result_{n}/comp-result_{n}/data.txt", head)
            archive.writestr(f"study_result_{n}/comp-result_{n + 9}/data.txt", "".join(lines))
    return path


def in_folder(folder: Path, *results: str) -> Path:
    for n, result in enumerate(results, start=1):
        path = folder / "files" / f"{n}.ndjson"
        path.parent.mkdir(exist_ok=True)
        path.write_text(result)
    (folder / "files" / "notes.md").write_text("not records")
    return folder / "files"


def in_one_file(folder: Path, *results: str) -> Path:
    path = folder / "results.txt"
    path.write_text("".join(results))
    return path


PACKS = (in_jatos, in_folder, in_one_file)
type Pack = Callable[..., Path]


def test_a_server_and_its_token(empty: OnlineStudy, two: tuple[str, str]) -> None:
    with answering(two[0].encode(), "secret") as (address, asked):
        with pytest.raises(TwoalikeError, match="an operator's token, found one that is refused"):
            fetch(empty.study, address, token="other")
        found = fetch(empty.study, address, token="secret")
        assert (found.problems, [one.n_trials for one in found.written]) == ([], [2])
        assert asked == ["/api/operator/records"] * 2
        assert fetch(empty.study, address, token="secret", jatos=True).n_unchanged == 1
        assert asked[2].startswith("/jatos/api/v1/results/data?studyUuid=")
    with pytest.raises(TwoalikeError, match="cannot be read"):
        fetch(empty.study, address, token="secret")


def withdrawal(built: OnlineStudy, session: str = VICTIM, code: str = "w0001") -> str:
    return json.dumps(head_of(built, code, "withdrawn", session)) + "\n"


def forged(lines: str) -> str:
    """The first record of a session, with other content."""
    record = json.loads(lines.splitlines()[1])
    return json.dumps({**record, "items": record["items"][:1]}) + "\n"


def named_twice(line: str, second: str = '"session"') -> str:
    """A line of the attacker's session that names the victim's as well."""
    return line.replace('"session":', f'"session": "{OTHER}", {second}:')


def raw_files(study: OnlineStudy) -> dict[Path, bytes]:
    raw = study.study.raw
    return {path: path.read_bytes() for path in sorted(raw.rglob("*w0001*")) if path.is_file()}


type Attack = Callable[[str, str, str], str]
ATTACKS: dict[str, tuple[Attack, str]] = {
    "line": (lambda gone, own, victim: own + gone, "withdrawn|not its own"),
    "only line": (lambda gone, own, victim: gone, "withdrawn|not its own"),
    "first line": (lambda gone, own, victim: gone + own, "withdrawn|not its own"),
    "forged record": (lambda gone, own, victim: forged(victim) + gone, "withdrawn|own|differs"),
    "name twice": (lambda gone, own, victim: own + named_twice(gone), "'session' is given twice"),
    "name escaped": (
        lambda gone, own, victim: own + named_twice(gone, '"sess\\u0069on"'),
        "is given twice",
    ),
}


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("what", ATTACKS)
def test_nobody_withdraws_another(
    what: str, pack: Pack, empty: OnlineStudy, two: tuple[str, str], tmp_path: Path
) -> None:
    (attack, problem), (victim, own) = ATTACKS[what], two
    assert fetch(empty.study, pack(tmp_path, victim, own)).problems == []
    before = raw_files(empty)
    hostile = attack(withdrawal(empty), own, victim)
    for results in ((victim, hostile), ("\n", hostile)):  # also where the victim's result is gone
        found = fetch(empty.study, pack(tmp_path, *results), delete_withdrawn=True)
        assert (found.n_withdrawn, found.withdrawn) == (0, [])
        assert any(re.search(problem, one) for one in found.problems)
        assert raw_files(empty) == before


def test_another_end_is_a_problem(empty: OnlineStudy, two: tuple[str, str], tmp_path: Path) -> None:
    ended = json.dumps(head_of(empty, "w0001", "declined", VICTIM)) + "\n"
    found = fetch(empty.study, in_one_file(tmp_path, *two, ended))
    assert [one.session for one in found.written] == [OTHER]
    assert found.problems == [f"session {VICTIM}: two lines describe it differently."]
    found = fetch(empty.study, in_jatos(tmp_path, two[0], two[1] + ended))
    assert [one.session for one in found.written] == [VICTIM]
    assert "study_result_2: names session jatos-1-aa, which is not its own" in found.problems[0]


@pytest.mark.parametrize("pack", PACKS[:2])
def test_a_result_withdraws_itself(
    pack: Pack,
    empty: OnlineStudy,
    two: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fetch(empty.study, pack(tmp_path, *two))
    before = raw_files(empty)
    source = str(pack(tmp_path, two[0] + withdrawal(empty), two[1]))
    assert call("online", "fetch", str(empty.study.root), source) == 0
    printed = capsys.readouterr()
    assert "1 withdrawn" in printed.out.splitlines()[0]
    assert f"session {VICTIM}: withdrawn" in printed.out + printed.err
    assert raw_files(empty) == before
    fetch(empty.study, source, delete_withdrawn=True)
    assert raw_files(empty) == {}


def test_only_a_line_feed_ends_a_line() -> None:
    text = json.dumps({"a": "one\u2028two\x85three\x0c"}, ensure_ascii=False)
    found = [line for line in _archive._split([f"{text}\n{text}\n".encode()], "here") if line]
    assert [json.loads(line) for line in found] == [json.loads(text)] * 2


def test_damaged_and_endless_sources(
    empty: OnlineStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.txt", "record " * 1000)
    whole = path.read_bytes()
    for damaged in (
        whole[:41] + b"\xff" * 8 + whole[49:],  # the compressed data
        whole.replace(b"PK\1\2", b"PK\1\7"),  # the list of files
    ):
        path.write_bytes(damaged)
        with pytest.raises(TwoalikeError, match="damaged or encrypted"):
            fetch(empty.study, path)
    path.write_bytes(whole)
    monkeypatch.setattr(_archive, "_LONGEST", 1000)
    with answering(b"x" * 2000, "secret") as (address, _):
        for source in (path, tmp_path, address):
            with pytest.raises(TwoalikeError, match="lines of at most"):
                fetch(empty.study, source, token="secret")


def test_what_is_no_source(empty: OnlineStudy, tmp_path: Path) -> None:
    sources: dict[str, object] = {
        "a file or folder of records": tmp_path / "none.ndjson",
        "files of records": tmp_path,
        "a store of records, found none": None,
        "an operator's token, found none": "https://lab.example.org",
    }
    for message, source in sources.items():
        with pytest.raises(TwoalikeError, match=message):
            fetch(empty.study, source)  # type: ignore[arg-type]


def test_the_command(
    empty: OnlineStudy, two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["online", "fetch", empty.study.root, in_one_file(tmp_path, two[0])]
    assert call(*words) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("1 session written (2 trials)\ndisplay error: median 2.0 ms")
    in_one_file(tmp_path, two[0], "damaged\n")
    assert call(*words) == 1
    printed = capsys.readouterr()
    assert "0 sessions written (0 trials), 1 unchanged" in printed.out
    assert "no JSON of a record: damaged" in printed.out + printed.err


def test_a_study_archive_of_jatos(built: OnlineStudy, tmp_path: Path) -> None:
    out = write_jatos(built.study, tmp_path / "study.jzip")
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        about = json.loads(archive.read(next(name for name in names if name.endswith(".jas"))))
        folder = about["data"]["dirName"]
        index = archive.read(f"{folder}/index.html").decode()
    assert about["version"] == "3"
    (component,) = about["data"]["componentList"]
    assert (component["htmlFilePath"], component["reloadable"]) == ("index.html", True)
    assert about["data"]["batchList"][0]["maxTotalWorkers"] == 3
    assert json.loads(about["data"]["jsonData"]) == {"completion_code": "C0DE"}
    assert '<meta name="transport" content="jatos">' in index
    assert index.index('<script src="jatos.js">') < index.index("js/main.js")
    page = {path.relative_to(built.folder).as_posix() for path in built.folder.rglob("*.*")}
    assert {f"{folder}/{name}" for name in page} < set(names)
    content = out.read_bytes()
    assert write_jatos(built.study, out).read_bytes() == content


def test_a_page_for_a_plain_host(built: OnlineStudy, tmp_path: Path) -> None:
    out = write_static(built.study, tmp_path / "site")
    settings = json.loads((out / "transport.json").read_text())
    assert settings["completion_code"] == "C0DE"
    with pytest.raises(TwoalikeError, match="there is such a folder already"):
        write_static(built.study, out)
    write_static(built.study, out, overwrite=True)
    assert 'content="file"' in (out / "index.html").read_text()
    assert (out / "people" / "w0001.json").is_file()


def test_trials_chosen_on_the_way_need_our_server(tmp_path: Path) -> None:
    root = write_study(tmp_path / "s", 'sampler = "adaptive"\ntrials = 8\npractice = 0\n')
    build_online(root, 1)
    with pytest.raises(TwoalikeError, match="trials that are listed beforehand"):
        write_jatos(root, tmp_path / "study.jzip")
    assert read_built(root).session.participants == ("w0001",)
    arranged = write_study(tmp_path / "arranged")
    build_online(arranged, 1, task="multi-arrangement")
    with pytest.raises(TwoalikeError, match='set scheduler = "covering"'):
        write_static(arranged, tmp_path / "site")
