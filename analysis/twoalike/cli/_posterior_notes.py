"""What to know of a posterior before its numbers are used, for the terminal."""

from typing import TYPE_CHECKING

from twoalike.cli._show import plain

if TYPE_CHECKING:
    from twoalike.embedding import Posterior


def show_doubts(posterior: "Posterior", *, intervals: bool = False) -> None:
    """Print that a fit has not converged, or that the intervals in use are approximate."""
    from rich import print as show

    attrs, name = posterior.attrs, plain(str(posterior.path))
    if "converged" in attrs and not attrs["converged"]:
        show(f"[bold red]{name}: the fit has not converged[/]; see twoalike check")
    if intervals and attrs.get("engine") == "vi":
        show(f"{name}: fitted by vi, its intervals are approximate")
