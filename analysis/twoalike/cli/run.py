"""``twoalike run``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from twoalike.cli._options import Flag, TaskName


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """How the session is run."""

    task: TaskName | None = None
    """odd-one-out, anchored-choice, odd-one-of-many, most-alike-pair, multi-arrangement,
    pair-rating, free-sorting, or a task of another installed package. If left out: all tasks of
    [sitting] in study.toml, one after the other; without [sitting], the only task whose protocol is
    in the study, or odd-one-out."""
    session: int = 1
    """Number of the session: 1, then 2, without gaps."""
    group: str | None = None
    """Group of a new participant, in a study whose operator assigns groups ([groups] of
    study.toml). Later sessions keep it."""
    resume: Flag = False
    """Continue a session that was stopped or crashed; start it if it has not begun."""
    pilot: Flag = False
    """A short trial run, recorded in data/pilot instead of data/raw."""
    simulate: Annotated[bool | Path, Parameter(negative=())] = False
    """A simulated observer answers. --simulate alone makes one from the stimuli's categories,
    --simulate random one with random similarities; --simulate FILE.npz takes the one in the
    file."""
    window: bool = True
    """With --no-window, a simulated session runs without a window and without PsychoPy."""
    windowed: Flag = False
    """Use a window instead of the whole screen."""
    virtual_display: Flag = False
    """Use a virtual screen (Linux)."""
    speed: float | None = None
    """For simulated sessions: how many times as fast as real time. If left out, nothing waits."""
    seed: int | None = None
    """Use this seed instead of the study's."""
    elsewhere: Flag = False
    """The participant's earlier sessions were run on another computer; combine the studies later
    with twoalike merge. The design of this session ignores what those sessions showed."""
    allow_problems: Flag = False
    """Run even if twoalike validate finds problems in the participant's earlier data."""


def run(study: Path, /, *, participant: str, options: Options = Options()) -> None:
    """Run one session with a participant, or with a simulated one.

    Without --task it runs the tasks of [sitting] in study.toml one after the other, in the
    participant's order. Every trial is saved to disk before the next one begins. Esc, pressed
    twice, stops the session. --resume continues with the next trial of the unfinished task, also
    after a crash or a power cut.

    Exit status: 0 if the session is finished, 130 if it was stopped, 1 if it could not run.

    Parameters
    ----------
    study
        Folder of the study.
    participant
        Code of the participant, such as 001; never a name.

    Examples
    --------
        twoalike run my-study --task odd-one-out --participant 001
        twoalike run my-study --task odd-one-out --participant 001 --resume
        twoalike run my-study --task multi-arrangement --participant 001
        twoalike run my-study --participant 003 --group experts
        twoalike run my-study --participant 901 --simulate --no-window
        twoalike run my-study --participant 902 --pilot --simulate observer.npz --windowed
    """
    import sys

    from twoalike.cli.app import with_options
    from twoalike.sitting import sit
    from twoalike.study import counted

    outcome = sit(
        study,
        participant,
        show=lambda line: print(with_options(line), file=sys.stderr),  # noqa: T201
        **vars(options),
    )
    if outcome.end_reason == "declined":
        print(f"participant {participant} did not consent; nothing else was stored")  # noqa: T201
        return
    for part in (*outcome.earlier, outcome):
        done = counted(part.n_done if part.n_trials is None else part.n_trials, "trial")
        if part.n_trials is not None:
            done = f"{part.n_done} of {done}"
        if part.end_reason != "completed":
            done += f", {part.end_reason}; continue with --resume"
        print(f"{part.path}  {done}")  # noqa: T201
    if outcome.end_reason != "completed":
        sys.exit(130)
