"""Dissimilarities in the model, and whether intervals are honest when errors are correlated.

    python -P benchmarks/dissimilarities.py [--replicates 5]

World: 20 objects of three dimensions; each of three people gives an RDM of all 190 pairs.
Similarities are dot products of sparse coordinates, or minus distances of Gaussian ones. Errors,
in units of the similarities' standard deviation:

- `shared`: an effect of each object, .6 on each of its pairs, and noise of .4 a pair;
- `independent`: noise of .7 a pair and no effects, which is what the short model believes;
- `arranged`: no such errors, but the mean of distances in the plane, of one layout of all objects
  and twelve of ten, each by metric scaling (100 majorisation steps from a random start) with
  placement noise of .08 mean distances. Neither model is true.

Each is fitted by NUTS with the object effects and without (their noise held at .001). Scored on
similarities of all pairs after centring and scaling to unit variance, since location and scale
of an embedding are not told by dissimilarities: coverage and width of 90 % intervals, coverage of
90 % intervals of ranks, Pearson's r of the posterior mean with the truth; beside it r of the mean
RDM.

Finished runs are kept in derived/dissimilarities/ and not run again; the table goes to
benchmarks/results/dissimilarities.md.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from twoalike.embedding import FitConfig, fit_embedding
from twoalike.judgments import dissimilarities_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "dissimilarities"
RESULTS = ROOT / "benchmarks" / "results" / "dissimilarities.md"
OBJECTS, DIMENSIONS, PEOPLE = 20, 3, 3
FIRST, SECOND = np.triu_indices(OBJECTS, 1)
ERRORS = {"shared": (0.6, 0.4), "independent": (0.0, 0.7)}
WORLDS = ("shared, dot", "independent, dot", "arranged, distance")

type Array = np.ndarray[Any, np.dtype[np.float64]]


def similarities(x: Array, kernel: str) -> Array:
    """Similarity of each pair, shape (P,)."""
    if kernel == "dot":
        return np.asarray((x[FIRST] * x[SECOND]).sum(axis=1))
    return np.asarray(-np.linalg.norm(x[FIRST] - x[SECOND], axis=1))


def distances(x: Array) -> Array:
    """Euclidean distances of all rows, shape (k, k)."""
    return np.asarray(np.linalg.norm(x[:, None] - x[None], axis=-1))


def layout(x: Array, rng: np.random.Generator) -> Array:
    """Distances in the plane after metric scaling with placement noise, shape (k, k)."""
    wanted, k = distances(x), len(x)
    mean = wanted.sum() / (k * (k - 1))
    places = mean * rng.standard_normal((k, 2))
    for _ in range(100):
        now = distances(places)
        ratio = np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
        places = (np.diag(ratio.sum(axis=1)) - ratio) @ places / k
    return distances(places + 0.08 * mean * rng.standard_normal(places.shape))


def arranged(x: Array, rng: np.random.Generator) -> Array:
    """Mean of distances in layouts, each as large as fits those before it best, shape (P,)."""
    total, count = layout(x, rng), np.ones((OBJECTS, OBJECTS))
    for _ in range(12):
        some = np.ix_(*[rng.choice(OBJECTS, 10, replace=False)] * 2)
        found, before = layout(x[some[1][0]], rng), total[some] / count[some]
        total[some] += found * (found * before).sum() / (found**2).sum()
        count[some] += 1
    return np.asarray((total / count)[FIRST, SECOND])


def simulate(world: str, replicate: int) -> tuple[pd.DataFrame, Array]:
    """Table of dissimilarities, and the true similarities, shape (P,)."""
    errors, kernel = world.split(", ")
    rng = np.random.default_rng([replicate, WORLDS.index(world)])
    shape = (OBJECTS, DIMENSIONS)
    sparse = np.where(rng.random(shape) < 0.5, rng.gamma(4.0, 0.45, shape), 0.03)
    x = sparse if kernel == "dot" else rng.standard_normal(shape)
    truth = similarities(x, kernel)
    parts = []
    for person in range(PEOPLE):
        if errors == "arranged":
            given = arranged(x, rng)
        else:
            of_objects, of_pairs = (size * truth.std() for size in ERRORS[errors])
            effects = of_objects * rng.standard_normal(OBJECTS)
            noise = of_pairs * rng.standard_normal(len(truth))
            given = -truth + effects[FIRST] + effects[SECOND] + noise
        columns = {"item_a": FIRST, "item_b": SECOND, "dissimilarity": given - given.min()}
        parts.append(pd.DataFrame(columns | {"participant": f"person-{person}"}))
    table = pd.concat(parts)
    columns = {name: table[name].to_numpy() for name in table}
    return dissimilarities_table(columns, [f"object-{k:02d}" for k in range(OBJECTS)]), truth


def fit(table: pd.DataFrame, kernel: str, seed: int, *, effects: bool) -> tuple[Array, Any]:
    """Draws of the embedding, and how the fit converged."""
    from twoalike.embedding._kind import Noise

    add = Noise.add

    def without(noise: Noise, name: str, *settings: Any) -> Any:
        free = add(noise, name, *settings)
        return 1e-3 + 0 * free if name == "object_noise" else free

    config = FitConfig(quick=True, engine="nuts", similarity=kernel, seed=seed, tune=300, draws=200)
    with mock.patch.object(Noise, "add", add if effects else without):
        posterior = fit_embedding(None, dissimilarities=table, config=config)
    return posterior.embedding.astype(np.float64), posterior.attrs["convergence"]


def mean_rdm(table: pd.DataFrame) -> Array:
    """Mean dissimilarity of each pair, shape (P,)."""
    return table["dissimilarity"].to_numpy(np.float64).reshape(PEOPLE, -1).mean(axis=0)


def standard(values: Array) -> Array:
    """Mean 0 and variance 1 along the last axis."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / values.std(axis=-1, keepdims=True))


