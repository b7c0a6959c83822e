"""Answers that a design would have saved: recorded ratings of rocks and choices of clips.

    python -P benchmarks/replay.py [--data clips rocks] [--seeds 5] [--short rocks]
    python -P benchmarks/replay.py --tried [--seeds 3]

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
the features are those of EfficientNet-Lite0, as in rocks.py. ``things``: 127,304 choices of the odd
one of three among 1,854 objects; likewise the full design has 20,000 of them; the features are
those of CLIP (ViT-B/32).

With ``--tried`` half of the answers to clips, 7,717 of random trials, are fitted with features in
other ways, by seeds of their own (from 101): does any of them come to what all answers tell?

Finished fits are kept in derived/replay/; the tables go to benchmarks/results/replay.md, the
curves beside it, and those of ``--tried`` to benchmarks/results/replay_tried.md.
"""

import argparse
import ast
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import clips, terms  # noqa: E402

from twoalike.backbones import extract_features  # noqa: E402
from twoalike.embedding import FitConfig, _form  # noqa: E402
from twoalike.features import FeatureTable, read_features  # noqa: E402
from twoalike.figures import replay_chart, to_svg  # noqa: E402
from twoalike.judgments import choices_table, import_ratings, object_index  # noqa: E402
from twoalike.recovery import Recorded  # noqa: E402
from twoalike.results import FULL, Replay, replay  # noqa: E402

SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / "derived" / "replay"
RESULTS = ROOT / "benchmarks" / "results"
BACKBONE = "efficientnet_lite0"
BATCHES, ROCK_ANSWERS, THINGS_ANSWERS = 8, 6_000, 20_000


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


def of_sources() -> tuple[dict[str, Any], None]:
    """Take the same choices, and answers of a source in place of features."""
    given, _ = of_clips()
    return {**given, "sources": clips.said_by_captions(given["choices"])}, None


def of_things() -> tuple[dict[str, Any], FeatureTable]:
    """Choices among the 1,854 objects of THINGS, and features of CLIP of all photographs."""
    folder = SHARED / "things"
    ids = (folder / "object_ids.txt").read_text(encoding="utf-8").split()
    rows = np.loadtxt(folder / "triplets_by_participant.txt", dtype=int)
    shown = np.sort(rows[:, :3], axis=1)  # the odd one comes last in the file
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns["chosen"] = 1 + (shown == rows[:, 2:3]).argmax(axis=1)
    columns["participant"] = [f"p{one:03d}" for one in rows[:, 3]]
    values = np.load(folder / "clip_vit_b32_features.npy")
    given = {"choices": choices_table(columns, ids), "answers": THINGS_ANSWERS}
    return given, FeatureTable(tuple(ids), values, {})


def of_rocks() -> tuple[dict[str, Any], FeatureTable]:
    """Ratings of rocks, and features of all photographs."""
    rated, images = WORK / "ratings.csv", WORK / "rocks.npz"
    if not images.is_file():
        extract_features(BACKBONE, SHARED / "rocks" / "images", out=images)
    pd.read_csv(SHARED / "rocks" / "ratings.tsv", sep="\t", dtype=str).to_csv(rated, index=False)
    more = {"answers": ROCK_ANSWERS}
    return {"ratings": import_ratings(rated, scale_points=9), **more}, read_features(images)


DATA: dict[str, Any] = {"clips": of_clips, "clips-distances": of_distances, "rocks": of_rocks}
DATA |= {"clips-sources": of_sources, "things": of_things}

WRONG = "adaptive, shuffled"
ARMS: tuple[dict[str, Any], ...] = (
    {"priors": ("features", "none"), "designs": ("adaptive", "random")},
    {"priors": ("shuffled",), "designs": ("adaptive",)},
)

SOURCES: tuple[dict[str, Any], ...] = ({"priors": ("sources",)},)
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


def words(ids: tuple[str, ...]) -> np.ndarray:
    """Sixty components of the words of each clip's captions, weighted by how rare they are."""
    table = pd.read_csv(SHARED / "videos" / "captions.tsv", sep="\t", index_col=0)
    texts = [" ".join(ast.literal_eval(of)) for of in table.iloc[:, 0].loc[list(ids)]]
    counted = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
    return np.asarray(TruncatedSVD(60, random_state=0).fit_transform(counted.fit_transform(texts)))


