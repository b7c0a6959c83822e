"""The raw writer: nothing is lost, nothing is overwritten, the data set is always valid."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import check_bids, check_run, hold_participant, read_run
from twoalike.study import TwoalikeError


def test_a_finished_run_is_valid_and_reads_back(booth: Any) -> None:
    with booth.open() as record:
        record.note("instruction", 1.0, shown_s=1.0)
        for trial in booth.trials:
            record.append(booth.trial(trial))
        record.end("completed")
    assert check_bids(booth.root) == []
    run = read_run(booth.rows)
    assert (run.name.participant, run.name.session, run.torn) == ("001", 1, "")
    assert run.rows["trial_index"].tolist() == list(range(1, 15))
    assert run.rows["response"].isna().all()
    assert run.rows["timed_out"].all()
    assert booth.manifest["end_reason"] == "completed"
    assert booth.manifest["n_trials"] == 14


def test_files_tell_nothing_of_the_machine(booth: Any) -> None:
    with booth.open() as record:
        record.append(booth.trial(booth.trials[0]))
        record.end("stopped")
    private = {str(booth.study.root), os.path.expanduser("~"), os.uname().nodename}
    for path in booth.root.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [word for word in private if len(word) > 3 and word in text], path


def test_an_exception_keeps_the_rows_and_says_so(booth: Any) -> None:
    with pytest.raises(ZeroDivisionError), booth.open() as record:
        record.append(booth.trial(booth.trials[0]))
        raise ZeroDivisionError
    assert booth.manifest["end_reason"] == "error"
    assert len(read_run(booth.rows).rows) == 1


def test_a_begun_run_is_refused_without_resume_and_goes_on_with_it(booth: Any) -> None:
    trials = booth.trials
    with booth.open() as record:
        record.append(booth.trial(trials[0]))
        record.end("stopped")
    before = booth.rows.read_bytes()
    with pytest.raises(TwoalikeError, match=r"1 of 14 trials\). Continue it with `resume=True`"):
        check_run(booth.root, booth.plan, resume=False)
    progress = check_run(booth.root, booth.plan, resume=True)
    assert (progress.n_done, progress.time_s) == (1, 5.0)
    with booth.open() as record:
        assert record.n_done == 1
        for trial in trials[1:]:
            record.append(booth.trial(trial))
        record.end("completed")
    assert booth.rows.read_bytes().startswith(before)
    for resume in (False, True):
        with pytest.raises(TwoalikeError, match="finished .* `session=2`"):
            check_run(booth.root, booth.plan, resume=resume)
    segments = booth.manifest["segments"]
    assert [(s["first_trial"], s["resumed"], s["end_reason"]) for s in segments] == [
        (1, False, "stopped"),
        (2, True, "completed"),
    ]


def test_a_manifest_that_was_changed_is_named_and_made_again(booth: Any) -> None:
    with booth.open() as record:
        record.append(booth.trial(booth.trials[0]))
        record.end("stopped")
    path = booth.plan.name.manifest(booth.root)
    before = path.read_bytes()
    manifest = booth.manifest
    path.write_text(json.dumps({**manifest, "end_reason": "completed"}))
    (problem,) = booth.problems()
    assert "_manifest.json: is not the manifest that the session left. Delete the file" in problem
    path.write_text(json.dumps({name: manifest[name] for name in manifest if name != "stimuli"}))
    (problem,) = booth.problems()
    assert "_manifest.json: stimuli is missing. The file is damaged" in problem
    assert check_run(booth.root, booth.plan, resume=True).n_done == 1
    with booth.open() as record:
        record.start()
        record.end("stopped")
    assert booth.problems() == []
    assert before != path.read_bytes()


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("the seed", {"seed": 8}),
        ("the protocol", {"protocol": {"timing": {"fixation_s": 9}}}),
        ("the images", {"stimuli": {"warm0": "0" * 64}}),
        ("who answers", {"observer": {"temperature": 2.0}}),
    ],
)
def test_a_run_that_changed_is_not_resumed(booth: Any, what: str, change: dict[str, Any]) -> None:
    with booth.open() as record:
        record.start()
        record.end("stopped")
    plan = replace(booth.plan, **change)
    # Else a person would not turn into an observer.
    (booth.root / "participants.tsv").write_text("participant_id\nsub-001\n")
    with pytest.raises(TwoalikeError, match=what):
        check_run(booth.root, plan, resume=True)


def test_a_seed_of_128_bits_is_resumed_and_told_from_others(booth: Any) -> None:
    seed = 2**127 + 1
    with booth.open(seed=seed) as record:
        record.start()
        record.end("stopped")
    path = booth.plan.name.manifest(booth.root)
    # As text: a JSON reader that takes numbers as doubles would lose its digits.
    assert json.loads(path.read_text())["seed"] == hex(seed)
    check_run(booth.root, replace(booth.plan, seed=seed), resume=True)
    with pytest.raises(TwoalikeError, match="the seed"):
        check_run(booth.root, replace(booth.plan, seed=seed + 1), resume=True)


def test_a_run_that_an_earlier_version_began_goes_on(booth: Any) -> None:
    """It did not have a setting that this one has."""
    with booth.open() as record:
        record.append(booth.trial(booth.trials[0]))
        record.end("stopped")
    protocol = {**booth.plan.protocol, "later": {"setting": 1}}
    plan = replace(booth.plan, protocol=protocol)
    assert check_run(booth.root, plan, resume=True).n_done == 1
    breaks = {**protocol["breaks"], "break_every": 7}
    plan = replace(booth.plan, protocol={**protocol, "breaks": breaks})
    with pytest.raises(TwoalikeError, match="breaks.break_every was 0, is 7"):
        check_run(booth.root, plan, resume=True)


def test_a_changed_trial_list_is_not_resumed(booth: Any) -> None:
    with booth.open() as record:
        record.start()
        record.end("stopped")
    plan = replace(booth.plan, trials=booth.plan.trials.iloc[::-1])
    with pytest.raises(TwoalikeError, match="the trial list"):
        check_run(booth.root, plan, resume=True)


def test_a_person_does_not_become_an_observer(booth: Any) -> None:
    with booth.open() as record:
        record.start()
        record.end("stopped")
    plan = replace(booth.plan, observer={"temperature": 1.0})
    with pytest.raises(TwoalikeError, match="participant 001 is a person"):
        check_run(booth.root, plan, resume=True)


def test_one_process_a_participant(booth: Any) -> None:
    code = (
        "import sys; from pathlib import Path; from twoalike.study import Study\n"
        "from twoalike.record import hold_participant\n"
        "study = Study.load(Path(sys.argv[1]))\n"
        "with hold_participant(study, study.raw, '001'): print('held')"
    )
    command = [sys.executable, "-c", code, str(booth.study.root)]
    with hold_participant(booth.study, booth.root, "001"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "being run by another process" in done.stderr
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "held\n"


def test_columns_that_a_lab_adds_to_participants_stay(booth: Any) -> None:
    with booth.open() as record:
        record.start()
        record.end("stopped")
    path = booth.root / "participants.tsv"
    path.write_text("participant_id\tsimulated\tage\nsub-001\tfalse\t31\n")
    name = replace(booth.plan.name, participant="002")
    with booth.open(name=name) as record:
        record.start()
        record.end("stopped")
    assert path.read_text().splitlines()[1:] == ["sub-001\tfalse\t31", "sub-002\tfalse\tn/a"]
    assert check_bids(booth.root) == []


STEPS = """
import os, shutil, sys
from pathlib import Path
from twoalike.record import Apparatus, open_run
from twoalike.study import Study
from twoalike.tasks import Sitting, prepare_session
from twoalike.tasks.choosing import TrialResult

