"""Progress bars on a terminal, silence elsewhere."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def progress() -> Progress:
    """Progress display on standard error, with a ``status`` field for current figures.

    Use as a context manager; ``add_task(description, total=n, status="")`` then
    ``update(task, advance=1, status="log-loss 0.912")``. Nothing is printed when standard
    error is not a terminal, so logs of batch jobs stay readable.
    """
    console = Console(stderr=True)
    return Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
