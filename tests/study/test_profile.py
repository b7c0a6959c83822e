"""The screen's profile: what goes in comes out, and degrees are degrees."""

from math import atan, degrees
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twoalike.study import ScreenProfile, TwoalikeError, load_profile, profile_path, save_profile

positive = st.floats(0.01, 10)
profiles = st.builds(
    ScreenProfile,
    number=st.integers(0, 9),
    width_m=st.floats(0, 10),
    distance_m=st.floats(0, 10),
    how=st.sampled_from(["none", "card", "given"]),
    size_px=st.tuples(st.integers(0, 10000), st.integers(0, 10000)),
    scale_factor=st.floats(0.1, 4),
    # Line ends, quotes and the like in the name of a graphics card must not break the file.
    renderer=st.text(st.characters(codec="utf-8"), max_size=20),
    refresh_hz=st.floats(0, 1e3),
    frame_sd_s=st.floats(0, 1),
    frames=st.integers(0, 10**6),
)


@given(profile=profiles)
@example(profile=ScreenProfile(renderer='a "card"\\ \n\x00\x7f ü 😀'))
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, profile: ScreenProfile
) -> None:
    path = tmp_path_factory.mktemp("profile") / "deep" / "screen.toml"
    assert save_profile(profile, path) == path
    assert load_profile(path) == profile


def test_the_variable_names_the_file_and_none_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOALIKE_SCREEN", str(tmp_path / "booth.toml"))
    assert not load_profile().measured
    save_profile(ScreenProfile(width_m=0.5, distance_m=0.6, how="card"))
    assert [file.name for file in tmp_path.iterdir()] == ["booth.toml"]
    assert load_profile().measured
    monkeypatch.delenv("TWOALIKE_SCREEN")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert profile_path().name == "screen.toml"
    assert profile_path().parent.name == "twoalike"


@given(width=positive, distance=positive, angle=st.floats(0.1, 170), px=st.integers(100, 8000))
def test_an_object_of_so_many_pixels_is_seen_under_its_angle(
    width: float, distance: float, angle: float, px: int
) -> None:
    profile = ScreenProfile(width_m=width, distance_m=distance)
    metres = profile.pixels(angle, px) * width / px
    assert 2 * degrees(atan(metres / 2 / distance)) == pytest.approx(angle)


@pytest.mark.parametrize("known", [{}, {"width_m": 0.5}, {"distance_m": 0.5}])
def test_without_a_measurement_there_are_no_degrees(known: dict[str, float]) -> None:
    profile = ScreenProfile(**known)
    assert not profile.measured
    with pytest.raises(TwoalikeError, match="twoalike screen"):
        profile.pixels(5, 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [("width_cm = 52", "did you mean 'width_m'"), ("width_m = -1", "width_m"), ("[", "TOML")],
)
def test_a_damaged_profile_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "screen.toml"
    path.write_text(text)
    with pytest.raises(TwoalikeError, match=said) as caught:
        load_profile(path)
    assert "\n" not in str(caught.value)
