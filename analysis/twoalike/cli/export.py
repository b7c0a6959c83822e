"""``twoalike export``: our data and students in the formats of other tools."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from twoalike.cli._checks import AllowProblems, check_folder
from twoalike.cli._export_student import onnx

if TYPE_CHECKING:
    import pandas as pd

app = App(name="export", help="Write data and students in the formats of other tools.")
app.command(onnx)


@app.command
def psychds(study: Path, /, *, out: Path, allow_problems: AllowProblems = False) -> None:
    """Export a study's raw data as a Psych-DS data set: CSV files and their description.

    One file a session and task, one for the participants, one each for what they said outside
    the trials. This only changes the format: codes, times and answers stay. For publication,
    make a copy with twoalike share first.

    Parameters
    ----------
    study
        Folder of the study, or a BIDS data set such as a copy made by twoalike share.
    out
        Folder to write, new or empty.
    allow_problems
        Export the data as they are, even if twoalike validate finds problems in them.

    Examples
    --------
        twoalike export psychds my-study --out my-study-psychds
    """
    from twoalike.exchange import (
        check_new_folder,
        is_psychds_source,
        psychds_files,
        read_texts,
        write_texts,
    )
    from twoalike.study import TwoalikeError, atomic_directory, provenance, write_json

    root = _raw(study)
    check_new_folder(out, root)
    check_folder(root, allow_problems)
    texts = read_texts(root, is_psychds_source)
    if not any(path.endswith("_beh.tsv") for path in texts.files):
        raise TwoalikeError(f"{root}: expected raw data, found none.")
    files = psychds_files(texts.files)
    inputs = {path: root / path for path in texts.files}
    with atomic_directory(out) as folder:
        write_texts(folder, files)
        made = provenance("psychds", inputs=inputs)
        (folder / "documentation").mkdir()
        write_json(folder / "documentation" / "provenance.json", made)
    tables = sum(path.startswith("data/") for path in files)
    print(f"{out}: {tables} tables in Psych-DS")  # noqa: T201


def _raw(study: Path) -> Path:
    """Raw data of a study, or the folder itself where it is a BIDS data set."""
    from twoalike.study import Study

    if (study / "dataset_description.json").is_file():
        return study
    return Study.load(study).raw


@app.command
def meadows(
    study: Path | None = None,
    /,
    *,
    out: Path,
    arrangements: Path | None = None,
    session: str | None = None,
    allow_problems: AllowProblems = False,
) -> None:
    """Export dissimilarities from arrangements, as Meadows does and rsatoolbox reads them.

    Each participant's come from the evidence-weighted, rescaled average of the main trials of
    all sessions; pairs never placed together are NaN. rsatoolbox reads scope and participant
    from the file's name: Meadows_<study>_v_v1_<participant>_1_1D.mat for one participant,
    Meadows_<study>_v_v1_<task>_1D.mat for several.

    Parameters
    ----------
    study
        Folder of the study, or a BIDS data set.
    out
        File to write: .mat (stimuli and rdmutv, of each participant) or .npz (ids, rdmutv with
        one row a participant, meta).
    arrangements
        A table of arrangements (.parquet) instead of a study.
    session
        Use this session only, such as 1 (01 and ses-01 are the same), or the name of a task
        imported from Meadows.
    allow_problems
        Export a study's data as they are, even if twoalike validate finds problems in them.

    Examples
    --------
        twoalike export meadows my-study --out Meadows_likeness_v_v1_arrangement_1D.mat
        twoalike export meadows --arrangements a.parquet --out dissimilarities.npz
    """
    from twoalike.design import ArrangedTrial
    from twoalike.exchange import arranged_dissimilarities, as_mat, as_npz
    from twoalike.judgments import JUDGED, trials_of
    from twoalike.study import TwoalikeError, atomic_path, counted, provenance

    if out.suffix not in {".mat", ".npz"}:
        raise TwoalikeError(f"{out}: expected a file .mat or .npz; choose that ending.")
    table, inputs = _arrangements(study, arrangements, allow_problems)
    trials, objects = trials_of(table)
    main = [trial for trial in trials if trial.trial_type in JUDGED]
    sessions = sorted({trial.session for trial in main})
    chosen = _sessions_meant(session, sessions)
    own: dict[str, list[ArrangedTrial]] = {}
    for trial in main:
        if trial.session in chosen:
            arranged = ArrangedTrial(trial.items, trial.positions)
            own.setdefault(trial.participant, []).append(arranged)
    names = ", ".join(name or "none" for name in sessions)
    if not own:
        what = "no main trial" if session is None else f"no main trial in session {session}"
        found = f"; sessions with main trials: {names}" if sessions else ""
        raise TwoalikeError(f"{arrangements or study}: {what}{found}.")
    result = arranged_dissimilarities(own, objects)
    meta = provenance("dissimilarities", inputs=inputs, config={"session": session})
    content = (as_mat if out.suffix == ".mat" else as_npz)(result, meta)
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
    people = counted(len(result.participants), "participant")
    objects_said = counted(len(result.objects), "object")
    print(f"{out}: dissimilarities of {objects_said} by {people}")  # noqa: T201
    if session is None and len(sessions) > 1:
        print(f"sessions {names} together; one alone with --session")  # noqa: T201
    if result.n_missing:
        pairs = counted(result.n_missing, "pair")
        print(f"{pairs} never placed together (NaN)")  # noqa: T201
    for code, settled in zip(result.participants, result.converged, strict=True):
        if not settled:
            print(f"participant {code}: the rescaling did not settle")  # noqa: T201


def _sessions_meant(session: str | None, sessions: list[str]) -> list[str]:
    """Sessions that an option means: 1, 01 and ses-01 are one; all of them without the option."""
    if session is None or session in sessions:
        return sessions if session is None else [session]
    plain = session.removeprefix("ses-")
    return [name for name in sessions if plain and name.lstrip("0") == plain.lstrip("0")]


def _arrangements(
    study: Path | None, arrangements: Path | None, allow_problems: bool
) -> "tuple[pd.DataFrame, dict[str, Path]]":
    """Table of arrangements, and the files it was made from."""
    from twoalike.judgments import read_arrangements, read_raw_arrangements
    from twoalike.study import TwoalikeError

    if (study is None) == (arrangements is None):
        raise TwoalikeError("expected either the folder of a study or --arrangements.")
    if arrangements is not None:
        return read_arrangements(arrangements), {"arrangements": arrangements}
    assert study is not None  # one of the two is given
    root = _raw(study)
    check_folder(root, allow_problems)
    files = sorted(root.glob("sub-*/**/beh/*_task-multiarrangement_*_beh.tsv"))
    return read_raw_arrangements(root), {path.name: path for path in files}
