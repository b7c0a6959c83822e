"""Estimates with their intervals, one below the other: ceilings, changes, transfer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twoalike.figures._style import (
    FAINT,
    PALETTE,
    WIDE,
    estimate_dot,
    light_grid,
    new_figure,
    reference_line,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """One estimate of a chart.

    Attributes
    ----------
    name
        Of its row.
    measure
        ``value``, ``low`` and ``high``.
    colour, marker
        Of dot and line.
    series
        What the colour means, for the legend; empty where the row's name says it.
    """

    name: str
    measure: Mapping[str, float]
    colour: str = PALETTE[0]
    marker: str = "o"
    series: str = ""


@styled
def estimates_chart(
    lines: Sequence[Line],
    label: str,
    *,
    reference: float | None = None,
    digits: int = 3,
    width: float = WIDE,
) -> "Figure":
    """Dots with 95 % intervals; estimates of one name share a row.

    Parameters
    ----------
    lines
        From top to bottom.
    label
        Of the axis.
    reference
        Where a dashed line stands: chance, or no change.
    digits
        Of the values beside the dots, where a row has one; rows of several have none.
    width
        Inches.
    """
    names = list(dict.fromkeys(line.name for line in lines))
    by_name = {name: [line for line in lines if line.name == name] for name in names}
    most = max(len(of) for of in by_name.values())
    figure = new_figure(width, 0.75 + len(names) * (0.2 + 0.17 * most))
    axes = figure.add_subplot()
    seen: set[str] = set()
    for row, name in enumerate(names):
        for place, line in enumerate(by_name[name]):
            y = row + (place - (len(by_name[name]) - 1) / 2) * 0.7 / most
            shown = line.series if line.series not in seen else None
            seen.add(line.series)
            estimate_dot(
                axes,
                line.measure,
                y,
                colour=line.colour,
                marker=line.marker,
                digits=digits if most == 1 else None,
                label=shown or None,
            )
        if row:
            axes.axhline(row - 0.5, color=FAINT, lw=0.8, zorder=0)
    if reference is not None:
        reference_line(axes, reference)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.62)
    axes.margins(x=0.08)
    axes.set_xlabel(label)
    light_grid(axes, "x")
    if seen - {""}:
        figure.legend(loc="outside upper left", ncols=4 if width > 5 else 2)
    return figure
