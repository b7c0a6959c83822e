"""Erasure of a person from the raw data, the trial lists and the server's store of a study.

The erasure is remembered first, and the entry in the list of participants goes last: if the process
is killed in between, a second call finds what is left and completes the work.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from twoalike.online._replay import KIND
from twoalike.online._site import default_store, online_folder, read_built
from twoalike.record import (
    erased_marks,
    hold_participant,
    is_erased,
    participant_label,
    register_participants,
    remember_erased,
)
from twoalike.study import (
    Study,
    TwoalikeError,
    counted,
    hold_lock,
    load_parquet,
    read_json,
    readable_by,
    sha256_file,
    sync_folder,
    sync_together,
    sync_tree,
    write_json,
    writing,
)
from twoalike.tables import read_tsv, write_tsv

_PATIENCE_S = 10.0
"""How long to wait for readers of the store, and for a writer of the list of participants."""
_SEARCHED = (*(".json", ".jsonl", ".ndjson", ".tsv", ".csv", ".html", ".md", ".txt"), ".nc")
_NOT_SEARCHED = ("stimuli", "online", "protocols", "study.toml", ".git", "data/erased.json")
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{10}(?=[0-9a-f]{54}(?![0-9a-f])|(?![0-9a-f]))")
"""The first ten digits of an SHA-256, of which a report shows no more."""


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What a study holds of a person, or held before it was removed."""

    removed: tuple[str, ...]
    """What is to be removed, or was: files, folders, rows, sessions in the store; one line each."""
    derived: tuple[Path, ...]
    """Files and folders that name the person, or were made from files that do. They are kept."""
    notes: tuple[str, ...]
    """What remains to be done, one line each."""


def erase(
    study: Study | str | Path, participant: str, *, yes: bool = False, store: str | None = None
) -> Erasure:
    """List or remove everything that a study holds of a person.

    Removed are raw and pilot data, answers, rows in tables of participants, trial lists, and
    sessions in the store of the server, with ids and links. Keyed hashes remember code and
    sessions, so that the code is not used again, and neither :func:`twoalike.online.fetch` nor
    :func:`twoalike.exchange.merge_studies` brings the data back. Computed files are listed and
    kept: compute them again. If a call was interrupted, repeat it.

    Parameters
    ----------
    study
        The study, or its folder.
    participant
        Code of the person.
    yes
        Remove it. Without this, it is only listed.
    store
        Connection string, or path of the SQLite file; if left out, that beside the study, if any.
    """
    opened = study if isinstance(study, Study) else Study.load(study)
    code, locks = participant_label(participant), opened.root / ".locks"
    roots = (opened.raw, opened.pilot)
    with ExitStack() as held:
        if yes:
            for root in roots:
                held.enter_context(hold_participant(opened, root, code))
            busy = "records of this study are being fetched. Wait until that has ended."
            held.enter_context(hold_lock(locks / "fetch.lock", busy))
            if (staging(opened) / _LIST).is_file():
                finish_moves(opened, read_built(opened).studies)
        pattern = f"sourcedata/sub-{code}/ses-*/sub-*_online.json"
        markers = sorted(path for root in roots for path in root.glob(pattern))
        fetched = [str(read_json(path, KIND)["session"]) for path in markers]
        there, sessions = _open_store(opened, store), list[str]()
        if there is not None:
            from twoalike.online._places import sessions_of

            held.enter_context(closing(there))
            with there.reading() as connection:
                sessions = sessions_of(connection, code, fetched)
        files, tables = _files(opened, code), _tables(opened, code)
        removed = [*map(str, files), *(f"rows of sub-{code} in {path}" for path in tables)]
        removed += [f"{counted(len(sessions), 'session')} in the store"] if sessions else []
        if not removed and not is_erased(code, erased_marks(opened)):
            raise TwoalikeError(
                f"has nothing of participant {code}", where=opened.root, remedy="Check the code."
            )
        derived, notes = _derived(opened, code, {*files, *tables}), list[str]()
        if yes:
            remember_erased(opened, [code, *fetched, *sessions])
            if there is not None:
                notes += _clear(opened, there, code, fetched)
            _remove(opened, code, files, tables)
    for path in (locks / f"{root.name}_sub-{code}.lock" for root in roots if yes):
        path.unlink(missing_ok=True)
    return Erasure(removed=tuple(removed), derived=tuple(derived), notes=tuple(notes))


def _files(study: Study, code: str) -> list[Path]:
    """Files and folders that are the person's alone, or left by an interrupted fetch."""
    roots = (study.raw, study.pilot)
    own = [root / part / f"sub-{code}" for part in ("sourcedata", "") for root in roots]
    own += sorted((study.root / "design").glob(f"sub-{code}_*"))
    return [path for path in (*own, staging(study)) if path.exists()]


def _tables(study: Study, code: str) -> list[Path]:
    roots = [root for root in (study.raw, study.pilot) if root.is_dir()]
    paths = [one for root in roots for one in sorted(root.glob("phenotype/*.tsv"))]
    paths += [path for root in roots if (path := root / "participants.tsv").is_file()]
    return [path for path in paths if code in _listed(path)]


def _open_store(study: Study, store: str | None) -> Any:
    folder = online_folder(study.root)
    if store is None and not folder.is_dir():
        return None  # the libraries of the server may be missing here
    from twoalike.online._store import Store, existing_store

    place = default_store(study.root) if store is None else store
    if store is None and not Path(place).exists() and (folder / "key").exists():
        raise TwoalikeError(
            where=place,
            expected="the store of the server, whose key is there",
            found="none",
            remedy="Name the store with `store=...`; if it was deleted, delete the key too.",
        )
    return Store(existing_store(place)) if store is not None or Path(place).exists() else None


