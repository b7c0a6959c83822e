"""Ninety-two photographs: a network aligned on half of them, scored on the other half.

    python -P benchmarks/mur92.py [--splits 10]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout): dissimilarities of 16 people, from multi-arrangement (doi:10.3389/fpsyg.2013.00128),
and the images. For each split the objects are halved at random; only the dissimilarities among the
learning half are fitted. A teacher is made of that posterior and features of EfficientNet-Lite0,
and two students of the same network are distilled from the teacher on the learning half's images:
by default (a head for likeness, half of the blocks trained), and a head on the untouched network.
Every step is the command that a user types.

Scores: Spearman's correlation with the dissimilarities of the mean person, over the 1,035 pairs
of the other half.

Finished parts are kept in derived/mur92/ and not run again; the table goes to
benchmarks/results/mur92.md.
"""

import argparse
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from twoalike.evaluation import Candidate, similarity_matrix
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import dissimilarities_table, read_judgments, write_judgments
from twoalike.study import provenance
from twoalike.teacher import load_teacher

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
MUR = SHARED / "mur92"
WORK = ROOT / "derived" / "mur92"
BACKBONE = "efficientnet_lite0"
SPLITS = 10
BATCH = 32  # images a step; a tenth of the 46 are held out by default, to choose the step by
ARMS: dict[str, tuple[str, ...]] = {"student": (), "head": ("--train", "probe")}
"""Students, and what they set beside the batch size."""
ITEMS = ["item_a", "item_b"]


def command(*words: object) -> None:
    """Run one command of twoalike."""
    full = [sys.executable, "-m", "twoalike.cli.app", *map(str, words)]
    subprocess.run(full, check=True, stdout=subprocess.DEVNULL)


def prepare() -> tuple[pd.DataFrame, FeatureTable]:
    """Import the dissimilarities and compute the network's features, unless it was done."""
    WORK.mkdir(parents=True, exist_ok=True)
    features, judged = WORK / "features.npz", WORK / "dissimilarities.parquet"
    if not features.exists():
        command("features", "--backbone", BACKBONE, "--images", MUR / "images", "--out", features)
    table = read_features(features)
    if not judged.exists():
        (WORK / "ids.txt").write_text("\n".join(table.ids) + "\n", encoding="utf-8")
        words = ("import", "rdm", MUR / "behavior_rdms.mat", "--objects", WORK / "ids.txt")
        command(*words, "--out", judged)
    return read_judgments(judged, "dissimilarities"), table


