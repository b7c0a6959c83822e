"""The checks of raw data, called by every command that reads a data set or adds to it.

They add our own rules to the form that BIDS checks (:func:`check_bids`).
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._answers import damaged_answers, lost_answers
from twoalike.record._dataset import RunName, find_runs
from twoalike.record._groups import check_group_cells
from twoalike.record._manifest import (
    KeptTrial,
    check_left_events,
    check_witness,
    logged_trials,
    plain_lines,
    read_manifest,
)
from twoalike.record._people import (
    absent_sessions,
    check_copies,
    check_people,
    check_pilot,
    check_simulated,
    missing_files,
    rescue_problems,
    without_sessions,
)
from twoalike.record._read import (
    RawProblem,
    n_partial_rows,
    parse_cells,
    problem_of,
    read_events,
    read_log,
    run_progress,
    scan_rows,
    task_of,
    torn_line,
)
from twoalike.record._rules import ROUNDING_S, NumberedRows
from twoalike.registry import Task
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    MISSING,
    Study,
    TwoalikeError,
    counted,
    how_to_install,
    parse_json_table,
    progress,
)
from twoalike.tables import BY_CONDITION, read_tsv

_BIDS_OPTIONS = ("--ignoreWarnings", "--max-rows", "-1", "--format", "json")


@dataclass(frozen=True)
class _RunFiles:
    """Files of one run as they were read, for its checks.

    ``cells`` are those of rows with as many cells as columns, ``torn`` is the text after the last
    line end, and ``shown`` the trial list as text, None where the task keeps none.
    """

    path: Path
    name: RunName
    task: Task
    manifest: Mapping[str, Any]
    logged: list[KeptTrial]
    cells: list[list[str]]
    torn: str
    shown: list[dict[str, str]] | None

    @property
    def going_on(self) -> bool:
        """Whether the session may be resumed."""
        return bool(self.manifest["end_reason"] != "completed")

    @property
    def how_to_mend(self) -> str:
        """What to do about a torn end; a completed session cannot be resumed."""
        mend = "mend it: twoalike run with `resume=True`"
        return mend if self.going_on else "restore it from a backup"


def check_run_files(
    root: str | Path, path: Path, stimuli: Mapping[str, str] | None = None
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
    root = Path(root)
    try:
        run, problems = _read_files(root, path)
    except TwoalikeError as error:
        return [problem_of(path, error)]
    if run.torn:
        message = f"the last line is torn; {run.how_to_mend}"
        problems.append(RawProblem(path, message, resumable=run.going_on))
    if stimuli is not None:
        problems += _check_images(run.name.manifest(root), run.manifest["stimuli"], stimuli)
    if any(problem.row is not None for problem in problems):
        # A row was left out, so the numbers of those after it would mislead.
        return problems
    cells = run.cells
    if partial := n_partial_rows(cells, run.task.trials):
        cells = cells[: len(cells) - partial]
        message = f"the last trial is torn; {run.how_to_mend}"
        problems.append(RawProblem(path, message, len(cells) + 1, resumable=run.going_on))
    problems += _check_rows(root, run, cells)
    content = path.read_bytes()
    log = run.name.log(root)
    witness = [*check_witness(path, content, len(cells), log, run.logged, run.manifest)]
    if witness:
        # Going on would cut off what is left of a trial that was whole on the disk.
        problems = [one for one in problems if not (one.resumable and one.file == path)]
    named = {problem.row for problem in problems if problem.file == path}
    return [*problems, *(problem for problem in witness if problem.row not in named)]


def _read_files(root: Path, path: Path) -> tuple[_RunFiles, list[RawProblem]]:
    """Read the files of a run, in the reverse order of writing, so that it may go on meanwhile."""
    name = RunName.parse(path)
    task = task_of(path, name)
    manifest = read_manifest(name.manifest(root))
    logged = logged_trials(read_log(name.log(root)))
    cells, torn, problems = scan_rows(path, task.trials)
    shown = None
    if task.trial_list is not None:
        what = "the trial list as shown"
        shown = _rows_of(read_tsv(name.trials(root), what, task.trial_list.names))
    return _RunFiles(path, name, task, manifest, logged, cells, torn, shown), problems


def _check_rows(root: Path, run: _RunFiles, cells: list[list[str]]) -> list[RawProblem]:
    """Check cells by their columns, then rows by the rules of their task."""
    values, problems = parse_cells(run.path, cells, run.task.trials)
    bad = {problem.row for problem in problems}
    rows = [
        (number, row) for number, row in enumerate(_rows_of(values), start=1) if number not in bad
    ]
    problems += [*_check_owner(run), *_check_condition(run)]
    problems += _check_pilot_rows(run, rows)
    events = None
    if run.task.events is not None:
        events, found = _check_events(root, run)
        problems += found
    if run.task.check_rows is not None:
        problems += run.task.check_rows(run.path, rows, run.manifest, run.shown, events)
    if run.task.events is not None and run.name.events(root).is_file():
        problems += check_left_events(run.name.events(root), run.manifest)
    problems += _check_count(run, rows)
    return problems


def _rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    names = [str(name) for name in table.columns]
    cells = zip(*(table[name].tolist() for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in cells]


def _check_images(
    path: Path, shown: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[RawProblem]:
    for name, digest in shown.items():
        if name not in now:
            yield RawProblem(path, f"object {name!r} is no longer in the stimulus set")
        elif now[name] != digest:
            yield RawProblem(path, f"the image of {name!r} has changed since it was shown")


def _check_owner(run: _RunFiles) -> Iterator[RawProblem]:
    """Check that the manifest belongs to this run: people copy whole sessions by mistake, too."""
    for part in ("participant", "session", "task", "run"):
        if (found := run.manifest.get(part)) is not None and found != getattr(run.name, part):
            message = f"its manifest is of {part} {found}: the files were copied or renamed"
            yield RawProblem(run.path, message)


def _check_condition(run: _RunFiles) -> Iterator[RawProblem]:
    condition = run.manifest.get("condition")
    if condition is None:
        return
    header, *rows = (line.decode().rstrip("\n") for line in plain_lines(run.path.read_bytes()))
    there = header.rpartition("\t")[2] == BY_CONDITION.name
    for number, row in enumerate(rows, start=1):
        if (found := row.rpartition("\t")[2] if there else MISSING) != condition:
            message = f"is {found}, the manifest says {condition}"
            yield RawProblem(run.path, message, number, BY_CONDITION.name)


def _check_pilot_rows(run: _RunFiles, rows: NumberedRows) -> Iterator[RawProblem]:
    """Check that rows say the same as the manifest about being pilot data."""
    if (pilot := run.manifest.get("pilot")) is not None:
        for number, row in rows:
            if row["pilot"] != pilot:
                message = f"is {str(row['pilot']).lower()}, the manifest says {str(pilot).lower()}"
                yield RawProblem(run.path, message, number, "pilot")


def _check_count(run: _RunFiles, rows: NumberedRows) -> Iterator[RawProblem]:
    """Check that a session of version 0.1, without a witness, has all trials it was to have."""
    manifest, planned = run.manifest, run.manifest["n_trials"]
    last = rows[-1][1]["trial_index"] if rows else 0
    if manifest.get("witnessed") or manifest["end_reason"] != "completed" or planned is None:
        return
    if last < planned:
        message = f"ends with trial {last} of {planned}, but its manifest says that it is completed"
        yield RawProblem(run.path, f"{message}. Restore the table from a backup")


def _check_events(root: Path, run: _RunFiles) -> tuple[pd.DataFrame | None, list[RawProblem]]:
    """Read the events of a run, and check that they are in the order in which they ended."""
    path = run.name.events(root)
    try:
        events = read_events(root, run.name)
    except TwoalikeError as error:
        return None, [problem_of(path, error)]
    problems = []
    if torn_line(path):
        message = f"the last line is torn; {run.how_to_mend}"
        problems.append(RawProblem(path, message, resumable=run.going_on))
    # Written when they end: a look at one image may begin while another is held.
    ends = (events["onset"] + events["duration"]).astype(float)
    problems += [
        RawProblem(path, "ended before the event above", int(number) + 1, "onset")
        for number in events.index[ends.diff() < -ROUNDING_S]
    ]
    return events, problems


@dataclass(frozen=True)
class Checked:
    """What the checks of a data set found."""

    problems: tuple[RawProblem, ...]
    """In the order of the files; empty if there is none."""
    remarks: tuple[str, ...] = ()
    """What cannot be checked or may be intended, one line each; these are not problems."""
    runs: tuple[Path, ...] = ()
    """Raw tables that were checked."""
    n_trials: int = 0
    """Trials of the runs without a problem."""

    def but_resumable(self) -> "Checked":
        """Leave out the problems that resuming the session repairs."""
        return replace(self, problems=tuple(one for one in self.problems if not one.resumable))


def check_dataset(
    root: str | Path,
    stimuli: Mapping[str, str] | None = None,
    *,
    participant: str = "*",
    pilot: bool | None = None,
) -> Checked:
    """Check raw data by all our own rules; those of BIDS are :func:`check_bids`.

    Data of other tools, which have no manifests, are checked by the readers of their tables only;
    a remark says so.

    Parameters
    ----------
    root
        Data set, such as ``data/raw`` of a study.
    stimuli
        SHA-256 by object id, as the images are now; None where they are not to be compared.
    participant
        Code; all participants if left out. Only then are missing people looked for.
    pilot
        Whether it should hold pilot data; None if unknown.
    """
    root = Path(root)
    runs = find_runs(root, participant=participant)
    if runs and _is_foreign(root):
        remark = f"{root}: made by another tool (no manifests): only its tables can be checked"
        return Checked((), (remark,), runs)
    found = {}
    with progress() as bar:
        task = bar.add_task("check sessions", total=len(runs), status="")
        for path in runs:
            found[path] = check_run_files(root, path, stimuli)
            bar.update(task, advance=1)
    beside = [
        *missing_files(root, participant),
        *rescue_problems(root, participant),
        *damaged_answers(root, participant),
        *(lost for path in runs for lost in lost_answers(root, RunName.parse(path))),
        *(check_people(root) if participant == "*" else ()),
        *check_copies(runs),
        *check_simulated(root, runs),
        *check_group_cells(root, runs),
        *(check_pilot(root, runs, pilot) if pilot is not None else ()),
    ]
    clean = [RunName.parse(path) for path in runs if not found[path]]
    n_trials = sum(run_progress(root, name).n_done for name in clean)
    problems = (*beside, *chain.from_iterable(found.values()))
    remarks = [*_remarks(root, runs, clean)]
    if participant == "*":
        remarks += [f"{root}: {remark}" for remark in without_sessions(root, runs)]
    return Checked(problems, tuple(remarks), runs, n_trials)


def _remarks(root: Path, runs: tuple[Path, ...], clean: list[RunName]) -> Iterator[str]:
    old = [name for name in clean if not read_manifest(name.manifest(root)).get("witnessed")]
    if old:
        yield (
            f"{root}: {counted(len(old), 'session')} recorded by version 0.1, whose logs keep no "
            f"hash of the rows: edited rows cannot be found there (the first: {old[0].stem})"
        )
    ends = [(name, read_manifest(name.manifest(root))["end_reason"]) for name in clean]
    if unfinished := [name for name, reason in ends if reason != "completed"]:
        yield (
            f"{root}: {counted(len(unfinished), 'session')} not finished (the first: "
            f"{unfinished[0].stem}). To continue one: twoalike run with `resume=True`"
        )
    yield from (f"{root}: {remark}" for remark in absent_sessions(runs))


def _is_foreign(root: Path) -> bool:
    """Whether no session of the data set was recorded by twoalike."""
    description = root / "dataset_description.json"
    if any(root.glob("sourcedata/sub-*/ses-*/*_manifest.json")):
        return False
    if not description.exists():
        return True
    made = parse_json_table(description.read_bytes(), description).get("GeneratedBy")
    tools = made if isinstance(made, list) else []
    return not any(isinstance(tool, dict) and tool.get("Name") == "twoalike" for tool in tools)


def require_sound(checked: Checked, *, allow_problems: bool = False) -> list[str]:
    """Stop at problems of a data set, unless they are allowed.

    Returns
    -------
    What the user should see, one line each: remarks, and the problems that were allowed.

    Raises
    ------
    TwoalikeError
        Naming the first problem, and how to list the others.
    """
    lines = [f"note: {remark}" for remark in checked.remarks]
    if not checked.problems:
        return lines
    first, others = checked.problems[0], len(checked.problems) - 1
    more = f" (and {counted(others, 'more problem')})" if others else ""
    if not allow_problems:
        raise TwoalikeError(
            f"{str(first).removesuffix('.')}{more}",
            remedy="List all with twoalike validate and correct them, or use the data as they are "
            "with `allow_problems=True`.",
        )
    return [*lines, f"`allow_problems=True`: the data are used as they are. {first}{more}"]


def check_raw(study: Study, *, allow_problems: bool = False, pilot: bool = False) -> list[str]:
    """Check the raw or pilot data of a study, and its images against the study's list.

    Returns and raises as :func:`require_sound`.
    """
    root = study.pilot if pilot else study.raw
    checked = check_dataset(root, _listed_images(study), pilot=pilot)
    return require_sound(checked, allow_problems=allow_problems)


def _listed_images(study: Study) -> Mapping[str, str] | None:
    """SHA-256 by object id, from the study's list of images; None if it has no list."""
    if not (study.stimuli / MANIFEST).is_file():
        return None
    table = StimulusSet.load(study.stimuli, verify=False).table
    return dict(zip(table["id"], table["sha256"], strict=True))


