"""Who may take part, with which code, and what happens to it; also after a backup was restored."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.online.server_study import (
    Served,
    built_study,
    choice,
    links,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online import default_store, online_folder

HOUR = 3600.0
FULL, EXPIRED, UNKNOWN = ({"error": error} for error in ("full", "expired", "unknown"))


def answer_one_trial(server: Served, entered: dict[str, Any]) -> None:
    name = entered["session"]
    sent = [record(name, 1, 0, 0, note()), record(name, 2, 0, 1, choice(1))]
    assert server.send(entered, *sent).status_code == 200


def test_everyone_gets_a_code_of_their_own_and_keeps_it(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001", "002", "003"])) as server:
        first, second = (server.entered(pid) for pid in ("p1", "p2"))
        assert [one["person"]["participant"] for one in (first, second)] == ["001", "002"]
        assert first["session"] != second["session"]
        assert server.entered("p1") == first
        nameless = server.entered()
        assert server.entered(token=nameless["token"]) == nameless
        # The id counts before the token: two people may use one browser.
        assert server.entered("p1", token=nameless["token"]) == first
        refused = server.enter("p3")
        assert (refused.status_code, refused.json()) == (409, FULL)


def test_a_code_returns_if_nobody_comes_back_without_a_trial(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001"], "return_hours = 2")) as server:
        first = server.entered("p1")
        server.change(first["session"], last=time.time() - 1.9 * HOUR)
        assert server.enter("p2").json() == FULL
        server.change(first["session"], last=time.time() - 2.1 * HOUR)
        second = server.entered("p2")
        assert second["person"]["participant"] == "001"
        assert server.send(first, record(first["session"], 1, 0, 0)).json() == EXPIRED
        found = [(line["participant"], line["ended"]) for line in server.archive()]
        assert found == [(None, "expired"), ("001", None)]
        server.change(second["session"], last=0.0)
        assert server.entered("p2")["session"] != second["session"]


def test_a_code_with_a_trial_is_never_given_to_someone_else(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001"], "return_hours = 2")) as server:
        first = server.entered("p1")
        answer_one_trial(server, first)
        server.change(first["session"], last=time.time() - 3 * HOUR)
        assert server.enter("p2").json() == FULL
        assert server.enter("p1").json() == EXPIRED
        assert server.finish(first, "screened_out").json() == EXPIRED
        head = {"kind": "session", "session": first["session"], "participant": "001"}
        head |= {"protocol": "ab" * 32, "ended": "expired"}
        assert {**server.archive()[0], "entered": ""} == {**head, "entered": ""}


@pytest.mark.parametrize("again", [False, True], ids=["under way", "started again"])
@pytest.mark.parametrize("jump", [24 * HOUR, -24 * HOUR])
def test_a_clock_that_is_set_ends_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float, again: bool
) -> None:
    offset, real = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: real() + offset[0])
    study = built_study(tmp_path, ["001"], "return_hours = 0.1")
    with ExitStack() as servers:
        server = servers.enter_context(served(study))
        first = server.entered("p1")
        answer_one_trial(server, first)
        offset[0] += jump
        if again:
            servers.close()
            server = servers.enter_context(served(study))
        assert server.enter("p2").json() == FULL  # ends what was left
        assert server.entered("p1")["session"] == first["session"]
        for _ in range(8):  # minutes in which the server runs
            offset[0] += 60.0
            server.enter("p2")
        assert server.enter("p1").json() == EXPIRED


def test_a_clock_that_is_set_back_gives_nobody_a_second_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(built_study(tmp_path)) as server:
        left = server.entered("p1")
        server.change(left["session"], last=time.time() - 27 * HOUR)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() - 2 * HOUR)
        again = server.entered("p1")
        assert again["session"] != left["session"]
        assert server.entered("p1") == again


def test_most_counts_those_who_take_part_or_have_completed(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001", "002", "003"], "most = 1")) as server:
        first = server.entered("p1")
        assert server.enter("p2").json() == FULL
        server.finish(first, "declined")
        second = server.entered("p2")
        assert second["person"]["participant"] == "001"
        server.send(second, *whole_session(second["session"]))
        assert server.finish(second).status_code == 200
        assert server.enter("p3").json() == FULL


def test_groups_stay_balanced_when_people_leave(tmp_path: Path) -> None:
    codes = [f"{number:03d}" for number in range(1, 9)]
    with served(built_study(tmp_path, codes, groups=["experts", "novices"])) as server:
        entered = [server.entered(f"p{i}") for i in range(4)]
        groups = [one["person"]["group"] for one in entered]
        assert groups == ["experts", "novices", "experts", "novices"]
        for one in (entered[0], entered[2]):
            answer_one_trial(server, one)
            server.change(one["session"], last=0.0)
        later = [server.entered(f"q{i}")["person"]["group"] for i in range(2)]
        assert later == ["experts", "experts"]


ONLINE = """entry = "{entry}"
completion_code = "DONE"
screened_out_code = "OUT"
declined_code = "NO"
completion_url = "https://pay.example.org/?cc={{code}}" """
CODES = {"completed": "DONE", "screened_out": "OUT", "declined": "NO"}


@pytest.mark.parametrize("reason", CODES)
@pytest.mark.parametrize("entry", ["id", "link", "open"])
def test_whoever_returns_after_the_end_sees_the_code(
    tmp_path: Path, entry: str, reason: str
) -> None:
    study = built_study(tmp_path, online=ONLINE.format(entry=entry))
    (link,) = links(study, 1)
    with served(study) as server:

        def enter(visit: str, token: str | None = None) -> dict[str, Any]:
            external = {"PROLIFIC_PID": "p1", "SESSION_ID": visit}
            who = {"id": {"external": external}, "link": {"link": link}, "open": {"token": token}}
            return server.entered(**who[entry])

        if entry != "open":
            assert server.enter().json() == UNKNOWN
        first = enter("s1")
        assert server.finish(first).json() == {"error": "malformed"}  # nothing is answered
        if reason == "completed":
            server.send(first, *whole_session(first["session"]))
        url = f"https://pay.example.org/?cc={CODES[reason]}"
        outcome = {"code": CODES[reason], "url": url}
        for _ in range(2):
            assert server.finish(first, reason).json() == outcome
        other = "declined" if reason == "completed" else "completed"
        assert server.finish(first, other).json() == {"error": "finished"}
        again = enter("s2", first["token"])  # of another browser, but for an open page
        assert again["outcome"] == {"reason": reason, **outcome}
        assert again["session"] == first["session"]
        assert len([line for line in server.archive() if line.get("kind") == "session"]) == 1


def test_links_let_one_person_in_each(tmp_path: Path) -> None:
    study = built_study(tmp_path, online='entry = "link"')
    (link,) = links(study, 1)
    with served(study) as server:
        assert server.enter("p1").json() == UNKNOWN
        assert server.enter(link="made-up").json() == UNKNOWN
        first = server.entered(link=link)
        assert server.entered(link=link) == first  # another browser of the same person
        server.withdraw(first)
        assert server.enter(link=link).json() == {"error": "used"}


def test_later_sessions_keep_the_participant(tmp_path: Path) -> None:
    first = built_study(tmp_path / "one")
    with served(first) as server:
        server.enter("p1")
        second = server.entered("p2")
        server.send(second, *whole_session(second["session"]))
        server.finish(second)
    later = built_study(tmp_path / "two", visit=2)
    online_folder(first).rename(online_folder(later))
    with served(later) as server:
        assert server.enter("p1").json() == UNKNOWN  # did not complete
        assert server.entered("p2")["person"]["participant"] == "002"
        assert server.entered("p2")["person"]["session"] == 2


def test_where_a_session_goes_on(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.entered("p1")
        assert (entered["acknowledged"], entered["resume"]) == (0, None)
        found = []
        for one in whole_session(entered["session"]):
            server.send(entered, one)
            again = server.entered("p1")
            assert again["acknowledged"] == one["n"]
            found.append(tuple(again["resume"].values()))
        server.change(entered["session"], protocol="cd" * 32)
        assert server.enter("p1").json() == {"error": "changed"}  # built anew since
    assert found == [
        *((0, 1, 1.0), (0, 2, 2.5), (0, 3, 4.5), (0, 4, 6.5)),
        *((1, 0, 0.0), (1, 1, 1.0), (1, 2, 30.0), (1, 3, 30.0)),
        (2, 0, 0.0),
    ]


def test_ids_are_closed_by_a_key_apart_from_the_records(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    folder = online_folder(study)
    with served(study) as server:
        server.entered("5f2a7c9e0badcafe12345678", link=None)
        modes = [path.stat().st_mode & 0o777 for path in (folder, folder / "key")]
        assert modes == [0o700, 0o600]
        files = [path for path in (*folder.rglob("*"), *study.rglob("*")) if path.is_file()]
        assert not any(b"5f2a7c9e0badcafe" in path.read_bytes() for path in files)
        for value in ("../../etc/passwd", "<script>alert(1)</script>", "a' OR 1=1--"):
            assert server.enter(value).json() == {"error": "malformed"}
        server.entered(external={"PROLIFIC_PID": "p1", "note": "<b>"})
        with server.store.reading() as connection:
            closed = connection.exec_driver_sql("SELECT ids FROM sessions ORDER BY entered").all()
    opened = [server.key.open(str(one)) for (one,) in closed]
    assert opened == [{"PROLIFIC_PID": "5f2a7c9e0badcafe12345678"}, {"PROLIFIC_PID": "p1"}]


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


def test_answers_since_the_backup_are_sent_again(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    with served(study) as server:
        entered = server.entered("p1")
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:3])
    with restored(study, tmp_path), served(study) as server:
        assert server.send(entered, *sent[3:8]).json()["stored"] == 8
    with served(study) as server:
        assert server.send(entered, sent[8]).json() == {"acknowledged": [], "stored": 3}
        assert server.entered("p1")["acknowledged"] == 3
        assert server.send(entered, *sent[3:]).json()["stored"] == 9
        assert server.finish(entered).status_code == 200


@pytest.mark.parametrize("entry", ["open", "id", "link"])
def test_a_session_that_began_since_the_backup_is_entered_again(tmp_path: Path, entry: str) -> None:
    study = built_study(tmp_path, online=f'entry = "{entry}"\nmost = 1')
    who: dict[str, Any] = {"open": {}, "id": {"pid": "p1"}, "link": {"link": links(study, 1)[0]}}
    with restored(study, tmp_path), served(study) as server:
        entered = server.entered(**who[entry])
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:3])
    with served(study) as server:
        assert server.send(entered, sent[3]).json() == {"error": "lost"}
        assert server.entered(**who[entry], token=entered["token"]) == entered
        assert server.send(entered, *sent).json()["stored"] == 9
        assert server.finish(entered).status_code == 200
        head, *lines = server.archive()
        assert head["session"] == entered["session"] and lines == sent


def test_whoever_has_lost_their_code_to_another_begins_anew(tmp_path: Path) -> None:
    study = built_study(tmp_path, ["001", "002", "003"])
    with served(study):
        pass
    with restored(study, tmp_path), served(study) as server:
        lost = server.entered("p1")
    rows = study / "data/raw/sub-002/ses-01/beh/sub-002_ses-01_task-oddoneout_beh.tsv"
    rows.parent.mkdir(parents=True)
    rows.touch()  # was fetched, and is given to nobody else
    with served(study) as server:
        assert server.entered("p2")["person"]["participant"] == "001"
        again = server.entered("p1", token=lost["token"])
        assert again["session"] != lost["session"]
        assert again["person"]["participant"] == "003"
        assert server.enter("p3").json() == FULL
        # A token with another code is no token.
        forged = lost["token"].replace(".001.", ".003.")
        assert server.send(lost | {"token": forged}, *whole_session("x")).status_code == 403
