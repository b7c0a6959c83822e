"""How sessions end in Chromium: codes, and whoever returns."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, expect
from tests.online.crowd import CHROMIUM, Served, browser, make_study, records, serving

from twoalike.online import build_online, write_static

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
        with page.expect_response("**/api/records"):
            visit(served, page, "p4")
            page.locator(".option").first.click()
    with browser(tmp_path / "four", (200, 150)) as context:
        page = context.pages[0]
        with page.expect_response("**/api/enter"):
            page.goto(f"{served.address}?PROLIFIC_PID=p4")  # under way on a larger screen
        page.get_by_text("This window is too small.").wait_for()
        page.wait_for_timeout(500)
        assert [line["ended"] for line in records(served) if "ended" in line][-1] is None


@pytest.mark.slow
def test_a_plain_host_gives_the_code_and_the_way_back(served: Served, tmp_path: Path) -> None:
    write_static(served.study.root, tmp_path / "site")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{host.server_port}/?PROLIFIC_PID=p1&SESSION_ID="
        with browser(tmp_path / "one", SIZE) as context:
            page = context.pages[0]
            page.goto(f"{address}1")
            page.locator("#start").click()
            page.get_by_role("button", name="No").click()
            page.locator(".push").click()
            expect_end(page, "You have chosen not to take part.", "NO")
            page.goto(f"{address}2")
            expect_end(page, "You have chosen not to take part.", "NO")
        host.shutdown()
