"""Everything a session needs, read and checked before anything is shown or written."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd

from twoalike.design import (
    ListDesign,
    check_list_is_current,
    for_person,
    in_condition,
    participant_number,
)
from twoalike.observers import SimulatedObserver
from twoalike.record import (
    AskedQuestion,
    Progress,
    RunName,
    RunPlan,
    asked_questions,
    own_set,
    participant_label,
    read_answers,
)
from twoalike.registry import find_task, task_names
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tables import STIMULI, text_columns
from twoalike.tasks._activity import Page
from twoalike.tasks._duration import (
    Duration,
    Times,
    closing_duration,
    listening_duration,
    opening_duration,
    paced,
)
from twoalike.tasks._listening import sound_fault
from twoalike.tasks._presentation import FrameCount, GivenMasks, frame_counts, timing_of
from twoalike.tasks._protocol import CHECKED, Protocol, Question, consent_remarks
from twoalike.tasks._protocol_file import (
    check_contrast,
    check_texts,
    load_protocol,
    protocol_place,
)
from twoalike.tasks._session import Script
from twoalike.tasks._simulated import Hands, PlayableScreen, VirtualClock
from twoalike.tasks.screens import (
    Frame,
    Opening,
    Room,
    Scanner,
    View,
    consent_text_hash,
    frame,
    lay_out,
    room_faults,
    single_page_faults,
)

_LIST = re.compile(
    r"sub-(?P<who>[^_]+)_ses-(?P<session>\d+)_task-(?P<task>[a-z]+)(_run-(?P<run>\d+))?_trials\.tsv"
)
_TRIAL_S = 3.0
"""Mean time of a trial of a task that does not say how long its trials take."""


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """Who sits down for which session, in which study."""

    study: Study
    participant: str
    session: int
    pilot: bool = False
    """Whether the session goes to the study's pilot data set."""
    observer: SimulatedObserver | None = None
    """Simulated observer who answers; None for a person."""

    @property
    def root(self) -> Path:
        """Data set the session is recorded in."""
        return self.study.pilot if self.pilot else self.study.raw

    def run(self, task: str) -> RunName:
        """Name of the run that a task (its label) is recorded in."""
        return RunName(self.participant, self.session, task, self.study.run)

    @property
    def seed(self) -> tuple[int, int, int]:
        """Words of the seed of the session; trials add their number."""
        return self.study.config.seed, participant_number(self.participant), self.session


def check_sitting(sitting: Sitting) -> Sitting:
    """Check participant and session."""
    participant_label(sitting.participant)
    if sitting.session < 1:
        raise TwoalikeError(f"`session={sitting.session}`: sessions count from 1.")
    return sitting


def load_listed[P: Protocol](
    sitting: Sitting, model: type[P], table: pd.DataFrame | None = None
) -> tuple[P, StimulusSet, pd.DataFrame]:
    """Protocol, stimuli and trial list of a session.

    The list is ``table``, the one in the study's ``design`` folder, or else made anew.
    """
    study, session = check_sitting(sitting).study, (sitting.participant, sitting.session)
    protocol, stimuli = load_protocol(study, model), StimulusSet.load(study.stimuli)
    if table is not None:
        return protocol, stimuli, table
    lists: ListDesign = find_task(protocol.task).lists
    path = study.trial_list(lists.label, *session)
    if not path.exists():
        return protocol, stimuli, lists.one(study, stimuli, *session)
    table = lists.read(path, stimuli.ids)
    _check_list(sitting, stimuli, lists.label)
    return protocol, stimuli, table


def _check_list(sitting: Sitting, stimuli: StimulusSet, task: str) -> None:
    """Check that the trial list is what the study asks for now, unless the session has begun."""
    name = sitting.run(task)
    if not name.rows(sitting.root).exists():
        check_list_is_current(sitting.study, stimuli, task, name.participant, name.session)


def check_lists(study: Study) -> list[str]:
    """Say which lists of sessions to come the study no longer asks for, one line each."""
    names = [_LIST.fullmatch(path.name) for path in sorted((study.root / "design").glob("*.tsv"))]
    labels = {name.replace("-", "") for name in task_names()}
    found = [match for match in names if match is not None and match["task"] in labels]
    stimuli = StimulusSet.load(study.stimuli, verify=False) if found else None
    conditions = [condition.name for condition in study.config.conditions]
    faults = []
    for match in found:
        assert stimuli is not None
        try:
            number, run = own_set(study, study.raw, match["who"]), int(match["run"] or 0)
            own = for_person(replace(study, object_set=number), stimuli)
            if 0 < run <= len(conditions):
                own = in_condition(own, stimuli, conditions[run - 1])
            sitting = Sitting(study=own, participant=match["who"], session=int(match["session"]))
            _check_list(sitting, stimuli, match["task"])
        except TwoalikeError as error:
            faults.append(str(error))
    return faults


