"""Are careless arrangers found, and careful ones left alone? Simulated studies of arrangements.

    python benchmarks/careless_arrangers.py [--studies 5] [--trials 2 4]

Worlds and layouts are those of joint.py: 50 objects in four sparse dimensions, metric scalings of
12 of them with placement noise. A study has 20 careful people, of whom every fourth ignores each
dimension with probability .3 in each trial and every fourth places with three times the noise; 3 s
an image (log-normal, .4 between people, .3 between trials), and up to half of the images moved
again. And two of each kind of careless arranger, with the times of a careful person and no image
moved again:

- random: Gaussian places;
- seats: every image dragged from its seat straight in, with a little noise;
- grid: in rows, in the order of the seats;
- fastest: Gaussian places, .6 s an image.

`fit` (`vi`, quick, four dimensions, two fits) sees all layouts, the careless ones too.

Area: probability that a careless arranger has a higher `p_careless` than a careful one, over all
pairs of all studies. Accused: share with `p_careless` of .5 or more.

The table goes to benchmarks/results/careless_arrangers.md.
"""

import argparse
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from careless import line
from joint import OBJECTS, SIZE, World, layout

from twoalike.embedding import FitConfig, careless_table, fit_embedding
from twoalike.judgments import arrangements_table

RESULTS = Path(__file__).resolve().parent / "results" / "careless_arrangers.md"
CAREFUL, EACH = 20, 2
KINDS = ("random", "seats", "grid", "fastest")
CAREFUL_KINDS = ("careful", "ignoring", "careful", "noisy")

type Array = np.ndarray[Any, Any]


def placed(kind: str, x: Array, seat: Array, rng: np.random.Generator) -> Array:
    """Places of one trial, from the coordinates of its objects and their seats (radians)."""
    if kind == "seats":
        ring = np.stack([np.cos(seat), np.sin(seat)], axis=1)
        return np.asarray(0.35 * ring + 0.03 * rng.standard_normal(ring.shape))
    if kind == "grid":
        rank = np.argsort(np.argsort(seat))
        return np.asarray(0.2 * np.stack([rank % 4 - 1.5, 1.0 - rank // 4], axis=1))
    if kind in KINDS:
        return np.asarray(0.12 * rng.standard_normal((len(x), 2)))
    seen = np.ones(x.shape[1])
    if kind == "ignoring":
        seen = (rng.random(x.shape[1]) > 0.3).astype(float)
        seen[rng.integers(x.shape[1])] = 1.0
    places = layout(x * seen, rng)
    if kind == "noisy":
        places = places + 0.16 * places.std() * rng.standard_normal(places.shape) * np.sqrt(8)
    return places


def study(trials: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Arrangements of a study, and its people with their kind."""
    rng, world = np.random.default_rng([seed, trials, 7]), World(seed)
    kinds = [CAREFUL_KINDS[k % 4] for k in range(CAREFUL)] + [k for k in KINDS for _ in range(EACH)]
    tables = []
    for number, kind in enumerate(kinds):
        pace, again = 3 * np.exp(0.4 * rng.normal()), rng.uniform(0, 0.5)
        if kind in KINDS:
            pace, again = (0.6 if kind == "fastest" else pace), 0.0
        for trial in range(trials):
            items = rng.choice(OBJECTS, SIZE, replace=False)
            seat = (rng.permutation(SIZE) / SIZE + rng.random()) * 2 * np.pi % (2 * np.pi)
            places = placed(kind, world.embedding[items], seat, rng)
            columns = {
                "participant": f"p{number:02d}",
                "trial": trial + 1,
                "item": items,
                "x": places[:, 0].clip(-0.5, 0.5),
                "y": places[:, 1].clip(-0.5, 0.5),
                "response_time": SIZE * pace * np.exp(0.3 * rng.normal()),
                "seat_angle": np.degrees(seat),
                "moves": 1 + (rng.random(SIZE) < again),
            }
            tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True)
    people = pd.DataFrame({"participant": [f"p{k:02d}" for k in range(len(kinds))], "kind": kinds})
    return arrangements_table({n: table[n].to_numpy() for n in table}, world.ids), people


def run(trials: int, seed: int) -> pd.DataFrame:
    """Fit one study; a row a participant and a way of judging them."""
    table, people = study(trials, seed)
    config = FitConfig(engine="vi", quick=True, dimensions=4, chains=2, seed=seed)
    posterior = fit_embedding(arrangements=table, config=config)
    found = people.merge(careless_table(posterior, arrangements=table), on="participant")
    print(f"{trials} trials, study {seed}", flush=True)
    return found.assign(how="all", trials=trials, study=seed)


def row(how: str, found: pd.DataFrame) -> str:
    """Line of the table."""
    groups = [found["kind"] == kind for kind in ("careful", "ignoring", "noisy", *KINDS)]
    return line(how, found["p_careless"], found["kind"].isin(KINDS), groups)


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=5)
    parser.add_argument("--trials", type=int, nargs="+", default=[2, 4])
    asked = parser.parse_args()
    start = time.monotonic()
    found = pd.concat([run(n, seed) for n in asked.trials for seed in range(asked.studies)])
    lines = [
        "# Careless arrangements",
        "",
        f"`python benchmarks/careless_arrangers.py --studies {asked.studies} --trials "
        f"{' '.join(map(str, asked.trials))}` (twoalike {version('twoalike')}, PyMC "
        f"{version('pymc')}, Python {platform.python_version()}, one core beside other work, "
        f"{time.monotonic() - start:.0f} s). What the columns hold: see the script.",
        "",
        "| trials, evidence | area | careful accused | ignoring | noisy | random found | seats | "
        "grid | fastest |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(f"{n}, {how}", part) for (n, how), part in found.groupby(["trials", "how"])),
    ]
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
