"""Several tasks in one sitting: one consent, one form, one debriefing; each task its own record."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import call

from twoalike.record import RunName, check_bids, read_answers, read_notes, read_run
from twoalike.sitting import Outcome, simulate, sit
from twoalike.study import TwoalikeError
from twoalike.tasks import validate_study

ASKED = """
[consent]
ask = true
[form]
questions = [
{ id = "hand", text = "Which hand?", kind = "choice", options = ["left", "right"] },
]
[debrief]
questions = [{ id = "how", text = "How did you choose?", kind = "text" }]
"""
MORE = """
[form]
questions = [{ id = "age", text = "How old are you?", kind = "age" }]
[debrief]
questions = [{ id = "how", text = "How did you choose?", kind = "text" }]
"""
SITTING = '[sitting]\ntasks = ["odd-one-out", "anchored-choice"]\norder = "fixed"\n'
DESIGN = f"trials = 4\npractice = 0\n[anchored]\ntrials = 4\npractice = 0\n{SITTING}"
LABELS = ("oddoneout", "anchoredchoice")


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Path:
    root = make_study("study", DESIGN, ASKED)
    (root / "protocols" / "anchored_choice.toml").write_text(MORE)
    return root


def quiet(root: Path, **options: Any) -> Outcome:
    return sit(root, "901", simulate=True, window=False, show=lambda _: None, **options)


def answers(root: Path, measure: str) -> list[tuple[str, str]]:
    table = read_answers(root / "data" / "raw", measure)
    return list(zip(table["task"], table["question"], strict=True))


def pages(root: Path, label: str) -> list[str]:
    """Pages and questions of a task that were finished, from its journal."""
    notes = read_notes(RunName("901", 1, label).journal(root / "data" / "raw"))
    return [one["event"] for one in notes if "shown_s" in one or one["event"] == "question"]


def test_consent_texts_that_differ_are_remarked_on(study: Path) -> None:
    other = study / "protocols" / "anchored_choice.toml"
    assert not any("consent:" in one for one in validate_study(study).remarks)
    other.write_text(f"[consent]\nask = true\n{MORE}")  # the same text
    assert not any("consent:" in one for one in validate_study(study).remarks)
    other.write_text(f'[consent]\nask = true\nversion = "2"\n{MORE}')
    (remark,) = (one for one in validate_study(study).remarks if "consent:" in one)
    assert "odd-one-out and anchored-choice ask with different texts" in remark
    assert validate_study(study).n_problems == 0


def test_consent_form_and_debriefing_come_once(study: Path) -> None:
    outcome = quiet(study)
    assert [one.n_done for one in (*outcome.earlier, outcome)] == [4, 4]
    assert answers(study, "consent")[0] == ("oddoneout", "consent")
    assert len(answers(study, "consent")) == 4
    assert answers(study, "form") == [("oddoneout", "hand"), ("oddoneout", "age")]
    assert answers(study, "debrief") == [("anchoredchoice", "how")]
    raw = study / "data" / "raw"
    for number, label in enumerate(LABELS):
        assert len(read_run(RunName("901", 1, label).rows(raw)).rows) == 4
        asked = pages(study, label)
        assert asked.count("question") == (3, 1)[number]
        assert asked.count("end") == 1
        manifest = json.loads(RunName("901", 1, label).manifest(raw).read_text())
        assert manifest["orders"] == {"tasks": ["odd-one-out", "anchored-choice"]}
        # As its file has it: a task that began in a sitting may be finished by itself.
        assert len(manifest["config"]["debrief"]["questions"]) == 1
    assert check_bids(raw) == []
    assert validate_study(study).n_problems == 0
    quiet(study, session=2)
    assert len(answers(study, "form")) == 2
    assert len(answers(study, "debrief")) == 2
    with pytest.raises(TwoalikeError, match="all 2 parts of this session are finished"):
        quiet(study)


class Killed(BaseException):
    """The process ends here, without a chance to write anything."""


def killed_after(n_rows: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a sitting die once it has kept so many trials, of all tasks together."""
    from twoalike.record import RunRecord

    append, kept = RunRecord.append, [0]

    def counting(record: Any, rows: Any) -> None:
        append(record, rows)
        kept[0] += 1
        if kept[0] == n_rows:
            inside.setattr(RunRecord, "end", lambda *_: "killed")
            raise Killed

    patch = monkeypatch.context()
    inside = patch.__enter__()
    inside.setattr(RunRecord, "append", counting)
    return patch


@pytest.mark.parametrize("n_rows", [4, 5])
def test_a_sitting_killed_at_any_trial_goes_on_there(
    n_rows: int, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = killed_after(n_rows, monkeypatch)
    with pytest.raises(Killed):
        quiet(study)
    dying.__exit__(None, None, None)
    with pytest.raises(TwoalikeError, match="has begun .*resume=True"):
        quiet(study)
    outcome = quiet(study, resume=True)
    assert [one.n_done for one in (*outcome.earlier, outcome)] == [4, 4]
    assert [one.end_reason for one in (*outcome.earlier, outcome)] == ["completed"] * 2
    assert answers(study, "form") == [("oddoneout", "hand"), ("oddoneout", "age")]
    assert answers(study, "debrief") == [("anchoredchoice", "how")]


def test_esc_on_the_page_between_two_tasks_ends_the_sitting(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twoalike.tasks import SimulatedParticipant

    act = SimulatedParticipant.act

    def leaves(player: Any, session: Any) -> None:
        if getattr(session.activity, "name", "") == "end":
            player._screen.press_key("escape")
        act(player, session)

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedParticipant, "act", leaves)
        outcome = quiet(study)
    assert [one.end_reason for one in (*outcome.earlier, outcome)] == ["completed", "stopped"]
    assert outcome.n_done == 0
    assert quiet(study, resume=True).end_reason == "completed"


def test_simulated_people_share_the_orders_out(study: Path, capsys: Any) -> None:
    text = (study / "study.toml").read_text().replace('order = "fixed"\n', "")
    (study / "study.toml").write_text(text)
    outcomes = simulate(study, ["901", "902"])
    firsts = [outcome.earlier[0].path.name for outcome in outcomes]
    assert sum("anchored" in name for name in firsts) == 1
    assert call("run", study, "--participant", "905", "--simulate", "--no-window") == 0
    assert capsys.readouterr().out.count("4 of 4 trials") == 2


@pytest.fixture
def clash(study: Path) -> Iterator[Path]:
    other = MORE.replace("How did you choose?", "How long did you sleep?")
    (study / "protocols" / "anchored_choice.toml").write_text(other)
    yield study


def test_different_questions_by_one_id_are_refused(clash: Path) -> None:
    said = "odd-one-out and anchored-choice ask different questions with the id 'how'"
    assert any(said in fault for fault in validate_study(clash).faults)
    with pytest.raises(TwoalikeError, match=said):
        quiet(clash)
    assert not (clash / "data").exists()


def test_unknown_tasks_and_missing_files_are_named(study: Path) -> None:
    text = (study / "study.toml").read_text().replace('"anchored-choice"', '"anchored"')
    text += '[[conditions]]\nname = "a"\nprotocols = { odd-one-out = "protocols/no.toml" }\n'
    (study / "study.toml").write_text(text)
    faults = "\n".join(validate_study(study).faults)
    assert "sitting.tasks: expected one of the tasks odd-one-out" in faults
    assert "conditions, a, protocols.odd-one-out: expected a file in the study" in faults
