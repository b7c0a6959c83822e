"""Answers of models beside people's: what they add, and what they cost where they are wrong.

    python -P benchmarks/sources.py [--worlds 5] [--things FOLDER] [--seeds 5] [--prior 2]
        [--clips 3]

Worlds: 40 objects in five sparse dimensions, 2,000 choices by ten people, and 20,000 answers of
one source, or 200 choices and 2,000 answers: ``good`` (temperature 1, lapse .05), ``half`` (three
of people's dimensions and two of its own), ``lazy`` (guesses), ``biased`` (as good, but first and
last places are favoured and shunned by 1.5 and 1 in log-odds), ``wrong`` (another world),
``inverted`` (minus people's similarities), or of each of two, ``two good`` and ``two wrong`` (with
the same other world).
Ways to take them: ``own`` (the model: bounded weights, and coordinates of the source's own;
``nuts``: by two short chains), ``free`` (weights log-normal, hence unbounded), ``shared`` (no
coordinates of its own: hyperparameter sources.own at .0001), ``map`` (an embedding of the source
alone as features of the prior), ``all`` (as ``own``, of 100,000 answers all, and not ten for each
of people's). Cost: KL divergence to the true choice probabilities on 4,000 triplets, less that of
people's choices alone.

THINGS: 2,171 triplets that people, GPT-4 and ChatGPT-3.5 answered (github
ChangdeDu/LLMs_core_dimensions at fd1da6ab; FOLDER is a bare clone, or environment variable
TWOALIKE_LLMS; the odd one comes last in a line, so that places on the screen are not known). A
fifth of people's answers is held out; of the rest 30 or 100 % are fitted. Sources answer the
triplets that are fitted, or ``everywhere``; ``both, free``: as in worlds; ``shuffled``: GPT-4's
places of answers, exchanged between triplets. Gain: log-loss of people alone less that with the
source, with its 95 % interval over triplets held out. Yardstick of worth: the same information
from a softmax of the published similarities (SPoSE-49, of 1.46 million judgments of people;
../shared/data/things) that is fitted to the answers of the source and of people, slope and lapse.

Worth and gain: Spearman's correlation over fits with one source each, and the slope of the gain on
worth, with 90 % intervals over resamples of the fits.

Prior: features of objects in the prior of the coordinates, as before sources. In worlds the true
coordinates with noise of their own size, mixed into 20 columns, and the same with objects shuffled;
cost as above, by `vi` and two short chains of `nuts`. Of 200 clips (../shared/data/videos) their
nine rated properties: log-loss of a fifth of the choices, held out.

Clips: half of the choices, of four fifths, are fitted by `fit` as users call it but for the engine,
``vi``; 2,000 triplets or all 19,293 are answered by a source too, by the cosines of the captions'
sentence vectors. ``features``: these vectors and the nine rated properties. Cost: log-loss of the
fifth that is held out, less that of the same fit without the source, of the quick fits by which
trials are chosen, and of the usual ones, whose pilot takes the source or leaves it out.

Every other fit is dot products by `vi`, two fits in worlds and three of THINGS (6 dimensions).
Finished fits are in derived/sources/; tables go to benchmarks/results/sources.md.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from twoalike.choice import log_choice, random_triplets
from twoalike.embedding import FitConfig, Posterior, _sources, fit_embedding, source_table
from twoalike.embedding._choices import Choices, held_losses
from twoalike.embedding._judged import draws_of
from twoalike.embedding._sources import Sources
from twoalike.features import FeatureTable
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "sources"
RESULT = ROOT / "benchmarks" / "results" / "sources.md"
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
CLIPS, SPOSE = SHARED / "videos", SHARED / "things" / "spose49_embedding.npy"
OBJECTS, DIMENSIONS, PEOPLE, EACH, TEST, STEPS = 40, 5, 10, 200, 4_000, 1_500
FREE = {"most": 1000.0, "weight": -np.log(1000), "weight_sd": 1.0}
KINDS = ("good", "half", "lazy", "biased", "wrong", "inverted", "two good", "two wrong")
SIZES = (0.3, 1.0)
FILES = {"GPT-4": "GPT_4", "ChatGPT-3.5": "ChatGPT_3.5"}
ADDED = ("people alone", "both", "GPT-4", "GPT-4 everywhere", "ChatGPT-3.5")
ADDED += ("both, free", "shuffled", "ChatGPT-3.5 everywhere")

type Array = Any


def kept(name: str, make: Any) -> dict[str, Any]:
    """Take a finished result, or make it."""
    path = WORK / f"{name}.json"
    if not path.exists():
        begun = time.process_time()
        found = make() | {"s": round(time.process_time() - begun)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
        print(name, {k: v for k, v in found.items() if np.ndim(v) == 0}, flush=True)
    return dict(json.loads(path.read_text()))


def finished(name: str) -> dict[str, Any] | None:
    """Take a result if it is finished."""
    path = WORK / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else None


def table_of(shown: Array, chosen: Array, who: Array, objects: int) -> pd.DataFrame:
    """Table of choices of objects by number."""
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": chosen, "participant": who}
    return choices_table(columns, [f"o{k}" for k in range(objects)])


def fit(people: pd.DataFrame, source: Any = None, **more: Any) -> Posterior:
    """Fit by the settings of all fits, and others."""
    features = more.pop("features", None)
    if source is None:
        more.pop("hyperparameters", None)
    usual = {"engine": "vi", "similarity": "dot", "dimensions": 10, "quick": True, "chains": 2}
    usual |= {"steps": STEPS} if more.get("engine", "vi") == "vi" else {}
    config = FitConfig.model_validate(usual | more)
    return fit_embedding(people, sources=source, features=features, config=config)


def freely(*tables: Any, **more: Any) -> Posterior:
    """Fit with weights of the sources that know no bound."""
    bounded = Sources.unknowns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sources, "unknowns", lambda self, of: bounded(replace(self, **FREE), of))
        return fit(*tables, **more)


class World:
    """Truth, people's choices and a source's answers."""

    def __init__(self, kind: str, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.x, other = self.sparse(rng), self.sparse(rng)
        self.shown = random_triplets(OBJECTS, PEOPLE * EACH, rng)
        self.who = np.repeat([f"p{k}" for k in range(PEOPLE)], EACH)
        self.chosen = self.answers(self.x, self.shown, rng, lapse=0.08)
        self.test = random_triplets(OBJECTS, TEST, rng)
        kind, two = kind.removeprefix("two "), kind.startswith("two")
        self.asked = random_triplets(OBJECTS, n * (1 + two), rng)
        self.by = np.repeat(["source", "other"][: 1 + two], n)
        own = {"half": np.hstack([self.x[:, :3], other[:, 3:]]), "wrong": other}.get(kind, self.x)
        how = {"biased": {"offsets": (1.5, 0.0, -1.0)}, "inverted": {"sign": -1}}.get(kind, {})
        self.said = self.answers(own, self.asked, rng, lapse=0.05, **how)
        if kind == "lazy":
            self.said = rng.integers(1, 4, n)

    @staticmethod
    def sparse(rng: np.random.Generator) -> Array:
        """Coordinates of a world."""
        shape = OBJECTS, DIMENSIONS
        there = rng.random(shape) < 0.35
        return 1.5 * np.where(there, rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape))

    @staticmethod
    def pairs(x: Array, shown: Array) -> tuple[Array, ...]:
        """Similarities of the pairs of triplets."""
        s = x @ x.T
        return tuple(s[shown[:, a], shown[:, b]] for a, b in ((0, 1), (0, 2), (1, 2)))

    def answers(
        self, x: Array, shown: Array, rng: Any, lapse: float, sign: int = 1, offsets: Any = None
    ) -> Array:
        """Answers of an observer at temperature 1."""
        pairs = tuple(sign * one for one in self.pairs(x, shown))
        logs = np.stack(log_choice(pairs, 1.0, lapse, offsets=offsets), axis=1)
        return 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)

    def people(self, rows: Any = slice(None)) -> pd.DataFrame:
        """Table of people's choices."""
        return table_of(self.shown[rows], self.chosen[rows], self.who[rows], OBJECTS)

    def source(self) -> pd.DataFrame:
        """Table of the sources' answers."""
        return table_of(self.asked, self.said, self.by, OBJECTS)

    def loss(self, posterior: Posterior) -> float:
        """KL divergence to the truth."""
        truth = np.exp(np.stack(log_choice(self.pairs(self.x, self.test)), axis=1))
        p = posterior.choice_probabilities(self.test)
        return float((truth * np.log(truth / p)).sum(axis=1).mean())


