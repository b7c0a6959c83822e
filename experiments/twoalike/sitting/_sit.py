"""One sitting: a participant, real or simulated, in front of a screen, and the record of it."""

import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twoalike.design import for_person, in_condition, study_with
from twoalike.observers import SimulatedObserver, hierarchical_embedding, sparse_embedding
from twoalike.record import (
    Apparatus,
    Progress,
    RunRecord,
    answered_questions,
    check_codes,
    check_dataset,
    check_run,
    hold_participant,
    in_group,
    open_run,
    read_manifest,
    recover_run,
    require_sound,
    run_progress,
    store_answers,
    whole_rows,
)
from twoalike.registry import find_task
from twoalike.sitting._operator import OperatorState
from twoalike.sitting._terminal import OperatorView
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError, check_seed, counted, load_profile, readable_by
from twoalike.tasks import (
    Event,
    Item,
    Keeper,
    Listening,
    Marks,
    NoWindow,
    PlayableScreen,
    Prepared,
    Session,
    SimulatedParticipant,
    Sitting,
    View,
    VirtualClock,
    check_parts,
    check_readable,
    check_sitting,
    getting_ready,
    in_one_sitting,
    prepare_session,
    run_session,
    study_tasks,
    with_block_questions,
    with_sounds,
)

if TYPE_CHECKING:
    from twoalike.display import SharedWindow, Speaker

_DEFAULT_LAPSE = 0.02


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended."""

    path: Path
    """The raw table; it need not exist."""
    n_done: int
    n_trials: int | None
    """``n_done``, ``n_trials``: Trials it holds, and trials in all; None where the answers
    decide."""
    end_reason: str
    """``completed``, ``declined`` (no consent), ``stopped``, ``window_closed``, ..."""
    earlier: "tuple[Outcome, ...]" = ()
    """How the parts before it ended, in a sitting of several."""

    def __repr__(self) -> str:
        total = "" if self.n_trials is None else f" of {self.n_trials}"
        return f"Outcome({self.path.name}: {self.n_done}{total} trials, {self.end_reason})"


def _print_to_operator(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def sit(
    study: Study | str | Path,
    participant: str,
    *,
    task: str | None = None,
    session: int = 1,
    group: str | None = None,
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
        Number of the session, from 1.
    group
        Group of the participant, where the operator assigns groups (``[groups]`` of study.toml);
        needed at the first session only.
    resume
        Go on with a session that was stopped or broke off; starts it if it has not begun.
    pilot
        A short try, recorded in data/pilot instead of data/raw.
    simulate
        A simulated observer answers: True makes one from the stimuli's categories,
        ``"random"`` one with random similarities; else an observer, or the file of one (.npz).
    window
        Whether there is a window; only a simulated session runs without.
    windowed
        A window instead of the whole screen.
    virtual_display
        Start an invisible screen (Linux).
    speed
        Simulated sessions: seconds of the session in a second; None skips all waiting.
    seed
        Use this seed instead of the study's.
    elsewhere
        The participant's earlier sessions were run on another computer.
    allow_problems
        Run even if there are problems in the participant's earlier data.
    panel
        Show how the session goes on the terminal, if there is one.
    show
        Takes each line that the operator should read; prints on standard error if left out.

    Returns
    -------
    How the sitting ended; of several parts, how the last one did that was run, with those before
    it in ``earlier``.

    Raises
    ------
    TwoalikeError
        If anything is missing or contradicts, before a window opens or a file is written.
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
    how = _How(
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
        with in_group(
            *(opened, sitting.root, participant),
            simulated=not person,
            group=group,
            is_first=not elsewhere and (pilot or session == 1),
            several_tasks=task is None,
        ) as own:
            parts = _ready(_prepared(replace(sitting, study=own), task), how)
        if resume and not any(isinstance(one, Outcome) or one.progress.begun for one in parts):
            show("nothing to resume, the session starts")
        return _run_through(parts, how)


@dataclass(frozen=True, kw_only=True)
class _How:
    """How a sitting is run: the arguments of :func:`sit` that all its parts share."""

    simulated: bool
    resume: bool
    elsewhere: bool
    allow_problems: bool
    window: bool
    windowed: bool
    virtual_display: bool
    speed: float | None
    panel: bool
    show: Callable[[str], None]


def _prepared(sitting: Sitting, task: str | None) -> list[Prepared]:
    """Prepare all parts of a sitting, in their order."""
    study, prepared = sitting.study, list[Prepared]()
    stimuli: StimulusSet | None = None
    if study.object_set or study.config.conditions:
        stimuli = StimulusSet.load(study.stimuli, verify=False)
        study = for_person(study, stimuli)
    tasks = study_tasks(study)
    only = tasks if len(tasks) == 1 else ("odd-one-out",)
    for name in [task] if task is not None else study.task_order or only:
        for condition in study.conditions_of(find_task(name).name) or ("",):
            own = study
            if condition and stimuli is not None:
                own = in_condition(study, stimuli, condition)
            prepared.append(prepare_session(name, replace(sitting, study=own)))
    return prepared if len(prepared) == 1 else in_one_sitting(prepared)


def _ready(prepared: Sequence[Prepared], how: _How) -> "list[_Start | Outcome]":
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
    parts: list[_Start | Outcome] = []
    for one in prepared:
        name, root = one.plan.name, one.sitting.root
        if one in over:
            parts.append(_outcome(one, run_progress(root, name).n_done, "completed"))
        elif how.resume and (completed := _recover(one, how.show)) is not None:
            parts.append(completed)
        else:
            progress = check_run(root, one.plan, resume=how.resume, earlier_elsewhere=how.elsewhere)
            sounds = one.sound_lengths()
            parts.append(_Start(prepared=one, progress=progress, sounds=sounds, how=how))
    starts = [one for one in parts if isinstance(one, _Start)]
    if starts:
        sitting, begun = prepared[0].sitting, any(one.progress.begun for one in starts)
        _check_data(sitting, how, begun=begun or bool(over))
        # The file that has the consent text: of several parts, the first that asks.
        asking = (one for one in starts if one.prepared.plan.protocol["consent"]["ask"])
        part = next(asking, starts[0])
        part.prepared.check_consent(part.progress)
    return parts


def _is_over(prepared: Prepared) -> bool:
    """Whether a part was run to its end."""
    root, name = prepared.sitting.root, prepared.plan.name
    if not name.rows(root).exists():
        return False
    return bool(read_manifest(name.manifest(root))["end_reason"] == "completed")


def _check_data(sitting: Sitting, how: _How, *, begun: bool) -> None:
    """Check the participant's data, and show remarks on them at the start of a session."""
    checked = check_dataset(sitting.root, participant=sitting.participant, pilot=sitting.pilot)
    if begun:  # known to the person who resumes it
        checked = replace(checked, remarks=())
    for line in require_sound(checked.but_resumable(), allow_problems=how.allow_problems):
        how.show(line)


