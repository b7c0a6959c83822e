"""The screen of this computer: what a calibration found, kept once for all studies.

Degrees of visual angle and late frames belong to a room and its screen, not to a study: the
profile lies in the person's configuration folder and is read by every session.
"""

import os
from math import radians, tan
from pathlib import Path
from typing import Literal

from pydantic import Field

from twoalike.study._errors import TwoalikeError
from twoalike.study._outputs import atomic_path
from twoalike.study._settings import Strict, load_toml, render_toml

PROFILE_VARIABLE = "TWOALIKE_SCREEN"
"""Environment variable that names another profile, for computers with several set-ups."""


class ScreenProfile(Strict):
    """The screen of a computer, as ``twoalike screen`` found it.

    Examples
    --------
    >>> profile = ScreenProfile(width_m=0.52, distance_m=0.57, size_px=(1920, 1080))
    >>> round(profile.pixels(6.0, 1920))
    221
    """

    schema_version: Literal[1] = Field(default=1, description="version of this file's format")
    number: int = Field(default=0, ge=0, description="which screen, 0 is the first")
    width_m: float = Field(
        default=0.0, ge=0, description="width of the visible picture in metres; 0: not measured"
    )
    distance_m: float = Field(
        default=0.0, ge=0, description="from the eyes to the screen in metres; 0: not measured"
    )
    how: Literal["none", "card", "given"] = Field(
        default="none", description="how the width was found: with a card, or given as a number"
    )
    size_px: tuple[int, int] = Field(
        default=(0, 0), description="pixels of the whole screen when it was measured"
    )
    scale_factor: float = Field(
        default=1.0, gt=0, description="pixels of the screen in one of the desktop's"
    )
    renderer: str = Field(default="", description="graphics card, or the software in its place")
    refresh_hz: float = Field(default=0.0, ge=0, description="refresh rate; 0: not measured")
    frame_sd_s: float = Field(
        default=0.0, ge=0, description="standard deviation of the frame intervals, seconds"
    )
    frame_p99_s: float = Field(
        default=0.0, ge=0, description="frame interval that 1 in 100 exceeds, seconds"
    )
    frames: int = Field(default=0, ge=0, description="frames measured")
    pace_hz: float = Field(
        default=0.0,
        ge=0,
        description="frames a second paced by the computer's clock where none waits for a screen, "
        "as on a virtual one; for tests, never for people; 0: not paced",
    )
    late_frames: int = Field(default=0, ge=0, description="of them, frames that came late")

    @property
    def measured(self) -> bool:
        """Whether sizes in degrees of visual angle can be shown."""
        return self.width_m > 0 and self.distance_m > 0

    def pixels(self, degrees: float, full_width_px: int) -> float:
        """Pixels across an object of so many degrees of visual angle in the middle of the screen.

        Its size is 2 d tan(angle / 2) at distance d; the usual "pixels in one degree, times
        degrees" is 0.4 % too small at 12 degrees. ``full_width_px`` is the width of the whole
        screen, also where the window is smaller.
        """
        if not self.measured:
            raise TwoalikeError(
                "sizes in degrees need the screen's width and the distance of the eyes, which "
                "are not known on this computer. Measure the screen with: twoalike screen"
            )
        metres = 2 * self.distance_m * tan(radians(degrees) / 2)
        return metres * full_width_px / self.width_m


def profile_path() -> Path:
    """Where the profile of this computer lies, whether or not it exists."""
    if named := os.environ.get(PROFILE_VARIABLE):
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("twoalike", appauthor=False) / "screen.toml"


def load_profile(path: Path | None = None) -> ScreenProfile:
    """Read the profile of this computer; one that says "not measured" where there is none."""
    found = path or profile_path()
    try:
        return load_toml(found, ScreenProfile) if found.exists() else ScreenProfile()
    except OSError as error:
        raise TwoalikeError(
            f"{found}: cannot read the profile of the screen ({error.strerror}). Name another "
            f"file in {PROFILE_VARIABLE}."
        ) from error


def save_profile(profile: ScreenProfile, path: Path | None = None) -> Path:
    """Write the profile, each value with its description, and return the path of the file."""
    target = path or profile_path()
    heading = "The screen of this computer, for all studies. Made by: twoalike screen"
    with atomic_path(target) as temporary:
        temporary.write_text(render_toml(profile, heading), encoding="utf-8")
    return target
