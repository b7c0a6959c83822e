"""Sessions of listed choices, and places of images by the rows of events alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from twoalike.observers import SimulatedObserver
from twoalike.tasks import (
    Frame,
    Item,
    Marks,
    NoWindow,
    Opening,
    Session,
    SimulatedParticipant,
    Trial,
    View,
    VirtualClock,
    getting_ready,
    lay_out,
    listed_script,
    run_session,
)
from twoalike.tasks.choosing import Choosing, TripletActivity, TripletHands, answer_keys
from twoalike.tasks.screens import Layout


def triplet_script(
    protocol: Choosing,
    layout: Layout,
    trials: Sequence[Trial],
    opening: Opening,
    *,
    refresh_hz: float | None = None,
    masks: Any = None,
    **more: Any,
) -> Any:
    """The script of a session that has no files."""

    def show(trial: Trial, trigger: float | None) -> TripletActivity:
        masked = (
            trial
            if masks is None
            else replace(trial, masks=masks.of(trial.stimuli, trial.trial_index))
        )
        timed = {"refresh_hz": refresh_hz, "trigger": trigger}
        return TripletActivity(masked, protocol, layout, **timed)

    scanner = None if protocol.scanner.start == "none" else protocol.scanner
    frame = Frame(layout.size, layout.text)
    keys = answer_keys(protocol)
    return listed_script(protocol, frame, trials, opening, show, keys=keys, scanner=scanner, **more)


OBSERVER = SimulatedObserver(("a", "b", "c"), np.eye(3))


def simulate(
    protocol: Any,
    trials: Sequence[Trial],
    screen: NoWindow | None = None,
    kept: list[Item] | None = None,
    *,
    clock: VirtualClock | None = None,
    observer: SimulatedObserver = OBSERVER,
    marks: Marks | None = None,
    **more: Any,
) -> list[Item]:
    """Let an observer do listed trials; what was kept, also in ``kept`` if the screen fails."""
    clock = clock or VirtualClock()
    screen, items = screen or NoWindow(clock), [] if kept is None else kept
    opening = Opening(consent=False, form=(), resumed=False)
    layout = lay_out(protocol, View(screen.size, refresh_hz=clock.refresh_hz))
    script = triplet_script(protocol, layout, trials, opening, refresh_hz=clock.refresh_hz, **more)
    session = Session(script, "Stop?", getting_ready(protocol), protocol.scanner.key)
    player = SimulatedParticipant(TripletHands(observer, screen, clock, (7, 1)), screen, clock)
    assert run_session(session, screen, items.append, player.act, marks) == "completed"
    return items


def replay(rows: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, tuple[float, float]]]:
    """Final places by trial and image, from the rows of a run's table of events."""
    seats: dict[int, dict[str, tuple[float, float]]] = {}
    places: dict[int, dict[str, tuple[float, float]]] = {}
    for row in rows:
        trial, what = int(row["trial_index"]), row["trial_type"]
        if what == "trial_start":
            seats[trial], places[trial] = {}, {}
        elif what == "reset":
            places[trial] = dict(seats[trial])
        elif what in ("seat", "drag"):
            place = (float(row["x"]), float(row["y"]))
            if what == "seat":
                seats[trial][str(row["stimulus"])] = place
            assert str(row["stimulus"]) in seats[trial]
            places[trial][str(row["stimulus"])] = place
    return places
