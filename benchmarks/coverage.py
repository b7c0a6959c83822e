"""Coverage designs against the lower bound: how many triplets show every pair of objects.

    python benchmarks/coverage.py [--large]

With --large also the 1,854 objects of THINGS, which take minutes. For each number of objects
one design is made, checked pair by pair, and timed. The bound is Schoenheim's, with Hanani's
correction where a pair is to be shown several times. The comparison is random triplets drawn
until they show every pair. The table goes to benchmarks/results/coverage.md.
"""

import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from twoalike.choice import random_triplets
from twoalike.design import TrialForm, covering_bound, covering_trials
from twoalike.study import provenance

RESULTS = Path(__file__).resolve().parent / "results" / "coverage.md"
SEED = 0
OBJECTS = (10, 20, 24, 30, 48, 64, 100, 128, 300)
LARGE = 1854
RANDOM_UP_TO = 128


def pair_counts(triplets: np.ndarray, m: int) -> np.ndarray:
    """How often each pair is shown, shape (m (m - 1) / 2,)."""
    counts = np.zeros((m, m), dtype=np.int32)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.add.at(counts, (triplets[:, a], triplets[:, b]), 1)
    return (counts + counts.T)[np.triu_indices(m, 1)]


def random_needed(m: int, rng: np.random.Generator) -> int:
    """Random triplets until every pair was shown once."""
    open_pairs = m * (m - 1) // 2
    seen = np.zeros((m, m), dtype=bool)
    n = 0
    while open_pairs:
        a, b, c = np.sort(random_triplets(m, 1, rng)[0])
        n += 1
        for pair in ((a, b), (a, c), (b, c)):
            open_pairs -= not seen[pair]
            seen[pair] = True
    return n


def row(m: int, repeats: int) -> str:
    """One line of the table."""
    start = time.process_time()
    triplets = covering_trials(TrialForm(3), m, repeats, np.random.default_rng(SEED))
    seconds = time.process_time() - start
    counts = pair_counts(triplets, m)
    if counts.min() < repeats:
        raise AssertionError(f"{m} objects: a pair is shown {counts.min()} times")
    bound = covering_bound(m, repeats)
    exposure = np.bincount(triplets.ravel(), minlength=m)
    by_chance = "-"
    if repeats == 1 and m <= RANDOM_UP_TO:
        by_chance = f"{random_needed(m, np.random.default_rng(SEED)):,}"
    cells = (
        f"{m:,}",
        repeats,
        f"{bound:,}",
        f"{len(triplets):,}",
        f"{len(triplets) / bound:.4f}",
        f"{counts.min()}-{counts.max()}",
        f"{exposure.min()}-{exposure.max()}",
        f"{seconds:.2f}",
        by_chance,
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Measure and write the table."""
    objects = [*OBJECTS, *([LARGE] if "--large" in sys.argv[1:] else [])]
    cases = [(m, 1) for m in objects] + [(20, 2), (48, 2), (48, 3), (100, 5)]
    lines = []
    for m, repeats in cases:
        lines.append(row(m, repeats))
        print(lines[-1], flush=True)
    about = provenance("benchmark", seed=SEED, config={"objects": objects})
    RESULTS.write_text(
        "\n".join(
            [
                "# Coverage designs against the bound",
                "",
                "`python benchmarks/coverage.py`: every pair of objects is shown at least the "
                "given number of times, in as few triplets as possible. Last column: random "
                "triplets drawn until every pair has been shown.",
                "",
                "| objects | each pair | bound | triplets | ratio | trials per pair | trials per "
                "object | CPU seconds | random triplets |",
                "|---|---|---|---|---|---|---|---|---|",
                *lines,
                "",
                f"One core, Python {platform.python_version()}, numpy {version('numpy')}. "
                f"Provenance: `{json.dumps(about)}`",
                "",
            ]
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
