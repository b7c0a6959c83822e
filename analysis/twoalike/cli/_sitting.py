"""One sitting: a participant, real or simulated, in front of a screen, and the record of it."""

import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.record import Apparatus, Progress, check_run, hold_participant, open_run
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tasks import (
    Layout,
    NoWindow,
    PlayableScreen,
    PreparedSession,
    Session,
    SimulatedParticipant,
    VirtualClock,
    keep_in,
    lay_out,
    observer_seed,
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

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises
        ------
        TwoalikeError
            Naming the pair.
        """
        if self.simulate is False and not self.window:
            raise TwoalikeError("--no-window needs --simulate: a person has to see something.")
        if self.simulate is False and self.speed is not None:
            raise TwoalikeError("--speed needs --simulate: people take their time.")
        if self.speed is not None and not self.speed > 0:
            raise TwoalikeError(f"--speed {self.speed}: expected a number above 0.")
        if not self.window and (self.windowed or self.virtual_display):
            raise TwoalikeError("--no-window shows nothing: leave out the options of the window.")


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended: the raw table, how many trials it holds, and why it is over."""

    path: Path
    n_done: int
    n_trials: int
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
    prepared: PreparedSession, progress: Progress, clock: VirtualClock | None, options: Options
) -> Iterator[tuple[PlayableScreen, Layout, Apparatus]]:
    if not options.window and clock is not None:
        screen = NoWindow(clock)
        apparatus = Apparatus(
            software_version=version("twoalike"),
            versions={"python": platform.python_version()},
            clock="virtual",
            input="none",
        )
        yield screen, lay_out(prepared.protocol, screen.size), apparatus
        return
    from twoalike.display import open_window, virtual_display

    ahead = prepared.trials[progress.n_done :]
    names = tuple(dict.fromkeys(name for trial in ahead for name in trial.stimuli))
    with ExitStack() as stack:
        if options.virtual_display:
            stack.enter_context(virtual_display())
        yield stack.enter_context(
            open_window(
                prepared.protocol,
                prepared.stimuli,
                names,
                windowed=options.windowed,
                clock=clock,
                start=progress.time_s,
            )
        )


def sit(folder: Path, participant: str, session: int, options: Options) -> Outcome:
    """Run one session from the first check to the last row.

    Raises
    ------
    TwoalikeError
        If anything is missing or contradicts, before a window opens or a file is written.
    """
    options.check()
    study = Study.load(folder)
    if options.seed is not None:
        config = study.config.model_copy(update={"seed": options.seed})
        study = replace(study, config=config)
    observer = _observer(study, options.simulate)
    prepared = prepare_session(study, participant, session, pilot=options.pilot, observer=observer)
    with hold_participant(study, prepared.root, prepared.plan.name.participant):
        progress = check_run(prepared.root, prepared.plan, resume=options.resume)
        if options.resume and not progress.begun:
            print("nothing to resume, the session starts", file=sys.stderr)  # noqa: T201
        clock = None if observer is None else VirtualClock(progress.time_s, options.speed)
        with _open_screen(prepared, progress, clock, options) as (screen, layout, apparatus):
            state = Session(prepared.protocol, layout, prepared.trials, progress.n_done)
            player = (
                None
                if observer is None or clock is None
                else SimulatedParticipant(
                    observer,
                    screen,
                    clock,
                    observer_seed(study.config.seed, participant, session),
                )
            )
            return _record(study, prepared, apparatus, state, screen, player)


def _record(
    study: Study,
    prepared: PreparedSession,
    apparatus: Apparatus,
    session: Session,
    screen: PlayableScreen,
    player: SimulatedParticipant | None,
) -> Outcome:
    rt_source = "pyglet" if player is None else "simulated"
    with open_run(
        prepared.root, study, prepared.plan, apparatus, prepared.instructions, prepared.inputs
    ) as record:
        keep = keep_in(record, rt_source=rt_source, pilot=prepared.plan.pilot)
        reason = run_session(session, screen, keep, player.act if player else None)
        record.end(reason)
        return Outcome(record.path, record.n_done, len(prepared.trials), reason)
