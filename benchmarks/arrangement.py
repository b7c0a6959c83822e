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
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist, squareform

from twoalike.design import (
    ArrangedTrial,
    ArrangementEnd,
    PlannedArrangement,
    arrangement_rng,
    covering_bound,
    covering_sets,
    next_arrangement,
    rescaled_average,
)
from twoalike.study import ArrangementConfig

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
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
    (30, "zero_reach", 1.5, 20): "not simulated",
    (48, "zero_reach", 1.5, 20): "not simulated",
}
"""By items, first pair, cost exponent and most items a trial: an independent simulation of the
same rules (2 to 8 seeds; trials with range, placements, median set, r, r of the first trial). The
last two rows are the defaults, which for 20 items are those of the second row."""


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
    """Sessions under every rule, half as many of the largest set."""
    rows = []
    for (m, rule, cost, limit), published in PUBLISHED.items():
        config = ArrangementConfig(
            first_pair=rule, cost_exponent=cost, max_items=limit, session_minutes=0
        )
        n = seeds if m < 40 else max(2, seeds // 2)
        runs = [simulate(m, config, seed) for seed in range(n)]
        trials = [run.trials for run in runs]
        mean = {key: np.mean([getattr(run, key) for run in runs]) for key in vars(runs[0])}
        rows.append(
            f"| {m} | {rule} | {cost} | {limit or '-'} | {n} | {mean['trials']:.0f} "
            f"({min(trials)}-{max(trials)}) | {mean['placements']:.0f} | "
            f"{mean['median_set']:.1f} | {mean['r']:.2f} ({mean['r_first']:.2f}) | {published} |"
        )
        print(rows[-1], flush=True)
    return rows


def choose(
    m: int, config: ArrangementConfig, done: list[ArrangedTrial]
) -> tuple[PlannedArrangement | ArrangementEnd, float]:
    """Choose the next set; with the milliseconds of processor time it took."""
    rng = arrangement_rng(SEED, "simulated", 1, len(done) + 1)
    start = time.process_time()
    planned = next_arrangement(config, m, done, rng, spent_s=0.0)
    return planned, 1000 * (time.process_time() - start)


def timing_rows(m: int = 100, trials: int = 100) -> list[str]:
    """Milliseconds to choose each of the first sets of a session, and after full trials only."""
    rows = []
    rng = np.random.default_rng(SEED)
    truth = squareform(pdist(rng.normal(size=(m, DIMENSIONS))))
    for rule, cost, limit in (
        ("zero_reach", 1.5, 20),
        ("weakest", 1.5, 20),
        ("zero_reach", 1.5, 0),
        ("zero_reach", 1.2, 0),
    ):
        config = ArrangementConfig(
            first_pair=rule, cost_exponent=cost, max_items=limit, session_minutes=0
        )
        done: list[ArrangedTrial] = []
        times = []
        while len(done) <= trials:
            planned, taken = choose(m, config, done)
            times.append(taken)
            if not isinstance(planned, PlannedArrangement):
                break
            done.append(arrange(truth, np.array(planned.items), rng))
        largest = max(len(trial.items) for trial in done[1:])
        rows.append(
            f"| {rule} | {cost} | {limit or '-'} | {len(times)} | {largest} | "
            f"{np.median(times):.0f} | {max(times):.0f} |"
        )
        print(rows[-1], flush=True)
    config = ArrangementConfig(max_items=0, session_minutes=0, stop_evidence=1000)
    done = [arrange(truth, np.arange(m), rng) for _ in range(trials)]
    _, taken = choose(m, config, done)
    rows.append(
        f"| after {trials} trials of all {m} | 1.5 | - | 1 | - | {taken:.0f} | {taken:.0f} |"
    )
    print(rows[-1], flush=True)
    return rows


def covering_rows() -> list[str]:
    """Sizes of coverings beside the bound."""
    rows = []
    for m in (20, 30, 48, 100):
        for size in (8, 12):
            start = time.process_time()
            seeds = [np.random.default_rng(seed) for seed in range(3)]
            sets = [len(covering_sets(m, size, rng)) for rng in seeds]
            seconds = (time.process_time() - start) / 3
            bound = covering_bound(m, size=size)
            rows.append(
                f"| {m} | {size} | {bound} | {min(sets)}-{max(sets)} | "
                f"{np.mean(sets) / bound:.2f} | {seconds:.1f} |"
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="sessions a rule")
    seeds = parser.parse_args().seeds
    lines = [
        "# Lift the weakest on simulated people",
        "",
        f"`python benchmarks/arrangement.py --seeds {seeds}` (twoalike {version('twoalike')}, "
        f"numpy {version('numpy')}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        "shared with other work).",
        "",
        "Truth: Gaussian points in five dimensions; layout: metric MDS to the plane, largest "
        "distance 1, noise SD .1 arena diameters. A session ends when every pair has an evidence "
        "of .5. Means over seeds; r is the correlation with the true distances, in brackets after "
        "the first trial. The last column is an independent simulation of the same rules: trials "
        "(range), placements, median set, r.",
        "",
        "| items | first pair | cost exponent | most items | seeds | trials (range) | placements "
        "| median set | r (first trial) | same rules, independently |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *session_rows(seeds),
        "",
        "Time to choose the next set of 100 items after 0 to 100 trials of the session (processor "
        "time of one thread, since the machine was shared).",
        "",
        "| first pair | cost exponent | most items | choices | largest set | median (ms) "
        "| longest (ms) |",
        "|---|---|---|---|---|---|---|",
        *timing_rows(),
        "",
        "Coverings: sets that contain every pair and share enough pairs to be brought to one scale "
        "(three seeds; processor time), compared with the Schönheim bound, which ignores the "
        "latter.",
        "",
        "| items | set | bound | sets | mean / bound | time (s) |",
        "|---|---|---|---|---|---|",
        *covering_rows(),
        "",
    ]
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "arrangement.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
