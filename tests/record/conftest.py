"""A run to write, without a window."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from twoalike.record import Apparatus, RunPlan, RunRecord, open_run
from twoalike.study import Study
from twoalike.tasks import Prepared, Sitting, Trial, TrialResult, prepare_session
from twoalike.tasks.odd_one_out._prepare import PreparedTriplets


class Booth:
    """A study, one prepared session of it, and the files that session would leave."""

    def __init__(self, root: Path, task: str = "odd-one-out") -> None:
        self.study = Study.load(root)
        sitting = Sitting(study=self.study, participant="001", session=1)
        self.prepared: Prepared = prepare_session(task, sitting)
        self.root = sitting.root
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
    def open(self, **changes: object) -> Iterator[RunRecord]:
        plan = replace(self.plan, **changes)  # type: ignore[arg-type]
        with open_run(
            self.root, self.study, plan, Apparatus(), "Pick one.", self.prepared.inputs
        ) as record:
            yield record

    @property
    def rows(self) -> Path:
        return self.plan.name.rows(self.root)


@pytest.fixture
def booth(make_study: Callable[..., Path]) -> Booth:
    return Booth(make_study())


@pytest.fixture
def arena(make_study: Callable[..., Path]) -> Booth:
    """The same for a multi-arrangement session."""
    return Booth(make_study(), "multi-arrangement")
