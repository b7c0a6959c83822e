"""What a participant does in a browser, from the scripts of the window's tasks.

A script yields pages, questions and trials in order. Here they are not run but become the steps of
the page. Left out is what participants could read there to their advantage: the right answers to
attention checks, and which trials are attention checks or repeats.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from twoalike.design import adaptive_blocks, study_with
from twoalike.online import _records as sent
from twoalike.record import Progress
from twoalike.registry import find_task, task_names
from twoalike.study import ScreenProfile, Study, TwoalikeError
from twoalike.tasks import (
    READ,
    Activity,
    Item,
    Opening,
    PageActivity,
    Prepared,
    Protocol,
    Question,
    QuestionActivity,
    QuestionAnswers,
    Sitting,
    Step,
    Trial,
    View,
    frame,
    frame_counts,
    prepare_parts,
    protocol_place,
    tasks_to_do,
    timing_of,
    with_block_questions,
)
from twoalike.tasks import PageTexts as TaskTexts
from twoalike.tasks.choosing import Choosing, TripletActivity, answer_keys, presented
from twoalike.tasks.free_sorting import SortingActivity
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementResult,
    ArrangementTrial,
    Ending,
    Handling,
    PreparedArrangements,
)
from twoalike.tasks.pair_rating import RatingActivity
from twoalike.tasks.screens import after_trials, before_trials, text_page, usual_screen

_USUAL_HZ = 60.0
"""Refresh rate of most people's screens; a page measures its own, and refuses a slower one."""
_ROOMY_PX = (4096, 4096)
_MEASURED = ScreenProfile(width_m=0.5, distance_m=0.5, size_px=_ROOMY_PX)
ROOMY = View(_ROOMY_PX, _MEASURED, refresh_hz=_USUAL_HZ)
"""A window in which everything fits: steps do not depend on it."""


def prepare_person(
    study: Study, participant: str, session: int, task: str | None
) -> list[Prepared]:
    """Prepare the parts of a participant, with what comes before their trials settled.

    Consent and form come once, before the first part, and only answers of earlier sessions leave
    them out: what this session's own answers add to the data set changes nothing here, so that a
    study compiles to the same before and after. Adaptive designs are prepared as random ones.
    Texts have the sentences of the browser.
    """
    for lists in (find_task(name).lists for name in tasks_to_do(study, task)):
        if lists is not None and lists.is_adaptive(study):
            study = study_with(study, sampler="random", table=lists.table)
    parts = prepare_parts(Sitting(study=study, participant=participant, session=session), task)
    found: list[Prepared] = []
    for one in parts:
        none = Opening(consent=False, form=(), resumed=False)
        protocol = for_browser(one.protocol)
        plan = replace(one.plan, protocol=protocol.model_dump(mode="json"))
        opening = none if found else one.opening()
        found.append(replace(one, protocol=protocol, plan=plan, settled=opening))
    found[0].check_consent(Progress())
    return found


def compile_person(study: Study, parts: Sequence[Prepared]) -> sent.Person:
    """Compile what a participant does, from what :func:`prepare_person` returns."""
    sitting = parts[0].sitting
    return sent.Person(
        participant=sitting.participant,
        session=sitting.session,
        group=study.group,
        parts=tuple(_part(one, study) for one in parts),
    )


def _part(prepared: Prepared, study: Study) -> sent.Part:
    protocol, task = prepared.protocol, find_task(prepared.plan.name.task)
    chosen = task.lists is not None and task.lists.is_adaptive(study)
    _check_page(prepared, chosen=chosen)
    keys = answer_keys(protocol) if isinstance(protocol, Choosing) else frozenset[str]()
    pages = frame(protocol.screen, ROOMY.size)
    assert task.page is not None  # is refused
    steps = tuple(task.page(prepared, ROOMY))
    if chosen:  # blocks take the place of the trials, and of the pages between them
        at = [number for number, step in enumerate(steps) if isinstance(step, sent.TrialStep)]
        between = {
            step.name: step for step in steps[at[0] : at[-1]] if isinstance(step, sent.PageStep)
        }
        shown: Any = {"practice_end": between.get("practice_end"), "pause": between.get("break")}
        numbers = adaptive_blocks(task.lists.settings(study))
        blocks = (sent.BlockStep(block=number, task=task.name, **shown) for number in numbers)
        steps = (*steps[: at[0]], *blocks, *steps[at[-1] + 1 :])
    digest = hashlib.sha256(protocol.model_dump_json().encode()).hexdigest()
    return sent.Part(
        protocol=f"{protocol.task}-{digest[:12]}",
        task=task.name,
        steps=steps,
        resume=page_step(text_page("resume", protocol.texts.resume, protocol, pages, keys=keys)),
    )


