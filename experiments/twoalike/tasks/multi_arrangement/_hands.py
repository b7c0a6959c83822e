"""Hands of a simulated participant at the arena: take images and put them in their places."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.observers import SimulatedArranger
from twoalike.tasks._activity import Activity
from twoalike.tasks._simulated import PlayableScreen, SeededHands, VirtualClock, read_on
from twoalike.tasks.multi_arrangement._arranging import ArrangementActivity
from twoalike.tasks.multi_arrangement._placing import PlacingActivity
from twoalike.tasks.multi_arrangement._trial import ArrangementTrial, Asked, Phase, Point
from twoalike.tasks.screens import Box

_NEAR_PX = 1.5
"""A window counts the pointer in whole pixels."""
_CONFIRM_S = 0.5
_STEPS = 8
_GRIPS = (0.0, -0.4, 0.4, -0.2, 0.2)
"""Where an image can be taken, in sides from its centre: first the middle, then the edges."""


@dataclass(frozen=True)
class Placement:
    """Where an item will go (arena units), after what time and in what time (s)."""

    stimulus: str
    place: Point
    pause_s: float
    drag_s: float


@dataclass(frozen=True)
class Plan:
    """What a simulated participant will do in a trial."""

    trial_index: int
    pause_s: float
    """Before Done."""
    by_key: bool
    """Whether Done is a key, not the button."""


@dataclass(frozen=True)
class ArrangementPlan(Plan):
    """What a simulated participant will do in a trial of arrangement."""

    placements: tuple[Placement, ...]
    """In their order."""


def plan_arrangement(
    arranger: SimulatedArranger, trial: ArrangementTrial, rng: np.random.Generator
) -> ArrangementPlan:
    """Draw what an observer will do in a trial: every image once, in random order."""
    positions = arranger.arrange(trial.items, rng)
    placements = []
    for item in rng.permutation(len(trial.items)):
        x, y = (float(value) for value in positions[item])
        pause, drag = arranger.times.sample(rng)
        placements.append(Placement(trial.items[item], (x, y), pause, drag))
    pause, _ = arranger.times.sample(rng)
    by_key = bool(rng.random() < 0.5)
    return ArrangementPlan(trial.trial_index, pause, by_key, tuple(placements))


def drag(
    screen: PlayableScreen, clock: VirtualClock, points: Sequence[Point], duration_s: float
) -> None:
    """Press at the first point, move evenly through the others, release at the last.

    Takes ``duration_s`` of the clock.
    """
    if len(points) < 2:
        raise ValueError("a drag needs a start and an end")
    begin = clock.now()
    screen.pointer_press(*points[0])
    for number, point in enumerate(points[1:], start=1):
        clock.wait_until(begin + duration_s * number / (len(points) - 1))
        screen.pointer_move(*point)
    screen.pointer_release(*points[-1])


def _grip(activity: ArrangementActivity, item: int) -> Point | None:
    """Find a point at which the item can be taken; None if others cover it."""
    layout, centre = activity.layout, activity.places[item]
    for across in _GRIPS:
        for up in _GRIPS:
            x, y = centre[0] + across * layout.item, centre[1] + up * layout.item
            if layout.clamp(x, y) == (x, y) and activity.topmost(x, y) == item:
                return x, y
    return None


def _misplaced(activity: ArrangementActivity, plan: ArrangementPlan) -> list[Placement]:
    """Placements still to be made, those of the least moved items first."""
    left = []
    for placement in plan.placements:
        item = activity.trial.items.index(placement.stimulus)
        x, y = activity.layout.to_pixels(*placement.place)
        if max(abs(x - activity.places[item][0]), abs(y - activity.places[item][1])) > _NEAR_PX:
            left.append((activity.handling[item].n_moves, placement))
    return [placement for _, placement in sorted(left, key=lambda pair: pair[0])]


def _place(
    activity: ArrangementActivity, placement: Placement, screen: PlayableScreen, clock: VirtualClock
) -> None:
    item = activity.trial.items.index(placement.stimulus)
    target = activity.layout.to_pixels(*placement.place)
    start = _grip(activity, item)
    if start is None:
        # Somebody else's hand has hidden it: what covers it moves by its size, and back later.
        item, target = _uncover(activity, item)
        start = activity.places[item]
    shift = (target[0] - activity.places[item][0], target[1] - activity.places[item][1])
    shares = np.linspace(0, 1, _STEPS + 1)
    points = [(start[0] + share * shift[0], start[1] + share * shift[1]) for share in shares]
    drag(screen, clock, [(float(x), float(y)) for x, y in points], placement.drag_s)


def _uncover(activity: ArrangementActivity, item: int) -> tuple[int, Point]:
    x, y = activity.places[item]
    cover = activity.topmost(x, y)
    assert cover is not None
    place = activity.places[cover]
    side = -1.0 if place[0] > 0 else 1.0
    return cover, (place[0] + side * 1.5 * activity.layout.item, place[1])


def press_done(keys: Sequence[str], button: Box, screen: PlayableScreen, *, by_key: bool) -> None:
    """Press Done by its key or its button."""
    if by_key and keys:
        screen.press_key(keys[0])
    else:
        screen.click(button.x, button.y)


def earliest_done(activity: PlacingActivity, minimum_s: float, pause_s: float) -> float:
    """Time at which Done is pressed, for the first or the second time, s of the run."""
    assert activity.onset is not None
    moves = [handled.last_move or 0.0 for handled in activity.handling]
    if activity.asked is not None and activity.asked[0] is Asked.DONE:
        return activity.asked[1] + _CONFIRM_S
    return max(max(moves) + pause_s, activity.onset + minimum_s)


def wait_or_finish(
    activity: PlacingActivity,
    screen: PlayableScreen,
    clock: VirtualClock,
    times: tuple[float, float] | None,
    plan: Plan,
) -> bool:
    """Wait until the next image is taken, or press Done; return whether to place the image now.

    It is not placed where the time limit comes first. ``times`` are the pause before the image is
    taken, and how long it is dragged, s; None: all are placed.
    """
    protocol = activity.protocol
    if times is not None:
        moment, taken = clock.now() + times[0], times[1]
    else:
        done = earliest_done(activity, protocol.timing.minimum_s, plan.pause_s)
        moment, taken = max(clock.now(), done), 0.0
    limit = activity.time_limit
    if limit is not None and moment + taken >= limit:
        clock.wait_until(limit)
        return False
    clock.wait_until(moment)
    if times is None:
        press_done(protocol.answers.done_keys, activity.layout.done, screen, by_key=plan.by_key)
    return times is not None


def next_action(
    activity: ArrangementActivity,
    plan: ArrangementPlan,
    screen: PlayableScreen,
    clock: VirtualClock,
) -> None:
    """Do the next thing: place an image, press Done, turn the page, or wait for the time limit.

    What an action brings must reach the activity before the next one.
    """
    if activity.phase is Phase.MESSAGE:
        read_on(screen, clock, activity.protocol.pages.page_s)
    elif activity.open:
        item = next(iter(_misplaced(activity, plan)), None)
        times = None if item is None else (item.pause_s, item.drag_s)
        if wait_or_finish(activity, screen, clock, times, plan) and item is not None:
            _place(activity, item, screen, clock)


_HANDS = 2
"""Word of the seed that sets the observer's draws apart from those of the design."""


class ArrangementHands(SeededHands[SimulatedArranger]):
    """Arranges as an observer would."""

    _plan: ArrangementPlan | None = None

    def act(self, activity: Activity) -> None:
        """Do the next thing in a trial."""
        assert isinstance(activity, ArrangementActivity)
        index = activity.trial.trial_index
        if self._plan is None or self._plan.trial_index != index:
            rng = self._rng(index, _HANDS)
            self._plan = plan_arrangement(self.observer, activity.trial, rng)
        next_action(activity, self._plan, self._screen, self._clock)
