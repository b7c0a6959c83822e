"""Do two groups weigh the dimensions differently? False alarms and power in simulated studies.

    python -P benchmarks/groups.py [--null 200] [--studies 50]

Studies: 20 objects with four sparse dimensions (see people.py), two groups of ten people, 100
triplets a person; log weights of people are normal with standard deviation .4, and the second
group weighs the first dimension more by a shift, the others less by a third of it, so that the
overall factor is left to temperatures. People are drawn anew in each study. `vi` fits weights that
know no groups (six dimensions, 600 steps, two fits); `compare --groups` tests with 999 permuted
labels. A study differs where p is at most .05: of all dimensions together, of any dimension, of
any cluster of objects or of any pair (the last three corrected for their number). Covered: share of
studies in which the 90 % interval of the dimension most like the first one holds the shift of the
people drawn.

Finished studies are kept in derived/groups/ and not run again; the table goes to
benchmarks/results/groups.md.
"""

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import log_choice, random_triplets
from twoalike.embedding import FitConfig, compare_groups, fit_embedding
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "groups"
RESULTS = ROOT / "benchmarks" / "results" / "groups.md"
OBJECTS, DIMENSIONS, PEOPLE, EACH, SPREAD = 20, 4, 20, 100, 0.4
SHIFTS = (0.0, 0.4, 0.8)
LEVEL = 0.05


def study(shift: float, seed: int) -> dict[str, float]:
    """Simulate one study, fit it, and test its groups; unless it was done."""
    path = WORK / f"{shift:g}-{seed}.json"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_tested(shift, seed)))
    found: dict[str, float] = json.loads(path.read_text())
    return found


def _tested(shift: float, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, round(100 * shift)])
    there = rng.random((OBJECTS, DIMENSIONS)) < 0.35
    x = 1.5 * np.where(there, rng.gamma(2.0, 0.6, there.shape), rng.exponential(0.03, there.shape))
    second = np.arange(PEOPLE) >= PEOPLE // 2
    weight = SPREAD * rng.normal(size=(PEOPLE, DIMENSIONS))
    weight[second] += shift * np.array([1.0, *[-1 / 3] * (DIMENSIONS - 1)])
    shown = random_triplets(OBJECTS, PEOPLE * EACH, rng)
    judge = np.repeat(np.arange(PEOPLE), EACH)
    a, b, c = (x[shown[:, k]] * np.exp(weight / 2)[judge] for k in range(3))
    pairs = ((a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1))
    lapse = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, PEOPLE)))
    temperature = np.exp(rng.normal(0.0, 0.25, PEOPLE))
    logs = np.stack(log_choice(pairs, temperature[judge], lapse[judge]), axis=1)
    chosen = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": chosen, "participant": [f"p{j:02d}" for j in judge]}
    table: pd.DataFrame = choices_table(columns, [f"object-{k:02d}" for k in range(OBJECTS)])
    config = FitConfig(
        engine="vi", people="weights", quick=True, dimensions=6, steps=600, chains=2, seed=seed
    )
    posterior = fit_embedding(table, config=config)
    groups = {f"p{k:02d}": "second" if side else "first" for k, side in enumerate(second)}
    (found,) = compare_groups(posterior, groups, seed=seed)["differences"]
    like = np.corrcoef(x[:, 0], posterior.embedding.mean(axis=0).T)[0, 1:]
    first = found["dimensions"][int(np.nanargmax(like))]
    log_weight = weight - weight.mean(axis=1, keepdims=True)
    drawn = float(log_weight[second, 0].mean() - log_weight[~second, 0].mean())
    return {
        "all": found["p"],
        "dimension": min(row["p"] for row in found["dimensions"]),
        "cluster": min(row["p"] for row in found["clusters"]),
        "pair": min(row["p"] for row in found["pairs"]),
        "found": first["difference"],
        "drawn": drawn,
        "covered": float(first["low"] <= drawn <= first["high"]),
    }


def row(shift: float, studies: int) -> str:
    """Line of the table."""
    found = pd.DataFrame([study(shift, seed) for seed in range(studies)])
    cells = [f"{shift:g}", f"{studies}"]
    for name in ("all", "dimension", "cluster", "pair"):
        share = float((found[name] <= LEVEL).mean())
        error = np.sqrt(share * (1 - share) / studies)
        cells.append(f"{share:.3f} ± {error:.3f}")
    cells += [f"{found['drawn'].mean():.2f}", f"{found['found'].mean():.2f}"]
    line = f"| {' | '.join([*cells, f'{found["covered"].mean():.0%}'])} |"
    print(line, flush=True)
    return line


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--null", type=int, default=200, help="studies without a difference")
    parser.add_argument("--studies", type=int, default=50, help="studies of each other shift")
    asked = parser.parse_args()
    lines = [
        "# Differences between groups of people",
        "",
        f"`python -P benchmarks/groups.py --null {asked.null} --studies {asked.studies}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}). What "
        "the columns hold: see the script. Shares of studies, ± their standard error.",
        "",
        "| shift | studies | differ, all dimensions | any dimension | any cluster | any pair | "
        "shift of the people drawn | found | covered |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(shift, asked.null if shift == 0 else asked.studies) for shift in SHIFTS),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
