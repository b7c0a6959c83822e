"""``twoalike screen``."""

from typing import Annotated

from cyclopts import Parameter


def screen(
    *,
    number: int = 0,
    width_cm: float | None = None,
    distance_cm: float | None = None,
    frames: int = 600,
    windowed: Annotated[bool, Parameter(negative=())] = False,
    virtual_display: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Measure this computer's screen, once for all studies.

    A window shows a blue card. Hold a bank card (or any card of that size) against it and make
    the blue one as large, with the arrow keys or the mouse wheel; Enter says that it fits. Then
    many frames are shown, to see whether the screen is on time. From then on, sizes in degrees
    of visual angle are right on this computer.

    The result is kept in your configuration folder, or in the file that the environment
    variable TWOALIKE_SCREEN names.

    Exit status: 0 measured, 1 could not, 130 left before the card matched; nothing is saved then.

    Parameters
    ----------
    number
        Which screen, 0 is the first.
    width_cm
        Width of the visible picture, if you measured it with a ruler: no card is shown then.
    distance_cm
        From the participant's eyes to the screen; asked for if left out.
    frames
        How many frames to measure.
    windowed
        A window instead of the whole screen.
    virtual_display
        Start a screen that nobody sees (Linux).

    Examples
    --------
        twoalike screen
        twoalike screen --number 1 --distance-cm 60
        twoalike screen --width-cm 53.1 --distance-cm 60
    """
    import sys
    from contextlib import ExitStack

    from twoalike.cli._screen_table import ask_distance, check_measures, screen_table
    from twoalike.display import calibrate
    from twoalike.display import virtual_display as start_display
    from twoalike.study import load_profile, save_profile

    check_measures(number=number, width_cm=width_cm, distance_cm=distance_cm, frames=frames)
    before = load_profile()
    if distance_cm is None:
        distance_cm = ask_distance(before)
    if before.number != number:
        before = type(before)()  # another screen: nothing of the old one holds
    before = before.model_copy(update={"number": number, "distance_m": distance_cm / 100})
    with ExitStack() as stack:
        if virtual_display:
            stack.enter_context(start_display())
        found = calibrate(
            before,
            width_m=None if width_cm is None else width_cm / 100,
            windowed=windowed,
            n_frames=frames,
        )
    if found is None:
        print("left before the card matched; nothing was saved", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    print(screen_table(found))  # noqa: T201
    print(save_profile(found))  # noqa: T201
