"""What to know of a posterior before its numbers are used, for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from twoalike.cli._tables import plain

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

    attrs = posterior.attrs
    if "converged" in attrs and not attrs["converged"]:
        show(f"[bold red]{plain(str(path))}: the fit has not converged[/]; see twoalike check")
    if intervals and attrs.get("engine") == "vi":
        show(f"{plain(str(path))}: fitted by vi, its intervals are approximate")
