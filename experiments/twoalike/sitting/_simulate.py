"""Simulated participants who sit down one after the other."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from twoalike.observers import SimulatedObserver
from twoalike.sitting._part import Outcome
from twoalike.sitting._sit import sit
from twoalike.study import Study, TwoalikeError, counted
from twoalike.study import progress as progress_bar

type Observers = (
    SimulatedObserver
    | str
    | Path
    | Sequence[SimulatedObserver | str | Path]
    | Mapping[str, SimulatedObserver]
    | None
)


def simulate(
    study: Study | str | Path,
    participants: Sequence[str] | int,
    *,
    task: str | None = None,
    session: int = 1,
    group: str | Mapping[str, str] | None = None,
    observer: Observers = None,
    seed: int | None = None,
    pilot: bool = False,
    resume: bool = False,
) -> list[Outcome]:
    """Let simulated participants sit down one after the other, without a window and its time.

    Parameters
    ----------
    study
        The study, or its folder.
    participants
        Their codes; a number n means the codes 1 to n.
    task, session, seed, pilot, resume
        As for :func:`sit`.
    group
        Group of all of them, or of each by their code, where the operator assigns groups.
    observer
        Who answers: one for all, or one for each participant, by their code or in order, as
        observers or their files (.npz); None makes one from the stimuli's categories.

    Returns
    -------
    How each sitting ended; an interrupted one is the last.
    """
    codes = (
        [str(n) for n in range(1, participants + 1)]
        if isinstance(participants, int)
        else [*participants]
    )
    if isinstance(observer, Mapping):
        known = set(codes) <= observer.keys()
        observer = [observer[code] for code in codes] if known else list(observer.values())
    if observer is None or isinstance(observer, str | Path | SimulatedObserver):
        observers = [observer] * len(codes)
    else:
        observers = list(observer)
    if len(observers) != len(codes):
        raise TwoalikeError(
            where="`observer=...`",
            expected=counted(len(codes), "observer"),
            found=str(len(observers)),
        )
    outcomes: list[Outcome] = []
    with progress_bar() as bar:
        step = bar.add_task("sessions", total=len(codes), status="")
        for code, answers in zip(codes, observers, strict=True):
            outcomes.append(
                sit(
                    study,
                    code,
                    task=task,
                    session=session,
                    group=group.get(code) if isinstance(group, Mapping) else group,
                    resume=resume,
                    pilot=pilot,
                    simulate=True if answers is None else answers,
                    window=False,
                    seed=seed,
                    panel=False,
                )
            )
            bar.update(step, advance=1)
            if outcomes[-1].end_reason not in ("completed", "declined"):
                break
    return outcomes
