"""One rating: as designed, as a state machine, and as answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from twoalike.record import rating_is_right
from twoalike.tasks._activity import (
    Event,
    Fixation,
    Item,
    KeyPress,
    Nudge,
    OfListedTrial,
    Page,
    PointerMove,
    PointerPress,
    PointerRelease,
    Rating,
    Scene,
    Scroll,
    Shown,
    Timer,
    trial_shown,
)
from twoalike.tasks.pair_rating._layout import RatingLayout
from twoalike.tasks.pair_rating._protocol import PairRating
from twoalike.tasks.screens import GO_ON

_FINE = 0.2
"""Step of an arrow key with Shift, times the step without."""


@dataclass(frozen=True)
class PairTrial:
    """One line of a trial list; ``stimuli`` in the order of the design, not of the screen."""

    trial_index: int
    block_index: int
    trial_type: str
    stimuli: tuple[str, str]
    positions: tuple[str, str]
    """Where each of ``stimuli`` is shown: left, right."""
    expected: str | None = None
    """Half of the scale, ``high`` or ``low``, that is right, where there is a right answer."""
    repeat_of: int | None = None
    """``trial_index`` of the first showing."""
    sampler: str = "list"

    @property
    def row(self) -> tuple[str, str]:
        """Stimuli from left to right."""
        first, second = self.stimuli
        return (first, second) if self.positions[0] == "left" else (second, first)


def pair_trials(table: pd.DataFrame) -> tuple[PairTrial, ...]:
    """Trials of a trial list of the task, as its reader gives it."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return tuple(
        PairTrial(
            trial_index=int(row["trial_index"]),
            block_index=int(row["block_index"]),
            trial_type=row["trial_type"],
            stimuli=(row["stimulus_1"], row["stimulus_2"]),
            positions=(row["position_1"], row["position_2"]),
            expected=row["expected_rating"],
            repeat_of=None if row["repeat_of"] is None else int(row["repeat_of"]),
            sampler=row["sampler"],
        )
        for row in rows
    )


