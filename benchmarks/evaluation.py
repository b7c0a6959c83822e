"""What evaluating a million judgments takes, and how near a calibration error comes to the truth.

    python -P benchmarks/evaluation.py [--rounds 3] [--replicates 300]

1. Seconds and ratios. A million odd-one-out judgments by 2,500 simulated people on 1,854 objects
   with 64 features, three levels, response times; two networks, which see the observer's space
   through noise. Processor time, sides in turn, medians of rounds, as ratios to reading
   choices.parquet by `read_judgments`; the command line in a process of its own, with its start.
2. Expected calibration error of simulated choices whose true error is known, by 20 people on
   triplets of 60 objects: plain, by chance, debiased, and how often the 95 % interval holds the
   truth (`twoalike.calibration.error_of`).

The tables go to benchmarks/results/evaluation.md.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.calibration import (
    Answers,
    binned,
    error_of,
    uncertainty,
)
from twoalike.choice import log_choice
from twoalike.evaluation import (
    Candidate,
    TwoWayBootstrap,
    by_category,
    questions_of,
    score_choices,
    set_similarities,
)
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.judgments import choices_table, read_judgments, write_judgments
from twoalike.results import evaluate
from twoalike.study import provenance

RESULTS = Path(__file__).parent / "results" / "evaluation.md"
OBJECTS, FEATURES, PEOPLE, CATEGORIES = 1854, 64, 2500, 27
SIZES = (100_000, 1_000_000)
NETWORKS = {"base": 1.0, "aligned": 0.3}

type Array = np.ndarray[Any, np.dtype[np.float64]]


def make_study(folder: Path, n: int) -> None:
    """Write n judgments and the features of both networks."""
    rng = np.random.default_rng(0)
    ids = tuple(f"object_{index:04d}" for index in range(OBJECTS))
    truth = rng.normal(size=(OBJECTS, FEATURES)) / np.sqrt(8)
    triplets = rng.integers(OBJECTS, size=(n, 3))
    # A place further where an object is there twice: three different ones.
    triplets[:, 1] = (triplets[:, 1] + (triplets[:, 1] == triplets[:, 0])) % OBJECTS
    while len(same := np.flatnonzero((triplets[:, 2:] == triplets[:, :2]).any(axis=1))):
        triplets[same, 2] = rng.integers(OBJECTS, size=len(same))
    logs = np.stack(log_choice(tuple(set_similarities(truth, triplets, "dot").T)), axis=1)
    names = [f"p{number:04d}" for number in range(PEOPLE)]
    columns = {
        **{f"item_{k + 1}": triplets[:, k] for k in range(3)},
        "chosen": np.argmax(logs + rng.gumbel(size=logs.shape), axis=1) + 1,
        "participant": pd.Categorical.from_codes(rng.integers(PEOPLE, size=n), names),
        "response_time": rng.lognormal(1.0, 0.5, n),
        "level": pd.Categorical.from_codes(rng.integers(3, size=n), ["coarse", "fine", "boundary"]),
    }
    write_judgments(folder / "choices.parquet", choices_table(columns, ids), provenance("choices"))
    for name, noise in NETWORKS.items():
        seen = truth + noise * rng.normal(size=truth.shape) / np.sqrt(8)
        write_features(folder / f"{name}.npz", FeatureTable(ids, seen.astype(np.float32)))


def spent(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor seconds of a piece of work, with processes that it started, and elapsed ones."""

    def used() -> float:
        of = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + of.ru_utime + of.ru_stime

    before, start = used(), time.perf_counter()
    work()
    return used() - before, time.perf_counter() - start


def sides(folder: Path) -> dict[str, Callable[[], Any]]:
    """Give what is timed, by name; reading comes first."""
    path = folder / "choices.parquet"
    candidates = [Candidate(name, read_features(folder / f"{name}.npz")) for name in NETWORKS]
    judged = questions_of(read_judgments(path))[0]
    seconds = read_judgments(path)["response_time"].to_numpy()
    rng = np.random.default_rng(1)
    boot = TwoWayBootstrap(judged.participants, judged.items, rng)
    scored = score_choices(candidates, judged, rng)
    scores = [of.scores for of in scored]
    labels = [f"category {number % CATEGORIES}" for number in range(OBJECTS)]
    words = [sys.executable, "-P", "-m", "twoalike.cli.app", "evaluate", "--choices", str(path)]
    for name in NETWORKS:
        words += ["--features", f"{name}={folder / name}.npz"]
    words += ["--out", str(folder / "results.json")]
    return {
        "`read_judgments`": lambda: read_judgments(path),
        "`evaluate`, from reading to results": lambda: evaluate(candidates, choices=path),
        "`twoalike evaluate`, start-up included": lambda: subprocess.run(
            words, check=True, capture_output=True
        ),
        "`score_choices`": lambda: score_choices(candidates, judged, np.random.default_rng(2)),
        "`uncertainty` of both networks and people": lambda: uncertainty(
            scored, judged, boot, response_times=seconds
        ),
        f"`by_category`, {CATEGORIES} categories": lambda: by_category(
            scores, judged.items, labels, boot
        ),
    }


