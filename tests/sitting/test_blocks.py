"""Questions between blocks, in every task, whenever a session is killed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twoalike.exchange import share
from twoalike.record import RunRecord, read_answers
from twoalike.sitting import sit

PROTOCOL = """
[breaks]
break_every = {every}
[[blocks.questions]]
id = "tired"
text = "Are you tired?"
kind = "choices"
options = ["no", "a little", "yes"]
[[blocks.questions]]
id = "thoughts"
text = "What did you think of?"
kind = "long_text"
after = [2]
"""
DESIGN = """trials = 6
practice = 2
trials_per_block = 2
[arrangement]
max_trials = 5
max_items = 4
practice_items = 3
stop_evidence = 1000
"""
ASKED = ["tired_block1", "tired_block2", "thoughts_block2", "tired_block3"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("every", [0, 3])
@pytest.mark.parametrize("n_done", [5, 8, 9])  # with 2 of practice: the ends of 3, 6 and 7 trials
def test_a_short_last_block_is_asked_about_with_the_one_before(
    every: int, n_done: int, make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    design = "trials = 7\npractice = 2\ntrials_per_block = 3\n"
    root = make_study("study", design, PROTOCOL.format(every=every))
    append = RunRecord.append

    def dies(record: Any, rows: Any) -> None:
        append(record, rows)
        if record.n_done == n_done:
            raise Killed

    def run() -> str:
        whole = {"simulate": True, "window": False, "resume": True, "show": lambda _: None}
        return sit(root, "901", task="odd-one-out", **whole).end_reason

    with monkeypatch.context() as patch:
        patch.setattr(RunRecord, "append", dies)
        with pytest.raises(Killed):
            run()
    assert run() == "completed"
    table = read_answers(root / "data" / "raw", "blocks")
    assert table["question"].tolist() == ["tired_block1", "tired_block2", "thoughts_block2"]


@pytest.mark.parametrize(("task", "every"), [("odd-one-out", 0), ("multi-arrangement", 2)])
def test_each_block_is_asked_about_once(
    task: str, every: int, make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = PROTOCOL.format(every=every)
    root = make_study("study", DESIGN, protocol, protocol)

    def run(resume: bool = True) -> str:
        return sit(
            root, "901", task=task, simulate=True, window=False, resume=resume, show=lambda _: None
        ).end_reason

    append = RunRecord.append

    def dies(record: Any, rows: Any) -> None:
        append(record, rows)
        if record.n_done in (4, 6):  # the ends of the first and the second block
            raise Killed

    answers = RunRecord.answers

    def forgets(record: Any, measure: str, given: Any) -> None:
        if measure == "blocks":
            raise Killed
        answers(record, measure, given)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecord, "append", dies)
        for _ in range(2):
            with pytest.raises(Killed):
                run()
        patch.setattr(RunRecord, "answers", forgets)
        with pytest.raises(Killed):
            run()
    assert run() == "completed"
    table = read_answers(root / "data" / "raw", "blocks")
    assert table["question"].tolist() == ASKED
    said = dict(zip(table["question"], table["answer"], strict=True))
    assert json.loads(said["tired_block1"]) == ["no"]
    assert json.loads(said["thoughts_block2"]).count("\n") == 1


def test_lines_are_free_text_in_copies(make_study: Callable[..., Path], tmp_path: Path) -> None:
    root = make_study("study", DESIGN, PROTOCOL.format(every=0))
    with (root / "study.toml").open("a") as file:
        file.write('[share]\ncolumns = ["blocks.tired", "blocks.thoughts"]\n')
    sit(root, "901", simulate=True, window=False)
    share(root, tmp_path / "copy")
    text = "".join(path.read_text() for path in (tmp_path / "copy" / "phenotype").glob("*.tsv"))
    assert "tired_block3" in text
    assert "thoughts" not in text
