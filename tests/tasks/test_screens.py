"""Pages, questions and consent, and the texts they show."""

import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.scripts import triplet_script

from twoalike.record import (
    OLDEST_AGE,
    Apparatus,
    AskedQuestion,
    Progress,
    RunRecord,
    open_run,
)
from twoalike.registry import BUILT_IN
from twoalike.study import Study
from twoalike.tasks import (
    Ask,
    Event,
    Item,
    Keeper,
    KeyPress,
    MultiArrangement,
    Note,
    OddOneOut,
    Opening,
    Page,
    PageActivity,
    PointerPress,
    Prepared,
    Protocol,
    QuestionActivity,
    Scene,
    Session,
    Shown,
    Sitting,
    Stop,
    Tick,
    Typed,
    View,
    frame,
    languages,
    lay_out,
    lay_out_question,
    prepare_session,
    translation_note,
)
from twoalike.tasks._protocol import Question
from twoalike.tasks.screens import WaitActivity, ask_questions, consent_text_hash

DEFAULT = OddOneOut()
FRAME = frame(DEFAULT.screen, (1280, 1024))
TASKS: dict[str, type[Protocol]] = {"odd_one_out": OddOneOut, "multi_arrangement": MultiArrangement}


def feed(target: Any, *events: Event) -> list[Item]:
    return [item for event in events for item in target.handle(event)]


# Pages.


def test_a_page_stays_for_its_shortest_time_and_is_turned_by_a_press() -> None:
    page = PageActivity("p", Page("Hello"), FRAME, keys=frozenset({"1", "space"}), minimum_s=1.0)
    # Before its first frame nothing counts, however late.
    assert feed(page, KeyPress(9.0, "space"), Shown(10.0)) == []
    assert feed(page, KeyPress(10.99, "space"), PointerPress(10.99, 0, 0), Shown(10.995)) == []
    assert feed(page, KeyPress(12.0, "2"), PointerPress(12.0, 0, 0, "right"), Tick(99.0)) == []
    assert not page.finished
    (note,) = feed(page, KeyPress(100.5, "1"))
    assert note == Note("p", 100.5, {"shown_s": 90.5, "ended_by": "press"})
    assert page.finished


def test_a_late_answer_to_a_trial_does_not_answer_the_question_after_it() -> None:
    rules = OddOneOut.model_validate({"pages": {"page_s": 0}})
    question = Question(id="q", text="Tired?", kind="choice", options=("no", "yes"))
    asked = next(iter(ask_questions("blocks", [question], rules, FRAME)))
    assert isinstance(asked, QuestionActivity)
    feed(asked, KeyPress(0.9, "1"), Shown(1.0), KeyPress(1.4, "1"))
    assert not asked.finished
    feed(asked, KeyPress(1.6, "2"))
    assert asked.answer == "yes"


def test_a_page_ends_at_its_limit_counted_from_its_first_frame() -> None:
    page = PageActivity("p", Page("Rest"), FRAME, minimum_s=9.0, limit_s=5.0)
    assert page.deadline is None
    assert feed(page, Shown(3.0), Shown(4.0), Tick(7.9)) == []
    assert page.deadline == 8.0
    (note,) = feed(page, Tick(8.0))
    assert note == Note("p", 8.0, {"shown_s": 5.0, "ended_by": "limit"})


def test_escape_leaves_a_page_and_a_typed_answer_as_they_were() -> None:
    page = PageActivity("p", Page("Hello"), FRAME, limit_s=5.0)
    feed(page, Shown(0.0))
    assert page.restart(3.0) == []
    assert (page.finished, page.deadline) == (False, 5.0)
    asked = question("text")
    feed(asked, Shown(0.0), Typed(1.0, "so"))
    assert asked.restart(3.0) == []
    assert asked.scene.entry == "so"


def test_waiting_ends_once_the_work_is_done_and_the_page_was_seen() -> None:
    answers = iter([False, True])
    wait = WaitActivity("prepare", Page("One moment"), lambda: next(answers))
    assert feed(wait, Tick(0.0), KeyPress(0.5, "space")) == []
    assert feed(wait, Shown(1.0)) == []
    assert feed(wait, Tick(2.5)) == [Note("prepare", 2.5, {"shown_s": 1.5})]
    assert wait.finished


# Questions.


