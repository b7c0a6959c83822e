"""The checks of raw data, called by every command that reads a data set or adds to it.

They add our own rules to the form that BIDS checks (:func:`check_bids`).
"""

import hashlib
import json
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName, find_runs, task_of
from twoalike.record._journal import Lines, not_as_written, read_journal
from twoalike.record._manifest import read_manifest
from twoalike.record._people import declined, lost_journals, missing_files, people_listed
from twoalike.record._rows import (
    RawProblem,
    check_rows,
    parse_cells,
    problem_of,
    read_events,
    scan_rows,
    whole_rows,
)
from twoalike.record._run import hold_participant, write_left_out
from twoalike.record._tables import GROUP
from twoalike.record._views import left_out, run_progress, views_of
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
from twoalike.tables import read_tsv

_BIDS_OPTIONS = ("--ignoreWarnings", "--max-rows", "-1", "--format", "json")


def check_run_files(
    root: str | Path, path: Path, stimuli: Mapping[str, str] | None = None
) -> list[RawProblem]:
    """Check the files of one run against its journal.

    A copy for publication has no journal: there, rows are checked by the rules of their task.

    ``path`` is a raw table in the data set ``root``, which may be missing; ``stimuli`` the SHA-256
    by object id, as the images are now, None where they are not to be compared. The result is what
    is wrong; nothing if all is well.
    """
    root = Path(root)
    try:
        name = RunName.parse(path)
        task_of(path, name)
        lines = read_journal(name.journal(root))
        if not lines.content:
            if not (path.exists() or name.manifest(root).exists()):
                return []
            manifest = read_manifest(name.manifest(root))
            if manifest["journal"] is not None:
                message = "is missing: with it, edited rows cannot be found. Put it back from a"
                return [RawProblem(name.journal(root), f"{message} backup")]
            images = _check_images(name.manifest(root), manifest["stimuli"], stimuli or {})
            return [*check_by_rules(root, path), *(images if stimuli is not None else ())]
        problems = _by_journal(root, name, lines, stimuli)
        if problems and (later := read_journal(name.journal(root))).content != lines.content:
            return _by_journal(root, name, later, stimuli)  # the session is running
    except TwoalikeError as error:
        return [problem_of(path, error)]
    return problems


def _by_journal(
    root: Path, name: RunName, lines: Lines, stimuli: Mapping[str, str] | None
) -> list[RawProblem]:
    path = name.journal(root)
    if lines.broken:
        return [RawProblem(path, not_as_written(lines.broken))]
    start = next((one for one in lines.entries if one["what"] == "start"), None)
    if start is None:  # of a person who did not agree, there are only answers
        return [one for view in views_of(root, name, lines) for one in view.differences()]
    problems = [
        *_check_owner(path, name, start["plan"]["manifest"]),
        *_check_end(root, name, lines),
    ]
    if problems:
        return problems
    if lines.torn:
        over = lines.entries[-1].get("reason") == "completed"
        mend = "restore it from a backup" if over else "mend it: twoalike run with `resume=True`"
        problems.append(RawProblem(path, f"its last line is torn; {mend}", resumable=not over))
    if stimuli is not None:
        shown = start["plan"]["manifest"]["stimuli"]
        problems += _check_images(name.manifest(root), shown, stimuli)
    for view in views_of(root, name, lines):
        if view.is_behind(lines):
            message = "lacks what the journal has since. Run: twoalike validate"
            problems.append(RawProblem(view.path, message, resumable=True))
        else:
            problems += view.differences()
    return problems


def _check_end(root: Path, name: RunName, lines: Lines) -> Iterator[RawProblem]:
    path = name.manifest(root)
    if not path.is_file():
        return
    try:
        end = read_manifest(path)["journal"]
    except TwoalikeError as error:
        yield problem_of(path, error)
        return
    n_lines, journal = len(lines.entries), name.journal(root)
    if end is None:
        yield RawProblem(path, "is that of a copy for publication, but there is a journal")
    elif end["lines"] > n_lines:
        message = f"ends with line {n_lines}, but {end['lines']} were written: lines were lost"
        yield RawProblem(journal, f"{message}. Restore the file from a backup")
    elif not end["lines"] or lines.entries[end["lines"] - 1]["chain"] != end["chain"]:
        yield RawProblem(journal, "is not the one that its manifest is of. Restore both")