def timed(rounds: int) -> list[str]:
    """Rows on time, one a size and side."""
    rows = []
    for n in SIZES:
        with tempfile.TemporaryDirectory() as name:
            make_study(Path(name), n)
            work = sides(Path(name))
            found = np.array([[spent(side) for side in work.values()] for _ in range(rounds)])
        ratios = np.median(found[..., 0] / found[:, :1, 0], axis=0)
        for side, (busy, elapsed), ratio in zip(
            work, np.median(found, axis=0), ratios, strict=True
        ):
            rows.append(f"| {n:,} | {side} | {elapsed:.2f} | {busy:.2f} | {ratio:.1f} |")
    return rows


def sharpened(p: Array, power: float) -> Array:
    """Probabilities at a lower temperature."""
    return np.asarray(p**power / (p**power).sum(axis=1, keepdims=True))


def answer(p: Array, rng: np.random.Generator) -> np.ndarray:
    """Draw an answer a row."""
    return np.asarray((p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1).clip(0, 2))


def true_error(power: float, answers: Answers, rng: np.random.Generator) -> float:
    """Error of many choices; the expectation is summed, so that noise is small."""
    p = rng.dirichlet((1, 1, 1), size=400_000)
    said = sharpened(p, power)
    found = binned(said, np.zeros(len(p), dtype=np.int64), answers=answers)
    values, which = found.values, found.which
    top = said.argmax(axis=1)[:, None]
    expected = p if answers == "all" else np.take_along_axis(p, top, axis=1)
    gaps = np.bincount(which.ravel(), weights=(expected - values).ravel())
    return float(np.abs(gaps).sum() / which.size)


def errors(replicates: int) -> list[str]:
    """Rows on calibration errors."""
    rng = np.random.default_rng(5)
    rows = []
    sides: tuple[Answers, ...] = ("top", "all")
    for n in (100, 300, 2000):
        for power in (1.0, 1.15, 1.3, 2.5):
            for answers in sides:
                truth = true_error(power, answers, rng)
                found = []
                for _ in range(replicates):
                    p = rng.dirichlet((1, 1, 1), size=n)
                    triplets = np.argsort(rng.random((n, 60)), axis=1)[:, :3]
                    people = rng.integers(20, size=n)
                    boot = TwoWayBootstrap(people, triplets, rng, resamples=300)
                    said, chosen = sharpened(p, power), answer(p, rng)
                    found.append(error_of(binned(said, chosen, answers=answers), boot))
                values = [(e["value"], e["chance"], e["debiased"].value) for e in found]
                means = " | ".join(f"{mean:.3f}" for mean in np.mean(values, axis=0))
                gaps = [e["debiased"] for e in found]
                held = np.mean([gap.low <= truth <= gap.high for gap in gaps])
                rows.append(f"| {n:,} | {answers} | {truth:.3f} | {means} | {held:.2f} |")
    return rows


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--replicates", type=int, default=300)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    lines = [
        "# Evaluation: time, and calibration errors",
        "",
        f"`python -P benchmarks/evaluation.py --rounds {options.rounds} --replicates "
        f"{options.replicates}` (twoalike {version('twoalike')}, numpy {version('numpy')}, Python "
        f"{platform.python_version()}; BLAS with one thread, load average {load:.1f} on "
        f"{os.cpu_count()} cores).",
        "",
        "## Time",
        "",
        f"Judgments by {PEOPLE:,} people on {OBJECTS:,} objects, two networks of {FEATURES} "
        "features, three levels, 2,000 resamples (1,000 of triplets). Medians of elapsed seconds, "
        "of processor seconds, and of their ratio to those of reading the judgments.",
        "",
        "| judgments | what | seconds | processor seconds | times reading |",
        "|---|---|---|---|---|",
        *timed(options.rounds),
        "",
        "## Calibration error",
        "",
        "Choices from known probabilities (Dirichlet), predicted at a lower temperature; ten bins. "
        f"Means over {options.replicates} studies of 20 people and 60 objects. Plain errors are "
        "biased upwards by chance; debiased errors are close to the truth except near 0, below "
        "which they cannot fall.",
        "",
        "| choices | answers | truth | plain | by chance | debiased | interval contains the "
        "truth |",
        "|---|---|---|---|---|---|---|",
        *errors(options.replicates),
        "",
    ]
    RESULTS.write_text("\n".join(lines))
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
