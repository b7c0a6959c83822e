"""``twoalike power --slurm``: studies are jobs, and every file is the same without a cluster."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from twoalike.cli.app import main

SMALL = ("--trials-per-person", "40", "--worlds", "2", "--steps", "100", "--most-participants", "1")
TARGET = ("--target-information", "0.2", "--assurance", "0.5")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_answer_is_the_same_on_a_cluster(
    make_study: Callable[..., Path],
    cluster: Path,
    snapshot: Callable[[Path], dict[str, bytes]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here, there = make_study(), tmp_path / "there"
    shutil.copytree(here, there)
    assert run("power", here, *SMALL, *TARGET) == 0
    said = capsys.readouterr().out
    words = ("--slurm", "partition=short", "--slurm", "minutes=9")
    assert run("power", there, *SMALL, *TARGET, *words) == 0
    assert capsys.readouterr().out == said.replace(str(here), str(there))
    made = snapshot(there / "derived")
    logs = [name for name in made if "/slurm/" in name]
    assert {name: text for name, text in made.items() if name not in logs} == snapshot(
        here / "derived"
    )
    assert sum(name.endswith("_log.out") for name in logs) == len(logs) - 1 >= 2
    assert "'partition': 'short'" in (cluster / "asked").read_text()


def test_a_fit_that_fails_names_its_log(
    make_study: Callable[..., Path], cluster: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study()
    words = ("power", study, *SMALL, *TARGET, "--slurm", f"setup={['ulimit -v 300000']}")
    assert run(*words) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "task 1-people_world-0 (job 1000_0): " in said
    log = said.partition("Its log is ")[2].partition(";")[0]
    assert Path(log).is_file()


def test_wrong_settings_are_refused_before_anything_is_simulated(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study()
    assert run("power", study, "--slurm", "minute=9") == 1
    assert "--slurm minute=9: unknown key 'minute'" in capsys.readouterr().err
    assert not (study / "derived").exists()
