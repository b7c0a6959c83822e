"""What people see in a browser, step by step and size by size: a contact sheet for each task.

    python -P docs/make_sheets.py [FOLDER] [--full]

A simulated participant goes through each task in Chromium, at the sizes of two phones and a tablet
with a finger, and of a laptop with keys and mouse. Each new kind of step is kept. Says which steps
have small targets, cut off parts or, for a finger, words about keys.
``--full``: the steps also as they were.
"""

import base64
import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image, ImageOps
from tests.online import engines
from tests.online.crowd import PAGED, Served, make_study, person_of, plans, serving
from tests.online.engines import Size, opened
from tests.online.player import Player

from twoalike.online import build_online

SIZES: tuple[Size, ...] = ((360, 740), (412, 915), (768, 1024), (1366, 768))
ROW, GAP, WIDTH = 200, 4, 1280
"""Height of a picture, between pictures, and width of the sheet, in pixels."""


def walk(served: Served, folder: Path, size: Size) -> dict[str, Image.Image]:
    """Go through a session; give what is shown, by kind of step."""
    touch, seen = size[0] < size[1], dict[str, Image.Image]()
    with opened("chromium", folder, size, touch=touch) as engine:

        def look(state: dict[str, Any]) -> None:
            name = f"{state['kind']} {state.get('text') or ''}{state.get('placed') or ''}"
            if state["kind"] in ("question", "end"):
                name = engine.ask("() => document.body.innerText")
            if name in seen:
                return
            picture = base64.b64decode(engine.send("TakeScreenshot"))
            seen[name] = Image.open(io.BytesIO(picture)).convert("RGB")
            if faults := engine.ask(engines.look("faults"), touch):
                print(size, name[:40].replace("\n", " "), faults)  # noqa: T201

        player = Player(engine, "touch" if touch else "hands", look=look)
        address = f"{served.address}?size={size[0]}"
        engine.go(address)
        engine.wait("() => document.querySelector('#start') && 1")
        look({"kind": "enter"})
        code = player.enter(address)
        player.person = person_of(served.study, code)
        player.plans = plans(served.study, player.person, size, player.means)
        player.play(limit_s=400)
        player.expect("All of your answers have been stored")
        look({"kind": "end"})
    return seen


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """Put pictures beside one another, in lines of their own for each size."""
    places, (x, y) = [], (0, 0)
    for row in rows:
        for one in row:
            small = ImageOps.contain(one, (WIDTH, ROW))
            if x + small.width > WIDTH:
                x, y = 0, y + ROW + GAP
            places.append((small, (x, y)))
            x += small.width + GAP
        x, y = 0, y + ROW + 3 * GAP
    page = Image.new("RGB", (WIDTH, y - 3 * GAP), "#404040")
    for small, place in places:
        page.paste(small, place)
    return page


def main() -> None:
    """Make the sheets."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    out = Path(words[0]) if words else Path(__file__).parent / "images" / "sheets"
    out.mkdir(parents=True, exist_ok=True)
    for task in words[1:] or PAGED:
        with TemporaryDirectory() as folder:
            study = make_study(Path(folder, "study"), trials=2, arrangements=1)
            build_online(study.root, len(SIZES), task=task)
            with serving(study) as served:
                seen = [walk(served, Path(folder, str(size[0])), size) for size in SIZES]
        pages = [list(one.values()) for one in seen]
        if "--full" in sys.argv:
            for size, row in zip(SIZES, pages, strict=True):
                for number, one in enumerate(row):
                    one.save(out / f"{task}_{size[0]}_{number}.png")
        sheet(pages).save(out / f"{task}.webp", quality=70, method=6)


if __name__ == "__main__":
    main()
