"""Does the order of a rated pair count? Rocks, whose pairs were shown in random order.

    python -P benchmarks/ordered.py [--folds 2]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout). 63,294 ratings of 252 rocks by 274 people. A fifth is held out, and predicted for the
people of the fit, without and with a bias of each object as the first of a pair
(`--hyperparameters ratings.order_spread=0.3`). Every fit is `vi` with ``quick``, two fits of 1,000
steps, distances. The control has the two objects of every pair in random order, so that there is
nothing to find. Differences of log-loss are with standard errors over people; the spread is that of
the biases, in standard deviations of similarity.

The table goes to benchmarks/results/ordered.md.
"""

import argparse
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks import real  # noqa: E402

from twoalike.embedding import FitConfig, Posterior, fit_embedding  # noqa: E402
from twoalike.embedding._compare import mean_and_error  # noqa: E402
from twoalike.embedding._ratings import Ratings  # noqa: E402
from twoalike.judgments import ratings_table  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "ordered.md"
SPREAD = 0.3
PAIR = ["item_a", "item_b"]


def losses(posterior: Posterior, left: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Log-loss of each rating held out, and who gave it."""
    held = Ratings.replicated(posterior, left, 0, len(left))
    draws = np.linspace(0, len(posterior.embedding) - 1, 50).round().astype(int)
    each = [held.log_probability(held.under(draw)) for draw in draws]
    return np.log(len(each)) - np.logaddexp.reduce(each, axis=0), held.who[held.source[held.kept]]


def row(name: str, table: pd.DataFrame, fold: int) -> str:
    """Fit without a fifth, with and without the order of a pair: a row of the table."""
    out = np.random.default_rng(1).permutation(len(table)) % 5 == fold
    settings: Any = {"engine": "vi", "quick": True, "steps": 1000, "chains": 2}
    found, start = {}, time.process_time()
    for spread in (0.0, SPREAD):
        numbers = (f"ratings.order_spread={spread}",)
        config = FitConfig(similarity="distance", hyperparameters=numbers, **settings)
        posterior = fit_embedding(ratings=table[~out], config=config)
        found[spread], who = losses(posterior, table[out])
    gain = mean_and_error(found[0.0] - found[SPREAD], who)
    bias = posterior.drawn("rating_order_spread")
    low, high = np.quantile(bias, [0.05, 0.95])
    cells = (
        name,
        fold + 1,
        *(f"{loss.mean():.4f}" for loss in found.values()),
        f"{gain['value']:+.4f} ± {gain['standard_error']:.4f}",
        f"{bias.mean():.3f} ({low:.3f} to {high:.3f})",
        f"{time.process_time() - start:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Fit all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=2)
    asked = parser.parse_args()
    table = real.SETS["rocks"]()["ratings"]
    swap = np.random.default_rng(2).random(len(table)) < 0.5
    items = table[PAIR].astype(str).to_numpy()
    items = np.where(swap, items.T[::-1], items.T)
    columns = {name: table[name].to_numpy() for name in table}
    shuffled = ratings_table(columns | dict(zip(PAIR, items, strict=True)), None)
    rows = []
    for fold in range(asked.folds):
        for name, of in {"rocks": table, "control": shuffled}.items():
            rows.append(row(name, of, fold))
            print(rows[-1], flush=True)
    text = f"""# The order of a rated pair

`python -P benchmarks/ordered.py --folds {asked.folds}` (twoalike {version("twoalike")}, \
PyMC {version("pymc")}, Python {platform.python_version()}; processor seconds on a busy machine).

| data | fold | log-loss without | with the order | gain | spread, 90 % interval | processor s |
|---|---|---|---|---|---|---|
"""
    RESULTS.write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