def check_by_rules(root: Path, path: Path) -> list[RawProblem]:
    """Check a raw table by its columns and the rules of its task, whatever wrote it.

    For rows that a browser sent, and for copies without a journal.
    """
    name = RunName.parse(path)
    task, manifest = task_of(path, name), read_manifest(name.manifest(root))
    cells, torn, problems = scan_rows(path, task.trials)
    if torn:
        problems.append(RawProblem(path, "the last line is torn; restore it from a backup"))
    if any(problem.row is not None for problem in problems):
        # A row was left out, so the numbers of those after it would mislead.
        return problems
    values, wrong = parse_cells(path, cells, task.trials)
    bad = {problem.row for problem in wrong}
    rows = [(n, row) for n, row in enumerate(_rows_of(values), start=1) if n not in bad]
    problems += [*wrong, *_check_owner(path, name, manifest)]
    shown = events = None
    if task.trial_list is not None:
        what = "the trial list as shown"
        shown = _rows_of(read_tsv(name.trials(root), what, task.trial_list.names))
    if task.events is not None:
        events = read_events(root, name)
    problems += check_rows(path, rows, task, manifest["stimuli"], shown, events)
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


def _check_owner(path: Path, name: RunName, manifest: Mapping[str, Any]) -> Iterator[RawProblem]:
    """Check that a run is the one of its name: people copy whole sessions by mistake, too."""
    for part in ("participant", "session", "task", "run"):
        if (found := manifest.get(part)) is not None and found != getattr(name, part):
            yield RawProblem(path, f"is of {part} {found}: the files were copied or renamed")


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
    study: Study | None = None,
) -> Checked:
    """Check raw data by all our own rules; those of BIDS are :func:`check_bids`.

    Data of other tools, which have no manifests, are checked by the readers of their tables only;
    a remark says so.

    Parameters
    ----------
    stimuli
        SHA-256 by object id, as the images are now; None where they are not to be compared.
    participant
        Code; all participants if left out. Only then are missing people looked for.
    pilot
        Whether it should hold pilot data; None if unknown.
    study
        Study that it belongs to: what killed sessions left out of its files is written first.
    """
    root = Path(root)
    remarks, running = list[str](), set[str]()
    if study is not None:
        remarks, running = _write_left_out(study, root, participant)
    runs = find_runs(root, participant=participant)
    if runs and _is_foreign(root):
        remark = f"{root}: made by another tool (no manifests): only its tables can be checked"
        return Checked((), (remark,), runs)
    journals = root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_journal.jsonl")
    every = sorted({*runs, *(RunName.parse(path).rows(root) for path in journals)})
    found = {}
    with progress() as bar:
        task = bar.add_task("check sessions", total=len(every), status="")
        for path in every:
            problems = check_run_files(root, path, stimuli)
            if RunName.parse(path).participant in running:  # its tables are written at its breaks
                problems = [one for one in problems if not one.resumable]
            found[path] = problems
            bar.update(task, advance=1)
    beside = [
        *missing_files(root, participant),
        *lost_journals(root, participant),
        *(_check_people(root) if participant == "*" else ()),
        *_check_copies(runs),
        *_check_manifests(root, runs, pilot),
    ]
    clean = [path for path in runs if not found[path]]
    n_trials = 0
    for path in clean:  # by the journal; in a copy without one, by the table
        name = RunName.parse(path)
        if name.journal(root).is_file():
            n_trials += run_progress(root, name).n_done
        else:
            rows = whole_rows(path, task_of(path, name).trials)
            n_trials += len({row["trial_index"] for row in rows})
    problems = [*beside, *chain.from_iterable(found.values())]
    names = [RunName.parse(path) for path in clean]
    remarks += _remarks(root, runs, names, everybody=participant == "*")
    return Checked(tuple(problems), tuple(remarks), runs, n_trials)


