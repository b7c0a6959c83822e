"""How fast the server of an online study answers, and how fast its records come out again.

    python -P benchmarks/online.py [--people 200] [--seconds 30] [--sessions 1000]

The server is a process of its own on the loopback, limits of requests lifted. Clients are
coroutines of this process, one connection each: all enter at one moment, then each sends a record
about every two seconds, as people do, then all of them as fast as they are answered. Beside it
runs the same load on a bare starlette application that reads the body and answers without a store,
for the ratio. The clients share the cores with the server. The export is read from a store of so
many sessions of 300 trials. The table goes to benchmarks/results/online.md.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.online.server_study import answers, compiled_study, note, record

from twoalike.online import default_store, read_built, read_store

RESULTS = Path(__file__).parent / "results" / "online.md"
N_TRIALS = 300
SERVE = """
import sys
from twoalike.online import Limits, serve
try:
    serve(sys.argv[1], port=int(sys.argv[2]), limits=Limits(1e9, 1e9, 1e9, 1e9))
except KeyboardInterrupt:
    pass
"""
BARE = """
import socket, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def answer(request):
    await request.body()
    return JSONResponse({"acknowledged": [1]})

app = Starlette(routes=[Route("/api/records", answer, methods=["POST"])])
listening = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=2048)
config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
try:
    uvicorn.Server(config).run(sockets=[listening])
except KeyboardInterrupt:
    pass
"""


class Connection:
    """One HTTP/1.1 connection that is kept open: no client library is measured along."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def post(self, path: str, content: Any, token: str = "") -> Any:
        """Send JSON and return the JSON of the answer."""
        body = json.dumps(content).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        head += f"content-type: application/json\r\nauthorization: Bearer {token}\r\n\r\n"
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
        answer = json.loads(await self._reader.readexactly(length))
        if " 200 " not in lines[0]:
            raise SystemExit(f"{lines[0]}: {answer}")
        return answer

    def close(self) -> None:
        """Close it."""
        self._writer.close()


class Client:
    """One person: enters, then sends records."""

    def __init__(self, port: int, number: int, protocol: str, *, enters: bool) -> None:
        self._connection, self._number = Connection(port), number
        self._protocol, self._enters = protocol, enters
        self.times: list[float] = []
        """Seconds of each answer to records."""

    async def enter(self) -> float:
        """Connect and enter; seconds of the answer."""
        await self._connection.open()
        self._token, self._waiting = "x", [record("x", 1, 0, 1, note())]
        if not self._enters:
            return 0.0
        begun = time.monotonic()
        external = {"PROLIFIC_PID": f"p{self._number}"}
        entered = await self._connection.post("/api/enter", {"external": external})
        seconds = time.monotonic() - begun
        self._token = entered["token"]
        self._waiting = answers(entered | {"protocol": self._protocol})[entered["acknowledged"] :]
        return seconds

    async def answer(self, seconds: float, pause_s: float) -> None:
        """Send a record at a time."""
        await asyncio.sleep(pause_s * (self._number % 100) / 100)  # not all at the same moment
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._waiting:
            one = self._waiting.pop(0) if self._enters else self._waiting[0]
            begun = time.monotonic()
            answer = await self._connection.post("/api/records", [one], self._token)
            self.times.append(time.monotonic() - begun)
            if self._enters and answer["acknowledged"] != [one["n"]]:
                raise SystemExit(f"not acknowledged: {answer}")
            await asyncio.sleep(max(0.0, pause_s - self.times[-1]))
        self._connection.close()


async def load(
    port: int, people: int, seconds: float, pause_s: float, *, enters: bool, protocol: str
) -> tuple[list[float], list[float]]:
    """All people at once: seconds of the answers to entering, and to records."""
    clients = [Client(port, number, protocol, enters=enters) for number in range(people)]
    entering = await asyncio.gather(*(one.enter() for one in clients))
    await asyncio.gather(*(one.answer(seconds, pause_s) for one in clients))
    return list(entering), [time for one in clients for time in one.times]


def free_port() -> int:
    """Port that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def start(code: str, study: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server and wait until it listens."""
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(study), str(port)], stdout=subprocess.DEVNULL
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server
        except ConnectionRefusedError:
            time.sleep(0.05)


