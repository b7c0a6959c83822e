"""``twoalike run``."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from twoalike import sitting
from twoalike.cli._derived import takes
from twoalike.cli._options import TaskName


@takes(sitting.sit, without={"show", "panel"})
def run(
    *,
    task: TaskName | None = None,
    simulate: Annotated[bool | Path, Parameter(negative=())] = False,
    **given: Any,
) -> None:
    """Run one session with a participant, or with a simulated one.

    Without --task it runs the tasks of [sitting] in study.toml one after the other, in the
    participant's order. Every trial is saved to disk before the next one begins. Esc, pressed
    twice, stops the session. --resume continues with the next trial of the unfinished task, also
    after a crash or a power cut.

    Exit status: 0 if the session is finished, 130 if it was stopped, 1 if it could not run.

    Parameters
    ----------
    task
        odd-one-out, anchored-choice, odd-one-of-many, most-alike-pair, multi-arrangement,
        pair-rating, free-sorting, or a task of another installed package. If left out: all tasks of
        [sitting] in study.toml, one after the other; without [sitting], the only task whose
        protocol is in the study, or odd-one-out.
    simulate
        A simulated observer answers. --simulate alone makes one from the stimuli's categories,
        --simulate random one with random similarities; --simulate FILE.npz takes the one in the
        file.

    Examples
    --------
        twoalike run my-study --task odd-one-out --participant 001
        twoalike run my-study --task odd-one-out --participant 001 --resume
        twoalike run my-study --task multi-arrangement --participant 001
        twoalike run my-study --participant 003 --group experts
        twoalike run my-study --participant 901 --simulate --no-window
        twoalike run my-study --participant 902 --pilot --simulate observer.npz --windowed
    """
    from twoalike.cli.app import with_options
    from twoalike.study import counted

    outcome = sitting.sit(
        show=lambda line: print(with_options(line), file=sys.stderr),  # noqa: T201
        task=task,
        simulate=simulate,
        **given,
    )
    if outcome.end_reason == "declined":
        print(f"participant {given['participant']} did not consent; nothing else was stored")  # noqa: T201
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
