"""Simulated participants, and the loop between a session and a screen."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.tasks.scripts import simulate

from twoalike.observers import SimulatedObserver
from twoalike.study import Study, TwoalikeError
from twoalike.tasks import (
    Item,
    Note,
    NoWindow,
    OddOneOut,
    Scene,
    Shown,
    Sitting,
    Trial,
    VirtualClock,
    prepare_session,
)
from twoalike.tasks._listed import PILOT_TRIALS
from twoalike.tasks._session import catch_signals
from twoalike.tasks.choosing import PreparedTriplets, TrialResult

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


def rows_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    results = [item for item in items if isinstance(item, TrialResult)]
    return [row for one in results for row in one.rows(rt_source="simulated", pilot=False)]


def observer(temperature: float = 1.0) -> SimulatedObserver:
    # Three pairs: a and b alike, c and d, e and f.
    return SimulatedObserver(IDS, 3.0 * np.repeat(np.eye(3), 2, axis=0), temperature)


def test_rows_hold_the_observers_choices_and_times() -> None:
    trials = make_trials(300)
    rules = OddOneOut.model_validate({"breaks": {"break_every": 60}})
    kept = simulate(rules, trials, observer=observer(0.05))
    rows = rows_of(kept)
    assert [row["trial_index"] for row in rows] == list(range(1, 301))
    for trial, row in zip(trials, rows, strict=True):
        partners = {name: IDS[IDS.index(name) ^ 1] for name in trial.stimuli}
        alone = [name for name in trial.stimuli if partners[name] not in trial.stimuli]
        if len(alone) == 1:
            assert row["odd_stimulus"] == alone[0]
    times = np.array([row["response_time"] for row in rows], dtype=float)
    assert 1.5 < np.median(times) < 4.0
    assert {row["response_method"] for row in rows} == {"keyboard", "mouse"}
    assert all(row["dropped_frames"] is None for row in rows)
    assert sum(isinstance(item, Note) and item.event == "break" for item in kept) == 4


def test_time_limits_and_early_presses_happen_to_observers_too() -> None:
    timing = {"response_limit_s": 2.0, "minimum_rt_s": 1.5}
    protocol = OddOneOut.model_validate({"timing": timing})
    rows = rows_of(simulate(protocol, make_trials(200), observer=observer()))
    assert len(rows) == 200
    assert 0 < sum(row["timed_out"] is True for row in rows) < 200
    assert any(int(str(row["n_early_presses"])) > 0 for row in rows)
    answered = [row["response_time"] for row in rows if row["timed_out"] is False]
    assert all(1.5 <= float(str(taken)) < 2.0 for taken in answered)


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
    kept: list[Item] = []
    protocol = OddOneOut.model_validate({"breaks": {"ready_s": 0}})
    with pytest.raises(OSError, match="gone"):
        simulate(protocol, make_trials(3), screen, kept, clock=clock, observer=observer())
    assert len(rows_of(kept)) == 1


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
