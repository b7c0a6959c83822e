"""Several parts of one sitting: consent and form once at its start, the debriefing once at its end.

The record of a part, and what a resume compares, is the protocol as its file has it. So a part that
began in a sitting may be finished by itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from twoalike.design import for_person, in_condition
from twoalike.record import AskedQuestion
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tasks._prepare import Prepared, Sitting, as_asked, prepare_session
from twoalike.tasks._protocol import Debrief, Form, PageTexts, Protocol, Question
from twoalike.tasks._protocol_file import protocol_or_default, study_tasks


def prepare_parts(sitting: Sitting, task: str | None = None) -> list[Prepared]:
    """Prepare all parts of a sitting, in their order, with the study as the participant does it.

    ``task`` is the only one; None: the tasks of the sitting, or the only task of the study, or
    odd-one-out.
    """
    study, prepared = sitting.study, list[Prepared]()
    stimuli: StimulusSet | None = None
    if study.object_set or study.config.conditions:
        stimuli = StimulusSet.load(study.stimuli, verify=False)
        study = for_person(study, stimuli)
    for name in tasks_to_do(study, task):
        for condition in study.conditions_of(find_task(name).name) or ("",):
            own = study
            if condition and stimuli is not None:
                own = in_condition(study, stimuli, condition)
            prepared.append(prepare_session(name, replace(sitting, study=own)))
    return prepared if len(prepared) == 1 else in_one_sitting(prepared)


def tasks_to_do(study: Study, task: str | None = None) -> tuple[str, ...]:
    """Names of the tasks of a sitting, in their order; arguments as for :func:`prepare_parts`."""
    if task is not None:
        return (task,)
    tasks = study_tasks(study)
    return study.task_order or (tasks if len(tasks) == 1 else ("odd-one-out",))


def in_one_sitting(prepared: Sequence[Prepared]) -> list[Prepared]:
    """Let the parts of a sitting share what comes before and after them.

    All parts have the consent page of the first part that asks for consent, and the form questions
    of all; a participant is asked only what is still open. The last part has the debriefing of all,
    the others end with a word on the next part. The instruction of a task comes once.
    """
    protocols = [one.protocol for one in prepared]
    form = Form(questions=_together("form", protocols))
    debrief = Debrief(questions=_together("debrief", protocols))
    asking = next((one for one in protocols if one.consent.ask), protocols[0])
    consent = {
        name: getattr(asking.texts, name) for name in ("consent", "agree", "decline", "declined")
    }
    shared = []
    for number, (one, protocol) in enumerate(zip(prepared, protocols, strict=True), start=1):
        texts: PageTexts = protocol.texts.model_copy(update=consent)
        last = number == len(prepared)
        if not last:
            words = texts.next_part.format(done=number, total=len(prepared))
            texts = texts.model_copy(update={"end": words or texts.pause})
        own: Protocol = protocol.model_copy(
            update={
                "texts": texts,
                "consent": asking.consent,
                "form": form,
                "debrief": debrief if last else Debrief(),
            }
        )
        before = [other.protocol.task for other in prepared[: number - 1]]
        if protocol.task in before:
            own = _without_instruction(own, one.sitting.study)
        shared.append(replace(one, protocol=own))
    return shared


def check_together(study: Study) -> tuple[list[str], list[str]]:
    """Say what keeps the tasks of a sitting from sharing one form, and remark on their consent.

    Their protocols are valid each by itself. A sitting shows only one of several consent texts.
    """
    models = [find_task(name).protocol for name in study.config.sitting.tasks]
    protocols = [protocol_or_default(study, model) for model in models]
    faults = []
    for measure in ("form", "debrief"):
        try:
            _together(measure, protocols)
        except TwoalikeError as error:
            faults.append(str(error))
    asking = [one for one in protocols if one.consent.ask]
    if faults or len({(one.texts.consent, one.consent.version) for one in asking}) < 2:
        return faults, []
    tasks = " and ".join(one.task for one in asking)
    return [], [
        f"consent: {tasks} ask with different texts or versions, but a sitting shows only that of "
        "the task that comes first. Give all of them one text that covers the whole sitting."
    ]


def _together(measure: str, protocols: Sequence[Protocol]) -> tuple[Question, ...]:
    found: dict[str, tuple[Question, list[AskedQuestion], str]] = {}
    for protocol in protocols:
        for question in getattr(protocol, measure).questions:
            asked, task = [*map(as_asked, question.parts)], protocol.task
            _, before, other = found.setdefault(question.id, (question, asked, task))
            if asked != before:
                raise TwoalikeError(
                    f"{measure}.questions: {other} and {task} ask different questions with the id "
                    f"{question.id!r} in one sitting. Rename one of them."
                )
    return tuple(question for question, _, _ in found.values())


def _without_instruction(protocol: Protocol, study: Study) -> Protocol:
    """Protocol without the instruction of its task, of which only that of the condition is left."""
    own = study.own_condition
    n_own = 0 if own is None else len(own.instruction.get(protocol.language, ()))
    if not n_own:
        return protocol
    texts, pages = protocol.texts, protocol.pages
    first = len(texts.instruction) - n_own
    return protocol.model_copy(
        update={
            "texts": texts.model_copy(update={"instruction": texts.instruction[first:]}),
            "pages": pages.model_copy(update={"images": pages.images[first:]}),
        }
    )
