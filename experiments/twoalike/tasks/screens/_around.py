"""What comes before the first trial and after the last, in every task."""

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from twoalike.tasks._activity import Activity, Item, Page, QuestionAnswers
from twoalike.tasks._protocol import PageTexts, Protocol, Question, holds
from twoalike.tasks.screens._pages import GO_ON, PageActivity, QuestionActivity
from twoalike.tasks.screens._text_layout import Frame

_LATE_S = 0.5
"""Time after the onset of a question between blocks in which a press is still meant for a trial."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Which pages this participant still has to see before the trials."""

    consent: bool
    """Whether consent is asked."""
    form: tuple[Question, ...]
    """Questions of the participant form that are still open."""
    resumed: bool
    """Whether the session was begun before: a word of welcome before the instruction."""
    known: Mapping[str, object] = field(default_factory=dict, compare=False)
    """Answers to questions of the form that were asked before, by id."""


def consent_text_hash(texts: PageTexts) -> str:
    """SHA-256 of the consent page as shown: text and both answers."""
    shown = "\n".join((texts.consent, texts.agree, texts.decline))
    return hashlib.sha256(shown.encode()).hexdigest()


def text_page(
    name: str,
    text: str,
    protocol: Protocol,
    frame: Frame,
    *,
    keys: frozenset[str] = frozenset(),
    images: tuple[str, ...] = (),
    minimum_s: float | None = None,
    progress: tuple[int, int] | None = None,
) -> PageActivity:
    """Make a page of text with the usual line at the bottom."""
    least = protocol.pages.page_s if minimum_s is None else minimum_s
    page = Page(text, protocol.texts.go_on, progress, images=images)
    return PageActivity(name, page, frame, keys=GO_ON | keys, minimum_s=least)


def pause_page(
    protocol: Protocol, frame: Frame, done: int, total: int | None, share: float | None = None
) -> PageActivity:
    """Make the page of a break, with how far the session is.

    ``total`` is None where the answers decide; ``share`` is that of such a session that is over.
    """
    texts, breaks = protocol.texts, protocol.breaks
    caption, bar = "", None if share is None else (round(100 * share), 100)
    if total is not None:
        caption, bar = texts.progress.format(done=done, total=total), (done, total)
    return PageActivity(
        "break",
        Page(texts.pause, texts.go_on, bar, caption),
        frame,
        keys=frozenset(breaks.keys),
        pointer=protocol.screen.touch,
        minimum_s=protocol.pages.page_s,
        limit_s=breaks.break_limit_s,
    )


def ask_questions(
    measure: str,
    questions: Sequence[Question],
    protocol: Protocol,
    frame: Frame,
    known: Mapping[str, object] | None = None,
) -> Iterator[Activity | Item]:
    """Ask questions one after the other; each answer is kept before the next question.

    Where a session is only laid out, nothing is answered, and every question is asked.
    """
    answers = dict(known or {})
    page_s, texts = protocol.pages.page_s, protocol.texts
    least = max(page_s, _LATE_S) if measure == "blocks" else page_s
    for question in questions:
        asked = holds(question.when, answers)
        for part in question.parts:
            if not asked:
                answers[part.id] = None
                continue
            activity = QuestionActivity(part, texts, frame, least, page_s, measure, question)
            yield activity
            if activity.finished:
                answers[part.id] = activity.answer
            yield QuestionAnswers(measure, part.judged(activity.answer))


def before_trials(
    protocol: Protocol, frame: Frame, opening: Opening, keys: frozenset[str]
) -> Generator[Activity | Item, None, bool]:
    """Consent, form and instruction; returns whether the session goes on, which needs consent."""
    if opening.consent and not (yield from _ask_consent(protocol, frame)):
        return False
    yield from ask_questions("form", opening.form, protocol, frame, opening.known)
    if opening.resumed:
        yield text_page("resume", protocol.texts.resume, protocol, frame, keys=keys)
    settings = protocol.pages
    for number, text in enumerate(protocol.texts.instruction):
        images = settings.images[number] if number < len(settings.images) else ()
        yield text_page(
            "instruction",
            text,
            protocol,
            frame,
            keys=keys,
            images=images,
            minimum_s=settings.instruction_s,
        )
    return True


def _ask_consent(protocol: Protocol, frame: Frame) -> Generator[Activity | Item, None, bool]:
    texts = protocol.texts
    question = Question(
        id="consent", text=texts.consent, kind="choice", options=(texts.agree, texts.decline)
    )
    least, page_s = protocol.consent.minimum_s, protocol.pages.page_s
    asked = QuestionActivity(question, texts, frame, least, page_s, "consent")
    yield asked
    accepted = asked.chosen == 0
    yield QuestionAnswers(
        "consent",
        {
            "consent": accepted,
            "consent_version": protocol.consent.version,
            "consent_sha256": consent_text_hash(texts),
            "consent_language": protocol.language,
        },
    )
    if not accepted:
        yield text_page("declined", texts.declined, protocol, frame)
    return accepted


def after_trials(protocol: Protocol, frame: Frame) -> Iterator[Activity | Item]:
    """Free questions, and thanks."""
    yield from ask_questions("debrief", protocol.debrief.questions, protocol, frame)
    yield text_page("end", protocol.texts.end, protocol, frame, progress=(1, 1))