study = Study.load(Path(sys.argv[1]))
out = Path(sys.argv[2])
participants = sys.argv[3].split(",")

sessions = {
    name: prepare_session(sys.argv[4], Sitting(study=study, participant=name, session=1))
    for name in participants
}

def work(participant):
    prepared = sessions[participant]
    with open_run(
        study.raw, study, prepared.plan, Apparatus(), "Pick one.", prepared.inputs, print
    ) as record:
        if sys.argv[4] == "odd-one-out":
            result = TrialResult(prepared.trials[0], 5.0, None, 0, None, None)
            record.append(result.rows(rt_source="pyglet", pilot=False))
        record.start()
        record.end("stopped")

def die_at(step):
    # Like SIGKILL: no finally, no atexit, temporary files stay.
    count = [0]
    def wrap(function):
        def counted(*args, **options):
            count[0] += 1
            if count[0] == step:
                os._exit(9)
            return function(*args, **options)
        return counted
    Path.replace, Path.mkdir = wrap(Path.replace), wrap(Path.mkdir)
    os.write, os.fsync = wrap(os.write), wrap(os.fsync)

step, seen = 0, set()
while True:
    step += 1
    shutil.rmtree(study.root / "data", ignore_errors=True)
    for participant in participants[:-1]:
        work(participant)
    child = os.fork()
    if child == 0:
        die_at(step)
        work(participants[-1])
        os._exit(0)
    finished = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    # Validators look neither into sourcedata nor at hidden files, such as the temporary ones.
    tree = frozenset(
        (str(path.relative_to(study.raw)), path.read_bytes() if path.is_file() else b"")
        for path in study.raw.rglob("*")
        if "sourcedata" not in path.parts and not path.name.startswith(".")
    )
    if tree not in seen and (study.raw / "dataset_description.json").exists():
        seen.add(tree)
        shutil.copytree(study.raw, out / f"{step:03d}")
    if finished:
        break
"""


@pytest.mark.parametrize(
    ("task", "participants"),
    [
        ("odd-one-out", "001"),
        pytest.param("multi-arrangement", "001", marks=pytest.mark.slow),
        pytest.param("odd-one-out", "001,002", marks=pytest.mark.slow),
        pytest.param("multi-arrangement", "001,002", marks=pytest.mark.slow),
    ],
)
def test_the_data_set_is_valid_between_any_two_steps(
    booth: Any, tmp_path: Path, task: str, participants: str
) -> None:
    """A kill at every file operation of the start, for the first participant and the second."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        STEPS,
        str(booth.study.root),
        str(tmp_path),
        participants,
        task,
    ]
    subprocess.run(command, check=True, timeout=120)
    moments = sorted(path for path in tmp_path.iterdir() if path.name.isdigit())
    assert len(moments) >= 5
    assert {path.name: check_bids(path) for path in moments} == {p.name: [] for p in moments}
