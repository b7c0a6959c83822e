"""``twoalike dimensions``."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    import pandas as pd


def dimensions(
    posterior: Path,
    /,
    *,
    other: Annotated[list[Path] | None, Parameter(negative=())] = None,
    top: int = 6,
    out: Path | None = None,
) -> None:
    """Show what each dimension is about, and whether it comes again in another fit.

    The column again is the correlation of a dimension with the one nearest to it in other fits:
    those of --other, or else the chains of this one (for vi, four independent fits). A name for a
    dimension is worth something where again is high, from about 0.8 on.

    Examples
    --------
        twoalike dimensions posterior.nc
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
    from twoalike.study import atomic_path, counted

    if out is not None:
        check_ending(out, [".csv", ".tsv"], "the table of dimensions")
    fitted = Posterior.load(posterior)
    table = dimension_table(fitted, [Posterior.load(path) for path in other or []], top=top)
    if out is not None:
        with atomic_path(out) as temporary:
            write_table(temporary, table)
    show_doubts(fitted, posterior)
    Console().print(_table(table))
    if table["again"].notna().all():
        kept = int((table["again"] >= AGAIN).sum())
        print(f"{kept} of {counted(len(table), 'dimension')} found again (from {AGAIN:g} on)")  # noqa: T201
    if out is not None:
        print(f"Wrote {out}")  # noqa: T201


def _table(table: "pd.DataFrame") -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title="Dimensions, most important first", box=SIMPLE_HEAD, title_justify="left")
    for column in ("", "importance", "again"):
        shown.add_column(column, justify="right")
    shown.add_column("highest objects")
    for row in table.to_dict("records"):
        again = row["again"]
        shown.add_row(
            str(row["dimension"]),
            f"{row['importance']:.1%}",
            "" if isnan(again) else f"{again:.2f}",  # missing: there is no other fit
            escape(str(row["objects"]).replace("; ", ", ")),
        )
    return shown
