"""The whole chain as a list of commands, each in a process of its own.

A process either shows windows or trains (importing torch's compiler stack after a window was
opened on a software renderer ends the process), and what the demo runs is what a user types.
A stage whose output is there is not run again, so a demo that was stopped goes on.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from twoalike.record import RunName, read_manifest
from twoalike.study import Study, TwoalikeError, atomic_path


@dataclass(frozen=True)
class Stage:
    """One command of the chain; done when its output exists, or as ``finished`` says."""

    title: str
    arguments: tuple[str, ...]  # the words after ``twoalike``
    output: Path
    finished: Callable[[], bool] | None = None  # where existing is not enough

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.finished() if self.finished else self.output.exists()


def run_stage(stage: Stage, environment: dict[str, str]) -> float:
    """Run one stage to its end and return its wall time in seconds."""
    start = time.monotonic()
    command = [sys.executable, "-m", "twoalike.cli.app", *stage.arguments]
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 130:
        raise KeyboardInterrupt
    if status != 0:
        raise TwoalikeError(
            f"stage {stage.title!r} ended with status {status}",
            where="demo",
            remedy=f"Run it by itself: twoalike {shlex.join(stage.arguments)}",
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
    """Environment with a display: the user's own, or a virtual one if a window is ``needed``."""
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
            "no screen (DISPLAY is not set) and no virtual one",
            where="demo",
            remedy="Run: sudo apt-get install -y xvfb xauth",
        ) from error
    try:
        yield display.env()
    finally:
        display.stop()


def set_design(
    root: Path, settings: Mapping[str, int | str], exclude: Mapping[str, Sequence[str]]
) -> None:
    """Set keys of ``[design]`` in a new study's ``study.toml``, and what is never shown.

    ``exclude`` lists, by column of the manifest, what is left out.
    """
    path = root / "study.toml"
    head, table, rest = path.read_text(encoding="utf-8").partition("[design]\n")
    design, following, others = rest.partition("\n[")
    for key, value in settings.items():
        design, n = re.subn(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", design)
        if n != 1:
            raise TwoalikeError(where=path, expected=f"one line '{key} = ...'", found=n)
    lines = [f"{column} = {_array(values)}" for column, values in exclude.items()]
    text = f"{head}{table}{design}{following}{others}".rstrip()
    text = "\n".join([text, "", "[design.exclude]", *lines, ""])
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _array(values: Sequence[str]) -> str:
    names = ", ".join(json.dumps(name) for name in values)
    wrapped = textwrap.fill(names, 94, initial_indent="    ", subsequent_indent="    ")
    return f"[\n{wrapped},\n]" if len(names) > 80 else f"[{names}]"


def session_done(study: Study, participant: str) -> bool:
    """Whether the manifest of the participant's session says that every trial was shown."""
    manifest = RunName(participant, 1).manifest(study.raw)
    return manifest.is_file() and read_manifest(manifest)["end_reason"] == "completed"