def check_folder(root: str | Path, *, allow_problems: bool = False) -> list[str]:
    """Check a data set without its images; returns and raises as :func:`require_sound`."""
    return require_sound(check_dataset(root), allow_problems=allow_problems)


def _bids_validator() -> Path:
    name = "bids-validator-deno"
    scripts = Path(sysconfig.get_path("scripts"))
    for path in (scripts / name, scripts / f"{name}.exe"):
        if path.exists():
            return path
    raise TwoalikeError(f"bids-validator-deno is not installed. {how_to_install('experiments')}")


def check_bids(root: Path) -> list[RawProblem]:
    """Errors of the BIDS validator in the data set ``root``.

    Raises
    ------
    TwoalikeError
        If the validator is missing or does not run.
    """
    command = [str(_bids_validator()), str(root), *_BIDS_OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        issues = json.loads(done.stdout)["issues"]
    except (json.JSONDecodeError, KeyError) as error:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise TwoalikeError(f"{root}: the BIDS validator failed ({lines[-1]}).") from error
    messages = issues.get("codeMessages", {})
    problems = []
    for issue in issues["issues"]:
        text = " ".join(messages.get(issue["code"], "").split())
        found = f", found {issue['issueMessage']}" if issue.get("issueMessage") else ""
        line = issue.get("line")
        problems.append(
            RawProblem(
                root / str(issue.get("location", "")).lstrip("/"),
                f"{text}{found} (BIDS {issue['code']})",
                line - 1 if line else None,
                str(issue.get("subCode") or ""),
            )
        )
    return problems
