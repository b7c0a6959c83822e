"""What a minute of a person's time tells about similarity, by task.

    python -P benchmarks/minutes.py [--seeds 3] [--tasks odd-one-out ...]

World: 30 objects of four sparse dimensions (see people.py), five people with temperatures
(logarithms of standard deviation .25) and lapse rates (about .08) of their own. Each person sits
down to one task through `twoalike.simulate`, whose hands keep the time: trials, pauses and pages as
in a window, with the response times that the task's simulated hands take. Those of odd-one-out have
the published medians (doi:10.1038/s41586-025-09631-6); those of the other tasks are what their
hands assume, so that the comparison is as good as these times. Designs are the defaults of each
task, with random triplets for odd-one-out.

After 5, 10, 20 and 40 minutes of each person, counted from the first main trial, `vi` (softplus
prior, eight dimensions) fits the judgments so far. r is the correlation, over all pairs of objects,
of the posterior's mean similarity with the true one (dot products); trials are main trials of all
people. Mean and range over the seeds.

Finished cells are kept in derived/minutes/ and not run again; the table goes to
benchmarks/results/minutes.md.
"""

import argparse
import json
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import twoalike.api as twoalike
from twoalike.embedding import FitConfig, fit_embedding
from twoalike.record import RunName
from twoalike.registry import find_task, task_names
from twoalike.tables import JUDGED

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "minutes"
RESULTS = ROOT / "benchmarks" / "results" / "minutes.md"
OBJECTS, DIMENSIONS, PEOPLE = 30, 4, 5
MINUTES = (5, 10, 20, 40)
SETTINGS = {
    "odd-one-out": {"design": {"trials": 700}},
    "anchored-choice": {"anchored": {"trials": 900}},
    "odd-one-of-many": {"odd_one_of_many": {"trials": 700}},
    "most-alike-pair": {"most_alike_pair": {"trials": 700}},
    "pair-rating": {"pair_rating": {"pairs": 435, "repeats": 400}},
    "free-sorting": {"free_sorting": {"trials": 70, "items": 12}},
    "multi-arrangement": {"arrangement": {"stop_evidence": 1e6, "session_minutes": 60}},
}
"""Tables of study.toml with enough trials for the longest time, by task."""


def truth(seed: int) -> np.ndarray:
    """Embedding of the world, shape (30, 4)."""
    rng = np.random.default_rng([seed, 1])
    shape = (OBJECTS, DIMENSIONS)
    there = rng.random(shape) < 0.35
    return 1.5 * np.where(there, rng.gamma(2.0, 0.6, shape), rng.exponential(0.03, shape))