def _check_page(prepared: Prepared, *, chosen: bool) -> None:
    task, protocol = find_task(prepared.plan.name.task), prepared.protocol
    if task.page is None:
        raise TwoalikeError(
            where="task",
            expected="one that a browser can show: "
            + ", ".join(name for name in task_names() if find_task(name).page is not None),
            found=task.name,
            remedy="Run this task in a window.",
        )
    timing = timing_of(protocol)
    prepared.sound_lengths(), prepared.frame_counts(_USUAL_HZ)  # say what cannot be shown
    unable = {
        "masks of mask_folder for trials that are chosen during the session (timing.mask)": chosen
        and timing is not None
        and timing.mask == "images",
        "a scanner's trigger (scanner.start)": prepared.scanner is not None,
        "triggers for recordings (triggers.kind)": protocol.triggers.kind != "none",
        "a patch for a photodiode (triggers.photodiode)": protocol.triggers.photodiode != "none",
        "questions between blocks that are chosen during the session (blocks.questions)": bool(
            protocol.blocks.questions
        )
        and (isinstance(prepared, PreparedArrangements) or chosen),
    }
    for what, wanted in unable.items():
        if wanted:
            raise TwoalikeError(
                where=protocol_place(prepared.sitting.study, prepared.plan.name.task),
                expected="a session that a browser can show",
                found=what,
                remedy="Leave that out, or run this study in a window.",
            )


def choice_steps(prepared: Prepared, view: View) -> Iterator[sent.Step]:
    """Yield the steps of a session of listed trials."""
    yield from _steps(with_block_questions(prepared, view, Progress()), prepared)


def arrangement_steps(prepared: Prepared, view: View) -> Iterator[sent.Step]:
    """Yield the steps of a multi-arrangement session; trials that answers decide are blocks."""
    assert isinstance(prepared, PreparedArrangements)
    config = prepared.arranging.config
    if config.scheduler != "lift_weakest" and not config.session_minutes:
        yield from choice_steps(prepared, view)
        return
    protocol, pages = prepared.protocol, frame(prepared.protocol.screen, view.size)
    opening = prepared.opening(Progress())
    yield from _steps(before_trials(protocol, pages, opening, frozenset()), prepared)
    yield sent.BlockStep(block=1, task="multi-arrangement")
    yield from _steps(after_trials(protocol, pages), prepared)


def _steps(script: Iterator[Activity | Item], prepared: Prepared) -> Iterator[sent.Step]:
    protocol = prepared.protocol
    consent: QuestionActivity | None = None
    asked: Question | None = None
    for given in script:
        match given:
            case PageActivity():
                yield page_step(given)
            case QuestionActivity(measure="consent"):
                given.chosen = 0  # so that the script goes on
                consent = given
            case QuestionActivity(whole=whole) if whole is not asked:  # rows of a matrix: once
                asked = whole
                yield _question(given)
            case QuestionAnswers(measure="consent", values=values):
                assert consent is not None
                pages = frame(protocol.screen, ROOMY.size)
                declined = text_page("declined", protocol.texts.declined, protocol, pages)
                stored = {name: str(value) for name, value in values.items() if name != "consent"}
                yield _question(consent, values=stored, declined=page_step(declined))
            case TripletActivity() | RatingActivity():
                yield sent.TrialStep(trial=listed_trial(given.trial, given.protocol))
            case SortingActivity(trial=trial):
                sorted_ = sent.Arrangement(trial_index=trial.trial_index, items=trial.items)
                yield sent.ArrangementStep(trial=sorted_)
            case ArrangementActivity(trial=trial):
                given.result = _nothing_arranged(trial)
                yield sent.ArrangementStep(trial=arrangement(trial))


def _nothing_arranged(trial: ArrangementTrial) -> ArrangementResult:
    n = len(trial.items)
    return ArrangementResult(
        trial=trial,
        onset=0.0,
        places=((1.0, 0.0),) * n,
        inside=(False,) * n,
        seat_angles=(0.0,) * n,
        handling=(Handling(),) * n,
        ending=Ending(0.0, "timeout", "none"),
        radius_px=1.0,
        item_px=1.0,
    )


def _question(activity: QuestionActivity, **more: Any) -> sent.QuestionStep:
    question, parts = activity.whole, activity.whole.parts
    rows = zip(parts, question.rows, strict=True) if question.rows else ()
    return sent.QuestionStep(
        measure=activity.measure,  # type: ignore[arg-type]  # checked by the model
        id=question.id,
        text=question.text,
        question=question.kind,
        options=question.options,
        labels=question.labels or None,
        rows=tuple((part.id, row.text) for part, row in rows),
        limits=question.limits,
        when={
            name: tuple(one) if isinstance(one, list) else one
            for name, one in question.when.items()
        },
        required=question.required,
        minimum_s=activity.minimum_s,
        **more,
    )


