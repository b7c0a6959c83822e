"""From a study's folder to a file."""

from pathlib import Path

from twoalike.report._files import write_files
from twoalike.report._html import render
from twoalike.report._load import read_inputs
from twoalike.report._page import build_page
from twoalike.study import Study, TwoalikeError, atomic_path


def write_report(study: Study, out: Path, *, seed: int = 0, files: Path | None = None) -> None:
    """Write a study's report as one HTML file, all or nothing.

    Parameters
    ----------
    study
        The study; whatever its stages have made so far is shown.
    out
        File to write, ``.html``.
    seed
        Seed of the intervals.
    files
        Folder for every figure as SVG and every number as CSV; None: the report alone.

    Raises
    ------
    TwoalikeError
        If an input is damaged or the file cannot be written.
    """
    if out.suffix.lower() not in {".html", ".htm"}:
        raise TwoalikeError(f"{out}: a report is written as .html; choose that ending.")
    page = build_page(read_inputs(study), seed)
    html = render(page)
    if files is not None:
        write_files(page, files)
    with atomic_path(out) as temporary:
        temporary.write_text(html, encoding="utf-8")
