"""The recording of a run: what happens goes into its journal, and is there before anything else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import (
    RunName,
    check_participant,
    find_runs,
    lock_folder,
    register_participants,
)
from twoalike.record._journal import RESERVED, Journal, Lines, not_as_written, read_journal
from twoalike.record._manifest import Apparatus, RunPlan, check_same, planned, utc_now
from twoalike.record._people import AskedQuestion, answer_rows, missing_files
from twoalike.record._views import (
    Progress,
    format_known,
    left_out,
    manifest_of,
    progress_of,
    shown_trials,
    trial_table,
    views_of,
)
from twoalike.registry import find_task
from twoalike.study import Study, TwoalikeError, counted, hold_lock, readable_by, syncing_together
from twoalike.tables import BY_CONDITION, SEEN_BEFORE


@contextmanager
def hold_participant(study: Study, root: Path, participant: str) -> Iterator[None]:
    """Keep other processes from running the same participant."""
    path = lock_folder(study) / f"{root.name}_sub-{participant}.lock"
    busy = (
        f"participant {participant} is being run by another process. End it first, or choose "
        "another `participant=...`."
    )
    with readable_by(study.config.data.access), hold_lock(path, busy):
        yield


def write_left_out(root: Path, participant: str) -> list[str]:
    """Write what killed processes left out of a participant's files; say of which runs, in a line.

    The participant has to be held.
    """
    said = []
    for path in sorted(root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_journal.jsonl")):
        name = RunName.parse(path)
        if views := left_out(root, name, read_journal(path)):
            for view in views:
                view.write()
            files = ", ".join(view.path.name for view in views)
            said.append(f"{path}: was written further than {files}: they were written from it")
    return said


def check_run(
    root: Path, plan: RunPlan, *, resume: bool, earlier_elsewhere: bool = False
) -> Progress:
    """Check whether a run may start, or go on, before anything is shown or written.

    Refuses a run that exists unless it is to ``resume``, one that is finished or shows something
    else than before, a session that is left out, and deleted files. Sessions before this one may be
    missing if they were run ``earlier_elsewhere``, on another computer.
    """
    if missing := missing_files(root, plan.name.participant):
        raise TwoalikeError(f"{missing[0]}.")
    check_participant(root, plan.name.participant, plan.simulated)
    lines, rows = read_journal(plan.name.journal(root)), plan.name.rows(root)
    if lines.broken:
        raise TwoalikeError(f"{plan.name.journal(root)}: {not_as_written(lines.broken)}.")
    progress = progress_of(lines.entries)
    if not progress.begun:
        if rows.exists():
            raise TwoalikeError(
                "is missing, but there are trials of this session",
                where=plan.name.journal(root),
                remedy="Put it back from a backup.",
            )
        # The session before may be of another task.
        folder, before = root / f"sub-{plan.name.participant}", plan.name.session - 1
        there = any(folder.glob(f"ses-{before:02d}/beh/*_beh.tsv")) or not before
        if not (there or plan.pilot or earlier_elsewhere):
            done = [
                RunName.parse(path).session
                for path in find_runs(root, participant=plan.name.participant)
            ]
            raise TwoalikeError(
                f"`session={plan.name.session}`: participant {plan.name.participant} has no "
                f"session {before} here. The next one: `session={max(done, default=0) + 1}`; if "
                "what is missing was run on another computer: `elsewhere=True`, and later twoalike "
                "merge."
            )
        return progress
    manifest = manifest_of(lines.entries)
    count = counted(progress.n_done, "trial")
    # A session that broke off after its last trial is not over: questions may be left to ask.
    if manifest["end_reason"] == "completed":
        raise TwoalikeError(
            f"this session is finished ({count}). The next one: `session={plan.name.session + 1}`",
            where=rows,
        )
    if not resume:
        total = counted(plan.n_trials, "trial") if plan.n_trials else ""
        of = f"{progress.n_done} of {total}" if total else count
        raise TwoalikeError(
            f"this session has begun ({of})", where=rows, remedy="Continue it with `resume=True`."
        )
    check_same(manifest, plan, shown_trials(lines.entries), rows)
    return progress


class RunRecord:
    """An open run: what happens is appended to its journal, and never changed.

    It starts with the first thing to be kept besides answers; ``n_done`` counts the trials. If
    another program moves, deletes or replaces the journal, it is written again at once, and
    ``warn`` says so.
    """

    def __init__(
        self,
        root: Path,
        study: Study,
        plan: RunPlan,
        start: Mapping[str, Any],
        warn: Callable[[str], None],
        now: Callable[[], str | None],
    ) -> None:
        self.root, self.name = root, plan.name
        self._study, self._plan, self._start, self._now = study, plan, start, now
        self._journal = Journal(plan.name.journal(root), warn)
        self._task = find_task(plan.name.task)
        progress = progress_of(self._journal.entries)
        self.n_done, self._time = progress.n_done, progress.time_s
        self.started = False

    def start(self) -> None:
        """Begin the run, or a further part of it, unless it has begun."""
        if self.started:
            return
        self.started = True
        self._register()
        start = {**self._start, "utc": self._now()}
        before = next((one for one in self._journal.entries if one["what"] == "start"), None)
        if before is not None:
            start.pop("plan")
        self._journal.append("start", self._time, sync=True, **start)
        self._table = trial_table(self._task.trials, (before or start)["plan"])
        if before is not None and self._plan.trials is not None:
            n_shown = len(shown_trials(self._journal.entries))
            if len(self._plan.trials) > n_shown:
                # A block that was chosen when the session broke off, just before it was recorded.
                self.extend(self._plan.trials.iloc[n_shown:])
        self.write_views()

    def _register(self) -> None:
        if not syncing_together():  # who stages a session does it
            who = {self.name.participant: self._study}
            register_participants(self.root, self._study, who, simulated=self._plan.simulated)

    @property
    def path(self) -> Path:
        """Raw table."""
        return self.name.rows(self.root)

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Keep one trial, all its rows in one write, and wait until it is on the disk."""
        self.start()
        if not syncing_together():  # else its table is written before the run is of use
            ours = {SEEN_BEFORE.name: False, BY_CONDITION.name: self._plan.condition}
            for row in rows:
                format_known(self._table, {**row, **ours})  # one that cannot be read is a defect
        at = self._end_of(rows[0], "response_time")
        self._journal.append("trial", at, sync=True, rows=[dict(row) for row in rows])
        self.n_done += 1

    def event(self, row: Mapping[str, object]) -> None:
        """Keep what happened within a trial; it survives a kill, and a power cut with its trial."""
        self.start()
        if self._task.events is None:
            raise ValueError(f"the task {self._task.name} keeps no events")
        self._task.events.format_row(row)
        self._journal.append("event", self._end_of(row, "duration"), row=dict(row))

    def _end_of(self, row: Mapping[str, Any], duration: str) -> float:
        """When a row was over, s of the run: what is kept later is not before."""
        self._time = max(self._time, row["onset"] + (row[duration] or 0.0))
        return self._time

    def note(self, event: str, time_s: float, **detail: object) -> None:
        """Keep what happened besides the trials."""
        if RESERVED & detail.keys():
            raise ValueError(f"a note cannot have {', '.join(RESERVED & detail.keys())}")
        self.start()
        self._time = max(self._time, time_s)
        content: dict[str, Any] = {"event": event, **detail}
        self._journal.append("note", time_s, **content)

    def extend(self, table: pd.DataFrame) -> None:
        """Add trials to the list as shown: a block that was chosen during the session."""
        self.start()
        self._journal.append("more", self._time, sync=True, trials=_cells(table)[1:])

    def answers(self, measure: str, answers: Mapping[AskedQuestion, object]) -> None:
        """Keep answers outside the trials by question; None for one that was left open.

        ``measure`` is ``consent``, ``form``, ``blocks`` or ``debrief``.
        """
        self._register()
        rows = answer_rows(measure, answers)
        self._journal.append("answers", self._time, sync=True, answers=rows)
        self.write_views(1)

    def write_views(self, n: int | None = None, *, closing: bool = False) -> None:
        """Bring the tables up to the journal, or the first ``n`` of its files."""
        if syncing_together() and not closing:
            return
        lines = Lines(tuple(self._journal.entries), b"")
        for view in views_of(self.root, self.name, lines)[:n]:
            view.write()

    def end(self, reason: str) -> None:
        """Keep how the run ended, make sure that the journal is whole, and write its tables."""
        if not self.started:
            return
        self._journal.append("end", self._time, sync=True, reason=reason, utc=self._now())
        self._journal.settle()
        self._register()
        self.write_views()

    def close(self) -> None:
        """Close the journal; of a :func:`twoalike.study.sync_together` the tables follow now."""
        self._journal.close()
        if syncing_together():
            self.write_views(closing=True)


