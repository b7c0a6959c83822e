"""``twoalike validate`` names file, row and column of every kind of damage."""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import call, cases

from twoalike.record import TRIPLETS, RunName, check_dataset, find_runs
from twoalike.tasks import validate_study

NAMES = TRIPLETS.recorded({}).names


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
    root = make_study(arrangement='[answers]\ndone_keys = ["backspaced"]\n')
    assert call("validate", root) == 1
    assert "'backspaced'; did you mean 'backspace'?" in capsys.readouterr().err
    call("run", root, "--participant", "901", "--simulate", "--no-window")
    capsys.readouterr()
    assert call("validate", root) == 1
    captured = capsys.readouterr()
    assert "multi_arrangement.toml: key 'answers.done_keys'" in captured.out
    assert "1 problem, see above" in captured.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_progress_is_shown_in_a_terminal_only(
    collected: Path, stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stream())
    monkeypatch.setenv("TERM", "xterm")
    validate_study(collected)
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    steps = ("check sessions", "check BIDS, look for private data")
    assert [step in shown for step in steps] == [stream is Terminal] * 2
    assert bool(shown) == (stream is Terminal)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("trial_index", "4"),
        ("onset", "soon"),
        ("response_time", "n/a"),
        ("trial_type", "warm-up"),
        ("stimulus_2", "nothing"),
        ("pilot", "perhaps"),
    ],
)
def test_damage_is_named_by_file_row_and_column(
    collected: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    value: str,
) -> None:
    # Our rules alone must see it: the BIDS validator knows only the form.
    monkeypatch.setattr("twoalike.tasks._validate.check_bids", lambda root: [])
    edit(table(collected), 5, column, value)
    assert call("validate", collected) == 1
    captured = capsys.readouterr()
    found = f"{table(collected)}, row 5, column '{column}': is {value}, the journal has "
    assert found in captured.out
    assert "1 problem, see above" in captured.err


@pytest.mark.parametrize(
    ("column", "value", "why"),
    cases(__file__, "in_a_copy_rows_are_checked_by_the_rules_of_their_task"),
)
def test_in_a_copy_rows_are_checked_by_the_rules_of_their_task(
    collected: Path, tmp_path: Path, column: str, value: str, why: str
) -> None:
    assert call("share", collected, "--out", tmp_path / "copy") == 0
    assert check_dataset(tmp_path / "copy").problems == ()
    (copied,) = find_runs(tmp_path / "copy")
    before = copied.read_text()
    edit(copied, 5, column, value)
    if copied.read_text() == before:
        pytest.skip("the row has this value")
    (problem, *_) = (str(one) for one in check_dataset(tmp_path / "copy").problems)
    assert f"{copied}, row 5, column " in problem
    assert why in problem