def _clear(study: Study, store: Any, code: str, fetched: Collection[str]) -> list[str]:
    from twoalike.online._ids import load_key
    from twoalike.online._places import erase_sessions

    path = online_folder(study.root) / "key"
    key = load_key(path) if path.exists() else None
    store.write(lambda connection: erase_sessions(connection, code, fetched, key))
    end = time.monotonic() + _PATIENCE_S
    while not store.forget():
        if time.monotonic() > end:
            return [
                f"{store.url.database}: another program reads it, so that deleted text is still in "
                "the file. A running server removes it later; without one, repeat this."
            ]
        time.sleep(0.2)
    return []


def _remove(study: Study, code: str, files: list[Path], tables: list[Path]) -> None:
    for path in files:
        with writing(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            sync_folder(path.parent)
    for path in tables:
        root = study.pilot if path.is_relative_to(study.pilot) else study.raw
        busy = f"{path}: another process has been writing it for ten seconds. Try again."
        lock = study.root / ".locks" / f"{root.name}.lock"
        with readable_by(study.config.data.access), hold_lock(lock, busy, _PATIENCE_S):
            _unlist(path, code)


def _derived(study: Study, code: str, removed: Collection[Path]) -> list[Path]:
    """Files that name a person, and files with the hash of such a file; in folders as a whole."""
    skipped = [*(study.root / name for name in _NOT_SEARCHED), *removed]
    # As a cell or a text: numbers of other things may look like a code.
    name = re.escape(code)
    cell = rf"""["'>\t\n,\0]{name}["'<\t\r\n,\0]"""
    naming = re.compile(rf"sub-{name}(?![0-9A-Za-z+])|{cell}".encode())
    hashes: dict[Path, set[bytes]] = {}
    held: set[Path] = set()
    for path in sorted(study.root.rglob("*")):
        if path.suffix in (*_SEARCHED, ".parquet") and path.is_file():
            if any(path.is_relative_to(one) for one in skipped):
                continue
            content = path.read_bytes()
            if path.suffix == ".parquet":  # compressed
                remedy = "Restore or delete it, then repeat this."
                table = load_parquet(path, "a table", remedy=remedy)
                content += table.to_pandas().to_csv(index=False).encode()
            hashes[path] = set(_HASH.findall(content))
            if naming.search(content):
                held.add(path)
    new = held
    while new:
        made = {sha256_file(path)[:10].encode() for path in new}
        new = {path for path in hashes if path not in held and hashes[path] & made}
        held = held | new
    outputs = {path for path in held if path.is_relative_to(study.derived)}
    parts = {study.derived / path.relative_to(study.derived).parts[0] for path in outputs}
    return sorted((held - outputs) | parts)


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
    people: Mapping[str, str],
    replaced: Sequence[str],
) -> None:
    """Move staged files to their paths in the data set, and list people as participants.

    ``people`` has the language of each code; empty where none was chosen. Files of the data set
    that are ``replaced`` are deleted before.
    """
    folder = staging(study)
    _sync(folder)
    listed = [[path.relative_to(folder).as_posix(), name] for path, name in moves]
    content = {"moves": listed, "people": dict(people), "replaced": list(replaced)}
    write_json(folder / _LIST, content)
    finish_moves(study, studies)


def finish_moves(study: Study, studies: Mapping[str, Study]) -> None:
    """Carry out the list of moves, if there is one."""
    folder, raw = staging(study), study.raw
    if not (folder / _LIST).is_file():
        return
    content: dict[str, Any] = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    with readable_by(study.config.data.access):
        spoken = content["people"].items()
        if own := {code: replace(studies[code], language=one) for code, one in spoken}:
            register_participants(raw, study, own, simulated=False)
        moves = [(folder / staged, raw / name) for staged, name in content["moves"]]
        if all(staged.exists() for staged, _ in moves):  # else some are in place already
            for name in content["replaced"]:
                (raw / name).unlink(missing_ok=True)
        for staged, path in ((staged, path) for staged, path in moves if staged.exists()):
            if path.exists():
                raise TwoalikeError(
                    "another file is in the place of one that was fetched",
                    where=path,
                    remedy="Move it out of the study, then fetch again.",
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.rename(path)
        _sync(raw)
    shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    if sys.platform == "linux":
        os.sync()  # one call that waits, for thousands of files
    else:
        sync_tree(folder)


def delete_session(raw: Path, code: str, files: Iterable[str]) -> None:
    """Delete the files of a session, and the participant's entry if it was their only session.

    ``files`` are paths in the data set; the last one, which names the session, is deleted last.
    """
    *paths, last = (raw / name for name in files)
    for path in paths:
        path.unlink(missing_ok=True)
    folders = [raw / f"sub-{code}", raw / "sourcedata" / f"sub-{code}"]
    left = {path for one in folders for path in one.rglob("*") if path.is_file()}
    if left <= {last} and (raw / "participants.tsv").is_file():
        _unlist(raw / "participants.tsv", code)
    last.unlink(missing_ok=True)
    with sync_together():
        for one in folders:
            within = [path for path in one.rglob("*") if path.is_dir()]
            for folder in (*sorted(within, reverse=True), one):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


def _listed(path: Path) -> set[str]:
    table = read_tsv(path, "a table of participants", ["participant_id"], empty=True)
    return set(table["participant_id"].str.removeprefix("sub-"))


def _unlist(path: Path, code: str) -> None:
    table = read_tsv(path, "a table of participants", ["participant_id"], empty=True)
    others = table[table["participant_id"] != f"sub-{code}"]
    if len(others):
        write_tsv(path, others)
    else:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink()
