"""The raw writer: one run, one row a trial, on the disk before the next trial begins."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import check_participant, lock_folder, register_participant
from twoalike.record._manifest import (
    Apparatus,
    RunPlan,
    check_same,
    end_segment,
    new_manifest,
    read_manifest,
    sidecar,
    start_segment,
)
from twoalike.record._missing import missing_files
from twoalike.record._names import RunName, find_runs
from twoalike.record._progress import Progress, run_progress
from twoalike.record._table import TASKS, Table
from twoalike.record._tail import append_line, cut_tail, open_to_append, torn_line, torn_tail
from twoalike.stimuli import read_tsv, write_tsv
from twoalike.study import (
    Study,
    TwoalikeError,
    atomic_path,
    counted,
    hold_lock,
    readable_by,
    sync_file,
    write_json,
)


@contextmanager
def hold_participant(study: Study, root: Path, participant: str) -> Iterator[None]:
    """Keep other processes from running the same participant.

    Raises
    ------
    TwoalikeError
        If one does.
    """
    path = lock_folder(study) / f"{root.name}_sub-{participant}.lock"
    busy = (
        f"participant {participant} is being run by another process. End it first, or choose "
        "another --participant."
    )
    with readable_by(study.config.data.access), hold_lock(path, busy):
        yield


def check_run(
    root: Path, plan: RunPlan, *, resume: bool, earlier_elsewhere: bool = False
) -> Progress:
    """Check whether a run may start, or go on, before anything is shown or written.

    Parameters
    ----------
    resume
        Whether the run may have begun.
    earlier_elsewhere
        Whether sessions before this one may be missing: they were run on another computer.

    Raises
    ------
    TwoalikeError
        If the run exists and ``resume`` is false, or is finished, or what it shows has changed
        since; if a session is left out, or a file was deleted.
    """
    if missing := missing_files(root, plan.name.participant):
        raise TwoalikeError(f"{missing[0]}.")
    check_participant(root, plan.name.participant, plan.simulated)
    rows = plan.name.rows(root)
    if not rows.exists():
        if not (plan.pilot or earlier_elsewhere):
            _check_session_before(root, plan.name)
        return Progress()
    progress = run_progress(root, plan.name)
    manifest = read_manifest(plan.name.manifest(root))
    count = counted(progress.n_done, "trial")
    # A session that broke off after its last trial is not over: questions may be left to ask.
    if manifest["end_reason"] == "completed":
        raise TwoalikeError(
            f"{rows}: this session is finished ({count}). The next one: "
            f"--session {plan.name.session + 1}"
        )
    if not resume:
        total = counted(plan.n_trials, "trial") if plan.n_trials else ""
        of = f"{progress.n_done} of {total}" if total else count
        raise TwoalikeError(f"{rows}: this session has begun ({of}). Go on with it: --resume")
    check_same(manifest, plan, shown_trials(root, plan), rows)
    return progress


def _check_session_before(root: Path, name: RunName) -> None:
    """Check that no session is left out; the one before may be of another task."""
    before = name.session - 1
    folder = root / f"sub-{name.participant}"
    if before and not any(folder.glob(f"ses-{before:02d}/beh/*_beh.tsv")):
        done = [
            RunName.parse(path).session for path in find_runs(root, participant=name.participant)
        ]
        raise TwoalikeError(
            f"--session {name.session}: participant {name.participant} has no session {before} "
            f"here. The next one: --session {max(done, default=0) + 1}; if what is missing was run "
            "on another computer: --elsewhere, and later twoalike merge."
        )


def shown_trials(root: Path, plan: RunPlan) -> pd.DataFrame | None:
    """Trial list of a run as shown so far; None where the plan lists none."""
    if plan.trials is None:
        return None
    columns = list(plan.trials.columns)
    # Where the trials are chosen during the session, with no practice, the list is empty.
    return read_tsv(plan.name.trials(root), "the trial list as shown", columns, empty=True)


class RunRecord:
    """An open run: rows are appended, never changed; ``n_done`` counts the trials."""

    def __init__(self, root: Path, plan: RunPlan, manifest: dict[str, Any], handles: "_Handles"):
        self._root, self._plan, self._manifest = root, plan, manifest
        self._tables, self._handles = TASKS[plan.name.task], handles
        self.n_done = manifest["segments"][-1]["first_trial"] - 1

    @property
    def path(self) -> Path:
        """The raw table."""
        return self._plan.name.rows(self._root)

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write one trial, all its rows in one write, and wait until it is on the disk.

        Raises
        ------
        TwoalikeError
            If the disk is full or gone.
        """
        lines = "".join(self._tables.trials.format_row(row) for row in rows)
        if self._handles.events is not None:
            # What led to the trial's end comes before it.
            sync_file(self._handles.events, self._plan.name.events(self._root))
        append_line(self._handles.trials, self.path, lines, sync=True)
        self.n_done += 1

    def event(self, row: Mapping[str, object]) -> None:
        """Write one line of the table of events; it survives a kill, not a power cut."""
        if self._tables.events is None or self._handles.events is None:
            raise ValueError(f"the task {self._tables.name} keeps no events")
        line = self._tables.events.format_row(row)
        append_line(self._handles.events, self._plan.name.events(self._root), line, sync=False)

    def note(self, event: str, time_s: float, **detail: object) -> None:
        """Write one line of the log: what happened besides the trials."""
        entry = {"event": event, "time_s": round(time_s, 4), **detail}
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        append_line(self._handles.log, self._plan.name.log(self._root), line, sync=False)

    def extend(self, table: pd.DataFrame) -> None:
        """Add trials to the list as shown: a block that was chosen during the session."""
        path = self._plan.name.trials(self._root)
        before = read_tsv(path, "the trial list as shown", list(table.columns))
        write_tsv(path, pd.concat([before, table], ignore_index=True))

    def end(self, reason: str) -> None:
        """Write into the manifest why the run ended."""
        self._manifest = end_segment(self._manifest, reason)
        write_json(self._plan.name.manifest(self._root), self._manifest)


