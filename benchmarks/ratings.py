"""Ratings and sortings in the model: recovery, and whether intervals are honest.

    python -P benchmarks/ratings.py [--replicates 4] [--lines "joining: one by one" ...]

World: 24 objects with four sparse dimensions (a coordinate is there with probability .6 and then
exponential); similarity is the dot product. Raters and sorters:

- `likert`, `slider`: eight raters of 60 random pairs each. Logistic noise of .5 standard deviations
  of similarity (a person's own factor with spread .3), seven points with thresholds that each rater
  moves (.4) and stretches (.3), or a slider that each bends by a power of their own.
- `joining`: ten sorters with two trials of 16 random objects each. Objects in random order join
  a pile or begin a new one with the probabilities that the model has.
- `known order`: the same, and the model knows in which order each person took the objects.
- `prior`: the same, and coordinates, noises and thresholds are drawn from the prior of the model.
  All is then as the model has it, and intervals that are too narrow would be a fault of inference.
- `clustering`: they perceive all coordinates with an error of .4 standard deviations, one a trial
  and object, and cut an average-linkage tree at a threshold of their own. No model is true.

Sortings are fitted with five likelihoods: `one by one`, which is what twoalike has, in one random
order; `eight orders`, the mean of its probability over eight orders; `half weight`, the root of it;
`pseudo-likelihood`, each object given all others; and `pairs`, where whether two objects share a
pile is an answer of its own. Ratings of sliders also with levels of equal width instead of
quantiles.

All by NUTS, one chain, five dimensions offered. Scored on similarities of all pairs after centring
and scaling to unit variance: coverage and width of 90 % intervals, Pearson's r of the posterior
mean with the truth.

Finished runs are kept in derived/ratings/ and not run again; the table in
benchmarks/results/ratings.md has all lines of which there are any. Without --lines it is made of
what twoalike has; --replicates are of the lines named.
"""

import argparse
import json
import platform
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from twoalike.embedding import FitConfig, fit_embedding
from twoalike.embedding._model import Data, Form
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
"""Their places are the seeds of their people."""
ORDERS = 8

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


def join(
    s: Array, items: Array, noise: float, least: float, rng: np.random.Generator, order: Array
) -> Array:
    """Pile of each object: one after the other joins a pile or begins a new one."""
    piles: list[list[int]] = []
    own = np.empty(len(items), dtype=np.int64)
    for place in order:
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


