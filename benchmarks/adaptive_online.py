"""A crowd whose trials are chosen by snapshots of a background fit, against random trials.

    python -P benchmarks/adaptive_online.py [--seeds 2] [--choices 4000]

Forty simulated people judge 40 objects, 100 trials each in blocks of 20. Eight are there at a time;
who has answered the last trial makes room for the next. A fit begins whenever 500 more choices are
stored (the first at 160, four an object) and its snapshot is published 100 choices later: answers
do not wait, so the blocks between are chosen by the snapshot before. Blocks, snapshots and fits are
the product's own functions (`AdaptiveDesign.block`, `publish_snapshot`, the settings of `online
refit`). In
the other arm the same people judge random blocks. All people are one observer (lapse .02). Both
arms are fitted alike and scored on 3,000 triplets under the observer's true probabilities; triplets
of the test may be judged too, in either arm.

The table goes to benchmarks/results/adaptive_online.md; with fewer choices, to a file whose name
ends with their number.
"""

import argparse
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import entropy
from twoalike.design import adaptive_blocks
from twoalike.embedding import Posterior, fit
from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.online import (
    QUICK_FIT,
    CutOff,
    Snapshot,
    publish_snapshot,
)
from twoalike.planning import AdaptiveDesign
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, StudyConfig
from twoalike.tables import STIMULI

RESULTS = Path(__file__).resolve().parent / "results" / "adaptive_online.md"
WORLDS = ("sparse", "categories")
OBJECTS, PEOPLE, AT_ONCE, TEST = 40, 40, 8, 3_000
FIRST, EVERY, LAG, MARKS = 160, 500, 100, (1_000, 2_000, 3_000, 4_000)
DESIGN = DesignConfig(
    sampler="adaptive", trials=100, practice=0, practice_checks=0, catch=0, trials_per_block=20
)


def world(name: str, rng: np.random.Generator) -> tuple[StimulusSet, SimulatedObserver]:
    """Draw objects and an observer: six sparse dimensions, or three kinds of two sub-kinds."""
    rows = [
        (
            f"o{i:02d}",
            f"o{i:02d}.png",
            "0" * 64,
            f"kind-{i * 3 // OBJECTS}",
            f"sub-{i * 6 // OBJECTS}",
        )
        for i in range(OBJECTS)
    ]
    columns = ["id", "file", "sha256", "kind", "sub-kind"]
    stimuli = StimulusSet(Path("nowhere"), pd.DataFrame(rows, columns=columns, dtype=str))
    if name == "sparse":
        there = rng.random((OBJECTS, 6)) < 0.35
        large, small = rng.gamma(2.0, 0.6, there.shape), rng.exponential(0.03, there.shape)
        embedding = 1.15 * np.where(there, large, small)
    else:
        embedding = hierarchical_embedding(stimuli, rng, jitter=0.3)
    return stimuli, SimulatedObserver(stimuli.ids, embedding, lapse=0.02)


