"""Sessions of listed choices, and places of images by the rows of events alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twoalike.tasks import Frame, Opening, Trial, listed_script
from twoalike.tasks.choosing import Choosing, TripletActivity, answer_keys
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
