"""Commands that write our data and students in formats of other tools."""

from pathlib import Path
from typing import Any

from twoalike import exchange
from twoalike.cli._derived import takes
from twoalike.cli._show import say, show_notes
from twoalike.study import counted


@takes("exchange:export_psychds")
def psychds(**given: Any) -> None:
    """Export a study's raw data as a Psych-DS data set: CSV files and their description."""
    n_tables, notes = exchange.export_psychds(**given)
    show_notes([*notes, f"{given['out']}: {n_tables} tables in Psych-DS"])


@takes("exchange:export_dissimilarities")
def meadows(**given: Any) -> None:
    """Export dissimilarities from arrangements in Meadows' format, which rsatoolbox reads."""
    found = exchange.export_dissimilarities(**given)
    table = found.table
    objects, people = counted(len(table.objects), "object"), len(table.participants)
    lines = [*found.notes]
    lines.append(
        f"{given['out']}: dissimilarities of {objects} by {counted(people, 'participant')}"
    )
    if given["session"] is None and len(found.sessions) > 1:
        names = ", ".join(name or "none" for name in found.sessions)
        lines.append(f"sessions {names} together; one alone with --session")
    if table.n_missing:
        lines.append(f"{counted(table.n_missing, 'pair')} never placed together (NaN)")
    for code, converged in zip(table.participants, table.converged, strict=True):
        if not converged:
            lines.append(f"participant {code}: the rescaling did not converge")
    show_notes(lines)


@takes("distill:export_onnx")
def onnx(network: str, /, *, out: Path, **given: Any) -> None:
    """Export a student, or any network, as ONNX."""
    from twoalike.distill import export_onnx

    made = export_onnx(network, out, **given)
    differences = ", ".join(f"{value:.0e} on {kind}" for kind, value in made["check"].items())
    size = made["preprocessing"]["input_size"][-1]
    width = made["output"]["shape"][1]
    outputs = f"vectors of {width} numbers" if "parts" in made else counted(width, "feature")
    say(f"{out}: {outputs} of images of {size} pixels; differs from torch by {differences}")
