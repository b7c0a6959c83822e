"""How exactly timed images and masks are shown: ``python -P benchmarks/timed.py`` (7 minutes).

A session of 1,000 trials by the real command in a window of a virtual screen (Xvfb), with key
presses of the X server. Xvfb has no refresh: the computer's clock paces 60 frames a second
(``pace_hz`` of the screen's profile). What is measured is thus what program and system add to a
screen, not the screen. A process on each core, above all others, notes when the machine itself
stands still, as virtual machines do. A second, short session is disturbed on purpose.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.display import virtual_display
from twoalike.record import read_run
from twoalike.stimuli import draw_familiar

RESULTS = Path(__file__).parent / "results" / "timed.md"
HZ = 60.0
N_TRIALS, N_DISTURBED = 1000, 60
PRESENTATION_MS, MASK_MS = 100, 100
PRESS_S = 0.07
"""Between two key presses; those before the images are gone are ignored."""
PAGE_KEY_EVERY = 10
"""Presses of which one turns pages."""
WATCH_S, STALL_S = 0.001, 0.006
"""How often the watching processes wake up, and from which gap on they report it."""
BUSY_S, BUSY_SHARE = 0.025, 0.05
"""Busy loop before a frame of the disturbed session, and the share of frames that have one."""
PROTOCOL = f"""
[timing]
fixation_s = 0.05
presentation_ms = {PRESENTATION_MS}
mask = "scrambled"
mask_ms = {MASK_MS}
answers_from = "offset"
feedback_s = 0
[pages]
page_s = 0
instruction_s = 0
[breaks]
break_every = 100000
ready_s = 0
"""


def raise_priority(level: int = 10) -> str:
    """Put this process and its children before others, where the system lets us; say whether."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(level))
    except (AttributeError, PermissionError):
        return "at ordinary priority"
    return "before which session and X server had priority (SCHED_FIFO)"


def make_study(root: Path, n_trials: int) -> None:
    """Write a study of familiar things."""
    (root / "protocols").mkdir(parents=True)
    (root / "study.toml").write_text(
        f'title = "Timed"\nseed = 1\n[design]\ntrials = {n_trials}\npractice = 0\n'
        "catch = 0\nrepeats = 0\n"
    )
    (root / "protocols" / "odd_one_out.toml").write_text(PROTOCOL)
    draw_familiar(root / "stimuli")


def run(root: Path, notes: Path, *, disturb: bool) -> None:
    """Run the session in this process; note when it began and each frame that is disturbed."""
    from twoalike.display import WindowScreen
    from twoalike.sitting import sit

    rng, show = np.random.default_rng(1), WindowScreen.show
    begun, late = list[float](), list[float]()

    def noted(screen: WindowScreen, scene: object) -> object:
        begun[:] = begun or [time.perf_counter() - screen.now()]
        chosen = disturb and rng.random() < BUSY_SHARE
        end = time.perf_counter() + BUSY_S
        while chosen and time.perf_counter() < end:
            pass
        shown = show(screen, scene)  # type: ignore[arg-type]
        if chosen:
            late.append(shown.time)
        return shown

    WindowScreen.show = noted  # type: ignore[assignment, method-assign]
    sit(root, participant="001", task="odd-one-out", panel=False)
    notes.write_text(json.dumps({"begun": begun[0], "late": late}))


def watch(core: int) -> None:
    """Print when this core ran nothing for longer than ``STALL_S``: from and to, s."""
    os.sched_setaffinity(0, {core})
    raise_priority(20)
    last = time.perf_counter()
    while True:
        time.sleep(WATCH_S)
        now = time.perf_counter()
        if now - last > STALL_S:
            print(last, now, flush=True)
        last = now


