"""``twoalike validate`` names file, row and column of every kind of damage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from twoalike.cli.app import main
from twoalike.record import TASKS, RunName

NAMES = TASKS["oddoneout"].trials.names


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return int(caught.value.code or 0)


@pytest.fixture
def collected(make_study: Callable[..., Path]) -> Path:
    """A study with one simulated session of fourteen trials."""
    root = make_study()
    call("run", root, "--participant", "901", "--simulate", "--no-window")
    return root


def table(root: Path) -> Path:
    return RunName("901", 1).rows(root / "data" / "raw")


def edit(path: Path, row: int, column: str, value: str) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    cells = lines[row].split("\t")
    cells[NAMES.index(column)] = value
    lines[row] = "\t".join(cells)
    path.write_text("\n".join(lines), encoding="utf-8")


def test_protocols_are_checked_with_and_without_data(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study(arrangement='[answers]\ndone_keys = ["retrun"]\n')
    assert call("validate", root) == 1
    assert "'retrun'; did you mean 'return'?" in capsys.readouterr().err
    call("run", root, "--participant", "901", "--simulate", "--no-window")
    capsys.readouterr()
    assert call("validate", root) == 1
    captured = capsys.readouterr()
    assert "multi_arrangement.toml: key 'answers.done_keys'" in captured.out
    assert "1 problem(s), see above" in captured.err


DAMAGE = [
    ("trial_index", "4", "trial 4 stands already in row 4"),
    ("onset", "0.0000", "before the end of the trial above"),
    ("onset", "soon", "expected a number, found 'soon'"),
    ("response_time", "-2.0", "expected at least 0"),
    ("trial_type", "warm-up", "expected one of practice, main"),
    ("response_time", "n/a", "but response is"),
    ("odd_stimulus", "someone", "expected"),
    ("response_position", "n/a", "expected"),
    ("timed_out", "true", "although there is a response"),
    ("correct", "true", "expected None"),
    ("stimulus_2", "nothing", "not among the run's stimuli"),
    ("triplet_id", "t0", "the trial list says"),
    ("pilot", "perhaps", "expected true or false"),
]


@pytest.mark.parametrize(("column", "value", "why"), DAMAGE)
def test_damage_is_named_by_file_row_and_column(
    collected: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    value: str,
    why: str,
) -> None:
    # Our rules alone must see it: the BIDS validator knows only the form.
    monkeypatch.setattr("twoalike.record.check_bids", lambda root: [])
    edit(table(collected), 5, column, value)
    assert call("validate", collected) == 1
    captured = capsys.readouterr()
    place = f"{table(collected)}, row 5, column {column}: "
    found = [line for line in captured.out.splitlines() if line.startswith(place)]
    assert any(why in line for line in found), captured.out
    assert "problem(s), see above" in captured.err


def test_places_must_be_three(
    collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.record.check_bids", lambda root: [])
    for column in ("position_1", "position_2"):
        edit(table(collected), 5, column, "left")
    assert call("validate", collected) == 1
    assert "row 5, column position_1: the three places are left, left" in capsys.readouterr().out


def test_ragged_rows_a_torn_end_and_a_lost_header_are_named(
    collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.record.check_bids", lambda root: [])
    path = table(collected)
    whole = path.read_text(encoding="utf-8")
    lines = whole.split("\n")
    path.write_text("\n".join([*lines[:3], "3\t1", *lines[4:]]))
    assert call("validate", collected) == 1
    assert f"row 3: has 2 cells, expected {len(NAMES)}" in capsys.readouterr().out
    path.write_text(whole + "15\t1")
    assert call("validate", collected) == 1
    assert "the last line is torn" in capsys.readouterr().out
    path.write_text("\n".join(lines[1:]))
    assert call("validate", collected) == 1
    assert "has no column 'trial_index'" in capsys.readouterr().out


def test_changed_and_lost_images_and_manifests_are_named(
    collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.record.check_bids", lambda root: [])
    (collected / "stimuli" / "warm0.png").write_bytes(b"other")
    (collected / "stimuli" / "cold5.png").unlink()
    assert call("validate", collected) == 1
    out = capsys.readouterr().out
    assert "the image of 'warm0' has changed since it was shown" in out
    assert "object 'cold5' is no longer in the stimulus set" in out
    RunName("901", 1).manifest(collected / "data" / "raw").unlink()
    assert call("validate", collected) == 1
    assert "no such file" in capsys.readouterr().out


def test_the_bids_validator_has_its_say_on_every_row(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    call("run", root, "--participant", "901", "--simulate", "--no-window")
    edit(table(root), 13, "response_time", "fast")
    (root / "data" / "raw" / "notes.txt").write_text("hello")
    assert call("validate", root) == 1
    out = capsys.readouterr().out
    assert "row 13, column response_time" in out
    assert "TSV_VALUE_INCORRECT_TYPE" in out
    assert "notes.txt" in out


def test_a_study_without_data_says_how_to_collect_some(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("validate", make_study()) == 1
    assert "twoalike run" in capsys.readouterr().err