@dataclass(frozen=True, kw_only=True)
class Prepared(ABC):
    """A session that can start."""

    sitting: Sitting
    protocol: Protocol
    stimuli: StimulusSet
    plan: RunPlan
    inputs: Mapping[str, Path]
    """Files it was made from, by role."""
    lay_out: ClassVar[Callable[..., Any]] = staticmethod(lay_out)
    """``(protocol, view, n)``: geometry of a trial of ``n`` images."""
    hands_of: ClassVar[Callable[..., Hands]]
    """``(observer, screen, clock, seed)``: hands that do the trials as an observer would."""
    given: GivenMasks = GivenMasks()
    """Masks of its images, where they are given."""
    settled: Opening | None = None
    """Pages before the trials, where they were settled beforehand; None: those that are open by
    what the data set holds."""

    @classmethod
    def of(
        cls,
        sitting: Sitting,
        protocol: Protocol,
        stimuli: StimulusSet,
        *,
        shown: Iterable[str],
        n_trials: int | None,
        listed: pd.DataFrame | None = None,
        design: Mapping[str, Any] | None = None,
        **own: Any,
    ) -> Self:
        """Put a session together, and check what it shows.

        ``shown`` are the objects that may be shown, ``listed`` is its trial list, ``n_trials`` the
        number of trials, None where the answers decide; ``design`` goes into its record, ``own``
        are fields of the class.
        """
        study, observer = sitting.study, sitting.observer
        label, names = find_task(protocol.task).label, set(shown)
        _check_objects(sitting, protocol, stimuli, names)
        names |= {name for page in protocol.pages.images for name in page}
        hashes = dict(zip(stimuli.table["id"], stimuli.table["sha256"], strict=True))
        orders = {"tasks": study.task_order, "conditions": study.condition_order}
        plan = RunPlan(
            name=sitting.run(label),
            seed=study.config.seed,
            protocol=protocol.model_dump(mode="json"),
            trials=None if listed is None else as_text(listed),
            n_trials=n_trials,
            stimuli={name: digest for name, digest in hashes.items() if name in names},
            pilot=sitting.pilot,
            group=study.group or None,
            condition=study.condition or None,
            object_set=study.object_set or None,
            orders={name: order for name, order in orders.items() if order},
            observer=None if observer is None else observer.describe(),
            design=design or {},
        )
        files = {"protocol": study.protocol_of(label), "stimuli": study.stimuli / MANIFEST}
        files |= study.protocols_over(label)
        inputs = {role: path for role, path in files.items() if path.is_file()}
        return cls(
            sitting=sitting, protocol=protocol, stimuli=stimuli, plan=plan, inputs=inputs, **own
        )

    @property
    def instructions(self) -> str:
        """Instruction pages as one text, for the record."""
        return "\n\n".join(self.protocol.texts.instruction)

    @property
    def budget_s(self) -> float | None:
        """Time that the session may take, in seconds; None where nothing limits it."""
        return None

    @property
    def is_timed(self) -> bool:
        """Whether images are shown for a fixed number of frames."""
        return timing_of(self.protocol) is not None

    def frame_counts(self, refresh_hz: float | None) -> Mapping[str, FrameCount]:
        """Durations of a timed presentation in whole frames of a screen; none without one."""
        timing = timing_of(self.protocol)
        if timing is None:
            return {}
        return frame_counts(timing, refresh_hz, preview=self.sitting.pilot)

    @property
    def scanner(self) -> Scanner | None:
        """Whose trigger the session waits for; None for none."""
        found = getattr(self.protocol, "scanner", None)
        return found if isinstance(found, Scanner) and found.start != "none" else None

    @property
    def evidence_goal(self) -> float | None:
        """Evidence at which a pair is known well enough; None where none is counted."""
        return None

    @abstractmethod
    def script(self, view: View, progress: Progress) -> Script:
        """Make the order of what is shown."""

    def hands(self, screen: PlayableScreen, clock: VirtualClock) -> Hands:
        """Hands of the simulated observer."""
        assert self.sitting.observer is not None
        return type(self).hands_of(self.sitting.observer, screen, clock, self.sitting.seed)

    def checks_done(self, rows: Sequence[Mapping[str, str]]) -> list[bool | None]:
        """Say of each attention check in raw rows whether it was right; None without an answer."""
        verdicts = {"true": True, "false": False}
        return [verdicts.get(row["correct"]) for row in rows if row["trial_type"] == "catch"]

    def first_images(self, progress: Progress) -> tuple[str, ...]:
        """Objects to get ready: those of pages, then those of trials."""
        pages = [name for page in self.protocol.pages.images for name in page]
        return tuple(dict.fromkeys([*pages, *self.images_ahead(progress)]))

    def images_ahead(self, progress: Progress) -> Iterable[str]:
        """Objects of the trials left, in order of appearance where it is known."""
        return self.plan.stimuli

    @property
    def most_shown(self) -> int:
        """Objects of the trial with the most of them."""
        return len(STIMULI)

    def image_size(self, view: View) -> int:
        """Side of the square that images are fitted into."""
        return int(type(self).lay_out(self.protocol, view, self.most_shown).image)

    @classmethod
    def numbers_shown(cls, protocol: Any) -> Sequence[int]:
        """Images of a trial that its texts are measured beside: the first number that fits."""
        return (1,)

    @classmethod
    def rooms(cls, protocol: Any, layout: Any, pages: Frame) -> Iterator[Room]:
        """Places of the texts of a trial."""
        yield from ()

    @classmethod
    def single_pages(cls, protocol: Any) -> Iterator[tuple[str, Page]]:
        """Texts that must fit on one page, by key."""
        yield "texts.time_out", Page(protocol.texts.time_out, protocol.texts.go_on)

    @classmethod
    def text_faults(cls, protocol: Any, view: View) -> Iterator[tuple[str, str]]:
        """Yield the key of each text of a trial that does not fit a window, with the reason.

        Images that do not fit have no key, and those of which the protocol says the size are passed
        over on a screen that was not measured: they may be meant for a larger one.
        """
        layout, fault = None, ""
        for n in cls.numbers_shown(protocol):
            try:
                layout = cls.lay_out(protocol, view, n)
                break
            except TwoalikeError as error:
                fault = str(error)
        if layout is None:
            if view.profile.measured or not hasattr(protocol, "images"):
                yield "", fault
            return
        pages = frame(protocol.screen, view.size)
        yield from room_faults(cls.rooms(protocol, layout, pages), pages)
        yield from single_page_faults(cls.single_pages(protocol), pages)

    def sound_lengths(self) -> dict[str, float]:
        """Durations of the sounds of the session in s, by object id."""
        shown, study = set(self.plan.stimuli), self.sitting.study
        lengths = self.stimuli.sound_lengths()
        lengths = {name: length for name, length in lengths.items() if name in shown}
        if lengths and (fault := sound_fault(self.protocol)):
            raise TwoalikeError(fault, where=protocol_place(study, self.plan.name.task))
        return lengths

    def times(self, progress: Progress) -> Times:
        """Time left after the instruction: for trials, and the pages around them."""
        left = max(0, (self.plan.n_trials or 0) - progress.n_done)
        return Times(paced(_TRIAL_S).times(left), closing_duration(self.protocol))

    def duration(self, progress: Progress) -> Duration:
        """Time left of the session."""
        opening, times = self.opening(progress), self.times(progress)
        before = opening_duration(
            self.protocol, consent=opening.consent, form=opening.form, resumed=opening.resumed
        )
        listed = self.plan.trials
        if listed is not None:
            listed = listed[listed["trial_index"].astype(int) > progress.n_done]
        heard = listening_duration(self.protocol, self.stimuli, listed)
        return before + times.trials + heard + times.pages

    def opening(self, progress: Progress | None = None) -> Opening:
        """Which pages this participant still has to see; without progress, of a new session."""
        resumed = progress is not None and progress.n_done > 0
        if self.settled is not None and progress is not None:
            return replace(self.settled, resumed=resumed)
        before = self.sitting.session if progress is None else None
        begun, protocol = progress is not None and progress.begun, self.protocol
        # Questions that this participant was not asked in any session or task.
        root, who = self.sitting.root, self.sitting.participant
        asked = {} if before == 1 else asked_questions(root, "form", who, before)
        return Opening(
            consent=protocol.consent.ask and not begun and not self._consented(before),
            form=tuple(
                one
                for one in protocol.form.questions
                if any(as_asked(part) not in asked for part in one.parts)
            ),
            resumed=resumed,
            known={question.id: answer for question, answer in asked.items()},
        )

    def check_consent(self, progress: Progress) -> None:
        """Check that a person is not asked to agree to the text that only holds the place."""
        sitting, shown = self.sitting, " ".join(self.protocol.texts.consent.split())
        if sitting.observer is not None or sitting.pilot or not self.opening(progress).consent:
            return
        if not shown or any(remark in shown for remark in consent_remarks()):
            has = "still has the text that comes with twoalike" if shown else "is empty"
            raise TwoalikeError(
                f"the consent page {has}",
                where=protocol_place(self.sitting.study, self.plan.name.task),
                remedy="Write the text that your ethics committee approved into this file, as "
                "consent below [texts]; or ask on paper, and set ask = false below [consent]. "
                "`pilot=True` and `simulate=True` show the page as it is.",
            )

    def _consented(self, before: int | None = None) -> bool:
        if before == 1:
            return False
        table = read_answers(self.sitting.root, "consent", self.sitting.participant, before)
        agreed = {"consent": "true", "consent_sha256": consent_text_hash(self.protocol.texts)}
        return any(
            agreed.items() <= dict(zip(rows["question"], rows["answer"], strict=True)).items()
            for _, rows in table.groupby(["session_id", "task"])
        )

    def asked(self, measure: str, names: Iterable[str] = ()) -> Mapping[str, AskedQuestion]:
        """Questions of ``consent``, ``form``, ``blocks`` or ``debrief`` as asked, by id.

        ``names`` are those wanted: ids between blocks name the block.
        """
        if measure == "consent":
            return {question.id: question for question in _CONSENT}
        found = dict[str, AskedQuestion]()
        for one in self.questions(measure, names).values():
            asked = as_asked(one)
            checked = AskedQuestion(one.id + CHECKED, asked.text, "check")
            found |= {each.id: each for each in (asked, checked)}
        return found

    def questions(self, measure: str, names: Iterable[str] = ()) -> Mapping[str, Question]:
        """Questions of ``form``, ``blocks`` or ``debrief`` as they are stored, by id."""
        protocol = self.protocol
        if measure == "blocks":
            ends = (name.removesuffix(CHECKED).rpartition("_block")[2] for name in names)
            blocks = sorted(set(map(int, ends)))
            questions = [one for block in blocks for one in protocol.blocks.after(block)]
        else:
            questions = [*(protocol.form if measure == "form" else protocol.debrief).questions]
        return {part.id: part for question in questions for part in question.parts}


