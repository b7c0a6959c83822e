"""Rocks: one vector that is more like people and tells unseen types apart no worse.

    python -P benchmarks/rocks.py [--folds 5] [--arms default control ...]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout): 252 photographs of rocks of 21 types, and people's ratings of the similarity of pairs
of them (Nosofsky et al.). For each of five folds of types, only ratings of pairs of the other types
are fitted. A teacher is made of that posterior and features of EfficientNet-Lite0; students learn
from photographs of these types. Every step is the function that a user calls.

All scores are of the types taken out, by the cosine of a vector as it is. Likeness is Spearman's
correlation with distances in the published map of these rocks, fitted by others to all ratings, and
with people's single ratings. Ability is classification of the types with 1, 3 and 5 photographs
each (nearest mean, 200 draws), and by a linear probe.

Finished parts are kept in derived/rocks/ and not run again; the table goes to
benchmarks/results/rocks.md.
"""

import argparse
import json
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from twoalike.backbones import extract_features
from twoalike.embedding import fit
from twoalike.evaluation import prepare
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import import_ratings
from twoalike.teacher import teach

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
ROCKS = SHARED / "rocks"
WORK = ROOT / "derived" / "rocks"
FOLDS, SHOTS = 5, (1, 3, 5)
aligned = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "aligned.py")))

ASKED = {
    "map": ("+.26, interval above 0", 0.26, True),
    "1-shot": ("+.10, interval above 0", 0.10, True),
    "3-shot": ("+.06, interval above 0", 0.06, True),
}
KEYS = ("map", "ratings", *(f"{shots}-shot" for shots in SHOTS), "probe")


def kind(name: str) -> str:
    """Type of a rock, by its id."""
    return name.rsplit("_", 1)[0]


