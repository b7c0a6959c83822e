"""Does `fit`, nothing told, choose well where the truth is known? Both similarities, three sizes.

    python -P benchmarks/worlds.py [--seeds 2] [--nuts 1]

Worlds: `dot`, five sparse dimensions (a coordinate is there with probability .35: gamma of shape 2
and scale .6; otherwise exponential of mean .03; all times 1.5); `distance`, three Gaussian
dimensions of standard deviation 1.5. Of each 30 objects with 3,000 judgments, 100 with 10,000, 300
with 20,000, and 100 objects with 10,000 anchored judgments. Ten people with temperatures of their
own (log-normal, .25) and lapses (logistic normal, -2.5, .8), but the last of them guesses in 60 %.

`fit` runs with `vi` on every seed, and on the first `--nuts` seeds again with `nuts`, the
similarity and number of dimensions being those that the pilot chose, unless `fit` by itself would
not sample (at that size it takes too long). KL: from the true choice
probabilities of 5,000 other triplets to the predicted ones, of the embedding alone. Lapses: how
many of the ten are inside their 90 % interval. What `fit` says of convergence is taken from its
file.

Finished fits are kept in derived/worlds/ and not run again; the table goes to
benchmarks/results/worlds.md.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.embedding import FitConfig, Posterior, check, fit_embedding
from twoalike.embedding._form import choose_engine
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "worlds"
RESULTS = ROOT / "benchmarks" / "results" / "worlds.md"
SIZES = {30: 3_000, 100: 10_000, 300: 20_000}
WORLDS = [
    *((kind, m, False) for kind in ("dot", "distance") for m in SIZES),
    *((kind, 100, True) for kind in ("dot", "distance")),
]
"""Similarity, objects, whether anchored."""
PEOPLE, TEST, GUESSER = 10, 5_000, 0.6
NEAR = 1.05
"""Times the KL of `nuts` up to which a fit of `vi` must not be called unsettled."""

type Array = np.ndarray[Any, np.dtype[np.float64]]


class World:
    """Truth of one world, and its judgments."""

    def __init__(self, kind: str, objects: int, anchored: bool, seed: int) -> None:
        rng = np.random.default_rng([seed, objects, kind == "dot", anchored])
        self.anchored = anchored
        if kind == "dot":
            shape = (objects, 5)
            there = rng.random(shape) < 0.35
            x = 1.5 * np.where(there, rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape))
            self.similarity: Array = x @ x.T
        else:
            x = rng.normal(0.0, 1.5, (objects, 3))
            self.similarity = -np.linalg.norm(x[:, None] - x[None], axis=-1)
        self.lapse: Array = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, PEOPLE)))
        self.lapse[-1] = GUESSER
        temperature = rng.normal(0.0, 0.25, PEOPLE)
        self.temperature: Array = np.exp(temperature - temperature.mean())
        n = SIZES[objects]
        self.shown = random_triplets(objects, n, rng)
        self.judge = rng.integers(0, PEOPLE, n)
        p = self.answers(self.shown, self.temperature[self.judge], self.lapse[self.judge])
        self.chosen = 1 + np.argmax(np.log(np.maximum(p, 1e-30)) + rng.gumbel(size=p.shape), axis=1)
        self.test = random_triplets(objects, TEST, rng)

    def answers(self, shown: np.ndarray, temperature: Any = 1.0, lapse: Any = 0.0) -> Array:
        """Probability of each answer; of anchored judgments item 1 has none, shape (n, 3)."""
        pairs = pair_similarities(self.similarity, shown)
        if not self.anchored:
            return np.exp(np.stack(log_choice(pairs, temperature, lapse), axis=1))
        gap = self.similarity[shown[:, 0], shown[:, 1]] - self.similarity[shown[:, 0], shown[:, 2]]
        more = lapse / 2 + (1 - lapse) / (1 + np.exp(-gap / temperature))
        return np.stack([np.zeros(len(shown)), more, 1 - more], axis=1)

    def choices(self) -> pd.DataFrame:
        """Judgments as a table."""
        columns: dict[str, Any] = {f"item_{k + 1}": self.shown[:, k] for k in range(3)}
        columns |= {"chosen": self.chosen, "participant": [f"p{judge}" for judge in self.judge]}
        if self.anchored:
            columns["kind"] = ["anchored"] * len(self.shown)
        return choices_table(columns, [f"object-{k:03d}" for k in range(len(self.similarity))])


def run(world: tuple[str, int, bool], seed: int, engine: Literal["nuts", "vi"]) -> dict[str, Any]:
    """Fit one world by one engine, unless it was done, and score the fit."""
    kind, objects, anchored = world
    name = f"{kind}-{objects}{'-anchored' if anchored else ''}-{seed}"
    path = WORK / f"{name}-{engine}.nc"
    told = path.with_suffix(".json")
    truth = World(kind, objects, anchored, seed)
    if not told.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        config = FitConfig(engine=engine, seed=seed)
        if engine == "nuts":
            first = Posterior.load(WORK / f"{name}-vi.nc").attrs
            known = {"similarity": first["similarity"], "dimensions": first["dimensions"]["fitted"]}
            config = config.model_copy(update=known)
        start = time.monotonic()
        fit_embedding(truth.choices(), config=config).save(path)
        told.write_text(json.dumps({"seconds": time.monotonic() - start}))
    posterior = Posterior.load(path)
    found = check(posterior)
    order = [posterior.participants.index(f"p{judge}") for judge in range(PEOPLE)]
    low, high = np.quantile(posterior.lapse[:, order], [0.05, 0.95], axis=0)
    core = np.exp(np.stack(log_choice(pair_similarities(truth.similarity, truth.test)), axis=1))
    guess = posterior.choice_probabilities(truth.test)
    result = {
        "name": name,
        "right": posterior.attrs["similarity"] == kind,
        "fitted": posterior.attrs["dimensions"]["fitted"],
        "kl": float((core * np.log(core / guess)).sum(axis=1).mean()),
        "covered": int(((low <= truth.lapse) & (truth.lapse <= high)).sum()),
        "guesser": [float(low[-1]), float(posterior.lapse[:, order[-1]].mean()), float(high[-1])],
        "settled": bool(found.verdict.predictions),
        "state": found.convergence,
        **json.loads(told.read_text()),
    }
    shown = ("right", "fitted", "kl", "covered", "guesser", "settled", "seconds")
    print(name, engine, {key: result[key] for key in shown}, flush=True)
    return result


def samples(world: tuple[str, int, bool], first: dict[str, Any]) -> bool:
    """Whether `fit` would take `nuts` by itself, after a pilot that chose as this fit's did."""
    _, objects, _ = world
    return choose_engine(SIZES[objects], objects, first["fitted"], FitConfig())[0] == "nuts"


