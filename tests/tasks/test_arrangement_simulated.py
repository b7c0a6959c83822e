"""A simulated participant at the arena."""

import math
from typing import Any

import numpy as np
import pytest

from twoalike.observers import SimulatedArranger, SimulatedObserver
from twoalike.tasks import NoWindow, VirtualClock
from twoalike.tasks._activity import (
    Button,
    Event,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
)
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementResult,
    ArrangementTrial,
    MultiArrangement,
    lay_out_arena,
)
from twoalike.tasks.multi_arrangement._arranging import ArrangementHands, draw_seats


class Pixels(NoWindow):
    """Counts the pointer in whole pixels, as windows do."""

    def pointer_press(self, x: float, y: float, button: Button = "left") -> None:
        super().pointer_press(round(x), round(y), button)

    def pointer_move(self, x: float, y: float) -> None:
        super().pointer_move(round(x), round(y))

    def pointer_release(self, x: float, y: float, button: Button = "left") -> None:
        super().pointer_release(round(x), round(y), button)


def arranger(n: int) -> SimulatedArranger:
    embedding = np.random.default_rng(5).gamma(1.0, size=(n, 5))
    return SimulatedArranger(SimulatedObserver(tuple(f"o{k}" for k in range(n)), embedding))


def run(
    n: int, *, seed: int = 1, whole: bool = False, meddle: tuple[Event, ...] = (), **tables: Any
) -> tuple[ArrangementResult, ArrangementActivity]:
    """One trial through; ``meddle`` is what a real hand does at the start."""
    protocol = MultiArrangement.model_validate(tables)
    rng = np.random.default_rng(seed)
    trial = ArrangementTrial(
        trial_index=1,
        trial_type="main",
        items=tuple(f"o{k}" for k in range(n)),
        seats=draw_seats(n, rng),
    )
    activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, (1280, 1024), n))
    clock = VirtualClock()
    screen = Pixels(clock) if whole else NoWindow(clock)
    hands = ArrangementHands(arranger(n), screen, clock, (seed,))
    results: list[Any] = []
    events: list[Event] = [Shown(0.0), *meddle]
    for _ in range(60 * n):
        results += [item for event in events for item in activity.handle(event)]
        if activity.finished:
            break
        hands.act(activity)
        events = [*screen.events(), Tick(clock.now()), Shown(clock.now())]
    (result,) = (item for item in results if isinstance(item, ArrangementResult))
    return result, activity


@pytest.mark.parametrize("n", [2, 3, 60])
@pytest.mark.parametrize("whole", [False, True])
def test_images_end_where_the_observer_wants_them(n: int, whole: bool) -> None:
    result, activity = run(n, whole=whole)
    wanted = arranger(n).arrange(result.trial.items, np.random.default_rng([1, 1, 2]))
    # Half a pixel at either end of a drag.
    tolerance = 1.01 * math.sqrt(2) / (2 * activity.layout.radius) if whole else 2e-6
    assert np.linalg.norm(np.subtract(result.places, wanted), axis=1).max() < tolerance
    assert all(result.inside) and not result.timed_out
    assert {handled.n_moves for handled in result.handling} == {1}


def test_done_comes_by_key_and_by_button_and_can_be_confirmed() -> None:
    methods = {run(3, seed=seed)[0].ending.method for seed in range(12)}
    assert methods == {"keyboard", "mouse"}
    assert run(3, answers={"confirm_done": True})[0].ending.reason == "done"
    assert run(3, answers={"done_keys": []})[0].ending.method == "mouse"


def test_the_time_limit_cuts_a_simulated_participant_off() -> None:
    result, activity = run(20, timing={"trial_limit_s": 12.0})
    assert result.timed_out and result.ending.time == 12.0
    assert 0 < sum(result.inside) < 20
    assert activity.finished


def test_a_real_hand_cannot_bring_it_to_a_stop() -> None:
    probe = run(3)[1]
    seats = probe.seats
    # All images on one pile, outside.
    meddle: list[Event] = []
    for number, seat in enumerate(seats):
        meddle += [
            PointerPress(0.1 * number, seat.x, seat.y),
            PointerRelease(0.1 * number, -600.0, 300.0),
        ]
    result, _ = run(3, meddle=tuple(meddle))
    assert result.ending.reason == "done"