def halves(split: int, ids: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Objects to learn from and objects to score on, each in the order of ``ids``."""
    order = np.random.default_rng(split).permutation(len(ids))
    half = len(ids) // 2
    return [ids[k] for k in np.sort(order[:half])], [ids[k] for k in np.sort(order[half:])]


def align(folder: Path, judged: pd.DataFrame, learnt: list[str]) -> None:
    """Fit and teach from the learning half, unless it was done."""
    folder.mkdir(exist_ok=True)
    inside = judged["item_a"].isin(learnt) & judged["item_b"].isin(learnt)
    columns = {name: judged[inside][name].astype(str).to_numpy() for name in ITEMS}
    columns |= {
        name: judged[inside][name].to_numpy() for name in judged.columns if name not in ITEMS
    }
    train, posterior = folder / "train.parquet", folder / "posterior.nc"
    if not posterior.exists():
        table = dissimilarities_table(columns, learnt)
        write_judgments(train, table, provenance("dissimilarities", seed=0), "dissimilarities")
        command("fit", "--dissimilarities", train, "--out", posterior)
    if not (folder / "teacher").exists():
        words = ("teach", posterior, "--features", WORK / "features.npz")
        command(*words, "--out", folder / "teacher")


def distil(folder: Path, learnt: list[str], arm: str) -> FeatureTable:
    """Distil a student from the learning half's images, unless it was done; its features."""
    features, images = ("--features", WORK / "features.npz"), ("--images", MUR / "images")
    student, table = folder / arm, folder / f"{arm}.npz"
    if not table.exists():
        (folder / "learnt.txt").write_text("\n".join(learnt) + "\n", encoding="utf-8")
        words: tuple[Any, ...] = ("distill", "--teacher", folder / "teacher", *images, *features)
        words += ("--student", BACKBONE, "--batch", BATCH, *ARMS[arm])
        command(*words, "--only", folder / "learnt.txt", "--out", student)
        command("features", "--backbone", student, *images, "--out", table)
    return read_features(table)


def cosine(x: np.ndarray) -> np.ndarray:
    """Cosine similarity of every row with every row."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def mean_person(judged: pd.DataFrame, ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean dissimilarity of each pair of objects, and each person's, shapes (P,), (people, P)."""
    place = {name: row for row, name in enumerate(ids)}
    inside = judged[judged["item_a"].isin(ids) & judged["item_b"].isin(ids)]
    people, who = np.unique(inside["participant"].astype(str), return_inverse=True)
    rows = np.array([[place[name] for name in inside[item].astype(str)] for item in ITEMS])
    each = np.zeros((len(people), len(ids), len(ids)))
    each[who, rows.min(axis=0), rows.max(axis=0)] = inside["dissimilarity"]
    pairs = np.triu_indices(len(ids), 1)
    each = each[:, *pairs]
    return each.mean(axis=0), each


def run(split: int, judged: pd.DataFrame, base: FeatureTable) -> dict[str, float]:
    """Scores on the half that nothing was learnt from."""
    learnt, others = halves(split, base.ids)
    folder = WORK / f"split-{split}"
    align(folder, judged, learnt)
    mean, each = mean_person(judged, others)
    pairs = np.triu_indices(len(others), 1)
    places = load_teacher(folder / "teacher").positions(others, base)[0]
    similarities = {
        "base": cosine(base.select(others)),
        "teacher": places @ places.T,
    }
    for arm in ARMS:
        own = Candidate.of(arm, distil(folder, learnt, arm))
        similarities[arm] = similarity_matrix(own.features.select(others), own.similarity)
    scores = {name: _spearman(-s[pairs], mean) for name, s in similarities.items()}
    rest = (mean * len(each) - each) / (len(each) - 1)
    scores["people"] = float(
        np.mean([_spearman(one, other) for one, other in zip(each, rest, strict=True)])
    )
    print(split, {name: round(score, 3) for name, score in scores.items()}, flush=True)
    return scores


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    return float(spearmanr(first, second).statistic)


TITLES = {
    "base": "EfficientNet-Lite0, unmodified, cosine",
    "teacher": "teacher: its map to the human space of the training half",
    "student": "student by default, its own similarity",
    "head": "a head alone on the network (`--train probe`), its own similarity",
    "people": "a person with the mean of the others (mean of 16)",
}


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=SPLITS, help="how many to run")
    wanted = parser.parse_args().splits
    if not MUR.is_dir():
        sys.exit(f"no real data at {MUR} (set TWOALIKE_SHARED_DATA)")
    judged, base = prepare()
    splits = [run(split, judged, base) for split in range(wanted)]
    rows = []
    for name, title in TITLES.items():
        having = [scores for scores in splits if name in scores]
        values = np.array([scores[name] for scores in having])
        gains = values - np.array([scores["base"] for scores in having])
        gain = "" if name == "base" else f"{gains.mean():+.3f}"
        worst = "" if name == "base" else f"{gains.min():+.3f}"
        spread = f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})"
        rows.append(f"| {title} | {len(having)} | {spread} | {gain} | {worst} |")
    lines = [
        "# Ninety-two photographs, aligned on half of them",
        "",
        f"`python -P benchmarks/mur92.py --splits {wanted}` (twoalike {version('twoalike')}, pymc "
        f"{version('pymc')}, torch {version('torch')}, no GPU). Spearman's correlation with the "
        "dissimilarities of the mean of 16 people (Mur et al. 2013), over all 1,035 pairs of the "
        "46 objects whose judgments were not used; random halves; defaults except for the "
        "student's batch size.",
        "",
        "| similarity | splits | mean (range) | gain over the base | gain in the worst split |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]
    print("\n".join(lines))
    (ROOT / "benchmarks" / "results" / "mur92.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
