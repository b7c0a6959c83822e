"""A run to write, without a window."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.record import (
    Apparatus,
    RunPlan,
    RunRecord,
    check_dataset,
    check_run,
    open_run,
    read_manifest,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import (
    Keeper,
    NoWindow,
    Prepared,
    Session,
    SimulatedParticipant,
    Sitting,
    Trial,
    View,
    VirtualClock,
    prepare_session,
    run_session,
)
from twoalike.tasks.choosing import PreparedTriplets, TrialResult


def print_error(line: str) -> None:
    """Show a warning as the operator's view does."""
    print(line, file=sys.stderr)  # noqa: T201


class Booth:
    """A study, one prepared session of it, and the files that session leaves."""

    def __init__(self, root: Path, task: str = "odd-one-out", *, simulated: bool = False) -> None:
        self.study = Study.load(root)
        self.task = task
        stimuli = StimulusSet.load(self.study.stimuli)
        space = hierarchical_embedding(stimuli, np.random.default_rng(1))
        observer = SimulatedObserver(stimuli.ids, space) if simulated else None
        self.sitting = Sitting(study=self.study, participant="001", session=1, observer=observer)
        self.prepared: Prepared = prepare_session(task, self.sitting)
        self.root = self.sitting.root
        self.plan: RunPlan = self.prepared.plan

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Trials of the odd-one-out task."""
        return cast(PreparedTriplets, self.prepared).trials

    def trial(self, trial: Trial) -> tuple[dict[str, object]]:
        """Rows of a trial that nobody answered in time."""
        result = TrialResult(trial, 5.0 * trial.trial_index, None, 0, None, None)
        return result.rows(rt_source="pyglet", pilot=False)

    @contextmanager
    def open(
        self, warn: Callable[[str], None] = print_error, **changes: object
    ) -> Iterator[RunRecord]:
        plan = replace(self.plan, **changes)  # type: ignore[arg-type]
        with open_run(
            self.root, self.study, plan, Apparatus(), "Pick one.", self.prepared.inputs, warn
        ) as record:
            yield record

    def simulate(self, n_trials: int = 1000) -> str:
        """Begin the run or go on with it, for so many trials; how it ended."""
        progress = check_run(self.root, self.plan, resume=True)
        clock = VirtualClock(progress.time_s)
        screen = NoWindow(clock)
        with self.open() as record:
            keeper = Keeper(record, self.prepared.asked, False, "simulated", False)
            script = self.prepared.script(View(screen.size), progress)
            player = SimulatedParticipant(self.prepared.hands(screen, clock), screen, clock)

            def act(session: Session) -> None:
                if record.n_done >= progress.n_done + n_trials:
                    screen.press_key("escape")
                    clock.wait_until(clock.now() + 0.1)
                else:
                    player.act(session)

            session = Session(script, self.prepared.protocol.texts.stop)
            reason = run_session(session, screen, keeper, act)
            record.end(reason)
        return reason

    @property
    def rows(self) -> Path:
        return self.plan.name.rows(self.root)

    @property
    def events(self) -> Path:
        return self.plan.name.events(self.root)

    @property
    def journal(self) -> Path:
        return self.plan.name.journal(self.root)

    def make_copy(self) -> None:
        """Leave what a copy for publication has: no journal, and a manifest that says so."""
        self.journal.unlink()
        path = self.plan.name.manifest(self.root)
        path.write_text(json.dumps({**self.manifest, "journal": None}))

    @property
    def manifest(self) -> dict[str, Any]:
        return read_manifest(self.plan.name.manifest(self.root))

    def lines(self) -> list[dict[str, Any]]:
        """Lines of the journal as plain JSON."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def problems(self, stimuli: Mapping[str, str] | None = None) -> list[str]:
        found = check_dataset(self.root, stimuli or self.plan.stimuli, pilot=False).problems
        return [str(problem).replace(f"{self.root}/", "") for problem in found]


@pytest.fixture
def booth(make_study: Callable[..., Path]) -> Booth:
    return Booth(make_study())


ARRANGEMENTS = """trials = 12
[arrangement]
max_trials = 3
max_items = 5
practice_items = 3
catch = 0
"""


@pytest.fixture
def arena(make_study: Callable[..., Path]) -> Booth:
    """The same for a simulated multi-arrangement session of a practice and three trials."""
    return Booth(make_study(design=ARRANGEMENTS), "multi-arrangement", simulated=True)


@pytest.fixture(scope="session")
def once() -> dict[str, bytes]:
    """Files of the one simulated run that all tests start from."""
    return {}


@pytest.fixture
def whole_arena(make_study: Callable[..., Path], once: dict[str, bytes]) -> Booth:
    """The same in a study of its own, run to its end."""
    booth = Booth(make_study("whole", ARRANGEMENTS), "multi-arrangement", simulated=True)
    if not once:
        assert booth.simulate() == "completed"
        files = (path for path in booth.root.rglob("*") if path.is_file())
        once.update({str(path.relative_to(booth.root)): path.read_bytes() for path in files})
    for name, content in once.items():
        (booth.root / name).parent.mkdir(parents=True, exist_ok=True)
        (booth.root / name).write_bytes(content)
    return booth