def from_prior(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Embedding and similarities as in :func:`true_world`, noise and threshold of each sorter."""
    shape = (OBJECTS, 5)
    weight, total = rng.beta(2, 2, 5), abs(3 * rng.normal())
    share = rng.dirichlet(np.ones(5))
    there = rng.random(shape) < weight
    unit = np.where(there, rng.standard_t(3, shape), 0.1 * rng.standard_normal(shape))
    x = total * np.sqrt(share) * np.abs(unit)
    s = x @ x.T
    location, spread = np.log(0.5) + rng.normal(), abs(0.5 * rng.normal())
    noise = np.exp(location + spread * rng.normal(size=SORTERS))
    location, spread = 0.5 + rng.normal(), abs(0.5 * rng.normal())
    least = location + spread * rng.normal(size=SORTERS)
    return x, (s - s[UPPER].mean()) / s[UPPER].std(), noise, least


def sort(world: str, replicate: int) -> tuple[Array, pd.DataFrame]:
    """Similarities, and a table of sortings; rows in the order of joining where it is known."""
    if world == "prior":
        rng = np.random.default_rng([replicate, 77])
        x, s, noises, thresholds = from_prior(rng)
    else:
        people = "joining" if world == "known order" else world
        rng = np.random.default_rng([replicate, WORLDS.index(people)])
        x, s = true_world(rng)
    parts = []
    for person in range(SORTERS):
        if world == "prior":
            noise, least = noises[person], thresholds[person]
        else:
            noise, least = 0.35 * np.exp(0.3 * rng.normal()), 0.7 + 0.3 * rng.normal()
        for trial in range(1, TRIALS + 1):
            items = rng.permutation(OBJECTS)[:SORTED]
            if world == "clustering":
                pile = cut_tree(x, items, least, rng)
            else:
                order = rng.permutation(SORTED) if world == "joining" else np.arange(SORTED)
                pile = 1 + join(s, items, noise, least, rng, order)
            columns = {"item": items, "pile": pile}
            parts.append(pd.DataFrame(columns).assign(participant=f"p{person}", trial=trial))
    table = pd.concat(parts)
    return s, sortings_table({name: table[name].to_numpy() for name in table}, IDS)


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

    kind = _sortings.Sortings
    known = kind.log_likelihood

    def half(*given: Any) -> Any:
        return 0.5 * known(*given)

    def eight(self: Any, unknown: Any, own: Any, group: Any, arrays: Any, n: int) -> Any:
        import pytensor.tensor as pt

        size = group.items.shape[1]
        order = np.argsort(np.random.default_rng(0).random((ORDERS, size)), axis=1)
        *rows, sorter = map(pt.as_tensor, arrays)
        rows = [one[:, order].reshape((-1, size)) for one in rows]
        who = (sorter[:, None] + np.zeros(ORDERS, dtype=np.int32)).reshape((-1,))
        logs = known(self, unknown, own, group, [*rows, who], n)
        return pt.logsumexp(logs.sum(axis=1).reshape((-1, ORDERS)), axis=1)

    def all_known(shown: Any, size: int, xp: Any) -> Any:
        return all_others(size) * shown[:, :, None] * shown[:, None, :]

    likelihoods = {"eight orders": eight, "half weight": half, "pairs": pairs_log_likelihood}
    if name == "equal levels":
        return mock.patch.object(_ratings, "slider_levels", equal_levels)
    if name == "pseudo-likelihood":
        return mock.patch.object(_sortings, "known_before", all_known)
    if name in likelihoods:
        return mock.patch.object(kind, "log_likelihood", likelihoods[name])
    return nullcontext()


def pairs_log_likelihood(self: Any, unknown: Any, own: Any, group: Any, arrays: Any, n: int) -> Any:
    """Log-probability of same or different, of each pair of a trial by itself, (T, k, k)."""
    import pytensor.tensor as pt

    items, pile, shown, sorter = map(pt.as_tensor, arrays)
    noise, threshold, origin, unit = (values[sorter][:, None, None] for values in own)
    s = (unknown.within(items, sorter, self.people) - origin) / unit
    apart, size = (s - threshold) / noise, group.items.shape[1]
    same = pt.eq(pile[:, :, None], pile[:, None, :])
    there = shown[:, :, None] * shown[:, None, :] * np.triu(np.ones((size, size), np.float32), 1)
    return there * pt.where(same, pt.log(pt.sigmoid(apart)), pt.log(pt.sigmoid(-apart)))


def fit_ratings(table: pd.DataFrame, name: str, replicate: int) -> tuple[Array, float]:
    """Draws of the embedding, (S, m, d), and processor seconds."""
    settings: dict[str, Any] = {"tune": 250, "draws": 250, "chains": 1, "dimensions": 5}
    config = FitConfig(quick=True, engine="nuts", similarity="dot", seed=replicate, **settings)
    start = time.process_time()
    with variant(name):
        posterior = fit_embedding(None, ratings=table, config=config)
    rows = [posterior.ids.index(one) for one in IDS]
    return posterior.embedding.astype(np.float64)[:, rows], time.process_time() - start


@cache
def compiled(name: str) -> Any:
    """Model of sortings, whose data are given later: they have the same shapes in all worlds."""
    import nutpie
    import pytensor

    form = Form(5, "spike-and-slab", "dot")
    data = in_rows(sort("joining", 0)[1])
    arrays = [pytensor.shared(one, name=key) for key, one in arrays_of(data).items()]
    with variant(name):
        model = form.model(data, [tuple(arrays)])
    return nutpie.compile_pymc_model(
        model,
        backend="jax",
        gradient_backend="jax",
        initial_points=form.start(OBJECTS, np.random.default_rng([0, 0])),
        var_names=["embedding"],
    )


def in_rows(table: pd.DataFrame, *, keep_order: bool = False) -> Data:
    """Take objects of a sorting in a random order, or in that of the table."""
    orders = mock.patch.object(
        np.random, "default_rng", lambda *_: SimpleNamespace(permutation=np.arange)
    )
    with orders if keep_order else nullcontext():
        return Data.from_tables({"sortings": table})


def arrays_of(data: Data) -> Mapping[str, Any]:
    """Arrays of the one group of sortings, by name."""
    (group,) = data.groups
    return {f"array_{number}": one for number, one in enumerate(group.arrays)}


def fit_sortings(table: pd.DataFrame, world: str, name: str, replicate: int) -> tuple[Array, float]:
    """Draws of the embedding, (S, m, d), and processor seconds, without compilation."""
    import nutpie

    data = in_rows(table, keep_order=world in ("known order", "prior"))
    model = compiled(name).with_data(**arrays_of(data))
    start = time.process_time()
    settings: dict[str, Any] = {"tune": 250, "draws": 250, "chains": 1, "maxdepth": 8}
    tree = nutpie.sample(model, seed=replicate + 1, progress_bar=False, **settings)
    draws = np.asarray(tree["posterior"].dataset["embedding"].values[0], dtype=np.float64)
    return draws, time.process_time() - start


def run(world: str, name: str, replicate: int) -> dict[str, float]:
    """One fit, or what it gave before."""
    path = file_of(world, name, replicate)
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    if world in ("likert", "slider"):
        rng = np.random.default_rng([replicate, WORLDS.index(world)])
        _, s = true_world(rng)
        draws, seconds = fit_ratings(rate(s, world == "slider", rng), name, replicate)
    else:
        s, table = sort(world, replicate)
        draws, seconds = fit_sortings(table, world, name, replicate)
    found = standard(np.stack([(x @ x.T)[UPPER] for x in draws]))
    truth = standard(s[UPPER])
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    result = {
        "coverage": float(((low <= truth) & (truth <= high)).mean()),
        "width": float((high - low).mean()),
        "r": float(np.corrcoef(found.mean(axis=0), truth)[0, 1]),
        "seconds": seconds,
    }
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    print(replicate, world, name, {k: round(v, 3) for k, v in result.items()}, flush=True)
    return result


def file_of(world: str, name: str, replicate: int) -> Path:
    """Where a run is kept."""
    return WORK / f"{world}-{name}-{replicate}.json".replace(" ", "-")


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error over replicates."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


OTHERS = ("eight orders", "half weight", "pseudo-likelihood", "pairs")
LINES = [
    *("likert: graded response", "slider: graded response", "slider: equal levels"),
    *(f"{world}: one by one" for world in ("prior", "known order")),
    *(f"{world}: {name}" for world in WORLDS[2:] for name in ("one by one", *OTHERS)),
]


def main() -> None:
    """Run what is asked for and write the table of all that was run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=4)
    own = [line for line in LINES if line.endswith(("graded response", "one by one"))]
    parser.add_argument("--lines", nargs="+", choices=LINES, default=own, metavar="LINE")
    chosen = parser.parse_args()
    for line in chosen.lines:
        for replicate in range(chosen.replicates):
            run(*line.split(": "), replicate)
    rows = []
    for line in LINES:
        world, name = line.split(": ")
        each = [run(world, name, k) for k in range(99) if file_of(world, name, k).exists()]
        if each:
            columns = {key: [result[key] for result in each] for key in each[0]}
            cells = [cell(columns[key], 3) for key in ("r", "coverage", "width")]
            told = [world, name, str(len(each)), *cells, cell(columns["seconds"], 0)]
            rows.append("| " + " | ".join(told) + " |")
    lines = [
        "# Ratings and sortings: recovery and coverage",
        "",
        f"`python -P benchmarks/ratings.py --replicates {chosen.replicates}`, with `--lines` "
        "for lines with another n or that twoalike does not use (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, nutpie {version('nutpie')}, Python "
        f"{platform.python_version()}; processor seconds on a busy machine of two cores, of "
        "sortings without compilation).",
        "",
        f"{OBJECTS} objects, {DIMENSIONS} dimensions, five offered to the fits; {RATERS} raters of "
        f"{RATINGS} pairs each, or {SORTERS} sorters with {TRIALS} trials of {SORTED} objects; "
        "people, models and scores: see the script. Mean ± standard error over n worlds; coverage "
        "is of 90 % intervals.",
        "",
        "| people | model | n | r | coverage | width | CPU s |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