@contextmanager
def watched() -> Iterator[list[tuple[float, float]]]:
    """Collect, at the end of the block, when all cores stood still at once: from and to, s."""
    cores = sorted(os.sched_getaffinity(0))
    watchers = [
        subprocess.Popen(
            [sys.executable, "-P", __file__, "--watch", str(core)], stdout=subprocess.PIPE
        )
        for core in cores
    ]
    stalls: list[tuple[float, float]] = []
    try:
        yield stalls
    finally:
        for watcher in watchers:
            watcher.terminate()
        of_cores = [
            np.array(watcher.communicate()[0].split(), float).reshape(-1, 2) for watcher in watchers
        ]
        for start, end in of_cores[0]:
            for others in of_cores[1:]:
                both = others[(others[:, 0] < end) & (others[:, 1] > start)]
                start, end = (  # noqa: PLW2901
                    (max(start, both[0, 0]), min(end, both[0, 1])) if len(both) else (end, end)
                )
            if end - start > STALL_S:
                stalls.append((start, end))


def press_until(process: subprocess.Popen[bytes]) -> None:
    """Press keys again and again, as the X server reports them: an answer, or a page's key."""
    from Xlib import XK, X
    from Xlib.display import Display
    from Xlib.ext import xtest

    display = Display()
    codes = [display.keysym_to_keycode(XK.string_to_keysym(key)) for key in ("1", "space")]
    for number in count():
        if process.poll() is not None:
            return
        code = codes[number % PAGE_KEY_EVERY == 0]
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(display, kind, code)
            display.sync()
        time.sleep(PRESS_S)


@dataclass(frozen=True)
class Session:
    """What a session measured, and what the machine did meanwhile; times on the run's clock, s."""

    rows: pd.DataFrame
    late: list[float]
    """Frames that were disturbed on purpose."""
    stalls: list[tuple[float, float]]
    """When the machine stood still: from and to."""
    load: float


def session(folder: Path, n_trials: int, *, disturb: bool = False) -> Session:
    """Run a session."""
    root, profile = folder / f"study{n_trials}", folder / "screen.toml"
    make_study(root, n_trials)
    profile.write_text(f"pace_hz = {HZ}\n")
    kind, notes = "--disturbed" if disturb else "--child", folder / f"notes{n_trials}.json"
    words = [sys.executable, "-P", __file__, kind, str(root), str(notes)]
    loads: list[float] = []
    with virtual_display((1024, 768)), watched() as stalls:
        process = subprocess.Popen(words, env={**os.environ, "TWOALIKE_SCREEN": str(profile)})
        hands = threading.Thread(target=press_until, args=(process,))
        hands.start()
        while process.poll() is None:
            loads.append(os.getloadavg()[0])
            time.sleep(5)
        hands.join()
    if process.returncode:
        raise RuntimeError(f"the session ended with {process.returncode}")
    (table,) = (root / "data" / "raw").rglob("*_beh.tsv")
    noted = json.loads(notes.read_text())
    moved = [(start - noted["begun"], end - noted["begun"]) for start, end in stalls]
    return Session(read_run(table).rows, noted["late"], moved, float(np.mean(loads)))


def deviations(rows: pd.DataFrame, what: str, planned: str) -> np.ndarray:
    """Measured minus planned durations, one a trial, s: all images of a trial share theirs."""
    measured = rows[f"{what}_duration_1"].to_numpy(float)
    return np.asarray(measured - rows[planned].to_numpy(float))


def figures(name: str, values: np.ndarray) -> str:
    """Write a line of the table, in milliseconds."""
    ms, frame = 1000 * values, 1000 / HZ
    spread = " | ".join(
        f"{value:+.2f}" for value in (np.median(ms), *np.quantile(ms, [0.01, 0.99]), ms.min())
    )
    half, whole = (int((abs(ms) > frames * frame).sum()) for frames in (0.5, 1.0))
    return f"| {name} | {spread} | {ms.max():+.2f} | {ms.std():.2f} | {half} | {whole} |"


def off(rows: pd.DataFrame, frames: float = 0.5) -> np.ndarray:
    """Whether an image or a mask of a trial was off by more than so many frames."""
    pairs = (("image", "presentation_planned"), ("mask", "mask_planned"))
    return np.any([abs(deviations(rows, *pair)) > frames / HZ for pair in pairs], axis=0)


