"""One rating as a state machine and as answered; a session of them, and hands that rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.observers import SimulatedRater
from twoalike.record import rating_is_right
from twoalike.tasks._activity import (
    Activity,
    Event,
    KeyPress,
    Nudge,
    PointerMove,
    PointerPress,
    PointerRelease,
    Rating,
    Scene,
    Scroll,
)
from twoalike.tasks._duration import Duration, answer_duration
from twoalike.tasks._listed import PreparedTrials
from twoalike.tasks._simulated import SeededHands, drag, read_on
from twoalike.tasks._trial import Asked, ListedResult, Phase, Trial, TrialActivity
from twoalike.tasks.pair_rating._protocol import PairRating, RatingLayout, lay_out_rating, rooms_of
from twoalike.tasks.screens import View

_FINE = 0.2
"""Step of an arrow key with Shift, times the step without."""


@dataclass(frozen=True)
class RatingResult(ListedResult):
    """A rating that was shown to its end."""

    value: float | None
    """Point of a Likert scale, or place on a slider; None if the time limit passed."""
    response_time: float | None
    """From the onset to the end of the answer, s."""
    method: str
    """How the answer was last set: keyboard, mouse, touch, wheel, none."""
    n_adjustments: int
    scale_points: int | None
    start_value: float | None

    @property
    def timed_out(self) -> bool:
        return self.value is None

    @property
    def correct(self) -> bool | None:
        return rating_is_right(self.value, self.scale_points, self.trial.expected_half)

    def given(self) -> dict[str, object]:
        return {
            "response": self.value,
            "scale_points": self.scale_points,
            "start_value": self.start_value,
            "n_adjustments": self.n_adjustments,
            "response_method": self.method,
            "response_time": self.response_time,
        }


class RatingActivity(TrialActivity):
    """One rating.

    ``value``: chosen point, or place of the handle; ``asked``: since when a slider left at its
    start waits for a second press of Done.
    """

    trial: Trial
    protocol: PairRating
    layout: RatingLayout

    def _begin(self) -> None:
        super()._begin()
        slider = self.protocol.scale.kind == "slider"
        self.value: float | None = self.protocol.scale.start if slider else None
        self.n_adjustments, self.method = 0, "none"
        self._grip: float | None = None  # the value at which the pointer took the handle
        self._counted = False  # whether this drag has changed the value

    @property
    def _trial_scene(self) -> Scene:
        if self.phase is not Phase.ANSWER:
            return Rating(self.trial.row, value=self.value)
        texts = self.protocol.texts
        text = texts.confirm if self._asks(Asked.DONE) else texts.done
        return Rating(
            self.trial.row,
            prompt=texts.prompt,
            value=self.value,
            moved=self.n_adjustments > 0,
            button=text if self.protocol.has_button else "",
            until=self._timer,
        )

    def _run_out(self, time: float) -> None:
        self.value, self.method = None, "none"
        self._decide(None)

    def _take(self, event: Event) -> None:
        if self.phase not in (Phase.FIXATION, Phase.ANSWER):
            return
        if not self._too_early(event.time):
            self._answer(event)
        elif isinstance(event, KeyPress | PointerPress) and self._means_something(event):
            self.early += 1

    def _means_something(self, event: KeyPress | PointerPress) -> bool:
        scale, answers, layout = self.protocol.scale, self.protocol.answers, self.layout
        if isinstance(event, KeyPress):
            likert = scale.kind == "likert" and answers.point(event.key, scale.points) is not None
            return likert or event.key in answers.done_keys
        if not answers.mouse or event.button != "left":
            return False
        if scale.kind == "slider" and layout.on_track(event.x, event.y):
            return True
        return layout.point_at(event.x, event.y) is not None

    def _answer(self, event: Event) -> None:
        scale, answers = self.protocol.scale, self.protocol.answers
        match event:
            case KeyPress(time=time, key=key) if key in answers.done_keys:
                self._press_done(time, "keyboard")
            case KeyPress(time=time, key=key) if scale.kind == "likert":
                point = answers.point(key, scale.points)
                if point is not None:
                    self._choose(time, point, "keyboard")
            case Nudge():
                self._nudge(event)
            case Scroll(notches=notches) if scale.kind == "slider" and answers.wheel:
                self._move(notches * scale.step, "wheel")
            case PointerPress(button="left") if answers.mouse:
                self._press(event)
            case PointerMove(x=x) if self._grip is not None:
                self._slide(x)
            case PointerRelease(x=x, button="left") if self._grip is not None:
                self._slide(x)
                self._grip = None

    def _press(self, event: PointerPress) -> None:
        layout, time = self.layout, event.time
        point = layout.point_at(event.x, event.y)
        if point is not None:
            self._choose(time, point, self._pointing)
        elif layout.done is not None and layout.done.holds(event.x, event.y):
            self._press_done(time, self._pointing)
        elif not layout.points and layout.on_track(event.x, event.y):
            handle = layout.x_of(self.value or 0.0)
            on_handle = abs(event.x - handle) <= layout.handle[0] / 2
            # Taken off its middle, the handle must not jump below the pointer.
            self._grip, self._counted = (handle - event.x if on_handle else 0.0), False
            self._slide(event.x)

    def _slide(self, x: float) -> None:
        """Move the handle with the pointer; a press and its drag are one adjustment."""
        assert self._grip is not None
        value = self.layout.value_at(x + self._grip)
        if value != self.value:
            self.value, self.method, self.asked = value, self._pointing, None
            self.n_adjustments += not self._counted
            self._counted = True

    def _nudge(self, event: Nudge) -> None:
        scale, step = self.protocol.scale, event.dx or event.dy
        if scale.kind == "slider":
            self._move(step * scale.step * (_FINE if event.fine else 1), "keyboard")
            return
        # From the middle of the scale, if nothing is chosen yet.
        middle = (scale.points + 1) // 2
        point = middle if self.value is None else int(self.value) + step
        self._set(min(max(point, 1), scale.points), "keyboard")

    def _move(self, by: float, method: str) -> None:
        assert self.value is not None
        self._set(round(min(max(self.value + by, 0.0), 1.0), 4), method)

    def _set(self, value: float, method: str) -> None:
        if value != self.value:
            self.value, self.method, self.asked = value, method, None
            self.n_adjustments += 1

    def _choose(self, time: float, point: int, method: str) -> None:
        self._set(point, method)
        self.method = method
        if not self.protocol.scale.confirm:
            self._finish(time)

    def _press_done(self, time: float, method: str) -> None:
        if self.value is None:
            return
        if self.n_adjustments == 0 and self.asked is None:
            self.asked = (Asked.DONE, time)
            return
        if self.n_adjustments == 0:
            self.method = method
        self._finish(time)

    def _finish(self, time: float) -> None:
        self._decide(time)
        self._enter(Phase.FEEDBACK if self.protocol.timing.feedback_s > 0 else Phase.DONE)

    def _decide(self, time: float | None) -> None:
        assert self.onset is not None
        scale, self.asked, self._grip = self.protocol.scale, None, None
        likert, taken = scale.kind == "likert", None if time is None else time - self.onset
        self.result = RatingResult(
            trial=self.trial,
            onset=self.onset,
            value=self.value,
            response_time=taken,
            method=self.method,
            n_adjustments=self.n_adjustments,
            scale_points=scale.points if likert else None,
            start_value=None if likert else float(scale.start),
            early=self.early,
            dropped=self._dropped,
            flag=self._flag(taken),
        )


_MEAN_S = 3.0
"""Mean time of a rating. An assumption: that of an odd-one-out choice, with one pair in place of
three but a finer answer."""
_SLIDE_S = 1.0
"""Further time to move a slider and press Done."""
_AGAIN_S, _SLIDE_STEPS, _TO_DONE_S = 0.3, 8, 0.4
_MOUSE_SHARE = 0.2


@dataclass
class _Plan:
    """What is done in a trial: when, which place on the scale, and by what."""

    trial: Trial
    moment: float
    place: float
    by_mouse: bool


class RatingHands(SeededHands[SimulatedRater]):
    """Rates as an observer would."""

    _plan: _Plan | None = None

    def act(self, activity: Activity) -> None:
        assert isinstance(activity, RatingActivity)
        if activity.open and activity.onset is not None:
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
class PreparedRatings(PreparedTrials[Trial]):
    """A session of ratings that can start."""

    protocol: PairRating
    hands_of = staticmethod(lambda one, *more: RatingHands(SimulatedRater(one), *more))
    lay_out = staticmethod(lay_out_rating)
    rooms = staticmethod(rooms_of)

    def activity(
        self, trial: Trial, layout: RatingLayout, view: View, trigger: float | None
    ) -> RatingActivity:
        return RatingActivity(trial, self.protocol, layout)

    @classmethod
    def trials_duration(cls, protocol: PairRating, trials: Sequence[Trial | None]) -> Duration:
        timing = protocol.timing
        mean_s = _MEAN_S + (_SLIDE_S if protocol.has_button else 0.0)
        return answer_duration(timing, mean_s, timing.feedback_s).times(len(trials))
