"""What a participant does in a browser, from the scripts of the window's tasks.

A script gives its pages, questions and trials one after the other. Here nobody answers them: they
become the steps that the page runs. What the page must not know is left out: the right answers of
attention checks, and which trials are attention checks or repeats.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twoalike.design import adaptive_block_sizes, adaptive_blocks, participant_number
from twoalike.online._session import (
    ArrangementsStep,
    BlockStep,
    ChoiceTrial,
    PageStep,
    Part,
    Person,
    QuestionStep,
    Step,
    TrialStep,
)
from twoalike.record import Progress
from twoalike.registry import find_task, task_names
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks import (
    Activity,
    Item,
    Opening,
    PageActivity,
    Prepared,
    PreparedTriplets,
    Protocol,
    QuestionActivity,
    QuestionAnswers,
    Trial,
    View,
    after_trials,
    before_trials,
    frame,
    protocol_place,
    text_page,
    with_block_questions,
)
from twoalike.tasks.multi_arrangement import PreparedArrangements
from twoalike.tasks.odd_one_out import Choosing, TripletActivity, answer_keys
from twoalike.tasks.screens import GO_ON, WaitActivity, pause_page

ROOMY = View((4096, 4096), ScreenProfile(width_m=0.5, distance_m=0.5, size_px=(4096, 4096)))
"""A window in which everything fits: steps do not depend on it."""


def settle(parts: Iterable[Prepared]) -> list[Prepared]:
    """Settle what comes before the trials of each part, by earlier sessions alone.

    Consent and form come once, before the first part. What this session's own answers would change
    in the data set changes nothing here, so that a study compiles to the same before and after.

    Raises
    ------
    TwoalikeError
        If the consent page still has the text that comes with twoalike.
    """
    found: list[Prepared] = []
    for one in parts:
        none = Opening(consent=False, form=(), resumed=False)
        found.append(replace(one, settled=none if found else one.first_opening()))
    found[0].check_consent(Progress())
    return found


def protocol_key(protocol: Protocol) -> str:
    """Name of a protocol in session.json: its task, and a hash of all its settings."""
    digest = hashlib.sha256(protocol.model_dump_json().encode()).hexdigest()
    return f"{protocol.task}-{digest[:12]}"


def compile_person(parts: Sequence[Prepared]) -> Person:
    """Compile what a participant does.

    Parameters
    ----------
    parts
        Of one sitting in their order, settled (:func:`settle`).

    Raises
    ------
    TwoalikeError
        If a part asks for something that no browser can show.
    """
    sitting = parts[0].sitting
    return Person(
        participant=sitting.participant,
        session=sitting.session,
        parts=tuple(map(_part, parts)),
    )


def _part(prepared: Prepared) -> Part:
    check_page(prepared)
    protocol, task = prepared.protocol, find_task(prepared.plan.name.task)
    keys = answer_keys(protocol) if isinstance(protocol, Choosing) else frozenset[str]()
    pages = frame(protocol.screen, ROOMY.size)
    assert task.page is not None  # check_page refuses it
    return Part(
        protocol=protocol_key(protocol),
        task=task.name,
        steps=tuple(task.page(prepared, ROOMY)),
        resume=_page(text_page("resume", protocol.texts.resume, protocol, pages, keys=keys)),
    )


def check_page(prepared: Prepared) -> None:
    """Check that a browser can show a session as its protocol asks.

    Raises
    ------
    TwoalikeError
        Naming what it cannot do.
    """
    task, protocol, stimuli = find_task(prepared.plan.name.task), prepared.protocol, prepared.plan
    if task.page is None:
        raise TwoalikeError(
            where="task",
            expected="one that a browser can show: "
            + ", ".join(name for name in task_names() if find_task(name).page is not None),
            found=task.name,
            remedy="Run this task in a window.",
        )
    kinds = {prepared.stimuli.kind(name) for name in stimuli.stimuli}
    tones = isinstance(protocol, Choosing) and protocol.practice.tones
    unable = {
        "sounds (stimuli.tsv)": "sound" in kinds,
        "films (stimuli.tsv)": "film" in kinds,
        "timed presentation (timing.presentation_ms)": prepared.is_timed,
        "a scanner's trigger (scanner.start)": prepared.scanner is not None,
        "triggers for recordings (triggers.kind)": protocol.triggers.kind != "none",
        "tones after answers in practice (practice.tones)": tones,
        "questions between blocks that are chosen during the session (blocks.questions)": bool(
            protocol.blocks.questions
        )
        and not _all_listed(prepared),
    }
    for what, wanted in unable.items():
        if wanted:
            raise TwoalikeError(
                where=protocol_place(prepared.sitting.study, prepared.plan.name.task),
                expected="a session that a browser can show",
                found=what,
                remedy="Leave that out, or run this study in a window.",
            )


def _all_listed(prepared: Prepared) -> bool:
    """Whether all trials of a session, and so its blocks, are known before it."""
    return isinstance(prepared, PreparedTriplets) and prepared.more is None


def choice_steps(prepared: Prepared, view: View) -> Iterator[Step]:
    """Yield the steps of a session of choices among images.

    Of an adaptive session the first block is known; in the place of each later one is a
    :class:`BlockStep`, after its break.
    """
    assert isinstance(prepared, PreparedTriplets)
    if prepared.more is None:
        yield from _steps(with_block_questions(prepared, view, Progress()), prepared)
        return
    config = prepared.sitting.study.config.design
    first, *later = adaptive_blocks(config)
    known = [trial for trial in prepared.trials if trial.block_index <= first]
    waiting = Awaited(prepared.more.total, prepared.more.n_trials)
    begun = replace(prepared, trials=tuple(known), more=waiting if later else None)
    yield from _steps(begun.script(view, Progress()), prepared)
    if not later:
        return
    protocol, pages = prepared.protocol, frame(prepared.protocol.screen, view.size)
    sizes, keys = adaptive_block_sizes(config), answer_keys(prepared.protocol)
    for at, block in enumerate(later, start=1):
        if at > 1:  # the script itself has given the first break
            yield _page(pause_page(protocol, pages, sum(sizes[:at]), waiting.total, keys))
        yield BlockStep(block=block)
    yield from _steps(after_trials(protocol, pages), prepared)


def block_steps(prepared: PreparedTriplets, block: int, view: View = ROOMY) -> tuple[Step, ...]:
    """Return the steps of a block that was chosen during the session, from its trial list.

    Parameters
    ----------
    prepared
        The session with the list as it is now, settled.
    block
        Number of the block.
    """
    before = [trial for trial in prepared.trials if trial.block_index < block]
    known = [*before, *(trial for trial in prepared.trials if trial.block_index == block)]
    own = replace(prepared, trials=tuple(known), more=None)
    given = [*_steps(own.script(view, Progress(n_done=len(before))), prepared)]
    trials = [at for at, step in enumerate(given) if isinstance(step, TrialStep)]
    return tuple(given[trials[0] : trials[-1] + 1]) if trials else ()


@dataclass(frozen=True)
class Awaited:
    """Trials that are chosen later, by the server (:class:`twoalike.tasks.MoreTrials`)."""

    total: int
    n_trials: int

    def start(self) -> None:
        """Choose nothing."""

    def ready(self) -> bool:
        """Never, here."""
        return False

    def take(self) -> tuple[Sequence[Trial], Item]:
        """Raise, as there is no block."""
        raise AssertionError("the script ends where it waits")

    def close(self) -> None:
        """End nothing."""


def arrangement_steps(prepared: Prepared, view: View) -> Iterator[Step]:
    """Yield the steps of a multi-arrangement session: its trials are one step."""
    assert isinstance(prepared, PreparedArrangements)
    protocol, arranging = prepared.protocol, prepared.arranging
    texts, pages = protocol.texts, frame(protocol.screen, view.size)
    opening = prepared.opening(Progress())
    yield from _steps(before_trials(protocol, pages, opening, frozenset()), prepared)
    yield ArrangementsStep(
        config=arranging.config.model_dump(mode="json"),
        ids=arranging.ids,
        kinds={},  # categories would tell attention checks
        listed=tuple(
            {
                "trial_type": trial.trial_type,
                "stimuli": list(trial.stimuli),
                "scheduler": trial.scheduler,
            }
            for trial in arranging.listed
        ),
        study_seed=str(arranging.study_seed),
        participant_number=str(participant_number(arranging.participant)),
        session=arranging.session,
        seed=tuple(map(str, arranging.seed)),
        earlier=tuple({"places": trial.places} for trial in arranging.earlier),
        practice_end=_page(text_page("practice_end", texts.practice_end, protocol, pages)),
        pause=PageStep(
            name="break",
            text=texts.pause,
            footer=texts.go_on,
            minimum_s=protocol.pages.page_s,
            limit_s=protocol.breaks.break_limit_s,
        ),
    )
    yield from _steps(after_trials(protocol, pages), prepared)


def _steps(script: Iterator[Activity | Item], prepared: Prepared) -> Iterator[Step]:
    """Yield what a script shows, up to where it waits for trials to be chosen."""
    consent: QuestionActivity | None = None
    for given in script:
        match given:
            case PageActivity():
                yield _page(given)
            case QuestionActivity(measure="consent"):
                given.chosen = 0  # so that the script goes on
                consent = given
            case QuestionActivity():
                yield _question(given)
            case QuestionAnswers(measure="consent", values=values):
                assert consent is not None
                yield _consent(consent, values, prepared)
            case TripletActivity():
                yield TrialStep(trial=_trial(given))
            case WaitActivity():
                return


def _page(activity: PageActivity) -> PageStep:
    page = activity.scene
    return PageStep(
        name=activity.name,
        text=page.text,
        footer=page.footer,
        progress=page.progress,
        caption=page.caption,
        images=page.images,
        minimum_s=activity.minimum_s,
        limit_s=activity.limit_s,
        keys=tuple(sorted(activity.keys - GO_ON)),
    )


def _question(activity: QuestionActivity, **more: Any) -> QuestionStep:
    question = activity.question
    return QuestionStep.model_validate(
        {
            "measure": activity.measure,
            "id": question.id,
            "text": question.text,
            "question": question.kind,
            "options": question.options,
            "required": question.required,
            "minimum_s": activity.minimum_s,
            **more,
        }
    )


def _consent(
    activity: QuestionActivity, values: Mapping[str, object], prepared: Prepared
) -> QuestionStep:
    """Consent page, with what is stored beside the answer and the page after a refusal."""
    protocol = prepared.protocol
    pages = frame(protocol.screen, ROOMY.size)
    stored = {name: str(value) for name, value in values.items() if name != "consent"}
    declined = _page(text_page("declined", protocol.texts.declined, protocol, pages))
    return _question(activity, values=stored, declined=declined)


def _trial(activity: TripletActivity) -> ChoiceTrial:
    trial, practice = activity.trial, activity.protocol.practice
    is_practice = trial.trial_type == "practice"
    return ChoiceTrial(
        trial_index=trial.trial_index,
        block_index=trial.block_index,
        trial_type="practice" if is_practice else "main",
        stimuli=trial.stimuli,
        positions=trial.positions,
        expected=trial.expected if is_practice and practice.feedback else None,
        anchored=trial.anchored,
    )


def as_json(model: Person | Step) -> bytes:
    """Write a model as compact UTF-8 JSON, always in the same way."""
    content = model.model_dump(mode="json")
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
