"""Sheets of arrangements chosen by a posterior, by lift the weakest, and at random.

    python -P benchmarks/adaptive_arrangement.py [--seeds 4] [--worlds gaussian clusters]

The truth is 30 points in five dimensions, Gaussian or in six clusters. Simulated people lay sheets
of at most ten images out as in benchmarks/arrangement.py: metric scaling to the plane, placement
noise of .1 arena diameters. There are 120 placements: of one person, or of four with 30 each.

Arms: random sheets; lift the weakest, by the person's own sheets, as the product has it; sheets by
a posterior of everybody's sheets, fitted anew after every third, a fifth of them random. The last
grow image by image, each for what is left to learn of its distances to those before: deviations of
the draws' distances from their mean are taken for Gaussian, in units of the noise of a placement,
and those of the session's sheets and of the set so far as placed. Before there is a posterior, lift
the weakest chooses. All arms are fitted alike (`nuts`, with the settings of the fits in a break). r
is the Pearson correlation of mean distances under the posterior, each draw on a common scale, with
the true ones, over all pairs.

Finished runs are kept in derived/adaptive_arrangement/ and not run again; the table goes to
benchmarks/results/adaptive_arrangement.md.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist, squareform

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arrangement import DIMENSIONS, arrange

from twoalike.design import ArrangedTrial, PlannedArrangement, arrangement_rng, next_arrangement
from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.judgments import arrangements_table
from twoalike.study import ArrangementConfig

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "adaptive_arrangement"
RESULTS = Path(__file__).resolve().parent / "results" / "adaptive_arrangement.md"
OBJECTS, SHEET, EVERY, PLACEMENTS, SHARE = 30, 10, 3, 120, 0.2
PEOPLE, WORLDS = (1, 4), ("gaussian", "clusters")
ARMS = ("random", "lift the weakest", "posterior")
NAMES = tuple(f"o{at:02d}" for at in range(OBJECTS))
FIT = FitConfig(quick=True, engine="nuts", tune=200, draws=100, chains=2)
CONFIG = ArrangementConfig(max_items=SHEET, session_minutes=0, stop_evidence=1e6)


def fit(done: Sequence[tuple[int, ArrangedTrial]], seed: int) -> Posterior:
    """Fit the sheets of people."""
    sizes = [len(one.items) for _, one in done]
    columns: dict[str, Any] = {
        "participant": np.repeat([f"{who:02d}" for who, _ in done], sizes),
        "trial": np.repeat(np.arange(1, 1 + len(done)), sizes),
        "item": np.concatenate([one.items for _, one in done]),
        "x": np.concatenate([one.positions[:, 0] for _, one in done]),
        "y": np.concatenate([one.positions[:, 1] for _, one in done]),
    }
    table = arrangements_table(columns, NAMES)
    return fit_embedding(arrangements=table, config=FIT.model_copy(update={"seed": seed}))


def positions(posterior: Posterior) -> np.ndarray:
    """Positions of the objects under all draws, on a common scale, in the order of the truth."""
    x = posterior.embedding[:, [posterior.ids.index(name) for name in NAMES]]
    return np.asarray(x / np.sqrt(x.var(axis=1).sum(axis=1))[:, None, None])


def deviations(posterior: Posterior) -> np.ndarray:
    """Deviations of distances from their mean, in units of a placement's noise, (S, P)."""
    noise = np.exp(np.log(posterior.drawn("arrangement_noise")).mean(axis=1))
    distance = np.array([pdist(one) for one in positions(posterior)])
    return (distance - distance.mean(axis=0)) / np.sqrt(2 * len(noise) * np.mean(noise**2))


