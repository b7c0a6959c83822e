"""How long choosing questions takes, and whether answers wait while the background fit runs.

    python -P benchmarks/adaptive_speed.py [--objects 300] [--answers 20000] [--people 40]
        [--seconds 40]

Choosing: one simulated observer (six sparse dimensions, lapse .02) answers random triplets; the fit
and the snapshot are those of `online refit`. Blocks are chosen by that snapshot for people who have
answered nothing yet: of one trial, and of twenty for fifty people one after the other. What a block
would tell is its mutual information with the embedding in the Gaussian picture, against candidates
drawn four, 16 and 64 a trial and all of the pool. Answers: a server on the loopback with an
adaptive study of 32 words, whose people send a record about every two seconds, with `online refit
--every 1` beside it, and alone while that is stopped, by turns, in one run (not with `--people 0`).
The clients share the cores with the server and with the fit. The table goes to
benchmarks/results/adaptive_speed.md.
"""

import argparse
import asyncio
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.online import SERVE, Connection, free_port, start
from tests.online.server_study import choice, compiled_study, end, note, record

from twoalike.design import adaptive_trials
from twoalike.design._adaptive import NOISE_FLOOR, _predict
from twoalike.embedding import fit
from twoalike.observers import SimulatedObserver
from twoalike.online import QUICK_FIT, CutOff, build_online, publish_snapshot, read_built
from twoalike.online._snapshots import read_snapshot, snapshot_folder
from twoalike.planning import AdaptiveDesign
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, StudyConfig

