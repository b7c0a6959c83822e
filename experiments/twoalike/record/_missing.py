"""Files that somebody deleted, moved or saved in another encoding than UTF-8.

A process may be killed between any two steps of the writer, which leaves some files out as well:
what counts here is only what it writes afterwards.
"""

from pathlib import Path

from twoalike.record._manifest import read_manifest
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem
from twoalike.study import counted


def missing_files(root: Path, participant: str = "*") -> list[RawProblem]:
    """List what is missing from a data set: the list of participants, raw tables.

    Parameters
    ----------
    participant
        Whose tables; everybody's if left out.
    """
    found = [
        _lost_list(root),
        *(_lost_rows(root, name) for name in _described(root, participant)),
    ]
    return [problem for problem in found if problem is not None]


def unreadable_texts(root: Path) -> list[RawProblem]:
    """List tables and descriptions that are not UTF-8: spreadsheets save as UTF-16, too."""
    texts = sorted(path for kind in ("tsv", "json") for path in root.rglob(f"*.{kind}"))
    found = [_undecodable(path) for path in texts if path.is_file()]
    return [problem for problem in found if problem is not None]


def _undecodable(path: Path) -> RawProblem | None:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return RawProblem(path, f"not UTF-8 text (byte {error.start}). Save as UTF-8")
    return None


def _lost_rows(root: Path, name: RunName) -> RawProblem | None:
    """Say that the raw table of a run is gone, if the run had one."""
    path, manifest = name.rows(root), name.manifest(root)
    if path.exists():
        return None
    # The sidecar, and the first segment of the manifest, are written after the table.
    beside = name.sidecar(root)
    left = beside if beside.exists() else manifest
    if left == manifest and not (manifest.exists() and read_manifest(manifest)["segments"]):
        return None
    return RawProblem(
        path,
        f"is missing, but {left.name} of the same session is there: the table was deleted or "
        "moved. Put it back from a backup, or move the other files of the session away too",
    )


def _lost_list(root: Path) -> RawProblem | None:
    """Report a list of participants that was deleted or cannot be read."""
    path = root / "participants.tsv"
    if path.is_file():
        return _undecodable(path)
    people = {folder.parent.name for folder in root.glob("sub-*/ses-*")}
    if not people or path.exists():
        return None
    return RawProblem(
        path,
        f"is missing, but there are data of {counted(len(people), 'participant')}: the list was "
        "deleted or moved. Put it back from a backup, or write it anew: a first line "
        f"participant_id, then a line for each folder, such as {min(people)}",
    )


def _described(root: Path, participant: str) -> list[RunName]:
    """Find the runs of which there is a sidecar or a manifest."""
    sidecars = root.glob(f"sub-{participant}/ses-*/beh/sub-*_beh.json")
    manifests = root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_manifest.json")
    names = {path.name.rpartition("_")[0] + "_beh.tsv" for path in [*sidecars, *manifests]}
    return [RunName.parse(Path(name)) for name in sorted(names)]
