"""The person at the screen as the participant, and their own map of likeness.

Every stage is a process of its own, as in the whole demo; only the last one, which neither
shows windows nor trains, is done here.
"""

import json
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console

from twoalike.demo._run import (
    Stage,
    check_title,
    run_stages,
    screen,
    session_done,
    set_design,
)
from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.stimuli import StimulusSet
from twoalike.study import Integers, Study, TwoalikeError
from twoalike.tables import ODD_ONE_OUT

CODE = "w0001"
"""Code of the first participant of a study that is built for the browser."""
_LOOK_S = 0.5


def sit_in_browser(root: Path, console: Console, environment: dict[str, str]) -> None:
    """Open the built study in a browser and wait until its session is over."""
    if _ended(root) is None:
        with _served(root, environment) as address:
            shown = webbrowser.open(address)
            console.print("Answer in your browser:" if shown else "Open this in your browser:")
            console.print(address, style="bold", highlight=False)
            while _ended(root) is None:
                time.sleep(_LOOK_S)
    if (end := _ended(root)) != "completed":
        raise TwoalikeError(
            f"the session in the browser ended without a map ({end})",
            where=root,
            remedy="Name another folder to begin anew.",
        )


def _ended(root: Path) -> str | None:
    """How the session of the store ended; None while it is not over."""
    from twoalike.online import default_store, read_store

    path = default_store(root)
    if not path.exists():
        return None
    lines = (json.loads(line) for line in read_store(path))
    ends = [line["ended"] for line in lines if line.get("kind") == "session"]
    return ends[-1] if ends else None  # an earlier one has expired, and its code went on


