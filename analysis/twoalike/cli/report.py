"""``twoalike report``: a study as one HTML file."""

from typing import Any

from twoalike import report as pages
from twoalike.cli._derived import takes
from twoalike.cli._show import show_notes


@takes(pages.write_report)
def report(**given: Any) -> None:
    """Write a study's report as one HTML file that can be read offline.

    It shows what the study has so far: sessions in data/raw, and choices.parquet, posterior.nc,
    groups.json, results.json and the student's model card in derived/. It lists what is missing,
    with the command that makes it. It contains participants' codes and images of the study: make
    sure that you may publish both before you publish it.

    Examples
    --------
        twoalike report mystudy
        twoalike report mystudy --out mystudy/report.html --files mystudy/figures
    """
    made = pages.write_report(**given)
    show_notes(made.notes)
    print(f"Wrote {made.path} ({made.path.stat().st_size / 1e6:.1f} MB)")  # noqa: T201
    if files := given["files"]:
        print(f"Wrote {files} (figures as .svg, numbers as .csv)")  # noqa: T201
