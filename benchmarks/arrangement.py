"""Lift the weakest on simulated people: trials to enough evidence, and what they are worth.

    python benchmarks/arrangement.py [--seeds 8]

The truth is Gaussian points in five dimensions. A simulated person lays a set out by metric
multidimensional scaling to the plane, spreads it until the largest distance is the arena's
diameter, and places each image with Gaussian noise, standard deviation .1 diameters; distances
are rescaled to a maximum of 1. A session ends when every pair has evidence .5. r is the Pearson
correlation of the evidence-weighted rescaled average with the true distances. Also: time to
choose a set, and sizes of coverings. The table goes to benchmarks/results/arrangement.md.
"""

import argparse
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist, squareform

from twoalike.design import (
    ArrangedTrial,
    PlannedArrangement,
    arrangement_rng,
    covering_sets,
    next_arrangement,
    rescaled_average,
    schonheim_bound,
)
from twoalike.study import ArrangementConfig

ROOT = Path(__file__).resolve().parents[1]
NOISE = 0.1
DIMENSIONS = 5
PUBLISHED = {
    (20, "weakest", 1.5, 0): "53 (46-59), 215, 3.3, .85 (.71)",
    (20, "zero_reach", 1.5, 0): "37 (35-39), 219, 5, .90",
    (20, "zero_reach", 1.2, 0): "26 (22-30), 189, 6.4, .89",
    (30, "weakest", 1.5, 12): "114 (105-123), 482, 3, .86",
    (30, "zero_reach", 1.5, 12): "75 (64-82), 486, 5.9, .90",
    (30, "zero_reach", 1.2, 12): "53 (47-62), 440, 8.3, .91",
    (48, "weakest", 1.5, 15): "248 (232-264), 1127, 3.5, .84",
    (48, "zero_reach", 1.2, 15): "94 (85-103), 958, 10.7, .91",
}
"""By items, first pair, cost exponent and most items a trial: an independent simulation of the
same rules (2 to 8 seeds; trials with range, placements, median set, r, r of the first trial)."""


@dataclass(frozen=True)
class Outcome:
    """One simulated session."""

    trials: int
    placements: int
    median_set: float
    r: float
    r_first: float


def lay_out(distances: npt.NDArray[np.float64], rounds: int = 100) -> npt.NDArray[np.float64]:
    """Metric multidimensional scaling to the plane: SMACOF from the classical solution."""
    n = len(distances)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    place = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0))
    for _ in range(rounds):
        now = squareform(pdist(place))
        ratio = np.divide(distances, now, out=np.zeros_like(now), where=now > 0)
        pull = -ratio
        np.fill_diagonal(pull, ratio.sum(axis=1))
        place = pull @ place / n
    return place


def arrange(
    truth: npt.NDArray[np.float64], items: npt.NDArray[np.int64], rng: np.random.Generator
) -> ArrangedTrial:
    """One trial of a simulated person."""
    place = lay_out(truth[np.ix_(items, items)])
    place = place / pdist(place).max() + rng.normal(0, NOISE, place.shape)
    return ArrangedTrial(items, place / pdist(place).max())


def simulate(m: int, config: ArrangementConfig, seed: int) -> Outcome:
    """One session from nothing to enough evidence."""
    rng = np.random.default_rng(seed)
    truth = squareform(pdist(rng.normal(size=(m, DIMENSIONS))))
    done: list[ArrangedTrial] = []

    def recovery() -> float:
        found = rescaled_average(done, m).dissimilarities[np.triu_indices(m, 1)]
        known = ~np.isnan(found)
        return float(np.corrcoef(found[known], truth[np.triu_indices(m, 1)][known])[0, 1])

    first = np.nan
    while True:
        trial_rng = arrangement_rng(seed, "simulated", 1, len(done) + 1)
        planned = next_arrangement(config, m, done, trial_rng, spent_s=0.0)
        if not isinstance(planned, PlannedArrangement):
            break
        done.append(arrange(truth, np.array(planned.items), rng))
        first = recovery() if len(done) == 1 else first
    sizes = [len(trial.items) for trial in done]
    return Outcome(len(done), sum(sizes), float(np.median(sizes)), recovery(), first)


def session_rows(seeds: int) -> list[str]:
    """Run every rule and format the table."""
    rows = []
    for (m, rule, cost, limit), facts in PUBLISHED.items():
        config = ArrangementConfig(
            first_pair=rule, cost_exponent=cost, max_items=limit, session_minutes=0
        )
        runs = [
            simulate(m, config, seed) for seed in range(seeds if m < 40 else max(2, seeds // 2))
        ]
        trials = [run.trials for run in runs]
        mean = {
            name: np.mean([getattr(run, name) for run in runs])
            for name in ("trials", "placements", "median_set", "r", "r_first")
        }
        rows.append(
            f"| {m} | {rule} | {cost} | {limit or '-'} | {len(runs)} | {mean['trials']:.0f} "
            f"({min(trials)}-{max(trials)}) | {mean['placements']:.0f} | "
            f"{mean['median_set']:.1f} | {mean['r']:.2f} ({mean['r_first']:.2f}) | {facts} |"
        )
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    t = time.time()
    session_rows(int(sys.argv[1]))
    print(time.time() - t)
