"""A small study of creatures, built for the browser and served on the loopback."""

import json
from pathlib import Path

import numpy as np

from twoalike.planning import create_study
from twoalike.stimuli import StimulusSet
from twoalike.study import Study

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
[consent]
ask = true
version = "1"
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
[consent]
ask = true
version = "1"
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
exclude = {{ id = {hidden} }}
[arrangement]
practice_items = 3
catch = 1
max_items = 6
max_trials = {arrangements}
exclude = {{ id = {hidden} }}
"""


def make_study(
    root: Path, *, objects: int = 8, trials: int = 4, arrangements: int = 2, repeats: int = 0
) -> Study:
    """Make a study of both tasks with a few creatures, whose pages and pauses are short.

    Parameters
    ----------
    objects
        Creatures that are shown, of at least two species.
    trials, arrangements
        Main trials of a session.
    repeats
        Triplets that are shown twice; there is one attention check.
    """
    create_study(root, stimuli="creatures")
    stimuli = StimulusSet.load(root / "stimuli", verify=False)
    at = np.linspace(0, len(stimuli.ids) - 1, objects // 2).round().astype(int)
    shown = {stimuli.ids[k] for k in (*at, *(np.minimum(at + 1, len(stimuli.ids) - 1)), *(at - 1))}
    hidden = json.dumps([name for name in stimuli.ids if name not in shown])
    settings = SETTINGS.format(
        trials=trials, arrangements=arrangements, repeats=repeats, hidden=hidden
    )
    (root / "study.toml").write_text(settings, encoding="utf-8")
    protocols = root / "protocols"
    (protocols / "odd_one_out.toml").write_text(ODD, encoding="utf-8")
    (protocols / "multi_arrangement.toml").write_text(ARRANGE, encoding="utf-8")
    return Study.load(root)
