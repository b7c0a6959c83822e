"""Labels by similarity matrix against rows gathered triplet by triplet.

    python -P benchmarks/labels.py [--rounds 15]

All sides label the same triplets with the same choice model: as `twoalike predict --sample` does,
pool by pool (`TripletStream.blocks`), or from one matrix (`matrix_probabilities`); from the rows of
each triplet, gathered for all triplets at once, as one writes it down first; and from rows gathered
in blocks of 128 to 8,192 triplets, whichever size is fastest here, as one writes it after a look at
the clock. Sides start from the same positions, or from the same features: the positions of 1.28
million images in 1,329 dimensions take 6.3 GiB, so that at that size each side has to place what it
gathers. Numbers are random: what they are does not change the time.

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
import pandas as pd

from twoalike.choice import PAIRS, log_choice
from twoalike.distill import batch_triplets
from twoalike.distill._sampled import TripletStream
from twoalike.features import FeatureTable
from twoalike.teacher import AffineTeacher, matrix_probabilities, sample_triplets

RESULTS = Path(__file__).parent / "results" / "labels.md"
BLOCKS = (128, 512, 2048, 8192)
FEATURES, DIMENSIONS = 1280, 49
"""Of EfficientNet-Lite0; of THINGS' published embedding."""
IMAGES, CLUSTERS = 100_000, 224
PART = 20_000
"""Triplets of a shard: the rows of all, gathered at once, would take gigabytes."""
TARGET = 5.0
Positions = npt.NDArray[np.float32]
Triplets = npt.NDArray[np.int64]
Place = Callable[[Positions], Positions]


@dataclass(frozen=True)
class Case:
    """What is labelled: positions of shape (draws, images, D), averaged over draws.

    ``labels``: how many labels of the images there are to be, of which a shard is sampled; None:
    all triplets are of few images. ``placed``: whether positions are there, or made of features.
    """

    name: str
    images: int
    dimensions: int
    triplets: int
    draws: int = 1
    labels: int | None = None
    placed: bool = True

    def material(self) -> tuple[Positions, Triplets, list[tuple[int, int]]]:
        """Positions with similarities of unit size (or features), triplets and their blocks."""
        rng = np.random.default_rng(self.images)
        shape = (self.draws, self.images, self.dimensions if self.placed else FEATURES)
        x = rng.standard_normal(shape, dtype=np.float32) / np.float32(self.dimensions**0.25)
        every = self.images * (self.images - 1) * (self.images - 2) // 6
        if self.labels is not None:
            clusters = rng.integers(CLUSTERS, size=self.images)
            stream = TripletStream(clusters, "cluster-boundary", self.labels)
            parts = list(stream.blocks(0, self.triplets))
            ends = np.cumsum([0, *map(len, parts)]).tolist()
            return x, np.concatenate(parts), list(zip(ends, ends[1:], strict=False))
        if self.triplets == every:
            return x, batch_triplets(self.images, every, rng), []
        return x, sample_triplets(self.images, self.triplets, rng), []

    def place(self) -> Place:
        """How rows become positions."""
        if self.placed:
            return lambda rows: rows
        rng = np.random.default_rng(0)
        teacher = AffineTeacher(
            mean=np.zeros(FEATURES, np.float32),
            scale=1.0,
            weight=0.02 * rng.standard_normal((DIMENSIONS, FEATURES), dtype=np.float32),
            bias=np.zeros(DIMENSIONS, np.float32),
            identity=1.0,
            temperature=1.0,
        )
        return lambda rows: teacher.embed(FeatureTable(("",) * len(rows), rows))


LABELS, SHARD = 1_000_000, 100_000
CASES = (
    Case(
        "part of a shard of a million labels; teacher with the network's own part, from features",
        IMAGES,
        FEATURES + DIMENSIONS,
        PART,
        labels=LABELS,
        placed=False,
    ),
    Case(
        "the same, from positions",
        IMAGES,
        FEATURES + DIMENSIONS,
        PART,
        labels=LABELS,
    ),
    Case("all triplets of a batch of `distill`; the same teacher", 48, 1329, 17_296),
    Case(
        "a shard; teacher of human dimensions alone, from positions",
        IMAGES,
        DIMENSIONS,
        SHARD,
        labels=LABELS,
    ),
    Case("a posterior's objects, averaged over draws", 1_854, DIMENSIONS, 100_000, draws=30),
)


def by_matrix(
    x: Positions, triplets: Triplets, blocks: list[tuple[int, int]], place: Place
) -> npt.NDArray[np.float32]:
    """Label from one matrix a draw, or pool by pool."""
    total = np.zeros((len(triplets), 3), np.float32)
    for draw in x:
        if not blocks:
            total += matrix_probabilities(draw @ draw.T, triplets)
        for start, stop in blocks:
            codes, images = pd.factorize(triplets[start:stop].reshape(-1))
            own = place(draw[images])
            total[start:stop] += matrix_probabilities(own @ own.T, codes.reshape(-1, 3))
    return total / np.float32(len(x))


def by_rows(x: Positions, triplets: Triplets, block: int, place: Place) -> npt.NDArray[np.float32]:
    """Label from the rows of each triplet."""
    total = np.zeros((len(triplets), 3), np.float32)
    for draw in x:
        for start in range(0, len(triplets), block):
            shown = triplets[start : start + block]
            rows = [place(draw[shown[:, item]]) for item in range(3)]
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
    x, triplets, pools = case.material()
    place = case.place()

    def ours_once() -> npt.NDArray[np.float32]:
        return by_matrix(x, triplets, pools, place)

    def rows_once(size: int) -> npt.NDArray[np.float32]:
        return by_rows(x, triplets, size, place)

    apart = np.abs(ours_once() - rows_once(2048)).max()
    if apart > 1e-4:
        raise RuntimeError(f"{case.name}: the two sides differ by {apart:.1e}")
    tried = {b: min(seconds(lambda b=b: rows_once(b)) for _ in range(3)) for b in BLOCKS}
    block = min(tried, key=lambda size: tried[size])
    turns = [
        (
            seconds(ours_once),
            seconds(lambda: rows_once(len(triplets))),
            seconds(lambda: rows_once(block)),
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
        "matrix (of a pool of images), from rows gathered for all triplets at once, and in blocks "
        "of the fastest size. Medians of alternating rounds; in brackets the interquartile range "
        f"of the ratios. All results agree to {max(f['apart'] for f in found):.0e}.",
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
        f"Target: {TARGET:.0f} times as fast as gathered rows, for `predict --sample` from a "
        "network's features and for `distill`. From positions in memory, rows gathered in the best "
        "blocks are slower by less, since each image is in ten triplets only as the first. If a "
        "teacher has few dimensions, rows are short and the choice model itself takes most of the "
        "time with every method.",
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
