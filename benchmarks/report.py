"""What a report of THINGS takes: 127,304 judgments by 264 people on 1,854 objects.

    python -P benchmarks/report.py

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). Through the command line: a study of plain tiles, one an object, in folders of their
categories (the photographs are not ours to keep); import, fit, evaluation of CLIP features beside
the published embedding, report. Elapsed and processor seconds of each, the size of the page, and
how far the variational fits agree.

The table goes to benchmarks/results/report.md.
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from colorsys import hls_to_rgb
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from twoalike.embedding import Posterior

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS = SHARED / "things"
RESULTS = ROOT / "benchmarks" / "results" / "report.md"
PAGE = "report.html"
CATEGORIES = 27
"""Columns of the table of categories that the data set's authors call high-level."""


def draw_tiles(folder: Path) -> None:
    """One tile an object, in the folder and the colour of its first category."""
    table = pd.read_csv(THINGS / "categories.tsv", sep="\t", dtype=str, keep_default_na=False)
    names = [str(name) for name in table.columns[2 : 2 + CATEGORIES]]
    first = {
        str(row["Word"]): next((name for name in names if row[name]), "other")
        for _, row in table.iterrows()
    }
    for name in object_ids():
        category = first.get(name, "other")
        hue = [*names, "other"].index(category) / (CATEGORIES + 1)
        colour = tuple(int(255 * part) for part in hls_to_rgb(hue, 0.5, 0.6))
        path = folder / category.replace(" ", "_") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (160, 160), colour).save(path)


def object_ids() -> list[str]:
    """Names of the objects."""
    return (THINGS / "object_ids.txt").read_text(encoding="utf-8").split()


def spent(*words: Any) -> tuple[float, float]:
    """Run one command of twoalike: elapsed and processor seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-P", "-m", "twoalike.cli.app", *map(str, words)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, busy


def commands(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Words of every command, from the tiles in ``folder`` to the report."""
    study, objects = folder / "things", ("--objects", THINGS / "object_ids.txt")
    choices, posterior, results = (
        study / "derived" / name for name in ("choices.parquet", "posterior.nc", "results.json")
    )
    judged = (THINGS / "triplets_by_participant.txt", *objects, "--participant-column", 4)
    features = (
        f"--features=clip={THINGS / 'clip_vit_b32_features.npy'}",
        f"--features=spose={THINGS / 'spose49_embedding.npy'}",
    )
    labels = ("--labels", study / "stimuli" / "stimuli.tsv", "--posterior", posterior)
    return {
        "init": ("init", study, "--images", folder / "tiles"),
        "import": ("import", "choices", *judged, "--out", choices),
        "fit": ("fit", "--choices", choices, "--engine", "vi", "--out", posterior),
        "evaluate": (
            *("evaluate", *features, *objects, "--choices", choices),
            *(*labels, "--out", results),
        ),
        "report": ("report", study, "--out", folder / PAGE, "--files", folder / "files"),
    }


def main() -> None:
    """Run the commands and write the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw_tiles(folder / "tiles")
        times = {name: spent(*words) for name, words in commands(folder).items()}
        size = (folder / PAGE).stat().st_size / 1e6
        pictures = len(list((folder / "files").glob("*.svg")))
        posterior = Posterior.load(folder / "things" / "derived" / "posterior.nc")
        state, fits = posterior.attrs["convergence"], posterior.tree["posterior"].sizes["chain"]
    table = [
        f"| `twoalike {name}` | {took:.1f} | {busy:.1f} |" for name, (took, busy) in times.items()
    ]
    lines = [
        "# A report of THINGS",
        "",
        f"`python -P benchmarks/report.py` (twoalike {version('twoalike')}, numpy "
        f"{np.__version__}, Python {platform.python_version()}; load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores).",
        "",
        "| command | seconds | processor seconds |",
        "|---|---|---|",
        *table,
        "",
        f"The page has {size:.1f} MB and {pictures} figures. Over the {fits} fits of `vi` R-hat is "
        f"at most {state['choice_rhat_95']:.2f} for 95 % of the choice probabilities and at most "
        f"{state['similarity_rhat_95']:.2f} for 95 % of the similarities; converged fits have at "
        "most 1.05.",
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
