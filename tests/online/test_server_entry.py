"""Who may take part, with which code, and what happens to it."""

import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.online.server_study import (
    Served,
    built_study,
    choice,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online import make_links, online_folder

HOUR = 3600.0


def answer_one_trial(server: Served, entered: dict[str, str]) -> None:
    name = entered["session"]
    sent = [record(name, 1, 0, 0, note()), record(name, 2, 0, 1, choice(1))]
    assert server.send(entered, *sent).status_code == 200


def test_everyone_gets_a_code_of_their_own_until_none_is_free(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        first, second = (server.enter(pid).json() for pid in ("p1", "p2"))
        assert [one["person"]["participant"] for one in (first, second)] == ["001", "002"]
        assert first["session"] != second["session"]
        refused = server.enter("p3")
        assert (refused.status_code, refused.json()) == (409, {"error": "full"})


def test_entering_again_is_the_same_session(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        first = server.enter("p1").json()
        assert server.enter("p1").json() == first
        nameless = server.enter().json()
        assert server.enter(token=nameless["token"]).json() == nameless
        # The id counts before the token: two people may use one browser.
        assert server.enter("p1", token=nameless["token"]).json() == first


def test_a_code_returns_if_nobody_comes_back_without_a_trial(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001"], "return_hours = 2")) as server:
        first = server.enter("p1").json()
        server.change(first["session"], last=time.time() - 1.9 * HOUR)
        assert server.enter("p2").json() == {"error": "full"}
        server.change(first["session"], last=time.time() - 2.1 * HOUR)
        second = server.enter("p2").json()
        assert second["person"]["participant"] == "001"
        assert server.send(first, record(first["session"], 1, 0, 0)).json() == {"error": "expired"}
        assert [(line["participant"], line["ended"]) for line in server.archive()] == [
            (None, "expired"),
            ("001", None),
        ]


def test_a_code_with_a_trial_is_never_given_to_someone_else(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001"], "return_hours = 2")) as server:
        first = server.enter("p1").json()
        answer_one_trial(server, first)
        server.change(first["session"], last=time.time() - 3 * HOUR)
        assert server.enter("p2").json() == {"error": "full"}
        assert server.enter("p1").json() == {"error": "expired"}
        assert server.finish(first, "screened_out").json() == {"error": "expired"}
        assert server.archive()[0] | {"entered": ""} == {
            "kind": "session",
            "session": first["session"],
            "participant": "001",
            "protocol": "ab" * 32,
            "entered": "",
            "ended": "expired",
        }


def test_whoever_came_back_too_late_without_a_trial_begins_anew(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001"])) as server:
        first = server.enter("p1").json()
        server.change(first["session"], last=0.0)
        assert server.enter("p1").json()["session"] != first["session"]


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
        first = server.enter("p1").json()
        answer_one_trial(server, first)
        offset[0] += jump
        if again:
            servers.close()
            server = servers.enter_context(served(study))
        assert server.enter("p2").json() == {"error": "full"}  # ends what was left
        assert server.enter("p1").json()["session"] == first["session"]
        for _ in range(8):  # minutes in which the server runs
            offset[0] += 60.0
            server.enter("p2")
        assert server.enter("p1").json() == {"error": "expired"}


def test_a_clock_that_is_set_back_gives_nobody_a_second_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(built_study(tmp_path)) as server:
        left = server.enter("p1").json()
        server.change(left["session"], last=time.time() - 27 * HOUR)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() - 2 * HOUR)
        again = server.enter("p1").json()
        assert again["session"] != left["session"]
        assert server.enter("p1").json() == again


def test_most_counts_those_who_take_part_or_have_completed(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001", "002", "003"], "most = 1")) as server:
        first = server.enter("p1").json()
        assert server.enter("p2").json() == {"error": "full"}
        server.finish(first, "declined")
        second = server.enter("p2").json()
        assert second["person"]["participant"] == "001"
        server.send(second, *whole_session(second["session"]))
        assert server.finish(second).status_code == 200
        assert server.enter("p3").json() == {"error": "full"}


def test_groups_stay_balanced_when_people_leave(tmp_path: Path) -> None:
    codes = [f"{number:03d}" for number in range(1, 9)]
    study = built_study(tmp_path, codes, groups=["experts", "novices"])
    with served(study) as server:
        entered = [server.enter(f"p{i}").json() for i in range(4)]
        groups = [one["person"]["group"] for one in entered]
        assert groups == ["experts", "novices", "experts", "novices"]
        for one in (entered[0], entered[2]):
            answer_one_trial(server, one)
            server.change(one["session"], last=0.0)
        later = [server.enter(f"q{i}").json()["person"]["group"] for i in range(2)]
        assert later == ["experts", "experts"]


def test_codes_at_the_end(tmp_path: Path) -> None:
    online = """completion_code = "DONE"
screened_out_code = "OUT"
completion_url = "https://pay.example.org/?cc={code}" """
    with served(built_study(tmp_path, ["001", "002", "003"], online)) as server:
        done, out, declined = (server.enter(f"p{i}").json() for i in range(3))
        assert server.finish(done).json() == {"error": "malformed"}  # nothing is answered
        server.send(done, *whole_session(done["session"]))
        for _ in range(2):
            assert server.finish(done).json() == {
                "code": "DONE",
                "url": "https://pay.example.org/?cc=DONE",
            }
        assert server.finish(done, "declined").json() == {"error": "finished"}
        assert server.finish(out, "screened_out").json()["code"] == "OUT"
        assert server.finish(declined, "declined").json() == {"code": None, "url": None}


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
    link = make_links(study, 1, "https://lab.example.org/")[0].partition("?link=")[2]
    with served(study) as server:

        def enter(visit: str, token: str | None = None) -> dict[str, Any]:
            who: dict[str, Any] = {
                "id": {"external": {"PROLIFIC_PID": "p1", "SESSION_ID": visit}},
                "link": {"link": link},
                "open": {"token": token},
            }[entry]
            answer = server.client.post("/api/enter", json=who)
            assert answer.status_code == 200
            return dict(answer.json())

        first = enter("s1")
        if reason == "completed":
            server.send(first, *whole_session(first["session"]))
        server.finish(first, reason)
        again = enter("s2", first["token"])  # of another browser, but for an open page
        code = CODES[reason]
        url = f"https://pay.example.org/?cc={code}"
        assert again["outcome"] == {"reason": reason, "code": code, "url": url}
        assert again["session"] == first["session"]
        assert len([line for line in server.archive() if line.get("kind") == "session"]) == 1


def test_links_let_one_person_in_each(tmp_path: Path) -> None:
    study = built_study(tmp_path, online='entry = "link"')
    address = make_links(study, 1, "https://lab.example.org/")[0]
    link = address.partition("?link=")[2]
    with served(study) as server:
        assert server.enter("p1").json() == {"error": "unknown"}
        assert server.enter(link="made-up").json() == {"error": "unknown"}
        first = server.enter(link=link).json()
        assert server.enter(link=link).json() == first  # another browser of the same person
        server.client.post("/api/withdraw", json={"code": first["withdraw"]})
        assert server.enter(link=link).status_code >= 400


def test_ids_may_be_required(tmp_path: Path) -> None:
    with served(built_study(tmp_path, online='entry = "id"')) as server:
        assert server.enter().json() == {"error": "unknown"}
        assert server.enter("p1").status_code == 200


def test_later_sessions_keep_the_participant(tmp_path: Path) -> None:
    with served(built_study(tmp_path / "one")) as server:
        server.enter("p1")
        second = server.enter("p2").json()
        server.send(second, *whole_session(second["session"]))
        server.finish(second)
    later = built_study(tmp_path / "two", visit=2)
    online_folder(later.parent.parent / "one" / "study").rename(online_folder(later))
    with served(later) as server:
        assert server.enter("p1").json() == {"error": "unknown"}  # did not complete
        assert server.enter("p2").json()["person"]["participant"] == "002"
        assert server.enter("p2").json()["person"]["session"] == 2


def test_where_a_session_goes_on(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        assert (entered["acknowledged"], entered["resume"]) == (0, None)
        found = []
        for one in whole_session(entered["session"]):
            server.send(entered, one)
            again = server.enter("p1").json()
            assert again["acknowledged"] == one["n"]
            found.append(tuple(again["resume"].values()))
    assert found == [
        *((0, 1, 1.0), (0, 2, 2.5), (0, 3, 4.5), (0, 4, 6.5)),
        *((1, 0, 0.0), (1, 1, 1.0), (1, 2, 30.0), (1, 3, 30.0)),
        (2, 0, 0.0),
    ]


def test_withdrawal_deletes_what_is_stored(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    with served(study) as server:
        entered = server.enter("p1").json()
        secret = note("said") | {"detail": {"what": "my-secret-words"}}
        server.send(entered, record(entered["session"], 1, 0, 0, secret))
        code = entered["withdraw"].lower().replace("-", " ")
        assert server.client.post("/api/withdraw", json={"code": code}).json() == {}
        assert server.archive() == [
            {**server.archive()[0], "session": entered["session"], "ended": "withdrawn"}
        ]
        assert server.send(entered, record(entered["session"], 1, 0, 0)).status_code == 404
        assert server.finish(entered).status_code == 404
        assert server.enter("p1").json()["session"] != entered["session"]
        written = b"".join(path.read_bytes() for path in online_folder(study).iterdir())
        assert b"my-secret-words" not in written
        wrong = server.client.post("/api/withdraw", json={"code": "K7QP-M2XA-9CVB-T4RD"})
        assert (wrong.status_code, wrong.json()) == (404, {"error": "unknown"})


def test_ids_are_closed_by_a_key_apart_from_the_records(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    folder = online_folder(study)
    with served(study) as server:
        server.enter("5f2a7c9e0badcafe12345678", link=None)
        assert (folder.stat().st_mode & 0o777, (folder / "key").stat().st_mode & 0o777) == (
            0o700,
            0o600,
        )
        files = [path for path in (*folder.rglob("*"), *study.rglob("*")) if path.is_file()]
        assert not any(b"5f2a7c9e0badcafe" in path.read_bytes() for path in files)
    rows = sqlite3.connect(folder / "records.sqlite").execute("SELECT closed FROM ids").fetchall()
    assert server.key.open(rows[0][0]) == {"PROLIFIC_PID": "5f2a7c9e0badcafe12345678"}


@pytest.mark.parametrize("value", ["../../etc/passwd", "<script>alert(1)</script>", "a' OR 1=1--"])
def test_ids_are_letters_and_digits(tmp_path: Path, value: str) -> None:
    with served(built_study(tmp_path)) as server:
        assert server.enter(value).json() == {"error": "malformed"}
        other = {"PROLIFIC_PID": "p1", "note": value}
        assert server.client.post("/api/enter", json={"external": other}).status_code == 200
        with server.store.reading() as connection:
            closed = connection.exec_driver_sql("SELECT closed FROM ids").scalar()
        assert server.key.open(str(closed)) == {"PROLIFIC_PID": "p1"}


def test_a_session_of_another_build_is_not_gone_on_with(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        server.change(entered["session"], protocol="cd" * 32)
        assert server.enter("p1").json() == {"error": "changed"}
