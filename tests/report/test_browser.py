"""The report in a real browser: every figure is drawn, nothing overflows, no error is logged."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from twoalike.report import write_report
from twoalike.study import Study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PROBE = """<script>
addEventListener("load", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const images = [...document.images];
  const left = [];
  for (const box of document.querySelectorAll("p, h1, h2, h3, img, dl, ul, figure, nav"))
    if (!box.closest(".scroll") && box.getBoundingClientRect().right > innerWidth + 1)
      left.push(box.tagName + " " + (box.alt || box.textContent).slice(0, 40));
  const found = {
    width: innerWidth, page: document.documentElement.scrollWidth, over: left,
    images: images.map(
      image => [image.alt, image.naturalWidth, image.getBoundingClientRect().width]),
  };
  const said = document.createElement("script");
  said.type = "application/json"; said.id = "found"; said.textContent = JSON.stringify(found);
  document.body.append(said);
});
</script>"""
"""Only in the test's copy: the report itself has no script."""


def opened(page: Path, width: int) -> tuple[dict, str]:
    """What the browser found, and what it logged."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions"]
    command += [f"--user-data-dir={page.parent / f'profile{width}'}", f"--window-size={width},900"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    answer = re.search(r'<script type="application/json" id="found">(.*?)</script>', done.stdout)
    assert answer is not None, done.stderr[-2000:]
    return json.loads(answer[1]), done.stderr


@pytest.fixture(scope="module")
def page(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report, with the probe in it."""
    page = tmp_path_factory.mktemp("browser") / "report.html"
    write_report(finished, page)
    html = page.read_text(encoding="utf-8")
    page.write_text(html.replace("</head>", f"{PROBE}</head>"), encoding="utf-8")
    return page


@pytest.mark.parametrize("width", [1280, 500])
def test_every_figure_is_drawn(page: Path, width: int) -> None:
    """Chromium has no window narrower than 500 pixels; there the phone's figures are shown."""
    html = page.read_text(encoding="utf-8")
    found, log = opened(page, width)
    assert found["width"] == width
    assert len(found["images"]) == html.count("<img ")
    empty = [alt for alt, natural, shown in found["images"] if not (natural > 0 and shown > 0)]
    assert not empty
    assert found["over"] == []
    assert found["page"] <= width
    assert "CONSOLE" not in log
