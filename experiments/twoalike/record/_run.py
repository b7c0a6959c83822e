"""The raw writer: one run, one row a trial, on the disk before the next trial begins."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._append import AppendedFile, append_line, cut_tail, open_to_append, torn_tail
from twoalike.record._dataset import (
    RunName,
    check_participant,
    find_runs,
    lock_folder,
    register_participant,
)
from twoalike.record._manifest import (
    DISPLACED,
    TRIAL_SHOWN,
    Apparatus,
    RunPlan,
    Witness,
    check_same,
    end_segment,
    left_events,
    logged_trials,
    new_manifest,
    read_manifest,
    sidecar,
    start_segment,
    utc_now,
    witness_table,
)
from twoalike.record._people import missing_files
from twoalike.record._read import Progress, read_log, run_progress, torn_line
from twoalike.registry import find_task
from twoalike.study import (
    Study,
    TwoalikeError,
    atomic_path,
    counted,
    hold_lock,
    readable_by,
    write_json,
)
from twoalike.tables import BY_CONDITION, SEEN_BEFORE, Table, read_tsv, write_tsv


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
        "another `participant=...`."
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
            f"this session is finished ({count}). The next one: `session={plan.name.session + 1}`",
            where=rows,
        )
    if not resume:
        total = counted(plan.n_trials, "trial") if plan.n_trials else ""
        of = f"{progress.n_done} of {total}" if total else count
        raise TwoalikeError(
            f"this session has begun ({of})", where=rows, remedy="Continue it with `resume=True`."
        )
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
            f"`session={name.session}`: participant {name.participant} has no session {before} "
            f"here. The next one: `session={max(done, default=0) + 1}`; if what is missing was run "
            "on another computer: `elsewhere=True`, and later twoalike merge."
        )


def shown_trials(root: Path, plan: RunPlan) -> pd.DataFrame | None:
    """Trial list of a run as shown so far; None where the plan lists none."""
    if plan.trials is None:
        return None
    columns = list(plan.trials.columns)
    # Where the trials are chosen during the session, with no practice, the list is empty.
    return read_tsv(plan.name.trials(root), "the trial list as shown", columns, empty=True)


class RunRecord:
    """An open run: rows are appended, never changed; ``n_done`` counts the trials.

    Its files are watched: if another program moves, deletes or replaces one, recording continues
    in a rescue file (:class:`AppendedFile`), and ``warn`` is called at once.
    """

    def __init__(
        self,
        root: Path,
        plan: RunPlan,
        manifest: dict[str, Any],
        write_metadata: Callable[[], None],
        warn: Callable[[str], None],
        now: Callable[[], str | None] = utc_now,
    ) -> None:
        self._now = now
        self._root, self._plan, self._manifest = root, plan, manifest
        self._write_metadata, self._warn = write_metadata, warn
        self._task, self._list = find_task(plan.name.task), plan.trials
        self._time, self._displaced, self._unlogged = 0.0, False, ""
        self._log = self._open(plan.name.log(root), create=True)
        self._rows = self._open(plan.name.rows(root))
        self._events = None
        if self._task.events is not None:
            self._events = self._open(plan.name.events(root))
        self._appeared: Counter[object] = Counter()
        self._witness = self._complete_log()
        header = bytes(self._rows.content).partition(b"\n")[0].decode()
        self._table = self._task.trials.with_columns_of(header)
        self._ours = [one.name for one in (SEEN_BEFORE, BY_CONDITION) if one in self._table.columns]
        self.n_done = manifest["segments"][-1]["first_trial"] - 1

    def _open(self, path: Path, *, create: bool = False) -> AppendedFile:
        rescue = partial(self._plan.name.rescue, self._root, path)
        return AppendedFile(path, rescue, self._lose, create=create)

    def _complete_log(self) -> Witness:
        """Log the trials that a killed process did not log; read which trials were shown."""
        witness, kept = witness_table(bytes(self._rows.content), self._task.trials)
        log = read_log(self._log.path)
        self._appeared.update(
            entry.get("trial_index") for entry in log if entry.get("event") == TRIAL_SHOWN
        )
        known = logged_trials(log)
        last = known[-1].trial if known else 0
        self._log.append("".join(one.line() for one in kept if one.trial > last), sync=True)
        return witness

    @property
    def path(self) -> Path:
        """The raw table; if it was lost, the rescue file that holds its rows."""
        return self._rows.path

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write one trial, all its rows in one write, and wait until it is on the disk."""
        seen = self._appeared[self.n_done + 1] > 1
        cells = {SEEN_BEFORE.name: seen, BY_CONDITION.name: self._plan.condition}
        added = {name: cells[name] for name in self._ours}
        lines = "".join(self._table.format_row({**row, **added}) for row in rows)
        if self._events is not None:
            self._events.sync()  # what led to the trial's end comes before it
        self._rows.append(lines, sync=True)
        self.n_done += 1
        self._unlogged = self._witness.take(self.n_done, lines.encode()).line()
        self._log_trial()

    def _log_trial(self) -> None:
        """Log the last trial; if the disk refuses, the end of the run tries again."""
        if self._unlogged:
            self._log.append(self._unlogged)
            self._unlogged = ""

    def event(self, row: Mapping[str, object]) -> None:
        """Write one line of the table of events; it survives a kill, not a power cut."""
        if self._task.events is None or self._events is None:
            raise ValueError(f"the task {self._task.name} keeps no events")
        self._events.append(self._task.events.format_row(row))

    def note(self, event: str, time_s: float, **detail: object) -> None:
        """Write one line of the log: what happened besides the trials."""
        self._time = round(time_s, 4)
        if event == TRIAL_SHOWN:
            self._appeared[detail["trial_index"]] += 1
        entry = {"event": event, "time_s": self._time, **detail}
        self._log.append(json.dumps(entry, ensure_ascii=False) + "\n")

    def extend(self, table: pd.DataFrame) -> None:
        """Add trials to the list as shown: a block that was chosen during the session."""
        self._list = pd.concat([self._list, table], ignore_index=True)
        write_tsv(self._plan.name.trials(self._root), self._list)

    def _lose(self, home: Path, path: Path) -> None:
        """Report a lost file, and where its content is, to the log and the operator."""
        self._displaced = True
        self.note("file_lost", self._time, file=home.name, goes_on_in=path.name)
        self._warn(
            f"{home}: was moved, deleted or replaced by another program. Nothing is lost: the "
            f"session continues in {path}. Let it run to its end."
        )

    def end(self, reason: str) -> str:
        """Restore lost files, verify the table, and write the end of the run into the manifest.

        Returns
        -------
        The reason; :data:`DISPLACED` instead of ``completed`` if the table at its path is not
        what was written.
        """
        self._log_trial()
        self._log.return_home()
        tables = [self._rows] if self._events is None else [self._events, self._rows]
        whole = all([table.return_home() for table in tables])
        whole = whole and self._is_on_disk()
        if self._displaced:
            self._write_metadata()
            if self._list is not None:
                write_tsv(self._plan.name.trials(self._root), self._list)
            event = "tables_restored" if whole else "tables_not_restored"
            self.note(event, self._time, trials=self.n_done)
        if reason == "completed" and not whole:
            reason = DISPLACED
        self._log.return_home()
        self._log.sync()
        left: dict[str, object] = {"kept_trials": self.n_done, "rows_sha256": self._witness.sha256}
        if self._events is not None:
            left |= left_events(bytes(self._events.content))
        self._manifest = end_segment(self._manifest, reason, left, self._now())
        write_json(self._plan.name.manifest(self._root), self._manifest)
        if self._displaced and whole:
            self._warn(
                f"{self._rows.home}: is complete again, with {counted(self.n_done, 'trial')}."
            )
        return reason

    def _is_on_disk(self) -> bool:
        """Whether the table on the disk has the hash and the number of trials that were written."""
        witness, kept = witness_table(self._rows.home.read_bytes(), self._table)
        return witness.sha256 == self._witness.sha256 and len(kept) == self.n_done

    def close(self) -> None:
        """Close the files."""
        for file in (self._rows, self._events, self._log):
            if file is not None:
                file.close()


