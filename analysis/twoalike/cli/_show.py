"""What commands print: lines of the functions they call, and one kind of table for numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, JustifyMethod
    from rich.table import Table

    from twoalike.embedding import Posterior
    from twoalike.results import Cell, SummaryTable


def bare_table(title: str, *columns: str, first: "JustifyMethod" = "left") -> "Table":
    """Table of numbers on the right, whose only line is that below its header."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else first)
    return table


def plain_table(title: str, *columns: str) -> "Table":
    """Table whose first column names the row and may wrap, also within a name; numbers do not."""
    table = bare_table(title)
    for place, column in enumerate(columns):
        table.add_column(column, no_wrap=place > 0, overflow="ellipsis" if place else "fold")
    return table


def plain(text: str) -> str:
    """Text from data for a table or a console: no markup, and no orders to the terminal."""
    from rich.markup import escape

    from twoalike.study import visible

    return escape(visible(text))


def show_summary(tables: "Iterable[SummaryTable]") -> None:
    """Print tables of results; intervals, and rows to compare with, in faint print."""
    console = wide_console()
    for summary in tables:
        between = " " if summary.width <= console.width else "\n"
        columns = (plain(column).replace(", ", f",{between}") for column in summary.columns)
        shown = plain_table(plain(summary.title), *columns)
        for row in summary.rows:
            shown.add_row(*(_summary_cell(cell, between) for cell in row))
        console.print(shown)


def _summary_cell(cell: "Cell", between: str) -> str:
    faint = f"[dim]{plain(cell.faint)}[/]" if cell.faint else ""
    return between.join(part for part in (plain(cell.text), faint) if part) + cell.mark


def wide_console() -> "Console":
    """Console that breaks no sentence or path, of at least 100 columns: a log file counts as 80."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.width = max(console.width, 100)
    return console


def show_notes(lines: Iterable[str]) -> None:
    """Print what a function of the domain has to say, parameters as options."""
    from twoalike.cli.app import with_options
    from twoalike.study import visible

    for line in lines:
        print(visible(with_options(line)), flush=True)  # noqa: T201


def show_written(*paths: "Path | None") -> None:
    """Print which files were written; None is a file that nobody asked for."""
    for path in filter(None, paths):
        print(f"Wrote {path}")  # noqa: T201


def show_doubts(posterior: "Posterior", *, intervals: bool = False) -> None:
    """Print that a fit has not converged, or that the intervals in use are approximate."""
    show = wide_console().print
    attrs, name = posterior.attrs, plain(str(posterior.path))
    if "converged" in attrs and not attrs["converged"]:
        show(f"[bold red]{name}: the fit has not converged[/]; see twoalike check")
    if intervals and attrs.get("links", {}).get("arranged", 0):
        show(f"{name}: fitted to RDMs that were computed from arrangements: it has no intervals")
    elif intervals and attrs.get("engine") == "vi":
        show(f"{name}: fitted by vi, its intervals are approximate")
