"""Ratings and sortings in the model: recovery, and whether intervals are honest.

    python -P benchmarks/ratings.py [--replicates 5]

World: 24 objects with four sparse dimensions (a coordinate is there with probability .6 and then
exponential); similarity is the dot product. Raters and sorters:

- `likert`, `slider`: eight raters of 60 random pairs each. Logistic noise of .5 standard deviations
  of similarity (a person's own factor with spread .3), seven points with thresholds that each rater
  moves (.4) and stretches (.3), or a slider that each bends by a power of their own.
- `joining`: ten sorters with two trials of 16 random objects each. Objects in random order join
  a pile or begin a new one with the probabilities that the model has.
- `clustering`: they perceive all coordinates with an error of .4 standard deviations, one a trial
  and object, and cut an average-linkage tree at a threshold of their own. No model is true.

Sortings are fitted with five likelihoods: `one by one`, which is what twoalike has, in one random
order; `both orders`, the mean over this order and its reverse; `pseudo-likelihood`, each object
given all others; `half of it`; and `pairs`, where whether two objects share a pile is an answer of
its own. Ratings of sliders also with levels of equal width instead of quantiles.

All by NUTS, five dimensions offered. Scored on similarities of all pairs after centring and scaling
to unit variance: coverage and width of 90 % intervals, Pearson's r of the posterior mean with the
truth.

Finished runs are kept in derived/ratings/ and not run again; the table goes to
benchmarks/results/ratings.md.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from twoalike.embedding import FitConfig, fit_embedding
from twoalike.judgments import ratings_table, sortings_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "ratings"
RESULTS = ROOT / "benchmarks" / "results" / "ratings.md"
OBJECTS, DIMENSIONS = 24, 4
IDS = [f"object-{k:02d}" for k in range(OBJECTS)]
UPPER = np.triu_indices(OBJECTS, 1)
RATERS, RATINGS, NOISE = 8, 60, 0.5
POINTS = np.array([-1.2, -0.7, -0.3, 0.1, 0.6, 1.2])
SORTERS, TRIALS, SORTED = 10, 2, 16
WORLDS = ("likert", "slider", "joining", "clustering")

type Array = np.ndarray[Any, np.dtype[np.float64]]


def standard(values: Array) -> Array:
    """Mean 0 and variance 1 along the last axis."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / values.std(axis=-1, keepdims=True))


def true_world(rng: np.random.Generator) -> tuple[Array, Array]:
    """Embedding, and similarities of all pairs in standard deviations, (m, m)."""
    shape = (OBJECTS, DIMENSIONS)
    x = rng.gamma(1.0, 1.0, shape) * (rng.random(shape) < 0.6)
    s = x @ x.T
    return x, (s - s[UPPER].mean()) / s[UPPER].std()