def least_known(
    unsure: np.ndarray, done: Sequence[ArrangedTrial], rng: np.random.Generator
) -> list[int]:
    """Choose a sheet by what a posterior leaves open; a share of them at random."""
    if rng.random() < SHARE:
        return list(map(int, rng.choice(OBJECTS, size=SHEET, replace=False)))
    pair = squareform(np.arange(OBJECTS * (OBJECTS - 1) // 2))
    precision = np.eye(len(unsure))

    def place(items: Sequence[int], at: int) -> None:
        # An image that joins k others brings k distances, but two numbers.
        told = unsure[:, pair[list(items), at]]
        precision[:] += told @ told.T / max(1.0, len(items) / 2)

    for trial in done:
        for number, at in enumerate(trial.items.tolist()):
            place(trial.items[:number].tolist(), at)
    items: list[int] = []
    while len(items) < SHEET:
        left = (unsure * np.linalg.solve(precision, unsure)).sum(axis=0)
        worth = squareform(np.log1p(left))[items or slice(None)].sum(axis=0)
        worth[items] = -1.0
        at = int(worth.argmax() if items else rng.choice(OBJECTS, p=worth / worth.sum()))
        place(items, at)
        items.append(at)
    return items


def run(people: int, world: str, arm: str, seed: int) -> dict[str, float]:
    """Run one arm: r, number of sheets, processor seconds of the fits."""
    path = WORK / f"{people}-{world}-{arm.replace(' ', '_')}-{seed}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    rng = np.random.default_rng([WORLDS.index(world), seed])
    points = rng.normal(size=(OBJECTS, DIMENSIONS))
    if world == "clusters":
        points = rng.normal(size=(6, DIMENSIONS))[np.arange(OBJECTS) % 6] + 0.3 * points
    truth = squareform(pdist(points))
    done: list[tuple[int, ArrangedTrial]] = []
    unsure, began, placed = None, time.process_time(), 0
    while placed < PLACEMENTS:
        who = placed * people // PLACEMENTS
        own = [one for name, one in done if name == who]
        if arm == "posterior" and done and len(done) % EVERY == 0:
            unsure = deviations(fit(done, seed))
        trial_rng = arrangement_rng(seed, world, 1, len(done) + 1)
        if arm == "random" and done:
            trial_rng.random()
            items = trial_rng.choice(OBJECTS, size=SHEET, replace=False).tolist()
        elif unsure is not None:
            items = least_known(unsure, own, trial_rng)
        else:
            planned = next_arrangement(CONFIG, OBJECTS, own, trial_rng, spent_s=0.0)
            assert isinstance(planned, PlannedArrangement)
            items = list(planned.items)
        if unsure is not None or (arm == "random" and done):
            items = trial_rng.permutation(items).tolist()
        room = PLACEMENTS * (who + 1) // people - placed
        shown = np.array(items)[: max(room, 3)]
        done.append((who, arrange(truth, shown, rng)))
        placed += len(shown)
    found = np.mean([pdist(one) for one in positions(fit(done, seed))], axis=0)
    r = float(np.corrcoef(found, squareform(truth))[0, 1])
    made = {"r": r, "sheets": len(done), "fit_s": time.process_time() - began}
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made), encoding="utf-8")
    print(people, world, arm, seed, made, flush=True)
    return made


def mean_se(values: Any) -> str:
    """Mean and its standard error over seeds."""
    array = np.array(values)
    error = array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else float("nan")
    return f"{array.mean():+.3f} ± {error:.3f}"


def main() -> None:
    """Run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    given = parser.parse_args()
    lines = [
        "| people | world | r: random | lift the weakest | posterior | posterior less random | "
        "posterior less lift the weakest | sheets of lift the weakest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for people in reversed(PEOPLE):
        for world in given.worlds:
            found = {
                arm: [run(people, world, arm, seed) for seed in range(given.seeds)] for arm in ARMS
            }
            r = {arm: np.array([one["r"] for one in runs]) for arm, runs in found.items()}
            cells = [f"{r[arm].mean():.3f}" for arm in ARMS]
            cells += [mean_se(r["posterior"] - r[arm]) for arm in ARMS[:2]]
            sheets = np.mean([one["sheets"] for one in found["lift the weakest"]])
            lines.append(f"| {people} | {world} | {' | '.join(cells)} | {sheets:.1f} |")
    if given.worlds != list(WORLDS):
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("twoalike", "pymc", "nutpie"))
    head = [
        "# Sheets of arrangements by a posterior, by lift the weakest, and at random",
        "",
        f"`python -P benchmarks/adaptive_arrangement.py --seeds {given.seeds}` ({packages}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores). {OBJECTS} objects, {PLACEMENTS} "
        f"placements in all, sheets of at most {SHEET}; {given.seeds} seeds, differences within "
        "seeds with their standard error. What the arms do: see the script.",
        "",
        *lines,
        "",
    ]
    RESULTS.write_text("\n".join(head), encoding="utf-8")
    print(*head, sep="\n")


if __name__ == "__main__":
    main()