def question(
    kind: str, *, options: Sequence[str] = (), required: bool = True, minimum_s: float = 0.0
) -> QuestionActivity:
    asked = Question.model_validate(
        {"id": "q", "text": "?", "kind": kind, "options": options, "required": required}
    )
    return QuestionActivity(asked, DEFAULT.texts, FRAME, minimum_s)


def answered(kind: str, text: str, *, required: bool = True) -> QuestionActivity:
    asked = question(kind, required=required)
    feed(asked, Shown(0.0), Typed(1.0, text), KeyPress(2.0, "return"))
    return asked


@pytest.mark.parametrize("key", ["2", "num_2"])
def test_an_option_is_chosen_by_its_number(key: str) -> None:
    asked = question("choice", options=("a", "b", "c"))
    for other in ("0", "4", "9", "x", "return", "num_", "f2", "²", "٢"):
        assert feed(asked, Shown(0.0), KeyPress(1.0, other)) == []
    assert not asked.finished
    (note,) = feed(asked, KeyPress(2.0, key))
    assert (asked.answer, asked.chosen, asked.finished) == ("b", 1, True)
    # What people say stands in its own table, not in the log.
    assert note == Note("question", 2.0, {"id": "q"})


@pytest.mark.parametrize("number", range(4))
def test_an_option_is_chosen_where_it_is_drawn(number: int) -> None:
    names = ("a", "b", "c", "d")
    asked = question("choice", options=names)
    boxes = lay_out_question(asked.scene, FRAME).options
    between = (boxes[0].y + boxes[1].y) / 2
    missed = [PointerPress(1.0, 0, between), PointerPress(1.0, 0, 500)]
    missed.append(PointerPress(1.0, boxes[number].x, boxes[number].y, "right"))
    feed(asked, Shown(0.0), *missed)
    assert not asked.finished
    box = boxes[number]
    feed(asked, PointerPress(2.0, box.x + box.width / 2 - 1, box.y - box.height / 2 + 1))
    assert asked.answer == names[number]


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        ("age", "31", 31),
        ("age", " 089 ", 89),
        ("age", "90", OLDEST_AGE),
        ("age", "130", OLDEST_AGE),
        ("age", "0", 0),
        ("number", "90", 90),
        ("number", "-3", -3),
        ("text", "  by   colour\t", "by colour"),
        ("text", "Größe, 大きさ, الحجم", "Größe, 大きさ, الحجم"),
    ],
)
def test_typed_answers_are_stored_as(kind: str, text: str, answer: object) -> None:
    assert answered(kind, text).answer == answer


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("age", "31 years"),
        ("age", "-1"),
        ("age", "131"),
        ("age", "1985-03-12"),
        ("number", "1.5"),
        ("number", "three"),
        ("number", "1_000"),
        ("number", "1234567890"),
    ],
)
def test_what_is_no_whole_number_is_not_taken_and_can_be_mended(kind: str, text: str) -> None:
    asked = answered(kind, text)
    assert not asked.finished
    low, high = (0, 130) if kind == "age" else (-999999999, 999999999)
    assert asked.scene.remark == f"Please enter a whole number from {low} to {high}."
    assert asked.scene.entry == text
    feed(asked, *[KeyPress(3.0, "backspace")] * 12, Typed(4.0, "7"), KeyPress(5.0, "num_enter"))
    assert (asked.answer, asked.finished) == (7, True)


@pytest.mark.parametrize("kind", ["age", "number", "text"])
def test_only_a_required_answer_must_be_given(kind: str) -> None:
    asked = answered(kind, "  ")
    assert not asked.finished
    assert asked.scene.remark == DEFAULT.texts.needs_answer
    free = answered(kind, "  ", required=False)
    assert (free.answer, free.finished) == (None, True)


@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=80), max_size=20), backspaces=st.integers(0, 3))
def test_any_text_can_be_typed_and_stays_one_short_line(texts: list[str], backspaces: int) -> None:
    asked = question("text", required=False)
    feed(asked, Shown(0.0), *(Typed(1.0, text) for text in texts))
    whole = asked.scene.entry
    assert whole is not None
    assert len(whole) <= 500
    assert whole.isprintable()
    feed(asked, *[KeyPress(2.0, "backspace")] * backspaces, KeyPress(3.0, "return"))
    assert asked.finished
    kept = whole[: len(whole) - backspaces] if backspaces <= len(whole) else ""
    assert asked.answer == (" ".join(kept.split()) or None)


# Consent.


