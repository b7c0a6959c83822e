"""What ``validate`` finds in raw data stops every command that works with them, in one line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import call

from twoalike.record import RunName

ODD, MANY = RunName("901", 1), RunName("901", 1, "multiarrangement")


@pytest.fixture
def collected(make_study: Callable[..., Path]) -> Path:
    """A study with a simulated session of each task."""
    root = make_study(design="trials = 4\npractice = 0\n[arrangement]\nmax_trials = 1\n")
    for task in ("odd-one-out", "multi-arrangement"):
        words = ("--task", task, "--participant", "901", "--simulate", "--no-window")
        assert call("run", root, *words) == 0
    return root


def edit(root: Path, name: RunName, old: str, new: str) -> Path:
    path = name.rows(root / "data" / "raw")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def commands(root: Path, out: Path) -> list[tuple[object, ...]]:
    return [
        ("fit", root),
        ("report", root, "--out", out / "report.html"),
        ("export", "psychds", root, "--out", out / "psychds"),
        ("export", "meadows", root, "--out", out / "meadows.npz"),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_problem_stops_every_command_in_one_line(
    collected: Path, tmp_path: Path, refused: Callable[..., str], number: int
) -> None:
    path = edit(collected, ODD, "\tmain\t", "\tcatch\t")
    line = refused(collected, *commands(collected, tmp_path)[number])
    assert f"{path}, row 1, column 'trial_type': is catch, the journal has main" in line
    assert "twoalike validate" in line
    assert "--allow-problems" in line


def test_the_data_are_used_as_they_are_where_that_is_asked_for(
    collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(collected, ODD, "\tmain\t", "\tcatch\t")
    for words in commands(collected, tmp_path)[1:]:
        assert call(*words, "--allow-problems") == 0
        out = capsys.readouterr().out
        assert out.startswith("--allow-problems: the data are used as they are. ")


def test_data_of_other_tools_are_read_and_validate_says_what_it_cannot_check(
    collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = collected / "data" / "raw"
    shutil.rmtree(raw / "sourcedata")
    assert call("export", "psychds", collected, "--out", tmp_path / "lost") == 1
    assert "no such file" in capsys.readouterr().err
    description = raw / "dataset_description.json"
    description.write_text('{"Name": "x", "BIDSVersion": "1.11.1", "License": "CC0"}')
    assert call("export", "psychds", collected, "--out", tmp_path / "foreign") == 0
    call("validate", collected)
    assert "note: " in (out := capsys.readouterr().out)
    assert "made by another tool" in out


def test_every_command_names_who_is_listed_without_a_session(
    collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = collected / "data" / "raw"
    assert call("run", collected, "--participant", "902", "--simulate", "--no-window") == 0
    for folder in (raw / "sub-902", raw / "sourcedata" / "sub-902"):
        shutil.rmtree(folder / "ses-01")
    export = ("export", "psychds", collected, "--out", tmp_path / "psychds")
    for command in (("validate", collected), export):
        capsys.readouterr()
        assert call(*command) == 0
        said = capsys.readouterr().out
        assert said.count("sub-902 is listed but has no session") == 1
        assert "sub-901" not in said