RESULTS = Path(__file__).resolve().parent / "results" / "adaptive_speed.md"
PEOPLE, BLOCK, WIDTHS, PAUSE_S, TURNS = 50, 20, (4, 16, 64, None), 2.0, 2
PLAIN: Any = {"practice": 0, "practice_checks": 0, "catch": 0}


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Do it: result, processor seconds, seconds."""
    cpu, clock = time.process_time(), time.monotonic()
    return work(), time.process_time() - cpu, time.monotonic() - clock


def told(answers: Any, trials: np.ndarray) -> float:
    """Mutual information of the answers to a block with the embedding, Gaussian, nats."""
    _, deviations = _predict(answers, trials)
    axes = deviations.shape[1]
    rows = deviations.reshape(-1, deviations.shape[2]).astype(np.float64)
    shared = rows @ rows.T
    own = np.kron(np.eye(len(trials)), np.ones((axes, axes))) * shared
    noise = (1 + NOISE_FLOOR) * np.eye(len(shared)) - own
    return float(0.5 * (np.linalg.slogdet(noise + shared)[1] - np.linalg.slogdet(noise)[1]))


def choosing(root: Path, objects: int, answers: int) -> list[str]:
    """Lines of the table of times, and of what blocks tell."""
    rng = np.random.default_rng(0)
    names = [f"o{at:03d}" for at in range(objects)]
    rows = [(name, f"{name}.png", "0" * 64) for name in names]
    table = pd.DataFrame(rows, columns=["id", "file", "sha256"], dtype=str)
    there = rng.random((objects, 6)) < 0.35
    large, small = rng.gamma(2.0, 0.6, there.shape), rng.exponential(0.03, there.shape)
    judge = SimulatedObserver(tuple(names), 1.15 * np.where(there, large, small), lapse=0.02)
    asked = np.array([rng.choice(objects, 3, replace=False) for _ in range(answers)])
    p = judge.choice_probabilities(asked).cumsum(axis=1)
    given = 1 + (rng.random((answers, 1)) * p[:, -1:] > p).sum(axis=1)
    ids = np.array(names)[asked]
    shown: dict[str, Any] = {f"item_{k + 1}": ids[:, k] for k in range(3)}
    choices = pd.DataFrame({"participant": "01", **shown, "chosen": given})
    posterior, *fitted = timed(lambda: fit(choices=choices, seed=1, **QUICK_FIT))

    def designed(n: int) -> AdaptiveDesign:
        config = DesignConfig(sampler="adaptive", trials=BLOCK, trials_per_block=n, **PLAIN)
        study = Study(root, StudyConfig(title="speed", seed=1, design=config))
        return AdaptiveDesign(study, StimulusSet(Path("nowhere"), table), find_task("odd-one-out"))

    cut_off = CutOff(records=answers, sessions=1, trials=answers, time="simulated")
    judged = Counter(ids.ravel().tolist())
    _, *made = timed(lambda: publish_snapshot([designed(1)], posterior, cut_off, judged))
    path = snapshot_folder(designed(1).study) / "0001"
    snapshot, *read = timed(lambda: read_snapshot(path))
    one, many = designed(1), designed(BLOCK)
    singles = [
        timed(lambda who=who: one.block(snapshot.scored(one), f"{who:02d}", 1, 1, None))[1:]
        for who in range(PEOPLE)
    ]
    _, *batch = timed(
        lambda: [many.block(snapshot.scored(many), f"{n:02d}", 1, 1, None) for n in range(PEOPLE)]
    )
    single = np.median(singles, axis=0), np.max(singles, axis=0)
    times = {
        f"fit of {answers:,} answers (in the background)": fitted,
        f"scoring {len(snapshot.arrays['oddoneout_trials']):,} trials (in the background)": made,
        "reading a new snapshot (once)": read,
        "next question, median": single[0],
        "next question, longest": single[1],
        f"blocks of {BLOCK} for {PEOPLE} people": batch,
    }
    lines = ["| what | processor s | s |", "|---|---|---|"]
    lines += [f"| {what} | {cpu:.3f} | {clock:.3f} |" for what, (cpu, clock) in times.items()]
    lines += ["", "| candidates a trial | nats of a block | share of the best | shared by two |"]
    lines += ["|---|---|---|---|"]
    scored = snapshot.scored(many)
    found = {width: blocks(replace(scored, width=width), objects) for width in WIDTHS}
    for width, (nats, shared) in found.items():
        of_best = nats / found[None][0]
        lines.append(f"| {width or 'all'} | {nats:.2f} | {of_best:.0%} | {shared:.0%} |")
    return lines


def blocks(scored: Any, objects: int) -> tuple[float, float]:
    """Nats of a block, and share of its trials that another person's block has too."""
    none, nats, sets = np.empty((0, 3), dtype=np.int64), [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        pool = scored.candidates(BLOCK, none, rng)
        more: Any = {"rng": rng, "random_share": 0.0, "candidates": pool}
        chosen = adaptive_trials(scored.answers, objects, BLOCK, **more).trials
        nats.append(told(scored.answers, chosen))
        sets.append({tuple(row) for row in chosen.tolist()})
    pairs = [len(a & b) / BLOCK for at, a in enumerate(sets) for b in sets[:at]]
    return float(np.mean(nats)), float(np.mean(pairs))


class Person:
    """Enters, asks for blocks and sends records, one about every two seconds."""

    def __init__(self, port: int, number: int, protocol: str) -> None:
        self._connection, self._number, self._protocol = Connection(port), number, protocol
        self._at = self._n = 0
        self.times: dict[str, list[float]] = {"records": [], "block": []}

    async def enter(self) -> None:
        """Connect and enter."""
        await self._connection.open()
        external = {"PROLIFIC_PID": f"p{self._number}"}
        self._entered = await self._connection.post("/api/enter", {"external": external})
        self._steps = self._entered["person"]["parts"][0]["steps"]

    async def _post(self, what: str, content: Any) -> Any:
        begun = time.monotonic()
        answer = await self._connection.post(f"/api/{what}", content, self._entered["token"])
        self.times[what].append(time.monotonic() - begun)
        return answer

    async def go(self, seconds: float, late: float) -> dict[str, list[float]]:
        """Take part for so long, from so late on; seconds of each answer."""
        self.times = {"records": [], "block": []}
        until = time.monotonic() + seconds
        await asyncio.sleep(late)
        await self._connection.open()  # the server closes one that was idle
        while time.monotonic() < until and self._at < len(self._steps):
            begun, step = time.monotonic(), self._steps[self._at]
            if step["kind"] == "block":
                made = await self._post("block", {"part": 0, "block": step["block"]})
                self._steps[self._at : self._at + 1] = made["steps"]
                continue
            items = [note()]
            if step["kind"] == "trial":
                trial = step["trial"]
                items = [choice(trial["trial_index"], trial["positions"][trial["trial_index"] % 3])]
            if self._at == len(self._steps) - 1:
                items.append(end())
            self._n += 1
            sent = record(self._entered["session"], self._n, 0, self._at, *items)
            await self._post("records", [sent | {"protocol": self._protocol}])
            self._at += 1
            await asyncio.sleep(max(0.0, PAUSE_S - (time.monotonic() - begun)))
        return self.times


def serving(folder: Path, people: int, seconds: float) -> list[str]:
    """Lines of the table of answers, alone and beside the fit."""
    study = compiled_study(folder, 1, 10)
    lines = ['title = "Words"', "seed = 1", "[exclusion]", "catch_accuracy = 0", "[design]"]
    lines += ['sampler = "adaptive"', "trials = 400", "catch = 0", f"trials_per_block = {BLOCK}"]
    (study / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    build_online(study, people, task="odd-one-out")
    port = free_port()
    server = start(SERVE, study, port)
    protocol = read_built(study).session.hash
    found: dict[str, dict[str, list[float]]] = {
        name: {"records": [], "block": []} for name in ("alone", "beside the fit")
    }
    command = [sys.executable, "-P", "-m", "twoalike.cli.app", "online", "refit", str(study)]

    async def run() -> None:
        everybody = [Person(port, number, protocol) for number in range(people)]
        await asyncio.gather(*(one.enter() for one in everybody))

        def turn(seconds: float, within: float) -> list[Any]:
            late = np.linspace(0.0, within, people, endpoint=False)
            return [one.go(within + seconds, at) for one, at in zip(everybody, late, strict=True)]

        # Until there is enough to fit; from then on blocks end at all times, and not all at once.
        await asyncio.gather(*turn(seconds, PAUSE_S * BLOCK))
        for name in ("beside the fit", "alone") * TURNS:
            fitting.send_signal(signal.SIGSTOP if name == "alone" else signal.SIGCONT)
            for times in await asyncio.gather(*turn(seconds, PAUSE_S)):
                for kind, own in times.items():
                    found[name][kind] += own

    fitting = subprocess.Popen([*command, "--every", "1"], stdout=subprocess.DEVNULL)
    try:
        asyncio.run(run())
    finally:
        fitting.kill()
        fitting.wait()
        server.send_signal(2)
        server.wait()
    numbers = [int(path.name) for path in (study / "derived" / "snapshots").glob("[0-9]*")]
    lines = ["| answers to | fit | number | median, ms | 99 %, ms | longest, ms |"]
    lines += ["|---|---|---|---|---|---|"]
    for kind in ("records", "block"):
        for name, times in found.items():
            ms = sorted(1000 * one for one in times[kind])
            middle, late = statistics.median(ms), ms[int(0.99 * len(ms))]
            cells = f"{len(ms)} | {middle:.0f} | {late:.0f} | {ms[-1]:.0f}"
            lines.append(f"| {kind} | {name} | {cells} |")
    return [*lines, "", f"Snapshots published meanwhile: {max(numbers, default=0)}."]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=300)
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        served = []
        if given.people:
            served = [
                "",
                f"{given.people} people at once with a record about every {PAUSE_S:g} s and blocks "
                f"of {BLOCK}, {TURNS} turns of {given.seconds:g} s each, by turns:",
                "",
                *serving(Path(folder) / "served", given.people, given.seconds),
            ]
        chosen = choosing(Path(folder), given.objects, given.answers)
    lines = [
        "# Choosing questions, and answers beside the background fit",
        "",
        f"`python -P benchmarks/adaptive_speed.py --objects {given.objects} --answers "
        f"{given.answers} --people {given.people} --seconds {given.seconds:g}` (twoalike "
        f"{version('twoalike')}, numpy {version('numpy')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores shared with other work; load average at the end "
        f"{os.getloadavg()[0]:.1f}).",
        "",
        f"{given.objects} objects, {given.answers:,} answers:",
        "",
        *chosen,
        *served,
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
