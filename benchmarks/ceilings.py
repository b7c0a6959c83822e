"""How well could any model agree with people? Published measures, bounds, estimates from votes.

    python -P benchmarks/ceilings.py [--replicates 20]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). Choice probabilities of 20,000 judged triplets of THINGS come from a published
embedding of its objects (SPoSE, 49 dimensions), at the temperature that makes them as uncertain
as those of another (VICE: mean of max p .652, entropy .794), of which published figures exist.
With them as the truth:

1. what the published measures give with n votes, by summing over all outcomes;
2. what 2,000 triplets with n votes each say of the truth, by the package and by simpler ways, on
   these and on harder probabilities;
3. how often 95 % intervals hold it where people differ;
4. seconds for a million judgments.

The tables go to benchmarks/results/ceilings.md.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from twoalike.ceilings import (
    TripletIntervals,
    all_counts,
    bounds_from_votes,
    ceilings,
    count_types,
    expected_value,
    fit_distribution,
    largest_share,
    leave_one_out,
    majority_bound,
    oracle_bound,
    pair_agreement,
    plug_in_entropy,
    repeated_answers,
    votes_of,
)
from twoalike.choice import entropy, log_choice, pair_similarities
from twoalike.evaluation import Judgments

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS = SHARED / "things"
RESULTS = ROOT / "benchmarks" / "results" / "ceilings.md"
SEED = 0
TEMPERATURE = 0.975
TRIPLETS = 2_000
VOTES = (3, 4, 5, 10, 50)

type Array = np.ndarray[Any, np.dtype[np.float64]]


def things() -> tuple[np.ndarray, Callable[..., Array]]:
    """Judged triplets, and their choice probabilities at a temperature and a lapse rate."""
    x = np.load(THINGS / "spose49_embedding.npy").astype(np.float64)
    rows = np.loadtxt(THINGS / "triplets_by_participant.txt", dtype=np.int64, max_rows=20_000)
    pairs = pair_similarities(x @ x.T, rows[:, :3])

    def probabilities(temperature: float, lapse: float | None = None) -> Array:
        return np.exp(np.stack(log_choice(pairs, temperature, lapse), axis=1))

    return rows[:, :3], probabilities


def answers(probabilities: Array, rng: np.random.Generator) -> np.ndarray:
    """Draw an answer a row."""
    below = probabilities.cumsum(axis=1) < rng.random((len(probabilities), 1))
    return np.asarray(below.sum(axis=1).clip(0, 2))


def table(header: str, rows: list[list[str]]) -> list[str]:
    """Lines of a table."""
    names = [name.strip() for name in header.split("|")]
    cells = [names, ["---"] * len(names), *rows]
    return [*("| " + " | ".join(row) + " |" for row in cells), ""]


def published(p: Array) -> list[str]:
    """Lines on what the published measures give, and the best predictor's score."""
    rows = []
    for n in (3, 4, 5, 9, 10, 25, 50):
        measures = (leave_one_out, largest_share, plug_in_entropy)
        values = [expected_value(p, n, of(all_counts(n))) for of in measures]
        values.append(majority_bound(p, n))
        rows.append([f"{n}", *(f"{value.mean():.3f}" for value in values)])
    truth = [f"{oracle_bound(p).mean():.3f}"] * 2 + [f"{entropy(p).mean():.3f}", "1"]
    rows.append(["all", *truth])
    return table(
        "votes | leave one out | vanilla | plug-in entropy | mode against majority, ties accepted",
        rows,
    )


def dirichlet_types(alphas: Array, types: np.ndarray) -> Array:
    """Probability of votes of each type under symmetric Dirichlets, shape (a, u)."""
    n = types.sum(axis=1)
    a = alphas[:, None]
    ways = gammaln(n + 1) - gammaln(types + 1).sum(axis=1)
    ways += np.log(np.array([1, 3, 6])[(np.diff(types, axis=1) != 0).sum(axis=1)])
    moments = (gammaln(a[..., None] + types) - gammaln(a[..., None])).sum(axis=2)
    return np.exp(ways + gammaln(3 * a) - gammaln(3 * a + n) + moments)


ALPHAS = np.geomspace(0.02, 200, 240)


def dirichlet_functions() -> Array:
    """Mean of max p and of the entropy under each symmetric Dirichlet, shape (a, 2)."""
    rng = np.random.default_rng(SEED)
    oracle = []
    for alpha in ALPHAS:
        drawn = rng.gamma(alpha, size=(20_000, 3)) + 1e-300
        oracle.append((drawn.max(axis=1) / drawn.sum(axis=1)).mean())
    return np.stack([oracle, digamma(3 * ALPHAS + 1) - digamma(ALPHAS + 1)], axis=1)