def consenting(**consent: object) -> OddOneOut:
    form = {"questions": [{"id": "age", "text": "Age?", "kind": "age"}]}
    return OddOneOut.model_validate({"consent": {"ask": True, **consent}, "form": form})


class Keeping:
    """A session with consent, and what was stored of it."""

    def __init__(self, protocol: OddOneOut) -> None:
        layout = lay_out(protocol, View((1280, 1024)))
        opening = Opening(consent=True, form=protocol.form.questions, resumed=False)
        script = triplet_script(protocol, layout, [], opening)
        self.session = Session(script, protocol.texts.stop)
        self.stored: list[tuple[str, Mapping[str, object]]] = []
        self.started = False
        self.keep = Keeper(
            record=cast(RunRecord, self),
            asked=lambda measure, values: {name: AskedQuestion(name, "", "") for name in values},
            consent_first=True,
            rt_source="pyglet",
            pilot=False,
        )

    def start(self) -> None:
        self.started = True
        self.stored.append(("run", {}))

    def answers(self, measure: str, answers: Mapping[AskedQuestion, object]) -> None:
        self.stored.append((measure, {one.id: value for one, value in answers.items()}))

    def note(self, event: str, time: float, **detail: object) -> None:
        self.stored.append((event, detail))

    def feed(self, *events: Event) -> None:
        for item in feed(self.session, *events):
            self.keep(item)

    def scene(self) -> Scene:
        return self.session.scene

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.stored]


def test_of_somebody_who_declines_only_that_is_stored() -> None:
    protocol = consenting(version="2026-11")
    keeping = Keeping(protocol)
    options = (protocol.texts.agree, protocol.texts.decline)
    choose, turn = protocol.texts.choose, protocol.texts.go_on
    assert keeping.scene() == Ask(protocol.texts.consent, options, None, choose, turn=turn)
    keeping.feed(Shown(0.0), KeyPress(6.0, "2"))
    assert keeping.scene() == Page(protocol.texts.declined, protocol.texts.go_on)
    keeping.feed(Shown(6.1), KeyPress(9.0, "space"))
    assert keeping.session.end_reason == "declined"
    assert keeping.stored == [
        (
            "consent",
            {
                "consent": False,
                "consent_version": "2026-11",
                "consent_sha256": consent_text_hash(protocol.texts),
                "consent_language": "en",
            },
        )
    ]


def test_of_somebody_who_agrees_everything_is_stored_in_order() -> None:
    keeping = Keeping(consenting())
    keeping.feed(Shown(0.0), KeyPress(6.0, "1"))
    assert keeping.names == ["consent", "run", "question"]
    assert keeping.stored[0][1]["consent"] is True
    keeping.feed(Shown(7.0), Typed(9.0, "95"), KeyPress(9.1, "return"))
    assert keeping.stored[3:] == [("question", {"id": "age"}), ("form", {"age": 89})]


@pytest.mark.parametrize(
    "events",
    [
        [Stop(1.0, "terminated")],
        [KeyPress(1.0, "escape"), KeyPress(2.0, "escape")],
        [KeyPress(1.0, "escape"), KeyPress(2.0, "x"), Stop(3.0, "window_closed")],
        [KeyPress(4.9, "1"), Stop(4.9, "interrupted")],
    ],
)
def test_of_somebody_who_leaves_before_answering_nothing_is_stored(events: list[Event]) -> None:
    keeping = Keeping(consenting())
    keeping.feed(Shown(0.0), *events)
    assert keeping.session.finished
    assert keeping.stored == []


CONSENT_AND_AGE = (
    '[consent]\nask = true\n[[form.questions]]\nid = "age"\ntext = "?"\nkind = "age"\n'
)


