"""Hands of a simulated participant at three images."""

from collections.abc import Sequence

import numpy as np

from twoalike.observers import SimulatedObserver
from twoalike.tasks._activity import Activity
from twoalike.tasks._simulated import read_on
from twoalike.tasks._virtual import PlayableScreen, VirtualClock
from twoalike.tasks.odd_one_out._activity import TripletActivity
from twoalike.tasks.odd_one_out._trial import Trial

_AGAIN_S = 0.3
_MOUSE_SHARE = 0.2


class TripletHands:
    """Chooses the odd one out as an observer would.

    What it does in a trial depends on the seed and the trial alone, so a session that was
    killed and resumed has the same answers as one that was not.

    Parameters
    ----------
    seed
        Words of the seed; the trial's number is added to them.
    """

    def __init__(
        self,
        observer: SimulatedObserver,
        screen: PlayableScreen,
        clock: VirtualClock,
        seed: Sequence[int],
    ) -> None:
        self._observer, self._screen, self._clock = observer, screen, clock
        self._seed = tuple(seed)
        self._plan: tuple[Trial, float, str, bool] | None = None

    def act(self, activity: Activity) -> None:
        """Choose, or wait for what comes by itself."""
        assert isinstance(activity, TripletActivity)
        state = activity.state
        if activity.choosing and state.onset is not None:
            self._choose(activity, state.trial, state.onset)
        elif activity.deadline is not None:
            self._clock.wait_until(activity.deadline)
        else:
            read_on(self._screen, self._clock, activity.protocol.pages.page_s)

    def _choose(self, activity: TripletActivity, trial: Trial, onset: float) -> None:
        if self._plan is None or self._plan[0] is not trial or self._plan[1] < onset:
            rng = np.random.default_rng([*self._seed, trial.trial_index])
            item, taken = self._observer.respond(trial.stimuli, rng)
            by_mouse = activity.protocol.answers.mouse and rng.random() < _MOUSE_SHARE
            self._plan = (trial, onset + taken, trial.positions[item], by_mouse)
        moment = max(self._plan[1], self._clock.now())
        if activity.deadline is not None and moment >= activity.deadline:
            self._clock.wait_until(activity.deadline)
            return
        self._clock.wait_until(moment)
        _, _, place, by_mouse = self._plan
        keys: Sequence[str] = getattr(activity.protocol.answers, place)
        if by_mouse or not keys:
            self._screen.click(*activity.layout.centre(place))
        else:
            self._screen.press_key(keys[0])
        # If the press came too early to count, press again a little later.
        self._plan = (trial, moment + _AGAIN_S, place, by_mouse)
