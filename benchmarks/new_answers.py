"""Whether ``check`` passes a model that is exact, on judgments that were held out.

    python -P benchmarks/new_answers.py [--seeds 20]

Each simulated world has 30 objects in three dimensions, whose coordinates, temperatures and lapse
rates come from the model's own families, and six people who judge 1,200 random triplets. A
variational fit of these (two of 3,000 steps) is checked on 600 further judgments by the same
people. Passed: the two-sided p-value of the share of answers that are the most probable one is at
least .05. The column "under one draw" is what `check` compared before: the accuracy of each draw's
own most probable answers with replicates under that draw. The table goes to
benchmarks/results/new_answers.md, with other numbers of seeds than 20 to the terminal only.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.choice import log_choice, pair_similarities
from twoalike.embedding import Comparison, FitConfig, check, fit_embedding
from twoalike.judgments import choices_table

RESULTS = Path(__file__).parent / "results" / "new_answers.md"
OBJECTS, PEOPLE, FITTED, NEW = 30, 6, 1200, 600
PASSED = 0.05


def judged(seed: int) -> pd.DataFrame:
    """Judgments in a world of its own."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((OBJECTS, 3)) < 0.5, rng.gamma(4.0, 0.4, (OBJECTS, 3)), 0.02)
    temperature = np.exp(0.3 * rng.standard_normal(PEOPLE))
    lapse = 1 / (1 + np.exp(2.5 - rng.standard_normal(PEOPLE)))
    n = FITTED + NEW
    shown = np.stack([rng.choice(OBJECTS, 3, replace=False) for _ in range(n)])
    who = rng.integers(PEOPLE, size=n)
    logs = log_choice(pair_similarities(x @ x.T, shown), temperature[who], lapse[who])
    chosen = 1 + np.argmax(np.stack(logs, axis=1) + rng.gumbel(size=(n, 3)), axis=1)
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)} | {"chosen": chosen}
    columns["participant"] = np.array([f"p{k}" for k in range(PEOPLE)])[who]
    return choices_table(columns, [f"o{k:02d}" for k in range(OBJECTS)])


def found(seed: int) -> tuple[Comparison, Comparison]:
    """Agreement with new answers, and as it was compared before."""
    table = judged(seed)
    config = FitConfig(engine="vi", quick=True, dimensions=6, chains=2, steps=3_000, seed=seed)
    posterior = fit_embedding(table[:FITTED], config=config)
    results = [check(posterior, table[FITTED:], fitted=own) for own in (False, True)]
    new, before = (of.predictive.checks[0] for of in results if of.predictive is not None)
    return new, before


def row(seed: int, new: Comparison, before: Comparison) -> str:
    """Line of the table."""
    cells = [str(seed)]
    for of in (new, before):
        expected = f"{of.expected:.3f} ({of.low:.3f} to {of.high:.3f})"
        cells += [f"{of.observed:.3f}", expected, f"{of.two_sided:.3f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run the worlds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    rows, passed = [], np.zeros(2, dtype=int)
    for seed in range(seeds):
        both = found(seed)
        passed += [of.two_sided >= PASSED for of in both]
        rows.append(row(seed, *both))
        print(rows[-1], flush=True)
    head = "| world | new answers: observed | expected (90 %) | p | under one draw: observed | "
    head += "expected (90 %) | p |"
    text = "\n".join(
        [
            "# An exact model on new answers\n",
            f"`python -P benchmarks/new_answers.py` (twoalike {version('twoalike')}). Share of "
            f"{NEW} held-out answers that are the most probable one, after a fit of {FITTED:,} "
            f"judgments. Passed (p at least {PASSED}): {passed[0]} of {seeds} against new answers, "
            f"{passed[1]} of {seeds} against replicates under one draw.\n",
            head,
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )
    print(text)
    if seeds == 20:
        RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
