"""Do weights of the dimensions predict dissimilarities better? 92 photographs, 16 people.

    python -P benchmarks/indscal.py [--splits 2]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout): each person's dissimilarities from multi-arrangement (doi:10.3389/fpsyg.2013.00128). In
each split a fifth of every person's 4,186 pairs, at random, is held out, `fit` (`vi`, twelve
dimensions) sees the rest, and each person's held-out dissimilarities are correlated (Pearson) with
the posterior mean of the similarities that they see, negated. Means are over people and splits, the
standard error of a difference over people. For comparison: the mean of the other people's
dissimilarities of the same pairs, each standardised.

The table goes to benchmarks/results/indscal.md.
"""

import argparse
import os
import platform
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.judgments import dissimilarities_table, read_rdms

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results" / "indscal.md"
DIMENSIONS, HELD = 12, 0.2

type Array = np.ndarray[Any, Any]


def judged() -> Array:
    """Dissimilarities, people x objects x objects."""
    ids = [f"object-{k:02d}" for k in range(92)]
    folder = SHARED / "mur92"
    return read_rdms(folder / "behavior_rdms.mat", ids).values


def fitted(values: Array, kept: Array, people: str, similarity: str, seed: int) -> Posterior:
    """Fit the pairs that are kept, (people, pairs)."""
    n, m = values.shape[:2]
    first, second = np.triu_indices(m, 1)
    who, pair = np.nonzero(kept)
    table = pd.DataFrame(
        {
            "participant": [f"p{k:02d}" for k in who],
            "item_a": first[pair],
            "item_b": second[pair],
            "dissimilarity": values[who, first[pair], second[pair]],
            "kind": "arrangement",
        }
    )
    ids = [f"object-{k:02d}" for k in range(m)]
    config = FitConfig.model_validate(
        {"engine": "vi", "people": people, "similarity": similarity, "seed": seed}
        | {"dimensions": DIMENSIONS, "quick": True}
    )
    columns = {name: table[name].to_numpy() for name in table}
    return fit_embedding(dissimilarities=dissimilarities_table(columns, ids), config=config)


def correlations(posterior: Posterior, values: Array, kept: Array) -> Array:
    """Of each person's held-out dissimilarities with what the posterior expects, (people,)."""
    first, second = np.triu_indices(values.shape[1], 1)
    found = []
    for person in range(len(values)):
        out = ~kept[person]
        a, b = first[out], second[out]
        name = f"p{person:02d}"
        own = posterior if posterior.weights is None else posterior.for_person(name)
        expected = -own.similarity()[a, b]
        found.append(np.corrcoef(expected, values[person, a, b])[0, 1])
    return np.array(found)


def by_others(values: Array, kept: Array) -> Array:
    """Correlate them with the mean of the other people instead, (people,)."""
    upper = values[:, *np.triu_indices(values.shape[1], 1)]
    z = (upper - upper.mean(axis=1, keepdims=True)) / upper.std(axis=1, keepdims=True)
    found = []
    for person in range(len(values)):
        out = ~kept[person]
        others = np.delete(z, person, axis=0)[:, out].mean(axis=0)
        found.append(np.corrcoef(others, z[person, out])[0, 1])
    return np.array(found)


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--splits", type=int, default=2)
    asked = parser.parse_args()
    start, values = time.monotonic(), judged()
    shape = (len(values), len(np.triu_indices(values.shape[1], 1)[0]))
    results: dict[tuple[str, str], list[Array]] = {}
    others, spreads = [], []
    for split in range(asked.splits):
        kept = np.random.default_rng(split).random(shape) >= HELD
        others.append(by_others(values, kept))
        for similarity, people in product(("dot", "distance"), ("noise", "weights")):
            posterior = fitted(values, kept, people, similarity, split)
            found = correlations(posterior, values, kept)
            results.setdefault((similarity, people), []).append(found)
            if posterior.weights is not None:
                spreads.append((similarity, float(posterior.weights.spread.mean())))
            print(split, similarity, people, found.mean().round(4), flush=True)
    means = {key: np.mean(found, axis=0) for key, found in results.items()}
    lines = [
        "# Weights of the dimensions and dissimilarities",
        "",
        f"`python -P benchmarks/indscal.py --splits {asked.splits}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}, one "
        f"core beside other work, {time.monotonic() - start:.0f} s). What the columns hold: see "
        f"the script. The mean of the other people's: r = {np.mean(others):.3f}.",
        "",
        "| similarity | r without weights | r with weights | difference | better for | spread of "
        "log weights |",
        "|---|---|---|---|---|---|",
    ]
    for similarity in ("dot", "distance"):
        without, weighed = means[similarity, "noise"], means[similarity, "weights"]
        gap = weighed - without
        se = gap.std(ddof=1) / np.sqrt(len(gap))
        spread = np.mean([value for name, value in spreads if name == similarity])
        lines.append(
            f"| {similarity} | {without.mean():.3f} | {weighed.mean():.3f} | {gap.mean():+.3f} ± "
            f"{se:.3f} | {int((gap > 0).sum())} of {len(gap)} | {spread:.2f} |"
        )
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
