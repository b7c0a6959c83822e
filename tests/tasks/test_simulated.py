"""Simulated participants, and the loop between a session and a screen."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.tasks.scripts import triplet_script

from twoalike.observers import SimulatedObserver
from twoalike.study import Study, TwoalikeError
from twoalike.tasks import (
    Item,
    Note,
    NoWindow,
    OddOneOut,
    Opening,
    Scene,
    Session,
    Shown,
    SimulatedParticipant,
    Sitting,
    Trial,
    View,
    VirtualClock,
    catch_signals,
    lay_out,
    prepare_session,
    run_session,
)
from twoalike.tasks._listed import PILOT_TRIALS
from twoalike.tasks.choosing import PreparedTriplets, TrialResult, TripletHands

IDS = tuple("abcdef")


def make_trials(n: int) -> tuple[Trial, ...]:
    rng = np.random.default_rng(1)
    places = ("left", "middle", "right")
    rows = []
    for index in range(1, n + 1):
        a, b, c = (IDS[k] for k in rng.choice(6, 3, replace=False))
        x, y, z = rng.permutation(places)
        rows.append(Trial(index, 1, "main", f"t{index}", (a, b, c), (x, y, z)))
    return tuple(rows)


@dataclass
class Kept:
    """What a session gave."""

    rows: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __call__(self, item: Item) -> None:
        if isinstance(item, Note):
            self.notes.append(item.event)
        else:
            assert isinstance(item, TrialResult)
            self.rows += item.rows(rt_source="simulated", pilot=False)


def observer(temperature: float = 1.0) -> SimulatedObserver:
    # Three pairs: a and b alike, c and d, e and f.
    return SimulatedObserver(IDS, 3.0 * np.repeat(np.eye(3), 2, axis=0), temperature)


def begin(
    protocol: OddOneOut,
    trials: tuple[Trial, ...],
    screen: NoWindow,
    clock: VirtualClock,
    n_done: int = 0,
    temperature: float = 1.0,
) -> tuple[Session, SimulatedParticipant]:
    opening = Opening(consent=False, form=(), resumed=n_done > 0)
    layout = lay_out(protocol, View(screen.size))
    script = triplet_script(protocol, layout, trials, opening, n_done=n_done)
    hands = TripletHands(observer(temperature), screen, clock, (7, 1))
    return Session(script, protocol.texts.stop), SimulatedParticipant(hands, screen, clock)


def simulate(
    protocol: OddOneOut, trials: tuple[Trial, ...], n_done: int = 0, temperature: float = 1.0
) -> Kept:
    clock = VirtualClock()
    screen = NoWindow(clock)
    session, player = begin(protocol, trials, screen, clock, n_done, temperature)
    kept = Kept()
    assert run_session(session, screen, kept, player.act) == "completed"
    return kept


def test_rows_hold_the_observers_choices_and_times() -> None:
    trials = make_trials(300)
    rules = OddOneOut.model_validate({"breaks": {"break_every": 60}})
    kept = simulate(rules, trials, temperature=0.05)
    assert [row["trial_index"] for row in kept.rows] == list(range(1, 301))
    for trial, row in zip(trials, kept.rows, strict=True):
        partners = {name: IDS[IDS.index(name) ^ 1] for name in trial.stimuli}
        alone = [name for name in trial.stimuli if partners[name] not in trial.stimuli]
        if len(alone) == 1:
            assert row["odd_stimulus"] == alone[0]
    times = np.array([row["response_time"] for row in kept.rows], dtype=float)
    assert 1.5 < np.median(times) < 4.0
    assert {row["response_method"] for row in kept.rows} == {"keyboard", "mouse"}
    assert all(row["dropped_frames"] is None for row in kept.rows)
    assert kept.notes.count("break") == 4


def test_time_limits_and_early_presses_happen_to_observers_too() -> None:
    timing = {"response_limit_s": 2.0, "minimum_rt_s": 1.5}
    rows = simulate(OddOneOut.model_validate({"timing": timing}), make_trials(200)).rows
    assert len(rows) == 200
    assert 0 < sum(row["timed_out"] is True for row in rows) < 200
    assert any(int(str(row["n_early_presses"])) > 0 for row in rows)
    answered = [row["response_time"] for row in rows if row["timed_out"] is False]
    assert all(1.5 <= float(str(taken)) < 2.0 for taken in answered)


def test_a_resumed_session_gives_the_same_answers_as_an_unbroken_one() -> None:
    trials = make_trials(30)
    whole = simulate(OddOneOut(), trials).rows
    rest = simulate(OddOneOut(), trials, n_done=11).rows
    times = ("onset", "response_time")
    for one, other in zip(whole[11:], rest, strict=True):
        assert {k: v for k, v in one.items() if k not in times} == {
            k: v for k, v in other.items() if k not in times
        }
        assert one["response_time"] == pytest.approx(other["response_time"])


class BrokenScreen(NoWindow):
    """Fails at the n-th frame."""

    def __init__(self, clock: VirtualClock, frames: int) -> None:
        super().__init__(clock)
        self.frames = frames

    def show(self, scene: Scene) -> Shown:
        self.frames -= 1
        if self.frames < 0:
            raise OSError("the screen is gone")
        return super().show(scene)


def test_a_choice_is_kept_even_if_the_screen_fails_right_after_it() -> None:
    """Frames: two instruction pages, fixation, triplet, and the fifth fails."""
    clock = VirtualClock()
    screen = BrokenScreen(clock, 4)
    session, player = begin(OddOneOut(), make_trials(3), screen, clock)
    kept = Kept()
    with pytest.raises(OSError, match="gone"):
        run_session(session, screen, kept, player.act)
    assert len(kept.rows) == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [("SIGTERM", "terminated"), ("SIGHUP", "terminated"), ("SIGINT", "interrupted")],
)
def test_signals_become_an_orderly_stop(number: str, reason: str) -> None:
    before = signal.getsignal(signal.Signals[number])
    with catch_signals() as signals:
        assert signals(0.0) == []
        os.kill(os.getpid(), signal.Signals[number])
        (stop,) = signals(1.0)
    assert vars(stop) == {"time": 1.0, "reason": reason}
    assert signal.getsignal(signal.Signals[number]) is before


def prepared(study: Study, participant: str = "001", **settings: object) -> PreparedTriplets:
    sitting = Sitting(
        study=study,
        participant=participant,
        session=1,
        **settings,  # type: ignore[arg-type]
    )
    session = prepare_session("odd-one-out", sitting)
    assert isinstance(session, PreparedTriplets)
    return session


def listed_trials(study: Study, participant: str = "001", **settings: object) -> pd.DataFrame:
    table = prepared(study, participant, **settings).plan.trials
    assert table is not None
    return table


def test_a_session_is_prepared_from_seed_or_from_a_list(make_study: Callable[..., Path]) -> None:
    study = Study.load(make_study())
    first = prepared(study)
    table = listed_trials(study)
    assert table.equals(listed_trials(study))
    assert not table.equals(listed_trials(study, "002"))
    assert first.plan.n_trials == len(first.trials) == 14
    assert first.trials[0].trial_type == "practice"
    assert set(first.plan.stimuli) == {n for trial in first.trials for n in trial.stimuli}
    listed = study.trial_list("oddoneout", "001", 1)
    listed.parent.mkdir()
    table.iloc[:5].to_csv(listed, sep="\t", index=False)
    assert prepared(study).trials == first.trials[:5]


def test_a_pilot_run_is_the_short_beginning_of_the_session(make_study: Callable[..., Path]) -> None:
    study = Study.load(make_study(design="trials = 30\npractice = 2\n"))
    whole, short = prepared(study), prepared(study, pilot=True)
    assert len(whole.trials) == 32
    assert short.trials == whole.trials[: 2 + PILOT_TRIALS]
    assert (short.plan.n_trials, short.plan.pilot) == (2 + PILOT_TRIALS, True)
    assert short.sitting.root == study.pilot
    assert whole.sitting.root == study.raw


def test_preparing_refuses_what_does_not_fit(make_study: Callable[..., Path]) -> None:
    root = make_study()
    study = Study.load(root)
    with pytest.raises(TwoalikeError, match="sessions count from 1"):
        prepare_session("odd-one-out", Sitting(study=study, participant="001", session=0))
    with pytest.raises(TwoalikeError, match="does not know"):
        prepared(study, observer=observer())
    (root / "stimuli" / "warm0.png").write_bytes(b"other")
    with pytest.raises(TwoalikeError, match="warm0"):
        prepared(study)
