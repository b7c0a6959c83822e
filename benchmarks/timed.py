"""How exactly timed images and masks are shown: ``python -P benchmarks/timed.py`` (7 minutes).

A session of 1,000 trials by the real command in a window of a virtual screen (Xvfb), with key
presses of the X server. Xvfb has no refresh: the computer's clock paces 60 frames a second
(``pace_hz`` of the screen's profile). What is measured is thus what program and system add to a
screen, not the screen. A second, short session is disturbed on purpose.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
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


def raise_priority() -> str:
    """Put this process and its children before others, where the system lets us; say whether."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
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


def run(root: Path, busy: Path | None) -> None:
    """Run the session in this process; note each frame that is disturbed in ``busy``."""
    from twoalike.display import WindowScreen
    from twoalike.sitting import sit

    if busy is not None:
        rng, show, late = np.random.default_rng(1), WindowScreen.show, []

        def disturbed(screen: WindowScreen, scene: object) -> object:
            chosen = rng.random() < BUSY_SHARE
            end = time.perf_counter() + BUSY_S
            while chosen and time.perf_counter() < end:
                pass
            shown = show(screen, scene)  # type: ignore[arg-type]
            if chosen:
                late.append(shown.time)
            return shown

        WindowScreen.show = disturbed  # type: ignore[assignment, method-assign]
    sit(root, participant="001", task="odd-one-out", panel=False)
    if busy is not None:
        busy.write_text(json.dumps(late))


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


def session(folder: Path, n_trials: int, busy: Path | None = None) -> tuple[pd.DataFrame, float]:
    """Rows of a session, and the load of the machine meanwhile."""
    root, profile = folder / f"study{n_trials}", folder / "screen.toml"
    make_study(root, n_trials)
    profile.write_text(f"pace_hz = {HZ}\n")
    words = [sys.executable, "-P", __file__, "--child", str(root), *([str(busy)] if busy else [])]
    loads: list[float] = []
    with virtual_display((1024, 768)):
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
    return read_run(table).rows, float(np.mean(loads))


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


def off(rows: pd.DataFrame) -> np.ndarray:
    """Whether an image or a mask of a trial was off by more than half a frame."""
    pairs = (("image", "presentation_planned"), ("mask", "mask_planned"))
    return np.any([abs(deviations(rows, *pair)) > 0.5 / HZ for pair in pairs], axis=0)


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
    if sys.argv[1:2] == ["--child"]:
        run(Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
        return
    priority = raise_priority()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, load = session(folder, N_TRIALS)
        disturbed, _ = session(folder, N_DISTURBED, folder / "busy.json")
        late = json.loads((folder / "busy.json").read_text())
    flagged = rows["timing_flag"].notna().to_numpy()
    lines = [
        "# Timed presentation",
        "",
        f"`python -P benchmarks/timed.py` ({len(rows)} trials by the real command, key presses of "
        f"the X server; images for {PRESENTATION_MS} ms, then phase-scrambled masks for {MASK_MS} "
        f"ms, {HZ:g} Hz; {platform.system()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, mean load {load:.1f} by other work, {priority}). A virtual "
        "screen (Xvfb, software renderer) has no refresh, so the computer's clock paced the "
        "frames: this is what program and system add, without a screen's own errors. Measured "
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
        *disturbed_lines(disturbed, late),
        "",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
