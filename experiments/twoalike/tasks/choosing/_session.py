"""A session of choices: how long it takes, its masks, and hands that answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twoalike.choice import ChoiceKind
from twoalike.observers import SimulatedObserver
from twoalike.tables import MOST_SHOWN, STIMULI
from twoalike.tasks._activity import Activity, Page
from twoalike.tasks._duration import BETWEEN, Duration, paced
from twoalike.tasks._listed import PreparedTrials
from twoalike.tasks._simulated import SeededHands, read_on
from twoalike.tasks._trial import Trial
from twoalike.tasks.choosing._choosing import TripletActivity
from twoalike.tasks.choosing._protocol import Choosing, answer_keys
from twoalike.tasks.screens import Frame, GridProtocol, Layout, Room, View, lay_out, widest

MEDIAN_S = {"coarse": 3.31, "fine": 3.07, "boundary": 2.04}
"""Published medians by condition; triplets without a condition count as coarse, those with a right
answer as boundary. Of more images than three, in proportion to their number (an assumption)."""
MEAN_TO_MEDIAN = 1.12
"""Mean of a person's times relative to their median. 2.6 % of all times were above 10 s, so their
logarithms spread by .6, of which .48 are within a person: the mean is exp(.48²/2) medians."""


@dataclass(frozen=True)
class _Planned:
    """What simulated hands do in a trial that began at ``start``, s."""

    trial: Trial
    start: float
    presses: tuple[tuple[str, float], ...]
    """Places still to press, with times since the start, s."""
    by_mouse: bool


_AGAIN_S = 0.3
_MOUSE_SHARE = 0.2
_FIRST = 0.6
"""Share of the time for a pair after which simulated observers choose its first image."""
_CHANGES = 0.05
"""Share of pairs of which they choose another image first and take it back."""


class TripletHands(SeededHands[SimulatedObserver]):
    """Chooses as an observer would: an image, or the pair that is most alike."""

    _plan: _Planned | None = None

    def act(self, activity: Activity) -> None:
        assert isinstance(activity, TripletActivity)
        if activity.choosing and activity.onset is not None:
            self._choose(activity, activity.trial, activity.onset)
        elif activity.showing:
            return  # the next frame comes by itself
        elif activity.deadline is not None:
            self._clock.wait_until(activity.deadline)
        else:
            read_on(self._screen, self._clock, activity.protocol.pages.page_s)

    def _choose(self, activity: TripletActivity, trial: Trial, onset: float) -> None:
        if self._plan is None or self._plan.trial is not trial or self._plan.start < onset:
            rng = self._rng(trial.trial_index)
            presses = self._presses(trial, rng)
            by_mouse = activity.protocol.answers.mouse and rng.random() < _MOUSE_SHARE
            self._plan = _Planned(trial, onset, presses, by_mouse)
        plan, (place, taken) = self._plan, self._plan.presses[0]
        moment = max(plan.start + taken, self._clock.now())
        if activity.showing and moment > self._clock.now():
            return
        if activity.deadline is not None and moment >= activity.deadline:
            self._clock.wait_until(activity.deadline)
            return
        self._clock.wait_until(moment)
        keys = activity.protocol.answers.keys(place)
        if plan.by_mouse or not keys:
            self._screen.click(*activity.layout.centre(place))
        else:
            self._screen.press_key(keys[0])
        # If the press came too early to count, press again a little later.
        again = (place, moment + _AGAIN_S - plan.start)
        self._plan = replace(plan, presses=plan.presses[1:] or (again,))

    def _presses(self, trial: Trial, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
        """Places to press in a trial, each with its time since the onset, s."""
        if trial.kind != "alike_pair":
            kind: ChoiceKind = "anchored" if trial.anchored else "odd_one_out"
            item, taken = self.observer.respond(trial.stimuli, rng, kind=kind)
            return ((trial.positions[item], taken),)
        pair, taken = self.observer.respond_pair(trial.stimuli, rng)
        one, other = (trial.positions[item] for item in rng.permutation(pair))
        presses = ((one, _FIRST * taken), (other, taken))
        if rng.random() >= _CHANGES:
            return presses
        third = next(place for place in trial.positions if place not in (one, other))
        return ((third, 0.3 * taken), (third, 0.4 * taken), *presses)


@dataclass(frozen=True, kw_only=True)
class PreparedTriplets(PreparedTrials[Trial]):
    """A session of choices that can start."""

    protocol: Choosing
    hands_of = TripletHands
    lay_out = staticmethod(lay_out)

    @property
    def page_keys(self) -> frozenset[str]:
        return answer_keys(self.protocol)

    def activity(
        self, trial: Trial, layout: Layout, view: View, trigger: float | None
    ) -> TripletActivity:
        return TripletActivity(
            replace(trial, masks=self.given.of(trial.stimuli, trial.trial_index)),
            self.protocol,
            layout,
            refresh_hz=view.refresh_hz,
            trigger=trigger,
        )

    @classmethod
    def trials_duration(cls, protocol: Choosing, trials: Sequence[Trial | None]) -> Duration:
        return sum((_trial_duration(protocol, trial) for trial in trials), Duration())

    @classmethod
    def numbers_shown(cls, protocol: Any) -> Sequence[int]:
        """Images of a trial, from the most on: how many is no setting of the protocol.

        A session whose own images do not fit is refused when its window opens.
        """
        most = MOST_SHOWN if isinstance(protocol, GridProtocol) else len(STIMULI)
        return range(most, len(STIMULI) - 1, -1)

    @classmethod
    def rooms(cls, protocol: Choosing, layout: Layout, pages: Frame) -> Iterator[Room]:
        texts = protocol.texts
        for key in ("prompt", "listen", "right", "wrong"):
            room = (1.3, widest(pages), layout.prompt_room)
            yield Room(f"texts.{key}", getattr(texts, key), *room)
        for place, text in zip(layout.places, protocol.labels_at(layout.places), strict=True):
            if text:
                room = (1, layout.label_width(place), layout.label_room)
                yield Room("texts.labels", text, *room)

    @classmethod
    def single_pages(cls, protocol: Choosing) -> Iterator[tuple[str, Page]]:
        yield from super().single_pages(protocol)
        if protocol.scanner.start != "none":
            yield "texts.scanner", Page(protocol.texts.scanner)


def _trial_duration(protocol: Choosing, trial: Trial | None) -> Duration:
    timing, practice = protocol.timing, protocol.practice
    easy = trial is not None and trial.expected is not None
    condition = None if trial is None else trial.condition
    median = MEDIAN_S["boundary"] if easy else MEDIAN_S.get(condition or "", MEDIAN_S["coarse"])
    n_images = len(STIMULI) if trial is None else len(trial.stimuli)
    choice = paced(MEAN_TO_MEDIAN * median * n_images / len(STIMULI))
    if timing.response_limit_s:
        choice = choice.capped(timing.response_limit_s, timing.response_limit_s)
    judged = easy and trial is not None and trial.trial_type == "practice" and practice.feedback
    shown = timing.presentation_s(n_images)
    fixed = timing.fixation_s + shown + (practice.feedback_s if judged else timing.feedback_s)
    return choice + Duration(fixed, fixed) + BETWEEN