@dataclass(frozen=True)
class RatingResult(OfListedTrial):
    """A rating that was shown to its end."""

    trial: PairTrial
    onset: float
    """First frame of the pair, s of the run."""
    value: float | None
    """Point of a Likert scale, or place on a slider; None if the time limit passed."""
    response_time: float | None
    """From the onset to the end of the answer, s."""
    method: str
    """How the answer was last set: keyboard, mouse, touch, wheel, none."""
    n_adjustments: int
    scale_points: int | None
    start_value: float | None
    early: int
    """Presses ignored because they came too early."""
    dropped: int | None
    """Late frames while the pair was shown; None if not known."""
    flag: str | None
    """``fast``, ``slow``, ``interrupted`` or None."""

    @property
    def timed_out(self) -> bool:
        """Whether the time limit passed."""
        return self.value is None

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right; None where there is no right answer, or no answer."""
        return rating_is_right(self.value, self.scale_points, self.trial.expected)

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[Mapping[str, Any]]:
        """Give the row of the raw table."""
        trial = self.trial
        row: dict[str, object] = {
            "trial_index": trial.trial_index,
            "block_index": trial.block_index,
            "trial_type": trial.trial_type,
            **{f"stimulus_{n}": name for n, name in enumerate(trial.stimuli, start=1)},
            **{f"position_{n}": place for n, place in enumerate(trial.positions, start=1)},
            "response": self.value,
            "scale_points": self.scale_points,
            "start_value": self.start_value,
            "n_adjustments": self.n_adjustments,
            "response_method": self.method,
            "response_time": self.response_time,
            "rt_source": rt_source,
            "rt_flag": self.flag,
            "onset": float(self.onset),
            "timed_out": self.timed_out,
            "n_early_presses": self.early,
            "dropped_frames": self.dropped,
            "expected_rating": trial.expected,
            "correct": self.correct,
            "repeat_of": trial.repeat_of,
            "sampler": trial.sampler,
            "pilot": pilot,
        }
        return (row,)


class Phase(StrEnum):
    """Phases of a trial."""

    FIXATION = "fixation"
    RATING = "rating"
    FEEDBACK = "feedback"
    MESSAGE = "message"
    DONE = "done"


class RatingActivity:
    """One trial; its result is given as soon as it is decided.

    Attributes
    ----------
    onset
        First frame of the pair, s; None until it was shown.
    value
        Chosen point, or place of the handle; None before a point is chosen.
    n_adjustments
        Times the value was set or changed by the participant.
    asked
        Since when a slider left at its start waits for a second press of Done; else None.
    result
        Of the trial that is decided.
    """

    name = "trial"

    def __init__(self, trial: PairTrial, protocol: PairRating, layout: RatingLayout) -> None:
        self.trial, self.protocol, self.layout = trial, protocol, layout
        self.early = 0
        self._interrupted = False
        self._begin()

    def _begin(self) -> None:
        self._enter(Phase.FIXATION if self.protocol.timing.fixation_s > 0 else Phase.RATING)
        slider = self.protocol.scale.kind == "slider"
        self.onset: float | None = None
        self.value: float | None = self.protocol.scale.start if slider else None
        self.n_adjustments, self.method = 0, "none"
        self.asked: float | None = None
        self.result: RatingResult | None = None
        self._dropped: int | None = 0
        self._grip: float | None = None  # the value at which the pointer took the handle
        self._counted = False  # whether this drag has changed the value

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since: float | None = None  # first frame of the phase, s

    @property
    def finished(self) -> bool:
        """Whether the trial is over, feedback included."""
        return self.phase is Phase.DONE

    @property
    def rating(self) -> bool:
        """Whether the pair waits for an answer."""
        return self.phase is Phase.RATING and self.onset is not None

    @property
    def _end(self) -> float | None:
        """Time at which the phase ends by itself; None while it waits for an answer or a frame."""
        length = {
            Phase.FIXATION: self.protocol.timing.fixation_s,
            Phase.RATING: self.protocol.timing.response_limit_s or None,
            Phase.FEEDBACK: self.protocol.timing.feedback_s,
        }.get(self.phase)
        return None if self._since is None or length is None else self._since + length

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        asked = None if self.asked is None else self.asked + self.protocol.timing.confirm_s
        return min((time for time in (self._end, asked) if time is not None), default=None)

    @property
    def scene(self) -> Scene:
        """Cross, pair with its scale, or what follows the answer."""
        texts = self.protocol.texts
        if self.phase is Phase.FIXATION:
            return Fixation()
        if self.phase is Phase.MESSAGE:
            return Page(texts.time_out, texts.go_on)
        if self.phase is not Phase.RATING:
            return Rating(self.trial.row, value=self.value)
        text = texts.done if self.asked is None else texts.confirm
        return Rating(
            self.trial.row,
            prompt=texts.prompt,
            value=self.value,
            moved=self.n_adjustments > 0,
            button=text if self.protocol.has_button else "",
            until=self._timer,
        )

    @property
    def _timer(self) -> Timer | None:
        timing, end = self.protocol.timing, self._end
        return None if end is None or not timing.show_timer else Timer(end, timing.response_limit_s)

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; a press that means nothing now changes nothing."""
        before, onset = self.result, self.onset
        if isinstance(event, Shown):
            # The frame belongs to the phase that was drawn, so time must not pass first.
            self._show(event)
        else:
            self._pass_time(event.time)
            self._respond(event)
        items: list[Item] = []
        if self.onset is not None and onset is None:
            items.append(trial_shown(self.onset, self.trial.trial_index))
        if self.result is not None and before is None:
            items.append(self.result)
        return items

    def restart(self, time: float) -> Sequence[Item]:
        """Begin an open trial anew; end a decided one."""
        if self.result is not None:
            self.phase = Phase.DONE
        else:
            self._interrupted = self._interrupted or self.onset is not None
            self._begin()
        return []

    def _show(self, event: Shown) -> None:
        if self._since is None:
            self._since = event.time
            if self.phase is Phase.RATING:
                self.onset = event.time
                self._dropped = 0 if event.dropped is not None else None
        elif self.phase is Phase.RATING and self._dropped is not None:
            self._dropped += event.dropped or 0

    def _pass_time(self, time: float) -> None:
        if self.asked is not None and time >= self.asked + self.protocol.timing.confirm_s:
            self.asked = None
        end = self._end
        if end is None or time < end:
            return
        if self.phase is Phase.RATING:
            self.value, self.method = None, "none"
            self._decide(None)
            self._enter(Phase.MESSAGE)
        else:
            self._enter(Phase.RATING if self.phase is Phase.FIXATION else Phase.DONE)

    def _respond(self, event: Event) -> None:
        if self.phase is Phase.MESSAGE:
            self._turn_page(event)
        elif self.phase in (Phase.FIXATION, Phase.RATING):
            early = (
                self.onset is None or event.time - self.onset < self.protocol.timing.minimum_rt_s
            )
            if not early:
                self._answer(event)
            elif isinstance(event, KeyPress | PointerPress) and self._means_something(event):
                self.early += 1

    def _turn_page(self, event: Event) -> None:
        """End the page after the time limit, once it has been shown long enough."""
        turns = isinstance(event, PointerPress) or (
            isinstance(event, KeyPress) and event.key in GO_ON
        )
        since = self._since
        if turns and since is not None and event.time - since >= self.protocol.pages.page_s:
            self.phase = Phase.DONE

    def _means_something(self, event: KeyPress | PointerPress) -> bool:
        """Whether a press would have answered, had it come later."""
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
        """Take an event while the pair waits for an answer."""
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

    @property
    def _pointing(self) -> str:
        return "touch" if self.protocol.screen.touch else "mouse"

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
        """Choose a point of a Likert scale, which is the answer unless it is to be confirmed."""
        self._set(point, method)
        self.method = method
        if not self.protocol.scale.confirm:
            self._finish(time)

    def _press_done(self, time: float, method: str) -> None:
        if self.value is None:
            return
        if self.n_adjustments == 0 and self.asked is None:
            self.asked = time
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

    def _flag(self, taken: float | None) -> str | None:
        timing = self.protocol.timing
        if self._interrupted:
            return "interrupted"
        if taken is None:
            return None
        if taken < timing.flag_fast_s:
            return "fast"
        return "slow" if taken > timing.flag_slow_s else None
