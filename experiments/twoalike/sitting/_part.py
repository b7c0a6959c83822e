"""One part of a sitting, a task: on what it is shown, who takes part, and what is kept."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from twoalike.record import (
    Apparatus,
    Progress,
    RunRecord,
    attention_items,
    open_run,
    whole_rows,
    wrong_items,
)
from twoalike.registry import find_task
from twoalike.sitting._operator import OperatorState, OperatorView
from twoalike.study import TwoalikeError, load_profile
from twoalike.tasks import (
    Event,
    Item,
    Keeper,
    Listening,
    Marks,
    Note,
    NoWindow,
    PlayableScreen,
    Prepared,
    Session,
    SimulatedParticipant,
    View,
    VirtualClock,
    check_readable,
    getting_ready,
    run_session,
    with_block_questions,
    with_sounds,
)

if TYPE_CHECKING:
    from twoalike.display import SharedWindow, Speaker


SIMULATED_HZ = 60.0
"""Refresh rate of a simulated screen, where that of this computer is not known."""


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


@dataclass(frozen=True, kw_only=True)
class How:
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


def outcome_of(prepared: Prepared, n_done: int, reason: str) -> Outcome:
    plan = prepared.plan
    return Outcome(plan.name.rows(prepared.sitting.root), n_done, plan.n_trials, reason)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Everything is checked: how the session starts, and on what it is shown."""

    prepared: Prepared
    progress: Progress
    sounds: Mapping[str, float]
    """Durations of the sounds in s, by object id."""
    how: How

    @cached_property
    def clock(self) -> VirtualClock | None:
        """Clock of a simulated participant, which counts frames only where presentation is timed.

        None for a person.
        """
        if not self.how.simulated:
            return None
        refresh_hz = (load_profile().refresh_hz or SIMULATED_HZ) if self.prepared.is_timed else None
        return VirtualClock(self.progress.time_s, self.how.speed, refresh_hz)

    def run(self, shared: "SharedWindow | None", ahead: "Sequence[Part]") -> tuple[Outcome, bool]:
        """Open screen and triggers, and let the session take its course.

        The texts and images of parts ``ahead`` have to fit the window too. Returns how it ended,
        and whether the participant has left, be it on the last page.
        """
        prepared, progress, clock = self.prepared, self.progress, self.clock
        with ExitStack() as stack:
            speaker = self._open_speaker()
            screen, view, apparatus = stack.enter_context(self._open_screen(shared))
            self._check_window(view, ahead)
            apparatus = self._with_frames(apparatus, view)
            marks = self._open_marks(screen, stack)
            operator = stack.enter_context(
                OperatorView(self._operator_state(), hidden=not self.how.panel)
            )
            pulses = self._open_scanner(screen, stack, operator.warn)

            record = stack.enter_context(self._record(apparatus, operator))
            keeper = Keeper(
                record=record,
                asked=prepared.asked,
                consent_first=prepared.opening(progress).consent,
                rt_source="pyglet" if clock is None else "simulated",
                pilot=prepared.sitting.pilot,
            )
            written = progress.n_done
            session, player = self._session(view), None
            if clock is not None:
                player = SimulatedParticipant(prepared.hands(screen, clock), screen, clock)

            def keep(item: Item) -> None:
                keeper(item)
                operator.take(item, time.monotonic())

            def each_frame(state: Session) -> None:
                nonlocal written
                operator.tick(time.monotonic())
                at_break = state.activity is not None and state.activity.name == "break"
                if at_break and record.n_done > written:
                    written = record.n_done
                    record.write_views()
                if speaker is not None:
                    activity = state.activity
                    heard = activity.playing if isinstance(activity, Listening) else None
                    speaker.follow(heard, screen.now())
                if player is not None:
                    player.act(state)

            self._calibrate(screen, keep)
            reason = run_session(session, screen, keep, each_frame, marks, pulses)
            record.end(reason)
        return outcome_of(prepared, record.n_done, reason), session.left

    def _check_window(self, view: View, ahead: "Sequence[Part]") -> None:
        for line in check_readable(self.prepared, view, begun=self.progress.begun):
            self.how.show(line)
        for later in ahead:  # what does not fit should not wait for its turn
            later.prepared.image_size(view)
            rate = view.refresh_hz if later.clock is None else later.clock.refresh_hz
            later.prepared.frame_counts(rate)
            check_readable(later.prepared, view, begun=later.progress.begun)

    def _session(self, view: View) -> Session:
        prepared, protocol = self.prepared, self.prepared.protocol
        script = with_block_questions(prepared, view, self.progress)
        if self.sounds:
            script = with_sounds(script, protocol, self.sounds)
        key = None if prepared.scanner is None else prepared.scanner.key
        return Session(script, protocol.texts.stop, getting_ready(protocol), key)

    @contextmanager
    def _open_screen(
        self, shared: "SharedWindow | None"
    ) -> Iterator[tuple[PlayableScreen, View, Apparatus]]:
        prepared, clock, pilot = self.prepared, self.clock, self.prepared.sitting.pilot
        if shared is None:
            assert clock is not None  # a person has to see something
            screen = NoWindow(clock)
            view = View(screen.size, refresh_hz=clock.refresh_hz, preview=pilot)
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

        profile = load_profile()
        windowed = self.how.windowed or (pilot and not self.how.virtual_display)
        with open_window(
            *(prepared, self.progress, profile), windowed=windowed, clock=clock, shared=shared
        ) as opened:
            if clock is None and not pilot and not profile.measured:
                self.how.show(
                    "the screen of this computer was not measured: sizes are in pixels only. "
                    "Measure it with: twoalike screen"
                )
            window, view, apparatus = opened
            if pilot and view.refresh_hz is None:
                view = replace(view, refresh_hz=SIMULATED_HZ)
            yield window, view, apparatus

    def _open_speaker(self) -> "Speaker | None":
        """Open the sound device, before the participant sits down; None where nothing is heard."""
        if self.clock is not None:
            return None
        prepared = self.prepared
        files = {name: prepared.stimuli.path(name) for name in self.sounds}
        if not files:
            return None
        from twoalike.display import DeviceSpeaker, SilentSpeaker

        try:
            return DeviceSpeaker(files, prepared.protocol.sounds.volume)
        except TwoalikeError as error:
            if not prepared.sitting.pilot:
                raise
            self.how.show(f"{error} This pilot run is silent.")
            return SilentSpeaker(files)

    def _with_frames(self, apparatus: Apparatus, view: View) -> Apparatus:
        counts = self.prepared.frame_counts(view.refresh_hz)
        if counts and not apparatus.screen.get("refresh_hz"):
            self.how.show("this screen's refresh rate is not known: this pilot run assumes one")
        if counts:
            self.how.show("; ".join(map(str, counts.values())))
        return replace(apparatus, frames={name: one.as_dict() for name, one in counts.items()})

    def _open_scanner(
        self, screen: PlayableScreen, stack: ExitStack, warn: Callable[[str], None]
    ) -> Callable[[], Sequence[Event]]:
        scanner = self.prepared.scanner
        if scanner is None or not scanner.port or self.clock is not None:
            return tuple
        from twoalike.display import open_scanner

        return stack.enter_context(open_scanner(scanner, screen.now, warn))

    def _open_marks(self, screen: PlayableScreen, stack: ExitStack) -> Marks | None:
        triggers = self.prepared.protocol.triggers
        if triggers.kind == "none":
            return None
        from twoalike.display import open_triggers

        port = stack.enter_context(open_triggers(triggers, now=screen.now))
        self.how.show(self.prepared.protocol.marks_line)
        return Marks(lambda event, time: port.send(getattr(triggers.codes, event), event, time))

    def _calibrate(self, screen: PlayableScreen, keep: Callable[[Item], None]) -> None:
        """Let the lab's own function calibrate, where there is one and a window."""
        function = self.prepared.protocol.triggers.calibrate
        if not function or isinstance(screen, NoWindow):
            return
        from twoalike.display import WindowScreen

        assert isinstance(screen, WindowScreen)
        said = screen.calibrate(function, self.prepared.sitting.study.root)
        keep(Note("calibrated", screen.now(), {} if said is None else {"result": said}))

    def _operator_state(self) -> OperatorState:
        prepared, progress = self.prepared, self.progress
        sitting, plan = prepared.sitting, prepared.plan
        now, who = time.monotonic(), sitting.participant
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
            wrong_items=wrong_items(sitting.root, who)[who, f"{sitting.session:02d}"],
        )
        if not progress.n_done:
            return state
        earlier = whole_rows(plan.name.rows(sitting.root), find_task(plan.name.task).trials)
        items = attention_items(sitting.root, plan.name)
        return state.recall(earlier, [*prepared.checks_done(earlier), *items])

    def _record(
        self, apparatus: Apparatus, operator: OperatorView
    ) -> AbstractContextManager[RunRecord]:
        prepared, sitting = self.prepared, self.prepared.sitting
        where = (sitting.root, sitting.study, prepared.plan)
        return open_run(*where, apparatus, prepared.instructions, prepared.inputs, operator.warn)
