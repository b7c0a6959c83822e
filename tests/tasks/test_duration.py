"""Stated durations hold for simulated participants, by their own clock, and for published ones."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twoalike.design import ARRANGEMENT_LISTS, TRIPLET_LISTS
from twoalike.observers import ArrangedSession, SimulatedObserver, hierarchical_embedding
from twoalike.planning import study_templates
from twoalike.record import Progress
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import (
    Duration,
    NoWindow,
    OddOneOut,
    PreparedTriplets,
    Session,
    SimulatedParticipant,
    Sitting,
    Trial,
    View,
    VirtualClock,
    getting_ready,
    prepare_session,
    protocol_template,
    run_session,
    session_duration,
)

QUESTIONS = """
[consent]
ask = true
[[form.questions]]
id = "age"
kind = "age"
text = "How old are you?"
[[debrief.questions]]
id = "how"
kind = "text"
text = "How did you decide?"
"""


def simulated(root: Path, task: str) -> tuple[float, Duration]:
    """What a simulated session takes by its clock, and the time stated for it before."""
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    embedding = hierarchical_embedding(stimuli, np.random.default_rng(1))
    observer = SimulatedObserver(stimuli.ids, embedding)
    sitting = Sitting(study=study, participant="901", session=1, observer=observer)
    prepared, clock = prepare_session(task, sitting), VirtualClock()
    screen = NoWindow(clock)
    ready = getting_ready(prepared.protocol)
    session = Session(
        prepared.script(View(screen.size), Progress()), prepared.protocol.texts.stop, ready
    )
    player = SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
    assert run_session(session, screen, lambda item: None, player.act) == "completed"
    return clock.now(), prepared.duration(Progress())


def _protocol(preset: str) -> str:
    """Text of an odd-one-out protocol: the default one, or that of a template."""
    if preset == "default":
        return protocol_template(OddOneOut())
    (template,) = (found for found in study_templates() if found.name == preset)
    return template.protocol("odd-one-out", "en")


@pytest.mark.parametrize("preset", ["default", "levels"])
def test_a_simulated_triplet_session_takes_the_time_stated(
    preset: str, make_study: Callable[..., Path]
) -> None:
    design = "trials = 42\npractice = 2\npractice_checks = 1\ncatch = 2\ntrials_per_block = 20\n"
    root = make_study(design=design, protocol=_protocol(preset))
    took, stated = simulated(root, "odd-one-out")
    assert stated.low_s <= took <= stated.high_s, (took, stated)
    assert stated.high_s < 3.5 * stated.low_s


@pytest.mark.parametrize(
    "design",
    [
        "max_items = 8\nstop_evidence = 0.5\n",
        "max_items = 5\nsession_minutes = 3\nstop_evidence = 99\n",
        'scheduler = "covering"\ncovering_size = 5\n',
    ],
)
def test_a_simulated_arrangement_session_takes_the_time_stated(
    design: str, make_study: Callable[..., Path]
) -> None:
    root = make_study(design=f"[arrangement]\npractice_items = 3\n{design}", arrangement=QUESTIONS)
    took, stated = simulated(root, "multi-arrangement")
    assert stated.low_s <= took <= stated.high_s, (took, stated)


def test_stated_before_or_at_the_start_the_time_is_the_same(
    make_study: Callable[..., Path],
) -> None:
    root = make_study(design="trials = 40\npractice = 2\n", protocol=QUESTIONS)
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    table = TRIPLET_LISTS.one(study, stimuli, "901", 1)
    first = session_duration(study, stimuli, "odd-one-out", table)
    sitting = Sitting(study=study, participant="901", session=1)
    prepared = prepare_session("odd-one-out", sitting)
    assert prepared.duration(Progress()) == first
    # Consent and form come once.
    second = session_duration(study, stimuli, "odd-one-out", table, session=2)
    assert second.low_s < first.low_s
    rest = prepared.duration(Progress(begun=True, n_done=30, time_s=200.0))
    assert rest.high_s < second.high_s


def test_the_levels_study_takes_what_its_participants_took() -> None:
    """Its trials took 24 minutes by the medians, which is less than by the means."""
    shares = {"fine": 0.4, "coarse": 0.4, "boundary": 0.2}
    conditions = np.random.default_rng(1).choice(list(shares), 346, p=list(shares.values()))
    trial = Trial(1, 1, "main", "t", ("a", "b", "c"), ("left", "middle", "right"))
    trials = [replace(trial, condition=str(name)) for name in conditions]
    levels = OddOneOut.model_validate(tomllib.loads(_protocol("levels")))
    times = PreparedTriplets.times_of(levels, trials).trials
    assert times.low_s < 24 * 60 < (times.low_s + times.high_s) / 2 < 35 * 60


def test_who_has_a_time_budget_uses_it_up(make_study: Callable[..., Path]) -> None:
    """A simulated session says how many images fit into it, not how long it lasts."""
    root = make_study(design="[arrangement]\npractice_items = 0\nsession_minutes = 10\n")
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    table = ARRANGEMENT_LISTS.one(study, stimuli, "901", 1)
    session = ArrangedSession(
        sizes=(8,) * 20, n_objects=8, pairs_shown=1.0, pairs_known=0.9, minutes=10.0, reason="time"
    )
    takes = session_duration(study, stimuli, "multi-arrangement", table, simulated=session)
    assert takes.low_s > 600


@pytest.mark.parametrize(
    ("low_s", "high_s", "text"),
    [
        (1500, 2400, "25 to 40 minutes"),
        (12, 31, "10 to 30 seconds"),
        (19, 21, "about 20 seconds"),
        (50, 60, "about 1 minute"),
        (50, 61, "1 to 2 minutes"),
        (25, 100, "up to 2 minutes"),
        (0, 540, "up to 9 minutes"),
    ],
)
def test_durations_read_as_people_say_them(low_s: float, high_s: float, text: str) -> None:
    assert str(Duration(low_s, high_s)) == text
