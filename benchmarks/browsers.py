"""Every task in every browser: ``python -P benchmarks/browsers.py`` (15 minutes).

A simulated participant goes through a session of all tasks that the page has, in each browser, by
keys and mouse, by the mouse alone, and by a finger. The sessions are fetched; what the table shows
is read from the raw data.
"""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.online.crowd import PAGED, Served, make_study, person_of, plans, serving
from tests.online.engines import Name, Size, opened
from tests.online.player import Means, Player

from twoalike.online import build_online, fetch

RESULTS = Path(__file__).parent / "results" / "browsers.md"
PLAYERS: dict[Means, Size] = {"hands": (1280, 1024), "mouse": (1024, 768), "touch": (360, 740)}
EVENTS = {
    "chromium": "the browser's (WebDriver; touch: DevTools)",
    "firefox": "the browser's (WebDriver's commands by Marionette)",
    "webkit": "the browser's (WebDriver); touch: the toolkit's (GTK)",
}


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


def answered(served: Served, code: str) -> Iterator[str]:
    """Say how the trials of each task were answered, by the raw data."""
    for task in PAGED:
        (path,) = served.study.raw.glob(f"sub-{code}/**/*task-{task.replace('-', '')}*_beh.tsv")
        rows = pd.read_csv(path, sep="\t").drop_duplicates("trial_index")
        by = rows["end_method" if "end_method" in rows else "response_method"].value_counts()
        yield ", ".join(f"{method} {n}" for method, n in sorted(by.items()))


def main() -> None:
    """Write the table."""
    names: tuple[Name, ...] = get_args(Name.__value__)
    lines = []
    with TemporaryDirectory() as root:
        study = make_study(Path(root, "study"), trials=3, arrangements=1, tasks=PAGED)
        with (study.root / "study.toml").open("a", encoding="utf-8") as file:
            file.write('[online]\nentry = "id"\n')
        build_online(study.root, len(names) * len(PLAYERS))
        with serving(study) as served:
            for name in names:
                for means, shape in PLAYERS.items():
                    code = sit(served, name, means, Path(root, f"{name}{means}"))
                    assert fetch(study).problems == []
                    size = " x ".join(map(str, shape))
                    cells = [name, means, size, EVENTS[name], *answered(served, code)]
                    lines.append(f"| {' | '.join(cells)} |")
                    print(lines[-1], flush=True)  # noqa: T201
    head = ["browser", "player", "page", "events", *PAGED]
    text = f"""# Tasks in browsers

`python -P benchmarks/browsers.py` ({platform.system()}). Trials of a whole session by what ended \
them in the raw data; each session reached its end and was fetched. *hands*: keys and mouse, as \
the simulated participant of a window chooses them; *mouse*: no key at all; *touch*: a finger \
only. All browsers are those of Debian: Chromium, Firefox ESR, and WebKitGTK, which is Safari's \
engine but not Safari.

| {" | ".join(head)} |
|{"---|" * len(head)}
"""
    RESULTS.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