def _write_left_out(study: Study, root: Path, participant: str) -> tuple[list[str], set[str]]:
    """Write what killed sessions left out; give what was done, and who is taking part now."""
    from filelock import Timeout

    said, running = list[str](), set[str]()
    paths = sorted(root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_journal.jsonl"))
    names = map(RunName.parse, paths)
    behind = [one for one in names if left_out(root, one, read_journal(one.journal(root)))]
    for code in dict.fromkeys(one.participant for one in behind):
        try:
            with hold_participant(study, root, code):
                said += write_left_out(root, code)
        except TwoalikeError as error:  # of a disk that refuses, the checks of the run tell
            if isinstance(error.__cause__, Timeout):
                running.add(code)
    return said, running


def _check_people(root: Path) -> Iterator[RawProblem]:
    path, table = root / "participants.tsv", people_listed(root)
    if table is None:
        return
    listed = list(table["participant_id"])
    folders = {folder.name for folder in root.glob("sub-*") if folder.is_dir()}
    for number, code in enumerate(listed, start=1):
        # git and zip drop the empty folder of a participant who did not consent.
        if code not in folders and not declined(root, code):
            message = f"{code} has no folder here: it was deleted or moved. Put it back"
            yield RawProblem(path, message, number, "participant_id")
    for code in sorted(folders - set(listed)):
        yield RawProblem(path, f"does not list {code}, who has a folder. Put the line back")


def _check_manifests(root: Path, runs: Iterable[Path], pilot: bool | None) -> Iterator[RawProblem]:
    """Find runs whose manifest contradicts the list of participants, or the data set it is in.

    ``pilot`` says whether that should hold pilot data; None where this is unknown.
    """
    path, table = root / "participants.tsv", people_listed(root)
    people = [] if table is None else table.to_dict("records")
    listed = {row["participant_id"]: (number, row) for number, row in enumerate(people, start=1)}
    for run in runs:
        name = RunName.parse(run)
        try:
            manifest = read_manifest(name.manifest(root))
        except TwoalikeError:  # reported by the check of the run
            continue
        code = f"sub-{name.participant}"
        number, row = listed.get(code, (0, {}))
        simulated, kind = str(manifest["simulated"]).lower(), row.get("simulated")
        said = {GROUP.name: (row.get(GROUP.name, MISSING), manifest.get("group"))}
        if kind in ("true", "false"):
            said["simulated"] = (kind, simulated)
        for column, (cell, value) in said.items():
            if number and value is not None and cell != value:
                message = f"{code} is {cell}, the manifest of {run.name} says {value}"
                yield RawProblem(path, message, number, column)
        if pilot is not None and manifest.get("pilot") not in (None, pilot):
            what = "a session of the study" if pilot else "a pilot session"
            yield RawProblem(run, f"is {what}: move it and its sourcedata out of {root.name}")


def _check_copies(runs: Iterable[Path]) -> Iterator[RawProblem]:
    first: dict[bytes, Path] = {}
    for path in (path for path in runs if path.is_file()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        if content.count(b"\n") < 2:  # no row yet
            continue
        original = first.setdefault(hashlib.sha256(content).digest(), path)
        if original != path:
            message = f"holds the same rows as {original}: one is a copy. Delete the wrong one"
            yield RawProblem(path, message)


def _remarks(
    root: Path, runs: tuple[Path, ...], clean: list[RunName], *, everybody: bool
) -> Iterator[str]:
    ends = [(name, read_manifest(name.manifest(root))["end_reason"]) for name in clean]
    if unfinished := [name for name, reason in ends if reason != "completed"]:
        yield (
            f"{root}: {counted(len(unfinished), 'session')} not finished (the first: "
            f"{unfinished[0].stem}). To continue one: twoalike run with `resume=True`"
        )
    for path in sorted(root.glob("sourcedata/sub-*/ses-*/*_journal_found-*.jsonl")):
        yield (
            f"{path}: another program had put this in the place of a session's journal, which was "
            "written again. Compare the two, and delete it"
        )
    sessions: dict[str, set[int]] = {}
    for name in map(RunName.parse, runs):
        sessions.setdefault(name.participant, set()).add(name.session)
    for participant, found in sessions.items():
        if absent := sorted(set(range(1, max(found))) - found):
            numbers = ", ".join(map(str, absent))
            said = f"participant {participant} has session {max(found)} here, but not {numbers}"
            yield f"{root}: {said}"
    table = people_listed(root) if everybody else None
    for code in [] if table is None else table["participant_id"]:
        # A process that was killed before the first page leaves the same, so this is no problem.
        has = code.removeprefix("sub-") in sessions
        if not has and (root / code).is_dir() and not declined(root, code):
            yield f"{root}: {code} is listed but has no session: it was deleted, or never began"


def _is_foreign(root: Path) -> bool:
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

    The result is what the user should see, one line each: remarks, and the problems that were
    allowed.
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
    listed = None
    if (study.stimuli / MANIFEST).is_file():
        table = StimulusSet.load(study.stimuli, verify=False).table
        listed = dict(zip(table["id"], table["sha256"], strict=True))
    checked = check_dataset(root, listed, pilot=pilot, study=study)
    return require_sound(checked, allow_problems=allow_problems)


def check_folder(root: str | Path, *, allow_problems: bool = False) -> list[str]:
    """Check a data set without its images; returns and raises as :func:`require_sound`."""
    return require_sound(check_dataset(root), allow_problems=allow_problems)


def check_bids(root: Path) -> list[RawProblem]:
    """Errors of the BIDS validator in the data set ``root``."""
    scripts = Path(sysconfig.get_path("scripts"))
    names = (scripts / f"bids-validator-deno{ending}" for ending in ("", ".exe"))
    if (validator := next((path for path in names if path.exists()), None)) is None:
        raise TwoalikeError(
            f"bids-validator-deno is not installed. {how_to_install('experiments')}"
        )
    command = [str(validator), str(root), *_BIDS_OPTIONS]
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
