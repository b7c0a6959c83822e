"""Attacks on sessions in a browser, and a table of their outcomes.

    python -P tests/hardening/online_attacks.py [--tries N] [--seed N] [--only NAME] [--engine NAME]

A simulated participant goes through whole sessions of both tasks in a browser, against the real
server, while tabs, browsers and servers are killed and the line fails. *Faults* are confirmed
records that the archive lacks or holds otherwise, trials that it holds twice or not at all, gaps in
the numbers of records, and trials that are asked again after the page has gone on to another one.
Every session must reach its end, and be fetched.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, get_args
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.online.crowd import Served, make_study, person_of, plans, records, serving
from tests.online.engines import Engine, Gone, Name, Size, opened
from tests.online.player import Interrupted, Player

from twoalike.online import build_online, fetch

SIZE: Size = (1024, 768)
A_SESSION = 15
"""Faults of one session."""
EVERY_S = (0.5, 3.0)
"""Time from one fault to the next."""
DOWN_S = 3.0
"""How long a line is cut or slow, and a server away at most."""
KINDS = ("choice", "arrangement")


class Line(ThreadingHTTPServer):
    """A proxy between browser and server that breaks the connection on request."""

    daemon_threads = True

    def __init__(self, served: Served) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.server = urlsplit(served.address).netloc
        self.address = f"http://127.0.0.1:{self.server_port}/"
        self.fails = ""
        self.confirmed: dict[int, Any] = {}
        """Records by number."""
        self.old: list[tuple[Any, ...]] = []
        """Requests with records that came while these were kept."""
        Thread(target=self.serve_forever, daemon=True).start()

    def ask(self, *request: Any) -> tuple[Any, bytes]:
        """Ask the server, and note what it confirms."""
        connection = HTTPConnection(self.server, timeout=60)
        try:
            connection.request(*request)
            answer = connection.getresponse()
            found = answer.read()
        finally:
            connection.close()
        if request[1] == "/api/records" and answer.status == 200:
            numbers = set(json.loads(found)["acknowledged"])
            self.confirmed |= {
                one["n"]: one for one in json.loads(request[2]) if one["n"] in numbers
            }
        return answer, found


class Passing(BaseHTTPRequestHandler):
    """Passes a request on, or loses it."""

    server: Line

    def do_GET(self) -> None:
        """Pass on."""
        line = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = (self.command, self.path, body, dict(self.headers))
        fails = line.fails if self.path == "/api/records" or line.fails in ("cut", "slow") else ""
        if fails == "cut":
            return
        if fails == "slow":
            time.sleep(DOWN_S)
        if fails == "out of order":
            line.old.append(request)
        with suppress(OSError, HTTPException):  # server or page are gone
            if fails == "doubled":
                line.ask(*request)
            answer, found = line.ask(*request)
            if fails == "lost":
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Watch:
    """What a participant has been asked, and what is wrong at the end."""

    order: list[tuple[int, int]] = field(default_factory=list)
    """Trials in the order in which they were shown: part and index."""

    def begin(self, part: int, index: int) -> None:
        """Note that a trial is shown."""
        if not self.order or self.order[-1] != (part, index):
            self.order.append((part, index))

    def faults(
        self, lines: list[dict[str, Any]], confirmed: dict[int, Any], planned: set[tuple[int, int]]
    ) -> list[str]:
        """Say what is wrong with the archive of the session after its end."""
        stored = [line for line in lines if "n" in line]
        numbers = [line["n"] for line in stored]
        faults = []
        by_number = {line["n"]: line for line in stored}
        lost = [n for n, sent in confirmed.items() if not _same(by_number.get(n), sent)]
        if lost:
            faults.append(f"confirmed records lost or changed: {lost}")
        if numbers != list(range(1, len(numbers) + 1)):
            faults.append(f"numbers of records: {numbers}")
        trials = Counter(
            (line["part"], item["trial_index"])
            for line in stored
            for item in line["items"]
            if item["kind"] in KINDS
        )
        twice = [trial for trial, n in trials.items() if n > 1]
        if twice:
            faults.append(f"trials doubled: {twice}")
        if trials.keys() != planned:
            faults.append(f"trials missing: {planned - trials.keys()}")
        again = [trial for trial, n in Counter(self.order).items() if n > 1]
        if again:
            faults.append(f"asked again after another trial: {again}")
        return faults


def _same(stored: dict[str, Any] | None, sent: dict[str, Any]) -> bool:
    """The server adds columns that the page leaves out where they say nothing."""
    if stored is None or stored["step"] != sent["step"]:
        return False
    pairs = zip_longest(stored["items"], sent["items"], fillvalue={"kind": None})
    return all(theirs | ours == theirs for theirs, ours in pairs)


@dataclass
class Seat:
    """A participant before a screen, and the server."""

    name: Name
    folder: Path
    served: Served
    stack: ExitStack
    line: Line
    watch: Watch
    player: Player = field(init=False)

    def open(self) -> Engine:
        """Start a browser with the profile of the one before."""
        return self.stack.enter_context(opened(self.name, self.folder / "profile", SIZE))

    def enter(self) -> None:
        """Open the page, which goes on where it was."""
        player = self.player
        for _ in range(20):  # the server may be on its way
            try:
                code = player.enter(self.line.address)
            except (Gone, OSError):
                time.sleep(0.5)
                continue
            if player.person is None:
                player.person = person_of(self.served.study, code)
                player.plans = plans(self.served.study, player.person, SIZE, "hands")
            return
        raise TimeoutError("the page does not open")

    def play(self, seconds: float, *, anywhere: bool) -> bool:
        """Go on for a time; whether the session has ended."""
        player = self.player
        player.deadline, player.anywhere = time.monotonic() + seconds, anywhere
        try:
            player.play()
        except Interrupted:
            return False
        finally:
            player.deadline = None
        return True


type Fault = Callable[[Seat, random.Random], bool]
"""Does something to a session under way; whether it has ended meanwhile."""


def close_tab(seat: Seat, rng: random.Random) -> bool:
    """Close the tab and open another one."""
    seat.player.engine.new_tab()
    time.sleep(rng.choice((0.0, 0.5)))
    seat.enter()
    return False


def reload(seat: Seat, rng: random.Random) -> bool:
    """Load the page anew."""
    seat.enter()
    return False


def end_browser(seat: Seat, rng: random.Random) -> bool:
    """Kill the browser and start it again."""
    seat.stack.close()
    seat.player.engine = seat.open()
    seat.enter()
    return False


def end_server(seat: Seat, rng: random.Random) -> bool:
    """Kill the server; the participant goes on until it is there again."""
    seat.served.kill()
    ended = seat.play(rng.uniform(0.0, DOWN_S), anywhere=False)
    seat.served.again()
    return ended


def line(seat: Seat, rng: random.Random, *, fails: str) -> bool:
    """Cut the line, slow it, double requests, lose answers or send old ones, for some seconds."""
    seat.line.fails = fails
    ended = seat.play(DOWN_S, anywhere=False)
    seat.line.fails = ""
    rng.shuffle(seat.line.old)
    while seat.line.old:
        answer, _ = seat.line.ask(*seat.line.old.pop())
        assert answer.status == 200, answer.reason
    return ended


ATTACKS: dict[str, tuple[int, Fault]] = {
    "page loaded anew": (30, reload),
    "browser killed": (30, end_browser),
    "server killed": (30, end_server),
    "line cut": (20, partial(line, fails="cut")),
    "tab closed": (20, close_tab),
    "line slow, 3 s": (10, partial(line, fails="slow")),
    "requests doubled": (10, partial(line, fails="doubled")),
    "requests again, out of order": (10, partial(line, fails="out of order")),
    "answers lost": (10, partial(line, fails="lost")),
}
"""Tries and function of each attack."""
HEAD = "| engine | attack | tries | sessions | faults | s per try |\n|---|---|---|---|---|---|"


@contextmanager
def seat_at(folder: Path, name: Name) -> Iterator[Seat]:
    """A study with its server, and a participant who has opened its page."""
    study = make_study(folder / "study", trials=24, arrangements=3, repeats=2)
    build_online(study.root, 1)
    with serving(study) as served, ExitStack() as stack:
        seat = Seat(name, folder, served, stack, Line(served), Watch())
        seat.player = Player(seat.open(), begin=seat.watch.begin)
        seat.enter()
        yield seat
        seat.line.shutdown()


def try_session(name: Name, fault: Fault, tries: int, rng: random.Random) -> tuple[int, list[str]]:
    """Do something to a session again and again; return how often, and what was wrong."""
    with TemporaryDirectory(prefix="attacks-") as root, seat_at(Path(root), name) as seat:
        done, ended = 0, False
        while done < tries and not ended:
            ended = seat.play(rng.uniform(*EVERY_S), anywhere=True)
            if not ended:
                ended = fault(seat, rng)
                done += 1
        seat.player.play(limit_s=300)
        seat.player.expect("All of your answers have been stored")
        planned = {
            (part, index) for part, plan in enumerate(seat.player.plans) for index in plan.results
        }
        faults = seat.watch.faults(records(seat.served), seat.line.confirmed, planned)
        fetched = fetch(seat.served.study)
        faults += fetched.problems if fetched.written else ["the session was not fetched"]
        return done, faults


def try_attack(engine: Name, name: str, tries: int, seed: int) -> tuple[str, list[str]]:
    """Give an attack's row of the table, and what went wrong."""
    start, rng = time.monotonic(), random.Random(f"{seed} {name}")
    done = sessions = 0
    faults: list[str] = []
    while done < tries:
        made, found = try_session(engine, ATTACKS[name][1], min(A_SESSION, tries - done), rng)
        done, sessions, faults = done + made, sessions + 1, faults + found
    seconds = (time.monotonic() - start) / tries
    return f"| {engine} | {name} | {tries} | {sessions} | {len(faults)} | {seconds:.1f} |", faults


def main() -> None:
    """Try the attacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, help="tries of each; its own number if left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="attacks whose names begin so")
    parser.add_argument("--engine", choices=get_args(Name.__value__), default="chromium")
    options = parser.parse_args()
    print(HEAD, flush=True)  # noqa: T201
    failed = []
    for name in (name for name in ATTACKS if name.startswith(options.only)):
        row, faults = try_attack(
            options.engine, name, options.tries or ATTACKS[name][0], options.seed
        )
        print(row, flush=True)  # noqa: T201
        failed += [f"- {name}: {fault}" for fault in faults]
    print("\n".join(failed))  # noqa: T201
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