def rate(s: Array, slider: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Table of ratings."""
    parts = []
    for person in range(RATERS):
        noise, move, stretch = NOISE * np.exp(0.3 * rng.normal()), 0.4 * rng.normal(), rng.normal()
        stretch = float(np.exp(0.3 * stretch))
        some = rng.permutation(len(UPPER[0]))[:RATINGS]
        first, second = UPPER[0][some], UPPER[1][some]
        felt = s[first, second] + noise * rng.logistic(size=RATINGS)
        place = 1 / (1 + np.exp(-(felt - move) / stretch))
        bent = np.clip(1.1 * place - 0.05, 0, 1) ** np.exp(0.5 * rng.normal())
        level = 1 + (felt[:, None] > move + stretch * POINTS).sum(axis=1)
        columns = {"trial": np.arange(RATINGS) + 1, "item_a": first, "item_b": second}
        columns |= {"rating": bent if slider else level}
        points = np.nan if slider else len(POINTS) + 1
        parts.append(pd.DataFrame(columns).assign(participant=f"p{person}", scale_points=points))
    table = pd.concat(parts)
    return ratings_table({name: table[name].to_numpy() for name in table}, IDS)


def join(s: Array, items: Array, noise: float, least: float, rng: np.random.Generator) -> Array:
    """Pile of each object: one after the other joins a pile or begins a new one."""
    piles: list[list[int]] = []
    own = np.empty(len(items), dtype=np.int64)
    for place in rng.permutation(len(items)):
        gain = [s[items[place], items[pile]].mean() for pile in piles]
        utility = np.array([*gain, least]) / noise + rng.gumbel(size=len(piles) + 1)
        own[place] = utility.argmax()
        if own[place] == len(piles):
            piles.append([])
        piles[own[place]].append(place)
    return own


def cut_tree(x: Array, items: Array, least: float, rng: np.random.Generator) -> Array:
    """Pile of each object: an average-linkage tree of what was perceived, cut at a threshold."""
    error = 0.4 * np.exp(0.3 * rng.normal()) * x.std()
    seen = np.maximum(x[items] + error * rng.normal(size=(len(items), DIMENSIONS)), 0)
    s = seen @ seen.T
    upper = np.triu_indices(len(items), 1)
    apart = (s[upper].max() - s) / s[upper].std()
    limit = (s[upper].max() - s[upper].mean()) / s[upper].std() - least
    np.fill_diagonal(apart, 0)
    return np.asarray(fcluster(average(squareform(apart, checks=False)), limit, "distance"))


def sort(x: Array, s: Array, clustering: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Table of sortings."""
    parts = []
    for person in range(SORTERS):
        noise, least = 0.35 * np.exp(0.3 * rng.normal()), 0.7 + 0.3 * rng.normal()
        for trial in range(1, TRIALS + 1):
            items = rng.permutation(OBJECTS)[:SORTED]
            pile = (
                cut_tree(x, items, least, rng)
                if clustering
                else 1 + join(s, items, noise, least, rng)
            )
            columns = {"item": items, "pile": pile}
            parts.append(pd.DataFrame(columns).assign(participant=f"p{person}", trial=trial))
    table = pd.concat(parts)
    return sortings_table({name: table[name].to_numpy() for name in table}, IDS)


def equal_levels(rating: Array, levels: int = 10) -> tuple[Any, Any]:
    """Thresholds around each answer on a slider that is cut into levels of equal width."""
    low = np.minimum((rating * levels).astype(np.int64), levels - 1)
    return low, low + 1


def all_others(size: int) -> Array:
    """Let the decision on each object know the piles of all others."""
    return np.asarray(1 - np.eye(size), dtype=np.float32)


def variant(name: str) -> AbstractContextManager[Any]:
    """Replace the likelihood by another one while a model is built."""
    from twoalike.embedding import _ratings, _sortings

    known = _sortings.decision_log_likelihood

    def changed(weight: float, masks: Sequence[Callable[[int], Any]]) -> Callable[..., Any]:
        def logs(*arrays: Any, **form: Any) -> Any:
            total = 0.0
            for mask in masks:
                with mock.patch.object(_sortings, "members_known", mask):
                    total = total + weight * known(*arrays, **form)
            return total

        return logs

    orders = [lambda size: np.tril(np.ones((size, size), np.float32), -1)]
    orders.append(lambda size: np.triu(np.ones((size, size), np.float32), 1))
    likelihoods = {
        "both orders": changed(0.5, orders),
        "pseudo-likelihood": changed(1.0, [all_others]),
        "half of it": changed(0.5, [all_others]),
        "pairs": pairs_log_likelihood,
    }
    if name == "equal levels":
        return mock.patch.object(_ratings, "slider_levels", equal_levels)
    if name in likelihoods:
        return mock.patch.object(_sortings, "decision_log_likelihood", likelihoods[name])
    return nullcontext()


def pairs_log_likelihood(
    x: Any, noise: Any, threshold: Any, *arrays: Any, size: int, log_weight: Any, **form: Any
) -> Any:
    """Log-probability of same or different, of each pair of a trial by itself, (T, k, k)."""
    import pytensor.tensor as pt

    from twoalike.embedding._sortings import trial_similarities

    items, pile, shown, sorter = arrays
    s = trial_similarities(x, items, sorter, log_weight=log_weight, **form)
    own = (s - threshold[sorter][:, None, None]) / noise[sorter][:, None, None]
    same = pt.eq(pile[:, :, None], pile[:, None, :])
    there = shown[:, :, None] * shown[:, None, :] * np.triu(np.ones((size, size), np.float32), 1)
    return there * pt.where(same, pt.log(pt.sigmoid(own)), pt.log(pt.sigmoid(-own)))


def run(world: str, name: str, replicate: int) -> dict[str, float]:
    """One fit, or what it gave before."""
    path = WORK / f"{world}-{name.replace(' ', '-')}-{replicate}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    rng = np.random.default_rng([replicate, WORLDS.index(world)])
    x, s = true_world(rng)
    tables = (
        {"ratings": rate(s, world == "slider", rng)}
        if world in ("likert", "slider")
        else {"sortings": sort(x, s, world == "clustering", rng)}
    )
    settings: dict[str, Any] = {"tune": 250, "draws": 250, "chains": 1, "dimensions": 5}
    config = FitConfig(quick=True, engine="nuts", similarity="dot", seed=replicate, **settings)
    start = time.process_time()
    with variant(name):
        posterior = fit_embedding(None, **tables, config=config)
    rows = [posterior.ids.index(one) for one in IDS]
    draws = posterior.embedding.astype(np.float64)[:, rows]
    found = standard(np.stack([(x @ x.T)[UPPER] for x in draws]))
    truth = standard(s[UPPER])
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    result = {
        "coverage": float(((low <= truth) & (truth <= high)).mean()),
        "width": float((high - low).mean()),
        "r": float(np.corrcoef(found.mean(axis=0), truth)[0, 1]),
        "seconds": time.process_time() - start,
        "divergences": float(posterior.attrs["convergence"].get("divergences", 0)),
    }
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    print(replicate, world, name, {k: round(v, 3) for k, v in result.items()}, flush=True)
    return result


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error over replicates."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


SORTING_MODELS = ("one by one", "both orders", "pseudo-likelihood", "half of it", "pairs")
MODELS = {
    "likert": ("graded response",),
    "slider": ("graded response", "equal levels"),
    "joining": SORTING_MODELS,
    "clustering": SORTING_MODELS,
}


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=5)
    replicates = parser.parse_args().replicates
    for replicate in range(replicates):
        for world, names in MODELS.items():
            for name in names:
                run(world, name, replicate)
    rows = []
    for world, names in MODELS.items():
        for name in names:
            each = [run(world, name, replicate) for replicate in range(replicates)]
            columns = {key: [result[key] for result in each] for key in each[0]}
            cells = [cell(columns[key], 3) for key in ("r", "coverage", "width")]
            told = [world, name, *cells, cell(columns["seconds"], 0)]
            rows.append("| " + " | ".join(told) + " |")
    lines = [
        "# Ratings and sortings: recovery and coverage",
        "",
        f"`python -P benchmarks/ratings.py --replicates {replicates}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, nutpie {version('nutpie')}, Python "
        f"{platform.python_version()}; processor seconds on a shared machine of two cores, "
        "compilation included).",
        "",
        f"{OBJECTS} objects, {DIMENSIONS} dimensions, five offered to the fits; {RATERS} raters of "
        f"{RATINGS} pairs each, or {SORTERS} sorters with {TRIALS} trials of {SORTED} objects; "
        f"people, models and scores: see the script. Mean ± standard error over {replicates} "
        "replicates; coverage is of 90 % intervals.",
        "",
        "| people | model | r | coverage | width | CPU s |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
