"""A pair-rating session: from its files, how long it takes, and hands that rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from twoalike.observers import SimulatedRater
from twoalike.record import Progress
from twoalike.tasks._activity import Activity
from twoalike.tasks._duration import Duration, Times, paced
from twoalike.tasks._listed import (
    PreparedTrials,
    listed_script,
    listed_times,
    pages_duration,
)
from twoalike.tasks._session import Script
from twoalike.tasks._simulated import SeededHands, read_on
from twoalike.tasks.multi_arrangement import drag
from twoalike.tasks.pair_rating._layout import lay_out_rating
from twoalike.tasks.pair_rating._protocol import PairRating
from twoalike.tasks.pair_rating._trial import PairTrial, Phase, RatingActivity, pair_trials
from twoalike.tasks.screens import Frame, View

_MEAN_S = 3.0
"""Mean time of a rating. An assumption: that of an odd-one-out choice, with one pair in place of
three but a finer answer."""
_SLIDE_S = 1.0
"""Further time to move a slider and press Done."""
_BETWEEN = Duration(0.0, 0.3)
"""To keep an answer and fetch the next images."""


def rating_times(
    protocol: PairRating,
    trials: Sequence[PairTrial],
    n_done: int = 0,
    *,
    further: int = 0,
    per_block: int = 1,
) -> Times:
    """Time for the trials of a session that has ``n_done`` behind it, and for its pages.

    ``further`` trials are chosen during the session, in blocks of ``per_block``.
    """
    timing = protocol.timing
    answer = paced(_MEAN_S + (_SLIDE_S if protocol.has_button else 0.0))
    if timing.response_limit_s:
        answer = answer.capped(timing.response_limit_s, timing.response_limit_s)
    fixed = timing.fixation_s + timing.feedback_s
    one = answer + Duration(fixed, fixed) + _BETWEEN
    pages = pages_duration(protocol, trials, n_done=n_done, n_fits=-(-further // per_block))
    return Times(one.times(len(trials) - n_done + further), pages)


_AGAIN_S, _SLIDE_STEPS, _TO_DONE_S = 0.3, 8, 0.4
_MOUSE_SHARE = 0.2


@dataclass
class _Plan:
    """What is done in a trial: when, which place on the scale, and by what."""

    trial: PairTrial
    moment: float
    place: float
    by_mouse: bool


class RatingHands(SeededHands[SimulatedRater]):
    """Rates as an observer would."""

    _plan: _Plan | None = None

    def act(self, activity: Activity) -> None:
        """Do the next thing of a rating, or wait for what comes by itself."""
        assert isinstance(activity, RatingActivity)
        if activity.rating and activity.onset is not None:
            self._rate(activity, activity.onset)
        elif activity.phase is Phase.MESSAGE:
            read_on(self._screen, self._clock, activity.protocol.pages.page_s)
        elif activity.deadline is not None:
            self._clock.wait_until(activity.deadline)

    def _rate(self, activity: RatingActivity, onset: float) -> None:
        plan, trial = self._plan, activity.trial
        if plan is None or plan.trial is not trial or plan.moment < onset:
            rng = self._rng(trial.trial_index)
            place, taken = self.observer.rate(trial.stimuli, rng)
            by_mouse = activity.protocol.answers.mouse and rng.random() < _MOUSE_SHARE
            plan = self._plan = _Plan(trial, onset + taken, place, by_mouse)
        moment = max(plan.moment, self._clock.now())
        if activity.deadline is not None and moment >= activity.deadline:
            self._clock.wait_until(activity.deadline)
            return
        self._clock.wait_until(moment)
        if activity.protocol.scale.kind == "slider":
            self._slide(activity, plan)
        else:
            self._choose(activity, plan)
        # If the press came too early to count, press again a little later.
        plan.moment = self._clock.now() + _AGAIN_S

    def _choose(self, activity: RatingActivity, plan: _Plan) -> None:
        protocol = activity.protocol
        points, keys = protocol.scale.points, protocol.answers.keys
        point = min(1 + int(plan.place * points), points)
        if activity.value == point:
            self._press_done(activity, plan)
        elif plan.by_mouse:
            box = activity.layout.points[point - 1]
            self._screen.click(box.x, box.y)
        elif point <= len(keys):
            self._screen.press_key(keys[point - 1])
        else:
            self._screen.nudge(1, 0)

    def _slide(self, activity: RatingActivity, plan: _Plan) -> None:
        """Drag the handle to the nearest whole pixel, which a window counts in; then Done."""
        layout, scale, value = activity.layout, activity.protocol.scale, activity.value or 0.0
        start, end = round(layout.x_of(value)), round(layout.x_of(plan.place))
        steps = round((plan.place - value) / scale.step)
        if activity.protocol.answers.mouse and abs(layout.x_of(value) - end) >= 1:
            across = np.rint(np.linspace(start, end, _SLIDE_STEPS)).tolist()
            points = [(x, float(round(layout.track.y))) for x in across]
            drag(self._screen, self._clock, points, _TO_DONE_S)
        elif not activity.protocol.answers.mouse and steps:
            for _ in range(abs(steps)):
                self._screen.nudge(1 if steps > 0 else -1, 0)
        else:
            self._press_done(activity, plan)

    def _press_done(self, activity: RatingActivity, plan: _Plan) -> None:
        done, keys = activity.layout.done, activity.protocol.answers.done_keys
        if plan.by_mouse and done is not None:
            self._screen.click(done.x, done.y)
        else:
            self._screen.press_key(keys[0])


@dataclass(frozen=True, kw_only=True)
class PreparedRatings(PreparedTrials[PairTrial]):
    """A session of ratings that can start."""

    protocol: PairRating
    read = staticmethod(pair_trials)
    hands_of = staticmethod(lambda one, *more: RatingHands(SimulatedRater(one), *more))
    times_of = staticmethod(rating_times)

    def image_size(self, view: View) -> int:
        """Side of the square that images are fitted into."""
        return lay_out_rating(self.protocol, view).image

    def script(self, view: View, progress: Progress) -> Script:
        """Pages, trials, breaks."""
        protocol, layout = self.protocol, lay_out_rating(self.protocol, view)
        return listed_script(
            protocol,
            Frame(layout.size, layout.text),
            self.trials,
            self.opening(progress),
            lambda trial, _: RatingActivity(trial, protocol, layout),
            n_done=progress.n_done,
            more=self.more,
        )


listed_rating_times = partial(listed_times, made=PreparedRatings)
"""Time for the trials of a list, and those that an adaptive session adds to it."""
