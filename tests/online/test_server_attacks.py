"""What a participant could try beyond single forged records: time, places, codes, payments."""

import asyncio
import csv
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.online.server_study import (
    Served,
    bearer,
    built_study,
    compiled_study,
    end,
    note,
    record,
    served,
    whole_session,
)
from tests.online.test_server_kill import await_server, free_port

from twoalike.online import _app as app
from twoalike.online._built import Refusal
from twoalike.online._limits import Buckets, Limits
from twoalike.online._records import MOST_BYTES
from twoalike.online._serve import new_token

CALM = Limits(1e6, 1e6, 1e6, 1e6)
_LONGEST = 16 * MOST_BYTES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    study = built_study(tmp_path_factory.mktemp("attacks"), ["001"])
    with served(study, CALM) as running:
        yield running


def _note_with(detail: str) -> str:
    """A record of one note, as text."""
    shown = json.dumps([record("s", 1, 0, 0, note())])
    return shown.replace('"detail": {}', f'"detail": {{{detail}}}')


BOMBS = {
    "numbers": "[" + ",".join(["1"] * (_LONGEST // 2 - 10)) + "]",
    "unknown items": json.dumps([record("s", 1, 0, 0)]).replace(
        '"items": []', '"items": [' + ",".join(["{}"] * 1_300_000) + "]"
    ),
    "unknown keys": "[{" + ",".join(f'"{n}":0' for n in range(20_000)) + "}]",
    "details": _note_with(",".join(f'"{n}":[]' for n in range(20_000))),
    "a number of four million digits": "[" + "9" * (_LONGEST - 10) + "]",
    "depth": '[{"a":' * 100_000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_request_that_makes_much_work_is_refused_at_once(server: Served, what: str) -> None:
    headers = bearer(server.enter("p1").json())
    content = BOMBS[what].encode()
    assert len(content) <= _LONGEST
    begun = time.process_time()
    answer = server.client.post("/api/records", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"error": "malformed"})
    assert time.process_time() - begun < 1.5


def test_long_requests_count_as_many(tmp_path: Path) -> None:
    limits = Limits(session_burst=40, session_per_s=0.001)
    with served(built_study(tmp_path), limits) as server:
        entered = server.enter("p1").json()
        padded = b"[" + b" " * (_LONGEST - 10) + b"]"
        codes = [
            server.client.post("/api/records", content=padded, headers=bearer(entered)).status_code
            for _ in range(3)
        ]
        assert codes == [400, 429, 429]


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
            assert (
                server.client.post("/api/enter", content=sent, headers=headers).status_code == 400
            )
        assert server.archive() == []
        # Prolific leads people to the page, and the page asks for itself.
        arrives = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert server.client.get("/?PROLIFIC_PID=p1", headers=arrives).status_code == 200
        own = {"sec-fetch-site": "same-origin"}
        assert server.client.post("/api/enter", json=who, headers=own).status_code == 200


N_SILENT = 1_100
SERVE = """
import sys
from contextlib import suppress
from twoalike.online import Limits, serve
with suppress(KeyboardInterrupt):
    serve(sys.argv[1], port=int(sys.argv[2]), limits=Limits(head_s=4.0))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of open files")
@pytest.mark.parametrize("n_files", [1_024, pytest.param(300, marks=pytest.mark.slow)])
def test_silent_connections_stop_nothing(tmp_path: Path, n_files: int) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * N_SILENT)), hard))
    study, log, port = compiled_study(tmp_path, 2, 10), tmp_path / "log.txt", free_port()
    serve = shlex.join([sys.executable, "-c", SERVE, str(study), str(port)])
    with log.open("wb") as file, ExitStack() as silent:
        command = ["sh", "-c", f"ulimit -n {n_files}; exec {serve}"]
        server = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            await_server(port)
            address = ("127.0.0.1", port)
            for number in range(N_SILENT):
                connection = silent.enter_context(socket.create_connection(address, timeout=30))
                if number % 2:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost:")
            who = {"external": {"PROLIFIC_PID": "p1"}}
            answer = httpx.post(f"http://127.0.0.1:{port}/api/enter", json=who, timeout=20)
            assert answer.status_code == 200
            try:
                assert connection.recv(1) == b""  # nothing came in time
            except ConnectionResetError:
                pass
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    lines = log.read_text(encoding="utf-8")
    assert "Traceback" not in lines
    assert lines.count("silent connections closed") == 1


def test_withdrawing_twice_gives_the_code_to_nobody(tmp_path: Path) -> None:
    with served(built_study(tmp_path, ["001"])) as server:
        entered = server.enter("p1").json()
        server.send(entered, *whole_session(entered["session"])[:3])
        for _ in range(2):
            left = server.client.post("/api/withdraw", json={"code": entered["withdraw"]})
            assert left.json() == {}
        assert server.archive()[0]["participant"] == "001"
        assert server.enter("p2").json() == {"error": "full"}


def test_arrangements_cannot_be_left_out(tmp_path: Path) -> None:
    with served(built_study(tmp_path, online='completion_code = "C1"')) as server:
        entered = server.enter("p1").json()
        sent = whole_session(entered["session"])
        server.send(entered, *sent[:6])
        leap = record(entered["session"], 7, 1, 3, note(), end())
        assert server.send(entered, leap).json() == {"error": "malformed"}
        gap = json.loads(json.dumps(sent[6]).replace('"trial_index": 1', '"trial_index": 7'))
        assert server.send(entered, gap).json() == {"error": "malformed"}
        assert server.finish(entered).json() == {"error": "malformed"}
        server.send(entered, *sent[6:])
        assert server.finish(entered).json()["code"] == "C1"


def test_parts_of_an_address_are_no_columns_of_the_payment_list(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    with served(study) as server:
        server.enter("p1")
        sent = {"PROLIFIC_PID": "p2", "status": "completed", "Minutes": "9", "STUDY_ID": "s"}
        server.client.post("/api/enter", json={"external": sent})
        headers = {"authorization": f"Bearer {new_token(server.study)}"}
        table = server.client.get("/api/operator/payments.csv", headers=headers).text
        rows = list(csv.reader(io.StringIO(table)))
    assert rows[0][:3] == ["PROLIFIC_PID", "STUDY_ID", "status"]
    assert [name.lower() for name in rows[0]].count("minutes") == 1
    assert [row[2] for row in rows[1:]] == ["under way", "under way"]


def test_addresses_of_one_network_share_their_requests() -> None:
    addresses = Buckets(2, 0.001)
    taken = [addresses.take(app.network(f"2001:db8:1:2::{n}")) for n in range(4)]
    assert taken == [True, True, False, False]
    assert addresses.take(app.network("2001:db8:1:3::1"))
    assert app.network("192.0.2.7") == "192.0.2.7"
    assert app.network("testclient") == "testclient"