FUNCTIONS = dirichlet_functions()


def estimates(counts: np.ndarray) -> dict[str, Array]:
    """Best predictor's accuracy and entropy, by several ways."""
    types, of = count_types(counts)
    shares = np.bincount(of) / len(counts)
    likelihood = dirichlet_types(ALPHAS, types)
    weights = np.full(len(ALPHAS), 1 / len(ALPHAS))
    for _ in range(300):
        weights = weights * (likelihood @ (shares / (weights @ likelihood)))
    model = fit_distribution(types, np.bincount(of))
    values = np.stack([oracle_bound(model.points), entropy(model.points)], axis=1)
    share = largest_share(counts).mean()
    corrected = ((counts > 0).sum(axis=1) - 1) / (2 * counts.sum(axis=1))
    return {
        "plug-in": np.array([share, plug_in_entropy(counts).mean()]),
        "Miller-Madow": np.array([np.nan, (plug_in_entropy(counts) + corrected).mean()]),
        "one Dirichlet": FUNCTIONS[np.argmax(np.log(likelihood) @ shares)],
        "mixture of symmetric Dirichlets": weights @ FUNCTIONS,
        "`fit_distribution`": model.mean(values),
    }


def recovery(worlds: dict[str, Array], replicates: int) -> list[str]:
    """Lines on the errors of the estimates, mean ± sd over replicates."""
    rows = []
    for name, p in worlds.items():
        truth = np.array([oracle_bound(p).mean(), entropy(p).mean()])
        for n in VOTES:
            errors: dict[str, list[Array]] = {}
            for replicate in range(replicates):
                rng = np.random.default_rng([SEED, replicate])
                rows_drawn = rng.integers(len(p), size=TRIPLETS)
                for way, found in estimates(rng.multinomial(n, p[rows_drawn])).items():
                    errors.setdefault(way, []).append(found - truth)
            for k, what in enumerate(("best accuracy", "entropy")):
                cells = [name, f"{n}", what, f"{truth[k]:.3f}"]
                for each in errors.values():
                    values = np.array(each)[:, k]
                    one = f"{values.mean():+.3f} ± {values.std(ddof=1):.3f}"
                    cells.append("" if np.isnan(values).any() else one)
                rows.append(cells)
            print(rows[-2], rows[-1], sep="\n", flush=True)
    return table("probabilities | votes | of | truth | " + " | ".join(errors), rows)


def study(seed: int, differ: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, Array]:
    """400 triplets of 60 objects, five of 40 people each; and the mean person's probabilities."""
    rng = np.random.default_rng([SEED, seed])
    x = rng.gamma(2.0, 0.6, (60, 6)) * (rng.random((60, 6)) < 0.6)
    triplets = np.argsort(rng.random((400, 60)), axis=1)[:, :3]
    pairs = pair_similarities(x @ x.T, triplets)
    lapse = 1 / (1 + np.exp(-rng.normal(-1.5, 1.2 if differ else 0.01, 40)))
    each = [np.exp(np.stack(log_choice(pairs, 1.5, own), axis=1)) for own in lapse]
    people = np.argsort(rng.random((400, 40)), axis=1)[:, :5].ravel()
    rows = np.repeat(np.arange(400), 5)
    chosen = answers(np.stack(each)[people, rows], rng)
    return triplets[rows], chosen, people, np.mean(each, axis=0)


def coverage(studies: int) -> list[str]:
    """Lines on how often intervals hold the truth over studies with other people and objects."""
    rows = []
    for differ in (False, True):
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for seed in range(studies):
            shown, chosen, people, mean = study(seed, differ)
            judged = Judgments(shown, chosen, people, tuple(map(str, range(60))))
            told = ceilings(judged, np.random.default_rng(seed))
            truths = {
                "best accuracy": (told["oracle"], oracle_bound(mean).mean()),
                "entropy": (told["entropy"], entropy(mean).mean()),
                "majority of five": (told["majority"]["accepted"], majority_bound(mean, 5).mean()),
                "two people agree": (told["pair_agreement"], (mean**2).sum(axis=1).mean()),
                "leave one out": (
                    told["published"]["leave_one_out"],
                    expected_value(mean, 5, leave_one_out(all_counts(5))).mean(),
                ),
            }
            for name, (each, true) in truths.items():
                found.setdefault(name, []).append((each.value, each.low, each.high, true))
        for name, values in found.items():
            value, low, high, each_true = np.array(values).T
            true = each_true.mean()
            held = ((low <= true) & (true <= high)).mean()
            cells = [f"{true:.3f}", f"{value.mean():.3f}", f"{value.std(ddof=1):.3f}"]
            cells += [f"{(high - low).mean() / 2:.3f}", f"{held:.2f}"]
            rows.append([name, "differ" if differ else "alike", *cells])
    return table("of | people | truth | mean | sd over studies | half-width | held", rows)


