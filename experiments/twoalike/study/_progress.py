"""Progress bars on a terminal, silence elsewhere."""

from typing import ClassVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class _Outermost(Progress):
    """A display that stays silent while another one shows: two would write over each other."""

    _showing: ClassVar[bool] = False

    def start(self) -> None:
        self.disable = self.disable or _Outermost._showing
        _Outermost._showing = _Outermost._showing or not self.disable
        super().start()

    def stop(self) -> None:
        super().stop()
        if not self.disable:
            _Outermost._showing = False


def progress() -> Progress:
    """Progress display on standard error, with a ``status`` field for current figures.

    Use as a context manager; ``add_task(description, total=n, status="")`` then
    ``update(task, advance=1, status="log-loss 0.912")``. Nothing is printed when standard
    error is not a terminal, so logs of batch jobs stay readable, nor while another one shows:
    the work within some larger work is silent.
    """
    console = Console(stderr=True)
    return _Outermost(
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
