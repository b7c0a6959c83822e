"""The raw writer: one run, one row a trial, on the disk before the next trial begins."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.record._columns import COLUMNS, format_row, header
from twoalike.record._dataset import check_participant, lock_folder, register_participant
from twoalike.record._lock import hold_lock
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
from twoalike.record._tail import append_line, cut_tail, open_to_append, torn_tail
from twoalike.stimuli import read_tsv, write_tsv
from twoalike.study import Study, TwoalikeError, atomic_path, write_json


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    begun
        Whether there is a raw table.
    n_done
        Trials on the disk.
    time_s
        Run time at the end of the last of them, where a resumed run's clock goes on.
    """

    begun: bool = False
    n_done: int = 0
    time_s: float = 0.0


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
    with hold_lock(path, busy):
        yield


def _progress(path: Path) -> Progress:
    """Read how far the run in ``path`` is; an unfinished last line does not count."""
    first, *lines = path.read_text(encoding="utf-8").split("\n")[:-1] or [""]
    if first + "\n" != header():
        raise TwoalikeError(
            f"{path}: its header is not this version's. Run: twoalike validate, and start the "
            "next --session."
        )
    if not lines:
        return Progress(begun=True)
    names = [column.name for column in COLUMNS]
    last = dict(zip(names, lines[-1].split("\t"), strict=False))
    if last.get("trial_index") != str(len(lines)):
        raise TwoalikeError(
            f"{path}: row {len(lines)} has trial_index {last.get('trial_index')!r}, expected "
            f"{len(lines)}. The file was edited: restore it, or start the next --session."
        )
    taken = 0.0 if last["response_time"] == "n/a" else float(last["response_time"])
    return Progress(True, len(lines), float(last["onset"]) + taken)


def check_run(root: Path, plan: RunPlan, *, resume: bool) -> Progress:
    """Check whether a run may start, or go on, before anything is shown or written.

    Raises
    ------
    TwoalikeError
        If the run exists and ``resume`` is false, or is finished, or what it shows has changed
        since.
    """
    check_participant(root, plan.name.participant, plan.simulated)
    rows = plan.name.rows(root)
    if not rows.exists():
        return Progress()
    progress = _progress(rows)
    if progress.n_done >= len(plan.trials):
        raise TwoalikeError(
            f"{rows}: this session is finished ({progress.n_done} trials). The next one: "
            f"--session {plan.name.session + 1}"
        )
    if not resume:
        raise TwoalikeError(
            f"{rows}: this session has begun ({progress.n_done} of {len(plan.trials)} trials). "
            "Go on with it: --resume"
        )
    manifest = read_manifest(plan.name.manifest(root))
    shown = read_tsv(plan.name.trials(root), "the trial list as shown", list(plan.trials.columns))
    check_same(manifest, plan, shown, rows)
    return progress


class RunRecord:
    """An open run: rows are appended, never changed; ``n_done`` counts them."""

    def __init__(self, root: Path, plan: RunPlan, manifest: dict[str, Any], table: int, log: int):
        self._root, self._plan, self._manifest = root, plan, manifest
        self._table, self._log = table, log
        self.n_done = manifest["segments"][-1]["first_trial"] - 1

    @property
    def path(self) -> Path:
        """The raw table."""
        return self._plan.name.rows(self._root)

    def append(self, row: Mapping[str, object]) -> None:
        """Write one trial and wait until it is on the disk.

        Raises
        ------
        TwoalikeError
            If the disk is full or gone.
        """
        append_line(self._table, self.path, format_row(row), sync=True)
        self.n_done += 1

    def note(self, event: str, time_s: float, **detail: object) -> None:
        """Write one line of the log: what happened besides the trials."""
        entry = {"event": event, "time_s": round(time_s, 4), **detail}
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        append_line(self._log, self._plan.name.log(self._root), line, sync=False)

    def end(self, reason: str) -> None:
        """Write into the manifest why the run ended."""
        self._manifest = end_segment(self._manifest, reason)
        write_json(self._plan.name.manifest(self._root), self._manifest)


def _start_files(root: Path, plan: RunPlan, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Make the files of a new run, the table last but for its sidecar.

    A sidecar without its table is an error to BIDS validators, a table without its sidecar is
    none, and only the table says that the run exists.
    """
    trials = plan.name.trials(root)
    write_tsv(trials, plan.trials)
    manifest = new_manifest(plan, {**inputs, "trials": trials})
    write_json(plan.name.manifest(root), manifest)
    plan.name.log(root).unlink(missing_ok=True)
    with atomic_path(plan.name.rows(root)) as temporary:
        temporary.write_bytes(header().encode())
    return manifest


def _mend_tail(root: Path, plan: RunPlan, log: int) -> None:
    """Move an unfinished last line from the table to the log."""
    rows = plan.name.rows(root)
    if torn := torn_tail(rows):
        entry = json.dumps({"event": "torn_row", "text": torn}, ensure_ascii=False)
        append_line(log, plan.name.log(root), entry + "\n", sync=True)
        cut_tail(rows)


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
    register_participant(root, study, plan.name.participant, plan.simulated)
    rows = plan.name.rows(root)
    fresh = not rows.exists()
    manifest = (
        _start_files(root, plan, inputs) if fresh else read_manifest(plan.name.manifest(root))
    )
    if not plan.name.sidecar(root).exists():
        write_json(plan.name.sidecar(root), sidecar(plan, apparatus, instructions))
    log = open_to_append(plan.name.log(root), create=True)
    if torn_tail(plan.name.log(root)):
        append_line(log, plan.name.log(root), "\n", sync=False)
    _mend_tail(root, plan, log)
    manifest = start_segment(manifest, apparatus, _progress(rows).n_done)
    write_json(plan.name.manifest(root), manifest)
    table = open_to_append(rows)
    record = RunRecord(root, plan, manifest, table, log)
    try:
        yield record
    except BaseException:
        record.end("error")
        raise
    finally:
        os.close(table)
        os.close(log)