def speed() -> list[str]:
    """Lines on the seconds that a million judgments take."""
    rng = np.random.default_rng(SEED)
    m = 200_000
    triplets = np.repeat(rng.integers(0, 650, (m, 3)) + np.array([0, 650, 1300]), 5, axis=0)
    chosen = answers(np.repeat(rng.dirichlet((1, 1, 1), m), 5, axis=0), rng)
    people = rng.integers(3000, size=5 * m)
    order = rng.permutation(5 * m)
    triplets, chosen, people = triplets[order], chosen[order], people[order]
    judged = Judgments(triplets, chosen, people, tuple(map(str, range(1950))))
    cast = votes_of(judged)
    intervals = TripletIntervals(cast, rng)
    tasks: dict[str, Callable[[], Any]] = {
        "votes_of": lambda: votes_of(judged),
        "leave_one_out": lambda: leave_one_out(cast.counts),
        "pair_agreement": lambda: pair_agreement(cast.counts),
        "repeated_answers": lambda: repeated_answers(judged),
        "TripletIntervals": lambda: TripletIntervals(cast, rng),
        "bounds_from_votes": lambda: bounds_from_votes(intervals),
        "ceilings (all of it)": lambda: ceilings(judged, rng),
    }
    rows = []
    for name, task in tasks.items():
        start = time.process_time()
        task()
        rows.append([f"`{name}`", f"{time.process_time() - start:.2f}"])
    return table("function | CPU s", rows)


def all_worlds() -> dict[str, Array]:
    """Choice probabilities that votes are drawn from, those of THINGS first."""
    _, probabilities = things()
    kinds = np.vstack([np.tile([0.96, 0.02, 0.02], (10_000, 1)), np.full((10_000, 3), 1 / 3)])
    return {
        "THINGS": probabilities(TEMPERATURE),
        "sharper, with lapses": probabilities(0.3, 0.15),
        "flatter": probabilities(2.0),
        "certain or random": kinds,
    }


def report(worlds: dict[str, Array], replicates: int) -> str:
    """Run everything, and write the page."""
    p = worlds["THINGS"]
    lines = [
        "# Ceilings: how well could any model agree with people?",
        "",
        f"`python -P benchmarks/ceilings.py --replicates {replicates}` (twoalike "
        f"{version('twoalike')}, numpy {version('numpy')}, Python {platform.python_version()}, "
        f"seed {SEED}, one core of a shared machine).",
        "",
        "## Published measures are not bounds",
        "",
        "Truth: choice probabilities of 20,000 judged triplets of THINGS (SPoSE at temperature "
        f"{TEMPERATURE}). Expectations over all outcomes; the mode is the best possible predictor "
        f"and predicts {oracle_bound(p).mean():.3f} of single responses. All n votes are used; the "
        "Levels analysis uses five for leave-one-out and draws four of them for the rest.",
        "",
        *published(p),
        "## Truth from few votes",
        "",
        f"Error of estimates from {TRIPLETS:,} triplets, mean ± SD over {replicates} draws. "
        "Plug-in accuracy is the largest share. THINGS: as above. Sharper, with lapses: "
        "temperature .3, lapse .15. Flatter: temperature 2. Certain or random: half of the "
        "triplets .96, .02, .02, half 1/3 each.",
        "",
        *recovery(worlds, replicates),
        "## Intervals",
        "",
        f"95 % intervals over {10 * replicates} studies, each of 400 triplets of 60 other objects "
        "judged by five of 40 other people, whose lapse rates are alike (.18) or differ (logistic "
        "normal, SD 1.2). The truth of best accuracy, majority, entropy and pairs is that of the "
        "mean person. The intervals of the first three include what five votes leave undetermined "
        "and are wide for that reason.",
        "",
        *coverage(10 * replicates),
        "## A million judgments",
        "",
        "200,000 triplets with five votes each, 3,000 people, 1,950 objects.",
        "",
        *speed(),
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=20)
    replicates = parser.parse_args().replicates
    if not THINGS.is_dir():
        sys.exit(f"no real data at {THINGS} (set TWOALIKE_SHARED_DATA)")
    text = report(all_worlds(), replicates)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
