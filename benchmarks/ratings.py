"""Ratings and sortings in the model: recovery, and whether intervals are honest.

    python -P benchmarks/ratings.py [--worlds 8] [--lines "joining, distance: half" ...]

Spaces of 24 objects: `distance`, the default's own, with four Gaussian dimensions of standard
deviations 1, .8, .6 and .4; and `dot`, in which a coordinate is there with probability .6 and then
exponential, and similarity is the dot product. Raters and sorters:

- `likert`, `slider`: eight raters of 60 random pairs each. Logistic noise of .5 standard deviations
  of similarity (a person's own factor with spread .3), seven points with thresholds that each rater
  moves (.4) and stretches (.3), or a slider that each bends by a power of their own.
- `joining`: ten sorters with two trials of 16 random objects each. Objects in random order join
  a pile or begin a new one with the probabilities that the model has; nobody knows the order.
- `known order`: the same, and the model knows in which order each person took the objects.
- `clustering`: they perceive all coordinates with an error of .4 standard deviations, one a trial
  and object, and cut an average-linkage tree at a threshold of their own. No model is true.

Models: the `graded` response; for sortings `half`, half the log-probability of each object's pile
given all others, which is what twoalike fits; `all others`, the whole of it; `one order`, objects
that join piles in one random order; `four orders`, the mean log-probability over four; `part`, that
of one order times .7; and `pairs`, where whether two objects share a pile is an answer of its own.

Fits have the defaults' similarity and prior (Gaussian coordinates and distances; in `dot` spaces
dot products and their usual prior, as if asked for) and five dimensions. All worlds of a line are
sampled side by side by a Hamiltonian sampler of this script, from the density that the engines of
twoalike take, in one chain. Scored on similarities of all pairs after centring and scaling to unit
variance, in the truth and in each draw: coverage and width of 90 % intervals, the root mean square
z of the posterior mean, Pearson's r of the posterior mean with the truth, and the log-loss per
decision of 20 new sortings by the same people, by the probability of partitions.

Finished lines are kept in derived/ratings/ and not run again; the table in
benchmarks/results/ratings.md has all lines of which there are any.
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from twoalike.embedding import _sortings
from twoalike.embedding._model import Data, Form
from twoalike.embedding._priors import find_kernel
from twoalike.embedding._vi import columns_of, jax_density, single_precision
from twoalike.judgments import JudgmentKind, ratings_table, sortings_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "ratings"
RESULTS = ROOT / "benchmarks" / "results" / "ratings.md"
OBJECTS, DIMENSIONS = 24, 4
IDS = [f"object-{k:02d}" for k in range(OBJECTS)]
UPPER = np.triu_indices(OBJECTS, 1)
RATERS, RATINGS, NOISE = 8, 60, 0.5
POINTS = np.array([-1.2, -0.7, -0.3, 0.1, 0.6, 1.2])
SORTERS, TRIALS, SORTED = 10, 2, 16
PEOPLE = ("likert", "slider", "joining", "clustering", "known order")
"""Their places are the seeds of their people."""
FORMS = {
    "distance": Form(5, "gaussian", "distance"),
    "dot": Form(5, "softplus", "dot"),
}
TUNE, DRAWS, STEPS = 300, 400, 16
ORDERS, PART = 4, 0.7

type Array = np.ndarray[Any, np.dtype[np.float64]]


def standard(values: Array) -> Array:
    """Mean 0 and variance 1 along the last axis."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / values.std(axis=-1, keepdims=True))


