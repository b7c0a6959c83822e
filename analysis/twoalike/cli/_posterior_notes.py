"""What to know of a posterior before its numbers are used, for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twoalike.embedding import Posterior


def show_doubts(posterior: "Posterior", path: Path, *, intervals: bool = False) -> None:
    """Print that a fit has not converged, or that its intervals are approximate.

    Parameters
    ----------
    posterior
        The fit.
    path
        Its file, to be named.
    intervals
        Whether intervals are among what is used.
    """
    from rich import print as show
    from rich.markup import escape

    attrs = posterior.attrs
    if "converged" in attrs and not attrs["converged"]:
        show(f"[bold red]{escape(str(path))}: the fit has not converged[/]; see twoalike check")
    if intervals and attrs.get("engine") == "vi":
        show(f"{escape(str(path))}: fitted by vi, its intervals are approximate")