def test_of_each_file_ten_problems_are_listed(
    collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.tasks._validate.check_bids", lambda root: [])
    for row in range(1, 15):
        edit(table(collected), row, "response_time", "soon")
    assert call("validate", collected) == 1
    captured = capsys.readouterr()
    found = [line for line in captured.out.splitlines() if line.startswith(str(table(collected)))]
    assert len(found) == 11
    assert found[-1] == f"{table(collected)}: and 4 more"
    assert "14 problems, see above" in captured.err


def test_files_that_were_deleted_are_named_or_written_again(
    collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.tasks._validate.check_bids", lambda root: [])
    words = ("run", collected, "--participant", "901", "--simulate", "--no-window", "--resume")
    people = collected / "data" / "raw" / "participants.tsv"
    listed = people.read_bytes()
    people.unlink()
    assert call("validate", collected) == 1
    assert f"{people}: is missing, but there are data of 1 participant" in capsys.readouterr().out
    assert call(*words) == 1
    assert f"{people}: is missing" in capsys.readouterr().err
    people.write_bytes(listed)
    before = table(collected).read_bytes()
    table(collected).unlink()
    assert call("validate", collected) == 0
    journal = RunName("901", 1).journal(collected / "data" / "raw")
    assert f"{journal}: was written further than {table(collected).name}" in capsys.readouterr().out
    assert table(collected).read_bytes() == before
    journal.unlink()
    assert call("validate", collected) == 1
    assert f"{journal}: is missing: with it, edited rows cannot be found" in capsys.readouterr().out
    assert call(*words) == 1
    assert f"{journal}: is missing, but there are trials" in capsys.readouterr().err


def test_changed_and_lost_images_are_named(
    collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.tasks._validate.check_bids", lambda root: [])
    (collected / "stimuli" / "warm0.png").write_bytes(b"other")
    (collected / "stimuli" / "cold5.png").unlink()
    assert call("validate", collected) == 1
    out = capsys.readouterr().out
    assert "the image of 'warm0' has changed since it was shown" in out
    assert "object 'cold5' is no longer in the stimulus set" in out


def test_the_bids_validator_has_its_say_on_every_row(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    call("run", root, "--participant", "901", "--simulate", "--no-window")
    edit(table(root), 13, "response_time", "fast")
    (root / "data" / "raw" / "notes.txt").write_text("hello")
    assert call("validate", root) == 1
    out = capsys.readouterr().out
    assert "row 13, column 'response_time'" in out
    assert "TSV_VALUE_INCORRECT_TYPE" in out
    assert "notes.txt" in out


def test_a_study_without_data_says_how_to_collect_some(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("validate", make_study()) == 0
    assert "no problem found, no data yet; collect some with: twoalike run" in (
        capsys.readouterr().out
    )


def test_images_are_checked_without_data(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    shutil.copy(root / "stimuli" / "warm1.png", root / "stimuli" / "warm0.png")
    assert call("validate", root) == 1
    assert "warm0.png is not the image listed" in capsys.readouterr().err


def test_every_fault_of_a_study_without_data_is_said(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study(arrangement='[answers]\ndone_keys = ["backspaced"]\n')
    (root / "protocols" / "odd_one_out.toml").write_text("[timing]\nresponse_limit = 15\n")
    assert call("validate", root) == 1
    captured = capsys.readouterr()
    assert "did you mean 'backspace'?" in captured.out
    assert "timing.response_limit" in captured.out
    assert "2 problems, see above" in captured.err


@pytest.mark.parametrize("verb", ["validate", "run", "fit", "report"])
def test_a_list_of_participants_in_utf16_is_named_in_one_line(
    collected: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """Excel's "Unicode text" is UTF-16."""
    path = collected / "data" / "raw" / "participants.tsv"
    path.write_text(path.read_text(), encoding="utf-16")
    capsys.readouterr()
    more = {"run": ("--participant", "902", "--simulate", "--no-window")}
    more["report"] = ("--out", str(collected / "report.html"))
    assert call(verb, collected, *more.get(verb, ())) == 1
    captured = capsys.readouterr()
    said = captured.out if verb == "validate" else captured.err
    (line,) = [line for line in said.splitlines() if "participants.tsv" in line]
    assert f"{path}: not UTF-8 text (byte 0). Save as UTF-8" in line
    assert len(captured.err.splitlines()) == 1


def test_an_image_that_is_gone_is_named_when_there_are_data_too(
    collected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``run --resume`` refuses it."""
    (collected / "stimuli" / "warm0.png").unlink()
    capsys.readouterr()
    assert call("validate", collected) == 1
    assert "object 'warm0': no image at" in capsys.readouterr().out


def test_the_function_finds_what_the_command_shows(
    collected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(table(collected), 2, "response_time", "soon")
    found = validate_study(str(collected))
    assert call("validate", collected) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == list(found.lines())
    assert f"{found.summary}, see above" in captured.err
    assert [problem.row for one in found.data for problem in one.problems][0] == 2
    assert str(found).endswith(found.summary)
