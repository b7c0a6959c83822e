"""How many dimensions are needed? Four true ones where more are offered.

    python -P benchmarks/dimensions.py [--seeds 10]

World S of benchmarks/calibration.py: 50 objects of four sparse dimensions, 5,000 triplets by ten
people. Every fit is offered eight or 15 dimensions and keeps them all. Counted are the fits of
which four dimensions are left by two rules: ``kept``, those that carry a tenth of a fair share of
the variation of similarity or more, which is what ``twoalike fit`` keeps; and ``needed``, the
fewest whose leave-one-out log score is within two standard errors of the best
(``twoalike dimensions P.nc --choices FILE``).

Finished fits are kept in derived/dimensions/ and not run again; the table goes to
benchmarks/results/dimensions.md.
"""

import argparse
import importlib.util
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding import FitConfig, Posterior, dimension_curve, fit_embedding
from twoalike.embedding._draws import EMPTY

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "dimensions"
RESULTS = ROOT / "benchmarks" / "results" / "dimensions.md"
TRUE = 4
ARMS = [("vi", 8, 10), ("nuts", 8, 10), ("vi", 15, 5)]
"""Engine, dimensions offered, seeds at most."""


def worlds() -> Any:
    """Load the script that makes the worlds: -P keeps its folder off the path."""
    place = Path(__file__).with_name("calibration.py")
    spec = importlib.util.spec_from_file_location("calibration", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fitted(engine: str, offered: int, seed: int, choices: pd.DataFrame) -> Posterior:
    """Fit one arm on one seed's world, unless it was done."""
    path = WORK / f"{engine}-{offered}" / f"{seed}.nc"
    if not path.is_file():
        config = FitConfig(quick=True, engine=engine, dimensions=offered, seed=seed)
        fit_embedding(choices, config=config).save(path)
    return Posterior.load(path)


def run(engine: str, offered: int, seed: int, world: Any) -> dict[str, Any]:
    """Count the dimensions of one fit by both rules; and what a dimension less or more costs."""
    choices = world(seed).choices()
    posterior = fitted(engine, offered, seed, choices)
    share = np.array(posterior.attrs["dimensions"]["importance"])
    curve = dimension_curve(posterior, choices)
    loss = curve.table["log_loss"].to_numpy()
    result = {
        "kept": int((share >= EMPTY / offered).sum()),
        "needed": curve.needed,
        "less": 1000 * float(loss[TRUE - 2] - loss[TRUE - 1]),
        "more": 1000 * float(loss[-1] - loss[TRUE - 1]),
    }
    print(engine, offered, seed, result, flush=True)
    return result


def row(arm: tuple[str, int], results: list[dict[str, Any]]) -> str:
    """One line of the table."""
    cells = [f"`{arm[0]}`", str(arm[1]), str(len(results))]
    for name in ("kept", "needed"):
        numbers = [result[name] for result in results]
        others = ", ".join(str(number) for number in numbers if number != TRUE)
        hits = numbers.count(TRUE)
        cells.append(f"{hits} of {len(numbers)}" + (f" (else {others})" if others else ""))
    for name in ("less", "more"):
        values = np.array([result[name] for result in results])
        cells.append(f"{values.mean():+.2f} ({values.min():+.2f} to {values.max():+.2f})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    world = worlds().World
    lines = [
        "# Number of dimensions",
        "",
        f"`python -P benchmarks/dimensions.py --seeds {seeds}` (twoalike {version('twoalike')}, "
        f"PyMC {version('pymc')}, nutpie {version('nutpie')}, Python {platform.python_version()}).",
        "",
        "World S: 50 objects of four dimensions, 5,000 triplets, 10 people. Fits that "
        "keep four dimensions after shrinkage (kept), and that need four by the leave-one-out "
        "curve (needed). Increase in leave-one-out log-loss in millinats per judgment, mean and "
        "range over seeds: with three dimensions instead of four, and with all that were offered.",
        "",
        "| engine | offered | seeds | four kept | four needed | three: log-loss | all: log-loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for engine, offered, most in ARMS:
        results = [run(engine, offered, seed, world) for seed in range(min(seeds, most))]
        lines.append(row((engine, offered), results))
    text = "\n".join([*lines, ""])
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
