"""Dissimilarities of participants from their arrangements, in the files of other tools."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.design import ArrangedTrial, rescaled_average
from twoalike.exchange._dataset import raw_data
from twoalike.record import check_folder
from twoalike.study import Floats, Study, TwoalikeError, atomic_path, mat_bytes, provenance

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_NAME = 63
"""Characters of a name that MATLAB reads."""


@dataclass(frozen=True, eq=False)
class Dissimilarities:
    """Dissimilarities of the same m objects by p participants."""

    participants: tuple[str, ...]
    """Their codes."""
    objects: tuple[str, ...]
    """Object ids."""
    vectors: Floats
    """Upper triangles read row by row, shape (p, m(m-1)/2); NaN for pairs that a participant never
    had together. Each has Euclidean norm one."""
    converged: tuple[bool, ...]
    """Whether a participant's rescaling settled."""

    @property
    def n_missing(self) -> int:
        """Pairs without a value, over all participants."""
        return int(np.isnan(self.vectors).sum())


@dataclass(frozen=True)
class ExportedDissimilarities:
    """Dissimilarities that were written, the sessions with main trials, and notes of the checks."""

    table: Dissimilarities
    sessions: tuple[str, ...]
    notes: tuple[str, ...] = ()


def export_dissimilarities(
    source: Study | str | Path | None = None,
    *,
    out: str | Path,
    arrangements: str | Path | None = None,
    session: str | None = None,
    allow_problems: bool = False,
) -> ExportedDissimilarities:
    """Write dissimilarities from arrangements, as Meadows does and rsatoolbox reads them.

    Parameters
    ----------
    source
        A study, or the folder of one or of a BIDS data set.
    out
        File to write: .mat (stimuli and rdmutv, of each participant) or .npz (ids, rdmutv with one
        row for each participant, meta).
    arrangements
        A table of arrangements (.parquet) instead of a study.
    session
        Use this session only, such as 1 (01 and ses-01 are the same), or the name of a task
        imported from Meadows.
    allow_problems
        Export a study's data as they are, even if twoalike validate finds problems in them.
    """
    from twoalike.judgments import trials_of
    from twoalike.tables import JUDGED

    out = Path(out)
    if out.suffix not in {".mat", ".npz"}:
        raise TwoalikeError(f"{out}: expected a file .mat or .npz; choose that ending.")
    table, inputs, notes = _arrangements(source, arrangements, allow_problems)
    trials, objects = trials_of(table)
    main = [trial for trial in trials if trial.trial_type in JUDGED]
    sessions = sorted({trial.session for trial in main})
    used = sessions if session is None else [session]
    if session is not None and session not in sessions:  # 1, 01 and ses-01 are one
        plain = session.removeprefix("ses-").lstrip("0")
        used = [name for name in sessions if session != "ses-" and name.lstrip("0") == plain]
    own: dict[str, list[ArrangedTrial]] = {}
    for trial in main:
        if trial.session in used:
            items, places = trial.items.astype(np.int64), trial.values.astype(np.float64)
            own.setdefault(trial.participant, []).append(ArrangedTrial(items, places))
    if not own:
        what = "no main trial" if session is None else f"no main trial in session {session}"
        names = ", ".join(name or "none" for name in sessions)
        found = f"; sessions with main trials: {names}" if sessions else ""
        raise TwoalikeError(f"{what}{found}", where=arrangements or source)
    result = arranged_dissimilarities(own, objects)
    meta = provenance("dissimilarities", inputs=inputs, config={"session": session})
    content = (as_mat if out.suffix == ".mat" else as_npz)(result, meta)
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
    return ExportedDissimilarities(result, tuple(sessions), tuple(notes))


def _arrangements(
    source: Study | str | Path | None, arrangements: str | Path | None, allow_problems: bool
) -> "tuple[pd.DataFrame, dict[str, Path], list[str]]":
    from twoalike.judgments import read_judgments, read_raw

    if arrangements is not None and source is None:
        path = Path(arrangements)
        return read_judgments(path, "arrangements"), {"arrangements": path}, []
    if source is None or arrangements is not None:
        raise TwoalikeError(
            expected="either the folder of a study or `arrangements=...`",
            found="neither" if source is None else "both",
        )
    root = raw_data(source)
    notes = check_folder(root, allow_problems=allow_problems)
    files = sorted(root.glob("sub-*/**/beh/*_task-multiarrangement_*_beh.tsv"))
    return read_raw(root, task="multiarrangement"), {path.name: path for path in files}, notes


def arranged_dissimilarities(
    trials: Mapping[str, Sequence[ArrangedTrial]], objects: Sequence[str]
) -> Dissimilarities:
    """Evidence-weighted, rescaled average of each participant's arrangements.

    Items index ``objects``, the object ids; those nobody placed are left out.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245
    """
    placed = sorted({int(item) for own in trials.values() for t in own for item in t.items})
    pairs = np.triu_indices(len(placed), 1)
    averages = [rescaled_average(own, len(objects)) for own in trials.values()]
    chosen = [average.dissimilarities[np.ix_(placed, placed)][pairs] for average in averages]
    return Dissimilarities(
        tuple(trials),
        tuple(objects[place] for place in placed),
        np.stack(chosen),
        tuple(average.converged for average in averages),
    )


def as_mat(table: Dissimilarities, meta: Mapping[str, Any]) -> bytes:
    """MATLAB file as Meadows writes it, and as ``rsatoolbox.io.meadows.load_rdms`` reads it.

    Variables ``stimuli`` and ``rdmutv`` for one participant, ``stimuli_<code>`` and
    ``rdmutv_<code>`` for each of several, with underscores for hyphens. As on Meadows, stimuli
    have the ending of an image: their names are padded to one length, and readers cut at the
    point. ``twoalike`` holds ``meta`` as JSON.
    """
    content: dict[str, Any] = {}
    stimuli = np.array([f"{name}.png" for name in table.objects])
    for ending, vector in zip(_endings(table.participants), table.vectors, strict=True):
        content[f"stimuli{ending}"] = stimuli
        content[f"rdmutv{ending}"] = vector[None]
    content["twoalike"] = json.dumps(dict(meta), ensure_ascii=True)
    return mat_bytes(content)


def _endings(participants: Sequence[str]) -> list[str]:
    if len(participants) == 1:
        return [""]
    endings = ["_" + code.replace("-", "_") for code in participants]
    for code, ending in zip(participants, endings, strict=True):
        if not re.fullmatch(r"\w+", ending, re.ASCII) or len(f"stimuli{ending}") > _LONGEST_NAME:
            raise TwoalikeError(
                f"participant {code}: cannot be part of a MATLAB variable's name (letters, digits, "
                "hyphens). Write .npz instead."
            )
        if endings.count(ending) > 1:
            raise TwoalikeError(
                f"participant {code}: differs from another by hyphens and underscores only, which "
                "MATLAB variables cannot. Write .npz instead."
            )
    return endings


def as_npz(table: Dissimilarities, meta: Mapping[str, Any]) -> bytes:
    """Numpy archive: ``ids``, ``rdmutv`` (p, m(m-1)/2) and ``meta``, JSON with ``participants``."""
    file = io.BytesIO()
    about = json.dumps({**meta, "participants": list(table.participants)})
    np.savez(
        file, ids=np.array(table.objects, dtype=np.str_), rdmutv=table.vectors, meta=np.array(about)
    )
    return file.getvalue()
