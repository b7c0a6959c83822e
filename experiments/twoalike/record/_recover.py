"""Restoring rescue files, which a session writes when another program moves its tables."""

import json
import os
from pathlib import Path

from twoalike.record._append import append_line, bytes_of, open_to_append, put_back, torn_line
from twoalike.record._manifest import DISPLACED, read_manifest, with_reason
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem, run_progress, task_of
from twoalike.record._witness import table_hash
from twoalike.registry import task_names
from twoalike.study import TwoalikeError, counted, write_json


def _files(root: Path, name: RunName) -> list[Path]:
    """Paths of the files of a run that are appended to, the log last."""
    task = task_of(name.rows(root), name)
    events = [name.events(root)] if task.events is not None else []
    return [*events, name.rows(root), name.log(root)]


def rescue_problems(root: Path, participant: str = "*") -> list[RawProblem]:
    """List the rescue files of a data set, and how to restore them."""
    problems = []
    for path in sorted(root.glob(f"sourcedata/sub-{participant}/ses-*/*_rescue-*.*")):
        stem = path.name.rpartition("_rescue-")[0].rpartition("_")[0]
        name = RunName.parse(Path(f"{stem}_beh.tsv"))
        who = f"`participant={name.participant}` `session={name.session}`"
        how = f"twoalike run with `task={_task_name(name)}` {who} `resume=True`"
        message = "the session continued here after another program had moved or replaced its file"
        problems.append(RawProblem(path, f"{message}; put it back: {how}"))
    return problems


def _task_name(name: RunName) -> str:
    """Name of the task of a run; its label if the task is not installed here."""
    return next((one for one in task_names() if one.replace("-", "") == name.task), name.task)


def recover_run(root: Path, name: RunName) -> str | None:
    """Restore the rescue files of a run, unless that would overwrite anything.

    A file is restored if the one at its path is missing or holds the beginning of it. A session
    that had been run to its end is then marked as completed.

    Returns
    -------
    What was done, in one line; None if there was nothing to do.

    Raises
    ------
    TwoalikeError
        If the file at the path holds something else; then nothing is changed.
    """
    found = {home: paths for home in _files(root, name) if (paths := name.rescues(root, home))}
    manifest = name.manifest(root)
    if not manifest.exists():
        if found:
            first = next(iter(found.values()))[0]
            raise TwoalikeError(
                f"{first}: belongs to a session whose other files are not in {root}. Put the "
                "folder that was moved back in its place, then continue with `resume=True`."
            )
        return None
    contents = {
        home: max((p.read_bytes() for p in paths), key=len) for home, paths in found.items()
    }
    for home, content in contents.items():
        _check_extends(home, content, found[home][-1])
    for home, content in contents.items():
        if not (bytes_of(home) or b"").startswith(content) and not put_back(home, content):
            raise TwoalikeError(f"{home}: cannot be written; its rows are in {found[home][-1]}.")
        for path in found[home]:
            if home.read_bytes().startswith(path.read_bytes()):
                path.unlink()
    if found:
        _note(name.log(root), [home.name for home in found])
    completed = _complete(root, name)
    if not found and not completed:
        return None
    done = counted(run_progress(root, name).n_done, "trial")
    state = "; the session is completed" if completed else ""
    return f"{name.rows(root)}: is complete again, with {done}{state}"


def _note(log: Path, restored: list[str]) -> None:
    """Log which files were restored."""
    entry = json.dumps({"event": "tables_restored", "files": restored})
    handle = open_to_append(log, create=True)
    try:
        append_line(handle, log, ("\n" if torn_line(log) else "") + entry + "\n", sync=True)
    finally:
        os.close(handle)


def _check_extends(home: Path, content: bytes, rescue: Path) -> None:
    """Check that a rescue file and the file at the path do not contradict each other."""
    here = bytes_of(home)
    if here is None or not content.startswith(here) and not here.startswith(content):
        raise TwoalikeError(
            f"differs from what the session wrote, which is in {rescue}",
            where=home,
            remedy=f"Compare the two, keep the right one as {home.name} and move the other out of "
            "the study, then continue with `resume=True`.",
        )


def _complete(root: Path, name: RunName) -> bool:
    """Mark a session that was run to its end as completed once its table is whole."""
    path = name.manifest(root)
    manifest = read_manifest(path)
    if manifest["end_reason"] != DISPLACED:
        return False
    if table_hash(name.rows(root).read_bytes()) != manifest["segments"][-1]["rows_sha256"]:
        return False
    write_json(path, with_reason(manifest, "completed"))
    return True
