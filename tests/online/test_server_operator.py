"""What the operator sees and does, what everyone may see, and what nobody may."""

import csv
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.online.server_study import (
    Served,
    bearer,
    built_study,
    choice,
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


def operator(server: Served) -> dict[str, str]:
    return {"authorization": f"Bearer {new_token(server.study)}"}


def get(server: Served, path: str, headers: dict[str, str]) -> Any:
    return server.client.get(f"/api/operator/{path}", headers=headers)


def test_who_is_where(server: Served) -> None:
    one, two = server.enter("p1").json(), server.enter("p2").json()
    sent = whole_session(one["session"])
    sent[2]["items"][0]["answer"]["position"] = "right"  # the right answer to the check
    sent[3]["items"][0]["flag"] = "fast"
    server.send(one, *sent)
    server.finish(one)
    server.send(
        two, record(two["session"], 1, 0, 1, choice(1)), record(two["session"], 2, 0, 2, choice(2))
    )
    state = get(server, "state", operator(server)).json()
    assert {k: state[k] for k in ("study", "accepting", "most", "codes", "free", "people")} == {
        "study": "Fruit",
        "accepting": True,
        "most": None,
        "codes": 3,
        "free": 1,
        "people": 2,
    }
    names = ("participant", "ended", "trials", "listed", "checks", "right", "fast", "part", "parts")
    found = [tuple(session[name] for name in names) for session in state["sessions"]]
    assert found == [
        ("002", None, 2, 5, 1, 0, 0, 1, 2),
        ("001", "completed", 5, 5, 1, 1, 1, 2, 2),
    ]
    assert "p1" not in json.dumps(state)


def test_payments_name_people_and_no_answers(server: Served) -> None:
    one = server.enter("=HYPERLINK").json()
    assert one == {"error": "malformed"}
    one, two = server.enter("p1").json(), server.enter("-2+3").json()
    assert two == {"error": "malformed"}
    two = server.enter("@p2").json()
    server.send(one, *whole_session(one["session"]))
    server.finish(one)
    answer = get(server, "payments.csv", operator(server))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["PROLIFIC_PID"], row["status"]) for row in rows] == [
        ("'@p2", "under way"),  # no formula for a spreadsheet
        ("p1", "completed"),
    ]
    assert one["session"] not in answer.text
    assert "001" not in answer.text


def test_stop_and_go_on(server: Served) -> None:
    headers = operator(server)
    begun = server.enter("p1").json()
    for on, expected in ((False, 409), (True, 200)):
        path = "/api/operator/accepting"
        assert server.client.post(path, json={"on": on}, headers=headers).json() == {"on": on}
        assert server.enter(f"new-{on}").status_code == expected
        assert server.enter("p1").json() == begun  # may finish
    assert get(server, "state", headers).json()["accepting"]


@pytest.mark.parametrize("n_trials", [0, 1])
def test_a_place_can_be_freed(
    server: Served, caplog: pytest.LogCaptureFixture, n_trials: int
) -> None:
    headers, path = operator(server), "/api/operator/free"
    left = server.enter("prolific-person").json()
    if n_trials:
        server.send(left, *whole_session(left["session"])[:2])
    name = {"session": left["session"]}
    entered = bearer(left)
    assert server.client.post(path, json=name, headers=entered).json() == {"error": "forbidden"}
    with caplog.at_level(logging.INFO, logger="twoalike"):
        assert server.client.post(path, json=name, headers=headers).json() == {}
    assert left["session"] in caplog.text
    assert "prolific" not in caplog.text
    (session,) = get(server, "state", headers).json()["sessions"]
    assert (session["ended"], session["returned"]) == ("expired", not n_trials)
    code = server.enter("next").json()["person"]["participant"]
    assert code == ("002" if n_trials else "001")
    unknown = server.client.post(path, json={"session": "no-such"}, headers=headers)
    assert unknown.status_code == 404


def test_the_archive_is_that_of_the_store(server: Served) -> None:
    one = server.enter("p1").json()
    server.enter("p2")
    sent = whole_session(one["session"])
    server.send(one, *sent)
    text = get(server, "records", operator(server)).text
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines == [json.loads(line) for line in read_store(default_store(server.study))]
    assert [line.get("kind", line.get("n")) for line in lines] == [
        "session",
        *range(1, 10),
        "session",
    ]
    assert lines[1:10] == sent
    assert "p1" not in text


def test_only_the_operator_is_told(server: Served) -> None:
    entered = server.enter("p1").json()
    old = operator(server)
    headers = operator(server)
    for wrong in (old, {}, {"authorization": f"Bearer {entered['token']}"}):
        for path in ("state", "payments.csv", "records"):
            answer = get(server, path, wrong)
            assert (answer.status_code, answer.json()) == (403, {"error": "forbidden"})
        stop = server.client.post("/api/operator/accepting", json={"on": False}, headers=wrong)
        assert stop.status_code == 403
    assert get(server, "state", headers).json()["accepting"]
    token = headers["authorization"].removeprefix("Bearer ").encode()
    written = b"".join(path.read_bytes() for path in online_folder(server.study).iterdir())
    assert token not in written


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
    answers = [
        *(
            server.client.get(path)
            for path in ("/", "/nowhere", "/operator/", "/operator/operator.js")
        ),
        server.client.post("/api/records", content=b"x"),
        server.client.delete("/api/enter"),
        server.enter("p1"),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
    assert answers[-1].headers["cache-control"] == "no-store"


def test_logs_name_no_person(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="twoalike"):
        entered = server.enter("prolific-person-1").json()
        server.enter("<prolific-person-2>")
        server.send(entered, record(entered["session"], 1, 9, 9, note()))
        server.client.post("/api/withdraw", json={"code": entered["withdraw"]})
    assert entered["session"] in caplog.text
    assert "prolific" not in caplog.text
    assert "testclient" not in caplog.text
    assert entered["token"] not in caplog.text
    assert entered["withdraw"] not in caplog.text