def row(world: tuple[str, int, bool], vi: list[dict[str, Any]], nuts: list[dict[str, Any]]) -> str:
    """Line of the table."""
    kind, objects, anchored = world
    said = [f"{one['kl']:.4f}" for one in vi]
    cells = [
        f"{kind}, {objects} objects{', anchored' if anchored else ''}",
        f"{sum(one['right'] for one in vi)} of {len(vi)}",
        ", ".join(str(one["fitted"]) for one in vi),
        ", ".join(said),
        ", ".join(f"{one['kl']:.4f}" for one in nuts),
        ", ".join(f"{one['state'].get('fits_apart', float('nan')):.1f}" for one in vi),
        ", ".join("yes" if one["settled"] else "no" for one in vi),
        ", ".join(f"{one['covered']}" for one in vi),
        ", ".join(f"{one['covered']}" for one in nuts),
        ", ".join("{1:.2f} [{0:.2f}, {2:.2f}]".format(*one["guesser"]) for one in vi),
        ", ".join("{1:.2f} [{0:.2f}, {2:.2f}]".format(*one["guesser"]) for one in nuts),
        ", ".join(f"{one['seconds']:.0f}" for one in vi),
        ", ".join(f"{one['seconds']:.0f}" for one in nuts),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--nuts", type=int, default=1, help="of the seeds, those with nuts too")
    asked = parser.parse_args()
    vi = {w: [run(w, seed, "vi") for seed in range(asked.seeds)] for w in WORLDS}
    nuts = {
        w: [run(w, seed, "nuts") for seed in range(asked.nuts) if samples(w, vi[w][seed])]
        for w in WORLDS
    }
    every = [one for each in vi.values() for one in each]
    near = [
        (first["name"], first["settled"])
        for w in WORLDS
        for first, second in zip(vi[w], nuts[w], strict=False)
        if first["kl"] <= NEAR * second["kl"]
    ]
    alarms = ", ".join(name for name, settled in near if not settled) or "none"
    inside = {
        engine: sum(one["covered"] for each in found.values() for one in each)
        / (PEOPLE * sum(map(len, found.values())))
        for engine, found in (("vi", vi), ("nuts", nuts))
    }
    lines = [
        "# Worlds with a known truth",
        "",
        f"`python -P benchmarks/worlds.py --seeds {asked.seeds} --nuts {asked.nuts}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores beside other work). What the columns hold: see the script; values "
        "of several seeds are separated by commas. Guesser: lapse of the person who guesses in 60 "
        "%, mean and 90 % interval. Apart: mean difference between the fits' choice probabilities, "
        "in percentage points.",
        "",
        "| world | similarity found | dimensions | KL, `vi` | `nuts` | apart | settled | lapses "
        "inside, `vi` | `nuts` | guesser, `vi` | `nuts` | seconds, `vi` | `nuts` |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(row(w, vi[w], nuts[w]) for w in WORLDS),
        "",
        f"The right similarity: {sum(one['right'] for one in every)} of {len(every)}. Of "
        f"{len(near)} fits of `vi` within 5 % of the KL of `nuts` these were called unsettled: "
        f"{alarms}. Lapses inside their interval: `vi` {inside['vi']:.0%}, `nuts` "
        f"{inside['nuts']:.0%}.",
    ]
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