@dataclass(frozen=True)
class _Handles:
    """Open files of a run."""

    trials: int
    events: int | None
    log: int


def _start_files(root: Path, plan: RunPlan, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Make the files of a new run, the table of trials last but for the sidecars.

    A sidecar without its table is an error to BIDS validators, a table without its sidecar is
    none, and only the table of trials says that the run exists.
    """
    tables = TASKS[plan.name.task]
    if plan.trials is not None:
        trials = plan.name.trials(root)
        write_tsv(trials, plan.trials)
        inputs = {**inputs, "trials": trials}
    manifest = new_manifest(plan, inputs)
    write_json(plan.name.manifest(root), manifest)
    plan.name.log(root).unlink(missing_ok=True)
    if tables.events is not None:
        with atomic_path(plan.name.events(root)) as temporary:
            temporary.write_bytes(tables.events.header().encode())
    with atomic_path(plan.name.rows(root)) as temporary:
        temporary.write_bytes(tables.trials.header().encode())
    return manifest


def _write_sidecars(root: Path, plan: RunPlan, apparatus: Apparatus, instructions: str) -> None:
    """Describe the tables that are there and not yet described."""
    tables = TASKS[plan.name.task]
    for path, table in (
        (plan.name.rows(root), tables.trials),
        (_events(root, plan), tables.events),
    ):
        if path is not None and table is not None and not path.with_suffix(".json").exists():
            content = sidecar(plan, tables, table, apparatus, instructions)
            write_json(path.with_suffix(".json"), content)


def _events(root: Path, plan: RunPlan) -> Path | None:
    return plan.name.events(root) if TASKS[plan.name.task].events is not None else None


def _mend_tail(path: Path, table: Table, log: int, log_path: Path) -> None:
    """Move an unfinished last line, and the rows of an unfinished last trial, to the log."""
    if torn := torn_tail(path, table):
        entry = json.dumps({"event": "torn_row", "text": torn}, ensure_ascii=False)
        append_line(log, log_path, entry + "\n", sync=True)
        cut_tail(path, torn)


@contextmanager
def open_run(
    root: Path,
    study: Study,
    plan: RunPlan,
    apparatus: Apparatus,
    instructions: str,
    inputs: Mapping[str, Path],
) -> Iterator[RunRecord]:
    """Start the files of a run, or open them to go on; :func:`check_run` comes before.

    Parameters
    ----------
    root
        Data set the run belongs to; made if missing.
    instructions
        What the participant was told, for the sidecar.
    inputs
        Files the run was made from, by role.

    Yields
    ------
    The record. If the block raises, the manifest says so and the rows stay.
    """
    with (
        readable_by(study.config.data.access),
        _open_run(root, study, plan, apparatus, instructions, inputs) as record,
    ):
        yield record


@contextmanager
def _open_run(
    root: Path,
    study: Study,
    plan: RunPlan,
    apparatus: Apparatus,
    instructions: str,
    inputs: Mapping[str, Path],
) -> Iterator[RunRecord]:
    register_participant(root, study, plan.name.participant, plan.simulated)
    rows = plan.name.rows(root)
    fresh = not rows.exists()
    manifest = (
        _start_files(root, plan, inputs) if fresh else read_manifest(plan.name.manifest(root))
    )
    shown = None if fresh else shown_trials(root, plan)
    if plan.trials is not None and shown is not None and len(plan.trials) > len(shown):
        # A block that was chosen when the session broke off, just before it was recorded.
        write_tsv(plan.name.trials(root), plan.trials)
    _write_sidecars(root, plan, apparatus, instructions)
    log_path, events_path = plan.name.log(root), _events(root, plan)
    log = open_to_append(log_path, create=True)
    if torn_line(log_path):
        append_line(log, log_path, "\n", sync=False)
    tables = TASKS[plan.name.task]
    _mend_tail(rows, tables.trials, log, log_path)
    if events_path is not None and tables.events is not None:
        _mend_tail(events_path, tables.events, log, log_path)
    manifest = start_segment(manifest, apparatus, run_progress(root, plan.name).n_done)
    write_json(plan.name.manifest(root), manifest)
    events = None if events_path is None else open_to_append(events_path)
    handles = _Handles(open_to_append(rows), events, log)
    record = RunRecord(root, plan, manifest, handles)
    try:
        yield record
    except BaseException:
        # On a full disk the manifest cannot say so: what went wrong first is what is told, and
        # the next start notes that this one broke off.
        with suppress(TwoalikeError):
            record.end("error")
        raise
    finally:
        for handle in (handles.trials, handles.events, handles.log):
            if handle is not None:
                os.close(handle)
