"""Memory and time of `vi` by the number of judgments, and how well it fits a million of them.

    python -P benchmarks/scale.py [--fit]

World L: 1,854 objects, 50 sparse dimensions (shares of objects that have one vary: beta(4, 29.3),
mean .12; coordinates gamma of shape 2 and scale .6, else exponential of mean .03, times 1.15),
people with lapses (logistic normal, -2.5, .8) and temperatures (log-normal, .25).

Cost: 100,000 to 5,000,000 judgments by 12,000 people, a process each. Time of a step is the median
over chunks of the engine's own compiled loop, after a first one that compiles; a pass is as many
steps as take every judgment once. Memory is the process's peak, the table of judgments and all.

With --fit: 1,000,000 judgments by 2,000 people, as `fit --quick` takes them. Held-out log-loss is
of the 2 % that `vi` keeps out, for the people who judged; the truth's is of the same judgments.

Finished parts are kept in derived/scale/ and not run again. Tables and the figure go to
benchmarks/results/scale.md and scale.svg.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import log_choice

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "scale"
RESULTS = ROOT / "benchmarks" / "results"
OBJECTS, DIMENSIONS = 1854, 50
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 5_000_000)
CHUNKS = 12
ROWS = 200_000  # judgments simulated at a time


class World:
    """Truth and its judgments."""

    def __init__(self, judgments: int, people: int) -> None:
        rng = np.random.default_rng(0)
        share = rng.beta(4.0, 4.0 / 0.12 - 4.0, DIMENSIONS)
        there = rng.random((OBJECTS, DIMENSIONS)) < share
        large = rng.gamma(2.0, 0.6, there.shape)
        self.embedding = 1.15 * np.where(there, large, rng.exponential(0.03, there.shape))
        self.lapse = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, people)))
        log_temperature = rng.normal(0.0, 0.25, people)
        self.temperature = np.exp(log_temperature - log_temperature.mean())
        self.shown = rng.integers(0, OBJECTS, (judgments, 3), dtype=np.int32)
        while (wrong := self._doubled()).any():
            self.shown[wrong] = rng.integers(0, OBJECTS, (int(wrong.sum()), 3))
        self.judge = rng.integers(0, people, judgments)
        self.log_p = np.concatenate([self._logs(k) for k in range(0, judgments, ROWS)])
        self.chosen = 1 + np.argmax(self.log_p + rng.gumbel(size=self.log_p.shape), axis=1)

    def _doubled(self) -> np.ndarray:
        first, second, third = self.shown.T
        return (first == second) | (first == third) | (second == third)

    def _logs(self, start: int) -> np.ndarray:
        rows = slice(start, start + ROWS)
        a, b, c = (self.embedding[self.shown[rows, k]] for k in range(3))
        pairs = ((a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1))
        who = self.judge[rows]
        found = log_choice(pairs, self.temperature[who], self.lapse[who])
        return np.stack(found, axis=1).astype(np.float32)

    def choices(self) -> pd.DataFrame:
        """Judgments as a table."""
        from twoalike.judgments import choices_table

        columns: dict[str, Any] = {f"item_{k + 1}": self.shown[:, k] for k in range(3)}
        columns["chosen"] = self.chosen
        columns["participant"] = np.char.add("person-", self.judge.astype(str))
        return choices_table(columns, [f"object-{index:04d}" for index in range(OBJECTS)])


def cost(judgments: int) -> dict[str, float]:
    """Time of a pass and peak memory; to be called in a process of its own."""
    import jax
    import optax

    from twoalike.embedding import FitConfig
    from twoalike.embedding import _vi as vi
    from twoalike.embedding._model import Data, Form
    from twoalike.embedding._vi import begin, jax_density

    data = Data.from_tables({"choices": World(judgments, 12_000).choices()})
    config = FitConfig(engine="vi")
    plan = vi.plan_steps(config, judgments, OBJECTS)
    with jax.enable_x64(False):  # as fit_vi has it; PyMC turns it on
        form = Form(DIMENSIONS, "softplus")
        start = form.start(OBJECTS, np.random.default_rng(0))
        rows = vi.rows_a_step(data, plan.batch)
        family = vi.Family.of(jax_density(data, form, [start], rows))
        optimiser = optax.adam(1e-3)
        many = vi.many_steps(family, data, config, plan, optimiser)
        fit, key = begin(family, family.density.starts[0], optimiser), jax.random.key(0)
        judged = vi.columns_of(data)
        q, state, _ = jax.block_until_ready(many(fit.q, fit.state, key, 0, judged))  # compiles
        seconds = []
        for chunk in range(1, 1 + CHUNKS):
            start = time.monotonic()
            q, state, _ = jax.block_until_ready(many(q, state, key, chunk * vi.CHUNK, judged))
            seconds.append((time.monotonic() - start) / vi.CHUNK)
    step = float(np.median(seconds))
    return {
        "judgments": judgments,
        "step_ms": 1000 * step,
        "pass_s": step * judgments / plan.batch,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def million() -> dict[str, float]:
    """Fit a million judgments as the command does, and score what it held out."""
    from twoalike.embedding import FitConfig, fit_embedding

    world = World(1_000_000, 2_000)
    choices = world.choices()
    start, wall = time.process_time(), time.monotonic()
    posterior = fit_embedding(choices, config=FitConfig(engine="vi", quick=True))
    held = posterior.attrs["held_out"]
    # The split is the fit's own: the same generator gives its rows.
    rng = np.random.default_rng([0, 2])
    rows = rng.choice(len(choices), size=held["judgments"], replace=False)
    truth = -world.log_p[rows, world.chosen[rows] - 1].mean()
    return {
        "log_loss": held["log_loss"],
        "log_loss_se": held["log_loss_se"],
        "truth": float(truth),
        "cpu_s": time.process_time() - start,
        "wall_s": time.monotonic() - wall,
        "kept": posterior.attrs["dimensions"]["kept"],
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def apart(part: int) -> dict[str, float]:
    """Run a part of this script in a process of its own, unless it was done."""
    told = WORK / f"{part}.json"
    if not told.exists():
        full = [sys.executable, "-P", __file__, "--one", str(part)]
        done = subprocess.run(full, check=True, stdout=subprocess.PIPE, text=True)
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(done.stdout.splitlines()[-1])
    found: dict[str, float] = json.loads(told.read_text())
    print(part, found, flush=True)
    return found


def draw(found: list[dict[str, float]]) -> None:
    """Draw time of a pass and peak memory by judgments."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    millions = [each["judgments"] / 1e6 for each in found]
    for axes, name, label in (
        (left, "pass_s", "seconds a pass"),
        (right, "peak_gib", "peak memory (GiB)"),
    ):
        axes.plot(millions, [each[name] for each in found], "o-", color="#1f4e79")
        axes.set(xlabel="judgments (millions)", ylabel=label, ylim=(0, None), xlim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "scale.svg", metadata={"Date": None})


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fit", action="store_true", help="also fit a million judgments")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(million() if options.one == 0 else cost(options.one)))
        return
    found = [apart(size) for size in SIZES]
    draw(found)
    lines = [
        "# Scale of `vi`",
        "",
        f"`python -P benchmarks/scale.py{' --fit' if options.fit else ''}` (twoalike "
        f"{version('twoalike')}, jax {version('jax')}, Python {platform.python_version()}; two "
        "cores, shared; one of the fits of `vi`).",
        "",
        f"{OBJECTS:,} objects, {DIMENSIONS} dimensions, 12,000 people; a step sees all judgments "
        "where their similarities are cheaper as a matrix and they are at most 150,000, else 4,000 "
        "to 10,000.",
        "",
        "| judgments | step | pass | peak memory |",
        "|---|---|---|---|",
        *(
            f"| {each['judgments']:,} | {each['step_ms']:.1f} ms | {each['pass_s']:.2f} s "
            f"| {each['peak_gib']:.2f} GiB |"
            for each in found
        ),
        "",
        "![time of a pass and peak memory by judgments](scale.svg)",
        "",
    ]
    if options.fit:
        one = apart(0)
        lines += [
            f"A million judgments by 2,000 people, without a pilot (two fits): held-out log-loss "
            f"{one['log_loss']:.4f} ± {one['log_loss_se']:.4f}, that of the truth on the same "
            f"judgments {one['truth']:.4f}, a difference of "
            f"{one['log_loss'] - one['truth']:.4f}; {one['kept']} dimensions kept, "
            f"{one['cpu_s']:.0f} s of processor time in {one['wall_s']:.0f} s, "
            f"peak memory {one['peak_gib']:.2f} GiB.",
            "",
        ]
    text = "\n".join(lines)
    (RESULTS / "scale.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