def _run_through(parts: "Sequence[_Start | Outcome]", how: _How) -> Outcome:
    """Run the parts of a sitting that are not over, one after the other, in one window."""
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        shared = None
        if how.window and any(isinstance(one, _Start) for one in parts):
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
                outcomes.append(_outcome(one.prepared, one.progress.n_done, "stopped"))
                break
            ahead = [later for later in parts if isinstance(later, _Start)] if not ran else []
            outcome, left = one.run(shared, ahead)
            ran = True
            outcomes.append(outcome)
            if outcome.end_reason != "completed":
                break
    return replace(outcomes[-1], earlier=tuple(outcomes[:-1]))


SIMULATED_HZ = 60.0
"""Refresh rate of a simulated screen, where that of this computer is not known."""


def _virtual_clock(prepared: Prepared, progress: Progress, speed: float | None) -> VirtualClock:
    """Clock of a simulated participant; it counts frames only where presentation is timed."""
    refresh_hz = (load_profile().refresh_hz or SIMULATED_HZ) if prepared.is_timed else None
    return VirtualClock(progress.time_s, speed, refresh_hz)


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


def _recover(prepared: Prepared, show: Callable[[str], None]) -> Outcome | None:
    """Restore rescued files; return the outcome if that completes the session."""
    root, name = prepared.sitting.root, prepared.plan.name
    with readable_by(prepared.sitting.study.config.data.access):
        line = recover_run(root, name)
    if line is None:
        return None
    show(line)
    reason = read_manifest(name.manifest(root))["end_reason"]
    if reason != "completed":
        return None
    return _outcome(prepared, run_progress(root, name).n_done, reason)


def _outcome(prepared: Prepared, n_done: int, reason: str) -> Outcome:
    plan = prepared.plan
    return Outcome(plan.name.rows(prepared.sitting.root), n_done, plan.n_trials, reason)


