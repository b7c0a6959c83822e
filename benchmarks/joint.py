"""Odd-one-out and multi-arrangement judgments in one fit: what it gains, and how honest it is.

    python -P benchmarks/joint.py [--replicates 5]

World: 50 objects of four sparse dimensions; 2,000 triplets judged by ten people with lapses and
temperatures of their own; 100 layouts of 12 objects by ten people. A layout is the metric scaling
of its objects' distances to the plane (Torgerson's start, 100 majorisation steps), in random
orientation and size, with placement noise of .08 mean distances. So layouts are no draws from the
model that fits them. In a second kind of layout each trial ignores each dimension with
probability .3; in a third two of the ten people place at random.

Scored on 5,000 other triplets under their true probabilities, without noise from test answers:
log-loss expected with the judges' own lapses; KL from the true probabilities of an observer who
does not lapse; coverage and width of the 90 % intervals of those probabilities from the embedding
alone; R-hat of choice probabilities; r, Spearman's correlation of true and fitted similarities.

Finished runs are kept in derived/joint/ and not run again; the table goes to
benchmarks/results/joint.md.
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
from scipy.stats import spearmanr

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.judgments import arrangements_table, choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "joint"
RESULTS = ROOT / "benchmarks" / "results" / "joint.md"
OBJECTS, DIMENSIONS, PEOPLE = 50, 4, 10
TRIPLETS, TRIALS, SIZE, TEST = 2_000, 100, 12, 5_000
NUTS = FitConfig(engine="nuts", prior="softplus", dimensions=DIMENSIONS, chains=2)
VI = FitConfig(engine="vi", prior="softplus", dimensions=DIMENSIONS)

type Array = np.ndarray[Any, np.dtype[np.float64]]


class World:
    """Truth of one replicate, and its judgments."""

    def __init__(self, replicate: int) -> None:
        rng = np.random.default_rng([replicate, 1])
        shape = (OBJECTS, DIMENSIONS)
        there = rng.random(shape) < 0.35
        large, small = rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape)
        self.replicate = replicate
        self.ids = [f"object-{index:02d}" for index in range(OBJECTS)]
        embedding: Array = 1.5 * np.where(there, large, small)
        self.lapse: Array = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, PEOPLE)))
        log_temperature = rng.normal(0.0, 0.25, PEOPLE)
        # Only ratios of temperatures mean anything: as in the model, their logarithms sum to
        # zero, and what they had in common is the scale of the embedding.
        self.temperature: Array = np.exp(log_temperature - log_temperature.mean())
        self.embedding = embedding * np.exp(-log_temperature.mean() / 2)
        self.test = self.shown(TEST, np.random.default_rng([replicate, 9]))
        self.judges = np.random.default_rng([replicate, 10]).integers(0, PEOPLE, TEST)

    def shown(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Random triplets, shape (n, 3)."""
        return random_triplets(OBJECTS, n, rng)

    def probabilities(self, triplets: np.ndarray, judges: np.ndarray | None = None) -> Array:
        """Probabilities of the three answers, of the judges or of one who does not lapse."""
        pairs = pair_similarities(self.embedding @ self.embedding.T, triplets)
        if judges is None:
            return np.exp(np.stack(log_choice(pairs), axis=1))
        noise, guess = self.temperature[judges], self.lapse[judges]
        return np.exp(np.stack(log_choice(pairs, noise, guess), axis=1))

    def choices(self) -> pd.DataFrame:
        """Draw the answers."""
        rng = np.random.default_rng([self.replicate, 2])
        shown, who = self.shown(TRIPLETS, rng), rng.integers(0, PEOPLE, TRIPLETS)
        logs = np.log(self.probabilities(shown, who))
        columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
        columns["chosen"] = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
        columns["participant"] = [f"person-{k}" for k in who]
        return choices_table(columns, self.ids)

    def arrangements(self, kind: str) -> pd.DataFrame:
        """Draw the layouts, of one ``kind`` of LAYOUTS."""
        rng = np.random.default_rng([self.replicate, 3])
        rows = []
        for trial in range(TRIALS):
            items = rng.choice(OBJECTS, SIZE, replace=False)
            seen = np.ones(DIMENSIONS)
            if kind == "ignoring":
                seen = (rng.random(DIMENSIONS) > 0.3).astype(float)
                seen[rng.integers(DIMENSIONS)] = 1.0
            places = layout(self.embedding[items] * seen, rng)
            if kind == "careless" and trial % PEOPLE >= PEOPLE - 2:
                places = 0.15 * rng.standard_normal(places.shape)
            rows.append(
                pd.DataFrame(
                    {
                        "participant": f"person-{trial % PEOPLE}",
                        "trial": trial // PEOPLE + 1,
                        "item": items,
                        "x": places[:, 0],
                        "y": places[:, 1],
                    }
                )
            )
        table = pd.concat(rows)
        return arrangements_table({name: table[name].to_numpy() for name in table}, self.ids)


