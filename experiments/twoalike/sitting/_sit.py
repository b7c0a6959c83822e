"""Sittings: a participant, real or simulated, in front of a screen, and the record of it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from twoalike.design import study_with
from twoalike.observers import SimulatedObserver, hierarchical_embedding, sparse_embedding
from twoalike.record import (
    check_codes,
    check_dataset,
    check_run,
    hold_participant,
    in_group,
    read_manifest,
    require_sound,
    run_progress,
    write_left_out,
)
from twoalike.sitting._part import How, Outcome, Part, outcome_of
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError, check_seed, counted
from twoalike.study import progress as progress_bar
from twoalike.tasks import Prepared, Sitting, check_parts, check_sitting, prepare_parts

_DEFAULT_LAPSE = 0.02


def _print_to_operator(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def sit(
    study: Study | str | Path,
    participant: str,
    *,
    task: str | None = None,
    session: int = 1,
    group: str | None = None,
    language: str | None = None,
    resume: bool = False,
    pilot: bool = False,
    simulate: bool | str | Path | SimulatedObserver = False,
    window: bool = True,
    windowed: bool = False,
    virtual_display: bool = False,
    speed: float | None = None,
    seed: int | None = None,
    elsewhere: bool = False,
    allow_problems: bool = False,
    panel: bool = True,
    show: Callable[[str], None] = _print_to_operator,
) -> Outcome:
    """Run one session with a participant, or with a simulated one.

    Every trial is on the disk before the next one begins. A session may have several parts: the
    tasks of a sitting (``[sitting]`` of study.toml), and the conditions of a task
    (``[[conditions]]``). They follow one another in one window, with one consent, one form and one
    debriefing. Each is a run of its own, and a resume goes on with the first that is not over.

    Parameters
    ----------
    study
        The study, or its folder.
    participant
        Code of the participant, such as ``001``; never a name.
    task
        Name of the task, of :func:`twoalike.registry.task_names`; None: the tasks that
        ``[sitting]`` of study.toml names; where it names none, the only task whose protocol is
        in the study, or odd-one-out.
    session
        Number of the session: 1, then 2, without gaps.
    group
        Group of a new participant, in a study whose operator assigns groups ([groups] of
        study.toml). Later sessions keep it.
    language
        Language that a new participant chooses, in a study of several (languages of study.toml);
        later sessions keep it, and simulated participants have the first if left out.
    resume
        Continue a session that was stopped or crashed; start it if it has not begun.
    pilot
        A short trial run, recorded in data/pilot instead of data/raw.
    simulate
        A simulated observer answers: True makes one from the stimuli's categories,
        ``"random"`` one with random similarities; else an observer, or the file of one (.npz).
    window
        With ``window=False``, a simulated session runs without a window and without PsychoPy.
    windowed
        Use a window instead of the whole screen.
    virtual_display
        Use a virtual screen (Linux).
    speed
        For simulated sessions: how many times as fast as real time. If left out, nothing waits.
    seed
        Use this seed instead of the study's.
    elsewhere
        The participant's earlier sessions were run on another computer; combine the studies later
        with twoalike merge. The design of this session ignores what those sessions showed.
    allow_problems
        Run even if twoalike validate finds problems in the participant's earlier data.
    panel
        Show how the session goes on the terminal, if there is one.
    show
        Takes each line that the operator should read; prints on standard error if left out.

    Returns
    -------
    How the sitting ended; of several parts, how the last one did that was run, with those before
    it in ``earlier``.
    """
    person = simulate is False
    if person and not window:
        raise TwoalikeError("`window=False` needs `simulate=True`: a person has to see something.")
    if person and speed is not None:
        raise TwoalikeError("`speed=...` needs `simulate=True`: people take their time.")
    if speed is not None and not speed > 0:
        raise TwoalikeError(where=f"`speed={speed}`", expected="a number above 0")
    if not window and (windowed or virtual_display):
        raise TwoalikeError("`window=False` shows nothing: leave out the options of the window.")
    check_seed(seed)
    opened = study if isinstance(study, Study) else Study.load(study)
    opened = study_with(opened, seed=seed)
    sitting = Sitting(
        study=opened,
        participant=participant,
        session=session,
        pilot=pilot,
        observer=_observer(opened, simulate),
    )
    check_codes(opened, [check_sitting(sitting).participant])
    for fault in check_parts(opened):
        raise TwoalikeError(fault)
    how = How(
        simulated=not person,
        resume=resume,
        elsewhere=elsewhere,
        allow_problems=allow_problems,
        window=window,
        windowed=windowed,
        virtual_display=virtual_display,
        speed=speed,
        panel=panel,
        show=show,
    )
    with hold_participant(opened, sitting.root, participant):
        for line in write_left_out(sitting.root, participant):
            show(line)
        with in_group(
            *(opened, sitting.root, participant),
            simulated=not person,
            group=group,
            language=language,
            is_first=not elsewhere and (pilot or session == 1),
            several_tasks=task is None,
        ) as own:
            parts = _ready(prepare_parts(replace(sitting, study=own), task), how)
        if resume and not any(isinstance(one, Outcome) or one.progress.begun for one in parts):
            show("nothing to resume, the session starts")
        return _run_through(parts, how)


def _ready(prepared: Sequence[Prepared], how: How) -> "list[Part | Outcome]":
    """Check that all parts that are not over can start, or go on; give the others' outcomes."""
    if over := [one for one in prepared if len(prepared) > 1 and _is_over(one)]:
        first = prepared[0].plan.name
        if len(over) == len(prepared):
            raise TwoalikeError(
                f"participant {first.participant}: all {len(over)} parts of this session are "
                f"finished. The next one: `session={first.session + 1}`"
            )
        if not how.resume:
            raise TwoalikeError(
                f"this session has begun ({len(over)} of {len(prepared)} parts are finished)",
                where=over[-1].plan.name.rows(over[-1].sitting.root),
                remedy="Continue it with `resume=True`.",
            )
    parts: list[Part | Outcome] = []
    for one in prepared:
        name, root = one.plan.name, one.sitting.root
        if one in over:
            parts.append(outcome_of(one, run_progress(root, name).n_done, "completed"))
        else:
            progress = check_run(root, one.plan, resume=how.resume, earlier_elsewhere=how.elsewhere)
            sounds = one.sound_lengths()
            parts.append(Part(prepared=one, progress=progress, sounds=sounds, how=how))
    starts = [one for one in parts if isinstance(one, Part)]
    if starts:
        sitting, begun = prepared[0].sitting, any(one.progress.begun for one in starts)
        _check_data(sitting, how, begun=begun or bool(over))
        # The file that has the consent text: of several parts, the first that asks.
        asking = (one for one in starts if one.prepared.plan.protocol["consent"]["ask"])
        part = next(asking, starts[0])
        part.prepared.check_consent(part.progress)
    return parts


