"""``twoalike dimensions``."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from twoalike.cli._show import bare_table, plain, show_doubts, show_written, wide_console

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import DimensionCurve


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
    """Show what each dimension is about, and whether it recurs in other fits.

    The column again is the correlation of a dimension with the most similar one in other fits:
    those of --other, or else the chains of this one (for vi, four independent fits). A dimension
    with at least 0.8 in every one of them is stable. The objects of other dimensions are not shown,
    since their axes are arbitrary.

    With the judgments (--choices), the command also estimates how many dimensions are needed: the
    smallest number of the most important ones whose leave-one-out log-loss is within two standard
    errors of the best. Fit with more --dimensions than you expect.

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
        Another fit of the same objects, with another seed or to other judgments. May be given
        several times.
    top
        Number of objects to name: those with the highest coordinates.
    choices
        Table of the choices that it was fitted to (.parquet). Choices that it was not fitted to are
        predicted directly, without leave-one-out.
    curve
        Table to write (.csv or .tsv), with --choices: dimensions, log_loss, se, difference to
        the best number, difference_se, needed.
    seed
        Seed of the subset that is scored if there are many judgments.
    out
        Table to write (.csv or .tsv): dimension, importance, again, stable, objects, coordinates.
    """
    from twoalike import embedding
    from twoalike.study import TwoalikeError, check_seed, counted

    check_seed(seed)
    for path, what in ((out, "the table of dimensions"), (curve, "the curve")):
        if path is not None:
            embedding.check_ending(path, [".csv", ".tsv"], what)
    if curve is not None and choices is None:
        raise TwoalikeError("--curve needs the judgments of the fit: give --choices.")
    fitted = embedding.Posterior.load(posterior)
    table = embedding.dimension_table(fitted, other or [], top=top)
    found = None
    if choices is not None:
        found = embedding.dimension_curve(fitted, choices, fitted=None, seed=seed)
    if out is not None:
        embedding.save_table(out, table)
    if curve is not None and found is not None:
        embedding.save_table(curve, found.table)
    show_doubts(fitted)
    wide_console().print(_table(table))
    if table["stable"].notna().all():
        kept, share = table["stable"].to_numpy(bool), table["importance"].to_numpy()
        print(  # noqa: T201
            f"{kept.sum()} of {counted(len(table), 'dimension')} stable (found again in every "
            f"fit, from {embedding.AGAIN:g} on), {share[kept].sum():.0%} of the importance"
        )
    if found is not None:
        _show_curve(found)
    show_written(out, curve)


def _show_curve(found: "DimensionCurve") -> None:
    from twoalike.study import counted

    console = wide_console()
    score = "leave-one-out log-loss" if found.fitted else "log-loss"
    title = f"How many are needed, {counted(found.subset, 'judgment')}"
    shown = bare_table(title, "the first", score, "more than the best", first="right")
    for row in found.table.to_dict("records"):
        cells = (
            str(row["dimensions"]),
            f"{row['log_loss']:.4f} ± {row['se']:.4f}",
            f"{row['difference']:.5f} ± {row['difference_se']:.5f}",
        )
        shown.add_row(*cells, style="bold" if row["needed"] else None)
    console.print(shown)
    print(f"guessing: {found.guessing:.4f}")  # noqa: T201
    if found.remark:
        console.print(f"[yellow]![/] {plain(found.remark)}")
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
    title = "Dimensions, most important first"
    shown = bare_table(title, "", "importance", "again", first="right")
    shown.add_column("highest objects")
    for row in table.to_dict("records"):
        again = row["again"]
        shown.add_row(
            str(row["dimension"]),
            f"{row['importance']:.1%}",
            "" if isnan(again) else f"{again:.2f}",  # missing: there is no other fit
            plain(str(row["objects"]).replace("; ", ", ")) or "[dim]not stable[/]",
        )
    return shown
