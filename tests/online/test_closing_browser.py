"""How sessions end in Chromium: codes, whoever returns, and a server restored from a backup."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.online.crowd import (
    CHROMIUM,
    Served,
    browser,
    make_study,
    person_of,
    plans,
    records,
    serving,
)
from tests.online.player import Player

from twoalike.online import build_online, default_store

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

SIZE = (1280, 900)
ONLINE = """
[online]
entry = "id"
completion_code = "DONE"
declined_code = "NO"
screened_out_code = "OUT"
completion_url = "https://pay.example.org/?cc={code}"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study of one task, whose people come with an id, and its server."""
    study = make_study(tmp_path_factory.mktemp("closing") / "creatures", trials=3)
    with (study.root / "study.toml").open("a", encoding="utf-8") as file:
        file.write(ONLINE)
    build_online(study.root, 4, task="odd-one-out")
    with serving(study) as server:
        yield server


def visit(served: Served, page: Page, person: str, visit: int = 1) -> None:
    """Open the page as Prolific does, and press its button."""
    page.goto(f"{served.address}?PROLIFIC_PID={person}&SESSION_ID={visit}")
    page.locator("#start").click()


def expect_end(page: Page, text: str, code: str) -> None:
    """Expect the last page, with a text, a code and the way back."""
    expect(page.get_by_text(text)).to_be_visible()
    expect(page.locator("#code")).to_have_text(code)
    address = f"https://pay.example.org/?cc={code}"
    expect(page.get_by_role("link", name="pay.example.org")).to_have_attribute("href", address)


def test_a_restored_server_strands_nobody_and_whoever_returns_sees_the_code(
    served: Served, tmp_path: Path
) -> None:
    store, backup = default_store(served.study.root), tmp_path / "backup.sqlite"
    with closing(sqlite3.connect(store)) as there, closing(sqlite3.connect(backup)) as copy:
        there.backup(copy)  # before anyone has entered
    with browser(tmp_path / "one", SIZE) as context:
        page = context.pages[0]
        player = Player(page, SIZE)
        code = player.enter(f"{served.address}?PROLIFIC_PID=p1&SESSION_ID=1")
        player.person = person_of(served.study, code)
        player.plans = plans(served.study, player.person, SIZE, "hands")[:1]
        seen: list[int] = []
        player.begin = lambda part, index: seen.append(index)
        player.play(lambda state: state["kind"] == "choice" and state["open"] and len(seen) == 2)
        served.kill()
        for path in store.parent.glob("records.sqlite*"):
            path.unlink()
        shutil.copy(backup, store)
        served.again()
        player.play()
        expect_end(page, "All of your answers have been stored", "DONE")
        numbers = [line["n"] for line in records(served) if "n" in line]
        assert numbers == list(range(1, len(player.person.parts[0].steps) + 1))
        page.reload()  # the browser keeps the end
        expect_end(page, "All of your answers have been stored", "DONE")
    with browser(tmp_path / "two", SIZE) as context:
        page = context.pages[0]
        visit(served, page, "p1", visit=2)
        expect_end(page, "All of your answers have been stored", "DONE")


@pytest.mark.slow
def test_who_declines_or_cannot_take_part_sees_the_code_for_it(
    served: Served, tmp_path: Path
) -> None:
    with browser(tmp_path / "one", SIZE) as context:
        page = context.pages[0]
        visit(served, page, "p2")
        page.get_by_role("button", name="No").click()
        page.locator(".push").click()
        expect_end(page, "You have chosen not to take part.", "NO")
    with browser(tmp_path / "two", (200, 150)) as context:
        page = context.pages[0]
        page.goto(f"{served.address}?PROLIFIC_PID=p2&SESSION_ID=2")  # declined before
        expect_end(page, "You have chosen not to take part.", "NO")
        page.goto(f"{served.address}?PROLIFIC_PID=p3")
        expect_end(page, "This window is too small.", "OUT")
    with browser(tmp_path / "three", SIZE) as context:
        page = context.pages[0]
        visit(served, page, "p3", visit=2)
        expect_end(page, "You could not take part", "OUT")
