"""Are careless and automatic answerers found, and careful people left alone? Simulated studies.

    python -P benchmarks/careless.py [--studies 10] [--trials 30 100]
    python -P benchmarks/careless.py --rocks derived/rocks

Worlds: 30 objects in four sparse dimensions, as in people.py. A study has 20 careful people, with
temperatures (log-normal, .4), lapses (uniform, .02 to .25) and log-normal response times (medians
log-uniform from .8 to 6 s, spreads of the logarithm uniform from .25 to .6), who answer repeats
afresh; and two of each kind of careless answerer:

- random: answers at random, times of a careful person;
- one side: the same position in 95 % of the trials, times of a careful person;
- fastest: answers at random in .15 to .3 s, uniformly;
- network: answers by another embedding, drawn independently, at temperature .05, in 1 s ± 1 %.

A tenth of the trials repeat earlier triplets; there are no attention checks. `fit` (`vi`, quick,
four dimensions, dot product) sees all answers, the careless ones too.

Area: probability that a careless answerer has a higher `p_careless` than a careful person, over all
pairs of all studies. Accused: share with `p_careless` of .5 or more; slow are the careful people
with a median response time above 3 s, noisy those whose temperature is above 1.4 or lapse above .2.

The table goes to benchmarks/results/careless.md.

Rocks (`--rocks`; shared data, environment variable TWOALIKE_SHARED_DATA or ../shared/data beside
the checkout): the five posteriors of benchmarks/rocks.py, each fitted to the ratings of all 274
people of pairs of about two thirds of the rocks, and the 21 people whom the authors left out since
they agreed little with the rest. Three measures: `p_careless` as `twoalike participants --ratings`
gives it by default; Spearman's correlation of a person's ratings with similarity in the embedding;
and with the mean rank that other raters of the pair gave, without any model. That table goes to
benchmarks/results/careless_rocks.md.
"""

import argparse
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu, spearmanr

from twoalike.choice import log_choice, random_triplets
from twoalike.embedding import FitConfig, Posterior, careless_table, fit_embedding
from twoalike.judgments import choices_table, ratings_table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "careless.md"
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
OBJECTS, DIMENSIONS, CAREFUL, EACH = 30, 4, 20, 2
KINDS = ("random", "one side", "fastest", "network")

type Array = np.ndarray[Any, Any]


def space(rng: np.random.Generator) -> Array:
    """Coordinates of a world."""
    shape = (OBJECTS, DIMENSIONS)
    there = rng.random(shape) < 0.35
    return 1.5 * np.where(there, rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape))


def answers(x: Array, shown: Array, rng: np.random.Generator, noise: float, lapse: float) -> Array:
    """Positions chosen by an embedding, from 0."""
    a, b, c = (x[shown[:, k]] for k in range(3))
    pairs = ((a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1))
    logs = np.stack(log_choice(pairs, noise, lapse), axis=1)
    return np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)


