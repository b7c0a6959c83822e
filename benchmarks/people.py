"""Are weights of the dimensions by person found, and what do they add? Simulated people.

    python -P benchmarks/people.py [--objects 30 100] [--people 20 100] [--engines vi]
    python -P benchmarks/people.py --crowd 1500 3000 6000 12000

Worlds: four sparse dimensions (a coordinate is there with probability .35: gamma of shape 2 and
scale .6; otherwise exponential of mean .03; all times 1.5); people with temperatures (log-normal,
.25) and lapses (logistic normal, -2.5, .8) of their own, whose log weights of the dimensions are
normal with standard deviation 0, .3 or .6 less their means over people and over dimensions; 300
triplets a person. `fit` fits dot products, once with weights by person and once without
(``noise``), where its pilot tries weights.

Dimensions of the fit are matched to the true ones by correlation over objects, and log weights are
taken less their mean over these. r: correlation over people of the posterior mean with the truth,
mean over the four dimensions. Inside: share of the log weights inside their 90 % interval. Loss:
expected log-loss, in nats, on 20,000 other triplets of the people of the fit, less the truth's.

With ``--crowd``: 100 objects, spread .6, and so many people with 20 triplets each, whom `vi` fits
with weights; each fit in a process of its own, whose peak memory is given, with processor time of
the fit and of saving the posterior. Growth: time or memory that 1,000 more people take, from one
line to the next; it stays the same where cost is linear.

Finished fits are kept in derived/people/ and not run again. The tables go to
benchmarks/results/people.md and people_crowd.md; that of worlds has the lines asked for, and others
of the same worlds whose fits are finished.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from twoalike.choice import log_choice, random_triplets
from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "people"
RESULTS = ROOT / "benchmarks" / "results"
OBJECTS, PEOPLE, SPREADS = (30, 100), (20, 100), (0.0, 0.3, 0.6)
ENGINES = ("nuts", "vi")
DIMENSIONS, EACH, TEST = 4, 300, 20_000
CROWD_OBJECTS, CROWD_EACH = 100, 20

type Array = np.ndarray[Any, np.dtype[np.float64]]


class World:
    """Truth of one world, its judgments, and other triplets with those who would judge them."""

    def __init__(
        self, objects: int, people: int, spread: float, seed: int, each: int = EACH
    ) -> None:
        rng = np.random.default_rng([seed, objects, people, round(10 * spread)])
        shape = (objects, DIMENSIONS)
        there = rng.random(shape) < 0.35
        self.x: Array = 1.5 * np.where(
            there, rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape)
        )
        weight = spread * rng.normal(size=(people, DIMENSIONS))
        weight -= weight.mean(axis=0)
        self.log_weight: Array = weight - weight.mean(axis=1, keepdims=True)
        self.lapse: Array = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, people)))
        temperature = rng.normal(0.0, 0.25, people)
        self.temperature: Array = np.exp(temperature - temperature.mean())
        self.shown = random_triplets(objects, people * each, rng)
        self.judge = np.repeat(np.arange(people), each)
        logs = np.log(self.answers(self.shown, self.judge))
        self.chosen = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
        self.test = random_triplets(objects, TEST, rng)
        self.test_judge = rng.integers(0, people, TEST)

    def answers(self, shown: np.ndarray, judge: np.ndarray) -> Array:
        """Probability of each answer, shape (n, 3)."""
        a, b, c = (self.x[shown[:, k]] * np.exp(self.log_weight / 2)[judge] for k in range(3))
        pairs = ((a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1))
        logs = log_choice(pairs, self.temperature[judge], self.lapse[judge])
        return np.exp(np.stack(logs, axis=1))

    def choices(self) -> pd.DataFrame:
        """Judgments as a table."""
        columns: dict[str, Any] = {f"item_{k + 1}": self.shown[:, k] for k in range(3)}
        columns |= {"chosen": self.chosen, "participant": [f"p{j:03d}" for j in self.judge]}
        return choices_table(columns, [f"object-{k:03d}" for k in range(len(self.x))])


def score(posterior: Posterior, world: World) -> dict[str, Any]:
    """Compare a fit with the truth."""
    names = [f"p{judge:03d}" for judge in range(len(world.lapse))]
    order = np.array([posterior.participants.index(name) for name in names])
    truth = world.answers(world.test, world.test_judge)
    guess = posterior.choice_probabilities(
        world.test, lapse=True, participants=order[world.test_judge]
    )
    found: dict[str, Any] = {
        "loss": float((truth * np.log(truth / guess)).sum(axis=1).mean()),
        "truth": float(-(truth * np.log(truth)).sum(axis=1).mean()),
        "dimensions": posterior.attrs["dimensions"]["kept"],
        "pilot": posterior.attrs["pilot"].get("weights"),
    }
    if posterior.weights is None:
        return found
    mean = posterior.embedding.mean(axis=0)
    likeness = np.corrcoef(world.x.T, mean.T)[:DIMENSIONS, DIMENSIONS:]
    _, columns = linear_sum_assignment(likeness, maximize=True)
    draws = posterior.weights.log[:, order][:, :, columns].astype(np.float64)
    draws -= draws.mean(axis=2, keepdims=True)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    spread = np.quantile(posterior.weights.spread, [0.05, 0.5, 0.95])
    pairs = zip(draws.mean(axis=0).T, world.log_weight.T, strict=True)
    return found | {
        "r": float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs]))
        if world.log_weight.any()
        else None,
        "inside": float(((low <= world.log_weight) & (world.log_weight <= high)).mean()),
        "spread": spread.round(3).tolist(),
    }


type Cell = tuple[int, int, float]
"""Objects, people, and spread of their log weights."""


def kept(cell: Cell, people: str, engine: str, seed: int) -> Path:
    """File of a finished fit."""
    objects, n_people, spread = cell
    return WORK / f"{objects}-{n_people}-{spread:g}-{people}-{engine}-{seed}.json"


def run(cell: Cell, people: str, engine: str, seed: int = 0) -> dict[str, Any]:
    """Fit one world, unless it was done, and score the fit."""
    objects, n_people, spread = cell
    path = kept(cell, people, engine, seed)
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        world = World(objects, n_people, spread, seed)
        settings = {"engine": engine, "similarity": "dot", "seed": seed}
        settings |= {"people": people} if people == "weights" else {}
        start = time.monotonic()
        posterior = fit_embedding(world.choices(), config=FitConfig.model_validate(settings))
        seconds = {"seconds": time.monotonic() - start}
        path.write_text(json.dumps(seconds | score(posterior, world)))
    found: dict[str, Any] = json.loads(path.read_text())
    print(path.stem, found, flush=True)
    return found


def row(cell: Cell, engine: str) -> str:
    """Line of the table."""
    objects, people, spread = cell
    weights, noise = (run(cell, how, engine) for how in ("weights", "noise"))
    tried = noise["pilot"]
    cells = [
        f"{objects} objects, {people} people, {spread:g}, `{engine}`",
        "" if weights["r"] is None else f"{weights['r']:.3f}",
        f"{weights['inside']:.0%}",
        "{1:.2f} [{0:.2f}, {2:.2f}]".format(*weights["spread"]),
        f"{weights['truth']:.4f}",
        f"{weights['loss']:.4f}",
        f"{noise['loss']:.4f}",
        f"{tried['gain']:+.4f} ± {tried['gain_se']:.4f}",
        f"{weights['seconds']:.0f}, {noise['seconds']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def crowd(people: int) -> dict[str, Any]:
    """Fit many people; to be called in a process of its own."""
    world = World(CROWD_OBJECTS, people, 0.6, 0, CROWD_EACH)
    choices = world.choices()
    start, wall = time.process_time(), time.monotonic()
    config = FitConfig(engine="vi", similarity="dot", people="weights")
    posterior = fit_embedding(choices, config=config)
    path = WORK / f"crowd-{people}.nc"
    posterior.save(path)
    found: dict[str, Any] = {
        "cpu_s": time.process_time() - start,
        "wall_s": time.monotonic() - wall,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "file_mib": path.stat().st_size / 2**20,
    }
    path.unlink()
    return found | score(posterior, world)


def apart(people: int) -> dict[str, Any]:
    """Fit many people in a process of its own, unless it was done."""
    told = WORK / f"crowd-{people}.json"
    if not told.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        full = [sys.executable, "-P", __file__, "--one", str(people)]
        done = subprocess.run(full, check=True, stdout=subprocess.PIPE, text=True)
        told.write_text(done.stdout.splitlines()[-1])
    found: dict[str, Any] = json.loads(told.read_text())
    print(people, found, flush=True)
    return found


def crowd_lines(sizes: list[int]) -> list[str]:
    """Lines of the table of crowds."""
    found = [apart(size) for size in sizes]
    lines = [
        "# Many people with weights of their own",
        "",
        f"`python -P benchmarks/people.py --crowd {' '.join(map(str, sizes))}` ({setting()}). "
        f"{CROWD_OBJECTS} objects, {CROWD_EACH} judgments a person; what the columns hold: see "
        "the script.",
        "",
        "| people | processor time | growth | peak memory | growth | file | r | inside | spread "
        "found | loss less the truth's |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for place, (size, one) in enumerate(zip(sizes, found, strict=True)):
        cells = [f"{size:,}"]
        for name, unit, digits in (("cpu_s", "s", 0), ("peak_gib", "GiB", 2)):
            cells += [f"{one[name]:.{digits}f} {unit}", ""]
            if place:
                more = (one[name] - found[place - 1][name]) / (size - sizes[place - 1])
                cells[-1] = f"{1000 * more:.{digits + 1}f} {unit}"
        cells += [f"{one['file_mib']:.0f} MiB", f"{one['r']:.2f}", f"{one['inside']:.0%}"]
        cells += ["{1:.2f} [{0:.2f}, {2:.2f}]".format(*one["spread"]), f"{one['loss']:.4f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def setting() -> str:
    """By what a table was made."""
    return (
        f"twoalike {version('twoalike')}, PyMC {version('pymc')}, Python "
        f"{platform.python_version()}, one core beside other work"
    )


def of_worlds(objects: list[int], people: list[int], engines: list[str]) -> list[str]:
    """Lines of the table of worlds."""
    asked = {"objects": objects, "people": people, "engines": engines}
    words = [f"--{name} {' '.join(map(str, value))}" for name, value in asked.items()]
    worlds = [(cell, engine) for cell in product(OBJECTS, PEOPLE, SPREADS) for engine in ENGINES]
    wanted = [
        (cell, engine)
        for cell, engine in worlds
        if (cell[0] in objects and cell[1] in people and engine in engines)
        or all(kept(cell, how, engine, 0).exists() for how in ("weights", "noise"))
    ]
    return [
        "# Weights of the dimensions by person",
        "",
        f"`python -P benchmarks/people.py {' '.join(words)}` ({setting()}). What "
        "the columns hold: see the script. Spread: posterior median and 90 % interval. Losses are "
        "less the truth's; the pilot's gain is in nats a held-out judgment.",
        "",
        "| world, spread | r | inside | spread found | truth's log-loss | loss, weights | loss, "
        "noise | pilot's gain | seconds, weights, noise |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(cell, engine) for cell, engine in wanted),
    ]


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--objects", type=int, nargs="+", choices=OBJECTS, default=OBJECTS)
    parser.add_argument("--people", type=int, nargs="+", choices=PEOPLE, default=PEOPLE)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["vi"])
    parser.add_argument(
        "--crowd", type=int, nargs="+", metavar="PEOPLE", help="many people instead"
    )
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(json.dumps(crowd(asked.one)))
        return
    if asked.crowd:
        lines, name = crowd_lines(asked.crowd), "people_crowd.md"
    else:
        lines, name = of_worlds(asked.objects, asked.people, asked.engines), "people.md"
    (RESULTS / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
