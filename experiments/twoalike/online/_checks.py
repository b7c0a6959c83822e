"""Attention checks of an online study: their right answers, and counts of those given.

The page must not contain the right answers, so they come from the session as it was compiled.
Preparing one takes some hundredths of a second, for which no record should wait: answers are
counted once each, when the operator asks.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, select

from twoalike.online._blocks import Block
from twoalike.online._built import BuiltStudy
from twoalike.online._session import TrialStep
from twoalike.online._store import RECORDS, stored_blocks
from twoalike.study import MISSING
from twoalike.tables import choice_columns
from twoalike.tasks import PreparedTriplets

type _RightAnswers = dict[tuple[int, int], str]
"""Place of the right answer, by part and trial."""


class Counted(NamedTuple):
    """Checks among the first ``n`` records of a session."""

    n: int = 0
    checks: int = 0
    right: int = 0


class CheckCounts:
    """Counts of attention checks, kept while the server runs; may be used by several threads."""

    def __init__(self, built: BuiltStudy) -> None:
        self._built = built
        self._right: dict[str, _RightAnswers] = {}
        self._counted: dict[str, Counted] = {}
        self._lock = threading.Lock()

    def of(
        self, connection: Connection, sessions: Sequence[RowMapping], most_new: float = float("inf")
    ) -> dict[str, Counted | None]:
        """Return the counts of sessions, by name; None once ``most_new`` people are prepared."""
        with self._lock:
            known = len(self._right)
            for row in sessions:
                before = self._counted.get(row["name"], Counted())
                if row["n"] == before.n:
                    continue
                new = row["participant"] not in self._right
                if new and not self._built.is_adaptive and len(self._right) - known >= most_new:
                    continue
                again = before if row["n"] > before.n else Counted()  # withdrawn meanwhile
                self._counted[row["name"]] = self._count(connection, row, again)
            found = {row["name"]: (row["n"], self._counted.get(row["name"])) for row in sessions}
        empty = Counted()
        return {
            name: counted if counted is not None and counted.n == n else (None if n else empty)
            for name, (n, counted) in found.items()
        }

    def _count(self, connection: Connection, row: RowMapping, before: Counted) -> Counted:
        right = self._right_answers(connection, row)
        query = select(RECORDS.c.part, RECORDS.c.trial, RECORDS.c.position).where(
            RECORDS.c.session == row["name"],
            RECORDS.c.n > before.n,
            RECORDS.c.n <= row["n"],
            RECORDS.c.trial.is_not(None),
        )
        given = [
            (right[one.part, one.trial], one.position)
            for one in connection.execute(query)
            if (one.part, one.trial) in right
        ]
        n_right = sum(expected == position for expected, position in given)
        return Counted(row["n"], before.checks + len(given), before.right + n_right)

    def _right_answers(self, connection: Connection, row: RowMapping) -> _RightAnswers:
        if self._built.is_adaptive:
            bodies = stored_blocks(connection, row["name"])
            blocks = [Block.model_validate_json(body) for body in bodies]
            return {key: place for block in blocks for key, place in _of_block(block).items()}
        participant = row["participant"]
        if participant not in self._right:
            self._right[participant] = {
                (number, trial.trial_index): trial.positions[trial.expected - 1]
                for number, prepared in enumerate(self._built.page.prepared(participant))
                if isinstance(prepared, PreparedTriplets)
                for trial in prepared.trials
                if trial.trial_type == "catch" and trial.expected is not None
            }
        return self._right[participant]


def _of_block(block: Block) -> _RightAnswers:
    """Right answers of a block that was chosen."""
    expected = {
        int(row["trial_index"]): int(cell)
        for row in block.rows
        if row["trial_type"] == "catch"
        and (cell := row.get(choice_columns(row)[1], MISSING)).isdecimal()
    }
    trials = [step.trial for step in block.steps if isinstance(step, TrialStep)]
    return {
        (block.part, trial.trial_index): trial.positions[expected[trial.trial_index] - 1]
        for trial in trials
        if trial.trial_index in expected
    }