TRIED: dict[str, tuple[str, int, dict[str, Any]]] = {
    "as in the replay": ("both", 50, {}),
    "two fits more": ("both", 50, {"chains": 4}),
    "20 dimensions": ("both", 50, {"dimensions": 20}),
    "2,500 steps": ("both", 50, {"steps": 2500}),
    "12 components of the features": ("both", 12, {}),
    "25 components": ("both", 25, {}),
    "100 components": ("both", 100, {}),
    "rated properties as heavy as the captions": ("tiled", 50, {}),
    "words of the captions as well, 25 components": ("words", 25, {}),
}
"""Features, components of them, and settings of fits of half the answers."""


def tried(seeds: int) -> list[str]:
    """Table of the log-loss of half the answers in other ways, and of all without features."""
    given, both = of_clips()
    recorded = Recorded.of(given["choices"], "choices")
    text, rated = both.values[:, :-9], both.values[:, -9:]
    more = {"both": both.values, "tiled": np.hstack([text, np.tile(rated, (1, 43))])}
    more["words"] = np.hstack([both.values, words(both.ids)])
    path = WORK / "tried.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    usual: dict[str, Any] = {"quick": True, "engine": "vi", "steps": 1000, "chains": 2}

    def loss(name: str, known: dict[str, Any], seed: int, share: float, **settings: Any) -> float:
        if (key := f"{name}, {seed}") not in found:
            order = np.random.default_rng([seed, 0]).permutation(len(recorded.table))
            held, rest = np.split(order, [round(0.2 * len(order))])
            config = FitConfig(**(usual | settings), seed=seed)
            posterior = recorded.fit(rest[: round(share * len(rest))], known, config)
            found[key] = recorded.loss(posterior, recorded.draws(posterior), held)
            path.write_text(json.dumps(found))
            print(key, found[key], flush=True)
        return float(found[key])

    each = range(101, 101 + seeds)
    full = [loss("all, without features", {}, seed, 1.0) for seed in each]
    full_4 = [loss("all, two fits more", {}, seed, 1.0, chains=4) for seed in each]
    rows = {"all answers, without features": full, "all, without features, two fits more": full_4}
    for name, (of, components, settings) in TRIED.items():
        table = {"features": FeatureTable(both.ids, more[of].astype(np.float32), {})}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_form, "COMPONENTS", components)
            rows[f"half, {name}"] = [loss(name, table, seed, 0.5, **settings) for seed in each]
    lines = [
        "| fit | log-loss, mean of seeds | above all answers | least, most |",
        "|---" * 4 + "|",
    ]
    for name, losses in rows.items():
        above = np.subtract(losses, full)
        lines.append(
            f"| {name} | {np.mean(losses):.4f} | {above.mean():+.4f} | {above.min():+.4f}, "
            f"{above.max():+.4f} |"
        )
    return lines


def main() -> None:
    """Run what is not there yet and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--short", nargs="*", default=[], choices=list(DATA))
    parser.add_argument("--tried", action="store_true", help="fit half in other ways instead")
    asked = parser.parse_args()
    if asked.tried:
        command = f"`python -P benchmarks/replay.py --tried --seeds {asked.seeds}`"
        title = "# What half of the answers tell in other ways"
        about = f"{command} (on a busy machine). Random answers of clips; what else: the script."
        lines = [title, "", about, ""]
        (RESULTS / "replay_tried.md").write_text("\n".join([*lines, *tried(asked.seeds), ""]))
        return
    command = f"--data {' '.join(asked.data)} --seeds {asked.seeds}"
    command += f" --short {' '.join(asked.short)}" if asked.short else ""
    WORK.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Answers that designs would have saved",
        "",
        f"`python -P benchmarks/replay.py {command}` (twoalike {version('twoalike')}, PyMC "
        f"{version('pymc')}, Python {platform.python_version()}). A fifth of the judgments is held "
        "out; log-loss in nats, means over seeds with 95 % intervals (Student's t). "
        "A design ends when two fits in turn "
        "have come to the log-loss of the full random design without features. What else: see the "
        "script.",
        "",
    ]
    for name in asked.data:
        arms = SHORT if name in asked.short else ARMS
        arms = SOURCES if name == "clips-sources" else arms
        lines += table(name, run(name, asked.seeds, arms))
    (RESULTS / "replay.md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
