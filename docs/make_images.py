"""Make the pictures of the README from a finished demo: ``python docs/make_images.py demo``.

    python -P docs/make_images.py --gallery NAME=REPORT.html ...

Takes pictures of reports in Chromium, at the widths of a laptop and a phone, and of a printed page
(shown by Firefox), into docs/images/gallery. Make reports of images of others with --no-images.
"""

import base64
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from twoalike.embedding import Posterior
from twoalike.figures import (
    accuracy_panel,
    embedding_map,
    log_loss_panel,
    map_layout,
    panels_chart,
)
from twoalike.results import Results
from twoalike.stimuli import StimulusSet

WIDTH, TILE = 1440, 160
IMAGES = Path(__file__).parent / "images"


def picture(figure: object, width: int) -> Image.Image:
    """Draw a figure at a width in pixels."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, facecolor="white")  # type: ignore[attr-defined]
    drawn = Image.open(buffer).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
    height = round(image.height * width / image.width)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def main(demo: Path) -> None:
    """Write ``overview.png``: one creature a family, the map, before and after alignment."""
    import numpy as np

    stimuli = StimulusSet.load(demo / "stimuli")
    posterior = Posterior.load(demo / "derived" / "posterior.nc")
    results = Results.load(demo / "derived" / "results.json")
    table = stimuli.table.set_index("id")
    first = table.groupby("family", sort=False).head(1).index
    thumbs = [
        np.asarray(Image.open(stimuli.path(name)).convert("RGB").resize((72, 72)))
        for name in posterior.ids
    ]
    kingdoms = list(table.loc[list(posterior.ids), "kingdom"])
    half = WIDTH // 2
    layout, images = map_layout(posterior.embedding), thumbs.__getitem__
    map_ = picture(embedding_map(layout, categories=kingdoms, images=images), half)
    panels = [of(results, "odd_one_out") for of in (accuracy_panel, log_loss_panel)]
    chart = picture(panels_chart(panels), half)
    height = TILE + 20 + max(map_.height, chart.height)
    page = Image.new("RGB", (WIDTH, height), "white")
    for place, name in enumerate(first):
        tile = Image.open(stimuli.path(name)).convert("RGB").resize((TILE, TILE))
        page.paste(tile, (place * TILE, 0))
    page.paste(map_, (0, TILE + 20))
    page.paste(chart, (half, TILE + 20 + (height - TILE - 20 - chart.height) // 2))
    IMAGES.mkdir(exist_ok=True)
    page.save(IMAGES / "overview.png", optimize=True)


SHOWN = {
    1280: ("summary", "reliability", "map", "observed", "people", "methods"),
    390: ("summary", "map"),
}
"""Sections of a report that are shown, by width."""
PRINTED = 2
"""Page of the printed report that is shown."""
PAPER = (20, 34, 868, 1128)
"""Where Firefox shows it."""

TO = """(id) => {
  const at = document.getElementById(id);
  if (id === "summary") scrollTo(0, 0);
  else at?.scrollIntoView();
  return at !== null;
}"""


def saved(engine: object, name: str, box: tuple[int, int, int, int] | None = None) -> None:
    """Save what a browser shows, or a box of it, in few colours."""
    shot = engine.send("TakeScreenshot")  # type: ignore[attr-defined]
    shot = shot["value"] if isinstance(shot, dict) else shot
    image = Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB").crop(box)
    (IMAGES / "gallery").mkdir(exist_ok=True)
    image.quantize(128, dither=Image.Dither.NONE).save(
        IMAGES / "gallery" / f"{name}.png", optimize=True
    )


def gallery(name: str, report: Path) -> None:
    """Take the pictures of one report."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.online.engines import opened

    with tempfile.TemporaryDirectory() as folder:
        for width, sections in SHOWN.items():
            size = (width, 900 if width > 400 else 844)
            with opened("chromium", Path(folder) / f"{width}", size) as engine:
                engine.go(report.as_uri())
                engine.wait("() => document.readyState == 'complete' || null")
                for section in sections:
                    if engine.ask(TO, section):
                        saved(engine, f"{name}-{section}-{width}")
        pdf = Path(folder) / "printed.pdf"
        words = ["--headless", "--no-sandbox", "--no-pdf-header-footer", f"--print-to-pdf={pdf}"]
        subprocess.run(["chromium", *words, report.as_uri()], check=True, capture_output=True)
        with opened("firefox", Path(folder) / "print", (900, 1200)) as engine:
            engine.go(f"{pdf.as_uri()}#page={PRINTED}&zoom=page-fit")
            drawn = (
                "() => document.querySelector('.page[data-page-number=\"2\"] canvas') ? 1 : null"
            )
            engine.wait(drawn)
            saved(engine, f"{name}-printed", PAPER)


if __name__ == "__main__":
    if sys.argv[1] == "--gallery":
        for one in sys.argv[2:]:
            named, _, path = one.partition("=")
            gallery(named, Path(path).resolve())
    else:
        main(Path(sys.argv[1]))
