"""``twoalike run`` without a window, through the command line."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import break_off, call

from twoalike.observers import SimulatedObserver
from twoalike.record import RunName, RunRecord, check_bids, read_answers, read_run
from twoalike.stimuli import StimulusSet

RUN = ("--task", "odd-one-out", "--simulate", "--no-window")


def rows(root: Path, participant: str = "901", session: int = 1, where: str = "raw") -> Path:
    return RunName(participant, session).rows(root / "data" / where)


def test_a_simulated_session_is_recorded_whole_and_valid(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    assert call("run", root, "--participant", "901", *RUN) == 0
    assert "14 of 14 trials" in capsys.readouterr().out
    run = read_run(rows(root))
    assert len(run.rows) == 14
    assert set(run.rows["rt_source"]) == {"simulated"}
    assert not run.rows["pilot"].any()
    people = pd.read_csv(root / "data" / "raw" / "participants.tsv", sep="\t", dtype=str)
    assert people.to_numpy().tolist() == [["sub-901", "true"]]
    manifest = json.loads(RunName("901", 1).manifest(root / "data" / "raw").read_text())
    assert manifest["simulated"] is True
    assert manifest["end_reason"] == "completed"
    assert call("validate", root) == 0
    assert "1 run, 14 trials, no problem found" in capsys.readouterr().out


def test_a_simulated_arrangement_is_recorded_whole_and_valid(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    words = ("--participant", "901", "--simulate", "--no-window", "--task", "multi-arrangement")
    assert call("run", root, *words) == 0
    name = RunName("901", 1, "multiarrangement")
    run = read_run(name.rows(root / "data" / "raw"))
    assert run.rows["inside"].all()
    assert set(run.rows["rt_source"]) == {"simulated"}
    n_trials = run.rows["trial_index"].iloc[-1]
    assert f"{n_trials} trials" in capsys.readouterr().out
    assert call("validate", root) == 0
    assert "no problem found" in capsys.readouterr().out
    assert call("run", root, *words) == 1
    assert "--session 2" in capsys.readouterr().err


def test_the_form_and_consent_of_a_session_are_stored_and_valid(
    make_study: Callable[..., Path],
) -> None:
    protocol = (
        '[consent]\nask = true\n[[form.questions]]\nid = "age"\ntext = "?"\nkind = "age"\n'
        '[[debrief.questions]]\nid = "how"\ntext = "How?"\nkind = "text"\n'
    )
    root = make_study(protocol=protocol)
    for session in (1, 2):
        assert call("run", root, "--participant", "901", *RUN, "--session", session) == 0
    raw = root / "data" / "raw"
    consent = read_answers(raw, "consent").set_index("question")["answer"]
    assert consent["consent"] == "true"
    assert len(consent) == 4
    assert read_answers(raw, "form")["answer"].tolist() == ["30"]
    assert read_answers(raw, "debrief")["session_id"].tolist() == ["ses-01", "ses-02"]
    assert check_bids(raw) == []


@pytest.mark.parametrize("keep_lines", [None, 5], ids=["deleted", "older"])
def test_answers_that_another_program_takes_away_are_stored_again(
    make_study: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    keep_lines: int | None,
) -> None:
    protocol = '[consent]\nask = true\n[[form.questions]]\nid = "age"\ntext = "?"\nkind = "age"\n'
    root = make_study(protocol=protocol)
    raw = root / "data" / "raw"
    path = RunName("901", 1).answers(raw)
    append = RunRecord.append

    def interfere(record: RunRecord, lines: Sequence[Mapping[str, object]]) -> None:
        append(record, lines)
        if record.n_done == 3:
            content = path.read_text().splitlines(keepends=True)
            path.unlink()
            if keep_lines is not None:
                path.write_text("".join(content[:keep_lines]))

    monkeypatch.setattr(RunRecord, "append", interfere)
    assert call("run", root, "--participant", "901", *RUN) == 0
    assert read_answers(raw, "consent").set_index("question")["answer"]["consent"] == "true"
    assert read_answers(raw, "form")["answer"].tolist() == ["30"]


def test_the_second_task_keeps_the_answers_of_the_first_and_asks_its_own(
    make_study: Callable[..., Path], tmp_path: Path
) -> None:
    form = '[[form.questions]]\nid = "{}"\ntext = "{}?"\nkind = "choice"\noptions = {}\n'
    debrief = '[[debrief.questions]]\nid = "how"\ntext = "{}"\nkind = "choice"\noptions = {}\n'
    hand = form.format("hand", "Hand", ["left", "right"])
    root = make_study(
        protocol=hand + debrief.format("How did you choose?", ["by colour", "by size"]),
        arrangement=hand
        + form.format("mouse", "Mouse", ["yes", "no"])
        + debrief.format("How did you arrange?", ["in rows", "in heaps"]),
    )
    for task in ("odd-one-out", "multi-arrangement"):
        words = ("--participant", "901", "--simulate", "--no-window", "--task", task)
        assert call("run", root, *words) == 0
    assert check_bids(root / "data" / "raw") == []
    with (root / "study.toml").open("a") as settings:
        settings.write('[share]\ncolumns = ["form.hand", "form.mouse", "debrief.how"]\n')
    assert call("share", root, "--out", tmp_path / "copy") == 0
    tables = (tmp_path / "copy" / "phenotype").glob("*.tsv")
    shown = {
        path.stem: path.read_text().replace("\t", " ").split("\n")[1].split(" ", 2)[2]
        for path in tables
    }
    assert shown == {
        "form_oddoneout": "left",
        "form_multiarrangement": "yes",
        "debrief_oddoneout": "by colour",
        "debrief_multiarrangement": "in rows",
    }


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(
    make_study: Callable[..., Path],
) -> None:
    one, two = make_study("one"), make_study("two")
    for root in (one, two):
        assert call("run", root, "--participant", "901", *RUN) == 0
    assert rows(one).read_bytes() == rows(two).read_bytes()
    assert call("run", two, "--participant", "902", *RUN, "--seed", 8) == 0
    assert call("run", one, "--participant", "902", *RUN) == 0
    assert rows(one, "902").read_bytes() != rows(two, "902").read_bytes()


def test_an_observer_from_a_file_answers(
    make_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    stimuli = StimulusSet.load(root / "stimuli")
    warm = stimuli.table["kind"].eq("warm").to_numpy()
    space = np.stack([warm, ~warm], axis=1) * 10.0
    SimulatedObserver(stimuli.ids, space, 0.1).save(tmp_path / "sure.npz")
    command = ("run", root, "--participant", "901", "--no-window", "--simulate")
    assert call(*command, tmp_path / "sure.npz") == 0
    table = read_run(rows(root)).rows
    kinds = table[["stimulus_1", "stimulus_2", "stimulus_3"]].map(lambda name: name[:4])
    mixed = kinds.nunique(axis=1) == 2
    assert mixed.any()
    for number in np.flatnonzero(mixed):
        row = table.iloc[number]
        assert (kinds.iloc[number] == row["odd_stimulus"][:4]).sum() == 1
    (tmp_path / "strange.npz").write_bytes((tmp_path / "sure.npz").read_bytes()[:60])
    assert call("run", root, *command[2:4], "--no-window", "--simulate", tmp_path / "no.npz") == 1
    assert (
        call("run", root, *command[2:4], "--no-window", "--simulate", tmp_path / "strange.npz") == 1
    )
    assert "cannot be read as a simulated observer" in capsys.readouterr().err


def test_pilot_runs_go_to_their_own_data_set(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    assert call("run", root, "--participant", "901", *RUN, "--pilot") == 0
    assert read_run(rows(root, where="pilot")).rows["pilot"].all()
    assert not (root / "data" / "raw").exists()
    assert check_bids(root / "data" / "pilot") == []
    capsys.readouterr()
    assert call("validate", root) == 0
    n_trials = len(read_run(rows(root, where="pilot")).rows)
    assert f"1 pilot run, {n_trials} trials, no problem found" in capsys.readouterr().out


def test_nothing_is_overwritten_and_the_next_session_is_another(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    assert call("run", root, "--participant", "901", *RUN) == 0
    before = rows(root).read_bytes()
    assert call("run", root, "--participant", "901", *RUN) == 1
    assert "--session 2" in capsys.readouterr().err
    assert call("run", root, "--participant", "901", *RUN, "--session", 2) == 0
    assert rows(root).read_bytes() == before
    assert rows(root, session=2).read_bytes() != before


def test_resume_starts_a_session_that_has_not_begun_and_says_so(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    assert call("run", root, "--participant", "901", *RUN, "--resume") == 0
    assert "nothing to resume" in capsys.readouterr().err


def unfinish(root: Path) -> None:
    """Leave a session as a power cut does after its last trial."""
    break_off(root / "data" / "raw", RunName("901", 1), 14)


def test_whoever_resumes_a_session_is_not_told_that_it_is_unfinished(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    words = ("run", root, "--participant", "901", *RUN)
    assert call(*words) == 0
    unfinish(root)
    capsys.readouterr()
    assert call(*words, "--session", 2) == 0
    assert "1 session not finished" in capsys.readouterr().err
    assert call(*words, "--resume") == 0
    assert "not finished" not in "".join(capsys.readouterr())


def test_a_torn_last_line_does_not_stop_the_command_that_mends_it(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    words = ("run", root, "--participant", "901", *RUN)
    assert call(*words) == 0
    unfinish(root)
    before = rows(root).read_bytes()
    with RunName("901", 1).journal(root / "data" / "raw").open("ab") as file:
        file.write(b'{"n": 37, "at": 6')
    assert call("validate", root) == 1
    assert "its last line is torn; mend it: twoalike run with --resume" in capsys.readouterr().out
    assert call(*words, "--resume") == 0
    assert rows(root).read_bytes() == before
    assert call("validate", root) == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--participant", "anna", *RUN), "has no digit"),
        (("--participant", "a1@b.org", *RUN), "e-mail"),
        (("--participant", "901", "--no-window"), "--no-window needs --simulate"),
        (("--participant", "901", "--speed", "2"), "--speed needs --simulate"),
        (("--participant", "901", *RUN, "--speed", "0"), "above 0"),
        (("--participant", "901", *RUN, "--windowed"), "shows nothing"),
        (("--participant", "901", *RUN, "--session", "0"), "sessions count from 1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    make_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
    words: tuple[str, ...],
    why: str,
) -> None:
    root = make_study()
    before = snapshot(root)
    assert call("run", root, *words) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert why in line
    assert snapshot(root) == before


def test_without_a_screen_the_message_says_what_to_do(
    make_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux can be without a screen")
    monkeypatch.delenv("DISPLAY", raising=False)
    root = make_study()
    assert call("run", root, "--participant", "901") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "--virtual-display" in line
    assert "--simulate --no-window" in line
    assert not (root / "data").exists()


def test_a_run_without_a_window_loads_neither_psychopy_nor_torch(
    make_study: Callable[..., Path],
) -> None:
    code = (
        "import sys\nfrom twoalike.cli.app import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    words = ["run", str(make_study()), "--participant", "901", *RUN]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"psychopy", "pyglet", "torch", "pymc", "jax", "matplotlib"}