def peak_mib(server: subprocess.Popen[bytes]) -> float:
    """Largest memory that a process has had."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def row(name: str, times: list[float], seconds: float | None) -> str:
    """Line of the table: records a second, median, 99th percentile, longest, in ms."""
    ms = sorted(1000 * one for one in times)
    p99 = ms[int(0.99 * len(ms))]
    rate = f"{len(ms) / seconds:.0f}" if seconds else ""
    return f"| {name} | {rate} | {statistics.median(ms):.1f} | {p99:.1f} | {ms[-1]:.0f} |"


def measure(study: Path, people: int, seconds: float) -> list[str]:
    """Lines of the table, and the memory of the server."""
    lines, fastest = [], {}
    protocol = read_built(study).session.hash
    for name, code, enters in (("server", SERVE, True), ("bare answer", BARE, False)):
        port = free_port()
        server = start(code, study, port)
        try:
            for how, pause_s in (("every 2 s", 2.0), ("as fast as answered", 0.0)):
                job = load(port, people, seconds, pause_s, enters=enters, protocol=protocol)
                entering, times = asyncio.run(job)
                if enters and pause_s:
                    lines.append(row(f"{people} people enter at one moment", entering, None))
                lines.append(row(f"{name}, {how}", times, seconds))
                fastest[name] = len(times) / seconds
            memory = peak_mib(server)
        finally:
            server.send_signal(2)
            server.wait()
        lines.append(f"| {name}: peak memory, MiB | {memory:.0f} | | | |")
    ratio = fastest["bare answer"] / fastest["server"]
    lines.append(f"| bare answers a second, to records a second | {ratio:.1f} | | | |")
    return lines


def export(folder: Path, sessions: int) -> str:
    """Fill a store with copies of one session, then read it as an archive."""
    from sqlalchemy import insert

    from twoalike.online._places import enter
    from twoalike.online._records import Record
    from twoalike.online._serve import open_store
    from twoalike.online._session_blocks import parts_of
    from twoalike.online._store import SESSIONS, append

    study = compiled_study(folder, 1, N_TRIALS)
    built = read_built(study)
    store, key = open_store(study)
    row = dict(store.write(lambda c: enter(c, built, key, {})))
    parts = parts_of(built, row["participant"])
    person = json.loads((built.folder / "people" / f"{row['participant']}.json").read_text())
    entered = {"session": row["name"], "person": person, "protocol": built.session.hash}
    sent = [Record.model_validate_json(json.dumps(one)) for one in answers(entered)]
    for number in range(sessions):
        name = f"s{number:015d}"
        new = row | {"name": name, "held": f"c{number}", "withdrawal": name}
        store.write(lambda c, new=new: c.execute(insert(SESSIONS).values(new)) and None)
        own = [one.model_copy(update={"session": name}) for one in sent]
        for first in range(0, len(own), 50):
            some = own[first : first + 50]
            store.write(lambda c, name=name, some=some: append(c, name, some, parts))
    store.close()
    begun = time.monotonic()
    out = folder / "archive.ndjson"
    with out.open("w", encoding="utf-8") as file:
        n = sum(file.write(f"{line}\n") > 0 for line in read_store(default_store(study)))
    seconds = time.monotonic() - begun
    size = out.stat().st_size / 2**20
    return (
        f"An archive of {sessions:,} sessions of {N_TRIALS} trials ({n:,} lines, {size:.0f} MiB) "
        f"was written in {seconds:.1f} s."
    )


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--sessions", type=int, default=1000)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    with tempfile.TemporaryDirectory() as folder:
        study = compiled_study(Path(folder) / "load", given.people, N_TRIALS)
        measured = measure(study, given.people, given.seconds)
        exported = export(Path(folder) / "export", given.sessions)
    lines = [
        "# Server of an online study",
        "",
        f"Made by `python -P benchmarks/online.py --people {given.people} --seconds "
        f"{given.seconds:g} --sessions {given.sessions}`:",
        f"{given.people} clients at once on the loopback, {given.seconds:g} s each way of sending; "
        "a record is the result of one trial and",
        "is synced to the disk (SQLite) before the answer. The clients take time of the same "
        f"{os.cpu_count()} cores;",
        f"load average of the machine when the table was written: {os.getloadavg()[0]:.1f}. "
        "All have entered before the first record is sent.",
        f"Python {platform.python_version()}, starlette {version('starlette')}, "
        f"uvicorn {version('uvicorn')}, SQLAlchemy {version('sqlalchemy')}.",
        "",
        "| load | a second | median, ms | 99 %, ms | longest, ms |",
        "|---|---|---|---|---|",
        *measured,
        "",
        exported,
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
