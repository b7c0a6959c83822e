"""Records: stored once, in their order, whole requests or nothing; what is refused, and when."""

import asyncio
import copy
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from tests.online.server_study import (
    Served,
    arrangement,
    bearer,
    built_study,
    choice,
    compiled_study,
    end,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online import _app as app
from twoalike.online._limits import Buckets, Limits
from twoalike.online._records import MOST_BYTES, Refusal

CALM = Limits(1e6, 1e6, 1e6, 1e6)
MALFORMED = {"error": "malformed"}
_LONGEST = 16 * MOST_BYTES


def test_the_same_record_is_stored_once(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.entered("p1")
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
        entered = server.entered("p1")
        sent = whole_session(entered["session"])
        waiting = {one["n"]: one for one in sent}
        while waiting:
            some = rng.permutation(sorted(waiting))[: rng.integers(1, 4)]
            answer = server.send(entered, *(waiting[int(n)] for n in some)).json()
            for n in answer["acknowledged"]:
                assert server.archive()[n] == waiting.pop(n)
        assert server.archive()[1:] == sent


def test_a_different_record_under_a_known_number_is_refused(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.entered("p1")
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:3])
        forged = copy.deepcopy(sent[1])
        forged["items"][0]["answer"]["position"] = "right"
        answer = server.send(entered, sent[3], forged)
        assert (answer.status_code, answer.json()) == (409, {"error": "changed"})
        assert server.archive()[1:] == sent[:3]


def test_a_step_may_take_several_records_but_is_answered_once(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.entered("p1")
        name = entered["session"]
        missed = record(name, 2, 0, 1, choice(1, None, "slow"))  # not answered in time
        some = [record(name, 1, 0, 1, note()), missed, record(name, 3, 0, 1, note())]
        assert server.send(entered, *some).status_code == 200
        assert server.entered("p1")["resume"]["step"] == 2
        assert server.send(entered, record(name, 4, 0, 1, choice(1, "right"))).json() == MALFORMED


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
    with served(built_study(tmp_path_factory.mktemp("forged"), ["001", "002"]), CALM) as running:
        yield running


@pytest.mark.parametrize("what", FORGED)
def test_forged_records_are_refused_and_logged(
    server: Served, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    entered = server.entered("p1")
    forged = record(entered["session"], 1, 0, 1, choice(1))
    FORGED[what](forged)
    body = json.dumps([forged])
    with caplog.at_level(logging.WARNING):
        answer = server.client.post("/api/records", content=body, headers=bearer(entered))
    assert answer.status_code in (400, 403, 409)
    assert server.archive()[1:] == []
    assert "refused" in caplog.text
    assert "DROP" not in caplog.text


FORGED_ARRANGEMENTS: dict[str, dict[str, Any]] = {
    "objects of others": {"items": ["a", "b", "z"]},
    "another order": {"items": ["b", "a", "d"]},
    "an object twice": {"items": ["a", "b", "b"]},
    "fewer places": {"places": [[0.0, 0.0]]},
    "an earlier trial": {"trial_index": 1},
    "a later trial": {"trial_index": 7},
    "a place far away": {"places": [[1e9, 0.0]] * 3},
}


def test_forged_arrangements_are_refused_and_none_is_left_out(tmp_path: Path) -> None:
    study = built_study(tmp_path, online='completion_code = "C1"')
    with served(study, CALM) as server:
        entered = server.entered("p1")
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:7])
        for what, change in FORGED_ARRANGEMENTS.items():
            forged = record(entered["session"], 8, 1, 2, arrangement(2) | change)
            assert server.send(entered, forged).json() == MALFORMED, what
        leap = record(entered["session"], 8, 1, 3, note(), end())
        assert server.send(entered, leap).json() == MALFORMED
        assert server.finish(entered).json() == MALFORMED
        assert server.send(entered, *sent[7:]).status_code == 200
        assert server.finish(entered).json()["code"] == "C1"


def _note_with(detail: str) -> str:
    """A record of one note, as text."""
    shown = json.dumps([record("s", 1, 0, 0, note())])
    return shown.replace('"detail": {}', f'"detail": {{{detail}}}')


BODIES: dict[str, bytes] = {
    **{str(body): body for body in (b"", b"{}", b"[]", b"[1]", b"\xff", b"[" * 5000)},
    "numbers": b"[" + b",".join([b"1"] * (_LONGEST // 2 - 10)) + b"]",
    "unknown items": json.dumps([record("s", 1, 0, 0)])
    .replace('"items": []', '"items": [' + ",".join(["{}"] * 1_300_000) + "]")
    .encode(),
    "unknown keys": b"[{" + b",".join(b'"%d":0' % n for n in range(20_000)) + b"}]",
    "details": _note_with(",".join(f'"{n}":[]' for n in range(20_000))).encode(),
    "a number of four million digits": b"[" + b"9" * (_LONGEST - 10) + b"]",
    "depth": b'[{"a":' * 100_000,
}


@pytest.mark.parametrize("what", BODIES)
def test_what_is_no_batch_is_refused_at_once(server: Served, what: str) -> None:
    headers = bearer(server.entered("p1"))
    assert len(BODIES[what]) <= _LONGEST
    begun = time.process_time()
    answer = server.client.post("/api/records", content=BODIES[what], headers=headers)
    assert (answer.status_code, answer.json()) == (400, MALFORMED)
    assert time.process_time() - begun < 1.5


def test_long_bodies_are_not_read(server: Served) -> None:
    entered = server.entered("p1")
    headers, post = bearer(entered), server.client.post
    answer = post("/api/records", content=b" " * (_LONGEST + 2), headers=headers)
    assert (answer.status_code, answer.json()) == (413, {"error": "too_large"})
    pieces = (b" " * 65_536 for _ in range(100))  # no length announced
    assert post("/api/records", content=pieces, headers=headers).status_code == 413
    assert post("/api/enter", content=b" " * 20_000).status_code == 413
    long = {"kind": "answers", "measure": "form", "values": {"a": "x" * 10_001}}
    assert server.send(entered, record(entered["session"], 1, 0, 0, long)).status_code == 400
    many = [note(x="y" * 600)] * 500
    assert server.send(entered, record(entered["session"], 1, 0, 0, *many)).status_code == 413
    assert server.archive()[1:] == []


def test_another_token_is_of_no_use(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        one, other = server.entered("p1"), server.entered("p2")
        sent = record(one["session"], 1, 0, 0, note())
        assert server.send(other, sent).json() == {"error": "forbidden"}
        made_up = one["session"] + "." + other["token"].partition(".")[2]
        for token in (made_up, one["session"], "", "é"):
            answer = server.client.post(
                "/api/records", json=[sent], headers={b"authorization": f"Bearer {token}".encode()}
            )
            assert (answer.status_code, answer.json()) == (403, {"error": "forbidden"})
        assert len(server.archive()) == 2


def test_who_asks_too_often_asks_too_much_or_guesses_has_to_wait(tmp_path: Path) -> None:
    limits = Limits(session_burst=40, session_per_s=0.001, address_burst=100, address_per_s=0.001)
    with served(built_study(tmp_path), limits) as server:
        one, other = server.entered("p1"), server.entered("p2")
        sent = record(one["session"], 1, 0, 0, note())
        answers = [server.send(one, sent) for _ in range(41)]
        assert [answer.status_code for answer in answers] == [200] * 40 + [429]
        assert answers[-1].headers["retry-after"] == "2"
        padded = b"[" + b" " * (_LONGEST - 10) + b"]"  # counts as many
        post = server.client.post
        long = [post("/api/records", content=padded, headers=bearer(other)) for _ in range(3)]
        assert [answer.status_code for answer in long] == [400, 429, 429]
        guesses = [post("/api/withdraw", json={"code": f"AAAA-{n}"}) for n in range(5)]
        assert [answer.status_code for answer in guesses] == [404, 404, 404, 429, 429]


def test_addresses_of_one_network_share_their_requests() -> None:
    addresses = Buckets(2, 0.001)
    taken = [addresses.take(app.network(f"2001:db8:1:2::{n}")) for n in range(4)]
    assert taken == [True, True, False, False]
    assert addresses.take(app.network("2001:db8:1:3::1"))
    assert [app.network(name) for name in ("192.0.2.7", "testclient")] == [
        *("192.0.2.7", "testclient")
    ]


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stalled:
        headers: dict[str, str] = {}

        async def stream(self) -> Any:
            yield b"["
            await asyncio.sleep(30)

    monkeypatch.setattr(app, "_BODY_S", 0.05)
    with pytest.raises(Refusal, match="does not come"):
        asyncio.run(app._body(Stalled(), 100))  # type: ignore[arg-type]


def test_a_page_of_another_site_enters_nobody(tmp_path: Path) -> None:
    with served(built_study(tmp_path, online='entry = "id"')) as server:
        who = {"external": {"PROLIFIC_PID": "p1"}}
        for site in ("cross-site", "same-site"):
            headers = {"sec-fetch-site": site}
            answer = server.client.post("/api/enter", json=who, headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"error": "forbidden"})
        # Of a browser that does not name the site; a form cannot send JSON.
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            headers = {"content-type": kind, "origin": "https://evil.example"}
            sent = json.dumps(who).encode()
            answer = server.client.post("/api/enter", content=sent, headers=headers)
            assert answer.status_code == 400
        assert server.archive() == []
        # Prolific leads people to the page, and the page asks for itself.
        arrives = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert server.client.get("/?PROLIFIC_PID=p1", headers=arrives).status_code == 200
        own = {"sec-fetch-site": "same-origin"}
        assert server.client.post("/api/enter", json=who, headers=own).status_code == 200


SERVE = """
import sys
from contextlib import suppress
from functools import partial
from twoalike.online import Limits, serve
with suppress(KeyboardInterrupt):
    serve(sys.argv[1], port=0, limits=Limits(head_s=2.0), show=partial(print, flush=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of open files")
# What a system usually allows is as the small number, and four times as long.
@pytest.mark.parametrize("n_files", [300, pytest.param(1_024, marks=pytest.mark.slow)])
def test_silent_connections_stop_nothing(tmp_path: Path, n_files: int) -> None:
    import resource

    n_silent = n_files + 76
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * n_silent)), hard))
    study, log = compiled_study(tmp_path, 2, 10), tmp_path / "log.txt"
    serve = shlex.join([sys.executable, "-c", SERVE, str(study)])
    command = ["sh", "-c", f"ulimit -n {n_files}; exec {serve}"]
    with log.open("wb") as file, ExitStack() as silent:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[1]
            port = urlsplit(address).port
            for number in range(n_silent):
                connection = socket.create_connection(("127.0.0.1", port), timeout=30)
                silent.enter_context(connection)
                if number % 2:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost:")
            who = {"external": {"PROLIFIC_PID": "p1"}}
            answer = httpx.post(f"{address}api/enter", json=who, timeout=20)
            assert answer.status_code == 200
            try:
                assert connection.recv(1) == b""  # nothing came in time
            except ConnectionResetError:
                pass
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    lines = log.read_text(encoding="utf-8")
    assert "Traceback" not in lines
    assert lines.count("silent connections closed") == 1
