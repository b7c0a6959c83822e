"""Answers that a design would have saved: recorded ratings of rocks and choices of clips.

    python -P benchmarks/replay.py [--data clips rocks] [--seeds 5]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout). Every number is of `replay`, the function that a user calls: a fifth of the judgments
is held out, and designs get the recorded answers to the others in four batches, fitted after each
by `vi` of 1,000 steps.

``clips``: 19,293 choices of the odd one of three among 200 clips, all that are not held out; the
features are the captions' sentence vectors and nine rated properties, as in clips.py. ``rocks``:
63,294 ratings of pairs of 252 photographs on nine points; the full design has 6,000 of them, and an
adaptive one picks from all that are not held out; the features are those of EfficientNet-Lite0, as
in rocks.py.

Finished fits are kept in derived/replay/; the tables go to benchmarks/results/replay.md, the
curves to docs/_static/replay-DATA.svg.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import clips, terms  # noqa: E402

from twoalike.backbones import extract_features  # noqa: E402
from twoalike.features import FeatureTable, read_features  # noqa: E402
from twoalike.judgments import import_ratings, object_index  # noqa: E402
from twoalike.results import Replay, replay  # noqa: E402

SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / "derived" / "replay"
BACKBONE = "efficientnet_lite0"
BATCHES, ROCK_ANSWERS = 4, 6_000


def of_clips() -> tuple[dict[str, Any], FeatureTable]:
    """Choices of clips, and features of all clips."""
    terms.SHARED = clips.SHARED = SHARED
    clips.WORK.mkdir(parents=True, exist_ok=True)
    table = terms.clips()
    return {"choices": table}, clips.features("both", tuple(object_index(table)[2]))


def of_rocks() -> tuple[dict[str, Any], FeatureTable]:
    """Ratings of rocks, and features of all photographs."""
    rated, images = WORK / "ratings.csv", WORK / "rocks.npz"
    if not images.is_file():
        extract_features(BACKBONE, SHARED / "rocks" / "images", out=images)
    pd.read_csv(SHARED / "rocks" / "ratings.tsv", sep="\t", dtype=str).to_csv(rated, index=False)
    more = {"answers": ROCK_ANSWERS}
    return {"ratings": import_ratings(rated, scale_points=9), **more}, read_features(images)


DATA = {"clips": of_clips, "rocks": of_rocks}


ARMS: tuple[dict[str, Any], ...] = (
    {"priors": ("none", "features")},
    {"priors": ("shuffled",), "designs": ("adaptive",)},
)


def run(name: str, seeds: int) -> list[Replay]:
    """Run what is not there yet: all arms, and with features of other objects only the last."""
    given, features = DATA[name]()
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)

    def tell(line: str) -> None:
        print(name, line, flush=True)

    for one in range(1, seeds + 1):  # seed by seed, so that what is there is of whole seeds
        found = [
            replay(
                **given,
                **arms,
                features=features,
                batches=BATCHES,
                seeds=one,
                out=folder / f"replay-{number}.json",
                announce=tell,
            )
            for number, arms in enumerate(ARMS)
        ]
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    for name in asked.data:
        found = run(name, asked.seeds)
        for view in [view for one in found for view in one.tables()]:
            print(view.title, view.frame.to_string(), sep="\n")
