"""Hands of a simulated participant at the arena."""

from collections.abc import Sequence

import numpy as np

from twoalike.observers import SimulatedArranger
from twoalike.tasks._activity import Activity
from twoalike.tasks._virtual import PlayableScreen, VirtualClock
from twoalike.tasks.multi_arrangement._activity import ArrangementActivity
from twoalike.tasks.multi_arrangement._simulate import (
    ArrangementPlan,
    next_action,
    plan_arrangement,
)

_HANDS = 2
"""Word of the seed that sets the observer's draws apart from those of the design."""


class ArrangementHands:
    """Arranges as an observer would.

    What it does in a trial depends on the seed and the trial alone, so a session that was
    killed and resumed has the same arrangements as one that was not.

    Parameters
    ----------
    seed
        Words of the seed; the trial's number is added to them.
    """

    def __init__(
        self,
        arranger: SimulatedArranger,
        screen: PlayableScreen,
        clock: VirtualClock,
        seed: Sequence[int],
    ) -> None:
        self._arranger, self._screen, self._clock = arranger, screen, clock
        self._seed = tuple(seed)
        self._plan: ArrangementPlan | None = None

    def act(self, activity: Activity) -> None:
        """Do the next thing in a trial."""
        assert isinstance(activity, ArrangementActivity)
        index = activity.trial.trial_index
        if self._plan is None or self._plan.trial_index != index:
            rng = np.random.default_rng([*self._seed, index, _HANDS])
            self._plan = plan_arrangement(self._arranger, activity.trial, rng)
        next_action(activity, self._plan, self._screen, self._clock)
