"""``twoalike demo``."""

from pathlib import Path
from typing import Literal

from twoalike.cli._options import Flag


def demo(
    folder: Path | None = None,
    /,
    *,
    yourself: Flag = False,
    online: Flag = False,
    trials: int | None = None,
    stimuli: Literal["creatures", "familiar"] | None = None,
    simulate: Flag = False,
    window: bool = True,
    windowed: Flag = False,
    seed: int = 20261125,
) -> None:
    """Run the whole chain on drawn creatures, or map your own judgments.

    The whole chain takes some minutes on two cores: simulated participants answer in real windows
    (virtual ones if there is no screen); then it fits, teaches, distils, scores and prints a table.

    With --yourself, you do about thirty trials on familiar things, which takes about three minutes,
    and see your own map less than a minute after the last one. With --online, you do so on the page
    of an online study: this machine serves it to your browser, and nothing leaves the machine. A
    demo that was stopped continues where it stopped.

    Examples
    --------
        twoalike demo
        twoalike demo my-demo --seed 7
        twoalike demo --yourself
        twoalike demo me --yourself --trials 40 --stimuli creatures
        twoalike demo --online
        twoalike demo nobody --yourself --simulate --no-window

    Parameters
    ----------
    folder
        Study to make. If left out: demo, or you with --yourself, or you-online with --online. The
        command writes report.html or you.html into it.
    yourself
        You are the participant, in a window.
    online
        You are the participant, in your browser.
    trials
        With --yourself or --online: number of trials, 20 to 100; 30 if left out. With 35 or more,
        each of the twelve things is shown with each other.
    stimuli
        With --yourself or --online: the set of stimuli; if left out, familiar in a window and
        creatures online.
    simulate
        With --yourself: a simulated person answers, to try it out.
    window
        With --no-window, a simulated person answers without a window.
    windowed
        With --yourself: use a window instead of the whole screen.
    seed
        Everything random in the demo derives from it; with --yourself or --online another seed
        shows other things.
    """
    from twoalike.demo import DemoConfig, YourselfConfig, run_demo, run_yourself
    from twoalike.study import TwoalikeError, check_seed

    check_seed(seed)
    if yourself and online:
        raise TwoalikeError("--yourself is in a window, --online in a browser: give one of them.")
    if yourself or online:
        config = YourselfConfig(
            seed=seed,
            trials=30 if trials is None else trials,
            stimuli=stimuli or ("creatures" if online else "familiar"),
            simulate=simulate,
            window=window,
            windowed=windowed,
            online=online,
        )
        run_yourself(folder or Path("you-online" if online else "you"), config)
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