class Desk:
    """A study, what participant 001 still has to see in it, and what they answer."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepared(self, session: int = 1, task: str = "odd-one-out") -> Prepared:
        sitting = Sitting(study=Study.load(self.root), participant="001", session=session)
        return prepare_session(task, sitting)

    def store(
        self, measure: str, session: int = 1, task: str = "odd-one-out", **values: object
    ) -> None:
        prepared = self.prepared(session, task)
        asked = prepared.asked(measure)
        answers = {asked[name]: value for name, value in values.items()}
        study, plan = prepared.sitting.study, prepared.plan
        with open_run(study.raw, study, plan, Apparatus(), "", prepared.inputs, print) as record:
            record.answers(measure, answers)

    def open_questions(self, session: int = 1, task: str = "odd-one-out") -> list[str]:
        opening = self.prepared(session, task).opening(Progress())
        return [question.id for question in opening.form]


def test_consent_and_form_are_asked_once_and_consent_again_for_another_text(
    make_study: Callable[..., Path],
) -> None:
    desk = Desk(make_study(protocol=CONSENT_AND_AGE))

    def opening(session: int = 1, progress: Progress | None = None) -> Opening:
        return desk.prepared(session).opening(progress or Progress())

    age = desk.prepared().protocol.form.questions
    assert opening() == Opening(consent=True, form=age, resumed=False)
    digest = consent_text_hash(DEFAULT.texts)
    desk.store("consent", consent=False, consent_sha256=digest)
    # Whoever declined may think again.
    assert opening().consent
    desk.store("consent", consent=True, consent_sha256=digest)
    assert opening(2) == Opening(consent=False, form=age, resumed=False)
    # A form that was broken off is asked to its end when the session goes on.
    resumed = Progress(begun=True, n_done=3, time_s=9.0)
    assert opening(1, resumed) == Opening(consent=False, form=age, resumed=True)
    desk.store("form", age=30)
    assert opening(2) == Opening(consent=False, form=(), resumed=False)
    assert opening(1, resumed) == Opening(consent=False, form=(), resumed=True)
    path = desk.root / "protocols" / "odd_one_out.toml"
    path.write_text(CONSENT_AND_AGE + '[texts]\nagree = "Yes, I do"\n')
    assert opening(2).consent


def test_a_second_task_asks_its_own_questions_and_none_twice(
    make_study: Callable[..., Path],
) -> None:
    first = (
        '[[form.questions]]\nid = "age"\ntext = "How old are you?"\nkind = "age"\n'
        '[[form.questions]]\nid = "hand"\ntext = "Hand?"\nkind = "choice"\n'
        'options = ["left", "right"]\n'
    )
    second = (
        first.replace('["left", "right"]', '["left", "right", "both"]')
        + '[[form.questions]]\nid = "mouse"\ntext = "Do you use a mouse?"\nkind = "text"\n'
    )
    desk = Desk(make_study(protocol=first, arrangement=second))
    desk.store("form", age=30, hand="left")
    assert desk.open_questions(session=2) == []
    # Other options make another question of the same id.
    assert desk.open_questions(task="multi-arrangement") == ["hand", "mouse"]
    desk.store("form", task="multi-arrangement", hand="both", mouse=None)
    assert desk.open_questions(task="multi-arrangement") == []
    assert desk.open_questions() == []


# Texts.


def shipped(task: str, language: str) -> dict[str, Any]:
    path = files("twoalike.tasks") / "texts" / f"{task}.{language}.toml"
    texts = tomllib.loads(path.read_text(encoding="utf-8"))
    assert texts.pop("read_by_speaker") in (True, False)
    return texts


@pytest.mark.parametrize("language", languages())
def test_shipped_languages_have_all_texts_and_the_same_ones(language: str) -> None:
    models = {task.module: task.protocol for task in BUILT_IN}
    for part in ("common", *models):
        texts, english = shipped(part, language), shipped(part, "en")
        assert list(texts) == list(english)
        for key, value in texts.items():
            assert type(value) is type(english[key])
            if isinstance(value, list):
                assert len(value) == len(english[key])
            else:
                assert value.strip()
                formats = [set(string.Formatter().parse(v)) for v in (value, english[key])]
                names = [{name for _, name, _, _ in parsed if name} for parsed in formats]
                assert names[0] == names[1], key
    for task, model in models.items():
        fields = cast(Any, model.model_fields["texts"].annotation).model_fields
        there = set(shipped("common", language)) | set(shipped(task, language))
        assert {name for name, one in fields.items() if one.is_required()} <= there <= set(fields)


@pytest.mark.parametrize("task", TASKS)
def test_german_texts_are_german_and_single_ones_can_be_replaced(task: str) -> None:
    assert (translation_note("en"), "'fr'" in translation_note("fr")) == ("", True)
    german = TASKS[task].model_validate({"language": "de"}).model_dump()["texts"]
    english = TASKS[task].model_validate({}).model_dump()["texts"]
    assert [key for key, value in german.items() if value == english[key]] == []
    assert "Rücktaste" not in str(english)
    mixed = TASKS[task].model_validate({"language": "de", "texts": {"end": "Fertig!"}})
    assert mixed.model_dump()["texts"] == {**german, "end": "Fertig!"}
