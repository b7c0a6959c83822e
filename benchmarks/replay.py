"""Answers that a design would have saved: recorded ratings of rocks and choices of clips.

    python -P benchmarks/replay.py [--data clips rocks] [--seeds 5] [--short rocks]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout). Every number is of `replay`, the function that a user calls: a fifth of the judgments
is held out, and designs get the recorded answers to the others in eight batches, fitted after each
by `vi` of 1,000 steps.

With ``--short`` only the two designs with features are run beside the full random one.

``clips``: 19,293 choices of the odd one of three among 200 clips, all that are not held out; the
features are the captions' sentence vectors and nine rated properties, as in clips.py. With
``clips-distances`` all designs are fitted with distances, as `fit` has them by default, and not
with the dot products of quick fits. ``rocks``: 63,294 ratings of pairs of 252 photographs on nine
points; the full design has 6,000 of them, and an adaptive one picks from all that are not held out;
the features are those of EfficientNet-Lite0, as in rocks.py.

Finished fits are kept in derived/replay/; the tables go to benchmarks/results/replay.md, the
curves beside it.
"""

import argparse
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import clips, terms  # noqa: E402

from twoalike.backbones import extract_features  # noqa: E402
from twoalike.features import FeatureTable, read_features  # noqa: E402
from twoalike.figures import replay_chart, to_svg  # noqa: E402
from twoalike.judgments import import_ratings, object_index  # noqa: E402
from twoalike.results import FULL, Replay, replay  # noqa: E402

SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / "derived" / "replay"
RESULTS = ROOT / "benchmarks" / "results"
BACKBONE = "efficientnet_lite0"
BATCHES, ROCK_ANSWERS = 8, 6_000


def of_clips() -> tuple[dict[str, Any], FeatureTable]:
    """Choices of clips, and features of all clips."""
    terms.SHARED = clips.SHARED = SHARED
    clips.WORK.mkdir(parents=True, exist_ok=True)
    table = terms.clips()
    return {"choices": table}, clips.features("both", tuple(object_index(table)[2]))


def of_distances() -> tuple[dict[str, Any], FeatureTable]:
    """Take the same, to be fitted with distances."""
    given, features = of_clips()
    return {**given, "similarity": "distance"}, features


def of_rocks() -> tuple[dict[str, Any], FeatureTable]:
    """Ratings of rocks, and features of all photographs."""
    rated, images = WORK / "ratings.csv", WORK / "rocks.npz"
    if not images.is_file():
        extract_features(BACKBONE, SHARED / "rocks" / "images", out=images)
    pd.read_csv(SHARED / "rocks" / "ratings.tsv", sep="\t", dtype=str).to_csv(rated, index=False)
    more = {"answers": ROCK_ANSWERS}
    return {"ratings": import_ratings(rated, scale_points=9), **more}, read_features(images)


DATA = {"clips": of_clips, "clips-distances": of_distances, "rocks": of_rocks}


WRONG = "adaptive, shuffled"
ARMS: tuple[dict[str, Any], ...] = (
    {"priors": ("features", "none"), "designs": ("adaptive", "random")},
    {"priors": ("shuffled",), "designs": ("adaptive",)},
)

SHORT: tuple[dict[str, Any], ...] = ({"priors": ("features",)},)
"""All that is run of the data named by ``--short``, beside the full random design."""


def run(name: str, seeds: int, arms: tuple[dict[str, Any], ...]) -> Replay:
    """Run what is not there yet, seed by seed; with shuffled features only the last arm."""
    given, features = DATA[name]()
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)

    def tell(line: str) -> None:
        print(name, line, flush=True)

    for one in range(1, seeds + 1):
        found = [
            replay(
                **given,
                **some,
                features=features,
                batches=BATCHES,
                seeds=one,
                out=folder / f"replay-{number}.json",
                announce=tell,
            )
            for number, some in enumerate(arms)
        ]
    more = [row for of in found[1:] for row in of.rows if row.level == WRONG]
    missing = {name: why for of in found for name, why in of.missing.items()}
    return found[0].model_copy(update={"rows": (*found[0].rows, *more), "missing": missing})


def table(name: str, found: Replay) -> list[str]:
    """Lay out what one set of answers says, and draw its curves."""
    (RESULTS / f"replay-{name}.svg").write_bytes(to_svg(replay_chart(found)))
    judged = next(iter(found.judged.values()))
    full = found.curve(FULL)[-1]
    lines = [
        f"## {name.capitalize()}",
        "",
        f"{judged.judgments:,} {judged.kind} by {judged.participants} people; seeds: "
        f"{found.config['seeds']}; the full random design has {full.n:,} answers.",
        "",
    ]
    for view in found.tables():
        frame = view.frame.map(lambda cell: str(cell).replace("\n", ", "))
        heads = [str(head) for head in frame]
        lines += [f"{view.title}:", "", f"| design | {' | '.join(heads)} |"]
        lines += ["|---" * (1 + len(heads)) + "|"]
        lines += [f"| {arm} | {' | '.join(cells)} |" for arm, *cells in frame.itertuples()]
        lines += [""]
    if (wrong := found.at("replay.difference", level=WRONG)) is not None:
        ratio = 1 + wrong.value / full.value
        lines += [f"Log-loss at the end with shuffled features: {ratio:.1%} of random's.", ""]
    return [*lines, f"![Curves]({f'replay-{name}.svg'})", ""]


def main() -> None:
    """Run what is not there yet and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--short", nargs="*", default=[], choices=list(DATA))
    asked = parser.parse_args()
    words = f"--data {' '.join(asked.data)} --seeds {asked.seeds}"
    words += f" --short {' '.join(asked.short)}" if asked.short else ""
    WORK.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Answers that designs would have saved",
        "",
        f"`python -P benchmarks/replay.py {words}` (twoalike {version('twoalike')}, PyMC "
        f"{version('pymc')}, Python {platform.python_version()}). A fifth of the judgments is held "
        "out; log-loss in nats, means over seeds with 95 % intervals (Student's t). "
        "A design ends when two fits in turn "
        "have come to the log-loss of the full random design without features. What else: see the "
        "script.",
        "",
    ]
    for name in asked.data:
        arms = SHORT if name in asked.short else ARMS
        lines += table(name, run(name, asked.seeds, arms))
    (RESULTS / "replay.md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
