"""``twoalike demo``."""

from pathlib import Path


def demo(folder: Path = Path("demo"), /, *, seed: int = 20261125) -> None:
    """Run the whole chain on drawn creatures: about ten minutes on two cores.

    Simulated participants answer through real windows (on a virtual screen where there is none);
    then the chain fits, teaches, distils and scores, and prints a table. A demo that was stopped
    goes on where it stopped.

    Examples
    --------
    twoalike demo
    twoalike demo my-demo --seed 7

    Parameters
    ----------
    folder
        Study to make; ``report.html`` appears in it.
    seed
        Everything random in the demo derives from it.
    """
    from twoalike.demo import DemoConfig, run_demo

    run_demo(folder, DemoConfig(seed=seed))