def in_world(kind: str, people: int, n: int, way: str, seed: int) -> dict[str, Any]:
    """Fit a world in one way."""
    world = World(kind, n, seed)
    judged = world.people(np.random.default_rng(seed).permutation(PEOPLE * EACH)[:people])
    if way == "alone":
        return {"loss": world.loss(fit(judged))}
    source, more = world.source(), dict[str, Any]()
    if way == "map":
        ids = tuple(f"o{k}" for k in range(OBJECTS))
        values = fit(source).embedding.mean(axis=0)
        return {"loss": world.loss(fit(judged, features=FeatureTable(ids, values)))}
    if way == "shared":
        more = {"hyperparameters": ("sources.own=0.0001",)}
    if way == "nuts":
        more = {"engine": "nuts", "draws": 150, "tune": 200, "thin": 1}
    with pytest.MonkeyPatch.context() as patch:
        if way == "all":
            patch.setattr(_sources, "TIMES", n)
        found = freely(judged, source) if way == "free" else fit(judged, source, **more)
    row = source_table(found).iloc[0]
    return {"loss": world.loss(found), **{k: row[k] for k in ("worth", "low", "high", "lapse")}}


MANY, FEW = (PEOPLE * EACH, 20_000), (PEOPLE * EACH // 10, 2_000)
WAYS = (
    ("alone", MANY, ("good",), 5),
    ("alone", FEW, ("good",), 5),
    ("own", MANY, ("two wrong", "half"), 5),
    ("own", FEW, ("two wrong", "two good"), 5),
    ("own", MANY, ("wrong", "good"), 5),
    ("free", FEW, ("two wrong", "two good"), 3),
    ("own", MANY, ("inverted", "biased", "lazy"), 5),
    ("own", FEW, ("wrong", "good"), 5),
    ("nuts", FEW, ("two wrong",), 1),
    ("shared", MANY, ("half", "wrong", "two wrong"), 1),
    ("map", MANY, ("good", "wrong"), 1),
    ("all", (PEOPLE * EACH, 100_000), ("wrong",), 1),
)


def world_name(kind: str, people: int, n: int, way: str, seed: int) -> str:
    """Name of a fit; people's choices alone are the same whatever the source."""
    many = f"{people}_{seed}"
    return f"alone_{many}" if way == "alone" else f"{kind.replace(' ', '_')}_{n}_{way}_{many}"


def worlds(seeds: int) -> None:
    """Fit all worlds: what all seeds have first."""
    fits = [
        (3 < place, seed, kind, *of, way)
        for place, (way, of, kinds, most) in enumerate(WAYS)
        for kind in kinds
        for seed in range(min(seeds, most))
    ]
    for _, seed, *one in sorted(fits, key=lambda one: one[:2]):
        kept(world_name(*one, seed), lambda one=one, seed=seed: in_world(*one, seed))


def world_cells(kind: str, people: int, n: int, way: str) -> tuple[list[float], list[float]]:
    """Costs and worths over the seeds that are finished."""
    costs, worths = [], []
    for seed in range(9):
        of = finished(world_name(kind, people, n, way, seed))
        alone = finished(world_name("good", people, n, "alone", seed))
        if of and alone:
            costs.append(of["loss"] - alone["loss"])
            worths.append(of.get("worth", np.nan))
    return costs, worths


def world_rows() -> list[str]:
    """Table of what is finished."""
    rows = [
        "## Simulated sources\n",
        "Cost of each way: mean over seeds, in brackets the least and the largest; negative: a "
        "gain. Worth: of `own`, the first of two sources.\n",
        "| people's choices | source | answers | seeds | own | worth | other ways |"
        "\n|---|---|---|---|---|---|---|",
    ]
    for people, n in dict.fromkeys(of for _, of, _, _ in WAYS):
        for kind in KINDS:
            costs, worths = world_cells(kind, people, n, "own")
            if not costs:
                continue
            others = []
            for way in ("free", "nuts", "shared", "map", "all"):
                of, _ = world_cells(kind, people, n, way)
                others += [f"{way} {np.mean(of):+.4f}"] if of else []
            own = f"{np.mean(costs):+.4f} [{min(costs):+.4f}, {max(costs):+.4f}]"
            worth = f"{np.mean(worths):.2f} ({min(worths):.2f} to {max(worths):.2f})"
            cells = f"{people:,}", kind, f"{n:,}", str(len(costs)), own, worth, "; ".join(others)
            rows.append(f"| {' | '.join(cells)} |")
    return rows if len(rows) > 3 else []


@cache
def things(folder: str) -> dict[str, Array]:
    """Triplets of each file with the places of the odd ones among the sorted objects, 1 to 3."""
    found, base = {}, "HEAD:analysis_and_figure_drawing/GPT3.5vsGPT4/2171trials_"
    for name, file in {"people": "humans", **FILES}.items():
        command = ["git", "-C", folder, "show", f"{base}{file}.txt"]
        text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        rows = np.loadtxt(io.StringIO(text), dtype=int)
        items = np.sort(rows, axis=1)
        found["items"] = items
        found[name] = 1 + (items == rows[:, 2:]).argmax(axis=1)
    return found


def on_things(folder: str, size: float, added: str, seed: int) -> dict[str, Any]:
    """Fit people's answers to THINGS with others, and score what is held out."""
    data, rng = things(folder), np.random.default_rng(seed)
    ids, items = np.unique(data["items"], return_inverse=True)
    items, m = items.reshape(-1, 3), len(ids)
    order = rng.permutation(len(items))
    held, rest = order[: len(order) // 5], order[len(order) // 5 :]
    rest = rest[: round(size * len(rest))]
    of = added.removesuffix(" everywhere").removesuffix(", free")
    names = {"people alone": [], "both": [*FILES]}.get(of, [of])
    parts = []
    for name in names:
        rows = order if "everywhere" in added else rest
        said = data["GPT-4" if name == "shuffled" else name]
        said = rng.permutation(said) if name == "shuffled" else said
        parts.append(table_of(items[rows], said[rows], np.full(len(rows), name), m))
    sources = pd.concat([part.astype(object) for part in parts]) if parts else None
    if sources is not None:
        columns = {name: sources[name].to_numpy() for name in ("item_1", "item_2", "item_3")}
        columns |= {name: sources[name].to_numpy() for name in ("chosen", "participant")}
        sources = choices_table(columns, [f"o{k}" for k in range(m)])
    people = table_of(items[rest], data["people"][rest], np.full(len(rest), "unknown"), m)
    how = freely if "free" in added else fit
    fitted = how(people, sources, dimensions=6, steps=800, chains=3, seed=seed)
    p = fitted.choice_probabilities(items[held], lapse=True)
    right = p[np.arange(len(held)), data["people"][held] - 1]
    top = p >= p.max(axis=1, keepdims=True) - 1e-6
    hit = top[np.arange(len(held)), data["people"][held] - 1] / top.sum(axis=1)
    found = source_table(fitted)
    worth = {row["source"]: [row["worth"], row["low"], row["high"]] for _, row in found.iterrows()}
    losses = (-np.log(right)).round(5).tolist()
    return {"held": held.tolist(), "loss": losses, "hit": float(hit.mean()), "worth": worth}


def things_name(size: float, added: str, seed: int) -> str:
    """Name of a fit."""
    return f"things_{round(100 * size)}_{added.replace(', ', '_').replace(' ', '_')}_{seed}"


def real(folder: str, seeds: int) -> None:
    """Fit all of THINGS."""
    for size, added, seed in product(reversed(SIZES), ADDED, range(seeds)):
        kept(
            things_name(size, added, seed),
            lambda z=size, a=added, s=seed: on_things(folder, z, a, s),
        )


def real_rows() -> list[str]:
    """Table of what is finished."""
    rows = [
        "\n## THINGS: 2,171 triplets\n",
        "| people's answers fitted | added | seeds | log-loss | accuracy | gain [95 %] | worth "
        "(range of seeds) |\n|---|---|---|---|---|---|---|",
    ]
    for size in SIZES:
        alone: dict[int, Any] = {}
        for added in ADDED:
            every = {seed: finished(things_name(size, added, seed)) for seed in range(9)}
            of = {seed: one for seed, one in every.items() if one}
            alone = of if added == "people alone" else alone
            if not of:
                continue
            gains: dict[int, list[float]] = {}
            for seed, one in of.items():
                if seed in alone:
                    for k, base, loss in zip(
                        one["held"], alone[seed]["loss"], one["loss"], strict=True
                    ):
                        gains.setdefault(k, []).append(base - loss)
            each = np.array([np.mean(one) for one in gains.values()])
            error = 1.96 * each.std() / np.sqrt(len(each))
            worths: dict[str, list[float]] = {}
            for one in of.values():
                for source, (worth, *_) in one["worth"].items():
                    worths.setdefault(source, []).append(worth)
            said = "; ".join(
                f"{source} {np.mean(w):.3f} ({min(w):.3f} to {max(w):.3f})"
                for source, w in worths.items()
            )
            gain = (
                ""
                if added == "people alone"
                else (
                    f"{each.mean():+.4f} [{each.mean() - error:+.4f}, {each.mean() + error:+.4f}]"
                )
            )
            loss = np.mean([np.mean(one["loss"]) for one in of.values()])
            hit = np.mean([one["hit"] for one in of.values()])
            rows.append(
                f"| {size:.0%} | {added} | {len(of)} | {loss:.4f} | {hit:.3f} | {gain} | {said} |"
            )
    return rows if len(rows) > 2 else []


def yardsticks(folder: str) -> list[str]:
    """Worth of each source's answers to THINGS by similarities that are not of these fits."""
    if not SPOSE.exists():
        return []
    data, x, rng = things(folder), np.load(SPOSE), np.random.default_rng(0)
    pairs = World.pairs(x, data["items"])
    s = np.stack(pairs, axis=-1)

    def loss(slope: float, lapse: float, chosen: Array) -> float:
        logs = np.stack(log_choice(pairs, 1 / slope, lapse), axis=1)
        return float(-logs[np.arange(len(chosen)), chosen - 1].mean())

    told = {}
    for name in ("people", *FILES):
        starts = np.array([0.5, 0.05])
        least = [(0.01, 5), (1e-6, 0.99)]
        best = minimize(lambda v, c=data[name]: loss(*v, c), starts, bounds=least)
        slope, lapse = (np.full(1, value) for value in best.x)
        told[name] = _sources.information(s[None], (slope, 0.0 * slope, lapse), rng)[0]
    worths = [f"{name} {told[name] / told['people']:.2f}" for name in FILES]
    return [f"\nYardstick of worth, by SPoSE-49: {', '.join(worths)}."]


def relation_rows() -> list[str]:
    """Say how gains follow worth, over fits with one source."""
    found: dict[str, list[tuple[float, float]]] = {}
    for people, n in (MANY, FEW):
        of = [world_cells(kind, people, n, "own") for kind in KINDS if not kind.startswith("two")]
        label = f"worlds, {people:,} choices"
        found[label] = [(w, -cost) for both in of for cost, w in zip(*both, strict=True)]
    for size in SIZES:
        for where in ("", " everywhere"):
            label = f"THINGS, {size:.0%}, {where.strip() or 'the same triplets'}"
            for seed, name in product(range(9), (*FILES, "shuffled")):
                one = finished(things_name(size, name + where, seed))
                alone = finished(things_name(size, "people alone", seed))
                if one and alone:
                    gain = np.mean(alone["loss"]) - np.mean(one["loss"])
                    found.setdefault(label, []).append((one["worth"][name][0], float(gain)))
    rows = [
        "\n## Worth and gain\n",
        "| fits with one source | fits | Spearman [90 %] | gain for a worth of 1 [90 %] "
        "| gain at worth 0 |\n|---|---|---|---|---|",
    ]
    for label, pairs in found.items():
        if len(pairs) < 5:
            continue
        values, rng = np.array(pairs), np.random.default_rng(0)
        draws = [values[rng.integers(0, len(values), len(values))] for _ in range(1000)]
        kept_draws = [one for one in draws if np.ptp(one[:, 0]) > 0]
        rank, slope = (
            (of(values), *np.percentile([of(one) for one in kept_draws], (5, 95)))
            for of in (
                lambda v: spearmanr(v[:, 0], v[:, 1]).statistic,
                lambda v: np.polyfit(v[:, 0], v[:, 1], 1)[0],
            )
        )
        said = f"{rank[0]:.2f} [{rank[1]:.2f}, {rank[2]:.2f}]"
        line = f"{slope[0]:+.4f} [{slope[1]:+.4f}, {slope[2]:+.4f}]"
        zero = np.polyfit(values[:, 0], values[:, 1], 1)[1]
        rows.append(f"| {label} | {len(values)} | {said} | {line} | {zero:+.4f} |")
    return rows if len(rows) > 2 else []


FEATURES = ("none", "true", "shuffled")


def with_features(engine: str, of: str, seed: int) -> dict[str, Any]:
    """Fit people's choices in a world with features, or without."""
    world, rng = World("good", 1, seed), np.random.default_rng([seed, 7])
    noisy = world.x + world.x.std() * rng.normal(size=world.x.shape)
    values = noisy @ rng.normal(size=(DIMENSIONS, 20))
    if of == "shuffled":
        values = rng.permutation(values)
    ids = tuple(f"o{k}" for k in range(OBJECTS))
    features = None if of == "none" else FeatureTable(ids, values)
    prior: dict[str, Any] = {"prior": "softplus", "features": features, "engine": engine}
    prior |= {"draws": 150, "tune": 200, "thin": 1} if engine == "nuts" else {}
    return {"loss": world.loss(fit(world.people(), **prior))}


def of_clips(of: str, fold: int) -> dict[str, Any]:
    """Fit choices among clips with their ratings, and score a fifth."""
    table = clips()
    rng = np.random.default_rng(0)
    part = rng.permutation(len(table)) % 5
    ids = tuple(map(str, table["item_1"].cat.categories))
    values = pd.read_csv(CLIPS / "ratings.tsv", sep="\t", index_col="id").loc[list(ids)].to_numpy()
    if of == "shuffled":
        values = np.random.default_rng([fold, 7]).permutation(values)
    features = None if of == "none" else FeatureTable(ids, values.astype(np.float32))
    more: dict[str, Any] = {"features": features, "dimensions": 15, "steps": 1000}
    fitted = fit(table[part != fold].reset_index(drop=True), **more)
    held = Choices.known_to(fitted, table[part == fold].reset_index(drop=True))
    draws = draws_of(fitted, np.arange(len(fitted.embedding)))
    return {"loss": float(held_losses(draws, held).mean())}


def beside_clips(quick: bool, of: str, answers: int, seed: int) -> dict[str, Any]:
    """Fit half of the choices among clips, with answers by captions, and score a fifth."""
    from benchmarks.clips import features, said_by_captions

    table = clips()
    order = np.random.default_rng([seed, 0]).permutation(len(table))
    held, rest = np.split(order, [round(0.2 * len(order))])
    ids = tuple(map(str, table["item_1"].cat.categories))
    known: dict[str, Any] = {"features": features("both", ids)} if of == "features" else {}
    if answers:
        said = said_by_captions(table).sample(answers, random_state=seed)
        known["sources"] = said.reset_index(drop=True)
    config = FitConfig(engine="vi", quick=quick, seed=seed)
    part = table.iloc[np.sort(rest[: len(rest) // 2])].reset_index(drop=True)
    fitted = fit_embedding(part, config=config, **known)
    scored = Choices.known_to(fitted, table.iloc[held].reset_index(drop=True))
    draws = draws_of(fitted, np.arange(len(fitted.embedding)))
    pilot = fitted.attrs.get("pilot", {}).get("sources", {})
    return {"loss": float(held_losses(draws, scored).mean()), "gain": pilot.get("gain")}


ASKED = (0, 2_000, 19_293)


def clips_name(quick: bool, of: str, answers: int, seed: int) -> str:
    """Name of a fit."""
    return f"clips_{'quick' if quick else 'usual'}_{of}_{answers}_{seed}"


def beside(seeds: int) -> None:
    """Fit clips with and without a source."""
    for seed, quick, of, n in product(range(seeds), (True, False), ("none", "features"), ASKED):
        make = partial(beside_clips, quick, of, n, seed)
        kept(clips_name(quick, of, n, seed), make)


def beside_rows() -> list[str]:
    """Table of what is finished."""
    rows = [
        "\n## Clips: a source by the captions\n",
        "| fit | prior | answers | seeds | log-loss without | cost (least, most) | left out |"
        "\n|---|---|---|---|---|---|---|",
    ]
    for quick, of, n in product((True, False), ("none", "features"), ASKED[1:]):
        found = [[finished(clips_name(quick, of, k, seed)) for k in (0, n)] for seed in range(9)]
        each = [(one, other) for one, other in found if one and other]
        if each:
            costs = [other["loss"] - one["loss"] for one, other in each]
            without = np.mean([one["loss"] for one, _ in each])
            out = sum((other["gain"] or 0) < 0 for _, other in each)
            rows.append(
                f"| {'quick' if quick else 'usual'} | {of} | {n:,} | {len(each)} | {without:.4f} | "
                f"{np.mean(costs):+.4f} ({min(costs):+.4f}, {max(costs):+.4f}) | "
                f"{'' if quick else f'{out} of {len(each)}'} |"
            )
    return rows if len(rows) > 2 else []


def clips() -> pd.DataFrame:
    """Choices among clips, as benchmarks/terms.py reads them."""
    sys.path.insert(0, str(ROOT))
    from benchmarks import terms

    terms.SHARED = CLIPS.parent
    return terms.clips()


def priors(seeds: int) -> None:
    """Fit with features and without."""
    for seed in range(seeds):
        for of in FEATURES:
            for engine in ("vi", "nuts"):
                name = f"prior_{engine}_{of}_{seed}"
                kept(name, lambda e=engine, o=of, s=seed: with_features(e, o, s))
            kept(f"prior_clips_{of}_{seed}", lambda o=of, s=seed: of_clips(o, s))


def prior_rows() -> list[str]:
    """Table of what is finished."""
    rows = [
        "\n## Features in the prior\n",
        "| data | fits | without | of the objects | shuffled | cost of shuffled |"
        "\n|---|---|---|---|---|---|",
    ]
    names = {"vi": "worlds, `vi`", "nuts": "worlds, `nuts`", "clips": "clips, `vi`"}
    for data, label in names.items():
        found = [[finished(f"prior_{data}_{of}_{seed}") for of in FEATURES] for seed in range(9)]
        each = np.array([[one["loss"] for one in of if one] for of in found if all(of)])
        if len(each):
            mean = each.mean(axis=0)
            cells = " | ".join(f"{one:.4f}" for one in mean)
            costs = f"{mean[2] - mean[0]:+.4f} (largest {(each[:, 2] - each[:, 0]).max():+.4f})"
            rows.append(f"| {label} | {len(each)} | {cells} | {costs} |")
    return rows if len(rows) > 2 else []


def main() -> None:
    """Run what is asked for, and write the tables of all that is finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=0)
    parser.add_argument("--things", default=os.environ.get("TWOALIKE_LLMS"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prior", type=int, default=0)
    parser.add_argument("--clips", type=int, default=0)
    asked = parser.parse_args()
    if asked.worlds:
        worlds(asked.worlds)
    if asked.things:
        real(asked.things, asked.seeds)
    if asked.prior:
        priors(asked.prior)
    if asked.clips:
        beside(asked.clips)
    title = "# Answers of models beside people's\n\n"
    title += "`python -P benchmarks/sources.py --worlds 5 --prior 1 --clips 3` "
    title += (
        "(what is fitted: see there; in parts, on a busy machine; ends with what was not fitted "
    )
    title += "anew).\n"
    stick = yardsticks(asked.things) if asked.things else []
    parts = [world_rows(), [*real_rows(), *stick], relation_rows(), beside_rows(), prior_rows()]
    text = "\n".join([title, *sum(parts, [])])
    old = RESULT.read_text(encoding="utf-8") if RESULT.exists() else ""
    for section in old.split("\n## ")[1:]:  # what is not fitted anew
        if f"## {section.partition('\n')[0]}\n" not in text:
            text += f"\n\n## {section.strip()}"
    RESULT.write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
