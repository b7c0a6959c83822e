"""``twoalike demo``."""

from pathlib import Path
from typing import Literal

from twoalike.cli._options import Flag, check_seed


def demo(
    folder: Path | None = None,
    /,
    *,
    yourself: Flag = False,
    trials: int | None = None,
    stimuli: Literal["creatures", "familiar"] | None = None,
    simulate: Flag = False,
    window: bool = True,
    windowed: Flag = False,
    seed: int = 20261125,
) -> None:
    """Run the whole chain on drawn creatures, or map your own sense of likeness (--yourself).

    The chain takes about ten minutes on two cores: simulated participants answer through real
    windows (on a virtual screen where there is none); then it fits, teaches, distils and
    scores, and prints a table.

    With --yourself you answer some thirty trials on things you know, about three minutes, and
    see your own map less than a minute after the last one. A demo that was stopped goes on
    where it stopped.

    Examples
    --------
        twoalike demo
        twoalike demo my-demo --seed 7
        twoalike demo --yourself
        twoalike demo me --yourself --trials 40 --stimuli creatures
        twoalike demo nobody --yourself --simulate --no-window

    Parameters
    ----------
    folder
        Study to make: demo, or you with --yourself, if left out. ``report.html`` or
        ``you.html`` appears in it.
    yourself
        You are the participant.
    trials
        With --yourself: how many, 20 to 100; 30 if left out. From 35 on, each of the twelve
        things is shown with each other.
    stimuli
        With --yourself: what to choose from; familiar if left out.
    simulate
        With --yourself: a simulated person answers, to try it out.
    window
        With --no-window, a simulated person answers without a window.
    windowed
        With --yourself: a window instead of the whole screen.
    seed
        Everything random in the demo derives from it; with --yourself another seed shows other
        things.
    """
    from twoalike.demo import DemoConfig, YourselfConfig, run_demo, run_yourself
    from twoalike.study import TwoalikeError

    check_seed(seed)
    if yourself:
        config = YourselfConfig(
            seed=seed,
            trials=30 if trials is None else trials,
            stimuli=stimuli or "familiar",
            simulate=simulate,
            window=window,
            windowed=windowed,
        )
        run_yourself(folder or Path("you"), config)
        return
    given = {
        "--trials": trials is not None,
        "--stimuli": stimuli is not None,
        "--simulate": simulate,
        "--no-window": not window,
        "--windowed": windowed,
    }
    alone = next((name for name, is_given in given.items() if is_given), None)
    if alone:
        raise TwoalikeError(f"{alone} is for --yourself: add that, or leave it out.")
    run_demo(folder or Path("demo"), DemoConfig(seed=seed))