def study(trials: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judgments of a study, and its people: kind, temperature, lapse and median time."""
    rng = np.random.default_rng([seed, trials])
    x = space(rng)
    tables, people = [], []
    for number, kind in enumerate(["careful"] * CAREFUL + [k for k in KINDS for _ in range(EACH)]):
        shown = random_triplets(OBJECTS, trials, rng)
        again = trials // 10
        shown[-again:] = rng.permuted(shown[:again], axis=1)
        noise, lapse = np.exp(0.4 * rng.normal()), rng.uniform(0.02, 0.25)
        median, spread = np.exp(rng.uniform(*np.log([0.8, 6]))), rng.uniform(0.25, 0.6)
        times = median * np.exp(spread * rng.normal(size=trials))
        chosen = answers(x, shown, rng, noise, lapse)
        if kind in ("random", "fastest"):
            chosen = rng.integers(0, 3, trials)
        if kind == "one side":
            side, others = rng.integers(0, 3), rng.integers(0, 3, trials)
            chosen = np.where(rng.random(trials) < 0.925, side, others)
        if kind == "fastest":
            times = rng.uniform(0.15, 0.3, trials)
        if kind == "network":
            chosen = answers(space(rng), shown, rng, 0.05, 0.001)
            times = 1 + 0.01 * rng.normal(size=trials)
        name = f"p{number:02d}"
        tables.append(
            pd.DataFrame(
                {
                    **{f"item_{k + 1}": shown[:, k] for k in range(3)},
                    "chosen": chosen + 1,
                    "participant": name,
                    "trial": np.arange(1, trials + 1),
                    "response_time": times,
                    "trial_type": ["main"] * (trials - again) + ["repeat"] * again,
                }
            )
        )
        people.append((name, kind, noise, lapse, median))
    columns = dict(pd.concat(tables, ignore_index=True))
    choices = choices_table(columns, [f"object-{k:02d}" for k in range(OBJECTS)])
    return choices, pd.DataFrame(people, columns=["participant", "kind", "noise", "lapse", "time"])


def run(trials: int, seed: int) -> pd.DataFrame:
    """Fit one study; a row a participant and a way of judging them."""
    choices, people = study(trials, seed)
    config = FitConfig(engine="vi", quick=True, similarity="dot", dimensions=DIMENSIONS, seed=seed)
    posterior = fit_embedding(choices, config=config)
    found = careless_table(posterior, choices)
    parts = [people.merge(found, on="participant").assign(how="all", study=seed)]
    guessed = (posterior.lapse > 0.5).mean(axis=0)
    before = pd.DataFrame({"participant": posterior.participants, "p_careless": guessed})
    parts.append(people.merge(before, on="participant").assign(how="P(lapse > .5)", study=seed))
    print(f"{trials} trials, study {seed}", flush=True)
    return pd.concat(parts, ignore_index=True).assign(trials=trials)


type Rows = "pd.Series[bool]"


def line(how: str, p: "pd.Series[float]", careless: Rows, groups: Sequence[Rows]) -> str:
    """Line of a table: area, and in each group how many have ``p_careless`` of .5 or more."""
    pairs = int(careless.sum()) * int((~careless).sum())
    area = mannwhitneyu(p[careless], p[~careless]).statistic / pairs
    cells = [f"{int((p[rows] >= 0.5).sum())} of {int(rows.sum())}" for rows in groups]
    return f"| {how} | {area:.3f} | {' | '.join(cells)} |"


def row(how: str, found: pd.DataFrame) -> str:
    """Line of the table."""
    careful = found["kind"] == "careful"
    noisy = (found["noise"] > 1.4) | (found["lapse"] > 0.2)
    groups = [careful, careful & (found["time"] > 3), careful & noisy]
    groups += [found["kind"] == kind for kind in KINDS]
    return line(how, found["p_careless"], ~careful, groups)


def area(low: "pd.Series[float]", flagged: Sequence[str]) -> float:
    """Probability that a flagged person has a lower value than another one."""
    of = low.index.isin(flagged)
    return float(mannwhitneyu(-low[of], -low[~of]).statistic / of.sum() / (~of).sum())


def followed(rated: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Spearman's correlation of each person's ratings with a column; 0 where all are equal."""
    known = rated.dropna(subset=[column]).groupby("participant")
    found = {name: spearmanr(own["rating"], own[column]).statistic for name, own in known}
    return pd.Series(found, dtype=float).fillna(0.0)


def rocks(folder: Path) -> None:
    """Compare measures with the people whom the authors left out; write the table."""
    table = pd.read_csv(SHARED / "rocks" / "ratings.tsv", sep="\t", dtype={"participant": str})
    flagged = (SHARED / "rocks" / "low.txt").read_text().split()
    pairs = table[["item_a", "item_b"]].to_numpy(str)
    table["pair"] = ["|".join(sorted(pair)) for pair in pairs]
    ranks = table.groupby("participant")["rating"].rank(pct=True)
    of_pair = ranks.groupby(table["pair"])
    table["others"] = (of_pair.transform("sum") - ranks) / (of_pair.transform("size") - 1)
    lines = []
    for path in sorted(folder.glob("fold-*/posterior.nc")):
        posterior = Posterior.load(path)
        place = {name: row for row, name in enumerate(posterior.ids)}
        own = table[table["item_a"].isin(place) & table["item_b"].isin(place)]
        left, right = (own[item].map(place).to_numpy() for item in ("item_a", "item_b"))
        own = own.assign(similarity=posterior.similarity()[left, right])
        columns = {name: own[name].tolist() for name in ("participant", "item_a", "item_b")}
        columns |= {"rating": own["rating"].tolist(), "scale_points": 9}
        found = careless_table(posterior, ratings=ratings_table(columns, posterior.ids))
        p = found.dropna(subset=["evidence_ratings"]).set_index("participant")["p_careless"]
        careless, those = p[p >= 0.5], p.index.isin(flagged)
        cells = [path.parent.name, f"{len(own):,}", f"{len(p)}", f"{those.sum()}"]
        cells += [f"{area(-p, flagged):.3f}", f"{careless.index.isin(flagged).sum()}"]
        cells += [f"{(~careless.index.isin(flagged)).sum()}"]
        cells += [
            f"{area(followed(own, column), flagged):.3f}" for column in ("similarity", "others")
        ]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    text = [
        "# Careless raters of rocks",
        "",
        "`python -P benchmarks/careless.py --rocks derived/rocks` (twoalike "
        f"{version('twoalike')}). What the columns hold: see the script. Area: probability that a "
        "person whom the authors "
        "left out looks more careless than one whom they kept.",
        "",
        "| posterior | ratings | people | left out by the authors | area, `p_careless` | of these "
        "with .5 or more | of the others | area, correlation with similarity | with other raters |",
        "|---|---|---|---|---|---|---|---|---|",
        *lines,
        "",
    ]
    RESULTS.with_name("careless_rocks.md").write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--trials", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--rocks", type=Path, help="folder of benchmarks/rocks.py, instead")
    asked = parser.parse_args()
    if asked.rocks is not None:
        rocks(asked.rocks)
        return
    start = time.monotonic()
    found = pd.concat([run(n, seed) for n in asked.trials for seed in range(asked.studies)])
    print(found[(found["p_careless"] >= 0.5) & (found["kind"] == "careful")].to_string())
    lines = [
        "# Careless and automatic answers",
        "",
        f"`python -P benchmarks/careless.py --studies {asked.studies} --trials "
        f"{' '.join(map(str, asked.trials))}` "
        f"(twoalike {version('twoalike')}, PyMC {version('pymc')}, Python "
        f"{platform.python_version()}, one core beside other work, "
        f"{time.monotonic() - start:.0f} s). What the columns hold: see the script. P(lapse > .5) "
        "is the column `guessed` of `twoalike participants`, from lapse rates alone.",
        "",
        "| trials, evidence | area | careful accused | slow | noisy | random found | one side | "
        "fastest | network |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(f"{n}, {how}", part) for (n, how), part in found.groupby(["trials", "how"])),
    ]
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
