"""What commands print: lines of the functions they call, and one kind of table for numbers."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, JustifyMethod, OverflowMethod

    from twoalike.embedding import Posterior
    from twoalike.results import TableView


def say(line: object) -> None:
    """Print a line."""
    print(line)  # noqa: T201


def plain(text: str) -> str:
    """Text from data for a table or a console: no markup, and no orders to the terminal."""
    from rich.markup import escape

    from twoalike.study import visible

    return escape(visible(text))


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    bold: Collection[int] = (),
    left: Collection[str] = (),
) -> None:
    """Print a table of texts, second lines of cells in faint print.

    The first column names the rows and may wrap; the others have numbers on the right, but those of
    ``left``. Intervals are below their figures if lines would be long. ``bold`` are rows.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console, cells = wide_console(), [tuple(row) for row in rows]
    lengths = [max(map(len, column)) + 3 for column in zip(columns, *cells, strict=True)]
    between = " " if sum(lengths) < console.width else "\n"
    shown = Table(title=plain(title), box=SIMPLE_HEAD, title_justify="left")
    for place, column in enumerate(columns):
        head = plain(column).replace(", ", f",{between}")
        side: JustifyMethod = "right" if place and column not in left else "left"
        overflow: OverflowMethod = "ellipsis" if place else "fold"
        no_wrap = place > 0 and column not in left
        shown.add_column(head, justify=side, no_wrap=no_wrap, overflow=overflow)
    for number, row in enumerate(cells):
        texts = (_cell(text, between) for text in row)
        shown.add_row(*texts, style="bold" if number in bold else None)
    console.print(shown)


def _cell(text: str, between: str) -> str:
    figure, _, interval = text.partition("\n")
    return f"{plain(figure)}{between}[dim]{plain(interval)}[/]" if interval else plain(figure)


def show_tables(tables: "Iterable[TableView]") -> None:
    """Print tables of results."""
    for view in tables:
        cells = view.frame.reset_index().rename(columns={"index": ""}).astype(str)
        show_table(view.title, list(map(str, cells)), cells.itertuples(index=False))


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
        say(f"Wrote {path}")


def show_doubts(posterior: "Posterior", *, intervals: bool = False) -> None:
    """Print that a fit has not converged, or that the intervals in use are approximate."""
    show = wide_console().print
    attrs, name = posterior.attrs, plain(str(posterior.path))
    if (verdict := posterior.verdict).predictions is False:
        show(f"[bold red]{name}: {verdict}[/]; see twoalike check")
    if intervals and attrs.get("links", {}).get("arranged", 0):
        show(f"{name}: fitted to RDMs that were computed from arrangements: it has no intervals")
    elif intervals and not verdict.intervals and verdict.predictions is not False:
        show(f"{name}: its intervals are rough; see twoalike check")