class Crowd:
    """People who answer in turns, and the choices stored so far."""

    def __init__(
        self, stimuli: StimulusSet, judge: SimulatedObserver, root: Path, seed: int, adaptive: bool
    ) -> None:
        self.stimuli, self.judge, self.seed, self.adaptive = stimuli, judge, seed, adaptive
        study = Study(root, StudyConfig(title="crowd", seed=seed, design=DESIGN))
        self.design = AdaptiveDesign(study, stimuli, find_task("odd-one-out"))
        self.rng = np.random.default_rng([seed, 1])
        self.rows: list[tuple[str, str, str, str, int]] = []
        self.snapshot: Snapshot | None = None
        self.lists: dict[str, pd.DataFrame] = {}
        self.done: dict[str, int] = {}
        self.block_s: list[float] = []
        self.fit_s: list[float] = []

    def step(self) -> None:
        """Let one of those who are there answer a trial."""
        here = [who for who, n in self.done.items() if n < DESIGN.trials]
        while len(here) < AT_ONCE and len(self.done) < PEOPLE:
            here.append(f"{len(self.done):02d}")
            self.done[here[-1]] = 0
        who = here[int(self.rng.integers(len(here)))]
        at = self.done[who]
        if at == len(self.lists.get(who, ())):
            began = time.process_time()
            block = adaptive_blocks(DESIGN)[at // DESIGN.trials_per_block]
            scored = None if self.snapshot is None else self.snapshot.scored(self.design)
            self.lists[who] = self.design.block(scored, who, 1, block, self.lists.get(who))
            self.block_s.append(time.process_time() - began)
        names = self.lists[who].loc[at, list(STIMULI)].tolist()
        triplet = np.array([[self.stimuli.ids.index(name) for name in names]])
        p = self.judge.choice_probabilities(triplet)[0]
        self.rows.append((who, *names, 1 + int(self.rng.choice(3, p=p / p.sum()))))
        self.done[who] += 1

    def fit(self, n: int) -> Posterior:
        """Fit the first ``n`` choices."""
        columns = ["participant", "item_1", "item_2", "item_3", "chosen"]
        began = time.process_time()
        found = fit(pd.DataFrame(self.rows[:n], columns=columns), seed=self.seed, **QUICK_FIT)
        self.fit_s.append(time.process_time() - began)
        return found

    def run(
        self, test: npt.NDArray[np.int64], marks: Sequence[int]
    ) -> dict[int, tuple[float, float]]:
        """Excess log-loss and r of similarities with the truth, by number of choices."""
        cut_offs = {FIRST, *range(EVERY, marks[-1], EVERY)} if self.adaptive else set()
        waiting: dict[int, tuple[int, Posterior]] = {}
        scores = {}
        while len(self.rows) < marks[-1]:
            self.step()
            n = len(self.rows)
            if n in cut_offs or n in marks:
                posterior = self.fit(n)
                if n in marks:
                    scores[n] = self.score(posterior, test)
                waiting[n + LAG] = (n, posterior)
            if self.adaptive and n in waiting:
                used, posterior = waiting.pop(n)
                cut_off = CutOff(
                    records=used, sessions=len(self.done), trials=used, time="simulated"
                )
                judged = Counter(name for row in self.rows[:used] for name in row[1:4])
                self.snapshot = publish_snapshot([self.design], posterior, cut_off, judged)
        return scores

    def score(self, posterior: Posterior, test: npt.NDArray[np.int64]) -> tuple[float, float]:
        """Log-loss above the observer's own entropy, nats, and r over all pairs."""
        where = np.array([posterior.ids.index(name) for name in self.stimuli.ids])
        truth = self.judge.choice_probabilities(test)
        predicted = posterior.choice_probabilities(where[test], lapse=True)
        excess = -(truth * np.log(predicted)).sum(axis=1) - entropy(truth)
        x = posterior.embedding[:, where]
        similarity = np.einsum("smd,snd->mn", x, x) / len(x)
        own = self.judge.embedding @ self.judge.embedding.T
        pairs = np.triu_indices(OBJECTS, 1)
        return float(excess.mean()), float(np.corrcoef(similarity[pairs], own[pairs])[0, 1])


def run(name: str, seed: int, marks: Sequence[int]) -> dict[str, Any]:
    """Run both arms of one simulated crowd."""
    rng = np.random.default_rng([WORLDS.index(name), seed])
    stimuli, judge = world(name, rng)
    test = rng.permutation(np.array(list(combinations(range(OBJECTS), 3))))[:TEST]
    found: dict[str, Any] = {"world": name}
    for arm in ("random", "adaptive"):
        with tempfile.TemporaryDirectory() as root:
            crowd = Crowd(stimuli, judge, Path(root), seed, arm == "adaptive")
            found[arm] = crowd.run(test, marks)
            found[f"{arm}_block_s"], found[f"{arm}_fit_s"] = crowd.block_s, crowd.fit_s
            chosen = pd.concat(list(crowd.lists.values()))[list(STIMULI)]
            uses = chosen.stack().value_counts().reindex(list(stimuli.ids), fill_value=0)
            found[f"{arm}_uses"] = (uses / uses.mean()).tolist()
            same = pd.Series([tuple(sorted(row)) for row in chosen.to_numpy().tolist()])
            found[f"{arm}_distinct"] = same.nunique() / len(same)
    return found


def mean_se(values: Any, form: str) -> str:
    """Mean and its standard error over seeds."""
    array = np.array(values)
    error = array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else float("nan")
    return f"{array.mean():{form}} ± {error:{form}}"


def report(runs: list[dict[str, Any]], seeds: int, marks: Sequence[int]) -> str:
    """Lay out the document."""
    lines = [
        "| world | choices | excess log-loss, random | by snapshots | difference | "
        "r with the truth, random | by snapshots |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in WORLDS:
        mine = [run for run in runs if run["world"] == name]
        for n in marks:
            scores = np.array([[run["random"][n], run["adaptive"][n]] for run in mine])
            loss, r = scores[..., 0], scores[..., 1]
            cells = [mean_se(loss[:, 0], ".4f"), mean_se(loss[:, 1], ".4f")]
            cells += [mean_se(loss[:, 1] - loss[:, 0], ".4f")]
            cells += [mean_se(r[:, 0], ".3f"), mean_se(r[:, 1], ".3f")]
            lines.append(f"| {name} | {n:,} | " + " | ".join(cells) + " |")
    block_s = np.concatenate([run["adaptive_block_s"] for run in runs])
    fit_s = np.concatenate([run["adaptive_fit_s"] for run in runs])
    uses = np.array([run["adaptive_uses"] for run in runs])
    distinct = {
        arm: np.mean([run[f"{arm}_distinct"] for run in runs]) for arm in ("random", "adaptive")
    }
    settings = ", ".join(f"{key} {value}" for key, value in QUICK_FIT.items())
    packages = ", ".join(f"{name} {version(name)}" for name in ("twoalike", "pymc", "jax"))
    return "\n".join(
        [
            "# A crowd by snapshots and at random",
            "",
            f"`python -P benchmarks/adaptive_online.py --seeds {seeds} --choices "
            f"{marks[-1]}` ({packages}, Python {platform.python_version()}, {os.cpu_count()} "
            f"cores). {PEOPLE} simulated people who "
            f"are one observer (lapse .02), {DESIGN.trials} trials each of {OBJECTS} objects in "
            f"blocks of {DESIGN.trials_per_block}, {AT_ONCE} at a time; {seeds} seeds a world, "
            f"mean ± standard error over seeds. A fit begins at {FIRST} choices and at every "
            f"{EVERY}; its snapshot is published {LAG} choices later. A share of "
            f"{DESIGN.random_share:.0%} is random. Fits: {settings}. Excess log-loss: nats above "
            f"the observer's own entropy, in expectation on {TEST:,} triplets. r: of the "
            "similarities of all pairs.",
            "",
            *lines,
            "",
            f"Exposure after {marks[-1]:,} choices, relative to the average object: least "
            f"{uses.min():.2f}, most {uses.max():.2f}. Share of triplets that differ: "
            f"{distinct['adaptive']:.0%} (random {distinct['random']:.0%}). Processor time of a "
            f"block: {1000 * np.median(block_s):.0f} ms (median; longest "
            f"{1000 * block_s.max():.0f} ms); of a fit: {np.median(fit_s):.0f} s (longest "
            f"{fit_s.max():.0f} s).",
            "",
        ]
    )


def main() -> None:
    """Run and write benchmarks/results/adaptive_online.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--choices", type=int, default=MARKS[-1], choices=MARKS)
    given = parser.parse_args()
    marks, seeds = MARKS[: MARKS.index(given.choices) + 1], given.seeds
    text = report([run(name, n, marks) for name in WORLDS for n in range(seeds)], seeds, marks)
    less = "" if marks == MARKS else f"_{given.choices}"
    RESULTS.with_stem(RESULTS.stem + less).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
