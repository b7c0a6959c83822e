"""Estimates with their intervals, from top to bottom: models, people, bounds, changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twoalike.evaluation import Interval, Span
from twoalike.figures._style import (
    FAINT,
    INK,
    MUTED,
    PALETTE,
    WIDE,
    light_grid,
    new_figure,
    reference_line,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PEOPLE, BOUND = PALETTE[6], INK
"""Colours of people, and of what no model can exceed."""
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Line:
    """One estimate of a chart."""

    name: str
    """Of its row."""
    measure: Interval
    """With its interval."""
    colour: str = PALETTE[0]
    marker: str = "o"
    """``colour``, ``marker``: Of dot and line."""
    series: str = ""
    """What the colour means, for the legend; empty where the row's name says it."""


@dataclass(frozen=True)
class Panel:
    """Estimates that share an axis; those of one name share a row."""

    lines: tuple[Line, ...]
    label: str
    title: str = ""
    reference: float | None = None
    """Dashed line: chance, no change."""
    reference_name: str = ""
    digits: int = 3
    band: Span | None = None
    """Range that a band marks, such as that of the noise ceiling."""

    @property
    def rows(self) -> dict[str, list[Line]]:
        """Lines by the name of their row."""
        rows: dict[str, list[Line]] = {}
        for line in self.lines:
            rows.setdefault(line.name, []).append(line)
        return rows

    @property
    def height(self) -> float:
        """Height in inches."""
        most = max(map(len, self.rows.values()), default=1)
        each = 0.42 if most == 1 else 0.2 + 0.17 * most
        return 0.75 + bool(self.title) * 0.2 + len(self.rows) * each

    def words(self) -> str:
        """Describe the chart for who cannot see it."""
        each = (
            f"{line.series} {line.name} {_written(line.measure, self.digits)}".lstrip()
            for line in self.lines
        )
        return f"{self.title or self.label}: {'; '.join(each)}."


def _written(measure: Interval, digits: int) -> str:
    value, low, high = (
        f"{x:.{digits}f}".replace("-", MINUS) for x in (measure.value, measure.low, measure.high)
    )
    return value if measure.low == measure.high else f"{value} [{low}, {high}]"


def draw_panel(axes: "Axes", panel: Panel) -> None:
    """Draw estimates into axes, from top to bottom: a mark, a line for the interval, the value."""
    most = max(map(len, panel.rows.values()))
    labelled: set[str] = set()
    for row, members in enumerate(panel.rows.values()):
        for place, line in enumerate(members):
            y = row + (place - (len(members) - 1) / 2) * 0.7 / most
            label = line.series if line.series and line.series not in labelled else None
            _draw_estimate(axes, line, y, label, panel.digits if most == 1 else None)
            labelled.add(line.series)
        if row and most > 1:
            axes.axhline(row - 0.5, color=FAINT, lw=0.8, zorder=0)
    if panel.band is not None:
        axes.axvspan(panel.band.low, panel.band.high, color=FAINT, zorder=0, lw=0)
        _annotate(axes, "noise ceiling", (panel.band.low + panel.band.high) / 2, "center")
    if panel.reference is not None:
        reference_line(axes, panel.reference)
        low, high = axes.get_xlim()
        late = panel.reference > (low + high) / 2
        _annotate(axes, panel.reference_name, panel.reference, "right" if late else "left")
    axes.set_yticks(range(len(panel.rows)), list(panel.rows))
    axes.set_ylim(len(panel.rows) - 0.5, -0.75)
    axes.margins(x=0.14 if most == 1 else 0.08)
    axes.set_xlabel(panel.label)
    axes.set_title(panel.title)
    light_grid(axes, "x")


def _draw_estimate(
    axes: "Axes", line: Line, y: float, label: str | None, digits: int | None
) -> None:
    value, ends = line.measure.value, [line.measure.low, line.measure.high]
    axes.plot(ends, [y, y], color=line.colour, lw=3.0, alpha=0.45, solid_capstyle="round")
    axes.plot(value, y, line.marker, color=line.colour, ms=6.5, label=label)
    if digits is not None:
        axes.annotate(
            f"{value:.{digits}f}".replace("-", MINUS),
            (value, y),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontweight="bold",
        )


def _annotate(axes: "Axes", text: str, x: float, ha: str) -> None:
    """Name a line or band above the axis."""
    axes.annotate(
        text,
        (x, 0),
        xycoords=("data", "axes fraction"),
        xytext=({"left": 3, "right": -3}.get(ha, 0), 3),
        textcoords="offset points",
        ha=ha,
        va="bottom",
        color=MUTED,
        fontsize=8,
    )


@styled
def panels_chart(panels: Sequence[Panel], *, width: float = WIDE) -> "Figure":
    """Draw panels side by side, or one above the other where the width (inches) is small."""
    stacked = width < 5
    heights = [panel.height for panel in panels]
    figure = new_figure(width, sum(heights) if stacked else max(heights))
    n = len(panels)
    axes = figure.subplots(*((n, 1) if stacked else (1, n)), squeeze=False).ravel()
    for one, panel in zip(axes, panels, strict=True):
        draw_panel(one, panel)
    for one in axes[1:] if not stacked else ():
        one.set_yticklabels([])
    if any(line.series for line in panels[0].lines):
        figure.legend(loc="outside upper left", ncols=2 if stacked else 4)
    return figure
