"""A small study of creatures, built for the browser and served on the loopback."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
from tests.online.engines import Size
from tests.online.player import Means, Plan, plan_part
from tests.stimuli.media import write_sounds

from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.online import Person
from twoalike.registry import find_task, task_names
from twoalike.stimuli import StimulusSet, draw_creatures
from twoalike.stimuli._set import image_table
from twoalike.study import Study
from twoalike.tasks import Sitting, prepare_session

CONSENT = """
[consent]
ask = true
version = "1"
[texts]
consent = "You will compare drawings of creatures. Do you want to take part?"
"""
ODD = """
[timing]
fixation_s = 0.1
feedback_s = 0.1
[practice]
feedback_s = 0.3
[pages]
page_s = 0.2
instruction_s = 0.2
[breaks]
ready_s = 0.5
[[form.questions]]
id = "age"
kind = "age"
text = "How old are you, in years?"
[[form.questions]]
id = "hand"
kind = "choice"
text = "Which hand do you write with?"
options = ["left", "right", "both"]
"""
ARRANGE = """
[timing]
minimum_s = 0.2
[pages]
page_s = 0.2
instruction_s = 0.2
[breaks]
ready_s = 0.5
break_every = 2
[[debrief.questions]]
id = "strategy"
kind = "text"
text = "What did you look at?"
required = false
"""
SETTINGS = """title = "Creatures online"
seed = "0x5eed0000000000000000000000000022"
[design]
trials = {trials}
catch = 1
repeats = {repeats}
practice = 1
practice_checks = 1
trials_per_block = 4
[arrangement]
practice_items = 3
catch = 1
max_items = 6
max_trials = {arrangements}
[anchored]
{many}
[odd_one_of_many]
n_items = 5
{many}
[most_alike_pair]
n_items = 4
{many}
[pair_rating]
pairs = 2
catch = 1
repeats = 0
practice = 1
[free_sorting]
items = 5
trials = 1
repeats = 1
[sitting]
tasks = {tasks}
order = "fixed"
"""
MANY = "trials = 2\ncatch = 1\nrepeats = 0\npractice = 1\npractice_checks = 1"
TASKS = ("odd-one-out", "multi-arrangement")
PAGED = tuple(name for name in task_names() if find_task(name).page is not None)
"""Tasks that the page has."""


def make_study(
    root: Path,
    *,
    trials: int = 4,
    arrangements: int = 2,
    repeats: int = 0,
    tasks: Sequence[str] = TASKS,
    timing: str = "",
    sounds: bool = False,
) -> Study:
    """Make a study of eight creatures, or ``sounds``, whose pages and pauses are short.

    Parameters
    ----------
    trials, arrangements
        Main trials of a session.
    repeats
        Triplets that are shown twice; there is one attention check in each task.
    timing
        Lines on the timing of choices.
    """
    protocols = root / "protocols"
    protocols.mkdir(parents=True)
    settings = SETTINGS.format(
        trials=trials,
        arrangements=arrangements,
        repeats=repeats,
        many=MANY,
        tasks=json.dumps(list(tasks)),
    )
    (root / "study.toml").write_text(settings, encoding="utf-8")
    rating = re.sub(r"\[practice\]\n.*\n", "", ODD)
    (protocols / "pair_rating.toml").write_text(CONSENT + rating, encoding="utf-8")
    for name in ("odd_one_out", "anchored_choice", "odd_one_of_many", "most_alike_pair"):
        (protocols / f"{name}.toml").write_text(
            CONSENT + ODD.replace("[timing]\n", f"[timing]\n{timing}"), encoding="utf-8"
        )
    (protocols / "multi_arrangement.toml").write_text(CONSENT + ARRANGE, encoding="utf-8")
    sort = CONSENT + ARRANGE + "[rules]\nname_piles = true\n"
    (protocols / "free_sorting.toml").write_text(sort, encoding="utf-8")
    if sounds:
        for number in range(8):
            folder = root / "stimuli" / "ab"[number % 2] / "xy"[number // 2 % 2]
            write_sounds(folder, 1, 0.1 + 0.05 * number, number)
        StimulusSet.write(root / "stimuli", image_table(root / "stimuli", "sound"))
    else:
        draw_creatures(root / "stimuli", seed=1, kingdoms=2, families=1, species=2, individuals=2)
    return Study.load(root)


def command(*words: object) -> list[str]:
    """Command line of twoalike in a process of its own."""
    return [sys.executable, "-P", "-m", "twoalike.cli.app", *map(str, words)]


@dataclass
class Served:
    """A study and the process that serves it, which may be killed and started again."""

    study: Study
    process: subprocess.Popen[str]
    address: str
    token: str = ""
    """Of the operator."""

    @classmethod
    def start(cls, study: Study, port: int = 0) -> Self:
        """Serve a built study on the loopback."""
        process = subprocess.Popen(
            command("online", "serve", study.root, "--port", port),
            stdout=subprocess.PIPE,
            text=True,
        )
        served = cls(study, process, "")
        assert process.stdout is not None
        for line in process.stdout:
            name, _, rest = line.partition(" ")
            if name == "study":
                served.address = rest.strip()
            if name == "token":
                served.token = rest.split()[0]
            if name == "token" or (name == "operator" and port):
                return served
        raise RuntimeError(f"the server did not start (status {process.wait()})")

    def kill(self) -> None:
        """Kill the process at once."""
        self.process.kill()
        self.process.wait()

    def again(self) -> None:
        """Start a new process at the same port, after a kill."""
        assert self.process.stdout is not None
        self.process.stdout.close()
        port = urlsplit(self.address).port
        assert port is not None
        self.process = Served.start(self.study, port).process


@contextmanager
def serving(study: Study) -> Iterator[Served]:
    """Serve a built study while the block runs."""
    served = Served.start(study)
    try:
        yield served
    finally:
        served.process.terminate()
        served.process.wait(timeout=30)
        assert served.process.stdout is not None
        served.process.stdout.close()


def records(served: Served) -> list[dict[str, Any]]:
    """Lines of the archive: sessions, each with its records behind it."""
    request = Request(
        f"{served.address}api/operator/records", headers={"Authorization": f"Bearer {served.token}"}
    )
    with urlopen(request) as answer:
        return [json.loads(line) for line in answer]


def person_of(study: Study, code: str) -> Person:
    """Steps of a participant."""
    path = study.root / "online" / "people" / f"{code}.json"
    return Person.model_validate_json(path.read_bytes())


def observer_of(study: Study) -> SimulatedObserver:
    """Observer who answers: the same for the page and for the window."""
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    rng = np.random.default_rng([study.config.seed, 1])
    return SimulatedObserver(stimuli.ids, hierarchical_embedding(stimuli, rng), lapse=0.02)


def plans(study: Study, person: Person, size: Size, means: Means) -> list[Plan]:
    """Plan what a simulated participant does in each part of a session."""
    sitting = Sitting(
        study=study, participant=person.participant, session=1, observer=observer_of(study)
    )
    return [plan_part(prepare_session(part.task, sitting), size, means) for part in person.parts]