@dataclass(frozen=True, kw_only=True)
class _Start:
    """Everything is checked: how the session starts, and on what it is shown."""

    prepared: Prepared
    progress: Progress
    sounds: Mapping[str, float]
    """Durations of the sounds in s, by object id."""
    how: _How

    @cached_property
    def clock(self) -> VirtualClock | None:
        """Clock of a simulated participant; None for a person."""
        if not self.how.simulated:
            return None
        return _virtual_clock(self.prepared, self.progress, self.how.speed)

    def run(self, shared: "SharedWindow | None", ahead: "Sequence[_Start]") -> tuple[Outcome, bool]:
        """Open screen and triggers, and let the session take its course.

        Parameters
        ----------
        ahead
            Parts whose texts and images have to fit the window too, before it begins.

        Returns
        -------
        How it ended, and whether the participant has left, be it on the last page.
        """
        prepared, progress, clock = self.prepared, self.progress, self.clock
        given: list[tuple[str, Mapping[str, object]]] = []
        with ExitStack() as stack:
            speaker = self._open_speaker()
            screen, view, apparatus = stack.enter_context(self._open_screen(shared))
            for line in check_readable(prepared, view, begun=progress.begun):
                self.how.show(line)
            for later in ahead:  # what does not fit should not wait for its turn
                later.prepared.image_size(view)
                rate = view.refresh_hz if later.clock is None else later.clock.refresh_hz
                later.prepared.frame_counts(rate)
                check_readable(later.prepared, view, begun=later.progress.begun)
            apparatus = self._with_frames(apparatus, view)
            marks = self._open_marks(screen, stack)
            scanner = prepared.scanner

            def warn(line: str) -> None:
                operator.warn(line)

            pulses = self._open_scanner(screen, stack, warn)

            def store(measure: str, values: Mapping[str, object]) -> None:
                self._store_answers(measure, values)
                given.append((measure, values))

            keeper = Keeper(
                open_record=lambda: stack.enter_context(self._record(apparatus, operator)),
                store_answers=store,
                consent_first=prepared.opening(progress).consent,
                rt_source="pyglet" if clock is None else "simulated",
                pilot=prepared.sitting.pilot,
            )
            script = with_block_questions(prepared, view, progress)
            if self.sounds:
                script = with_sounds(script, prepared.protocol, self.sounds, view)
            session = Session(
                script,
                prepared.protocol.texts.stop,
                getting_ready(prepared.protocol),
                None if scanner is None else scanner.key,
            )
            player = (
                None
                if clock is None
                else SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
            )
            operator = stack.enter_context(
                OperatorView(self._operator_state(), hidden=not self.how.panel)
            )

            def keep(item: Item) -> None:
                keeper(item)
                operator.take(item, time.monotonic())

            def each_frame(state: Session) -> None:
                operator.tick(time.monotonic())
                if speaker is not None:
                    activity = state.activity
                    heard = activity.playing if isinstance(activity, Listening) else None
                    speaker.follow(heard, screen.now())
                if player is not None:
                    player.act(state)

            reason = run_session(session, screen, keep, each_frame, marks, pulses)
            if keeper.record is not None:
                self._put_answers_back(given, operator)
                reason = keeper.record.end(reason)
                self._check_in_place(keeper.record, reason)
            n_done = progress.n_done if keeper.record is None else keeper.record.n_done
        return _outcome(prepared, n_done, reason), session.left

    @contextmanager
    def _open_screen(
        self, shared: "SharedWindow | None"
    ) -> Iterator[tuple[PlayableScreen, View, Apparatus]]:
        prepared, clock = self.prepared, self.clock
        if shared is None:
            assert clock is not None  # a person has to see something
            screen = NoWindow(clock)
            view = View(screen.size, refresh_hz=clock.refresh_hz)
            prepared.image_size(view)
            rate = {} if clock.refresh_hz is None else {"refresh_hz": clock.refresh_hz}
            apparatus = Apparatus(
                software_version=version("twoalike"),
                versions={"python": platform.python_version()},
                clock="virtual",
                input="none",
                screen=rate,
            )
            yield screen, view, apparatus
            return
        from twoalike.display import open_window

        pilot, profile = prepared.sitting.pilot, load_profile()
        windowed = self.how.windowed or (pilot and not self.how.virtual_display)
        with open_window(
            *(prepared, self.progress, profile), windowed=windowed, clock=clock, shared=shared
        ) as opened:
            if clock is None and not pilot and not profile.measured:
                self.how.show(
                    "the screen of this computer was not measured: sizes are in pixels only. "
                    "Measure it with: twoalike screen"
                )
            yield opened

    def _open_speaker(self) -> "Speaker | None":
        """Open the sound device, before the participant sits down; None where nothing is heard."""
        if not self.sounds or self.clock is not None:
            return None
        from twoalike.display import DeviceSpeaker, SilentSpeaker

        prepared = self.prepared
        files = {name: prepared.stimuli.path(name) for name in self.sounds}
        try:
            return DeviceSpeaker(files, prepared.protocol.sounds.volume)
        except TwoalikeError as error:
            if not prepared.sitting.pilot:
                raise
            self.how.show(f"{error} This pilot run is silent.")
            return SilentSpeaker(files)

    def _with_frames(self, apparatus: Apparatus, view: View) -> Apparatus:
        """Record and show how durations are converted to frames, where presentation is timed."""
        counts = self.prepared.frame_counts(view.refresh_hz)
        if counts:
            self.how.show("; ".join(map(str, counts.values())))
        return replace(apparatus, frames={name: one.as_dict() for name, one in counts.items()})

    def _open_scanner(
        self, screen: PlayableScreen, stack: ExitStack, warn: Callable[[str], None]
    ) -> Callable[[], Sequence[Event]]:
        """Open the port of a scanner's trigger, if the protocol has one."""
        scanner = self.prepared.scanner
        if scanner is None or not scanner.port or self.clock is not None:
            return tuple
        from twoalike.display import open_scanner

        return stack.enter_context(open_scanner(scanner, screen.now, warn))

    def _open_marks(self, screen: PlayableScreen, stack: ExitStack) -> Marks | None:
        """Open the trigger output, if the protocol has one."""
        triggers = self.prepared.protocol.triggers
        if triggers.kind == "none":
            return None
        from twoalike.display import open_triggers

        port = stack.enter_context(open_triggers(triggers, now=screen.now))
        return Marks(lambda event, time: port.send(getattr(triggers.codes, event), event, time))

    def _operator_state(self) -> OperatorState:
        """State of the operator's view at the start."""
        prepared, progress = self.prepared, self.progress
        sitting, plan = prepared.sitting, prepared.plan
        now = time.monotonic()
        state = OperatorState(
            participant=sitting.participant,
            session=sitting.session,
            task=prepared.protocol.task,
            n_trials=plan.n_trials,
            exclusion=sitting.study.config.exclusion,
            budget_s=prepared.budget_s,
            expected=prepared.duration(progress),
            pages=prepared.times(progress).pages,
            evidence_goal=prepared.evidence_goal,
            started=now,
            now=now,
        )
        if not progress.n_done:
            return state
        earlier = whole_rows(plan.name.rows(sitting.root), find_task(plan.name.task).trials)
        return state.recall(earlier, prepared.checks_done(earlier))

    def _record(
        self, apparatus: Apparatus, operator: OperatorView
    ) -> AbstractContextManager[RunRecord]:
        prepared, sitting = self.prepared, self.prepared.sitting
        where = (sitting.root, sitting.study, prepared.plan)
        return open_run(*where, apparatus, prepared.instructions, prepared.inputs, operator.warn)

    def _store_answers(self, measure: str, values: Mapping[str, object]) -> None:
        sitting, asked = self.prepared.sitting, self.prepared.asked(measure, values)
        store_answers(
            sitting.root,
            sitting.study,
            self.prepared.plan.name,
            simulated=sitting.observer is not None,
            measure=measure,
            answers={asked[name]: answer for name, answer in values.items()},
        )

    def _put_answers_back(
        self, given: list[tuple[str, Mapping[str, object]]], operator: OperatorView
    ) -> None:
        """Store the answers of this session again if another program removed them meanwhile."""
        root, name = self.prepared.sitting.root, self.prepared.plan.name
        stored = answered_questions(root, name)
        for measure, values in given:
            if not stored.issuperset(values):
                self._store_answers(measure, values)
                operator.warn(
                    f"{name.answers(root)}: was moved, deleted or replaced by another program. "
                    f"The answers ({measure}) were stored again."
                )

    def _check_in_place(self, record: RunRecord, reason: str) -> None:
        """Refuse to call a session completed if its table is not at its path."""
        home = self.prepared.plan.name.rows(self.prepared.sitting.root)
        if record.path != home:
            raise TwoalikeError(
                f"differs from what this session wrote ({reason}). All of it, "
                f"{counted(record.n_done, 'trial')}, is in {record.path}",
                where=home,
                remedy=f"Compare the two, keep the right one as {home.name}, move the other out "
                "of the study, then give `resume=True`.",
            )
