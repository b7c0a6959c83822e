"""Texts that cannot be read: named by validate, refused by run before a session."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from twoalike.cli.app import main
from twoalike.study import ScreenProfile, Study, TwoalikeError
from twoalike.tasks import SMALLEST_SCREEN, Sitting, View, check_readable, prepare_session

LONG = "a prompt that goes on and on about which image is the odd one out " * 3
PROMPT = f'[texts]\nprompt = "{LONG}"\n'
PALE = '[screen]\nforeground = "#9a9a9a"\n'
SITTING = ("--participant", "001", "--simulate", "--no-window")


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever was measured on this computer, the tests do not know it."""
    monkeypatch.setenv("TWOALIKE_SCREEN", str(tmp_path / "screen.toml"))


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """A function that runs a command: its exit status, and all it printed."""

    def call(*words: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        caught = capsys.readouterr()
        return int(ended.value.code or 0), caught.out + caught.err

    return call


def test_a_text_that_does_not_fit_is_named_by_validate_and_refused_by_run(
    make_study: Callable[..., Path], told: Callable[..., tuple[int, str]]
) -> None:
    root = make_study(protocol=PROMPT)
    code, said = told("validate", root)
    assert code == 1
    assert (
        "odd_one_out.toml: texts.prompt: expected a text that fits a screen of 1024 x 768" in said
    )
    code, said = told("run", root, *SITTING)
    assert code == 1
    assert said.count("\n") == 1
    assert (
        "odd_one_out.toml: texts.prompt: expected a text that fits a screen of 1280 x 1024" in said
    )
    assert not (root / "data").exists()


def test_a_session_that_has_begun_goes_on_with_a_warning(make_study: Callable[..., Path]) -> None:
    study = Study.load(make_study(protocol=PROMPT))
    prepared = prepare_session("odd-one-out", Sitting(study=study, participant="001", session=1))
    with pytest.raises(TwoalikeError, match="texts.prompt"):
        check_readable(prepared, View(SMALLEST_SCREEN), begun=False)
    warnings = check_readable(prepared, View(SMALLEST_SCREEN), begun=True)
    assert "texts.prompt" in warnings[0]


def test_pale_text_is_named_by_validate_and_said_by_run(
    make_study: Callable[..., Path], told: Callable[..., tuple[int, str]]
) -> None:
    root = make_study(protocol=PALE)
    code, said = told("run", root, *SITTING)
    assert code == 0
    assert "contrast of 4.5 to 1" in said
    code, said = told("validate", root)
    assert code == 1
    assert "screen.foreground #9a9a9a on screen.background #e6e6e6" in said
    assert "found 2.2" in said


def test_on_a_measured_screen_the_smallest_one_is_a_remark(
    make_study: Callable[..., Path],
    told: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = ScreenProfile(width_m=0.6, distance_m=0.6, size_px=(2560, 1080))
    monkeypatch.setattr("twoalike.tasks._validate.load_profile", lambda: wide)
    text = "Which one of these three is not like the other two of them, as you see it yourself? "
    root = make_study(protocol=f'[texts]\nprompt = "{text * 2}"\n')
    code, said = told("validate", root)
    assert code == 0
    assert "note: " in said and "1024 x 768" in said
    root = make_study("longer", protocol=f'[texts]\nprompt = "{text * 9}"\n')
    code, said = told("validate", root)
    assert code == 1
    assert "2560 x 1080" in said
    assert "1024 x 768" not in said


@pytest.mark.parametrize(("task", "px"), [("anchored_choice", 320), ("odd_one_of_many", 300)])
def test_validate_tries_common_screens_and_the_one_that_was_measured(
    make_study: Callable[..., Path],
    told: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    px: int,
) -> None:
    root = make_study("study", "trials = 6\npractice = 0\n[odd_one_of_many]\ntrials = 6\n")
    settings = f"[images]\nimage_px = {px}\nimage_fraction = 0\n"
    (root / "protocols" / f"{task}.toml").write_text(settings)
    code, said = told("validate", root)
    notes = [line for line in said.splitlines() if "does not fit screens of 1280 x 720" in line]
    assert code == 0
    assert len(notes) == 1
    assert notes[0].startswith(f"note: {root}/protocols/{task}.toml: ")
    assert "1920 x 1080" not in notes[0] and "smaller" in notes[0]  # the remedy
    small = ScreenProfile(width_m=0.3, distance_m=0.6, size_px=(1366, 768))
    monkeypatch.setattr("twoalike.tasks._validate.load_profile", lambda: small)
    code, said = told("validate", root)
    assert code == 1
    assert f"{task}.toml: " in said and "1366 x 768" in said


def test_without_fonts_to_measure_validate_says_so(
    make_study: Callable[..., Path],
    told: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "twoalike.tasks._validate.find_spec",
        lambda name: None if name == "matplotlib" else find(name),
    )
    code, said = told("validate", make_study(protocol=PROMPT))
    assert code == 0
    assert "texts were not measured" in said
    assert "experiments" in said