def judged(task: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let all people sit down: their judgments, and when each trial ended in minutes."""
    folder = WORK / f"{task}-{seed}"
    study = folder / "study"
    if not study.exists():
        images = folder / "images"
        images.mkdir(parents=True, exist_ok=True)
        for index in range(OBJECTS):
            shade = (8 * index, 255 - 8 * index, 40 + 5 * index)
            Image.new("RGB", (32, 32), shade).save(images / f"object-{index:02d}.png")
        twoalike.create_study(study, images=images, seed=seed, title="Minutes")
        _set(study / "study.toml", SETTINGS.get(task, {}))
    opened = twoalike.Study.load(study)
    objects = twoalike.StimulusSet.load(opened.stimuli).ids
    rng = np.random.default_rng([seed, 2])
    noise = np.exp(rng.normal(0.0, 0.25, PEOPLE))
    lapses = 1 / (1 + np.exp(-rng.normal(-2.5, 0.5, PEOPLE)))
    observers = [
        twoalike.SimulatedObserver(
            ids=tuple(objects), embedding=truth(seed), temperature=float(t), lapse=float(g)
        )
        for t, g in zip(noise, lapses, strict=True)
    ]
    kind = find_task(task)
    if not RunName(str(PEOPLE), 1, kind.label).manifest(opened.raw).exists():
        twoalike.simulate(opened, PEOPLE, task=task, observer=observers)
    ends = []
    for person in map(str, range(1, PEOPLE + 1)):
        rows = pd.read_csv(RunName(person, 1, kind.label).rows(opened.raw), sep="\t")
        rows = rows[rows["trial_type"].isin(JUDGED)].drop_duplicates("trial_index")
        end = (rows["onset"] + rows["response_time"] - rows["onset"].iloc[0]) / 60
        ends.append(
            pd.DataFrame({"participant": person, "trial": rows["trial_index"], "minute": end})
        )
    return kind.read_raw(opened.raw, list(objects)), pd.concat(ends)


def _set(path: Path, tables: dict[str, dict[str, Any]]) -> None:
    """Set keys of tables in a new study's study.toml."""
    text = path.read_text(encoding="utf-8")
    for table, keys in tables.items():
        if f"[{table}]" not in text:
            text += f"\n[{table}]\n"
        head, name, rest = text.partition(f"[{table}]\n")
        own, following, others = rest.partition("\n[")
        for key, value in keys.items():
            own = re.sub(rf"(?m)^#? ?{key} = .*\n?", "", own)
            own = f"{key} = {json.dumps(value)}\n{own}"
        text = head + name + own + following + others
    path.write_text(text, encoding="utf-8")


def cell(task: str, seed: int, minutes: int) -> dict[str, float]:
    """Fit what was judged within some minutes; unless it was done."""
    path = WORK / f"{task}-{seed}" / f"{minutes}.json"
    if not path.exists():
        table, ends = judged(task, seed)
        if ends.groupby("participant")["minute"].max().min() < 0.95 * minutes:
            raise SystemExit(f"{task}: a session ends before {minutes} minutes; give more trials")
        within = ends[ends["minute"] <= minutes].set_index(["participant", "trial"]).index
        keys = pd.MultiIndex.from_arrays(
            [table["participant"].astype(str), table["trial"].astype(int)]
        )
        config = FitConfig(engine="vi", prior="softplus", dimensions=8, seed=seed, quick=True)
        tables: dict[str, Any] = {find_task(task).judgments: table[keys.isin(within)]}
        posterior = fit_embedding(**tables, config=config)
        ids = [f"object-{index:02d}" for index in range(OBJECTS)]
        rows = pd.Index(posterior.ids).get_indexer(pd.Index(ids))
        found, pairs = posterior.similarity(), np.triu_indices(OBJECTS, 1)
        x, places = truth(seed), np.flatnonzero(rows >= 0)
        near = np.array([(a in places) & (b in places) for a, b in zip(*pairs, strict=True)])
        one, other = (side[near] for side in pairs)
        r = np.corrcoef((x @ x.T)[one, other], found[rows[one], rows[other]])[0, 1]
        path.write_text(json.dumps({"r": float(r), "trials": len(within)}))
    told: dict[str, float] = json.loads(path.read_text())
    return told


def line(task: str, seeds: int) -> str:
    """Row of the table."""
    cells = [f"`{task}`"]
    for minutes in MINUTES:
        found = pd.DataFrame([cell(task, seed, minutes) for seed in range(seeds)])
        r = found["r"]
        cells.append(f"{found['trials'].mean():.0f}")
        cells.append(f"{r.mean():.3f} ({r.min():.3f} to {r.max():.3f})")
    row = f"| {' | '.join(cells)} |"
    print(row, flush=True)
    return row


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", default=list(task_names()))
    asked = parser.parse_args()
    heads = [head for m in MINUTES for head in (f"trials in {m} min", f"r after {m} min")]
    lines = [
        "# What a minute of a person's time tells, by task",
        "",
        f"`python -P benchmarks/minutes.py --seeds {asked.seeds}` (twoalike {version('twoalike')}, "
        f"PyMC {version('pymc')}, Python {platform.python_version()}). What the columns hold: see "
        "the script.",
        "",
        f"| task | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
        *(line(task, asked.seeds) for task in asked.tasks),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
