"""One choice among shown images as a state machine; a session of them, and hands that choose.

Of the images one is chosen, or the two that are most alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from twoalike.choice import ChoiceKind
from twoalike.observers import SimulatedObserver
from twoalike.tables import CHOICE_COLUMNS, MOST_SHOWN, STIMULI
from twoalike.tasks._activity import (
    Activity,
    Event,
    Fixation,
    ImageRow,
    KeyPress,
    Page,
    PointerPress,
    Scene,
    Shown,
    Source,
    answered,
)
from twoalike.tasks._duration import Duration, answer_duration
from twoalike.tasks._listed import PreparedTrials
from twoalike.tasks._presentation import (
    FrameCount,
    Kind,
    Presentation,
    Step,
    frame_counts,
    presentation_steps,
)
from twoalike.tasks._protocol import Moment
from twoalike.tasks._simulated import SeededHands, read_on
from twoalike.tasks._trial import ListedResult, Phase, Trial, TrialActivity
from twoalike.tasks.choosing._protocol import Choosing, answer_keys
from twoalike.tasks.screens import Frame, GridProtocol, Layout, Room, View, lay_out, widest


@dataclass(frozen=True)
class Answer:
    """A choice: which place, how, and how long after the images appeared (s)."""

    position: str
    method: str
    response_time: float
    key: str | None = None
    first: str = ""
    """Of a pair, the place chosen first; ``position`` is the second one."""
    first_time: float = 0.0
    """How long after the images appeared, s."""


@dataclass(frozen=True)
class TrialResult(ListedResult):
    """A choice that was shown to its end."""

    answer: Answer | None
    """The choice; None if the time limit passed."""
    timed: Mapping[str, object] = field(default_factory=dict)
    """Cells of the columns of timed presentation and of a scanner's trigger, where it has them."""
    n_taken_back: int = 0
    """Times that an image of a pair was chosen and taken back."""

    @property
    def timed_out(self) -> bool:
        return self.answer is None

    @property
    def correct(self) -> bool | None:
        return is_right(self.trial, self.answer)

    def given(self) -> dict[str, object]:
        answer, trial = self.answer, self.trial
        row: dict[str, object] = {
            "response_key": None if answer is None else answer.key,
            "response_method": "none" if answer is None else answer.method,
            "response_time": None if answer is None else float(answer.response_time),
            **self.timed,
        }
        chosen = sorted(_chosen(trial, answer)) if answer is not None else []
        names = [trial.stimuli[item - 1] for item in chosen]
        if trial.kind != "alike_pair":
            row["response"] = chosen[0] if chosen else None
            row[CHOICE_COLUMNS[trial.anchored][0]] = names[0] if names else None
            return row | {"response_position": None if answer is None else answer.position}
        for number in (1, 2):
            row[f"response_{number}"] = chosen[number - 1] if chosen else None
            row[f"alike_{number}"] = names[number - 1] if names else None
        row["first_response"] = row["first_response_time"] = None
        if answer is not None:
            row["first_response"] = trial.positions.index(answer.first) + 1
            row["first_response_time"] = float(answer.first_time)
        return row | {"n_taken_back": self.n_taken_back}


def _chosen(trial: Trial, answer: Answer) -> list[int]:
    places = (answer.first, answer.position)
    return [trial.positions.index(place) + 1 for place in places if place]


def is_right(trial: Trial, answer: Answer | None) -> bool | None:
    """Whether an answer is right; None where there is no right answer, or no answer."""
    if answer is None or trial.expected is None:
        return None
    right = {trial.expected, trial.expected_with} - {None}
    return set(_chosen(trial, answer)) == right


def presented(trial: Trial, protocol: Choosing, counts: Mapping[str, FrameCount]) -> Presentation:
    """Presentation of a trial whose durations are ``counts`` of frames."""
    order = sorted(trial.order, key=lambda item: trial.anchored and item > 0)
    steps = presentation_steps(protocol.timing, order, counts)
    masks = trial.masks or ("scrambled",) * len(order)
    masks = () if protocol.timing.mask == "none" else masks
    return Presentation(steps, 1 / counts["presentation_ms"].refresh_hz, masks)


