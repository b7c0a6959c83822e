"""What the operator sees and does, what everyone may see and nobody may, what is forgotten."""

import csv
import io
import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.online.server_study import (
    Served,
    bearer,
    built_study,
    choice,
    links,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online import default_store, new_token, online_folder, read_store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(built_study(tmp_path, ["001", "002", "003"])) as running:
        yield running


def written(study: Path) -> bytes:
    """Bytes of everything in the folder beside the study."""
    return b"".join(path.read_bytes() for path in sorted(online_folder(study).iterdir()))


def test_who_is_where(server: Served) -> None:
    one, two = server.entered("p1"), server.entered("p2")
    sent = whole_session(one["session"])
    sent[2]["items"][0]["answer"]["position"] = "right"  # the right answer to the check
    sent[3]["items"][0]["flag"] = "fast"
    server.send(one, *sent)
    server.finish(one)
    some = [record(two["session"], n, 0, n, choice(n)) for n in (1, 2)]
    server.send(two, *some)
    state = server.operator("state").json()
    about = {"study": "Fruit", "accepting": True, "most": None, "codes": 3, "free": 1, "people": 2}
    assert {name: state[name] for name in about} == about
    names = ("participant", "ended", "trials", "listed", "checks", "right", "fast", "part", "parts")
    assert [tuple(session[name] for name in names) for session in state["sessions"]] == [
        ("002", None, 2, 5, 1, 0, 0, 1, 2),
        ("001", "completed", 5, 5, 1, 1, 1, 2, 2),
    ]
    assert "p1" not in json.dumps(state)


def test_payments_name_people_and_no_answers(server: Served) -> None:
    one = server.entered("p1")
    sent = {"PROLIFIC_PID": "@p2", "status": "completed", "Minutes": "9", "STUDY_ID": "s"}
    server.entered(external=sent)
    server.send(one, *whole_session(one["session"]))
    server.finish(one)
    answer = server.operator("payments.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    # No formula for a spreadsheet, no part of an address for a column, and few people no minutes.
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["PROLIFIC_PID", "STUDY_ID", "status", "minutes"],
        ["'@p2", "s", "under way", ""],
        ["p1", "", "completed", ""],
    ]
    assert one["session"] not in answer.text and "001" not in answer.text
    assert "narrows down who gave" in server.client.get("/operator/").text


def test_payments_lead_to_answers_no_better_than_chance(tmp_path: Path) -> None:
    """Forty people, matched with what raw data show of the same: end and minutes."""
    rng = np.random.default_rng(5)
    codes = [f"{n:03d}" for n in range(1, 41)]
    minutes: dict[str, float] = {}
    with served(built_study(tmp_path, codes)) as server:
        for code in codes:
            entered = server.entered(f"p{rng.integers(10**9)}-{code}")
            server.send(entered, *whole_session(entered["session"]))
            server.finish(entered)
            minutes[code] = float(rng.gamma(8, 3))
            over = 1e9 + 60 * minutes[code]
            server.change(entered["session"], ended_at=over, entered=1e9)
        answer = server.operator("payments.csv")
    paid = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(paid) == 40
    assert set(paid[0]) == {"PROLIFIC_PID", "status", "minutes"}
    assert min(Counter((row["status"], row["minutes"]) for row in paid).values()) >= 5
    for row in paid:
        low, high = map(float, row["minutes"].split("-"))
        assert low <= minutes[row["PROLIFIC_PID"].partition("-")[2]] < high
        assert sum(low <= one <= high for one in minutes.values()) >= 5


def test_stop_and_go_on(server: Served) -> None:
    begun = server.entered("p1")
    for on, expected in ((False, 409), (True, 200)):
        assert server.operator("accepting", {"on": on}).json() == {"on": on}
        assert server.enter(f"new-{on}").status_code == expected
        assert server.entered("p1") == begun  # may finish
    assert server.operator("state").json()["accepting"]


@pytest.mark.parametrize("n_trials", [0, 1])
def test_a_place_can_be_freed(
    server: Served, caplog: pytest.LogCaptureFixture, n_trials: int
) -> None:
    left = server.entered("prolific-person")
    if n_trials:
        server.send(left, *whole_session(left["session"])[:2])
    name = {"session": left["session"]}
    refused = server.client.post("/api/operator/free", json=name, headers=bearer(left))
    assert refused.json() == {"error": "forbidden"}
    with caplog.at_level(logging.INFO, logger="twoalike"):
        assert server.operator("free", name).json() == {}
    assert left["session"] in caplog.text
    assert "prolific" not in caplog.text
    (session,) = server.operator("state").json()["sessions"]
    assert (session["ended"], session["returned"]) == ("expired", not n_trials)
    code = server.entered("next")["person"]["participant"]
    assert code == ("002" if n_trials else "001")
    assert server.operator("free", {"session": "no-such"}).status_code == 404


def test_the_archive_is_that_of_the_store(server: Served) -> None:
    one = server.entered("p1")
    server.enter("p2")
    sent = whole_session(one["session"])
    server.send(one, *sent)
    text = server.operator("records").text
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines == [json.loads(line) for line in read_store(default_store(server.study))]
    kinds = [line.get("kind", line.get("n")) for line in lines]
    assert kinds == ["session", *range(1, 10), "session"]
    assert lines[1:10] == sent
    assert "p1" not in text


def test_only_the_operator_is_told(server: Served) -> None:
    entered = server.entered("p1")
    old, token = new_token(server.study), new_token(server.study)
    for wrong in (old, "", entered["token"]):
        headers = {"authorization": f"Bearer {wrong}"}
        for path in ("state", "payments.csv", "records", "health"):
            answer = server.client.get(f"/api/operator/{path}", headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"error": "forbidden"})
        path, body = "/api/operator/accepting", {"on": False}
        assert server.client.post(path, json=body, headers=headers).status_code == 403
    assert token.encode() not in written(server.study)
    assert server.operator("state").json()["accepting"]