def _is_over(prepared: Prepared) -> bool:
    root, name = prepared.sitting.root, prepared.plan.name
    if not name.rows(root).exists():
        return False
    return bool(read_manifest(name.manifest(root))["end_reason"] == "completed")


def _check_data(sitting: Sitting, how: How, *, begun: bool) -> None:
    checked = check_dataset(sitting.root, participant=sitting.participant, pilot=sitting.pilot)
    if begun:  # known to the person who resumes it
        checked = replace(checked, remarks=())
    for line in require_sound(checked.but_resumable(), allow_problems=how.allow_problems):
        how.show(line)


def _run_through(parts: "Sequence[Part | Outcome]", how: How) -> Outcome:
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        shared = None
        if how.window and any(isinstance(one, Part) for one in parts):
            from twoalike.display import SharedWindow, virtual_display

            if how.virtual_display:
                stack.enter_context(virtual_display())
            shared = stack.enter_context(SharedWindow())
        left = ran = False
        for one in parts:
            if isinstance(one, Outcome):
                outcomes.append(one)
                continue
            if left:  # on the page after the part before
                outcomes.append(outcome_of(one.prepared, one.progress.n_done, "stopped"))
                break
            ahead = [later for later in parts if isinstance(later, Part)] if not ran else []
            outcome, left = one.run(shared, ahead)
            ran = True
            outcomes.append(outcome)
            if outcome.end_reason != "completed":
                break
    return replace(outcomes[-1], earlier=tuple(outcomes[:-1]))


def _observer(
    study: Study, simulate: bool | str | Path | SimulatedObserver
) -> SimulatedObserver | None:
    """Observer asked for; one that is made here is the same for a whole study."""
    if simulate is False:
        return None
    if isinstance(simulate, SimulatedObserver):
        return simulate
    at_random = str(simulate) == "random"
    if isinstance(simulate, str | Path) and not at_random:
        return SimulatedObserver.load(Path(simulate))
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    rng = np.random.default_rng([study.config.seed, 1])
    embedding = (
        sparse_embedding(len(stimuli.ids), rng)
        if at_random
        else hierarchical_embedding(stimuli, rng)
    )
    return SimulatedObserver(stimuli.ids, embedding, lapse=_DEFAULT_LAPSE)


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