_MARKS: dict[Kind, Moment] = {
    "fixation": "fixation_onset",
    "image": "image_onset",
    "interval": "image_offset",
    "mask": "mask_onset",
}


class TripletActivity(TrialActivity):
    """One choice.

    Where presentation is timed, cross, images and masks are counted in frames and shown to their
    end, also after an answer; the result comes with the frame after them at the earliest, when all
    durations are known. Of a pair the second image decides; the first one may be taken back.
    ``trigger``: time of the scanner's trigger that came before, s.
    """

    trial: Trial
    protocol: Choosing
    layout: Layout
    answer: Answer | None
    first: Answer | None

    def __init__(
        self,
        trial: Trial,
        protocol: Choosing,
        layout: Layout,
        *,
        refresh_hz: float | None = None,
        trigger: float | None = None,
    ) -> None:
        self._trigger = trigger
        # Durations below one frame are refused before a session, but for a pilot run.
        self._counts = frame_counts(protocol.timing, refresh_hz, preview=True)
        self._begun = self.taken_back = 0
        super().__init__(trial, protocol, layout)

    def _begin(self) -> None:
        super()._begin()
        self.answer = self.first = None
        self._begun += 1
        self._shown: Presentation | None = None
        if self._counts:
            self._shown = presented(self.trial, self.protocol, self._counts)
            self._enter(Phase.SHOWING)

    @property
    def showing(self) -> bool:
        """Whether frames are counted: the cross, timed images, masks, and the frame after them."""
        return self._shown is not None and not (self._shown.over or self.result is not None)

    @property
    def choosing(self) -> bool:
        """Whether the trial waits for a choice."""
        return self.answer is None and (
            self.phase is Phase.ANSWER or (self.phase is Phase.SHOWING and self._may_answer)
        )

    @property
    def _may_answer(self) -> bool:
        after = self.protocol.timing.answers_from == "offset"
        return self._shown is None or not after or self._shown.images_gone

    @property
    def moment(self) -> tuple[object, Moment | None]:
        """What the present scene is, for triggers: a new one begins where the first part changes.

        The second part is what it marks, None for nothing.
        """
        if self._shown is None:
            marks: dict[Phase, Moment] = {
                Phase.FIXATION: "fixation_onset",
                Phase.ANSWER: "image_onset",
            }
            return (self._begun, self.phase), marks.get(self.phase)
        step, number = self._shown.step, self._shown.number
        if step is not None:
            return (self._begun, number), _MARKS[step.kind]
        # Masks mark the end of the images when they appear.
        masked = self.protocol.timing.mask != "none"
        return (self._begun, number), None if masked else "image_offset"

    @property
    def phase_end(self) -> float | None:
        if self._shown is not None and self.phase is Phase.ANSWER:
            if not self.limit_s or self.onset is None or not self._shown.over:
                return None
            return self.onset + self.limit_s
        return super().phase_end

    @property
    def feedback_s(self) -> float:
        plain = self._verdict is None
        return self.protocol.timing.feedback_s if plain else self.protocol.practice.feedback_s

    @property
    def _trial_scene(self) -> Scene:
        texts, trial = self.protocol.texts, self.trial
        if self._shown is not None and self._shown.step is not None:
            return self._step_scene(self._shown.step)
        if self.phase is Phase.ANSWER and self._shown is None:
            return ImageRow(trial.row, texts.prompt, self._labels, self._timer, marked=self.picked)
        if self.phase is Phase.ANSWER and self.answer is None:  # after timed images
            return self._without_images(picked=False)
        return self._message if self.answer is None else self._scene_after

    @property
    def _labels(self) -> tuple[str, ...]:
        return self.protocol.labels_at(self.layout.places)

    def _without_images(self, *, picked: bool) -> ImageRow:
        row = zip(self.trial.row, self._labels, strict=True)
        labels = tuple(label if (name in self.picked) == picked else "" for name, label in row)
        texts, nothing = self.protocol.texts, (None,) * len(labels)
        if picked:
            return ImageRow(nothing, labels=labels)
        return ImageRow(nothing, texts.prompt, labels, self._timer)

    @property
    def picked(self) -> tuple[str, ...]:
        """Objects chosen so far."""
        given = [each for each in (self.first, self.answer) if each is not None]
        return tuple(self.trial.stimuli[self.trial.positions.index(a.position)] for a in given)

    def _step_scene(self, step: Step) -> Scene:
        trial = self.trial
        masks: Source = "masks" if trial.masks else "scrambled"
        if step.kind == "fixation":
            ahead: list[tuple[Source, str]] = [("objects", name) for name in trial.stimuli]
            if self.protocol.timing.mask != "none":
                ahead += [(masks, name) for name in trial.masks or trial.stimuli]
            return Fixation(tuple(ahead), self._without_images(picked=False))
        names = trial.stimuli if step.kind == "image" else trial.masks or trial.stimuli
        return ImageRow(
            tuple(names[item] if item in step.items else None for item in trial.order),
            source="objects" if step.kind == "image" else masks,
            centred=self.protocol.timing.place == "centre",
        )

    @property
    def _scene_after(self) -> Scene:
        """Feedback: what was chosen alone, or whether a choice in practice was right."""
        texts, trial, verdict = self.protocol.texts, self.trial, self._verdict
        if self._shown is not None and verdict is None:  # timed images do not come back
            return self._without_images(picked=True)
        kept = {*self.picked, *([trial.stimuli[0]] if trial.anchored else ())}
        row = tuple(name if name in kept else None for name in trial.row)
        if verdict is None:
            return ImageRow(row)
        expected = trial.expected_stimuli
        if verdict:
            return ImageRow(row, verdict=texts.right, marked=expected)
        return ImageRow(trial.row, verdict=texts.wrong, marked=expected)

    @property
    def _verdict(self) -> bool | None:
        shown = self.trial.trial_type == "practice" and self.protocol.practice.feedback
        return is_right(self.trial, self.answer) if shown else None

    def _show(self, event: Shown) -> None:
        if not self.showing:
            super()._show(event)
            return
        assert self._shown is not None
        self._shown.take(event)
        self.onset = self._shown.onset
        if self._shown.over:
            if self.answer is not None:
                self._decide()
            self._since = event.time
        elif self._shown.step is None:
            self._enter(Phase.ANSWER)

    def _take(self, event: Event) -> None:
        if self.answer is None and self.result is None and (place := self._place(event)):
            self._choose(event.time, place, event.key if isinstance(event, KeyPress) else None)

    def _place(self, event: Event) -> str | None:
        place = None
        match event:
            case KeyPress(key=key):
                place = self.protocol.answers.position(key)
            case PointerPress(x=x, y=y, button="left") if self.protocol.answers.mouse:
                place = self.layout.hit(x, y)
        there = place in self.trial.positions and place in self.protocol.answers.places
        return place if there else None

    def _turns(self, event: Event) -> bool:
        if isinstance(event, PointerPress) and not self.protocol.answers.mouse:
            return False
        answers = isinstance(event, KeyPress) and self.protocol.answers.position(event.key)
        return bool(answers) or super()._turns(event)

    def _choose(self, time: float, place: str, key: str | None) -> None:
        if self._too_early(time) or self.onset is None or not self._may_answer:
            self.early += 1
            return
        method = self._pointing if key is None else "keyboard"
        answer = Answer(place, method, time - self.onset, key)
        if self.trial.kind == "alike_pair":
            if self.first is None:
                self.first = answer
                return
            if self.first.position == place:
                self.first, self.taken_back = None, self.taken_back + 1
                return
            first = self.first
            answer = replace(answer, first=first.position, first_time=first.response_time)
        self.answer = answer
        if self.showing:
            self._items.append(answered(time, self.trial.trial_index))
        else:
            self._decide()

    def _run_out(self, time: float) -> None:
        self.result = self._make_result()

    def _decide(self) -> None:
        self.result = self._make_result()
        self._enter(Phase.FEEDBACK if self.feedback_s > 0 else Phase.DONE)

    def _make_result(self) -> TrialResult:
        assert self.onset is not None
        timed: dict[str, object] = {}
        if self._shown is not None:
            timed |= self._shown.columns()
        if self._trigger is not None:
            timed["trigger_time"] = self._trigger
            timed["onset_from_trigger"] = self.onset - self._trigger
        answer, late = self.answer, self._dropped if self._shown is None else self._shown.late
        flag = self._flag(None if answer is None else answer.response_time)
        return TrialResult(
            *(self.trial, self.onset, self.early, late, flag, answer, timed, self.taken_back)
        )