def test_files_of_the_study_and_no_others(server: Served) -> None:
    site = server.study / "online"
    (site / "link.html").symlink_to(server.study / "study.toml")
    (site / ".hidden").write_text("x", encoding="utf-8")
    with served(server.study) as again:
        for path in ("/", "/index.html", "/withdraw", "/session.json", "/js/main.js", "/operator/"):
            assert again.client.get(path).status_code == 200, path
        outside = (
            *("/people/001.json", "/../study.toml", "/%2e%2e/study.toml", "/..%2fstudy.toml"),
            *("/js/../../study.toml", "/link.html", "/.hidden", "/js", "//etc/passwd", "/js/%00"),
            *("/operator/../_app.py", "/operator/%2e%2e/index.html", "/api", "/api/operator"),
        )
        for path in outside:
            assert again.client.get(path).status_code == 404, path
        assert again.client.get("/js/main.js").headers["content-type"].startswith("text/javascript")


def test_every_answer_has_headers_against_foreign_code(server: Served) -> None:
    client = server.client
    paths = ("/", "/nowhere", "/operator/", "/operator/operator.js")
    answers = [client.get(path) for path in paths]
    answers += [client.post("/api/records", content=b"x"), client.delete("/api/enter")]
    for answer in (*answers, server.enter("p1")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_logs_name_no_person(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="twoalike"):
        entered = server.entered("prolific-person-1")
        server.enter("<prolific-person-2>")
        server.send(entered, record(entered["session"], 1, 9, 9, note()))
        server.withdraw(entered)
    assert entered["session"] in caplog.text
    for private in ("prolific", "testclient", entered["token"], entered["withdraw"]):
        assert private not in caplog.text


SECRET = b"my-secret-words"


def says(server: Served, person: str, words: str) -> dict[str, Any]:
    """Let someone enter and say much."""
    entered = server.entered(person)
    said = [record(entered["session"], n, 0, 0, note(what=f"{words} " * 20)) for n in range(1, 31)]
    assert server.send(entered, *said).is_success
    return entered


def test_withdrawn_text_leaves_the_files_once_no_reader_needs_it(tmp_path: Path) -> None:
    study = built_study(tmp_path, [f"{n:03d}" for n in range(1, 9)])
    with served(study) as server:
        says(server, "p1", "others may stay")
        gone = says(server, "p2", SECRET.decode())
        other = says(server, "p3", "others may stay")
        with closing(sqlite3.connect(default_store(study))) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT COUNT(*) FROM records").fetchone() == (90,)
            began = time.monotonic()
            assert server.withdraw(gone).json() == {}
            more = [record(other["session"], n, 0, 0, note()) for n in range(31, 41)]
            assert all(server.send(other, one).is_success for one in more)
            assert time.monotonic() - began < 10  # a checkpoint that waits takes 30 s
            assert reader.execute("SELECT COUNT(*) FROM records").fetchone() == (90,)
        end = time.monotonic() + 10
        while SECRET in written(study) and time.monotonic() < end:
            time.sleep(0.05)
        assert SECRET not in written(study) and b"others may stay" in written(study)
        assert server.send(other, record(other["session"], 41, 0, 0, note())).is_success


def test_withdrawal_keeps_no_trace_of_the_session(tmp_path: Path) -> None:
    study = built_study(tmp_path, ["001"])
    (link,) = links(study, 1)
    with served(study) as server:
        entered = server.entered("p1", link=link)
        secret = record(entered["session"], 1, 0, 0, note(what=SECRET.decode()))
        server.send(entered, secret, *whole_session(entered["session"])[1:4])
        code = entered["withdraw"].lower().replace("-", " ")
        for _ in range(2):  # with a trial, the code goes to nobody else
            assert server.client.post("/api/withdraw", json={"code": code}).json() == {}
            (left,) = server.archive()
            assert (left["participant"], left["ended"]) == ("001", "withdrawn")
            assert server.enter("p2").json() == {"error": "full"}
        for answer in (server.send(entered, secret), server.finish(entered)):
            assert answer.status_code == 404
        assert server.enter("p1", link=link).json() == {"error": "used"}
        wrong = server.client.post("/api/withdraw", json={"code": "K7QP-M2XA-9CVB-T4RD"})
        assert (wrong.status_code, wrong.json()) == (404, {"error": "unknown"})
        assert SECRET not in written(study)
    with closing(sqlite3.connect(default_store(study))) as store:
        state = "n, part, step, clock, over, answered, trials, fast, person, ids"
        kept = store.execute(f"SELECT {state} FROM sessions").fetchall()
        assert kept == [(0, 0, -1, 0.0, 0, 0, 0, 0, None, None)]
        assert store.execute("SELECT session FROM links").fetchall() == [("",)]


def test_used_links_lead_nowhere_without_the_key(tmp_path: Path) -> None:
    study = built_study(tmp_path, [f"{n:03d}" for n in range(1, 21)], online='entry = "link"')
    invited = links(study, 20)
    with served(study) as server:
        assert all(server.enter(link=link).is_success for link in invited)
    (online_folder(study) / "key").unlink()
    for link in invited:
        for trace in (link, sha256(link.encode()).hexdigest()):
            assert trace.encode() not in written(study)
    # Nor does their order: that of the file of links is that of the invitations.
    with closing(sqlite3.connect(default_store(study))) as store:
        stored = store.execute("SELECT link FROM links").fetchall()
    assert stored == sorted(stored)
