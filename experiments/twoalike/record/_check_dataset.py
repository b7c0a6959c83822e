"""The one check of a data set, called by every command that reads it or adds to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from twoalike.record._answers import damaged_answers
from twoalike.record._check import check_run_files
from twoalike.record._check_answers import lost_answers
from twoalike.record._check_people import (
    absent_sessions,
    check_copies,
    check_people,
    check_pilot,
    check_simulated,
    without_sessions,
)
from twoalike.record._manifest import read_manifest
from twoalike.record._missing import missing_files
from twoalike.record._names import RunName, find_runs
from twoalike.record._progress import run_progress
from twoalike.record._read import RawProblem
from twoalike.record._recover import rescue_problems
from twoalike.study import counted, parse_json_table


@dataclass(frozen=True)
class Checked:
    """What the checks of a data set found.

    Attributes
    ----------
    problems
        In the order of the files; empty if there is none.
    remarks
        What cannot be checked or may be intended, one line each; these are not problems.
    runs
        Raw tables that were checked.
    n_trials
        Trials of the runs without a problem.
    """

    problems: tuple[RawProblem, ...]
    remarks: tuple[str, ...] = ()
    runs: tuple[Path, ...] = ()
    n_trials: int = 0

    def but_resumable(self) -> "Checked":
        """Leave out the problems that resuming the session repairs."""
        return replace(self, problems=tuple(one for one in self.problems if not one.resumable))


def check_dataset(
    root: Path,
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
    runs = find_runs(root, participant=participant)
    if runs and _is_foreign(root):
        remark = f"{root}: made by another tool (no manifests): only its tables can be checked"
        return Checked((), (remark,), runs)
    found = {path: check_run_files(root, path, stimuli) for path in runs}
    beside = [
        *missing_files(root, participant),
        *rescue_problems(root, participant),
        *damaged_answers(root, participant),
        *(lost for path in runs for lost in lost_answers(root, RunName.parse(path))),
        *(check_people(root) if participant == "*" else ()),
        *check_copies(runs),
        *check_simulated(root, runs),
        *(check_pilot(root, runs, pilot) if pilot is not None else ()),
    ]
    clean = [RunName.parse(path) for path in runs if not found[path]]
    n_trials = sum(run_progress(root, name).n_done for name in clean)
    problems = (*beside, *_all(found))
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
            f"{unfinished[0].stem}). To continue one: twoalike run ... --resume"
        )
    yield from (f"{root}: {remark}" for remark in absent_sessions(runs))


def _all(found: Mapping[Path, list[RawProblem]]) -> Iterator[RawProblem]:
    for problems in found.values():
        yield from problems


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
