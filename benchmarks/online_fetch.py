"""How long it takes to turn a study that ran in browsers into raw data.

    python -P benchmarks/online_fetch.py [--sessions 1000] [--trials 300]

Each session of the archive answers its participant's own trials at random. Timed are the first
fetch, which writes everything, and the second one, which compares everything; on a machine that
does other work too, processor time (of all processes) says more than the clock.
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.online import OnlineStudy, build_online, fetch
from twoalike.online._records import PageStep, TrialStep
from twoalike.planning import create_study

RESULTS = Path(__file__).parent / "results" / "online_fetch.md"
DEVICE = {
    "browser": "chrome",
    "browser_version": "126.0",
    "system": "windows",
    "mobile": False,
    "window_px": [1280, 800],
    "pixel_ratio": 1.0,
    "refresh_hz": 60.0,
    "fullscreen": True,
    "touch": False,
    "px_per_cm": None,
    "distance_cm": None,
}


def study_of(root: Path, n_trials: int) -> Path:
    """Make a study of creatures with so many trials."""
    create_study(root, seed=7)
    (root / "study.toml").write_text(
        f'title = "Benchmark"\nseed = 7\n[design]\ntrials = {n_trials}\npractice = 0\n'
    )
    (root / "protocols" / "odd_one_out.toml").write_text("schema_version = 1\n")
    return root


def records_of(built: OnlineStudy, code: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the records of a session, answered at random; three seconds a trial."""
    (part,) = built.person(code).parts
    head = {"session": f"s-{code}", "protocol": built.session.hash, "part": 0}
    now = 0.0
    for n, step in enumerate(part.steps, start=1):
        items: list[dict[str, Any]] = []
        if n == 1:
            items.append({"kind": "segment", "time": 0.0, "device": DEVICE})
        if isinstance(step, PageStep):
            now += 2.0
            items.append({"kind": "note", "event": step.name, "time": now, "detail": {}})
        if isinstance(step, TrialStep):
            index, taken = step.trial.trial_index, float(rng.uniform(0.5, 2.5))
            shown = {"trial_index": index}
            items.append({"kind": "note", "event": "trial_shown", "time": now, "detail": shown})
            place = step.trial.positions[int(rng.integers(3))]
            answer = {"position": place, "method": "mouse", "response_time": taken, "key": None}
            items.append(
                {
                    "kind": "choice",
                    "trial_index": index,
                    "onset": now,
                    "answer": answer,
                    "early": 0,
                    "dropped": 0,
                    "flag": None,
                    "planned_onset": now,
                }
            )
            now += 3.0
        if n == len(part.steps):
            items.append({"kind": "end", "time": now, "reason": "completed"})
        yield {**head, "n": n, "step": n - 1, "items": items}


def write_archive(built: OnlineStudy, path: Path) -> None:
    """Write an archive with a session of each participant."""
    with path.open("w", encoding="utf-8") as file:
        for number, code in enumerate(built.session.participants):
            head = {"kind": "session", "session": f"s-{code}", "participant": code}
            head |= {"protocol": built.session.hash, "ended": "completed"}
            rng = np.random.default_rng([7, number])
            for line in (head, *records_of(built, code, rng)):
                file.write(json.dumps(line) + "\n")


def _processor_time() -> float:
    """Of this process and of those that it waited for, s."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def fetch_line(n_sessions: int, n_trials: int) -> str:
    """Time both fetches; return a row of a table."""
    with tempfile.TemporaryDirectory() as folder:
        root = study_of(Path(folder) / "study", n_trials)
        built = build_online(root, n_sessions)
        archive = Path(folder) / "archive.ndjson"
        write_archive(built, archive)
        times = []
        for _ in range(2):
            start, before = time.perf_counter(), _processor_time()
            found = fetch(root, archive)
            taken = _processor_time() - before
            times.append(
                f"{time.perf_counter() - start:.1f} s | {taken:.1f} s | {taken / n_sessions:.3f} s"
            )
            assert not found.problems, found.problems[0]
        assert found.n_unchanged == n_sessions
        size = archive.stat().st_size / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return (
        f"| {n_sessions} sessions of {n_trials} trials, {size:.0f} MiB of records | "
        f"{times[0]} | {times[1]} | {most:.0f} MiB |"
    )


def main() -> None:
    """Write a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=300)
    options = parser.parse_args()
    line = fetch_line(options.sessions, options.trials)
    lines = [
        "# Sessions of a browser made raw data",
        "",
        "Made by `python -P benchmarks/online_fetch.py "
        f"--sessions {options.sessions} --trials {options.trials}`: simulated sessions of the "
        "odd-one-out task, fetched from a file, and fetched again, which compares all of them. "
        "Processor time is that of all processes, start included; the first fetch has one a core.",
        f"{os.cpu_count()} cores, load average when the table was written: "
        f"{os.getloadavg()[0]:.1f}. Python {platform.python_version()}.",
        "",
        "| archive | fetched | processor time | a session | again | processor time | a session | "
        "memory |",
        "|---|---|---|---|---|---|---|---|",
        line,
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
