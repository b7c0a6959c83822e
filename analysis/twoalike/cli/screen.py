"""``twoalike screen``."""

import sys
from typing import TYPE_CHECKING, Any

from twoalike import display
from twoalike.cli._derived import takes

if TYPE_CHECKING:
    from twoalike.study import ScreenProfile


@takes(display.measure_screen)
def screen(*, distance_cm: float | None = None, **given: Any) -> None:
    """Measure this computer's screen, once for all studies.

    A window shows a blue card. Hold a bank card (or any card of that size) against it, make the
    blue card the same size with the arrow keys or the mouse wheel, and press Enter. Then many
    frames are shown, to measure whether the screen is on time. From then on, sizes in degrees of
    visual angle are right on this computer.

    The result is kept in your configuration folder, or in the file that the environment
    variable TWOALIKE_SCREEN names.

    Exit status: 0 measured, 1 failed, 130 left before the card matched (nothing is saved).

    Parameters
    ----------
    distance_cm
        From the participant's eyes to the screen; asked for if left out.

    Examples
    --------
        twoalike screen
        twoalike screen --number 1 --distance-cm 60
        twoalike screen --width-cm 53.1 --distance-cm 60
    """
    from twoalike.study import load_profile, profile_path

    distance = ask_distance(load_profile()) if distance_cm is None else distance_cm
    found = display.measure_screen(distance_cm=distance, **given)
    if found is None:
        print("left before the card matched; nothing was saved", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    print(screen_table(found))  # noqa: T201
    print(profile_path())  # noqa: T201


def ask_distance(before: "ScreenProfile") -> float:
    """Ask on the terminal how far the eyes are from the screen; cm.

    Raises
    ------
    TwoalikeError
        If there is nobody to ask, or the answer is no number.
    """
    from twoalike.study import TwoalikeError

    if not sys.stdin.isatty():
        raise TwoalikeError(
            "the distance of the eyes is not known", remedy="Add: `distance_cm=60`."
        )
    known = f" [{100 * before.distance_m:g}]" if before.distance_m else ""
    answer = input(f"From the participant's eyes to the screen, in cm{known}: ").strip()
    if not answer and before.distance_m:
        return 100 * before.distance_m
    try:
        return float(answer.removesuffix("cm").strip().replace(",", "."))
    except ValueError as error:
        raise TwoalikeError(where=repr(answer), expected="a distance in cm, such as 60") from error


def screen_table(profile: "ScreenProfile") -> str:
    """Lines that show a measurement to whoever made it."""
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
    rows.append(("timing", display.verdict(profile)))
    return "\n".join(f"{name:<14}{value}" for name, value in rows)
