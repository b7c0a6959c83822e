"""How near to the truth do fits of a lab-size study come? 48 THINGS objects, 1,000 judgments.

    python -P benchmarks/lab.py [--draws 5]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). Truth: rows of the published 49-dimensional embedding (fitted to 1.46 million real
judgments, doi:10.1038/s41562-020-00951-3) for the 48 objects of its fully sampled matrix. One
observer, who never lapses, judges 1,000 different triplets with their items in random order; all
other 16,296 triplets are the test. Every draw samples triplets and answers anew.

Twoalike runs `nuts`, nothing told: with its default prior, with the softplus prior, and with
image features of CLIP (ViT-B/32) in the prior mean. The recipes of VICE and SPoSE run with their
published rates, batches and penalties, and with as many dimensions and epochs as did them best in
an earlier trial at this size (benchmarks/peers/_variational.py, _sparse.py).

Scores: KL from the true probabilities to the predicted ones; accuracy, the probability under the
truth of the answer held most probable, ties split; coverage and mean width of 90 % intervals of
probabilities. Finished fits are kept in derived/lab/ and not run again; the table goes to
benchmarks/results/lab.md.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.choice import expected_accuracy, log_choice, pair_similarities
from twoalike.embedding import FitConfig, choice_intervals, fit_embedding
from twoalike.features import FeatureTable
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS = SHARED / "things"
WORK = ROOT / "derived" / "lab"
RESULTS = ROOT / "benchmarks" / "results" / "lab.md"
JUDGMENTS = 1_000
VICE = {"rate": 0.001, "batch": 128, "spike": 0.25, "slab": 1.0, "share": 0.6, "limit_s": 600.0}
SPOSE = {"rate": 0.001, "batch": 128, "penalty": 0.008}
OURS = {
    "twoalike": ("auto", False),
    "twoalike, softplus prior": ("softplus", False),
    "twoalike, CLIP features": ("auto", True),
}
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "VICE's recipe, 10 dimensions": (
        "_variational.py",
        VICE | {"dimensions": 10, "epochs": 1000},
    ),
    "SPoSE's recipe, 5 dimensions": ("_sparse.py", SPOSE | {"dimensions": 5, "epochs": 1000}),
    "SPoSE's recipe, 10 dimensions": ("_sparse.py", SPOSE | {"dimensions": 10, "epochs": 1000}),
}
MEASURES = {"dimensions": 1, "kl": 4, "accuracy": 4, "coverage": 3, "width": 3, "seconds": 0}

type Array = np.ndarray[Any, np.dtype[np.float64]]


class World:
    """The 48 objects, and one draw of judgments of them."""

    def __init__(self, draw: int) -> None:
        rng = np.random.default_rng([draw, 48])
        rows = np.load(THINGS / "rdm48_index.npy")
        embedding = np.load(THINGS / "spose49_embedding.npy")[rows].astype(np.float64)
        self.ids = [f"object-{row:04d}" for row in rows]
        self.features = np.load(THINGS / "clip_vit_b32_features.npy")[rows].astype(np.float32)
        self.similarity: Array = embedding @ embedding.T
        every = np.array(list(itertools.combinations(range(len(rows)), 3)))
        drawn = rng.permuted(rng.permutation(every), axis=1)
        self.draw, self.shown, self.test = draw, drawn[:JUDGMENTS], drawn[JUDGMENTS:]
        noise = rng.gumbel(size=self.shown.shape)
        self.chosen = np.argmax(np.log(self.answers(self.shown)) + noise, axis=1)

    def answers(self, triplets: np.ndarray) -> Array:
        """Probabilities that item 1, 2, 3 is called the odd one, shape (n, 3)."""
        return np.exp(np.stack(log_choice(pair_similarities(self.similarity, triplets)), axis=1))


def ours(world: World, prior: str, *, with_features: bool) -> dict[str, Any]:
    """Fit with twoalike."""
    columns: dict[str, Any] = {f"item_{k + 1}": world.shown[:, k] for k in range(3)}
    columns |= {"chosen": world.chosen + 1, "participant": ["observer"] * JUDGMENTS}
    config = FitConfig.model_validate({"engine": "nuts", "prior": prior, "seed": world.draw})
    features = FeatureTable(tuple(world.ids), world.features) if with_features else None
    start = time.process_time()
    posterior = fit_embedding(choices_table(columns, world.ids), config=config, features=features)
    seconds = time.process_time() - start
    low, high = choice_intervals(posterior, world.test, lapse=False)
    return {
        "probabilities": posterior.choice_probabilities(world.test),
        "low": low,
        "high": high,
        "dimensions": posterior.embedding.shape[2],
        "seconds": seconds,
    }


def recipe(world: World, runner: str, settings: dict[str, Any], out: Path) -> None:
    """Fit by one of the recipes, in a process of its own."""
    judgments = out.with_suffix(".judgments.npz")
    np.savez(
        judgments,
        shown=world.shown,
        chosen=world.chosen,
        test=world.test,
        objects=len(world.ids),
        seed=world.draw,
    )
    script = ROOT / "benchmarks" / "peers" / runner
    command = [sys.executable, "-P", script, judgments, out, json.dumps(settings)]
    subprocess.run(list(map(str, command)), check=True)
    judgments.unlink()


def run(name: str, draw: int) -> dict[str, float]:
    """Scores of one method on one draw of judgments; the fit is made unless it is there."""
    world, path = World(draw), WORK / f"{(*OURS, *RECIPES).index(name)}-{draw}.npz"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        if name in OURS:
            prior, informed = OURS[name]
            np.savez(part, **ours(world, prior, with_features=informed))
        else:
            recipe(world, *RECIPES[name], part)
        part.rename(path)
    truth = world.answers(world.test)
    with np.load(path) as told:
        found = dict(told)
    guess = found["probabilities"].astype(np.float64)
    hits = [expected_accuracy(guess, np.full(len(guess), item)) for item in range(3)]
    result = {
        "dimensions": float(found["dimensions"]),
        "kl": float((truth * np.log(truth / guess)).sum(axis=1).mean()),
        "accuracy": float((truth * np.stack(hits, axis=1)).sum(axis=1).mean()),
        "seconds": float(found["seconds"]),
    }
    if "low" in found:
        inside = (found["low"] <= truth) & (truth <= found["high"])
        result |= {
            "coverage": float(inside.mean()),
            "width": float((found["high"] - found["low"]).mean()),
        }
    print(name, draw, {key: round(value, 4) for key, value in result.items()}, flush=True)
    return result


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error over draws."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=5)
    draws = parser.parse_args().draws
    if not THINGS.is_dir():
        sys.exit(f"no real data at {THINGS} (set TWOALIKE_SHARED_DATA)")
    worlds = [World(draw) for draw in range(draws)]
    truths = [world.answers(world.test) for world in worlds]
    best = cell([float(truth.max(axis=1).mean()) for truth in truths], 4)
    guess = cell([float((truth * np.log(3 * truth)).sum(axis=1).mean()) for truth in truths], 4)
    lines = [
        "# A lab-size study",
        "",
        f"`python -P benchmarks/lab.py --draws {draws}` (twoalike {version('twoalike')}, PyMC "
        f"{version('pymc')}, nutpie {version('nutpie')}, torch {version('torch')}, Python "
        f"{platform.python_version()}; processor seconds on two cores, compilation included).",
        "",
        f"48 THINGS objects, truth of 49 dimensions, {JUDGMENTS:,} simulated judgments of one "
        f"observer; all other triplets are predicted; see the script. Mean ± standard error over "
        f"{draws} draws of judgments. The truth's accuracy is {best}, and equal probabilities "
        f"have KL {guess}.",
        "",
        "| method | dimensions | KL | accuracy | coverage of 90 % | width | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in (*OURS, *RECIPES):
        each = [run(name, draw) for draw in range(draws)]
        cells = [
            cell([result[key] for result in each], digits) if key in each[0] else "-"
            for key, digits in MEASURES.items()
        ]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    text = "\n".join([*lines, ""])
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
