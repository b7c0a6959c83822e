"""What participants say outside the trials: every answer is kept, with the question as it was."""

from typing import Any

import pytest

from twoalike.record import (
    AskedQuestion,
    RunName,
    asked_questions,
    check_bids,
    check_dataset,
    read_answers,
)
from twoalike.study import TwoalikeError

AGE = AskedQuestion("age", "How old?", "age")
HAND = AskedQuestion("hand", "Which hand?", "choice", ("left", "right"))
STRATEGY = AskedQuestion("strategy", "How did you choose?", "text")
AGREED = AskedQuestion("consent", "Whether they agreed.", "choice", ("true", "false"))


def store(
    booth: Any,
    measure: str,
    answers: dict[AskedQuestion, object],
    participant: str = "001",
    session: int = 1,
    task: str = "oddoneout",
) -> None:
    name = RunName(participant, session, task)
    with booth.open(name=name) as record:
        record.answers(measure, answers)


def stored(booth: Any, measure: str) -> list[list[str]]:
    columns = ["participant_id", "session_id", "task", "question", "answer"]
    return [list(row) for row in read_answers(booth.root, measure)[columns].to_numpy().tolist()]


def test_a_data_set_with_answers_and_a_run_is_valid(booth: Any) -> None:
    store(booth, "consent", {AGREED: True})
    store(booth, "form", {AGE: 31, HAND: "left"})
    with booth.open() as record:
        for trial in booth.trials:
            record.append(booth.trial(trial))
        record.answers("debrief", {STRATEGY: "By colour,\nand then\tby size"})
        record.end("completed")
    store(booth, "consent", {AGREED: False}, "002")
    assert check_bids(booth.root) == []
    assert [row[-1] for row in stored(booth, "consent")] == ["true", "false"]
    where = ["sub-001", "ses-01", "oddoneout"]
    assert stored(booth, "form") == [[*where, "age", "31"], [*where, "hand", "left"]]
    assert stored(booth, "debrief") == [[*where, "strategy", "By colour, and then by size"]]


def test_of_somebody_who_declines_nothing_else_is_there_and_the_data_set_is_valid(
    booth: Any,
) -> None:
    store(booth, "consent", {AGREED: False})
    files = {str(p.relative_to(booth.root)) for p in booth.root.rglob("*") if p.is_file()}
    assert files == {
        "dataset_description.json",
        "README.md",
        "participants.tsv",
        "participants.json",
        "sourcedata/sub-001/ses-01/sub-001_ses-01_task-oddoneout_run-01_answers.tsv",
        "sourcedata/sub-001/ses-01/sub-001_ses-01_task-oddoneout_run-01_journal.jsonl",
    }
    assert check_bids(booth.root) == []


def test_sessions_and_tasks_are_told_apart_and_a_later_answer_counts(booth: Any) -> None:
    store(booth, "debrief", {STRATEGY: "colour"})
    store(booth, "debrief", {STRATEGY: "shape"}, session=2)
    store(booth, "debrief", {STRATEGY: "place"}, task="multiarrangement")
    store(booth, "debrief", {STRATEGY: "both"})
    assert stored(booth, "debrief") == [
        ["sub-001", "ses-01", "multiarrangement", "strategy", "place"],
        ["sub-001", "ses-01", "oddoneout", "strategy", "both"],
        ["sub-001", "ses-02", "oddoneout", "strategy", "shape"],
    ]


def test_a_question_left_open_takes_no_answer_back(booth: Any) -> None:
    store(booth, "form", {AGE: 31, HAND: None})
    store(booth, "form", {AGE: None, HAND: None})
    assert [row[-2:] for row in stored(booth, "form")] == [["age", "31"], ["hand", "n/a"]]
    assert asked_questions(booth.root, "form", "001") == {AGE: "31", HAND: "n/a"}


def test_an_id_with_another_question_is_another_question(booth: Any) -> None:
    months = AskedQuestion("age", "How old is your child, in months?", "number")
    store(booth, "form", {AGE: 31})
    store(booth, "form", {months: 9}, task="multiarrangement")
    store(booth, "form", {AGE: 31}, session=2)
    assert [row[-1] for row in stored(booth, "form")] == ["9", "31", "31"]
    assert set(asked_questions(booth.root, "form", "001")) == {AGE, months}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "n/a"),
        (" \t\n", "n/a"),
        (True, "true"),
        ("a\tb\r\nc\u2028d", "a b c d"),
        ('she said "odd"', 'she said "odd"'),
        ("Größe, 大きさ, الحجم", "Größe, 大きさ, الحجم"),
        ("NA", "NA"),
    ],
)
def test_answers_are_stored_on_one_line_as_they_were_given(
    booth: Any, value: object, cell: str
) -> None:
    store(booth, "debrief", {STRATEGY: value})
    assert [row[-1] for row in stored(booth, "debrief")] == [cell]


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("form\t", "", "has 5 cells"),
        (
            "form\t",
            "forms\t",
            "row 1, column 'measure': expected one of consent, form, blocks, debrief",
        ),
        ("[", "{", "row 1, column 'options': expected a JSON list of texts"),
    ],
)
def test_a_damaged_table_is_named_and_left(
    booth: Any, before: str, after: str, complaint: str
) -> None:
    store(booth, "form", {HAND: "left"})
    path = RunName("001", 1).answers(booth.root)
    damaged = path.read_text().replace(before, after)
    path.write_text(damaged)
    with pytest.raises(TwoalikeError, match=complaint):
        read_answers(booth.root, "form")
    problems = check_dataset(booth.root).problems
    assert {problem.file for problem in problems} == {path}
    assert path.read_text() == damaged
    store(booth, "form", {AGE: 30})  # from the journal
    assert check_dataset(booth.root).problems == ()
    assert [row[-2:] for row in stored(booth, "form")] == [["hand", "left"], ["age", "30"]]


def test_answers_that_were_edited_are_named_and_those_that_were_lost_are_written_again(
    booth: Any,
) -> None:
    with booth.open() as record:
        record.answers("form", {AGE: 31, HAND: None})
        for trial in booth.trials:
            record.append(booth.trial(trial))
        record.end("completed")
    path = booth.plan.name.answers(booth.root)
    assert check_dataset(booth.root).problems == ()
    content = path.read_text()
    path.write_text("".join(line for line in content.splitlines(True) if "How old" not in line))
    (problem,) = check_dataset(booth.root).problems
    assert "row 1, column 'question': is hand, the journal has age" in str(problem)
    path.unlink()
    assert check_dataset(booth.root, study=booth.study).problems == ()
    assert path.read_text() == content


def test_a_lost_journal_of_answers_alone_is_named(booth: Any) -> None:
    store(booth, "consent", {AGREED: False})
    journal = booth.plan.name.journal(booth.root)
    journal.unlink()
    (problem,) = check_dataset(booth.root).problems
    assert str(problem).startswith(f"{journal}: is missing, but its answers are there")
