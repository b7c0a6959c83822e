"""The raw writer: nothing is lost, nothing is overwritten, the data set is always valid."""

import json
import os
from dataclasses import replace
from typing import Any

import pytest

from twoalike.record import check_bids, check_run, read_run
from twoalike.study import TwoalikeError


def test_a_finished_run_is_valid_and_reads_back(booth: Any) -> None:
    with booth.open() as record:
        record.note("instruction", 1.0, shown_s=1.0)
        for trial in booth.trials:
            record.append(booth.trial(trial))
        record.end("completed")
    assert check_bids(booth.root) == []
    run = read_run(booth.rows)
    assert (run.name.participant, run.name.session) == ("001", 1)
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
