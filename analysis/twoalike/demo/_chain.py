"""The whole chain as a list of commands, each in a process of its own.

A process either shows windows or trains (importing torch's compiler stack after a window was
opened on a software renderer ends the process), and what the demo runs is what a user types.
A stage whose output is there is not run again, so a demo that was stopped goes on.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from twoalike.study import TwoalikeError


@dataclass(frozen=True)
class Stage:
    """One command of the chain.

    Attributes
    ----------
    title
        What it does, for the terminal.
    arguments
        The words after ``twoalike``.
    output
        What it leaves behind; the stage is done when this exists.
    finished
        Overrules ``output`` where existing is not enough.
    """

    title: str
    arguments: tuple[str, ...]
    output: Path
    finished: Callable[[], bool] | None = None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.finished() if self.finished else self.output.exists()


def run_stage(stage: Stage, environment: dict[str, str]) -> float:
    """Run one stage to its end and return its wall time in seconds.

    Raises
    ------
    TwoalikeError
        If the command fails; its own one-line reason has been printed by then.
    """
    start = time.monotonic()
    command = [sys.executable, "-m", "twoalike.cli.app", *stage.arguments]
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 130:
        raise KeyboardInterrupt
    if status != 0:
        raise TwoalikeError(
            f"demo: stage {stage.title!r} ended with status {status}. Run it by itself: "
            f"twoalike {shlex.join(stage.arguments)}"
        )
    return time.monotonic() - start


def run_stages(stages: Sequence[Stage], environment: dict[str, str], console: Console) -> None:
    """Run what is not done yet, in order, and say so."""
    for stage in stages:
        if stage.done:
            console.print(f"[dim]{escape(stage.title)}: there already")
            continue
        console.print(f"[bold]{escape(stage.title)}")
        console.print(f"[dim]{run_stage(stage, environment):.0f} s")


@contextmanager
def screen(*, needed: bool = True) -> Iterator[dict[str, str]]:
    """Environment with a display: the user's own, or a virtual one for as long as needed.

    Parameters
    ----------
    needed
        Whether any stage shows a window.

    Raises
    ------
    TwoalikeError
        If there is no display and no Xvfb to make one.
    """
    environment = dict(os.environ)
    if not needed or sys.platform != "linux" or environment.get("DISPLAY"):
        yield environment
        return
    from pyvirtualdisplay.display import Display

    try:
        display = Display(visible=False, size=(1280, 1024), color_depth=24, manage_global_env=False)
        display.start()
    except (FileNotFoundError, RuntimeError) as error:
        raise TwoalikeError(
            "demo: no screen (DISPLAY is not set) and no virtual one. Run: "
            "sudo apt-get install -y xvfb xauth"
        ) from error
    try:
        yield display.env()
    finally:
        display.stop()