LAYOUTS = {
    "metric": "all dimensions, as the world says",
    "ignoring": "dimensions ignored",
    "careless": "two of ten place at random",
}


def distances(points: Array) -> Array:
    """Euclidean distances of all pairs."""
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=-1))


def layout(points: Array, rng: np.random.Generator) -> Array:
    """Places of one trial, in arena diameters."""
    wanted, n = distances(points), len(points)
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centring @ wanted**2 @ centring)
    places = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 1e-9))
    for _ in range(100):
        found = distances(places)
        ratio = np.divide(wanted, found, out=np.zeros_like(found), where=found > 0)
        places = (np.diag(ratio.sum(axis=1)) - ratio) @ places / n
    places /= distances(places).sum() / (n * (n - 1))
    places += 0.08 * rng.standard_normal(places.shape)
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(0.15 * rng.uniform(0.7, 1.3) * places @ turn)


def with_independent_noise(model: Any, world: World) -> None:
    """Add the layouts to a model, with normal noise of its own on every pair's log distance.

    Scale a trial and exponent are free parameters.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from twoalike.judgments import trials_of

    trials, _ = trials_of(world.arrangements("metric"))
    first, second = np.triu_indices(SIZE, 1)
    left = np.concatenate([trial.items[first] for trial in trials])
    right = np.concatenate([trial.items[second] for trial in trials])
    number = np.repeat(np.arange(TRIALS), len(first))
    seen = np.concatenate([distances(t.values)[first, second] for t in trials])
    with model:
        x = model["embedding"]
        flat, own = pt.dot(x, x.T).ravel(), (x**2).sum(axis=1)
        squared = own[left] + own[right] - 2 * flat[left * OBJECTS + right]
        scale = pm.Normal("scale", 0.0, 2.0, shape=TRIALS)
        mean = scale[number] + pm.LogNormal("exponent", 0.0, 0.5) * 0.5 * pt.log(
            pt.maximum(squared, 0) + 0.01
        )
        noise = pm.HalfNormal("noise", 1.0)
        pm.Potential("pairs", pm.logp(pm.Normal.dist(mean, noise), np.log(seen + 1e-3)).sum())


def naive(world: World, config: FitConfig) -> Posterior:
    """Fit the bad example: layouts whose pairs are taken to err independently.

    The model of choices is the project's, and what the sampler returns is packed as the project
    packs it.
    """
    import nutpie

    from twoalike.embedding._advice import chain_convergence
    from twoalike.embedding._draws import pack_tree
    from twoalike.embedding._model import Data, Form

    data, form = Data.from_tables({"choices": world.choices()}), Form(DIMENSIONS, "softplus")
    model = form.model(data)
    with_independent_noise(model, world)
    rng = np.random.default_rng([config.seed, 0])
    compiled = nutpie.compile_pymc_model(
        model,
        backend="jax",
        gradient_backend="jax",
        initial_points=form.start(OBJECTS, rng),
    )
    tree = nutpie.sample(
        compiled,
        draws=300,
        tune=config.tune,
        chains=config.chains,
        seed=config.seed,
        maxdepth=config.max_depth,
        progress_bar=False,
    )
    group, stats = tree["posterior"].dataset, tree["sample_stats"].dataset
    draws = {
        name: group[name].values.astype(np.float32)
        for name in ("embedding", "temperature", "lapse")
    }
    kept = {name: np.asarray(stats[name].values, float) for name in ("logp", "diverging")}
    kept["step_size"] = np.asarray(stats["step_size"].values, float)
    convergence = chain_convergence(draws["embedding"], kept, config.seed)
    attrs = {"convergence": convergence}
    return Posterior(pack_tree(data, draws, kept, attrs))


def score(world: World, posterior: Posterior) -> dict[str, float]:
    """Score a fit against the truth."""
    truth, core = world.probabilities(world.test, world.judges), world.probabilities(world.test)
    names = posterior.participants
    known = {name: place for place, name in enumerate(names)}
    people = np.array([known.get(f"person-{k}", -1) for k in world.judges])
    guess = posterior.choice_probabilities(world.test, lapse=True, participants=people)
    alone = posterior.choice_probabilities(world.test)
    draws = posterior.choice_draws(world.test, lapse=False)[:, :, 0]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    upper = np.triu_indices(OBJECTS, 1)
    similarity = world.embedding @ world.embedding.T
    state = posterior.attrs["convergence"]
    return {
        "loss": float(-(truth * np.log(guess)).sum(axis=1).mean()),
        "excess": float((truth * np.log(truth / guess)).sum(axis=1).mean()),
        "kl": float((core * np.log(core / alone)).sum(axis=1).mean()),
        "coverage": float(((low <= core[:, 0]) & (core[:, 0] <= high)).mean()),
        "width": float((high - low).mean()),
        "rhat": state.get("choice_rhat_max", np.nan),
        "rhat_95": state.get("choice_rhat_95", np.nan),
        "r": float(spearmanr(posterior.similarity()[upper], similarity[upper])[0]),
    }


ARMS = {
    "triplets only": lambda w, s: fit_embedding(w.choices(), config=with_seed(NUTS, s)),
    "both tasks": lambda w, s: both(w, "metric", with_seed(NUTS, s)),
    "both tasks, `vi`": lambda w, s: both(w, "metric", with_seed(VI, s)),
    "arrangements only": lambda w, s: fit_embedding(
        None, arrangements=w.arrangements("metric"), config=with_seed(NUTS, s)
    ),
    "both tasks, dimensions ignored": lambda w, s: both(w, "ignoring", with_seed(NUTS, s)),
    "both tasks, two people place at random": lambda w, s: both(w, "careless", with_seed(NUTS, s)),
    "both tasks, independent noise per pair": lambda w, s: naive(w, with_seed(NUTS, s)),
}


MAIN = ("triplets only", "both tasks")
"""Arms that the claim is about."""


def with_seed(config: FitConfig, seed: int) -> FitConfig:
    """Give the settings with another seed."""
    return config.model_copy(update={"seed": seed})


def both(world: World, kind: str, config: FitConfig) -> Posterior:
    """Fit both tasks."""
    return fit_embedding(world.choices(), arrangements=world.arrangements(kind), config=config)


def run(arm: str, replicate: int) -> dict[str, float]:
    """One fit, or what it gave before."""
    path = WORK / f"{list(ARMS).index(arm)}-{replicate}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    world, start = World(replicate), time.process_time()
    posterior = ARMS[arm](world, replicate)
    seconds = time.process_time() - start
    WORK.mkdir(parents=True, exist_ok=True)
    posterior.save(path.with_suffix(".nc"))
    result = score(world, posterior) | {"seconds": seconds}
    path.write_text(json.dumps(result), encoding="utf-8")
    print(replicate, arm, {name: round(value, 4) for name, value in result.items()}, flush=True)
    return result


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error over replicates."""
    mean = np.mean(values)
    if np.isnan(mean):
        return "-"
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def table(results: dict[str, list[dict[str, float]]]) -> list[str]:
    """Rows of the table."""
    base = [result["loss"] for result in results["triplets only"]]
    lines = []
    for arm, each in results.items():
        column = {name: [result[name] for result in each] for name in each[0]}
        gain = [first - loss for first, loss in zip(base, column["loss"], strict=False)]
        told = f"{np.median(column['rhat_95']):.3f}, {max(column['rhat']):.3f}"
        rhat = "-" if np.isnan(column["rhat"]).any() else told
        cells = (
            arm,
            cell(column["loss"], 4),
            "-" if arm == "triplets only" else cell(gain, 4),
            cell(column["kl"], 4),
            cell(column["coverage"], 3),
            cell(column["width"], 3),
            rhat,
            cell(column["r"], 3),
            cell(column["seconds"], 0),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--others", type=int, default=2, help="replicates of all but two arms")
    options = parser.parse_args()
    replicates, others = options.replicates, min(options.others, options.replicates)
    results: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for replicate in range(replicates):
        for arm in ARMS:
            if arm in MAIN or replicate < others:
                results[arm].append(run(arm, replicate))
    truth = [result["loss"] - result["excess"] for result in results["triplets only"]]
    lines = [
        "# Both tasks in one fit",
        "",
        f"`python -P benchmarks/joint.py --replicates {replicates} --others {others}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, nutpie {version('nutpie')}, Python "
        f"{platform.python_version()}; "
        "processor seconds on a shared machine of two cores, compilation included).",
        "",
        f"{OBJECTS} objects, {DIMENSIONS} dimensions (known to all fits), {TRIPLETS:,} triplets, "
        f"{TRIALS} layouts of {SIZE} objects; metric scaling to the plane and placement noise, "
        f"see the script. Softplus prior; `nuts` {NUTS.tune} + 300 draws, {NUTS.chains} chains. "
        f"Mean ± standard error over {replicates} replicates in the first two rows, over the first "
        f"{others} of them in the others. Log-loss of the truth "
        f"{cell(truth, 4)}; gain: paired difference from triplets only. Coverage: of 90 % "
        "intervals of choice probabilities from the embedding alone. R-hat of choice "
        "probabilities: median over replicates of the 95 % quantile, and the largest. r: "
        "Spearman's correlation of similarities with the true ones.",
        "",
        "| judgments | log-loss | gain | KL | coverage | width | R-hat 95 %, largest | r | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
        *table(results),
        "",
        "Arrangements alone do not determine the scale of the embedding, on which the confidence "
        "of choices depends: for their log-loss it comes from the prior; r does not depend on it.",
        "",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
