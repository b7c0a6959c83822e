"""Sessions that may not begin or go on, and disks that do not take them: one clear line each."""

import contextlib
import ctypes
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import break_off as leave_after
from tests.conftest import call

from twoalike.observers import SimulatedObserver
from twoalike.record import (
    Progress,
    RunName,
    check_bids,
    hold_participant,
    read_run,
    write_left_out,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, sha256_file
from twoalike.tasks import Sitting, prepare_session

TRIPLETS, ARRANGING = "odd-one-out", "multi-arrangement"
BOTH = (TRIPLETS, ARRANGING)
ONE = (TRIPLETS,)
"""Of promises that hold for no task in particular."""
PROTOCOLS = {task: f"protocols/{task.replace('-', '_')}.toml" for task in BOTH}
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a disk")
SHORT = "trials = 6\npractice = 0\n[arrangement]\nmax_trials = 2\npractice_items = 0\n"


def words_of(root: Path, task: str, *more: object) -> list[str]:
    words = ["run", root, "--task", task, "--participant", "901", "--simulate", "--no-window"]
    return [str(word) for word in [*words, *more]]


def name_of(task: str) -> RunName:
    return RunName("901", 1, task.replace("-", ""))


def break_off(root: Path, task: str) -> None:
    """Leave a session as a crash leaves it, with its first trial done."""
    assert call(*words_of(root, task)) == 0
    leave_after(root / "data" / "raw", name_of(task), 1)


def swap_image(root: Path, task: str) -> None:
    image = root / "stimuli" / "warm0.png"
    old = sha256_file(image)
    Image.new("RGB", (30, 30), "black").save(image)
    table = root / "stimuli" / "stimuli.tsv"
    table.write_text(table.read_text().replace(old, sha256_file(image)))


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def damage_rows(root: Path, task: str) -> None:
    path = name_of(task).rows(root / "data" / "raw")
    path.write_text(path.read_text().replace("trial_index", "trial"))


def damage_manifest(root: Path, task: str) -> None:
    path = name_of(task).manifest(root / "data" / "raw")
    path.write_text(path.read_text()[:40])


CHANGES: list[tuple[str, tuple[str, ...], Callable[[Path, str], object], str]] = [
    ("nothing-and-no-resume", BOTH, lambda root, task: None, "Continue it with --resume"),
    (
        "protocol",
        BOTH,
        lambda root, task: (root / PROTOCOLS[task]).write_text('[screen]\naccent = "#123456"\n'),
        "the protocol changed",
    ),
    ("image", ONE, swap_image, "the images changed"),
    ("seed", ONE, lambda root, task: edit(root, "study.toml", "seed = 7", "seed = 8"), "the seed"),
    (
        "trials",
        (TRIPLETS,),
        lambda root, task: edit(root, "study.toml", "trials = 6", "trials = 7"),
        "the number of trials",
    ),
    (
        "sampler",
        (TRIPLETS,),
        lambda root, task: edit(
            root, "study.toml", "[design]", '[design]\nexclude = {id = ["warm1"]}'
        ),
        "the trial list",
    ),
    (
        "design",
        (ARRANGING,),
        lambda root, task: edit(root, "study.toml", "max_trials = 2", "max_trials = 3"),
        "the design changed",
    ),
    ("rows-header", ONE, damage_rows, "its header is not the one that was written"),
    ("manifest", ONE, damage_manifest, "not valid JSON"),
    (
        "journal-lost",
        BOTH,
        lambda root, task: name_of(task).journal(root / "data" / "raw").unlink(),
        "journal.jsonl: is missing",
    ),
]


@pytest.mark.parametrize(
    ("change", "task", "says"),
    [
        pytest.param(change, task, says, id=f"{name}-{task}")
        for name, tasks, change, says in CHANGES
        for task in tasks
    ],
)
def test_a_session_that_changed_is_not_gone_on_with(
    change: Callable[[Path, str], object],
    task: str,
    says: str,
    make_study: Callable[..., Path],
    refused: Callable[..., str],
) -> None:
    root = make_study(design=SHORT)
    break_off(root, task)
    change(root, task)
    resume = () if says.endswith("--resume") else ("--resume",)
    assert says in refused(root, *words_of(root, task, *resume))


@pytest.mark.parametrize("task", ONE)
@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_a_finished_session_stays_finished(
    task: str, resume: tuple[str, ...], make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design=SHORT)
    assert call(*words_of(root, task)) == 0
    line = refused(root, *words_of(root, task, *resume))
    assert "is finished" in line
    assert "--session 2" in line


@pytest.mark.parametrize("task", ONE)
def test_another_observer_does_not_go_on_with_a_session(
    task: str, make_study: Callable[..., Path], refused: Callable[..., str], tmp_path: Path
) -> None:
    root = make_study(design=SHORT)
    break_off(root, task)
    ids = StimulusSet.load(root / "stimuli").ids
    SimulatedObserver(ids, np.eye(len(ids))).save(tmp_path / "other.npz")
    words = ["run", root, "--task", task, "--participant", "901", "--no-window", "--resume"]
    assert "who answers" in refused(root, *words, "--simulate", tmp_path / "other.npz")


@pytest.mark.parametrize("task", ONE)
def test_a_person_does_not_become_simulated(
    task: str, make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design=SHORT)
    assert call(*words_of(root, task)) == 0
    people = root / "data" / "raw" / "participants.tsv"
    people.write_text(people.read_text().replace("true", "false"))
    line = refused(root, *words_of(root, task, "--session", 2))
    assert "901 is a person" in line
    assert "this run is simulated" in line


def test_a_second_process_with_the_same_participant_is_refused(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    study = Study.load(make_study(design=SHORT))
    break_off(study.root, TRIPLETS)
    with hold_participant(study, study.raw, "901"):
        for task in BOTH:
            capsys.readouterr()
            assert call(*words_of(study.root, task, "--resume")) == 1
            (line,) = capsys.readouterr().err.splitlines()
            assert "being run by another process" in line


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@on_linux
@pytest.mark.parametrize("task", ONE)
def test_a_folder_that_takes_no_writing_is_one_line(
    task: str, make_study: Callable[..., Path], refused: Callable[..., str], tmp_path: Path
) -> None:
    root = make_study(design=SHORT)
    with small_disk(tmp_path / "disk", "1m") as disk:
        moved = shutil.copytree(root, disk / "study")
        mount("tmpfs", disk, "", flags=_READ_ONLY | _REMOUNT)
        line = refused(moved, *words_of(moved, task))
    assert "cannot write" in line or "Read-only" in line


_READ_ONLY, _REMOUNT = 1, 32


def mount(source: str, target: Path, options: str, flags: int = 0) -> None:
    """Mount by the system call: the command is not everywhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), str(target).encode(), b"tmpfs", flags, options.encode()):
        pytest.skip(f"cannot mount ({os.strerror(ctypes.get_errno())})")


@contextlib.contextmanager
def small_disk(target: Path, size: str) -> Iterator[Path]:
    """A disk of a given size, gone with the block."""
    target.mkdir()
    mount("twoalike", target, f"size={size}")
    try:
        yield target
    finally:
        ctypes.CDLL(None).umount2(str(target).encode(), 2)


def fill(disk: Path) -> Path:
    """Take all the space there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


@on_linux
@pytest.mark.parametrize("task", ONE)
def test_a_full_disk_is_one_line_and_the_session_starts_once_there_is_space(
    task: str, make_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study(design=SHORT)
    with small_disk(tmp_path / "disk", "1m") as disk:
        moved = shutil.copytree(root, disk / "study")
        ballast = fill(disk)
        assert call(*words_of(moved, task)) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("twoalike: ")
        assert FULL.search(line)
        ballast.unlink()
        assert call(*words_of(moved, task, "--resume")) == 0
        assert check_bids(moved / "data" / "raw") == []


def fill_once_there_is_a_trial(disk: Path, rows: Path) -> None:
    wait_for(lambda: rows.exists() and b'"what": "trial"' in rows.read_bytes())
    fill(disk)


FULL = re.compile("No space left|the disk is full")
MANY = {
    TRIPLETS: "trials = 50\npractice = 0\n",
    ARRANGING: "[arrangement]\nmax_trials = 12\npractice_items = 0\nstop_evidence = 50.0\n",
}


@on_linux
@pytest.mark.parametrize("task", BOTH)
def test_a_disk_that_fills_during_a_session_keeps_the_trials_so_far(
    task: str, make_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study(design=MANY[task])
    with small_disk(tmp_path / "disk", "1m") as disk:
        moved = shutil.copytree(root, disk / "study")
        raw, name = moved / "data" / "raw", name_of(task)
        journal = name.journal(raw)
        filler = threading.Thread(target=fill_once_there_is_a_trial, args=(disk, journal))
        filler.start()
        status = call(*words_of(moved, task, "--speed", "40"))
        filler.join()
        (line,) = capsys.readouterr().err.splitlines()
        assert status == 1, line
        assert line.startswith("twoalike: ")
        assert FULL.search(line)
        assert "Trials so far are safe" in line
        assert "--resume" in line
        (disk / "ballast").unlink()
        write_left_out(raw, "901")
        rows = name.rows(raw)
        before = read_run(rows).rows
        assert len(before) > 0
        assert call(*words_of(moved, task, "--resume")) == 0
        after = read_run(rows).rows
        assert len(after) > len(before)
        assert after.iloc[: len(before)].equals(before)
        assert check_bids(moved / "data" / "raw") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("study.toml", "seed = 7", "seed = 8", "the seed was 7, is 8"),
        ("study.toml", "max_trials = 2", "max_trials = 3", "max_trials was 2, is 3"),
        (
            "protocols/multi_arrangement.toml",
            "schema_version = 1",
            '[breaks]\nbreak_every = 5\n[texts]\nend = "Goodbye."',
            'every was 10, is 5; texts.end was "That was the last one. Thank y…", is "Goodbye."',
        ),
    ],
)
def test_what_changed_since_a_session_began_is_named_with_its_values(
    make_study: Callable[..., Path],
    refused: Callable[..., str],
    file: str,
    old: str,
    new: str,
    says: str,
) -> None:
    root = make_study(design=SHORT)
    break_off(root, ARRANGING)
    edit(root, file, old, new)
    assert says in refused(root, *words_of(root, ARRANGING, "--resume"))


def test_codes_that_differ_in_leading_zeros_are_one_person(
    make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design=SHORT)
    assert call(*words_of(root, TRIPLETS)) == 0
    words = ("--simulate", "--no-window", "--participant")
    assert "0901: 901 is there already" in refused(root, "run", root, *words, "0901")
    design = ("design", root, "--task", TRIPLETS, "--participants")
    assert "0901: 901 is there already" in refused(root, *design, "0901")
    assert "2: 02 is there already" in refused(root, *design, "2", "02")
    assert call(*design, "s02", "s20") == 0
    assert "s2: s02 is there already" in refused(root, "run", root, *words, "s2")
    (root / "data" / "raw" / "sub-0901").mkdir()  # of a time when both were allowed
    assert call("run", root, *words, "0901") == 0


@pytest.mark.parametrize("task", ONE)
def test_a_session_is_not_left_out(
    task: str, make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design=SHORT)
    line = refused(root, *words_of(root, task, "--session", 2))
    assert "has no session 1 here. The next one: --session 1;" in line
    assert call(*words_of(root, BOTH[1 - BOTH.index(task)])) == 0
    assert call(*words_of(root, task, "--session", 2)) == 0  # after one of the other task
    line = refused(root, *words_of(root, task, "--session", 4))
    assert "has no session 3 here. The next one: --session 3;" in line
    assert call(*words_of(root, task, "--session", 4, "--pilot")) == 0


@pytest.mark.parametrize("task", ONE)
@pytest.mark.parametrize("language", ["en", "de"])
def test_nobody_is_asked_to_agree_to_the_text_that_holds_the_place(
    task: str, language: str, make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design=SHORT)
    protocol = root / PROTOCOLS[task]
    protocol.write_text(f'language = "{language}"\n[consent]\nask = true\n')
    person = ("run", root, "--task", task, "--participant", "001")
    line = refused(root, *person)
    assert str(protocol) in line
    assert "below [texts]" in line
    assert call(*words_of(root, task)) == 0  # nobody agrees to anything
    protocol.write_text('[consent]\nask = true\n[texts]\nconsent = " "\n')
    assert "the consent page is empty" in refused(root, *person)
    protocol.write_text('[consent]\nask = true\n[texts]\nconsent = "Ours, approved."\n')
    study = Study.load(root)
    sitting = Sitting(study=study, participant="001", session=1)
    prepare_session(task, sitting).check_consent(Progress())


CHECKS_ONLY = "trials = 6\n[arrangement]\npractice_items = 4\ncatch = 1\n"


def test_checks_and_practice_alone_are_no_reason_to_begin(
    make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design=f"{CHECKS_ONLY}stop_evidence = 0.04\nmax_items = 0\n")
    assert call(*words_of(root, ARRANGING)) == 0
    line = refused(root, *words_of(root, ARRANGING, "--session", 2))
    assert "nothing left to arrange" in line
    assert call("design", root, "--task", ARRANGING, "--participants", "902") == 0
    edit(root, "study.toml", "[arrangement]", '[arrangement]\nscheduler = "list"')
    words = ("run", root, "--task", ARRANGING, "--participant", "902", "--simulate", "--no-window")
    assert "expected main trials, found none" in refused(root, *words)