class Fold:
    """One fold of types, and what was made of the others."""

    def __init__(self, number: int, base: FeatureTable, ratings: pd.DataFrame) -> None:
        types = sorted({kind(name) for name in base.ids})
        part = np.random.default_rng(aligned.SEED).permutation(len(types)) % FOLDS
        out = {name for name, k in zip(types, part, strict=True) if k == number}
        self.scored = [name for name in base.ids if kind(name) in out]
        self.learnt = [name for name in base.ids if kind(name) not in out]
        self.base, self.folder = base, WORK / f"fold-{number}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ratings = ratings
        places = pd.read_csv(ROCKS / "map.tsv", sep="\t", index_col=0).loc[self.scored].to_numpy()
        self.truth = -np.linalg.norm(places[:, None] - places, axis=2)

    def among(self, names: list[str]) -> pd.DataFrame:
        """Ratings of pairs of these rocks."""
        pairs = self.ratings
        return pairs[pairs["item_a"].isin(names) & pairs["item_b"].isin(names)]

    def posterior(self) -> Path:
        """Fit to the ratings of pairs of the other types, unless that was done."""
        out = self.folder / "posterior.nc"
        if not out.is_file():
            given = self.folder / "ratings.csv"
            self.among(self.learnt).to_csv(given, index=False)
            fit(ratings=import_ratings(given, scale_points=9), seed=aligned.SEED, out=out)
        return out

    def teacher(self, arm: str) -> Path:
        """Make the teacher, or that of the control, unless it was done."""
        out = self.folder / ("teacher-control" if aligned.is_control(arm) else "teacher")
        if not (out / "teacher.json").is_file():
            path = self.posterior()
            known = FeatureTable(tuple(self.learnt), self.base.select(self.learnt), self.base.meta)
            source = aligned.shuffled(path) if aligned.is_control(arm) else path
            teach(source, known, out=out, seed=aligned.SEED)
        return out

    def score(self, table: FeatureTable) -> dict[str, float]:
        """Both sides of a vector or part."""
        x, pairs = table.select(self.scored), self.among(self.scored)
        unit, place = prepare(x, "raw-cosine"), {name: k for k, name in enumerate(self.scored)}
        a, b = (pairs[item].map(place).to_numpy() for item in ("item_a", "item_b"))
        cosines = (unit[a] * unit[b]).sum(axis=1)
        rated = spearmanr(cosines, pairs["rating"].astype(float)).statistic
        labels = [kind(name) for name in self.scored]
        found = {"map": aligned.spearman(x, self.truth), "ratings": float(rated)}
        return found | dict(aligned.ability(x, labels, SHOTS))

    def scores(self, arm: str) -> dict[str, dict[str, float]]:
        """Scores of the vector of an arm and its parts, kept in a file."""
        kept = self.folder / f"scores-{aligned.file_of(arm)}.json"
        if kept.is_file():
            return dict(json.loads(kept.read_text(encoding="utf-8")))
        if arm == "base":
            middle = self.base.select(self.learnt).mean(axis=0)
            centred = FeatureTable(self.base.ids, self.base.values - middle, {})
            vectors = {"base": self.base, "centred": centred}
        else:
            classes = {name: kind(name) for name in self.learnt}
            made = (self.folder, self.teacher(arm), ROCKS / "images", self.learnt, classes)
            table = aligned.student(arm, *made, self.base, self.scored)
            vectors = aligned.named_parts(arm, table)
        found = {name: self.score(one) for name, one in vectors.items()}
        kept.write_text(json.dumps(found), encoding="utf-8")
        print(
            self.folder.name, {k: np.round([*v.values()], 3) for k, v in found.items()}, flush=True
        )
        return found


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the five, how many to run")
    parser.add_argument("--arms", nargs="*", default=list(aligned.ARMS), choices=aligned.ARMS)
    asked = parser.parse_args()
    if not ROCKS.is_dir():
        sys.exit(f"no real data at {ROCKS} (set TWOALIKE_SHARED_DATA)")
    WORK.mkdir(parents=True, exist_ok=True)
    table = WORK / "base.npz"
    images = ROCKS / "images"
    if not table.is_file():
        extract_features(aligned.BACKBONE, images, out=table)
    ratings = pd.read_csv(ROCKS / "ratings.tsv", sep="\t", dtype=str)
    folds = [Fold(number, read_features(table), ratings) for number in range(asked.folds)]
    found: list[dict[str, Any]] = [{} for _ in folds]
    for arm in ("base", *asked.arms):
        for of, all_of in zip(folds, found, strict=True):
            all_of.update(of.scores(arm))
    write(found, asked.folds, asked.arms)


def write(found: list[dict[str, Any]], folds: int, arms: list[str]) -> None:
    """Write benchmarks/results/rocks.md."""
    words = " ".join(f"'{arm}'" if " " in arm else arm for arm in arms)
    lines = [
        "# Rocks: one vector, more like people and no less able?",
        "",
        f"`python -P benchmarks/rocks.py --folds {folds} --arms {words}` (seed "
        f"{aligned.SEED}; {aligned.versions()}). EfficientNet-Lite0; {folds} folds of the 21 "
        "types, scored on photographs of types without judgments or part in training, by the "
        "cosine of each vector as it is. Map: Spearman with the published map; ratings: Spearman "
        "with people's single ratings. Means over folds; in brackets the difference from the "
        "network, with a 95 % interval (Student's t over folds).",
        "",
        *aligned.scores_table(found, KEYS),
        "",
    ]
    if "default" in arms:
        lines += ["What was asked of the vector by defaults:", ""]
        lines += aligned.asked_table(found, ASKED)
        if "control" in arms:
            lines += [aligned.control_row(found, "map")]
        chosen, seconds = aligned.how_chosen(WORK, "default")
        lines += [
            "",
            f"Defaults chose {chosen} folds. `distill` took {seconds:.0f} s of processor time.",
        ]
        if "closed form" in arms:
            lines += ["", aligned.training_line(found, KEYS)]
    text = "\n".join([*lines, ""])
    print(text)
    (ROOT / "benchmarks" / "results" / "rocks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
