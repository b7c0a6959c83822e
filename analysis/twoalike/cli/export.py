"""``twoalike export``: our data and students in the formats of other tools."""

from pathlib import Path

from cyclopts import App

from twoalike.cli._export_student import onnx
from twoalike.cli._options import AllowProblems
from twoalike.cli._show import show_notes

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
    from twoalike.exchange import export_psychds

    n_tables, notes = export_psychds(study, out, allow_problems=allow_problems)
    show_notes([*notes, f"{out}: {n_tables} tables in Psych-DS"])


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
    from twoalike.exchange import export_dissimilarities
    from twoalike.study import counted

    found = export_dissimilarities(
        study,
        out=out,
        arrangements=arrangements,
        session=session,
        allow_problems=allow_problems,
    )
    table = found.table
    objects, people = counted(len(table.objects), "object"), len(table.participants)
    lines = [*found.notes]
    lines.append(f"{out}: dissimilarities of {objects} by {counted(people, 'participant')}")
    if session is None and len(found.sessions) > 1:
        names = ", ".join(name or "none" for name in found.sessions)
        lines.append(f"sessions {names} together; one alone with --session")
    if table.n_missing:
        lines.append(f"{counted(table.n_missing, 'pair')} never placed together (NaN)")
    for code, converged in zip(table.participants, table.converged, strict=True):
        if not converged:
            lines.append(f"participant {code}: the rescaling did not converge")
    show_notes(lines)
