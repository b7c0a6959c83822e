"""Our own rules on raw data, beyond the form that BIDS checks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._check_arrangements import (
    check_arrangement_rows,
    check_events,
    how_to_mend,
)
from twoalike.record._check_triplets import DESIGNED, check_triplet_rows
from twoalike.record._manifest import read_manifest
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem, parse_rows, scan_rows, task_tables
from twoalike.record._whole import n_partial_rows
from twoalike.record._witness import check_left_events, check_witness, logged_trials, read_log
from twoalike.study import TwoalikeError
from twoalike.tables import read_tsv


def _check_images(
    path: Path, shown: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[RawProblem]:
    for name, digest in shown.items():
        if name not in now:
            yield RawProblem(path, f"object {name!r} is no longer in the stimulus set")
        elif now[name] != digest:
            yield RawProblem(path, f"the image of {name!r} has changed since it was shown")


def _check_owner(path: Path, name: RunName, manifest: Mapping[str, Any]) -> Iterator[RawProblem]:
    """Check that the manifest belongs to this run: people copy whole sessions by mistake, too."""
    for part in ("participant", "session", "task", "run"):
        if (found := manifest.get(part)) is not None and found != getattr(name, part):
            message = f"its manifest is of {part} {found}: the files were copied or renamed"
            yield RawProblem(path, message)


def _check_pilot_rows(
    path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]], manifest: Mapping[str, Any]
) -> Iterator[RawProblem]:
    """Check that rows say the same as the manifest about being pilot data."""
    if (pilot := manifest.get("pilot")) is not None:
        for number, row in rows:
            if row["pilot"] != pilot:
                message = f"is {str(row['pilot']).lower()}, the manifest says {str(pilot).lower()}"
                yield RawProblem(path, message, number, "pilot")


def _check_count(
    path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]], manifest: Mapping[str, Any]
) -> Iterator[RawProblem]:
    """Check that a session of version 0.1, without a witness, has all trials it was to have."""
    planned, last = manifest["n_trials"], rows[-1][1]["trial_index"] if rows else 0
    if manifest.get("witnessed") or manifest["end_reason"] != "completed" or planned is None:
        return
    if last < planned:
        message = (
            f"ends with trial {last} of {planned}, but its manifest says that it was completed"
        )
        yield RawProblem(path, f"{message}. Restore the table from a backup")


def _as_mappings(table: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {str(key): str(value) for key, value in row.items()} for row in table.to_dict("records")
    ]


def check_run_files(
    root: Path, path: Path, stimuli: Mapping[str, str] | None = None
) -> list[RawProblem]:
    """Check one raw table with its manifest and its trial list.

    Parameters
    ----------
    root
        The data set.
    path
        Raw table in it.
    stimuli
        SHA-256 by object id, as the images are now; None where they are not to be compared.

    Returns
    -------
    What is wrong; nothing if all is well.
    """
    try:
        name = RunName.parse(path)
        table = task_tables(path, name).trials
        # In the reverse order of writing: a session that is running meanwhile is no problem.
        manifest = read_manifest(name.manifest(root))
        logged = logged_trials(read_log(name.log(root)))
        cells, torn, problems = scan_rows(path, table)
        shown = (
            read_tsv(name.trials(root), "the trial list as shown", DESIGNED)
            if name.task == "oddoneout"
            else None
        )
    except TwoalikeError as error:
        return [RawProblem(path, str(error).removeprefix(f"{path}: "))]
    going_on = manifest["end_reason"] != "completed"
    mend = how_to_mend(going_on)
    if torn:
        problems.append(RawProblem(path, f"the last line is torn; {mend}", resumable=going_on))
    if stimuli is not None:
        problems += _check_images(name.manifest(root), manifest["stimuli"], stimuli)
    if any(problem.row is not None for problem in problems):
        # A row was left out, so the numbers of those after it would mislead.
        return problems
    if partial := n_partial_rows(cells, table):
        cells = cells[: len(cells) - partial]
        message = f"the last trial is torn; {mend}"
        problems.append(RawProblem(path, message, len(cells) + 1, resumable=going_on))
    rows, wrong = parse_rows(path, cells, table)
    bad = {problem.row for problem in wrong}
    clean = [(number, row) for number, row in enumerate(rows, start=1) if number not in bad]
    problems += [
        *wrong,
        *_check_owner(path, name, manifest),
        *_check_pilot_rows(path, clean, manifest),
    ]
    if name.task == "oddoneout":
        listed = None if shown is None else _as_mappings(shown)
        problems += check_triplet_rows(path, clean, manifest, listed)
    else:
        problems += check_arrangement_rows(path, clean, manifest)
        problems += check_events(root, name, clean, going_on)
        if name.events(root).is_file():
            problems += check_left_events(name.events(root), manifest)
    problems += _check_count(path, clean, manifest)
    content = path.read_bytes()
    witness = [*check_witness(path, content, len(cells), name.log(root), logged, manifest)]
    if witness:
        # Going on would cut off what is left of a trial that was whole on the disk.
        problems = [one for one in problems if not (one.resumable and one.file == path)]
    named = {problem.row for problem in problems if problem.file == path}
    return [*problems, *(problem for problem in witness if problem.row not in named)]
