"""Do intervals hold what they promise? Coverage of both engines where the truth is known.

    python -P benchmarks/calibration.py [--replicates 20] [--arms nuts vi]

World S: 50 objects of four sparse dimensions (a coordinate is there with probability .35: gamma
of shape 2 and scale .6; otherwise exponential of mean .03; all times 1.5), 5,000 triplets judged
by ten people with lapses (logistic normal, -2.5, .8) and temperatures (log-normal, .25) of their
own. The truth is no draw from a prior of the model. No fit is told the number of dimensions.

Coverage of 90 % intervals, on 5,000 other triplets: of choice probabilities of the people who
judge (``choice``), of probabilities from the embedding alone (``core``), of similarities of all
1,225 pairs less their mean (``similarity``). Choices leave the mean itself unknown: ``raw`` is the
coverage with it, which is the prior's. KL from the true core probabilities to the posterior's.

Finished fits are kept in derived/calibration/ and not run again; the table goes to
benchmarks/results/calibration.md, where rows of engines that were not asked for stay.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.embedding import (
    FitConfig,
    Posterior,
    choice_intervals,
    fit_embedding,
    similarity_table,
)
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "calibration"
RESULTS = ROOT / "benchmarks" / "results" / "calibration.md"
OBJECTS, DIMENSIONS, PEOPLE, JUDGMENTS, TEST = 50, 4, 10, 5_000, 5_000
ARMS = {
    "`nuts`": FitConfig(quick=True, engine="nuts"),
    "`vi`": FitConfig(quick=True, engine="vi"),
}
MEASURES = {
    "choice": 3,
    "core": 3,
    "similarity": 3,
    "raw": 3,
    "width": 3,
    "kl": 4,
    "seconds": 0,
}

type Array = np.ndarray[Any, np.dtype[np.float64]]


class World:
    """Truth of one replicate, its judgments and its test triplets."""

    def __init__(self, replicate: int) -> None:
        rng = np.random.default_rng([replicate, 1])
        shape = (OBJECTS, DIMENSIONS)
        there = rng.random(shape) < 0.35
        x = 1.5 * np.where(there, rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape))
        self.lapse: Array = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, PEOPLE)))
        log_temperature = rng.normal(0.0, 0.25, PEOPLE)
        # Only ratios of temperatures mean anything: what they had in common is the scale.
        self.temperature: Array = np.exp(log_temperature - log_temperature.mean())
        self.embedding = scaled = x * np.exp(-log_temperature.mean() / 2)
        self.similarity: Array = scaled @ scaled.T
        self.shown, self.judges = self._deal(rng, JUDGMENTS)
        self.test, self.test_judges = self._deal(rng, TEST)
        noise = rng.gumbel(size=(JUDGMENTS, 3))
        self.chosen = 1 + np.argmax(np.log(self.answers(self.shown, self.judges)) + noise, axis=1)

    @staticmethod
    def _deal(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        shown = random_triplets(OBJECTS, n, rng)
        return shown, rng.integers(0, PEOPLE, n)

    def answers(self, triplets: np.ndarray, judges: np.ndarray | None = None) -> Array:
        """Probabilities of the three answers, of the judges or of the embedding alone."""
        pairs = pair_similarities(self.similarity, triplets)
        if judges is None:
            return np.exp(np.stack(log_choice(pairs), axis=1))
        return np.exp(
            np.stack(log_choice(pairs, self.temperature[judges], self.lapse[judges]), axis=1)
        )

    def choices(self) -> pd.DataFrame:
        """Judgments as a table."""
        columns: dict[str, Any] = {f"item_{k + 1}": self.shown[:, k] for k in range(3)}
        columns["chosen"] = self.chosen
        columns["participant"] = [f"person-{judge}" for judge in self.judges]
        return choices_table(columns, [f"object-{index:02d}" for index in range(OBJECTS)])


def inside(ends: tuple[Any, Any], truth: np.ndarray) -> float:
    """Share of the truth between the ends."""
    return float(((ends[0] <= truth) & (truth <= ends[1])).mean())


def score(world: World, posterior: Posterior) -> dict[str, float]:
    """Score a fit against the truth."""
    place = {name: number for number, name in enumerate(posterior.participants)}
    people = np.array([place[f"person-{judge}"] for judge in world.test_judges])
    core = world.answers(world.test)
    ends = choice_intervals(posterior, world.test, lapse=False)
    guess = posterior.choice_probabilities(world.test)
    upper = np.triu_indices(OBJECTS, 1)
    true = world.similarity[upper]
    centred, raw = (similarity_table(posterior, scale=scale) for scale in ("centred", "raw"))
    return {
        "choice": inside(
            choice_intervals(posterior, world.test, participants=people),
            world.answers(world.test, world.test_judges),
        ),
        "core": inside(ends, core),
        "similarity": inside((centred.low[upper], centred.high[upper]), true - true.mean()),
        "raw": inside((raw.low[upper], raw.high[upper]), true),
        "width": float((ends[1] - ends[0]).mean()),
        "kl": float((core * np.log(core / guess)).sum(axis=1).mean()),
        "found": recovered(world, posterior),
    }


def recovered(world: World, posterior: Posterior) -> float:
    """Whether as many dimensions are kept as there are, each near a true one of its own."""
    mean = posterior.embedding.mean(axis=0)
    if mean.shape[1] != DIMENSIONS:
        return 0.0
    r = np.corrcoef(world.embedding.T, mean.T)[:DIMENSIONS, DIMENSIONS:]
    rows, columns = linear_sum_assignment(-r)
    return float(r[rows, columns].min() > 0.8)


def run(arm: str, replicate: int) -> dict[str, float]:
    """Fit one arm on one replicate, unless it was done."""
    folder = WORK / arm.strip("`").replace(" ", "-")
    path, told = folder / f"{replicate}.nc", folder / f"{replicate}.json"
    folder.mkdir(parents=True, exist_ok=True)
    world = World(replicate)
    if not told.exists():
        start = time.process_time()
        config = ARMS[arm].model_copy(update={"seed": replicate})
        fit_embedding(world.choices(), config=config).save(path)
        told.write_text(json.dumps({"seconds": time.process_time() - start}))
    result = score(world, Posterior.load(path)) | json.loads(told.read_text())
    print(arm, replicate, {name: round(value, 3) for name, value in result.items()}, flush=True)
    return result


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--arms", nargs="+", choices=["nuts", "vi"], default=["nuts", "vi"])
    options = parser.parse_args()
    replicates = options.replicates
    wanted = [f"`{name}`" for name in options.arms]
    results = {arm: [run(arm, k) for k in range(replicates)] for arm in wanted}
    earlier = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    lines = [
        "# Calibration of intervals",
        "",
        f"`python -P benchmarks/calibration.py --replicates {replicates}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, nutpie {version('nutpie')}, Python "
        f"{platform.python_version()}; processor seconds on two cores, compilation included).",
        "",
        f"World S of the script: {OBJECTS} objects, {JUDGMENTS:,} triplets, {PEOPLE} people. "
        "Coverage of 90 % intervals, mean ± standard error over replicates; width: of the core "
        "intervals; dimensions: number of fits that keep four, each correlated above .8 with a "
        "different true one.",
        "",
        "| engine | choice | core | similarity | raw | width | KL | dimensions | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for arm in ARMS:
        if arm not in results:
            lines += [line for line in earlier if line.startswith(f"| {arm} ")]
            continue
        each, cells = results[arm], [arm]
        for name, digits in MEASURES.items():
            if name == "seconds":
                cells.append(f"{sum(result['found'] for result in each):.0f} of {len(each)}")
            values = [result[name] for result in each]
            error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            cells.append(f"{np.mean(values):.{digits}f} ± {error:.{digits}f}")
        lines.append("| " + " | ".join(cells) + " |")
    text = "\n".join([*lines, ""])
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