_CONSENT = (
    AskedQuestion(
        "consent", "Whether the participant agreed to take part.", "choice", ("true", "false")
    ),
    AskedQuestion("consent_version", "Version of the text that was shown.", "text"),
    AskedQuestion("consent_sha256", "SHA-256 of the text and the two answers, as shown.", "text"),
    AskedQuestion("consent_language", "Language of the text.", "text"),
)


def as_asked(question: Question) -> AskedQuestion:
    """Question of a protocol as the record keeps it."""
    options, text = question.options, question.asked or question.text
    if question.kind == "slider":
        ends = zip(question.limits, options or ("", ""), strict=True)
        options = tuple(f"{number} {words}".strip() for number, words in ends)
    return AskedQuestion(question.id, text, question.kind, options)


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Convert a table to strings, as reading its file gives them."""
    return pd.DataFrame(text_columns(table), index=table.index, dtype="str")


def _check_objects(
    sitting: Sitting, protocol: Protocol, stimuli: StimulusSet, shown: set[str]
) -> None:
    """Check that the observer knows what is shown, and the stimulus set what pages show."""
    known = set(stimuli.ids)
    if missing := [name for page in protocol.pages.images for name in page if name not in known]:
        raise TwoalikeError(
            f"pages.images of the protocol names the object {missing[0]!r}, which is not in the "
            f"manifest of {stimuli.folder}. Check the spelling."
        )
    unknown = [] if sitting.observer is None else sorted(shown - set(sitting.observer.ids))
    if unknown:
        raise TwoalikeError(
            f"the simulated observer does not know {len(unknown)} of the {len(shown)} objects of "
            f"this session, such as {unknown[0]!r}. Use one made for this stimulus set."
        )


def prepare_session(task: str, sitting: Sitting) -> Prepared:
    """Read and check everything that a session of a task needs."""
    prepared = find_task(task).prepare(sitting)
    assert isinstance(prepared, Prepared)
    return prepared


def check_readable(prepared: Prepared, view: View, *, begun: bool) -> list[str]:
    """Check that a session's texts fit its window; give warnings, also of colours too much alike.

    Of a session that was ``begun`` the protocol can no longer be changed: there, a text that does
    not fit is only a warning.
    """
    faults = check_texts(prepared.protocol, view)
    where = protocol_place(prepared.sitting.study, prepared.plan.name.task)
    if faults and not (begun or view.preview):
        more = f" {len(faults) - 1} more: twoalike validate names them." if len(faults) > 1 else ""
        raise TwoalikeError(f"{where}: {faults[0]}{more}")
    return [f"{where}: {line}" for line in (*faults, *check_contrast(prepared.protocol))]