def stall_line(measured: Session) -> str:
    """Say how often the machine stood still, and which trials that struck."""
    rows, lengths = measured.rows, [1000 * (end - start) for start, end in measured.stalls]
    if not lengths:
        return f"The machine itself never stood still for longer than {1000 * STALL_S:g} ms."
    onsets = rows["onset"].to_numpy(float)
    ends = rows[["mask_onset_1", "mask_duration_1"]].sum(axis=1).to_numpy(float)
    struck = np.any([(start < ends) & (end > onsets) for start, end in measured.stalls], axis=0)
    return (
        f"The machine itself stood still {len(lengths)} times for longer than "
        f"{1000 * STALL_S:g} ms, for {max(lengths):.0f} ms at most: a process on each of its "
        "cores, above all others, did not wake up. Of the trials off by more than half a frame, "
        f"such a moment struck {int((off(rows) & struck).sum())}; of those by more than one, "
        f"{int((off(rows, 1.0) & struck).sum())} of {int(off(rows, 1.0).sum())}."
    )


def disturbed_lines(rows: pd.DataFrame, late: list[float]) -> list[str]:
    """Say what became of the frames that were disturbed on purpose."""
    ends = rows[["mask_onset_1", "mask_duration_1"]].sum(axis=1).to_numpy(float)
    onsets, flagged = rows["onset"].to_numpy(float), rows["timing_flag"].notna().to_numpy()
    # A disturbed frame counts from the one after the onset on to the one that ends the masks.
    hit = [
        [onset + 0.5 / HZ < time < end + 0.5 / HZ for time in late]
        for onset, end in zip(onsets, ends, strict=True)
    ]
    struck = np.any(hit, axis=1)
    dropped = rows["dropped_frames"].to_numpy(int)
    return [
        f"Disturbed on purpose ({N_DISTURBED} trials, a busy loop of {1000 * BUSY_S:g} ms before "
        f"{BUSY_SHARE:.0%} of the frames): {int(np.sum(hit))} frames of images and masks were "
        f"disturbed, in {int(struck.sum())} trials; {int((dropped[struck] > 0).sum())} of these "
        f"trials report late frames (`dropped_frames`). The durations of {int(off(rows).sum())} "
        f"trials were off by more than half a frame; {int((off(rows) & flagged).sum())} of them "
        f"are flagged (`timing_flag`), and {int((~off(rows) & flagged).sum())} of the others. In "
        "the rest the swap was brought forward by the frames that had been lost, so that the "
        "duration held."
    ]


def main() -> None:
    """Measure, print and write benchmarks/results/timed.md."""
    if sys.argv[1:2] == ["--watch"]:
        watch(int(sys.argv[2]))
    if sys.argv[1:]:
        run(Path(sys.argv[2]), Path(sys.argv[3]), disturb=sys.argv[1] == "--disturbed")
        return
    priority = raise_priority()
    with tempfile.TemporaryDirectory() as name:
        measured = session(Path(name), N_TRIALS)
        disturbed = session(Path(name), N_DISTURBED, disturb=True)
    rows = measured.rows
    flagged = rows["timing_flag"].notna().to_numpy()
    lines = [
        "# Timed presentation",
        "",
        f"`python -P benchmarks/timed.py` ({len(rows)} trials by the real command, key presses of "
        f"the X server; images for {PRESENTATION_MS} ms, then phase-scrambled masks for {MASK_MS} "
        f"ms, {HZ:g} Hz; {platform.system()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, mean load {measured.load:.1f} by other work, {priority}). A "
        "virtual screen (Xvfb, software renderer) has no refresh, so the computer's clock paced "
        "the frames: this is what program and system add, without a screen's own errors. Measured "
        "minus planned, milliseconds; the last columns are numbers of trials.",
        "",
        "| what | median | 1 % | 99 % | shortest | longest | sd | off by > ½ frame | > 1 frame |",
        "|---|---|---|---|---|---|---|---|---|",
        figures("images", deviations(rows, "image", "presentation_planned")),
        figures("masks", deviations(rows, "mask", "mask_planned")),
        "",
        f"Trials with a duration off by more than half a frame: {int(off(rows).sum())} "
        f"({off(rows).mean():.1%}); flagged: {int((off(rows) & flagged).sum())}. Trials with late "
        f"frames: {int((rows['dropped_frames'] > 0).sum())}.",
        "",
        stall_line(measured),
        "",
        *disturbed_lines(disturbed.rows, disturbed.late),
        "",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
