"""What do response times add, and are they dropped where they add nothing? Simulated people.

    python -P benchmarks/times.py [--each 50 150] [--seeds 3]

Worlds: 30 objects of people.py without weights, 20 people. Mean decision times follow the gap g of
the log-odds of the two best answers as those of a diffusion process do, tanh(g / 2) / (g / 2), to
the power of ``slope``, times a person's own factor (log-normal, .3), after .4 s for all else. They
scatter as inverse Gaussians with a coefficient of variation, so that they are not of the model's
form. Cells: clear times (slope 1, variation .4); times that are as weakly related as the published
ones, whose rank correlation with uncertainty is about -.2 within people (slope .5, variation .8);
unrelated ones (slope 0, variation .6).

`fit --response-times` fits by `vi`, dot products. Gain: by how much the pilot predicts held-out
choices better with times. Kept: whether the fit used them. Loss: expected log-loss on 20,000 new
triplets less the truth's, in nats, of that fit and of one without times. rho: mean over people of
Spearman's correlation of time and the entropy of the true answers. Means over seeds.

Finished fits are kept in derived/times/ and not run again; the table goes to
benchmarks/results/times.md.
"""

import argparse
import json
import platform
import runpy
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from twoalike.embedding import FitConfig, fit_embedding

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "times"
RESULTS = ROOT / "benchmarks" / "results" / "times.md"
PEOPLE_SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "people.py"))
World, score = PEOPLE_SCRIPT["World"], PEOPLE_SCRIPT["score"]
CELLS = {"clear": (1.0, 0.4), "weak": (0.5, 0.8), "unrelated": (0.0, 0.6)}
OBJECTS, PEOPLE = 30, 20

type Array = np.ndarray[Any, np.dtype[np.float64]]


def times_of(world: Any, slope: float, variation: float, seed: int) -> tuple[Array, float]:
    """Response times of a world's judgments, s, and their correlation with the true entropy."""
    rng = np.random.default_rng([seed, 9])
    a, b, c = (world.x[world.shown[:, k]] for k in range(3))
    pairs = np.stack([(a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1)], axis=1)
    ranked = np.sort(pairs / world.temperature[world.judge][:, None], axis=1)
    half = np.maximum((ranked[:, 2] - ranked[:, 1]) / 2, 1e-6)
    own = np.exp(rng.normal(0.3, 0.3, PEOPLE))[world.judge]
    mean = own * (np.tanh(half) / half) ** slope
    found = 0.4 + rng.wald(mean, mean / variation**2)
    p = world.answers(world.shown, world.judge)
    entropy = -(p * np.log(p)).sum(axis=1)
    people = [world.judge == one for one in range(PEOPLE)]
    rho = [spearmanr(found[rows], entropy[rows]).statistic for rows in people]
    return found, float(np.mean(rho))


def run(each: int, kind: str, seed: int) -> dict[str, Any]:
    """Fit one world with times and without, unless it was done."""
    path = WORK / f"{each}-{kind}-{seed}.json"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        world = World(OBJECTS, PEOPLE, 0.0, seed, each=each)
        found, rho = times_of(world, *CELLS[kind], seed)
        table = world.choices()
        table["response_time"] = found.astype(np.float32)
        settings = {"engine": "vi", "similarity": "dot", "people": "noise", "seed": seed}
        with_times, without = (
            fit_embedding(table, config=FitConfig.model_validate(settings | {"response_times": on}))
            for on in (True, False)
        )
        tried = with_times.attrs["pilot"]["response_times"]
        losses = {
            "loss": score(with_times, world)["loss"],
            "without": score(without, world)["loss"],
        }
        slope = with_times.tree["posterior"].get("time_slope")
        known = {"rho": rho, "slope": None if slope is None else float(slope.mean())}
        path.write_text(json.dumps(tried | losses | known))
    result: dict[str, Any] = json.loads(path.read_text())
    print(path.stem, result, flush=True)
    return result


def row(each: int, kind: str, seeds: int) -> str:
    """Line of the table."""
    found = [run(each, kind, seed) for seed in range(seeds)]
    mean = {
        name: np.mean([one[name] for one in found]) for name in ("rho", "gain", "loss", "without")
    }
    gains = ", ".join(f"{one['gain']:+.4f} ± {one['gain_se']:.4f}" for one in found)
    cells = [f"{each} a person, {kind}", f"{mean['rho']:.2f}", gains]
    cells += [f"{sum(one['kept'] for one in found)} of {seeds}"]
    cells += [f"{mean['loss']:.4f}", f"{mean['without']:.4f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--each", type=int, nargs="+", default=[50, 150])
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    each = " ".join(map(str, asked.each))
    lines = [
        "# Response times as information",
        "",
        f"`python -P benchmarks/times.py --each {each} --seeds {asked.seeds}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}). What "
        "the columns hold: see the script.",
        "",
        "| judgments, times | rho | pilot's gain | kept | loss | loss without times |",
        "|---|---|---|---|---|---|",
        *(row(n, kind, asked.seeds) for n, kind in product(asked.each, CELLS)),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
