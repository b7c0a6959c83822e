"""One trial of a task of choices as a state machine: cross, images, masks, choice, feedback."""

from collections.abc import Sequence
from enum import StrEnum

from twoalike.tasks._activity import (
    Event,
    Fixation,
    ImageRow,
    Item,
    KeyPress,
    Page,
    Playing,
    PointerPress,
    Scene,
    Shown,
    Source,
    Timer,
    answered,
    trial_shown,
)
from twoalike.tasks._presentation import Kind, Presentation, Step, frame_counts, presentation_steps
from twoalike.tasks._protocol import Moment
from twoalike.tasks._tones import feedback_tone
from twoalike.tasks.odd_one_out._protocol import Choosing
from twoalike.tasks.odd_one_out._trial import Answer, Trial, TrialResult
from twoalike.tasks.screens import GO_ON, GridLayout, Layout


class Phase(StrEnum):
    """Phases of a trial."""

    FIXATION = "fixation"
    SHOWING = "showing"
    CHOICE = "choice"
    FEEDBACK = "feedback"
    MESSAGE = "message"
    DONE = "done"


class TripletActivity:
    """One trial; its result is given as soon as it is decided.

    Where presentation is timed, cross, images and masks are counted in frames and shown to their
    end, also after an answer; the result comes with the frame after them at the earliest, when all
    durations are known.

    Parameters
    ----------
    refresh_hz
        Refresh rate of the screen, where presentation is timed.
    trigger
        Time of the scanner's trigger that came before, s; None without one.

    Attributes
    ----------
    onset
        First frame of the triplet, s; None until it was shown.
    early
        Presses ignored because they came too early.
    answer
        The choice; None before it, and if the time limit passed.
    """

    name = "trial"

    def __init__(
        self,
        trial: Trial,
        protocol: Choosing,
        layout: Layout | GridLayout,
        *,
        refresh_hz: float | None = None,
        trigger: float | None = None,
    ) -> None:
        self.trial, self.protocol, self.layout = trial, protocol, layout
        self._trigger = trigger
        # Durations below one frame are refused before a session, but for a pilot run.
        self._counts = frame_counts(protocol.timing, refresh_hz, preview=True)
        self._frame_s = 1 / refresh_hz if refresh_hz else 0.0
        self.early = self._begun = 0
        self.answer: Answer | None = None
        self._interrupted = False
        self._begin()

    def _begin(self) -> None:
        self.onset: float | None = None
        self._dropped: int | None = 0
        self._begun += 1
        self._shown: Presentation | None = None
        if self._counts:
            self._shown = Presentation(self._steps(), self._frame_s)
            self._enter(Phase.SHOWING)
        else:
            fixation = self.protocol.timing.fixation_s > 0
            self._enter(Phase.FIXATION if fixation else Phase.CHOICE)

    def _steps(self) -> tuple[Step, ...]:
        order = sorted(self.trial.order, key=lambda item: self.trial.anchored and item > 0)
        return presentation_steps(self.protocol.timing, order, self._counts)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since: float | None = None  # first frame of the phase, s

    @property
    def decided(self) -> bool:
        """Whether there is a choice, or the time for it is over."""
        return self.phase in (Phase.FEEDBACK, Phase.MESSAGE, Phase.DONE)

    @property
    def finished(self) -> bool:
        """Whether the trial is over, feedback included."""
        return self.phase is Phase.DONE

    @property
    def showing(self) -> bool:
        """Whether frames are counted: the cross, timed images, masks, and the frame after them."""
        return self._shown is not None and not (self._shown.over or self.decided)

    @property
    def choosing(self) -> bool:
        """Whether the trial waits for a choice."""
        return self.answer is None and (
            self.phase is Phase.CHOICE or (self.phase is Phase.SHOWING and self._may_answer)
        )

    @property
    def _may_answer(self) -> bool:
        """Whether answers count already, as far as timed images are concerned."""
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
                Phase.CHOICE: "image_onset",
            }
            return (self._begun, self.phase), marks.get(self.phase)
        step, number = self._shown.step, self._shown.number
        if step is not None:
            return (self._begun, number), _MARKS[step.kind]
        # Masks mark the end of the images when they appear.
        masked = self.protocol.timing.mask != "none"
        return (self._begun, number), None if masked else "image_offset"

    @property
    def deadline(self) -> float | None:
        """Time at which the phase ends by itself; None while it waits for an answer or a frame."""
        limit = self.protocol.timing.response_limit_s or None
        if self._shown is not None and self.phase is Phase.CHOICE:
            if limit is None or self.onset is None or not self._shown.over:
                return None
            return self.onset + limit
        length = {
            Phase.FIXATION: self.protocol.timing.fixation_s,
            Phase.CHOICE: limit,
            Phase.FEEDBACK: self._feedback_s,
        }.get(self.phase)
        return None if self._since is None or length is None else self._since + length

    @property
    def scene(self) -> Scene:
        """Cross, images, masks, prompt, or what follows the choice."""
        texts, trial = self.protocol.texts, self.trial
        if self.phase is Phase.FIXATION:
            return Fixation()
        if self._shown is not None and self._shown.step is not None:
            return self._step_scene(self._shown.step)
        if self.phase is Phase.CHOICE and self._shown is None:
            return ImageRow(trial.row, texts.prompt, self._labels, self._timer, marked=self.picked)
        if self.phase is Phase.CHOICE and self.answer is None:
            return self._prompt_alone
        if self.answer is None:
            return Page(texts.time_out, texts.go_on)
        return self._scene_after

    @property
    def _labels(self) -> tuple[str, ...]:
        return self.protocol.labels_at(self.layout.places)

    @property
    def _prompt_alone(self) -> ImageRow:
        """Scene after timed images while a choice is awaited; what was chosen has no label."""
        free = zip(self.trial.row, self._labels, strict=True)
        labels = tuple("" if name in self.picked else label for name, label in free)
        return ImageRow(self._nothing, self.protocol.texts.prompt, labels, self._timer)

    @property
    def picked(self) -> tuple[str, ...]:
        """Objects chosen so far."""
        if self.answer is None:
            return ()
        return (self.trial.stimuli[self.trial.positions.index(self.answer.position)],)

    @property
    def _nothing(self) -> tuple[None, ...]:
        return (None,) * len(self.trial.stimuli)

    def _step_scene(self, step: Step) -> Scene:
        """Scene of frames that are counted."""
        trial = self.trial
        masks: Source = "masks" if trial.masks else "scrambled"
        if step.kind == "fixation":
            ahead: list[tuple[Source, str]] = [("objects", name) for name in trial.stimuli]
            if self.protocol.timing.mask != "none":
                ahead += [(masks, name) for name in trial.masks or trial.stimuli]
            return Fixation(tuple(ahead), self._prompt_alone)
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
            labels = zip(trial.row, self._labels, strict=True)
            kept_labels = tuple(label if name in self.picked else "" for name, label in labels)
            return ImageRow(self._nothing, labels=kept_labels)
        kept = {*self.picked, *([trial.stimuli[0]] if trial.anchored else ())}
        row = tuple(name if name in kept else None for name in trial.row)
        if verdict is None:
            return ImageRow(row)
        expected = trial.expected_stimuli
        if verdict:
            return ImageRow(row, verdict=texts.right, marked=expected)
        return ImageRow(trial.row, verdict=texts.wrong, marked=expected)

    @property
    def _timer(self) -> Timer | None:
        timing, end = self.protocol.timing, self.deadline
        if end is None or not timing.show_timer:
            return None
        limit = timing.response_limit_s
        return Timer(end, limit, end - (1 - timing.timer_from) * limit)

    @property
    def _verdict(self) -> bool | None:
        """Whether the answer was right, in practice trials with feedback; else None."""
        shown = self.trial.trial_type == "practice" and self.protocol.practice.feedback
        return self.trial.is_right(self.answer) if shown else None

    @property
    def sounding(self) -> Playing | None:
        """Tone after an answer in practice, from its first frame on; None for silence."""
        verdict, since = self._verdict, self._since
        told = self.phase is Phase.FEEDBACK and self.protocol.practice.tones
        if verdict is None or since is None or not told:
            return None
        return feedback_tone(verdict, since)

    @property
    def _feedback_s(self) -> float:
        plain = self._verdict is None
        return self.protocol.timing.feedback_s if plain else self.protocol.practice.feedback_s

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; a press that means nothing now changes nothing."""
        onset, decided, answer = self.onset, self.decided, self.answer
        if isinstance(event, Shown):
            # The frame belongs to the phase that was drawn, so time must not pass first.
            self._show(event)
        else:
            self._pass_time(event.time)
            self._press(event)
        items: list[Item] = []
        if self.onset is not None and onset is None:
            items.append(trial_shown(self.onset, self.trial.trial_index))
        if self.decided and not decided:
            items.append(self.result())
        elif self.answer is not answer:
            items.append(answered(event.time, self.trial.trial_index))
        return items

    def restart(self, time: float) -> Sequence[Item]:
        """Begin an open trial anew; end a decided one."""
        if self.decided:
            self.phase = Phase.DONE
        else:
            self._interrupted = self._interrupted or self.onset is not None
            self.answer = None
            self._begin()
        return []

    def result(self) -> TrialResult:
        """Outcome of a decided trial."""
        if not self.decided or self.onset is None:
            raise ValueError(f"trial {self.trial.trial_index} is still open ({self.phase})")
        timed: dict[str, object] = {}
        if self._shown is not None:
            masks = self.trial.masks or ("scrambled",) * len(self.trial.stimuli)
            timed |= self._shown.columns(() if self.protocol.timing.mask == "none" else masks)
        if self._trigger is not None:
            timed["trigger_time"] = self._trigger
            timed["onset_from_trigger"] = self.onset - self._trigger
        late = self._dropped if self._shown is None else self._shown.late
        return TrialResult(self.trial, self.onset, self.answer, self.early, late, self._flag, timed)

    @property
    def _flag(self) -> str | None:
        if self._interrupted:
            return "interrupted"
        if self.answer is None:
            return None
        if self.answer.response_time < self.protocol.timing.flag_fast_s:
            return "fast"
        return "slow" if self.answer.response_time > self.protocol.timing.flag_slow_s else None

    def _show(self, event: Shown) -> None:
        if self.showing:
            self._count(event)
            return
        if self._since is None:
            self._since = event.time
            if self.phase is Phase.CHOICE:
                self.onset = event.time
            self._dropped = 0 if event.dropped is not None else None
        elif self.phase is Phase.CHOICE and self._dropped is not None:
            self._dropped += event.dropped or 0

    def _count(self, event: Shown) -> None:
        """Count a frame of the presentation, or the one that ends it."""
        assert self._shown is not None
        self._shown.take(event)
        self.onset = self._shown.onset
        if self._shown.over:
            if self.answer is not None:
                self._decide()
            self._since = event.time
        elif self._shown.step is None:
            self._enter(Phase.CHOICE)

    def _pass_time(self, time: float) -> None:
        end = self.deadline
        if end is not None and time >= end:
            following = {
                Phase.FIXATION: Phase.CHOICE,
                Phase.CHOICE: Phase.MESSAGE,
                Phase.FEEDBACK: Phase.DONE,
            }
            self._enter(following[self.phase])

    def _press(self, event: Event) -> None:
        """Take the press of a key or of the pointer, as an answer or to turn the page."""
        key: str | None = None
        match event:
            case KeyPress(key=key):
                place = self.protocol.answers.position(key)
                turns = key in GO_ON or place is not None
            case PointerPress(x=x, y=y, button="left") if self.protocol.answers.mouse:
                place, turns = self.layout.hit(x, y), True
            case _:
                return
        if place not in self.trial.positions or place not in self.protocol.answers.places:
            place = None
        if self.phase is Phase.MESSAGE:
            since, least = self._since, self.protocol.pages.page_s
            if turns and since is not None and event.time - since >= least:
                self.phase = Phase.DONE
        elif self.phase in _OPEN and place is not None and self.answer is None:
            self._choose(event.time, place, key)

    def _choose(self, time: float, place: str, key: str | None) -> None:
        least = self.protocol.timing.minimum_rt_s
        if self.onset is None or time - self.onset < least or not self._may_answer:
            self.early += 1
            return
        pointer = "touch" if self.protocol.screen.touch else "mouse"
        method = pointer if key is None else "keyboard"
        self.take(Answer(place, method, time - self.onset, key))

    def take(self, answer: Answer) -> None:
        """Take the press that counts: it is the choice."""
        self.answer = answer
        if not self.showing:
            self._decide()

    def _decide(self) -> None:
        self._enter(Phase.FEEDBACK if self._feedback_s > 0 else Phase.DONE)


_OPEN = (Phase.FIXATION, Phase.SHOWING, Phase.CHOICE)
_MARKS: dict[Kind, Moment] = {
    "fixation": "fixation_onset",
    "image": "image_onset",
    "interval": "image_offset",
    "mask": "mask_onset",
}