MEDIAN_S = {"coarse": 3.31, "fine": 3.07, "boundary": 2.04}
"""Published medians by condition; triplets without a condition count as coarse, those with a right
answer as boundary. Of more images than three, in proportion to their number (an assumption)."""
MEAN_TO_MEDIAN = 1.12
"""Mean of a person's times relative to their median. 2.6 % of all times were above 10 s, so their
logarithms spread by .6, of which .48 are within a person: the mean is exp(.48²/2) medians."""


_AGAIN_S = 0.3
_MOUSE_SHARE = 0.2
_FIRST = 0.6
"""Share of the time for a pair after which simulated observers choose its first image."""
_CHANGES = 0.05
"""Share of pairs of which they choose another image first and take it back."""


class TripletHands(SeededHands[SimulatedObserver]):
    """Chooses as an observer would: an image, or the pair that is most alike."""

    _trial: Trial | None = None  # for which the rest was drawn, when it began, s
    _start = 0.0
    _presses: list[tuple[str, float]]
    """Places still to press, with times since the start, s."""
    _by_mouse = False

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
        if self._trial is not trial or self._start < onset:
            rng = self._rng(trial.trial_index)
            self._trial, self._start, self._presses = trial, onset, self._draw(trial, rng)
            self._by_mouse = activity.protocol.answers.mouse and rng.random() < _MOUSE_SHARE
        place, taken = self._presses[0]
        moment = max(self._start + taken, self._clock.now())
        if activity.showing and moment > self._clock.now():
            return
        if activity.deadline is not None and moment >= activity.deadline:
            self._clock.wait_until(activity.deadline)
            return
        self._clock.wait_until(moment)
        keys = activity.protocol.answers.keys(place)
        if self._by_mouse or not keys:
            self._screen.click(*activity.layout.centre(place))
        else:
            self._screen.press_key(keys[0])
        # If the press came too early to count, press again a little later.
        self._presses = self._presses[1:] or [(place, moment + _AGAIN_S - self._start)]

    def _draw(self, trial: Trial, rng: np.random.Generator) -> list[tuple[str, float]]:
        if trial.kind != "alike_pair":
            kind: ChoiceKind = "anchored" if trial.anchored else "odd_one_out"
            item, taken = self.observer.respond(trial.stimuli, rng, kind=kind)
            return [(trial.positions[item], taken)]
        pair, taken = self.observer.respond_pair(trial.stimuli, rng)
        one, other = (trial.positions[item] for item in rng.permutation(pair))
        presses = [(one, _FIRST * taken), (other, taken)]
        if rng.random() >= _CHANGES:
            return presses
        third = next(place for place in trial.positions if place not in (one, other))
        return [(third, 0.3 * taken), (third, 0.4 * taken), *presses]


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
        labels = protocol.labels_at(layout.places)
        for width, text in zip(layout.label_widths, labels, strict=True):
            yield Room("texts.labels", text, 1, width, layout.label_room)

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
    judged = easy and trial is not None and trial.trial_type == "practice" and practice.feedback
    shown = timing.presentation_s(n_images)
    after = practice.feedback_s if judged else timing.feedback_s
    mean_s = MEAN_TO_MEDIAN * median * n_images / len(STIMULI)
    return answer_duration(timing, mean_s, shown + after)
