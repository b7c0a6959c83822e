"""``twoalike dimensions``."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from twoalike.cli._options import check_seed
from twoalike.cli._tables import bare_table, plain

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import DimensionCurve, Posterior


def dimensions(
    posterior: Path,
    /,
    *,
    other: Annotated[list[Path] | None, Parameter(negative=())] = None,
    top: int = 6,
    choices: Path | None = None,
    curve: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Show what each dimension is about, and whether it comes again in another fit.

    The column again is the correlation of a dimension with the one nearest to it in other fits:
    those of --other, or else the chains of this one (for vi, four independent fits). A name for a
    dimension is worth something where again is high, from about 0.8 on.

    With the judgments (--choices) it also says how many dimensions are needed: the fewest of the
    most important ones with which each judgment is predicted from the others as well as with the
    best number, within two standard errors. Fit with more --dimensions than you expect.

    Examples
    --------
        twoalike dimensions posterior.nc
        twoalike dimensions posterior.nc --choices choices.parquet --curve curve.tsv
        twoalike dimensions half-1.nc --other half-2.nc --top 10 --out dimensions.csv

    Parameters
    ----------
    posterior
        File written by twoalike fit.
    other
        Another fit of the same objects: with another seed, or of other judgments. May be given
        several times.
    top
        Objects to name, those with the highest coordinates.
    choices
        Table of the choices that it was fitted on (.parquet); others are predicted as they are.
    curve
        Table to write (.csv or .tsv), with --choices: dimensions, log_loss, se, difference to
        the best number, difference_se, needed.
    seed
        Of the subset that is scored where there are many judgments.
    out
        Table to write (.csv or .tsv): dimension, importance, again, objects, coordinates.
    """
    from rich.console import Console

    from twoalike.cli._posterior_notes import show_doubts
    from twoalike.embedding import (
        AGAIN,
        Posterior,
        check_ending,
        dimension_table,
        write_table,
    )
    from twoalike.study import TwoalikeError, atomic_path, counted

    check_seed(seed)
    if out is not None:
        check_ending(out, [".csv", ".tsv"], "the table of dimensions")
    if curve is not None:
        check_ending(curve, [".csv", ".tsv"], "the curve")
        if choices is None:
            raise TwoalikeError("--curve needs the judgments of the fit: give --choices.")
    fitted = Posterior.load(posterior)
    table = dimension_table(fitted, [Posterior.load(path) for path in other or []], top=top)
    found, remark = (None, "") if choices is None else _scored(fitted, choices, seed)
    for path, content in ((out, table), (curve, None if found is None else found.table)):
        if path is not None and content is not None:
            with atomic_path(path) as temporary:
                write_table(temporary, content)
    show_doubts(fitted, posterior)
    Console().print(_table(table))
    if table["again"].notna().all():
        kept = int((table["again"] >= AGAIN).sum())
        print(f"{kept} of {counted(len(table), 'dimension')} found again (from {AGAIN:g} on)")  # noqa: T201
    if found is not None:
        _show_curve(found, remark)
    for path in (out, curve):
        if path is not None:
            print(f"Wrote {path}")  # noqa: T201


def _scored(posterior: "Posterior", path: Path, seed: int) -> tuple["DimensionCurve", str]:
    """Score the judgments of a file; and a remark where it is not plain that they are the fit's."""
    from twoalike.embedding import dimension_curve, fitted_on
    from twoalike.judgments import read_choices
    from twoalike.study import sha256_file

    table = read_choices(path)
    own, remark = fitted_on(posterior, table, sha256_file(path))
    return dimension_curve(posterior, table, fitted=own, seed=seed), remark


def _show_curve(found: "DimensionCurve", remark: str) -> None:
    from rich.console import Console

    from twoalike.study import counted

    console = Console()
    score = "leave-one-out log-loss" if found.fitted else "log-loss"
    shown = bare_table(f"How many are needed, {counted(found.subset, 'judgment')}")
    for column in ("the first", score, "more than the best"):
        shown.add_column(column, justify="right")
    for row in found.table.to_dict("records"):
        cells = (
            str(row["dimensions"]),
            f"{row['log_loss']:.4f} ± {row['se']:.4f}",
            f"{row['difference']:.5f} ± {row['difference_se']:.5f}",
        )
        shown.add_row(*cells, style="bold" if row["needed"] else None)
    console.print(shown)
    if remark:
        console.print(f"[yellow]![/] {plain(remark)}")
    if found.left_out:
        many = counted(found.left_out, "judgment")
        print(f"left out: {many} by people or of objects that the posterior does not know")  # noqa: T201
    print(_needed(found))  # noqa: T201


def _needed(found: "DimensionCurve") -> str:
    from twoalike.study import counted

    offered = len(found.table)
    if found.needed == offered:
        return (
            f"All {offered} dimensions are needed, maybe more: fit again with more --dimensions."
            if offered > 1
            else "1 dimension was offered: fit again with more --dimensions."
        )
    verb = "is" if found.needed == 1 else "are"
    return (
        f"{counted(found.needed, 'dimension')} of {offered} {verb} needed: the fewest within two "
        "standard errors of the best log-loss."
    )


def _table(table: "pd.DataFrame") -> Any:
    shown = bare_table("Dimensions, most important first")
    for column in ("", "importance", "again"):
        shown.add_column(column, justify="right")
    shown.add_column("highest objects")
    for row in table.to_dict("records"):
        again = row["again"]
        shown.add_row(
            str(row["dimension"]),
            f"{row['importance']:.1%}",
            "" if isnan(again) else f"{again:.2f}",  # missing: there is no other fit
            plain(str(row["objects"]).replace("; ", ", ")),
        )
    return shown