@contextmanager
def _served(root: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve a built study while the block runs; gives its address."""
    command = [sys.executable, "-m", "twoalike.cli.app", "online", "serve", str(root)]
    process = subprocess.Popen(
        [*command, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            name, _, address = line.partition(" ")
            if name == "study":
                yield address.strip()
                return
        raise TwoalikeError(
            f"the server ended with status {process.wait()}",
            where="demo",
            remedy=f"Run it by itself: twoalike online serve {root}",
        )
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


PARTICIPANT = "you1"
N_OBJECTS = 12
"""Of these, thirty trials show most pairs once or twice."""
OBSERVER = "observer.npz"
COVERING = 29
"""Triplets needed to show all 66 pairs of twelve objects."""
FEWEST, MOST = 20, 100
REPEATED = 6
"""One trial in so many is a triplet shown before, to see whether the answer stays."""
_NEEDED = ("pymc", "nutpie", "arviz", "matplotlib", "jinja2")
_NEEDED_ONLINE = ("starlette", "uvicorn", "sqlalchemy", "cryptography")


@dataclass(frozen=True, kw_only=True)
class YourselfConfig:
    """What the session shows, and who answers.

    Parameters
    ----------
    seed
        Everything random in the demo derives from it; another seed shows you other things.
    trials
        With --yourself or --online: number of trials, 20 to 100. With 35 or more, each of the
        twelve things is shown with each other.
    stimuli
        With --yourself or --online: the set of stimuli; None: familiar in a window and creatures
        online.
    simulate
        With --yourself: a simulated person answers, to try it out.
    window
        With ``window=False``, a simulated person answers without a window.
    windowed
        With --yourself: use a window instead of the whole screen.
    online
        The browser of this machine instead of a window.
    """

    seed: int
    trials: int = 30
    stimuli: Literal["creatures", "familiar"] | None = None
    simulate: bool = False
    window: bool = True
    windowed: bool = False
    online: bool = False

    @property
    def set_name(self) -> str:
        """Name of the set of stimuli."""
        return self.stimuli or ("creatures" if self.online else "familiar")

    @property
    def title(self) -> str:
        """Title of the study; it tells a simulated session from a person's."""
        return "A simulated person's map of likeness" if self.simulate else "Your map of likeness"

    def check(self) -> None:
        """Refuse what cannot be run, before anything is made."""
        if not FEWEST <= self.trials <= MOST:
            raise TwoalikeError(
                where=f"`trials={self.trials}`",
                expected=f"{FEWEST} to {MOST}",
                remedy="Fewer say nothing; more are a study of their own (twoalike init).",
            )
        if self.online and (self.simulate or self.windowed or not self.window):
            raise TwoalikeError(
                "`online=True` is for a person in a browser: leave out `simulate`, `window` and "
                "`windowed`."
            )
        if not self.window and not self.simulate:
            raise TwoalikeError(
                "`window=False` needs `simulate=True`: a person has to see something."
            )
        shown_by = _NEEDED_ONLINE if self.online else ("psychopy",)
        missing = next((name for name in (*shown_by, *_NEEDED) if find_spec(name) is None), None)
        if missing:  # now, not after the last trial
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        if not (self.simulate or self.online):
            _need_screen()


def _need_screen() -> None:
    from twoalike.display import require_screen

    try:
        require_screen()
    except TwoalikeError as error:
        raise TwoalikeError(
            "no screen to answer on (DISPLAY is not set)",
            remedy="Run it from a desktop, or add `simulate=True` to see a simulated person's map.",
        ) from error


def pick_objects(categories: pd.DataFrame, n: int, rng: np.random.Generator) -> Integers:
    """Pick objects so that every level of the categories is asked about.

    Few, so that few trials still say something about each pair of them: thirty triplets have
    ninety pairs; sixty-four objects have 2,016 pairs, twelve have 66.

    Down the tree each category takes an even share, and no more sub-categories than have room
    for two objects each, so that some objects are close, some far and some in between. The rows
    of the picked objects are ascending, shape (n,).

    Examples
    --------
    >>> table = pd.DataFrame({"realm": list("aaaabbbb"), "group": list("ccddeeff")})
    >>> rows = pick_objects(table, 4, np.random.default_rng(0))
    >>> table.loc[rows, "realm"].tolist()
    ['a', 'a', 'b', 'b']
    """
    if not 0 < n <= len(categories):
        raise ValueError(f"asked for {n} of {len(categories)} objects")
    rows = np.arange(len(categories), dtype=np.int64)
    return np.sort(_pick(categories.to_numpy(dtype=str), rows, n, rng))


def _pick(
    categories: npt.NDArray[np.str_], rows: Integers, n: int, rng: np.random.Generator
) -> Integers:
    if categories.shape[1] == 0:
        return rng.choice(rows, size=n, replace=False)
    names = np.unique(categories[rows, 0])
    members = [rows[categories[rows, 0] == name] for name in rng.permutation(names)]
    share = np.zeros(len(members), dtype=np.int64)
    open_to = -(-n // 2)  # categories that may be used: two objects or more in most of them
    for _ in range(n):
        # The emptiest category with room; new ones are opened only while all can hold two.
        free = [k for k in range(len(members)) if share[k] < len(members[k])]
        first = [k for k in free if k < open_to] or free
        share[min(first, key=lambda k: (share[k], k))] += 1
    below = [
        _pick(categories[:, 1:], group, int(count), rng)
        for group, count in zip(members, share, strict=True)
        if count
    ]
    return np.concatenate(below)


def _choose_objects(root: Path, config: YourselfConfig) -> None:
    """Choose the few objects and the number of trials, once."""
    check_title(root, config.title)
    if "[design.exclude]" in (root / "study.toml").read_text(encoding="utf-8"):
        return
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    rng = np.random.default_rng([config.seed, 3])
    picked = pick_objects(stimuli.table[list(stimuli.levels)], N_OBJECTS, rng)
    left_out = stimuli.table["id"].drop(stimuli.table.index[picked]).tolist()
    if config.simulate:
        embedding = hierarchical_embedding(stimuli, rng)
        observer = SimulatedObserver(stimuli.ids, embedding, temperature=0.4, lapse=0.02)
        observer.save(root / OBSERVER, seed=config.seed)
    repeats = config.trials // REPEATED
    main = config.trials - repeats
    settings: dict[str, int | str] = {"trials": main, "repeats": repeats, "practice": 0}
    if main >= COVERING:
        settings["sampler"] = "coverage"
    set_design(root, settings, {"id": left_out})


def _at_window(root: Path, config: YourselfConfig) -> Sequence[Stage]:
    study = Study.load(root)
    n = study.config.design.trials + study.config.design.repeats
    who = "a simulated person" if config.simulate else "you"
    options = ["--resume"] if study.raw.exists() else []
    options += ["--simulate", str(root / OBSERVER)] if config.simulate else []
    options += [] if config.window else ["--no-window"]
    options += ["--windowed"] if config.windowed and config.window else []
    return (
        Stage(
            f"choose the triplets of {N_OBJECTS} objects",
            ("design", str(root), "--task", "odd-one-out", "--participants", PARTICIPANT),
            study.trial_list(ODD_ONE_OUT, PARTICIPANT, 1),
        ),
        Stage(
            f"{n} trials, answered by {who}",
            ("run", str(root), "--task", "odd-one-out", "--participant", PARTICIPANT, *options),
            study.raw,
            finished=lambda: session_done(study, PARTICIPANT),
        ),
    )


def _in_browser(root: Path, environment: dict[str, str], console: Console) -> Sequence[Stage]:
    """Build the page and let the person answer; the stage left brings the answers here."""
    study = Study.load(root)
    page = Stage(
        f"make a page of the triplets of {N_OBJECTS} objects",
        ("online", "build", str(root), "--participants", "1", "--task", "odd-one-out"),
        root / "online" / "session.json",
    )
    if not session_done(study, CODE):
        run_stages([page], environment, console)
        sit_in_browser(root, console, environment)
    return (
        Stage(
            "keep the answers as raw data",
            ("online", "fetch", str(root)),
            study.raw,
            finished=lambda: session_done(study, CODE),
        ),
    )


def _fit(root: Path, seed: int) -> Stage:
    return Stage(
        "fit the Bayesian embedding to the answers",
        ("fit", str(root), "--quick", "--seed", str(seed)),
        Study.load(root).posterior,
    )


def run_yourself(root: Path, config: YourselfConfig) -> Path:
    """Run a short session in the study ``root`` and draw the map of whoever answered.

    A session that was stopped goes on where it stopped. Returns the page, ``you.html``; the map
    alone is ``you.png`` and the numbers are ``you.json``.
    """
    config.check()
    from twoalike.demo._page import read_result, write_page

    console = Console(soft_wrap=True)
    start = time.monotonic()
    init = Stage(
        f"prepare the {config.set_name} set",
        ("init", str(root), "--stimuli", config.set_name, "--title", config.title)
        + ("--seed", str(config.seed)),
        root / "study.toml",
    )
    with screen(needed=config.window and not config.online) as environment:
        run_stages([init], environment, console)
        _choose_objects(root, config)
        try:
            collecting = (
                _in_browser(root, environment, console)
                if config.online
                else _at_window(root, config)
            )
            run_stages([*collecting, _fit(root, config.seed)], environment, console)
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from here.")
            raise
    result = read_result(Study.load(root), seed=config.seed, simulated=config.simulate)
    page = write_page(root, result)
    console.print(f"{time.monotonic() - start:.0f} s. Open {page}")
    if config.online:
        webbrowser.open(page.resolve().as_uri())
    return page
