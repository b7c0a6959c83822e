"""Hands of a simulated participant who takes images and puts them in their places."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoalike.tasks._activity import Activity, Box
from twoalike.tasks._simulated import PlayableScreen, SeededHands, drag, read_on
from twoalike.tasks._trial import Asked, Phase
from twoalike.tasks.multi_arrangement._placing import PlacingActivity, Point

_CONFIRM_S = 0.5
_STEPS = 8
_GRIPS = (0.0, -0.4, 0.4, -0.2, 0.2)
"""Where an image can be taken, in sides from its centre: first the middle, then the edges."""


@dataclass(frozen=True)
class Plan:
    """What a simulated participant will do in a trial: every image once."""

    trial_index: int
    order: tuple[int, ...]
    """Items in the order in which they are taken."""
    targets: tuple[Any, ...]
    """Where each item will go: a point in arena units, or the place of a pile."""
    times: tuple[tuple[float, float], ...]
    """Pause before each item is taken, and how long it is dragged, s."""
    pause_s: float
    """Before Done."""
    by_key: bool
    """Whether Done is a key, not the button."""


class PlacingHands[O](SeededHands[O], ABC):
    """Places images as an observer would; real hands may interfere."""

    word: int
    """Word of the seed that sets the observer's draws apart from those of the design."""
    _plan: Plan | None = None

    @abstractmethod
    def plan(self, activity: Any, rng: np.random.Generator) -> Plan:
        """Draw what the observer will do in a trial."""

    @abstractmethod
    def target(self, activity: Any, target: Any) -> Point:
        """Point of the window where an item is to go."""

    @abstractmethod
    def is_there(self, activity: Any, item: int, target: Any) -> bool:
        """Whether an item is where it is to go."""

    def act(self, activity: Activity) -> None:
        """Place an image, press Done, turn the page, or wait for the time limit.

        What an action brings must reach the activity before the next one.
        """
        assert isinstance(activity, PlacingActivity)
        if activity.phase is Phase.MESSAGE:
            read_on(self._screen, self._clock, activity.protocol.pages.page_s)
        elif activity.open:
            index = activity.trial.trial_index
            if self._plan is None or self._plan.trial_index != index:
                self._plan = self.plan(activity, self._rng(index, self.word))
            self._act(activity, self._plan)

    def _act(self, activity: PlacingActivity, plan: Plan) -> None:
        left = [k for k in plan.order if not self.is_there(activity, k, plan.targets[k])]
        item = min(left, key=lambda k: activity.handling[k].n_moves, default=None)
        now, (pause_s, drag_s) = self._clock.now(), plan.times[item] if item is not None else (0, 0)
        moment = max(now + pause_s, _earliest_done(activity, plan.pause_s) if item is None else 0)
        limit = activity.phase_end
        if limit is not None and moment + drag_s >= limit:
            self._clock.wait_until(limit)
            return
        self._clock.wait_until(moment)
        if item is None:
            keys, done = activity.protocol.answers.done_keys, activity.layout.done
            press_done(keys, done, self._screen, by_key=plan.by_key)
        else:
            self._move(activity, item, self.target(activity, plan.targets[item]), drag_s)

    def _move(self, activity: PlacingActivity, item: int, target: Point, duration_s: float) -> None:
        start = _grip(activity, item)
        if start is None:
            # Somebody else's hand has hidden it: what covers it moves by its size, and back later.
            cover = activity.topmost(*activity.places[item])
            assert cover is not None
            item, start = cover, activity.places[cover]
            side = -1.0 if start[0] > 0 else 1.0
            target = (start[0] + side * 1.5 * activity.layout.item, start[1])
        shift = np.subtract(target, activity.places[item])
        points = np.add(start, np.linspace(0, 1, _STEPS + 1)[:, None] * shift)
        drag(self._screen, self._clock, [(x, y) for x, y in points.tolist()], duration_s)


def _grip(activity: PlacingActivity, item: int) -> Point | None:
    layout, centre = activity.layout, activity.places[item]
    for across in _GRIPS:
        for up in _GRIPS:
            x, y = centre[0] + across * layout.item, centre[1] + up * layout.item
            if layout.clamp(x, y) == (x, y) and activity.topmost(x, y) == item:
                return x, y
    return None


def press_done(keys: Sequence[str], button: Box, screen: PlayableScreen, *, by_key: bool) -> None:
    """Press Done by its key or its button."""
    if by_key and keys:
        screen.press_key(keys[0])
    else:
        screen.click(button.x, button.y)


def _earliest_done(activity: PlacingActivity, pause_s: float) -> float:
    assert activity.onset is not None
    if activity.asked is not None and activity.asked[0] is Asked.DONE:
        return activity.asked[1] + _CONFIRM_S
    last = max(handled.last_move or 0.0 for handled in activity.handling)
    return max(last + pause_s, activity.onset + float(activity.protocol.timing.minimum_s))
