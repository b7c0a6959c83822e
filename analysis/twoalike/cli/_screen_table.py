"""What ``twoalike screen`` asks, and how it shows what it found."""

import sys

from twoalike.study import ScreenProfile, TwoalikeError

_FEWEST_FRAMES = 30


def check_measures(
    *, number: int, width_cm: float | None, distance_cm: float | None, frames: int
) -> None:
    """Refuse measures that no screen has, such as metres given for centimetres.

    Raises
    ------
    TwoalikeError
        Naming the option.
    """
    if number < 0:
        raise TwoalikeError(f"--number {number}: expected a whole number from 0.")
    if frames < _FEWEST_FRAMES:
        raise TwoalikeError(f"--frames {frames}: expected at least {_FEWEST_FRAMES}.")
    if width_cm is not None:
        _within("--width-cm", width_cm, 5, 1000)
    if distance_cm is not None:
        _within("--distance-cm", distance_cm, 5, 5000)


def _within(what: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise TwoalikeError(f"{what} {value:g}: expected centimetres between {low:g} and {high:g}.")
    return value


def ask_distance(before: ScreenProfile) -> float:
    """Ask on the terminal how far the eyes are from the screen; cm.

    Raises
    ------
    TwoalikeError
        If there is nobody to ask, or the answer is no distance.
    """
    if not sys.stdin.isatty():
        raise TwoalikeError("the distance of the eyes is not known. Add: --distance-cm 60")
    known = f" [{100 * before.distance_m:g}]" if before.distance_m else ""
    answer = input(f"From the participant's eyes to the screen, in cm{known}: ").strip()
    if not answer and before.distance_m:
        return 100 * before.distance_m
    try:
        value = float(answer.removesuffix("cm").strip().replace(",", "."))
    except ValueError as error:
        raise TwoalikeError(f"{answer!r}: expected a distance in cm, such as 60.") from error
    return _within("distance", value, 5, 5000)


def screen_table(profile: ScreenProfile) -> str:
    """Lines that show a measurement to whoever made it."""
    from twoalike.display import verdict

    width, height = profile.size_px
    how = {"card": "matched with a card", "given": "as given", "none": "not measured"}
    rows = [
        ("screen", f"{profile.number}, {width} x {height} pixels"),
        ("width", f"{100 * profile.width_m:.2f} cm, {how[profile.how]}"),
        ("distance", f"{100 * profile.distance_m:.1f} cm"),
        ("one degree", f"{profile.pixels(1.0, width):.1f} pixels, in the middle of the screen"),
        ("scale factor", f"{profile.scale_factor:g}"),
        ("graphics", profile.renderer),
    ]
    if profile.refresh_hz:
        spread = f"sd {1000 * profile.frame_sd_s:.2f} ms, 99 % within "
        rows.append(("frames", f"{spread}{1000 * profile.frame_p99_s:.2f} ms"))
    rows.append(("timing", verdict(profile)))
    return "\n".join(f"{name:<14}{value}" for name, value in rows)
