"""Every task in every browser: ``python -P benchmarks/browsers.py`` (20 minutes a kind of study).

A simulated participant goes through a session of all tasks that the page has, in each browser, by
keys and mouse, by the mouse alone, and by a finger. The sessions are fetched; what the table shows
is read from the raw data. Sounds and timed images are studies of their own: ``--only sounds`` makes
their rows anew, and keeps the others of the table.
"""

import argparse
import inspect
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.online.crowd import PAGED, Served, make_study, person_of, plans, serving
from tests.online.engines import Gone, Name, Size, opened
from tests.online.player import Means, Player

from twoalike.online import build_online, fetch

RESULTS = Path(__file__).parent / "results" / "browsers.md"
PLAYERS: dict[Means, Size] = {"hands": (1280, 1024), "mouse": (1024, 768), "touch": (360, 740)}
SITTINGS = [(name, means) for name in get_args(Name.__value__) for means in PLAYERS]
CHOICES = ("odd-one-out", "anchored-choice", "odd-one-of-many", "most-alike-pair")
MASKED = 'presentation_ms = 150\nmask = "scrambled"\nmask_ms = 100\nanswers_from = "offset"\n'
STUDIES: dict[str, dict[str, Any]] = {
    "images": {"tasks": PAGED},
    "sounds": {"tasks": PAGED, "sounds": True},
    "images of 150 ms, masked": {"tasks": CHOICES, "timing": MASKED},
}
"""Options of the study that has each kind of trials."""


def sit(served: Served, name: Name, means: Means, folder: Path) -> str:
    """Go through a session; return the participant's code."""
    with opened(name, folder, PLAYERS[means], touch=means == "touch") as engine:
        player = Player(engine, means)
        code = player.enter(f"{served.address}?PROLIFIC_PID={name}{means}")
        player.person = person_of(served.study, code)
        player.plans = plans(served.study, player.person, engine.size, means)
        player.play(limit_s=600)
        player.expect("All of your answers have been stored")
    return code


def answered(served: Served, code: str, tasks: tuple[str, ...]) -> Iterator[str]:
    """Say how the trials of each task were answered, by the raw data."""
    for task in tasks:
        (path,) = served.study.raw.glob(f"sub-{code}/**/*task-{task.replace('-', '')}*_beh.tsv")
        rows = pd.read_csv(path, sep="\t").drop_duplicates("trial_index")
        by = rows["end_method" if "end_method" in rows else "response_method"].value_counts()
        yield ", ".join(f"{method} {n}" for method, n in sorted(by.items()))


def sat(
    served: Served, name: Name, means: Means, folder: Path, tasks: tuple[str, ...]
) -> list[str]:
    """Give a cell for each task: what ended its trials, or why there is none."""
    try:
        code = sit(served, name, means, folder)
    except (pytest.skip.Exception, AssertionError, Gone, TimeoutError) as error:
        return [f"no end: {' '.join(str(error).split())[:120]}"] * len(tasks)
    fetched = fetch(served.study)
    if code not in [one.participant for one in fetched.written]:
        return [f"not fetched: {fetched.problems[-1]}"] * len(tasks)
    return [*answered(served, code, tasks)]


def table_rows(kind: str, options: Mapping[str, Any], root: Path) -> Iterator[str]:
    """Go through the sessions of a study; give a row for each of its tasks."""
    tasks = options["tasks"]
    if options.keys() - inspect.signature(make_study).parameters:
        cells = [["not in the page"] * len(tasks)] * len(SITTINGS)
    else:
        study = make_study(root / "study", trials=3, arrangements=1, **options)
        with (study.root / "study.toml").open("a", encoding="utf-8") as file:
            file.write('[online]\nentry = "id"\n')
        build_online(study.root, len(SITTINGS))
        with serving(study) as served:
            cells = []
            for name, means in SITTINGS:
                cells.append(sat(served, name, means, root / f"{name}{means}", tasks))
                print(kind, name, means, *cells[-1], sep=" | ", flush=True)  # noqa: T201
    for task, row in zip(tasks, zip(*cells, strict=True), strict=True):
        yield f"| {task} | {kind} | {' | '.join(row)} |"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="kinds of trials whose names begin so")
    only, lines = parser.parse_args().only, list[str]()
    before = RESULTS.read_text(encoding="utf-8").splitlines() if only else []
    for kind, options in STUDIES.items():
        if not kind.startswith(only):
            lines += [row for row in before if f" | {kind} | " in row]
            continue
        with TemporaryDirectory() as root:
            lines += table_rows(kind, options, Path(root))
    head = ["task", "trials of", *(f"{name}, {means}" for name, means in SITTINGS)]
    sizes = ", ".join(" x ".join(map(str, one)) for one in PLAYERS.values())
    text = f"""# Tasks in browsers

`python -P benchmarks/browsers.py` ({platform.system()}). \
Trials of a whole session by what ended them in the raw data, or why there is no session. *hands*: \
keys and mouse, as the simulated participant of a window chooses them; *mouse*: no key at all; \
*touch*: a finger only; pages of {sizes}. \
Events are the browser's (WebDriver; Firefox: its commands by Marionette; Chromium's touch: \
DevTools), but for WebKitGTK's touch, which is the toolkit's (GTK). All browsers are those of \
Debian: Chromium, Firefox ESR, and WebKitGTK, which is Safari's engine but not Safari. Only the \
four tasks of choices have timed images. The same person in a window gives the same tables \
(`tests/online/test_browser_sessions.py`, `test_sounds_and_timing.py`); windows take keys and \
mouse of X (`tests/display`).

| {" | ".join(head)} |
|{"---|" * len(head)}
"""
    RESULTS.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
