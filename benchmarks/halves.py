"""Do intervals hold on real people? Two halves of their judgments should differ by no more.

    python -P benchmarks/halves.py [--sets clips colours rocks spices mur92 things]
                                   [--splits trial person] [--repeats 1] [--people 120]

Needs the shared real data, as `benchmarks/real.py`, whose sets these are. The judgments of a set
are split at random in two halves, by trial (the same people in both) or by person (other people),
and `fit` sees each half with its defaults, with the same number of dimensions, similarity and
engine in both: what the pilot of the first half finds. What is compared is known to both halves:

- of choices, the probability of each answer to 2,000 random triplets, by a typical observer (who
  does not guess), and by a new person (who does);
- of other judgments, which do not tell the scale of an embedding, similarities of 2,000 random
  pairs, with mean 0 and variance 1 over all pairs in each draw.

Draws of the two posteriors are independent: the difference of one from each is a draw of the
difference. `z` is the root mean square of the mean difference over its standard deviation by the
draws; r correlates the means of the halves. Both halves are shrunk to one prior, so that of right
intervals more than nine in ten hold zero. For Gaussians z squared is w, the share that the means
have in the variance of a quantity over sets of objects (the rest is that of the draws), and
intervals hold zero as often as |N(0, 1)| is below 1.645 / sqrt(w): `expected`. That is a lower
bound where w differs between dimensions: those that are little known count most in the draws. The
first line is a control: seven-point ratings simulated in a known space (benchmarks/ratings.py).

Of colours every rating is listed twice (matrices were made symmetric) and is taken once; --people
is how many of those who rated colours and rocks are taken, at random. A person gave one sorting, or
one RDM, so that these are split by person only. Finished splits are kept in
derived/halves/ and not made again; the table goes to benchmarks/results/halves.md.
"""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import ratings  # noqa: E402
from benchmarks.real import SETS, Tables, mirrored  # noqa: E402

from twoalike.choice import random_triplets  # noqa: E402
from twoalike.embedding import Posterior, fit  # noqa: E402
from twoalike.embedding._priors import find_kernel  # noqa: E402
from twoalike.study import Floats  # noqa: E402

WORK = ROOT / "derived" / "halves"
RESULTS = ROOT / "benchmarks" / "results" / "halves.md"
COMPARED = 2000
WHOLE = ("sortings", "dissimilarities")
"""Kinds of which a person gave one trial, so that only people can be split."""


def judgments(name: str, people: int) -> Tables:
    """Judgments of a set, each once; of ratings those of some of the people."""
    ((kind, table),) = SETS[name]().items()
    if kind == "ratings":
        known = table["participant"].unique()
        some = np.random.default_rng(0).permutation(np.asarray(known, dtype=str))[:people]
        table = table[table["participant"].isin(some)]
        table = table[~mirrored(table)]
    return {kind: table}


