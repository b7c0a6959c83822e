"""Labels by similarity matrix against rows gathered triplet by triplet.

    python -P benchmarks/labels.py [--rounds 15]

All sides label the same triplets from the same positions with the same choice model: from one
matrix a pool of images (`twoalike.teacher.matrix_probabilities`); from the rows of each triplet,
gathered for all triplets at once, as one writes it down first; and from rows gathered in blocks of
128 to 8,192 triplets, whichever size is fastest here, as one writes it after a look at the clock.
Random positions: what they are does not change the time.

The sides take turns, on one thread, since gathering knows no more. Times are processor times, which
other work on the machine disturbs least; ratios are medians over neighbouring turns. The table goes
to benchmarks/results/labels.md.
"""

import argparse
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # read by numpy, once

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import PAIRS, log_choice
from twoalike.distill import LabelConfig, batch_triplets
from twoalike.teacher import matrix_probabilities, sample_triplets

RESULTS = Path(__file__).parent / "results" / "labels.md"
BLOCKS = (128, 512, 2048, 8192)
FEATURES, DIMENSIONS = 1280, 49
"""Of EfficientNet-Lite0; of THINGS' published embedding."""
TARGET = 4.0
Positions = npt.NDArray[np.float32]
Triplets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """What is labelled: positions of shape (draws, images, D), averaged over draws."""

    name: str
    images: int
    dimensions: int
    triplets: int
    draws: int = 1

    def material(self) -> tuple[Positions, Triplets]:
        """Positions with similarities of unit size, and triplets."""
        rng = np.random.default_rng(self.images)
        shape = (self.draws, self.images, self.dimensions)
        x = rng.standard_normal(shape, dtype=np.float32) / np.float32(self.dimensions**0.25)
        every = self.images * (self.images - 1) * (self.images - 2) // 6
        if self.triplets == every:
            return x, batch_triplets(self.images, every, rng)
        return x, sample_triplets(self.images, self.triplets, rng)


SHARD = LabelConfig()
CASES = (
    Case(
        "a shard of `predict --sample`; teacher with the network's own part",
        SHARD.pool,
        FEATURES + DIMENSIONS,
        SHARD.shard,
    ),
    Case("all triplets of a batch of `distill`; the same teacher", 48, 1329, 17_296),
    Case("a shard; teacher of human dimensions alone", SHARD.pool, DIMENSIONS, SHARD.shard),
    Case("a posterior's objects, averaged over draws", 1_854, DIMENSIONS, 100_000, draws=30),
)


def by_matrix(x: Positions, triplets: Triplets) -> npt.NDArray[np.float32]:
    """Label from one matrix a draw."""
    total = np.zeros((len(triplets), 3), np.float32)
    for draw in x:
        total += matrix_probabilities(draw @ draw.T, triplets)
    return total / np.float32(len(x))


def by_rows(x: Positions, triplets: Triplets, block: int) -> npt.NDArray[np.float32]:
    """Label from the rows of each triplet."""
    total = np.zeros((len(triplets), 3), np.float32)
    for draw in x:
        for start in range(0, len(triplets), block):
            shown = triplets[start : start + block]
            rows = [draw[shown[:, item]] for item in range(3)]
            first, second, third = (np.einsum("nd,nd->n", rows[a], rows[b]) for a, b in PAIRS)
            p = np.exp(np.stack(log_choice((first, second, third)), axis=1))
            total[start : start + block] += p
    return total / np.float32(len(x))


def seconds(run: Callable[[], Any]) -> float:
    """Processor seconds of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def race(case: Case, rounds: int) -> dict[str, Any]:
    """Time all sides in turns."""
    x, triplets = case.material()
    apart = np.abs(by_matrix(x, triplets) - by_rows(x, triplets, 2048)).max()
    if apart > 1e-4:
        raise RuntimeError(f"{case.name}: the two sides differ by {apart:.1e}")
    tried = {b: min(seconds(lambda b=b: by_rows(x, triplets, b)) for _ in range(3)) for b in BLOCKS}
    block = min(tried, key=lambda size: tried[size])
    turns = [
        (
            seconds(lambda: by_matrix(x, triplets)),
            seconds(lambda: by_rows(x, triplets, len(triplets))),
            seconds(lambda: by_rows(x, triplets, block)),
        )
        for _ in range(rounds)
    ]
    ours, whole, blocks = np.array(turns).T
    return {
        "case": case,
        "ours": float(np.median(ours)),
        "whole": (float(np.median(whole)), *quartiles(whole / ours)),
        "blocks": (float(np.median(blocks)), *quartiles(blocks / ours)),
        "block": block,
        "apart": float(apart),
    }


def quartiles(ratios: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def cell(found: tuple[float, float, float, float]) -> str:
    """Time and ratio of one way of gathering."""
    took, low, middle, high = found
    return f"{1e3 * took:.1f} ms | {middle:.1f} [{low:.1f}, {high:.1f}]"


def report(found: list[dict[str, Any]], rounds: int) -> str:
    """Lay out the table."""
    packages = f"twoalike {version('twoalike')}, numpy {version('numpy')}"
    lines = [
        "# Labels by similarity matrix",
        "",
        f"`python -P benchmarks/labels.py --rounds {rounds}` ({packages}, Python "
        f"{platform.python_version()}, one thread, load average {os.getloadavg()[1]:.1f} on "
        f"{os.cpu_count()} cores). Processor time of labelling the same triplets from a similarity "
        "matrix, from rows gathered for all triplets at once, and from rows gathered in blocks of "
        "the fastest size. Medians of alternating rounds; in brackets the interquartile range of "
        f"the ratios. All results agree to {max(f['apart'] for f in found):.0e}.",
        "",
        "| what | images | D | triplets | draws | matrix | rows | ratio | in blocks | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        case = row["case"]
        lines.append(
            f"| {case.name} | {case.images:,} | {case.dimensions:,} | {case.triplets:,} | "
            f"{case.draws} | {1e3 * row['ours']:.1f} ms | {cell(row['whole'])} | "
            f"{cell(row['blocks'])} |"
        )
    lines += [
        "",
        f"Target: {TARGET:.0f}, for `predict --sample` and `distill` with a teacher of `twoalike "
        "teach` (the first two rows). If a teacher has few dimensions, rows are short and the "
        "choice model itself takes most of the time with every method.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Race all cases and write benchmarks/results/labels.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    text = report([race(case, rounds) for case in CASES], rounds)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
