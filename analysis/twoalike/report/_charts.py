"""Charts of estimates side by side, with what is drawn as numbers."""

from collections.abc import Sequence

from twoalike.figures import Line, estimates_chart
from twoalike.report._blocks import Picture, estimates


def lines_picture(
    lines: Sequence[Line],
    label: str,
    *,
    alt: str,
    caption: str,
    reference: float | None = None,
    digits: int = 3,
) -> Picture:
    """Draw estimates with their intervals.

    Parameters
    ----------
    lines
        From top to bottom; those of one name share a row.
    label
        Of the axis.
    alt, caption
        As of :class:`Picture`.
    reference, digits
        As of :func:`twoalike.figures.estimates_chart`.
    """
    return Picture.draw(
        lambda width: estimates_chart(
            lines, label, reference=reference, digits=digits, width=width
        ),
        alt=alt,
        caption=caption,
        numbers=estimates({f"{line.series} {line.name}".lstrip(): line.measure for line in lines}),
    )