def listed_trial(trial: Trial, protocol: Protocol) -> sent.ListedTrial:
    """Return what the page needs of a trial; checks and repeats look like main trials."""
    is_practice = trial.trial_type == "practice"
    told = is_practice and isinstance(protocol, Choosing) and protocol.practice.feedback
    timing, steps, masked = timing_of(protocol), tuple[Step, ...](), tuple[str, ...]()
    if timing is not None and isinstance(protocol, Choosing):
        steps = presented(trial, protocol, frame_counts(timing, _USUAL_HZ)).steps
        masked = trial.masks or trial.stimuli if timing.mask != "none" else ()
    return sent.ListedTrial(
        trial_index=trial.trial_index,
        block_index=trial.block_index,
        trial_type="practice" if is_practice else "main",
        stimuli=trial.stimuli,
        positions=trial.positions,
        expected=trial.expected if told else None,
        expected_with=trial.expected_with if told else None,
        anchored=trial.anchored,
        masks=tuple(f"{timing.mask_folder};{name}" for name in masked) if timing else (),
        steps=tuple(
            sent.TimedStep(kind=one.kind, items=one.items, ms=one.asked_ms) for one in steps
        ),
        n_chosen={"alike_pair": 2, "rating": 0}.get(trial.kind, 1),
    )


def arrangement(trial: ArrangementTrial) -> sent.Arrangement:
    """Return what the page needs of an arrangement; checks look like main trials."""
    return sent.Arrangement(
        trial_index=trial.trial_index,
        items=trial.items,
        order=trial.seats.order,
        rotation=trial.seats.rotation,
        progress=trial.progress,
    )


def page_step(activity: PageActivity) -> sent.PageStep:
    """Return a page of text as a step."""
    page = activity.scene
    return sent.PageStep(
        name=activity.name,
        text=page.text,
        footer=page.footer,
        progress=page.progress,
        caption=page.caption,
        images=page.images,
        minimum_s=activity.minimum_s,
        limit_s=activity.limit_s,
        keys=tuple(sorted(activity.keys)),
    )


def as_json(person: sent.Person) -> bytes:
    """Write a person's file as compact UTF-8 JSON, always in the same way."""
    content = person.model_dump(mode="json")
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


_TEXTS = files("twoalike.online") / "texts"


def for_browser[P: Protocol](protocol: P) -> P:
    """Protocol with the sentences of the shipped texts that are different in a browser."""
    sentences = _sentences(protocol.language)

    def worded(text: str) -> str:
        for lab, (browser, _) in sentences.items():
            text = text.replace(lab, browser)
        return text

    values = protocol.model_dump()
    texts: dict[str, Any] = {
        name: worded(text) if isinstance(text, str) else [worded(one) for one in text]
        for name, text in values["texts"].items()
    }
    return type(protocol).model_validate(values | {"texts": texts})


def without_keys(language: str) -> dict[str, str]:
    """Sentences of the shipped texts in a browser, and what they are where there are no keys."""
    found = dict(_sentences(language).values())
    return {browser: touch for browser, touch in found.items() if browser != touch}


@cache
def _sentences(language: str) -> dict[str, tuple[str, str]]:
    """Sentences of the lab, each with those of a browser with and without keys.

    There are none in a language that is not shipped.
    """
    file = _TEXTS / f"sentences.{language}.toml"
    found = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    found.pop(READ, None)
    return {lab: (own, own) if isinstance(own, str) else tuple(own) for lab, own in found.items()}


_WINDOWS = (
    *((320, 400), (360, 400), (360, 600), (412, 600), (480, 600), (640, 480), (800, 600)),
    *((1024, 600), (1280, 640), (1366, 768), (1600, 900), (1920, 1080), (1920, 1200)),
)
"""Windows of phones, tablets and laptops, CSS pixels: those tried, from the smallest on."""
_FEWEST_PX = 48
"""Smallest side of an image: what a finger can pick up. On phones of the usual width, images of an
arrangement are hardly larger."""
_OF_SOUNDS = "texts.listen"
"""The only text of a trial that a page without sounds does not show; one with sounds breaks it."""


def least_window(sessions: Sequence[Prepared]) -> tuple[int, int]:
    """Width and height of the smallest usual window for all sessions, CSS pixels."""
    # Settings that trials depend on; those of pages around them are left out.
    around: Any = {"texts": {*TaskTexts.model_fields} - {"listen"}}
    around |= dict.fromkeys(("pages", "consent", "form", "blocks", "debrief"), True)
    unlike = {one.protocol.model_dump_json(exclude=around): one for one in sessions}.values()

    for size in _WINDOWS:
        if all(_fits(one, size) for one in unlike):
            return size
    for one in sessions:
        one.image_size(_view(_WINDOWS[-1]))  # says what does not fit
    raise TwoalikeError(
        f"the texts of the trials do not fit a window of {' x '.join(map(str, _WINDOWS[-1]))} px. "
        "Make screen.text_fraction smaller in the protocol, or the texts shorter."
    )


def _fits(prepared: Prepared, size: tuple[int, int]) -> bool:
    view = _view(size)
    try:
        side = prepared.image_size(view)
    except TwoalikeError:
        return False
    made = find_task(prepared.plan.name.task).session
    found = made.text_faults(prepared.protocol, view) if made else ()
    return side >= _FEWEST_PX and all(key == _OF_SOUNDS for key, _ in found)


def _view(size: tuple[int, int]) -> View:
    return View(size, usual_screen(size))
