"""``twoalike report``: a study as one HTML file."""

from pathlib import Path

from twoalike.cli._options import Flag
from twoalike.cli._show import show_notes


def report(
    study: Path,
    /,
    *,
    out: Path,
    files: Path | None = None,
    seed: int = 0,
    allow_problems: Flag = False,
) -> None:
    """Write a study's report as one HTML file that can be read offline.

    It shows what the study has so far: sessions in data/raw, and choices.parquet, posterior.nc,
    groups.json, results.json and the student's model card in derived/. It lists what is missing,
    with the command that makes it. It contains participants' codes and images of the study: make
    sure that you may publish both before you publish it.

    Parameters
    ----------
    study
        The study's folder.
    out
        Report to write (.html).
    files
        Folder for every figure as .svg and every number as .csv.
    seed
        Seed of the intervals.
    allow_problems
        Report on the data as they are, even if twoalike validate finds problems in them.

    Examples
    --------
        twoalike report mystudy --out mystudy/report.html
        twoalike report mystudy --out mystudy/report.html --files mystudy/figures
    """
    from twoalike.report import write_report
    from twoalike.study import check_seed

    check_seed(seed)
    show_notes(
        write_report(study, out, seed=seed, files=files, allow_problems=allow_problems).notes
    )
    print(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")  # noqa: T201
    if files is not None:
        print(f"Wrote {files} (figures as .svg, numbers as .csv)")  # noqa: T201
