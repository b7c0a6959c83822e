"""Records: stored once, in their order, whole requests or nothing; what is refused."""

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.online.server_study import (
    Served,
    arrangement,
    bearer,
    built_study,
    choice,
    end,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online._limits import Limits
from twoalike.online._records import MOST_BYTES


def stored(server: Served, session: str) -> list[int]:
    """Numbers of the stored records of a session."""
    lines = server.archive()
    return [line["n"] for line in lines if "n" in line and line["session"] == session]


def test_the_same_record_is_stored_once(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        sent = whole_session(entered["session"])
        for one in (*sent[:3], *sent[:3], *sent):
            assert server.send(entered, one).json()["acknowledged"] == [one["n"]]
        assert server.send(entered, *sent).json()["acknowledged"] == list(range(1, 10))
        assert server.archive()[1:] == sent
        assert server.finish(entered).status_code == 200
        assert server.send(entered, sent[-1]).json()["acknowledged"] == [9]
        further = record(entered["session"], 10, 1, 2)
        assert server.send(entered, further).json() == {"error": "finished"}


def test_records_in_any_order_are_stored_in_theirs(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        sent = whole_session(entered["session"])
        waiting = {one["n"]: one for one in sent}
        while waiting:
            some = rng.permutation(sorted(waiting))[: rng.integers(1, 4)]
            answer = server.send(entered, *(waiting[int(n)] for n in some)).json()
            for n in answer["acknowledged"]:
                assert stored(server, entered["session"])[n - 1] == n
                del waiting[n]
        assert server.archive()[1:] == sent


def test_a_different_record_under_a_known_number_is_refused(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:3])
        forged = copy.deepcopy(sent[1])
        forged["items"][0]["answer"]["position"] = "right"
        answer = server.send(entered, sent[3], forged)
        assert (answer.status_code, answer.json()) == (409, {"error": "changed"})
        assert server.archive()[1:] == sent[:3]


def test_a_step_may_take_several_records_but_is_answered_once(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        name = entered["session"]
        some = [record(name, 1, 0, 1, note()), record(name, 2, 0, 1, choice(1))]
        assert server.send(entered, *some, record(name, 3, 0, 1, note())).status_code == 200
        assert server.enter("p1").json()["resume"]["step"] == 2
        again = server.send(entered, record(name, 4, 0, 1, choice(1, "right")))
        assert again.json() == {"error": "malformed"}


def test_an_answer_in_time_and_none(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        missed = record(entered["session"], 1, 0, 1, choice(1, None, "slow"))
        assert server.send(entered, missed).status_code == 200


type Forging = Callable[[dict[str, Any]], Any]
FORGED: dict[str, Forging] = {
    "another session": lambda r: r.update(session="0" * 16),
    "a path for a session": lambda r: r.update(session="../../etc"),
    "another build": lambda r: r.update(protocol="0" * 64),
    "number 0": lambda r: r.update(n=0),
    "a number as text": lambda r: r.update(n="1"),
    "a part that is not there": lambda r: r.update(part=2),
    "a later part": lambda r: r.update(part=1, step=0, items=[]),
    "a step that is not there": lambda r: r.update(step=99),
    "a step that leaves trials out": lambda r: r.update(step=3, items=[choice(3)]),
    "the trial of another step": lambda r: r["items"][0].update(trial_index=2),
    "a trial at a page": lambda r: r.update(step=0),
    "a place that was not shown": lambda r: r["items"][0]["answer"].update(position="top"),
    "a key with markup": lambda r: r["items"][0]["answer"].update(key="<b>"),
    "two results": lambda r: r["items"].append(choice(1)),
    "an arrangement at a trial": lambda r: r.update(items=[arrangement(1)]),
    "an end too early": lambda r: r["items"].append(end()),
    "something after the end": lambda r: r["items"].extend([end("declined"), note()]),
    "an unknown kind": lambda r: r["items"].append({"kind": "shell", "command": "ls"}),
    "an unknown key": lambda r: r.update(admin=True),
    "not a number": lambda r: r["items"][0].update(onset=float("nan")),
    "a time below 0": lambda r: r["items"][0].update(onset=-1.0),
    "SQL as a place": lambda r: r["items"][0]["answer"].update(position="left'); DROP TABLE--"),
    "SQL as a session": lambda r: r.update(session="x'; DELETE FROM records; --"),
    "a number larger than any other": lambda r: r.update(
        items=[{"kind": "event", "values": {"onset": 10**400}}]
    ),
    "answers at a trial": lambda r: r["items"].append(
        {"kind": "answers", "measure": "form", "values": {"age": 30}}
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server on which everything forged is tried; nothing of it must remain."""
    calm = Limits(1e6, 1e6, 1e6, 1e6)
    with served(built_study(tmp_path_factory.mktemp("forged"), ["001"]), calm) as running:
        yield running


@pytest.mark.parametrize("what", FORGED)
def test_forged_records_are_refused_and_logged(
    server: Served, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    entered = server.enter("p1").json()
    forged = record(entered["session"], 1, 0, 1, choice(1))
    FORGED[what](forged)
    body = json.dumps([forged])
    with caplog.at_level(logging.WARNING):
        answer = server.client.post("/api/records", content=body, headers=bearer(entered))
    assert answer.status_code in (400, 403, 409)
    assert server.archive()[1:] == []
    assert "refused" in caplog.text
    assert "DROP" not in caplog.text


ARRANGED: dict[str, dict[str, Any]] = {
    "objects of others": {"items": ["a", "b", "z"]},
    "another order": {"items": ["b", "a", "d"]},
    "an object twice": {"items": ["a", "b", "b"]},
    "fewer places": {"places": [[0.0, 0.0]]},
    "an earlier trial": {"trial_index": 1},
    "a place far away": {"places": [[1e9, 0.0]] * 3},
}


@pytest.mark.parametrize("what", ARRANGED)
def test_forged_arrangements_are_refused(tmp_path: Path, what: str) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:7])
        forged = record(entered["session"], 8, 1, 2, arrangement(2) | ARRANGED[what])
        assert server.send(entered, forged).json() == {"error": "malformed"}
        assert server.send(entered, sent[7]).status_code == 200


def test_long_bodies_are_not_read(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        headers = bearer(entered)
        huge = b"[" + b" " * (16 * MOST_BYTES) + b"]"
        answer = server.client.post("/api/records", content=huge, headers=headers)
        assert (answer.status_code, answer.json()) == (413, {"error": "too_large"})
        pieces = (b" " * 65_536 for _ in range(100))  # no length announced
        answer = server.client.post("/api/records", content=pieces, headers=headers)
        assert answer.status_code == 413
        answer = server.client.post("/api/enter", content=b" " * 20_000)
        assert answer.status_code == 413
        long = {"kind": "answers", "measure": "form", "values": {"a": "x" * 10_001}}
        assert server.send(entered, record(entered["session"], 1, 0, 0, long)).status_code == 400
        many = [note() | {"detail": {"x": "y" * 600}}] * 500
        assert server.send(entered, record(entered["session"], 1, 0, 0, *many)).status_code == 413
        assert len(server.archive()) == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1]", b"\xff", b"[" * 5000])
def test_what_is_no_batch_is_refused(tmp_path: Path, body: bytes) -> None:
    with served(built_study(tmp_path)) as server:
        headers = bearer(server.enter("p1").json())
        answer = server.client.post("/api/records", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (400, {"error": "malformed"})


def test_another_token_is_of_no_use(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        one, other = server.enter("p1").json(), server.enter("p2").json()
        sent = record(one["session"], 1, 0, 0, note())
        assert server.send(other, sent).json() == {"error": "forbidden"}
        made_up = one["session"] + "." + other["token"].partition(".")[2]
        for token in (made_up, one["session"], "", "é"):
            answer = server.client.post(
                "/api/records", json=[sent], headers={b"authorization": f"Bearer {token}".encode()}
            )
            assert (answer.status_code, answer.json()) == (403, {"error": "forbidden"})
        assert len(server.archive()) == 2


def test_a_session_that_asks_too_often_has_to_wait(tmp_path: Path) -> None:
    with served(built_study(tmp_path), Limits(session_burst=3, session_per_s=0.001)) as server:
        entered = server.enter("p1").json()
        sent = record(entered["session"], 1, 0, 0, note())
        answers = [server.send(entered, sent) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["retry-after"] == "2"
        assert server.send(server.enter("p2").json(), record("x", 1, 0, 0)).status_code == 403


def test_an_address_that_guesses_has_to_wait(tmp_path: Path) -> None:
    limits = Limits(address_burst=50, address_per_s=0.001)
    with served(built_study(tmp_path), limits) as server:
        answers = [
            server.client.post("/api/withdraw", json={"code": f"AAAA-{n}"}) for n in range(5)
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