def halves(tables: Tables, split: str, seed: int) -> list[Tables]:
    """Split the judgments in two, by ``trial`` or by ``person``."""
    ((kind, table),) = tables.items()
    rng = np.random.default_rng([seed, 5])
    if split == "trial":
        first = rng.permutation(len(table)) < len(table) // 2
    else:
        people = np.asarray(table["participant"].unique(), dtype=str)
        first = table["participant"].isin(rng.permutation(people)[: len(people) // 2]).to_numpy()
    return [{kind: table[first]}, {kind: table[~first]}]


def known_to_both(posteriors: list[Posterior], kind: str) -> dict[str, list[Floats]]:
    """Quantities by name, (S, n) of each posterior, over the objects that both know."""
    rng = np.random.default_rng(7)
    ids = sorted(set(posteriors[0].ids) & set(posteriors[1].ids))
    rows = [np.array([one.ids.index(name) for name in ids]) for one in posteriors]
    if kind == "choices":
        triplets = random_triplets(len(ids), COMPARED, rng)
        return {
            who: [
                one.choice_draws(row[triplets], lapse=lapse).reshape(len(one.embedding), -1)
                for one, row in zip(posteriors, rows, strict=True)
            ]
            for who, lapse in (("typical observer", False), ("new person", True))
        }
    upper = np.triu_indices(len(ids), 1)
    some = rng.permutation(len(upper[0]))[:COMPARED]
    found = []
    for one, row in zip(posteriors, rows, strict=True):
        draws = []
        for x in one.embedding[:, row].astype(np.float64):
            s = one.pair_similarity(x, x)[upper]
            draws.append(((s - s.mean()) / s.std())[some])
        found.append(np.stack(draws))
    return {"similarities": found}


def compared(one: Floats, other: Floats) -> dict[str, float]:
    """Share of the intervals of the difference that hold zero, their width, z and r."""
    n, rng = max(len(one), len(other)), np.random.default_rng(8)
    pick = [values[rng.permutation(np.arange(n) % len(values))] for values in (one, other)]
    apart = pick[0].astype(np.float64) - pick[1]
    low, high = np.quantile(apart, [0.05, 0.95], axis=0)
    z = apart.mean(axis=0) / np.maximum(apart.std(axis=0), 1e-12)
    between = (one.mean(axis=0).var() + other.mean(axis=0).var()) / 2
    within = (one.var(axis=0).mean() + other.var(axis=0).mean()) / 2
    return {
        "expected": float(2 * norm.cdf(1.645 * np.sqrt(1 + within / between)) - 1),
        "coverage": float(((low <= 0) & (high >= 0)).mean()),
        "width": float((high - low).mean()),
        "z": float(np.sqrt((z**2).mean())),
        "r": float(np.corrcoef(one.mean(axis=0), other.mean(axis=0))[0, 1]),
    }


def run(name: str, split: str, seed: int, people: int) -> dict[str, Any]:
    """Compare two halves, or give what was found before."""
    path = WORK / f"{name}-{split}-{seed}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    tables = judgments(name, people)
    ((kind, table),) = tables.items()
    start, posteriors, settings = time.process_time(), list[Posterior](), dict[str, Any]()
    for half in halves(tables, split, seed):
        one = fit(
            half.get("choices"), **{k: v for k, v in half.items() if k != "choices"}, **settings
        )
        posteriors.append(one)
        settings = {"similarity": one.attrs["similarity"], "engine": one.attrs["engine"]}
        settings["dimensions"] = one.attrs["dimensions"]["fitted"]
    found = {
        "kind": str(kind),
        "judgments": len(table),
        "people": int(table["participant"].nunique()),
        "objects": len(posteriors[0].ids),
        "engine": posteriors[0].attrs["engine"],
        "form": f"{settings['similarity']}, {settings['dimensions']}",
        "verdicts": [one.attrs["convergence"]["intervals"] for one in posteriors],
        "seconds": time.process_time() - start,
        "of": {
            what: compared(*draws) for what, draws in known_to_both(posteriors, str(kind)).items()
        },
    }
    WORK.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(posteriors):
        one.save(path.with_name(f"{path.stem}-{number}.nc"))
    path.write_text(json.dumps(found))
    print(name, split, seed, found, flush=True)
    return found


def control(worlds: int) -> dict[str, Any]:
    """Compare two simulated sets of ratings of one space, and each with the truth."""
    path = WORK / "control.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    start, space = time.process_time(), "distance"
    true, *tables = zip(*(ratings.data_of("likert", space, k) for k in range(worlds)), strict=True)
    draws = ratings.sample([*tables[0], *tables[1]], ratings.FORMS[space])
    kernel, each, truths = find_kernel(space), list[dict[str, float]](), list[float]()
    for k, s in enumerate(true):
        half = [
            ratings.standard(
                np.stack([kernel.matrix(x, x)[ratings.UPPER] for x in one["embedding"]])
            )
            for one in (draws[k], draws[k + worlds])
        ]
        each.append(compared(*half))
        truth = ratings.standard(s[ratings.UPPER])
        for one in half:
            low, high = np.quantile(one, [0.05, 0.95], axis=0)
            truths.append(float(((low <= truth) & (truth <= high)).mean()))
    found = {key: float(np.mean([one[key] for one in each])) for key in each[0]}
    found |= {"truth": float(np.mean(truths)), "worlds": worlds}
    found["seconds"] = time.process_time() - start
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
    return found


def lines_of(name: str, split: str, each: list[dict[str, Any]]) -> list[str]:
    """Lines of the table of one set and split, over its repeats."""
    said = []
    for what in each[0]["of"]:
        figures = [one["of"][what] for one in each]

        def cell(key: str, digits: int, figures: list[dict[str, float]] = figures) -> str:
            values = [one[key] for one in figures]
            spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
            return f"{np.mean(values):.{digits}f}{spread}"

        first = each[0]
        cells = [
            f"{name}, {first['judgments']:,} {first['kind']}, {first['people']} people, "
            f"{first['objects']:,} objects",
            split,
            what,
            f"{first['engine']}, {first['form']}",
            "yes" if all(v for one in each for v in one["verdicts"]) else "no",
            *(cell(key, 3) for key in ("coverage", "expected", "width")),
            cell("z", 2),
            cell("r", 3),
            str(len(each)),
            f"{np.mean([one['seconds'] for one in each]):.0f}",
        ]
        said.append(f"| {' | '.join(cells)} |")
    return said


def main() -> None:
    """Compare the halves, and write the table of all that there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--splits", nargs="+", default=["trial", "person"])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--people", type=int, default=120)
    chosen = parser.parse_args()
    for name in chosen.sets:
        for split in chosen.splits:
            if split == "trial" and name in ("spices", "mur92"):
                continue
            for seed in range(chosen.repeats):
                run(name, split, seed, chosen.people)
    heads = ("set", "split by", "what", "engine, similarity, dimensions", "intervals usable")
    heads += ("holds zero", "expected", "width", "z", "r of halves", "splits", "CPU s, both fits")
    known = control(6)
    cells = [f"{known[key]:.3f}" for key in ("coverage", "expected", "width")]
    lines = [
        f"| simulated raters, 24 objects (truth held in {known['truth']:.3f}) | trial | "
        f"similarities | distance, 5 | - | {' | '.join(cells)} | {known['z']:.2f} | "
        f"{known['r']:.3f} | {known['worlds']} | {known['seconds']:.0f} |"
    ]
    for name in SETS:
        for split in ("trial", "person"):
            paths = sorted(WORK.glob(f"{name}-{split}-?.json"))
            if paths:
                lines += lines_of(name, split, [json.loads(one.read_text()) for one in paths])
    text = [
        "# Halves of real people's judgments",
        "",
        f"`python -P benchmarks/halves.py --sets {' '.join(chosen.sets)} --people {chosen.people}` "
        f"(twoalike {version('twoalike')}, PyMC {version('pymc')}, nutpie {version('nutpie')}, "
        f"Python {platform.python_version()}; processor seconds on a busy machine of two cores).",
        "",
        "90 % intervals of the difference of two halves; see the script. Mean ± standard deviation "
        "over random splits where there is more than one.",
        "",
        f"| {' | '.join(heads)} |",
        "|---|" + "---|" * (len(heads) - 1),
        *lines,
        "",
    ]
    RESULTS.write_text("\n".join(text), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
