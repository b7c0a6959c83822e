"""Attacks on sessions in a browser, and a table of their outcomes.

    python -P tests/hardening/online_attacks.py [--tries N] [--seed N] [--only NAME]

A simulated participant goes through whole sessions of both tasks in Chromium, against the real
server, while tabs, browsers and servers are killed and the line fails. *Faults* are confirmed
records that the archive lacks or holds otherwise, trials that it holds twice or not at all, gaps in
the numbers of records, and trials that are asked again after the page has gone on to another one.
Every session must reach its end.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import BrowserContext, Error, Request, Response, Route
from tests.online.crowd import (
    Served,
    browser,
    kill_browser,
    make_study,
    person_of,
    plans,
    records,
    serving,
)
from tests.online.player import Interrupted, Player, Size

from twoalike.online import build_online

SIZE: Size = (1024, 768)
A_SESSION = 10
"""Faults of one session."""
EVERY_S = (0.5, 3.0)
"""Time from one fault to the next."""
DOWN_S = 3.0
"""How long a line is cut or slow, and a server away at most."""
KINDS = ("choice", "arrangement")


@dataclass
class Watch:
    """What a participant has answered and what the server has confirmed."""

    confirmed: dict[int, Any] = field(default_factory=dict)
    """Records by number."""
    order: list[tuple[int, int]] = field(default_factory=list)
    """Trials in the order in which they were shown: part and index."""

    def take(self, answer: Response) -> None:
        """Note what an answer of the server confirms."""
        if not answer.url.endswith("/api/records") or answer.status != 200:
            return
        try:
            numbers = set(answer.json()["acknowledged"])
            sent = answer.request.post_data_json
        except Error:
            return  # the page was gone before its answer
        self.confirmed |= {one["n"]: one for one in sent if one["n"] in numbers}

    def begin(self, part: int, index: int) -> None:
        """Note that a trial is shown."""
        if not self.order or self.order[-1] != (part, index):
            self.order.append((part, index))

    def faults(self, lines: list[dict[str, Any]], planned: set[tuple[int, int]]) -> list[str]:
        """Say what is wrong with the archive of the session after its end."""
        stored = [line for line in lines if "n" in line]
        numbers = [line["n"] for line in stored]
        faults = []
        by_number = {line["n"]: line for line in stored}
        lost = [n for n, sent in self.confirmed.items() if not _same(by_number.get(n), sent)]
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
    return stored is not None and all(stored[name] == sent[name] for name in ("step", "items"))


@dataclass
class Seat:
    """A participant before a screen, and the server."""

    folder: Path
    served: Served
    stack: ExitStack
    player: Player
    watch: Watch

    @property
    def context(self) -> BrowserContext:
        """Browser that is open."""
        return self.player.page.context

    def open(self) -> None:
        """Start a browser with the profile of the one before."""
        context = self.stack.enter_context(browser(self.folder / "profile", SIZE))
        context.on("response", self.watch.take)
        self.player.page = context.pages[0]

    def enter(self) -> None:
        """Open the page, which goes on where it was."""
        player = self.player
        for _ in range(20):  # the server may be on its way
            try:
                code = player.enter(self.served.address)
            except Error:
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
    page = seat.context.new_page()
    seat.player.page.close()
    seat.player.page = page
    time.sleep(rng.choice((0.0, 0.5)))
    seat.enter()
    return False


def reload(seat: Seat, rng: random.Random) -> bool:
    """Load the page anew."""
    seat.player.page.mouse.up()
    seat.enter()
    return False


def end_browser(seat: Seat, rng: random.Random) -> bool:
    """Kill the browser and start it again."""
    kill_browser(seat.folder / "profile")
    seat.stack.close()
    seat.open()
    seat.enter()
    return False


def end_server(seat: Seat, rng: random.Random) -> bool:
    """Kill the server; the participant goes on until it is there again."""
    seat.served.kill()
    ended = seat.play(rng.uniform(0.0, DOWN_S), anywhere=False)
    seat.served.again()
    return ended


def line(seat: Seat, rng: random.Random, *, offline: bool, latency_s: float) -> bool:
    """Cut the line, or make it slow, for some seconds."""
    session = seat.context.new_cdp_session(seat.player.page)
    conditions = {"downloadThroughput": -1, "uploadThroughput": -1, "latency": 1000 * latency_s}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": offline, **conditions})
    ended = seat.play(DOWN_S, anywhere=False)
    normal = {"offline": False, **conditions, "latency": 0}
    session.send("Network.emulateNetworkConditions", normal)
    session.detach()
    return ended


def requests(seat: Seat, rng: random.Random, *, kind: str) -> bool:
    """Send requests twice, lose their answers, or send old ones again, for some seconds."""
    old: list[Request] = []

    def handle(route: Route) -> None:
        with suppress(Error):  # the page may have given the request up
            if kind == "out of order":
                old.append(route.request)
            else:
                route.fetch()
            if kind == "answers lost":
                route.abort()
            else:
                route.continue_()

    pattern = "**/api/records"
    seat.player.page.route(pattern, handle)
    ended = seat.play(DOWN_S, anywhere=False)
    seat.player.page.unroute(pattern, handle)
    rng.shuffle(old)
    for one in old:
        headers = {name: one.headers[name] for name in ("authorization", "content-type")}
        answer = seat.context.request.post(one.url, headers=headers, data=one.post_data_buffer)
        assert answer.status == 200, answer.text()
    return ended


ATTACKS: dict[str, tuple[int, Fault]] = {
    "tab closed": (40, close_tab),
    "page loaded anew": (10, reload),
    "browser killed": (20, end_browser),
    "server killed": (40, end_server),
    "line cut": (20, partial(line, offline=True, latency_s=0.0)),
    "line slow, 3 s": (20, partial(line, offline=False, latency_s=3.0)),
    "requests doubled": (20, partial(requests, kind="doubled")),
    "requests again, out of order": (20, partial(requests, kind="out of order")),
    "answers lost": (20, partial(requests, kind="answers lost")),
}
"""Tries and function of each attack."""
HEAD = "| attack | tries | sessions | faults | s per try |\n|---|---|---|---|---|"


@contextmanager
def seat_at(folder: Path) -> Iterator[Seat]:
    """A study with its server, and a participant who has opened its page."""
    study = make_study(folder / "study", trials=24, arrangements=3, repeats=2)
    build_online(study.root, 1)
    with serving(study) as served, ExitStack() as stack:
        watch = Watch()
        with browser(folder / "profile", SIZE) as context:
            player = Player(context.pages[0], SIZE, begin=watch.begin)
        seat = Seat(folder, served, stack, player, watch)
        seat.open()
        seat.enter()
        yield seat


def try_session(fault: Fault, tries: int, rng: random.Random) -> tuple[int, list[str]]:
    """Do something to a session again and again; return how often, and what was wrong."""
    with TemporaryDirectory(prefix="online-attacks-") as folder, seat_at(Path(folder)) as seat:
        done, ended = 0, False
        while done < tries and not ended:
            ended = seat.play(rng.uniform(*EVERY_S), anywhere=True)
            if not ended:
                ended = fault(seat, rng)
                done += 1
        seat.player.play(limit_s=300)
        seat.player.page.get_by_text("All of your answers have been stored").wait_for()
        planned = {
            (part, index) for part, plan in enumerate(seat.player.plans) for index in plan.results
        }
        return done, seat.watch.faults(records(seat.served), planned)


def try_attack(name: str, tries: int, seed: int) -> tuple[str, list[str]]:
    """Give an attack's row of the table, and what went wrong."""
    start, rng = time.monotonic(), random.Random(f"{seed} {name}")
    done = sessions = 0
    faults: list[str] = []
    while done < tries:
        made, found = try_session(ATTACKS[name][1], min(A_SESSION, tries - done), rng)
        done, sessions, faults = done + made, sessions + 1, faults + found
    seconds = (time.monotonic() - start) / tries
    return f"| {name} | {tries} | {sessions} | {len(faults)} | {seconds:.1f} |", faults


def main() -> None:
    """Try the attacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, help="tries of each; its own number if left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="attacks whose names begin so")
    options = parser.parse_args()
    print(HEAD, flush=True)  # noqa: T201
    failed = []
    for name in (name for name in ATTACKS if name.startswith(options.only)):
        row, faults = try_attack(name, options.tries or ATTACKS[name][0], options.seed)
        print(row, flush=True)  # noqa: T201
        failed += [f"- {name}: {fault}" for fault in faults]
    print("\n".join(failed))  # noqa: T201
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
