"""One sitting: a participant, real or simulated, in front of a screen, and the record of it."""

import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from twoalike.cli._checks import require_sound
from twoalike.cli._operator import OperatorView
from twoalike.cli._operator_state import OperatorState
from twoalike.cli._options import check_seed
from twoalike.cli._readable import check_readable
from twoalike.design import study_with
from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.record import (
    TASKS,
    Apparatus,
    Progress,
    RunRecord,
    answered_questions,
    check_codes,
    check_dataset,
    check_run,
    hold_participant,
    open_run,
    read_manifest,
    recover_run,
    run_progress,
    store_answers,
    whole_rows,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import ScreenProfile, Study, TwoalikeError, counted, load_profile, readable_by
from twoalike.tasks import (
    Item,
    Keeper,
    Marks,
    NoWindow,
    PlayableScreen,
    Prepared,
    Session,
    SimulatedParticipant,
    Sitting,
    View,
    VirtualClock,
    getting_ready,
    prepare_session,
    run_session,
)

_DEFAULT_LAPSE = 0.02


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of ``twoalike run`` that say how a session is run."""

    resume: bool
    pilot: bool
    simulate: bool | Path
    window: bool
    windowed: bool
    virtual_display: bool
    speed: float | None
    seed: int | None
    elsewhere: bool = False
    allow_problems: bool = False

    def check(self) -> None:
        """Refuse options that contradict each other, and values out of range.

        Raises
        ------
        TwoalikeError
            Naming the option, or the pair.
        """
        if self.simulate is False and not self.window:
            raise TwoalikeError("--no-window needs --simulate: a person has to see something.")
        if self.simulate is False and self.speed is not None:
            raise TwoalikeError("--speed needs --simulate: people take their time.")
        check_seed(self.seed)
        if self.speed is not None and not self.speed > 0:
            raise TwoalikeError(f"--speed {self.speed}: expected a number above 0.")
        if not self.window and (self.windowed or self.virtual_display):
            raise TwoalikeError("--no-window shows nothing: leave out the options of the window.")


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended.

    Attributes
    ----------
    path
        The raw table; it need not exist.
    n_done, n_trials
        Trials it holds, and trials in all; None where the answers decide.
    """

    path: Path
    n_done: int
    n_trials: int | None
    end_reason: str


def _observer(study: Study, simulate: bool | Path) -> SimulatedObserver | None:
    """Observer asked for; the one made from the categories is the same for a whole study."""
    if simulate is False:
        return None
    if isinstance(simulate, Path):
        return SimulatedObserver.load(simulate)
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    rng = np.random.default_rng([study.config.seed, 1])
    embedding = hierarchical_embedding(stimuli, rng)
    return SimulatedObserver(stimuli.ids, embedding, lapse=_DEFAULT_LAPSE)


@contextmanager
def _open_screen(
    prepared: Prepared, progress: Progress, clock: VirtualClock | None, options: Options
) -> Iterator[tuple[PlayableScreen, View, Apparatus]]:
    if not options.window and clock is not None:
        screen = NoWindow(clock)
        view = View(screen.size)
        prepared.image_size(view)
        apparatus = Apparatus(
            software_version=version("twoalike"),
            versions={"python": platform.python_version()},
            clock="virtual",
            input="none",
        )
        yield screen, view, apparatus
        return
    from twoalike.display import open_window, virtual_display

    with ExitStack() as stack:
        if options.virtual_display:
            stack.enter_context(virtual_display())
        windowed = options.windowed or (options.pilot and not options.virtual_display)
        profile = load_profile()
        opened = stack.enter_context(
            open_window(prepared, progress, profile, windowed=windowed, clock=clock)
        )
        if clock is None and not options.pilot:
            _warn_of_screen(profile)
        yield opened


def _warn_of_screen(profile: ScreenProfile) -> None:
    if not profile.measured:
        print(  # noqa: T201
            "the screen of this computer was not measured: sizes are in pixels only. Measure it "
            "with: twoalike screen",
            file=sys.stderr,
        )


def sit(folder: Path, task: str, participant: str, session: int, options: Options) -> Outcome:
    """Run one session from the first check to the last row.

    Raises
    ------
    TwoalikeError
        If anything is missing or contradicts, before a window opens or a file is written.
    """
    options.check()
    study = study_with(Study.load(folder), seed=options.seed, sampler=None)
    sitting = Sitting(
        study=study,
        participant=participant,
        session=session,
        pilot=options.pilot,
        observer=_observer(study, options.simulate),
    )
    check_codes(study, [participant])
    prepared = _prepare(task, sitting)
    with hold_participant(study, sitting.root, participant):
        if options.resume and (done := _recover(prepared)) is not None:
            return done
        progress = check_run(
            sitting.root, prepared.plan, resume=options.resume, earlier_elsewhere=options.elsewhere
        )
        checked = check_dataset(sitting.root, participant=participant, pilot=options.pilot)
        if progress.begun:  # whoever resumes a session knows that it is not finished
            checked = replace(checked, remarks=())
        require_sound(checked.but_resumable(), options.allow_problems)
        prepared.check_consent(progress)
        if options.resume and not progress.begun:
            print("nothing to resume, the session starts", file=sys.stderr)  # noqa: T201
        return _run(prepared, progress, options)


def _recover(prepared: Prepared) -> Outcome | None:
    """Restore rescued files; return the outcome if that completes the session."""
    root, name = prepared.sitting.root, prepared.plan.name
    with readable_by(prepared.sitting.study.config.data.access):
        line = recover_run(root, name)
    if line is None:
        return None
    print(line, file=sys.stderr)  # noqa: T201
    reason = read_manifest(name.manifest(root))["end_reason"]
    if reason != "completed":
        return None
    n_done = run_progress(root, name).n_done
    return Outcome(name.rows(root), n_done, prepared.plan.n_trials, reason)


def _prepare(task: str, sitting: Sitting) -> Prepared:
    return prepare_session(task, sitting)


def _run(prepared: Prepared, progress: Progress, options: Options) -> Outcome:
    """Open screen and triggers, and let the session take its course."""
    simulated = prepared.sitting.observer is not None
    given: list[tuple[str, Mapping[str, object]]] = []
    clock = VirtualClock(progress.time_s, options.speed) if simulated else None
    with ExitStack() as stack:
        screen, view, apparatus = stack.enter_context(
            _open_screen(prepared, progress, clock, options)
        )
        check_readable(prepared, view, begun=progress.begun)
        marks = _open_marks(prepared, screen, stack)

        def store(measure: str, values: Mapping[str, object]) -> None:
            _store_answers(prepared, measure, values)
            given.append((measure, values))

        keeper = Keeper(
            open_record=lambda: _open_record(prepared, apparatus, stack, operator),
            store_answers=store,
            consent_first=prepared.opening(progress).consent,
            rt_source="simulated" if simulated else "pyglet",
            pilot=options.pilot,
        )
        ready = getting_ready(prepared.protocol)
        session = Session(prepared.script(view, progress), prepared.protocol.texts.stop, ready)
        player = (
            None
            if clock is None
            else SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
        )
        operator = stack.enter_context(OperatorView(_operator_state(prepared, progress)))

        def keep(item: Item) -> None:
            keeper(item)
            operator.take(item, time.monotonic())

        def each_frame(state: Session) -> None:
            operator.tick(time.monotonic())
            if player is not None:
                player.act(state)

        reason = run_session(session, screen, keep, each_frame, marks)
        if keeper.record is not None:
            _put_answers_back(prepared, given, operator)
            reason = keeper.record.end(reason)
            _check_in_place(keeper.record, prepared, reason)
        n_done = progress.n_done if keeper.record is None else keeper.record.n_done
    plan = prepared.plan
    return Outcome(plan.name.rows(prepared.sitting.root), n_done, plan.n_trials, reason)


def _check_in_place(record: RunRecord, prepared: Prepared, reason: str) -> None:
    """Refuse to call a session completed if its table is not at its path."""
    home = prepared.plan.name.rows(prepared.sitting.root)
    if record.path != home:
        raise TwoalikeError(
            f"{home}: is not what this session wrote ({reason}). All of it, "
            f"{counted(record.n_done, 'trial')}, is in {record.path}. Compare the two, keep the "
            f"right one as {home.name}, move the other out of the study, then --resume."
        )


def _operator_state(prepared: Prepared, progress: Progress) -> OperatorState:
    """State of the operator's view at the start."""
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
    earlier = whole_rows(plan.name.rows(sitting.root), TASKS[plan.name.task].trials)
    return state.recall(earlier, prepared.checks_done(earlier))


def _open_record(
    prepared: Prepared, apparatus: Apparatus, stack: ExitStack, operator: OperatorView
) -> RunRecord:
    sitting = prepared.sitting
    return stack.enter_context(
        open_run(
            sitting.root,
            sitting.study,
            prepared.plan,
            apparatus,
            prepared.instructions,
            prepared.inputs,
            operator.warn,
        )
    )


def _store_answers(prepared: Prepared, measure: str, values: Mapping[str, object]) -> None:
    sitting, asked = prepared.sitting, prepared.asked(measure)
    store_answers(
        sitting.root,
        sitting.study,
        prepared.plan.name,
        simulated=sitting.observer is not None,
        measure=measure,
        answers={asked[name]: answer for name, answer in values.items()},
    )


def _put_answers_back(
    prepared: Prepared, given: Sequence[tuple[str, Mapping[str, object]]], operator: OperatorView
) -> None:
    """Store the answers of this session again if another program removed them meanwhile."""
    root, name = prepared.sitting.root, prepared.plan.name
    stored = answered_questions(root, name)
    for measure, values in given:
        if not stored.issuperset(values):
            _store_answers(prepared, measure, values)
            operator.warn(
                f"{name.answers(root)}: was moved, deleted or replaced by another program. The "
                f"answers ({measure}) were stored again."
            )


def _open_marks(prepared: Prepared, screen: PlayableScreen, stack: ExitStack) -> Marks | None:
    """Open the trigger output, if the protocol has one."""
    triggers = prepared.protocol.triggers
    if triggers.kind == "none":
        return None
    from twoalike.display import open_triggers

    port = stack.enter_context(open_triggers(triggers, now=screen.now))
    return Marks(lambda event, time: port.send(getattr(triggers.codes, event), event, time))
