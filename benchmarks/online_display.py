"""How exactly the page shows images: ``python -P benchmarks/online_display.py`` (6 minutes).

A session of 1,000 odd-one-out trials in Chromium (headless, 60 frames a second) from the server on
this machine. What is measured is the time of the frame that first showed a trial's images, as the
browser reports it, minus that of the frame they were planned for: what page, browser and system
add to a screen, not the screen. A second, short session is disturbed on purpose.
"""

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.online.crowd import records, serving
from tests.online.engines import Engine, opened

from twoalike.online import build_online
from twoalike.stimuli import draw_creatures
from twoalike.study import Study

RESULTS = Path(__file__).parent / "results" / "online_display.md"
N_TRIALS, N_DISTURBED = 1000, 100
SIZE = (1280, 800)
PRESS_S = 0.04
"""Between two key presses; those before the images are seen are ignored."""
PAGE_KEY_EVERY = 8
"""Presses of which one turns pages."""
BUSY = """setInterval(() => {
  const begun = performance.now();
  while (performance.now() - begun < 40) {}
}, 300)"""
"""Busy loop in the page of the disturbed session, ms."""
PROTOCOL = """
[timing]
fixation_s = 0.05
minimum_rt_s = 0
feedback_s = 0
[pages]
page_s = 0
instruction_s = 0
[breaks]
break_every = 100000
ready_s = 0
"""


def make_study(root: Path, n_trials: int) -> Study:
    """Write a study of creatures and build its page."""
    (root / "protocols").mkdir(parents=True)
    (root / "study.toml").write_text(
        f'title = "Display"\nseed = 1\n[design]\ntrials = {n_trials}\npractice = 0\n'
    )
    (root / "protocols" / "odd_one_out.toml").write_text(PROTOCOL)
    draw_creatures(root / "stimuli", seed=1, species=3, individuals=1)
    build_online(root, 1, task="odd-one-out")
    return Study.load(root)


def press_on(engine: Engine) -> None:
    """Answer every trial and turn every page."""
    number = 0
    while engine.ask("() => document.body.dataset.step") != "end":
        for _ in range(PAGE_KEY_EVERY):
            number += 1
            engine.key("123"[number % 3])
            time.sleep(PRESS_S)
        engine.key("Space")
    time.sleep(1)  # until everything is sent


def measure(n_trials: int, script: str = "") -> tuple[np.ndarray, np.ndarray, float]:
    """Errors of the onsets, ms, late frames by trial, and the refresh rate in Hz."""
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder, "study"), n_trials)
        with serving(study) as served, opened("chromium", Path(folder, "profile"), SIZE) as engine:
            engine.go(served.address)
            engine.click("#start")
            engine.wait("() => document.querySelector('body[data-step*=\".\"]') && 1")
            engine.ask(f"() => {{ {script} }}")
            press_on(engine)
            items = [item for line in records(served) if "n" in line for item in line["items"]]
    trials = [item for item in items if item["kind"] == "choice"]
    assert len(trials) == n_trials, len(trials)
    errors = [1000 * (trial["onset"] - trial["planned_onset"]) for trial in trials]
    late = [np.nan if trial["dropped"] is None else trial["dropped"] for trial in trials]
    rate = next(item["device"]["refresh_hz"] for item in items if item["kind"] == "segment")
    return np.array(errors), np.array(late, dtype=float), rate or np.nan


def row(name: str, errors: np.ndarray, late: np.ndarray, rate: float) -> str:
    """Row of the table."""
    frame = 1000 / rate if np.isfinite(rate) else 1000 / 60
    quantiles = " | ".join(f"{value:.2f}" for value in np.percentile(errors, (50, 99, 100)))
    over = int((errors > frame * 1.01).sum())
    one = int((errors > frame / 2).sum())
    shown = f"{rate:.1f}" if np.isfinite(rate) else "unknown"
    reported = int((late > 0).sum()) if np.isfinite(late).all() else "unknown"
    return f"| {name} | {len(errors)} | {shown} | {quantiles} | {one} | {over} | {reported} |"


def main() -> None:
    """Measure and write the table."""
    rows = [row("alone", *measure(N_TRIALS)), row("disturbed", *measure(N_DISTURBED, BUSY))]
    load = os.getloadavg()[1]
    text = f"""# Display of the page

`python -P benchmarks/online_display.py` (Chromium, headless, {platform.system()}, Python \
{platform.python_version()}, {os.cpu_count()} cores, mean load {load:.1f} with other work). Frame \
that first showed the images minus the frame they were planned for, milliseconds; times are the \
browser's, so the screen's own delay is not in them. Images are decoded before their trial \
begins. *Late*: onsets that missed one frame or more, and more than one. *Reported*: trials with \
late frames in their row (`dropped_frames`), which counts the whole time that images were shown. \
*Disturbed*: a loop in the page that keeps it busy for 40 ms of every 300.

| session | trials | Hz | median | 99 % | longest | late | by more than a frame | reported |
|---|---|---|---|---|---|---|---|---|
"""
    RESULTS.write_text(text + "\n".join(rows) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))  # noqa: T201


if __name__ == "__main__":
    main()
