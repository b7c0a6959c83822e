"""A run to write, without a task or a window."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from twoalike.record import Apparatus, RunPlan, RunRecord, open_run
from twoalike.study import Study
from twoalike.tasks import PreparedSession, Trial, TrialResult, prepare_session


class Booth:
    """A study, one prepared session of it, and the rows that session would give."""

    def __init__(self, root: Path) -> None:
        self.study = Study.load(root)
        self.prepared: PreparedSession = prepare_session(self.study, "001", 1)
        self.root = self.prepared.root
        self.plan: RunPlan = self.prepared.plan

    def row(self, trial: Trial) -> dict[str, object]:
        result = TrialResult(trial, 5.0 * trial.trial_index, None, 0, None, None)
        return result.row(rt_source="pyglet", pilot=False)

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
