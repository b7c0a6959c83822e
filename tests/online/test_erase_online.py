"""A person who took part in a browser is erased, and no source of records brings them back."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import call, write_study
from tests.online.server_study import Served, served
from tests.online.simulated import items_of, records_of

import twoalike.api as ta
from twoalike.online import (
    build_online,
    default_store,
    fetch,
    make_links,
    online_folder,
    read_store,
)
from twoalike.study import TwoalikeError

DESIGN = 'trials = 3\npractice = 0\ncatch = 0\n[online]\nentry = "link"\n'
FORM = """
[form]
questions = [{ id = "why", text = "Why?", kind = "text" }]
"""
CODES = ("w0001", "w0002")


@dataclass(frozen=True)
class Run:
    """A study whose server runs; the first of two people has an id, a link and a session."""

    server: Served
    study: Path
    entered: dict[str, Any]
    link: str
    archive: Path
    """What the operator downloaded when both had finished."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    lab = write_study(tmp_path / "lab", DESIGN, FORM)
    study = Path(shutil.copytree(lab, tmp_path / "web"))
    built = build_online(study, len(CODES))
    links = [one.partition("?link=")[2] for one in make_links(study, 3, "http://x")]
    with served(study) as server:
        people = []
        for code, link in zip(CODES, links, strict=False):
            entered = server.enter(f"id-of-{code}", link=link).json()
            sent = records_of(built, code, items_of(lab, code), session=entered["session"])
            assert server.send(entered, *sent).is_success
            assert server.finish(entered).is_success
            people.append(entered)
        archive = tmp_path / "archive.ndjson"
        archive.write_text("\n".join(read_store(default_store(study))))
        yield Run(server, study, people[0], links[0], archive)


def traces(run: Run) -> set[Path]:
    """Files of data and store that name the first person, their session, their id or their link."""
    names = (CODES[0], run.entered["session"], run.entered["token"], "id-of-w0001", run.link)
    files = [*(run.study / "data").rglob("*"), *online_folder(run.study).iterdir()]
    return {
        path
        for path in files
        if path.is_file()
        and any(name in str(path) or name.encode() in path.read_bytes() for name in names)
    }


def test_nothing_brings_an_erased_person_back(run: Run) -> None:
    assert len(fetch(run.study).written) == 2
    assert "1 session in the store" in ta.online.erase(run.study, CODES[0]).removed
    assert traces(run)
    ta.online.erase(run.study, CODES[0], yes=True)
    assert traces(run) == set()
    assert call("validate", run.study) == 0

    renamed = run.archive.with_name("renamed.ndjson")
    renamed.write_text(run.archive.read_text().replace(run.entered["session"], "other"))
    for source in (None, run.archive, renamed):
        found = fetch(run.study, source)
        assert (found.written, found.n_unchanged, found.problems) == ([], 1, [])
        told = ["left out: 1 session of people who were erased"]
        assert found.notes == ([] if source is None else told)
    assert traces(run) == set()

    # Nor do their browser, their link and someone new.
    first = json.loads(run.archive.read_text().splitlines()[1])
    assert not run.server.send(run.entered, first).is_success
    token, new = run.entered["token"], make_links(run.study, 1, "http://x")[0]
    for how in (
        {"token": token},
        {"link": run.link},
        {"pid": "id-of-w0001", "token": token},
        {"link": new.partition("?link=")[2], "pid": "id-of-w0001", "token": token},
    ):
        assert not run.server.enter(**how).is_success
    new = make_links(run.study, 1, "http://x")[0].partition("?link=")[2]
    assert run.server.enter("p3", link=new).json() == {"error": "full"}
    assert traces(run) == set()


def test_an_erasure_before_any_fetch(run: Run) -> None:
    ta.online.erase(run.study, CODES[0], yes=True)
    found = fetch(run.study, run.archive)
    assert [one.participant for one in found.written] == [CODES[1]]
    assert traces(run) == set()


def test_who_withdrew_is_not_fetched_from_an_older_archive(run: Run) -> None:
    fetch(run.study)
    code = {"code": run.entered["withdraw"]}
    assert run.server.client.post("/api/withdraw", json=code).is_success
    assert fetch(run.study, delete_withdrawn=True).withdrawn
    found = fetch(run.study, run.archive)
    assert (found.written, found.n_unchanged, found.problems) == ([], 1, [])
    assert not list((run.study / "data" / "raw").glob("**/sub-w0001*"))


def test_a_fetch_that_broke_off_is_not_completed_with_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while files move into place: an erasure completes the move, then erases."""
    renames = [0]

    def dies_later(path: Path, target: Path, rename: Any = Path.rename) -> Any:
        renames[0] += 1
        if renames[0] > 3:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dies_later)
        with pytest.raises(KeyboardInterrupt):
            fetch(run.study)
    assert (run.study / "data" / ".fetch" / "moves.json").is_file()
    ta.online.erase(run.study, CODES[0], yes=True)
    assert traces(run) == set()
    assert fetch(run.study).n_unchanged == 1


def test_a_store_elsewhere_has_to_be_named(run: Run, tmp_path: Path) -> None:
    folder = online_folder(run.study)
    moved = tmp_path / "moved.sqlite"
    run.server.store.close()
    (folder / "records.sqlite").rename(moved)
    with pytest.raises(TwoalikeError, match="expected the store of the server"):
        ta.online.erase(run.study, CODES[0], yes=True)
    ta.online.erase(run.study, CODES[0], yes=True, store=str(moved))
    assert run.entered["session"].encode() not in moved.read_bytes()