def _start_files(root: Path, plan: RunPlan, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Make the files of a new run, the table of trials last but for the sidecars.

    A sidecar without its table is an error to BIDS validators, a table without its sidecar is
    none, and only the table of trials says that the run exists.
    """
    task = find_task(plan.name.task)
    if plan.trials is not None:
        trials = plan.name.trials(root)
        write_tsv(trials, plan.trials)
        inputs = {**inputs, "trials": trials}
    manifest = new_manifest(plan, inputs)
    write_json(plan.name.manifest(root), manifest)
    plan.name.log(root).unlink(missing_ok=True)
    if task.events is not None:
        with atomic_path(plan.name.events(root)) as temporary:
            temporary.write_bytes(task.events.header().encode())
    with atomic_path(plan.name.rows(root)) as temporary:
        temporary.write_bytes(_trials_of(plan).header().encode())
    return manifest


def _trials_of(plan: RunPlan) -> Table:
    """Raw table of the trials of a run, with the columns that its settings ask for."""
    table: Table = find_task(plan.name.task).trials.recorded(plan.protocol)
    return table.with_condition() if plan.condition else table


def _write_sidecars(root: Path, plan: RunPlan, apparatus: Apparatus, instructions: str) -> None:
    """Describe the tables that are there and not yet described."""
    task = find_task(plan.name.task)
    for path, table in _tables_of(root, plan):
        if not path.with_suffix(".json").exists():
            content = sidecar(plan, task, table, apparatus, instructions)
            write_json(path.with_suffix(".json"), content)


def _tables_of(root: Path, plan: RunPlan) -> list[tuple[Path, Table]]:
    task = find_task(plan.name.task)
    found = [(plan.name.rows(root), _trials_of(plan))]
    if task.events is not None:
        found.append((plan.name.events(root), task.events))
    return found


def _mend_tails(root: Path, plan: RunPlan) -> None:
    """Move an unfinished last line, and the rows of an unfinished last trial, to the log."""
    log_path = plan.name.log(root)
    log = open_to_append(log_path, create=True)
    try:
        if torn_line(log_path):
            append_line(log, log_path, "\n", sync=False)
        for path, table in _tables_of(root, plan):
            if torn := torn_tail(path, table):
                entry = json.dumps({"event": "torn_row", "text": torn}, ensure_ascii=False)
                append_line(log, log_path, entry + "\n", sync=True)
                cut_tail(path, torn)
    finally:
        os.close(log)


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
    """Start the files of a run, or open them to go on; :func:`check_run` comes before.

    Parameters
    ----------
    root
        Data set the run belongs to; made if missing.
    instructions
        Instructions that the participant read, for the sidecar.
    inputs
        Files the run was made from, by role.
    warn
        Called at once, with one line, if another program moves or replaces a file of the run.
    now
        Gives the date and time (ISO, UTC) of the run's start and end; None where it is not known.

    Yields
    ------
    The record. If the block raises, the manifest says so and the rows stay.
    """

    def write_metadata() -> None:
        register_participant(root, study, plan.name.participant, plan.simulated)
        _write_sidecars(root, plan, apparatus, instructions)

    with readable_by(study.config.data.access):
        register_participant(root, study, plan.name.participant, plan.simulated)
        fresh = not plan.name.rows(root).exists()
        manifest = (
            _start_files(root, plan, inputs) if fresh else read_manifest(plan.name.manifest(root))
        )
        shown = None if fresh else shown_trials(root, plan)
        if plan.trials is not None and shown is not None and len(plan.trials) > len(shown):
            # A block that was chosen when the session broke off, just before it was recorded.
            write_tsv(plan.name.trials(root), plan.trials)
        _write_sidecars(root, plan, apparatus, instructions)
        _mend_tails(root, plan)
        manifest = start_segment(manifest, apparatus, run_progress(root, plan.name).n_done, now())
        write_json(plan.name.manifest(root), manifest)
        record = RunRecord(root, plan, manifest, write_metadata, warn, now)
        try:
            yield record
        except BaseException:
            # On a full disk the manifest cannot say so: the first error is the one to report, and
            # the next start notes that this run was interrupted.
            with suppress(TwoalikeError):
                record.end("error")
            raise
        finally:
            record.close()