def true_world(space: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Embedding, and similarities of all pairs in standard deviations, (m, m)."""
    shape = (OBJECTS, DIMENSIONS)
    if space == "distance":
        x = rng.normal(size=shape) * np.array([1.0, 0.8, 0.6, 0.4])
    else:
        x = rng.gamma(1.0, 1.0, shape) * (rng.random(shape) < 0.6)
    s = find_kernel(space).matrix(x, x)
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


def cut_tree(x: Array, space: str, least: float, rng: np.random.Generator) -> Array:
    """Pile of each object: an average-linkage tree of what was perceived, cut at a threshold."""
    error = 0.4 * np.exp(0.3 * rng.normal()) * x.std()
    seen = x + error * rng.normal(size=x.shape)
    seen = np.maximum(seen, 0) if space == "dot" else seen
    s = find_kernel(space).matrix(seen, seen)
    upper = np.triu_indices(len(x), 1)
    apart = (s[upper].max() - s) / s[upper].std()
    limit = (s[upper].max() - s[upper].mean()) / s[upper].std() - least
    np.fill_diagonal(apart, 0)
    return np.asarray(fcluster(average(squareform(apart, checks=False)), limit, "distance"))


def sort(
    x: Array, s: Array, people: str, space: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sortings, rows in the order of joining where it is known, and as many new ones."""
    parts: list[list[pd.DataFrame]] = [[], []]
    for person in range(SORTERS):
        noise, least = 0.35 * np.exp(0.3 * rng.normal()), 0.7 + 0.3 * rng.normal()
        for trial in range(2 * TRIALS):
            items = rng.permutation(OBJECTS)[:SORTED]
            if people == "clustering":
                pile = cut_tree(x[items], space, least, rng)
            else:
                order = rng.permutation(SORTED) if people == "joining" else np.arange(SORTED)
                pile = 1 + join(s, items, noise, least, rng, order)
            columns = {"item": items, "pile": pile, "trial": trial // 2 + 1}
            parts[trial % 2].append(pd.DataFrame(columns).assign(participant=f"p{person}"))
    tables = [pd.concat(part) for part in parts]
    first, new = (sortings_table({n: t[n].to_numpy() for n in t}, IDS) for t in tables)
    return first, new


def data_of(people: str, space: str, world: int) -> tuple[Array, Data, Data]:
    """Similarities, judgments, and as many new ones."""
    rng = np.random.default_rng([world, PEOPLE.index(people)])
    x, s = true_world(space, rng)
    kind: JudgmentKind = "ratings" if people in ("likert", "slider") else "sortings"
    if kind == "ratings":
        tables = [rate(s, people == "slider", rng) for _ in range(2)]
    else:
        tables = list(sort(x, s, people, space, rng))
    orders = mock.patch.object(
        np.random, "default_rng", lambda *_: SimpleNamespace(permutation=np.arange)
    )
    found = []
    for table in tables:
        with orders if people == "known order" else nullcontext():
            data = Data.from_tables({kind: table})
        assert data.ids == tuple(IDS)
        # All worlds are one program: similarities are standardised over all pairs.
        pairs = np.stack(UPPER, axis=1).astype(np.int32)
        known = (replace(one, reference=pairs) for one in data.kinds)  # type: ignore[call-arg]
        found.append(replace(data, kinds=tuple(known)))
    return s, *found


def in_order(number: int) -> Array:
    """Whose piles each object knows in a random order; the first order is that of the places."""
    rank = np.random.default_rng(number).permutation(SORTED) if number else np.arange(SORTED)
    return np.asarray(rank[:, None] > rank, dtype=np.float32)


def variant(name: str) -> AbstractContextManager[Any]:
    """Replace the likelihood of sortings by another one while a model is built."""
    decisions = _sortings.log_decisions

    def with_others(*masks: Array, times: float) -> Any:
        # The fit halves what it is given.
        def other(seen: Any, pile: Any, shown: Any, _: Any, xp: Any) -> Any:
            logs = [decisions(seen, pile, shown, mask, xp) for mask in masks]
            return 2 * times / len(masks) * sum(logs)

        return other

    def pairs(seen: Any, pile: Any, shown: Any, _: Any, xp: Any) -> Any:
        s, threshold, noise = seen
        apart = (s - threshold) / noise
        same = xp.eq(pile[:, :, None], pile[:, None, :])
        there = shown[:, :, None] * shown[:, None, :] * np.triu(np.ones_like(in_order(0)), 1)
        return 2 * there * xp.where(same, -xp.softplus(-apart), -xp.softplus(apart))

    others = np.asarray(1 - np.eye(SORTED), dtype=np.float32)
    found: dict[str, Any] = {
        "all others": with_others(others, times=1),
        "one order": with_others(in_order(0), times=1),
        "four orders": with_others(*map(in_order, range(ORDERS)), times=1),
        "part": with_others(in_order(0), times=PART),
        "pairs": pairs,
    }
    if name not in found:
        return nullcontext()
    return mock.patch.object(_sortings, "log_decisions", found[name])


@single_precision()
def sample(  # noqa: PLR0915
    tables: Sequence[Data], form: Form
) -> list[dict[str, Array]]:
    """Draws of what is stored, by name, for each world: Hamiltonian chains side by side.

    Steps are adapted to each world by dual averaging, masses by variances in windows of the
    warm-up; the number of steps is random and the same for all.
    """
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    starts = [form.start(OBJECTS, np.random.default_rng([0, k])) for k in range(len(tables))]
    density = jax_density(tables[0], form, starts)
    flat, unravel = ravel_pytree([jnp.asarray(density.starts[0][n]) for n in density.names])
    points = [np.concatenate([start[n].ravel() for n in density.names]) for start in density.starts]
    columns = [[array for group in columns_of(data) for array in group] for data in tables]
    arrays = [jnp.stack(each) for each in zip(*columns, strict=True)]
    n, size = len(tables), len(flat)

    def log_density(point: Any, *judged: Any) -> Any:
        values = unravel(point)
        return sum(density.groups(*values, *judged)) + density.prior(*values)[0]

    gradient = jax.vmap(jax.value_and_grad(log_density))

    def move(key: Any, q: Any, logp: Any, slope: Any, eps: Any, mass: Any, steps: Any) -> Any:
        ahead, chance = jax.random.split(key)
        p = jax.random.normal(ahead, q.shape) / jnp.sqrt(mass)
        energy = (p**2 * mass).sum(1) / 2 - logp

        def leap(_: Any, state: Any) -> Any:
            q, p, _, slope = state
            p = p + eps[:, None] / 2 * slope
            q = q + eps[:, None] * mass * p
            logp, slope = gradient(q, *arrays)
            return q, p + eps[:, None] / 2 * slope, logp, slope

        new = jax.lax.fori_loop(0, steps, leap, (q, p, logp, slope))
        accept = jnp.exp(jnp.minimum(0.0, energy - (new[1] ** 2 * mass).sum(1) / 2 + new[2]))
        accept = jnp.where(jnp.isfinite(accept), accept, 0.0)
        take = jax.random.uniform(chance, (n,)) < accept
        rows = take[:, None]
        moved = jnp.where(rows, new[0], q), jnp.where(take, new[2], logp)
        return *moved, jnp.where(rows, new[3], slope), accept

    windows = (0, 60, 150, TUNE)

    def step(state: Any, given: Any) -> Any:
        place, steps, key = given
        q, logp, slope, eps, error, mean_eps, mass, moments = state
        tuning = place < TUNE
        used = jnp.exp(jnp.where(tuning, eps, mean_eps))
        q, logp, slope, accept = move(key, q, logp, slope, used, mass, steps)
        begin = sum(jnp.where(place >= at, at - before, 0) for before, at in windows_of(windows))
        t = place - begin + 1.0
        error = (1 - 1 / (t + 10)) * jnp.where(t == 1, 0.0, error) + (0.85 - accept) / (t + 10)
        proposed = -jnp.sqrt(t) / 0.05 * error
        averaged = t**-0.75 * proposed + (1 - t**-0.75) * mean_eps
        mean_eps = jnp.where(tuning, jnp.where(t == 1, proposed, averaged), mean_eps)
        eps = jnp.where(tuning, proposed, eps)
        count, mean, squares = moments
        count, apart = count + 1.0, q - mean
        mean = mean + apart / count
        squares = squares + apart * (q - mean)
        ends = (place == windows[1] - 1) | (place == windows[2] - 1)
        variance = (squares + 5 * 5e-3) / (count + 5)
        mass = jnp.where(ends, variance, mass)
        again = jnp.where(ends | (place == windows[1] // 2), 0.0, 1.0)
        moments = count * again, mean * again, squares * again
        return (q, logp, slope, eps, error, mean_eps, mass, moments), q

    @jax.jit
    def run(q: Any, lengths: Any, keys: Any) -> Any:
        logp, slope = gradient(q, *arrays)
        none, zero = jnp.zeros(n), jnp.zeros((n, size))
        state = q, logp, slope, none - 3, none, none - 3, zero + 0.05, (0.0, zero, zero)
        return jax.lax.scan(step, state, (jnp.arange(TUNE + DRAWS), lengths, keys))[1][TUNE:]

    rng = np.random.default_rng(0)
    q = jnp.asarray(np.stack(points) + 0.02 * rng.normal(size=(n, size)), dtype=jnp.float32)
    lengths = rng.integers(1, 2 * STEPS, size=TUNE + DRAWS)
    keys = jax.random.split(jax.random.PRNGKey(0), TUNE + DRAWS)
    found = run(q, jnp.asarray(lengths), keys)
    outputs = jax.jit(lambda qs: jax.lax.map(lambda q: density.quantities(*unravel(q)), qs))
    return [
        dict(zip(density.outputs, map(np.asarray, outputs(found[:, k])), strict=True))
        for k in range(n)
    ]


def windows_of(windows: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of the beginnings of a window and of the next one."""
    return list(zip(windows[:-2], windows[1:-1], strict=True))


def scores(draws: dict[str, Array], s: Array, space: str, new: Data) -> dict[str, float]:
    """Coverage, width, z, r, and the log-loss of new sortings."""
    from arviz_stats.base import array_stats

    kernel, truth = find_kernel(space), standard(s[UPPER])
    all_pairs = [kernel.matrix(x, x) for x in draws["embedding"].astype(np.float64)]
    found = standard(np.stack([one[UPPER] for one in all_pairs]))
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    z = (found.mean(axis=0) - truth) / found.std(axis=0)
    result = {
        "r": float(np.corrcoef(found.mean(axis=0), truth)[0, 1]),
        "coverage": float(((low <= truth) & (truth <= high)).mean()),
        "width": float((high - low).mean()),
        "z": float(np.sqrt((z**2).mean())),
        "ess": float(np.median(array_stats.ess(found[None], chain_axis=0, draw_axis=1))),
    }
    if "sorting_noise" in draws:
        (group,) = new.groups
        each = []
        for k, one in enumerate(all_pairs):
            own = (
                draws[f"sorting_{name}"][k, group.judge][:, None, None]
                for name in ("origin", "unit", "threshold", "noise")
            )
            origin, unit, threshold, noise = own
            within = (one[group.items[:, :, None], group.items[:, None, :]] - origin) / unit
            seen = within, threshold, noise
            logs = _sortings.log_decisions(seen, group.values, group.shown, in_order(0), np)
            each.append(logs.sum(axis=1))
        mean = np.logaddexp.reduce(each, axis=0) - np.log(len(each))
        result["loss"] = float(-mean.sum() / (group.shown.sum() - len(mean)))
    return result


def run(line: str, worlds: int) -> dict[str, Any]:
    """Sample a line, or give what it gave before."""
    path = file_of(line)
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    people, space, name = parts_of(line)
    start = time.process_time()
    true, tables, new = zip(*(data_of(people, space, k) for k in range(worlds)), strict=True)
    with variant(name):
        draws = sample(tables, FORMS[space])
    each = [scores(*one) for one in zip(draws, true, [space] * worlds, new, strict=True)]
    found = {key: [one[key] for one in each] for key in each[0]}
    result = {**found, "seconds": (time.process_time() - start) / worlds}
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    print(line, {k: round(float(np.mean(v)), 3) for k, v in result.items()}, flush=True)
    return result


def parts_of(line: str) -> tuple[str, str, str]:
    """People, space and model of a line."""
    before, name = line.split(": ")
    people, space = before.split(", ")
    return people, space, name


def file_of(line: str) -> Path:
    """Where a line is kept."""
    return WORK / f"{line.replace(': ', '-').replace(', ', '-').replace(' ', '_')}.json"


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error over worlds."""
    return (
        f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.{digits}f}"
    )


RATED, SORTINGS = ("likert", "slider"), ("joining", "clustering")
LINES = [
    *(f"{people}, {space}: graded" for space in FORMS for people in RATED),
    *(f"{people}, {space}: half" for space in FORMS for people in SORTINGS),
    "known order, distance: one order",
    *(
        f"{people}, distance: {name}"
        for people in SORTINGS
        for name in ("one order", "four orders", "part", "all others", "pairs")
    ),
]


def main() -> None:
    """Run what is asked for and write the table of all that was run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--lines", nargs="+", choices=LINES, default=LINES, metavar="LINE")
    chosen = parser.parse_args()
    for line in chosen.lines:
        run(line, chosen.worlds)
        write(chosen.worlds)
    print(RESULTS.read_text(encoding="utf-8"))


def write(worlds: int) -> None:
    """Write the table of all lines of which there are any."""
    rows = []
    for line in LINES:
        if not file_of(line).exists():
            continue
        found = run(line, worlds)
        cells = [cell(found[key], 3) for key in ("r", "coverage", "width")]
        cells += [cell(found["z"], 2), cell(found["loss"], 3) if "loss" in found else "-"]
        cells += [str(len(found["r"])), f"{found['seconds']:.1f}"]
        rows.append("| " + " | ".join([*parts_of(line), *cells]) + " |")
    lines = [
        "# Ratings and sortings: recovery and coverage",
        "",
        f"`python -P benchmarks/ratings.py --worlds {worlds}` (twoalike {version('twoalike')}, "
        f"PyMC {version('pymc')}, JAX {version('jax')}, Python {platform.python_version()}; "
        "processor seconds a world on a busy machine of two cores, compilation included).",
        "",
        f"{OBJECTS} objects, {DIMENSIONS} dimensions, five offered to the fits; {RATERS} raters of "
        f"{RATINGS} pairs each, or {SORTERS} sorters with {TRIALS} trials of {SORTED} objects; "
        "people, spaces, models and scores: see the script. Mean ± standard error over n worlds; "
        "coverage is of 90 % intervals.",
        "",
        "| people | space | model | r | coverage | width | z | loss of new ones | n | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