def covered(draws: Array, truth: Array) -> tuple[float, float]:
    """Share of 90 % intervals that hold the truth, and their mean width."""
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    return float(((low <= truth) & (truth <= high)).mean()), float((high - low).mean())


def run(world: str, replicate: int, *, effects: bool) -> dict[str, float]:
    """One fit, or what it gave before."""
    path = WORK / f"{world.replace(', ', '-')}-{'with' if effects else 'without'}-{replicate}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    table, truth = simulate(world, replicate)
    kernel, start = world.split(", ")[1], time.process_time()
    embedding, convergence = fit(table, kernel, replicate, effects=effects)
    draws = standard(np.stack([similarities(x, kernel) for x in embedding]))
    coverage, width = covered(draws, standard(truth))
    result = {
        "coverage": coverage,
        "width": width,
        "ranks": covered(rankdata(draws, axis=1), rankdata(truth))[0],
        "r": float(np.corrcoef(draws.mean(axis=0), truth)[0, 1]),
        "r_mean": float(-np.corrcoef(mean_rdm(table), truth)[0, 1]),
        "seconds": time.process_time() - start,
        "divergences": float(convergence["divergences"]),
    }
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    print(replicate, world, effects, {k: round(v, 3) for k, v in result.items()}, flush=True)
    return result


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error over replicates."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=5)
    replicates = parser.parse_args().replicates
    rows = []
    for world in WORLDS:
        for effects in (True, False):
            each = [run(world, replicate, effects=effects) for replicate in range(replicates)]
            columns = {name: [result[name] for result in each] for name in each[0]}
            cells = [
                cell(columns[name], 3) for name in ("coverage", "ranks", "width", "r", "r_mean")
            ]
            model = "with object effects" if effects else "independent noise only"
            told = [world, model, *cells, cell(columns["seconds"], 0)]
            rows.append("| " + " | ".join(told) + " |")
    lines = [
        "# Dissimilarities: correlated errors",
        "",
        f"`python -P benchmarks/dissimilarities.py --replicates {replicates}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, nutpie {version('nutpie')}, Python "
        f"{platform.python_version()}; processor seconds on a shared machine of two cores, "
        "compilation included).",
        "",
        f"{OBJECTS} objects, {DIMENSIONS} dimensions (unknown to the fits), RDMs of all pairs by "
        f"{PEOPLE} people; worlds and scores: see the script. Mean ± standard error over "
        f"{replicates} replicates; coverage is of 90 % intervals.",
        "",
        "| world | model | coverage | coverage of ranks | width | r | r of mean RDM | CPU s |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