def _cells(table: pd.DataFrame) -> list[list[str]]:
    return [list(map(str, table.columns)), *table.astype(str).to_numpy().tolist()]


@contextmanager
def open_run(
    root: Path,
    study: Study,
    plan: RunPlan,
    apparatus: Apparatus,
    instructions: str,
    inputs: Mapping[str, Path],
    warn: Callable[[str], None],
    now: Callable[[], str | None] = utc_now,
) -> Iterator[RunRecord]:
    """Open the journal of a run, new or to go on; :func:`check_run` comes before.

    If the block raises, the journal says so.

    Parameters
    ----------
    instructions
        Instructions that the participant read, for the sidecar.
    inputs
        Files the run was made from, by role.
    warn
        Called at once, with one line, if another program moves or replaces the journal.
    now
        Gives the date and time (ISO, UTC) of the run's start and end; None where it is not known.
    """
    task = find_task(plan.name.task)
    table = task.trials.recorded(plan.protocol)
    columns = {"trials": (table.with_condition() if plan.condition else table).names}
    if task.events is not None:
        columns["events"] = task.events.names
    about = {
        "manifest": planned(plan, inputs),
        "instructions": instructions,
        "columns": columns,
        "trials": None if plan.trials is None else _cells(plan.trials),
    }
    start = {"apparatus": asdict(apparatus), "plan": about}
    with readable_by(study.config.data.access):
        record = RunRecord(root, study, plan, start, warn, now)
        try:
            yield record
        except BaseException:
            # On a full disk the journal cannot say so: the first error is the one to report, and
            # the next start shows that this part was interrupted.
            with suppress(TwoalikeError):
                record.end("error")
            raise
        finally:
            record.close()
