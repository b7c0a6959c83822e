"""What participants say outside the trials: consent, the form, the debriefing.

One table a measure and session in the data set's ``phenotype`` folder, one row a participant, with
a sidecar that holds the questions. BIDS validators refuse a participant who stands twice in a
table, so that later sessions have tables of their own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import lock_folder, register_participant
from twoalike.stimuli import read_tsv, write_tsv
from twoalike.study import MISSING, Study, hold_lock, parse_json_table, write_json

OLDEST_AGE = 89
"""Ages above are stored as this, since a very high age can tell who somebody is (BIDS)."""
_KEYS = ("participant_id", "session_id")


def given_path(root: Path, measure: str, session: int = 1) -> Path:
    """Table of ``consent``, ``form`` or ``debrief`` in a session."""
    ending = "" if session == 1 else f"_ses{session:02d}"
    return root / "phenotype" / f"{measure}{ending}.tsv"


def _read_table(path: Path, measure: str) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame({key: pd.Series(dtype=str) for key in _KEYS})
    return read_tsv(path, f"answers ({measure})", _KEYS)


def read_given(root: Path, measure: str) -> pd.DataFrame:
    """Rows of a measure in all sessions, strings; no rows where nothing was asked yet."""
    first = given_path(root, measure)
    paths = [first, *sorted(first.parent.glob(f"{measure}_ses*.tsv"))]
    tables = [_read_table(path, measure) for path in paths]
    return pd.concat(tables, ignore_index=True).fillna(MISSING)


def _read_sidecar(path: Path) -> dict[str, Any]:
    return parse_json_table(path.read_bytes(), path, "Restore the file.")


def _cell(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(str(value).split()) or MISSING


def give(
    root: Path,
    study: Study,
    participant: str,
    session: int,
    *,
    simulated: bool,
    measure: str,
    values: Mapping[str, object],
    descriptions: Mapping[str, Mapping[str, Any]],
) -> None:
    """Store answers of a participant; those of the same session before are replaced.

    Parameters
    ----------
    values
        Answers by column; None for none.
    descriptions
        Sidecar entries by column.
    """
    register_participant(root, study, participant, simulated)
    path = given_path(root, measure, session)
    busy = f"{path}: another process has been writing it for ten seconds. Try again."
    with hold_lock(lock_folder(study) / f"{root.name}_{path.stem}.lock", busy, patience_s=10.0):
        before = _read_table(path, measure)
        keys = (f"sub-{participant}", f"ses-{session:02d}")
        same = before["participant_id"] == keys[0]
        cells = {name: _cell(value) for name, value in values.items()}
        row = pd.DataFrame([dict(zip(_KEYS, keys, strict=True)) | cells])
        after = pd.concat([before[~same], row], ignore_index=True).fillna(MISSING)
        sidecar = path.with_suffix(".json")
        known = _read_sidecar(sidecar) if sidecar.exists() else {}
        # A sidecar without its table is an error to BIDS validators; the other way round is not.
        write_tsv(path, after)
        keys_about = {
            "participant_id": {"Description": "Code of the participant, with sub- in front."},
            "session_id": {"Description": "Session, with ses- in front."},
        }
        write_json(sidecar, {**keys_about, **known, **descriptions})
