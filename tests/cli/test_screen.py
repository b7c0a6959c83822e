"""``twoalike screen`` at the edges: what is asked, refused and shown; no window."""

import sys

import pytest
from tests.conftest import call

from twoalike.cli import app as cli
from twoalike.cli.studies import ask_distance, screen_table
from twoalike.display import measure_screen
from twoalike.study import ScreenProfile, TwoalikeError

MEASURED = ScreenProfile(width_m=0.5, distance_m=0.573, how="card", size_px=(1000, 800))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"number": -1}, "--number"),
        ({"width_cm": 0.531}, "centimetres"),  # metres
        ({"width_cm": float("nan")}, "--width-cm"),
        ({"distance_cm": 0.0}, "--distance-cm"),
        ({"frames": 5}, "--frames"),
    ],
)
def test_measures_that_cannot_be_are_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(TwoalikeError) as refused:
        measure_screen(**options)  # type: ignore[arg-type]
    assert said in cli.with_options(str(refused.value))


@pytest.mark.parametrize(
    ("typed", "known", "expected"),
    [("60", 0.0, 60), (" 57,3 cm ", 0.0, 57.3), ("", 0.573, 57.3), ("70", 0.573, 70)],
)
def test_the_distance_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, typed: str, known: float, expected: float
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: typed)
    assert ask_distance(ScreenProfile(distance_m=known)) == pytest.approx(expected)


def test_nobody_is_asked_where_there_is_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.setenv("TWOALIKE_SCREEN", str(tmp_path / "screen.toml"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    assert call("screen", "--width-cm", "50") == 1
    assert "--distance-cm" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_who_leaves_saves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.setenv("TWOALIKE_SCREEN", str(tmp_path / "screen.toml"))
    monkeypatch.setattr("twoalike.display._calibrate.calibrate", lambda before, **_: None)
    assert call("screen", "--distance-cm", "60") == 130
    out, err = capsys.readouterr()
    assert (out, list(tmp_path.iterdir())) == ("", [])
    assert "nothing was saved" in err


def test_the_table_says_what_was_found() -> None:
    text = screen_table(MEASURED)
    assert "50.00 cm, matched with a card" in text
    assert "20.0 pixels" in text  # one centimetre, since a degree is one at 57.3 cm
    timed = MEASURED.model_copy(
        update={"refresh_hz": 60.0, "frames": 600, "frame_sd_s": 2e-4, "frame_p99_s": 0.0172}
    )
    assert "sd 0.20 ms, 99 % within 17.20 ms" in screen_table(timed)
    assert screen_table(timed).endswith("60.0 Hz, 0 of 600 frames late: good")
