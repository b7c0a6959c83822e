"""A store that was restored from a backup: everyone who had begun since can go on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.online.server_study import Served, built_study, served, whole_session

from twoalike.online import default_store, make_links


@contextmanager
def restored(study: Path, folder: Path) -> Iterator[None]:
    """Back up the store as the docs say; after the block, put the backup in its place."""
    store, backup = default_store(study), folder / "backup.sqlite"
    with closing(sqlite3.connect(store)) as there, closing(sqlite3.connect(backup)) as copy:
        there.backup(copy)
    yield
    for path in store.parent.glob("records.sqlite*"):
        path.unlink()
    backup.rename(store)


def stored(server: Served) -> dict[str, list[int]]:
    """Numbers of the records of each session."""
    lines = server.archive()
    names = [line["session"] for line in lines if line.get("kind") == "session"]
    return {
        name: [line["n"] for line in lines if "n" in line and line["session"] == name]
        for name in names
    }


def test_answers_since_the_backup_are_sent_again(tmp_path: Path) -> None:
    study = built_study(tmp_path, online='completion_code = "DONE"')
    with served(study) as server:
        entered = server.enter("p1").json()
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:3])
    with restored(study, tmp_path), served(study) as server:
        assert server.send(entered, *sent[3:8]).json()["stored"] == 8
    with served(study) as server:
        answer = server.send(entered, sent[8]).json()
        assert answer == {"acknowledged": [], "stored": 3}
        assert server.enter("p1").json()["acknowledged"] == 3
        assert server.send(entered, *sent[3:]).json()["stored"] == 9
        assert server.finish(entered).json()["code"] == "DONE"


@pytest.mark.parametrize("entry", ["open", "id", "link"])
def test_a_session_that_began_since_the_backup_is_entered_again(tmp_path: Path, entry: str) -> None:
    study = built_study(tmp_path, online=f'entry = "{entry}"\nmost = 1')
    link = make_links(study, 1, "https://lab.example.org/")[0].partition("?link=")[2]
    who = {"open": {}, "id": {"pid": "p1"}, "link": {"link": link}}[entry]
    with restored(study, tmp_path), served(study) as server:
        entered = server.enter(**who).json()
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:3])
    with served(study) as server:
        assert server.send(entered, sent[3]).json() == {"error": "lost"}
        again = server.enter(**who, token=entered["token"]).json()
        assert again == entered
        assert server.send(entered, *sent).json()["stored"] == 9
        assert server.finish(entered).status_code == 200
        assert stored(server) == {entered["session"]: list(range(1, 10))}


def test_whoever_has_lost_their_code_to_another_begins_anew(tmp_path: Path) -> None:
    study = built_study(tmp_path, ["001", "002"])
    with served(study):
        pass
    with restored(study, tmp_path), served(study) as server:
        lost = server.enter("p1").json()
    with served(study) as server:
        assert server.enter("p2").json()["person"]["participant"] == "001"
        again = server.enter("p1", token=lost["token"]).json()
        assert again["session"] != lost["session"]
        assert again["person"]["participant"] == "002"
        # A token with another code is no token.
        forged = lost["token"].replace(".001.", ".002.")
        assert forged != lost["token"]
        assert server.send(lost | {"token": forged}, *whole_session("x")).status_code == 403
