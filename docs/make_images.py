"""Make the pictures of the README from a finished demo: ``python docs/make_images.py demo``."""

import io
import sys
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
