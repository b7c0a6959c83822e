"""How sessions end in browsers: codes, and whoever returns."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.online.crowd import Served, make_study, person_of, records, serving
from tests.online.engines import Engine, opened
from tests.online.player import Means, Player

from twoalike.online import build_online, write_static

SIZE = (1280, 900)
ONLINE = """
[online]
entry = "id"
completion_code = "DONE"
declined_code = "NO"
interrupted_code = "LEFT"
reload = "end"
screened_out_code = "OUT"
completion_url = "https://pay.example.org/?cc={code}"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study of one task, whose people come with an id, and its server."""
    study = make_study(tmp_path_factory.mktemp("closing") / "creatures", trials=3)
    with (study.root / "study.toml").open("a", encoding="utf-8") as file:
        file.write(ONLINE)
    build_online(study.root, 6, task="odd-one-out")
    with serving(study) as server:
        yield server


def visit(served: Served, engine: Engine, person: str, visit: int = 1) -> None:
    """Open the page as Prolific does, and press its button."""
    engine.go(f"{served.address}?PROLIFIC_PID={person}&SESSION_ID={visit}")
    engine.click("#start")


def expect_end(engine: Engine, text: str, code: str) -> None:
    """Expect the last page, with a text, a code and the way back."""
    Player(engine).expect(text, code)
    link = engine.ask("() => document.querySelector('a.push').href")
    assert link == f"https://pay.example.org/?cc={code}"


@dataclass
class Chooser(Player):
    """Chooses an option of each question, by the mouse."""

    means: Means = "mouse"
    number: int = 1

    def _question(self, part: int) -> Any:
        return None

    def _answer(self, step: Any) -> None:
        self.engine.click(".option", self.number)


@pytest.mark.slow
def test_who_declines_or_cannot_take_part_sees_the_code_for_it(
    served: Served, tmp_path: Path
) -> None:
    with opened("firefox", tmp_path / "one", SIZE) as engine:
        visit(served, engine, "p2")
        Chooser(engine).play()
        expect_end(engine, "You have chosen not to take part.", "NO")
    with opened("chromium", tmp_path / "two", (200, 150), touch=True) as engine:
        engine.go(f"{served.address}?PROLIFIC_PID=p2&SESSION_ID=2")  # declined before
        expect_end(engine, "You have chosen not to take part.", "NO")
        engine.go(f"{served.address}?PROLIFIC_PID=p3")
        expect_end(engine, "This window is too small.", "OUT")
    with opened("webkit", tmp_path / "three", SIZE) as engine:
        visit(served, engine, "p3", visit=2)
        expect_end(engine, "You could not take part", "OUT")
        visit(served, engine, "p4")
        Chooser(engine, number=0).play(lambda state: state["step"] == "0.1")
    with opened("chromium", tmp_path / "four", (200, 150), touch=True) as engine:
        engine.go(f"{served.address}?PROLIFIC_PID=p4")  # under way on a larger screen
        Player(engine).expect("This window is too small.")
        time.sleep(0.5)
        assert [line["ended"] for line in records(served) if "ended" in line][-1] is None
    with opened("firefox", tmp_path / "five", SIZE) as engine:
        player = Player(engine)
        code = player.enter(f"{served.address}?PROLIFIC_PID=p5")
        player.person = person_of(served.study, code)
        player.play(lambda state: state["kind"] == "choice" and state["open"])
        visit(served, engine, "p5")
        expect_end(engine, "as its page was closed or loaded anew", "LEFT")


@pytest.mark.slow
def test_a_plain_host_gives_the_code_and_the_way_back(served: Served, tmp_path: Path) -> None:
    write_static(served.study.root, tmp_path / "site")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{host.server_port}/?PROLIFIC_PID=p1&SESSION_ID="
        with opened("webkit", tmp_path / "one", SIZE) as engine:
            engine.go(f"{address}1")
            engine.click("#start")
            Chooser(engine).play()
            expect_end(engine, "You have chosen not to take part.", "NO")
            engine.go(f"{address}2")
            expect_end(engine, "You have chosen not to take part.", "NO")
        host.shutdown()
