"""Moves of staged sessions into the data set; the next fetch completes an interrupted move.

Raw data are made in ``data/.fetch``, on the same disk. When all of them are complete and synced, a
list of moves is written there, and only then does anything move. If the process is killed before
that, the data set is unchanged; if afterwards, the next fetch completes the list.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twoalike.record import register_participants
from twoalike.study import Study, TwoalikeError, readable_by, sync_together, sync_tree, write_json
from twoalike.tables import read_tsv, write_tsv

_LIST = "moves.json"


def staging(study: Study) -> Path:
    """Folder in which raw data are made."""
    return study.raw.parent / ".fetch"


def fresh_staging(study: Study) -> Path:
    """Empty folder in which raw data are made."""
    folder = staging(study)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def move_in(
    study: Study,
    studies: Mapping[str, Study],
    moves: Sequence[tuple[Path, str]],
    people: Sequence[str],
    replaced: Sequence[str],
) -> None:
    """Move staged files to their paths in the data set, and list people as participants.

    Files of the data set that are ``replaced`` are deleted before.
    """
    folder = staging(study)
    _sync(folder)
    listed = [[path.relative_to(folder).as_posix(), name] for path, name in moves]
    content = {"moves": listed, "people": list(people), "replaced": list(replaced)}
    write_json(folder / _LIST, content)
    finish_moves(study, studies)


def finish_moves(study: Study, studies: Mapping[str, Study]) -> bool:
    """Carry out the list of moves, if there is one; return whether there was."""
    folder, raw = staging(study), study.raw
    if not (folder / _LIST).is_file():
        return False
    content: dict[str, Any] = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    with readable_by(study.config.data.access):
        own = {code: studies[code] for code in content["people"]}
        if own:
            register_participants(raw, study, own, simulated=False)
        moves = [(folder / staged, raw / name) for staged, name in content["moves"]]
        begun = any(not staged.exists() for staged, _ in moves)
        if not begun:
            for name in content["replaced"]:
                (raw / name).unlink(missing_ok=True)
        for staged, path in moves:
            if staged.exists():
                _move(staged, path)
        _sync(raw)
    shutil.rmtree(folder)
    return True


def _move(staged: Path, path: Path) -> None:
    if path.exists():
        raise TwoalikeError(
            "another file is in the place of one that was fetched",
            where=path,
            remedy="Move it out of the study, then fetch again.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(path)


def _sync(folder: Path) -> None:
    """Wait until all files of a folder are on the disk."""
    if sys.platform == "linux":
        os.sync()  # one call that waits, for thousands of files
    else:
        sync_tree(folder)


def delete_session(raw: Path, code: str, files: Iterable[str]) -> None:
    """Delete the files of a session, and the participant's entry if it was their only session.

    ``files`` are paths in the data set; the last one, which names the session, is deleted last.
    """
    paths = [raw / name for name in files]
    for path in paths[:-1]:
        path.unlink(missing_ok=True)
    folders = [raw / f"sub-{code}", raw / "sourcedata" / f"sub-{code}"]
    left = [path for one in folders for path in one.rglob("*") if path.is_file()]
    if set(left) <= {paths[-1]}:
        unlist(raw / "participants.tsv", code)
        paths[-1].unlink(missing_ok=True)
        for one in folders:
            shutil.rmtree(one, ignore_errors=True)
    else:
        paths[-1].unlink(missing_ok=True)
    with sync_together():
        for path in paths:
            for folder in (path.parent, path.parent.parent):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


def unlist(path: Path, code: str) -> None:
    """Take a participant out of a table, such as the list of participants; none stays empty."""
    table = read_tsv(path, "a table of participants", ["participant_id"], empty=True)
    others = table[table["participant_id"] != f"sub-{code}"]
    if len(others):
        write_tsv(path, others)
    else:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink()
