"""Figures of the people: how long they took, when they took longer, how noisy they were."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from twoalike.figures._style import (
    BLUE,
    DASHES,
    INK,
    MUTED,
    WIDE,
    light_grid,
    new_figure,
    reference_line,
    styled,
)
from twoalike.study import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twoalike.calibration import TimesByEntropy

_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60, 120, 300)
"""Round numbers on a logarithmic axis of seconds."""
_RATIOS = (0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)
"""Times marked relative to a person's own."""
_MOST_NAMED = 40
"""Participants up to which each has a labelled line of its own."""


def participants_height(n: int) -> float:
    """Height in inches of a figure with one row for each of n participants."""
    return 0.75 + 0.21 * n if n <= _MOST_NAMED else 5.5


def _name_rows(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_ylim(len(names) - 0.4, -0.6)
    if len(names) <= _MOST_NAMED:
        axes.set_yticks(range(len(names)), names)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(names)} participants")


def draw_response_times(axes: "Axes", times: Mapping[str, Floats]) -> None:
    """Draw the response times (s) of each participant into axes; at least one each, all above 0.

    Dot: median; thick line: middle half; thin line: middle nine tenths.
    """
    names = sorted(times, key=lambda name: (float(np.median(times[name])), name))
    quantiles = np.array([np.percentile(times[name], [5, 25, 50, 75, 95]) for name in names])
    rows = np.arange(len(names))
    axes.hlines(rows, quantiles[:, 0], quantiles[:, 4], color=BLUE, lw=1.0, alpha=0.7)
    axes.hlines(rows, quantiles[:, 1], quantiles[:, 3], color=BLUE, lw=4.0, alpha=0.45)
    axes.plot(quantiles[:, 2], rows, "o", color=BLUE, ms=5)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    ticks = ticks[:: 1 + len(ticks) // 9]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("response time (s)")
    _name_rows(axes, names)
    light_grid(axes, "x")


@styled
def response_times(times: Mapping[str, Floats], *, width: float = WIDE) -> "Figure":
    """Response times of each participant on a log scale, fastest on top."""
    figure = new_figure(width, participants_height(len(times)))
    draw_response_times(figure.add_subplot(), times)
    return figure


def draw_temperature(axes: "Axes", participants: Sequence[str], draws: Floats) -> None:
    """Draw temperatures into axes, median and 95 % interval; draws have shape (S, P)."""
    reference_line(axes, 1.0)
    _draw_intervals(axes, participants, draws, "temperature (1 = typical)")


def draw_lapse(axes: "Axes", participants: Sequence[str], draws: Floats) -> None:
    """Draw lapse rates into axes, median and 95 % interval; draws have shape (S, P)."""
    _draw_intervals(axes, participants, draws, "lapse rate (share of guesses)")
    axes.set_xlim(left=0)


def _draw_intervals(axes: "Axes", names: Sequence[str], draws: Floats, label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    low, middle, high = np.percentile(draws, [2.5, 50, 97.5], axis=0)
    rows = np.arange(len(names))
    axes.hlines(rows, low, high, color=BLUE, lw=1.6, alpha=0.6)
    axes.plot(middle, rows, "o", color=BLUE, ms=5)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _name_rows(axes, names)
    light_grid(axes, "x")


@styled
def observer_parameters(
    participants: Sequence[str], temperature: Floats, lapse: Floats, *, width: float = WIDE
) -> "Figure":
    """Posterior of each participant's temperature and lapse rate: median and 95 % interval.

    Draws have shape (S, P). The panels are one above the other where the width is small.
    """
    order = np.argsort(np.median(temperature, axis=0), kind="stable")
    names = [participants[row] for row in order]
    stacked = width < 5
    height = participants_height(len(names))
    figure = new_figure(width, 2 * height if stacked else height)
    left, right = figure.subplots(*((2, 1) if stacked else (1, 2)))
    draw_temperature(left, names, temperature[:, order])
    draw_lapse(right, names, lapse[:, order])
    if not stacked:
        right.set_yticklabels([])
        right.set_ylabel("")
    return figure


def draw_times_by_entropy(axes: "Axes", found: "TimesByEntropy") -> None:
    """Draw response times against predicted uncertainty into axes, relative to each person's own.

    Dots: mean over people with its 95 % interval. Band: middle half of the trials.
    """
    value, low, high = (
        np.exp([getattr(time, end) for time in found.time]) for end in ("value", "low", "high")
    )
    band = np.exp(found.quartiles)
    axes.fill_between(found.entropy, band[:, 0], band[:, 2], color=BLUE, alpha=0.15, lw=0)
    axes.vlines(found.entropy, low, high, color=BLUE, lw=1.6, alpha=0.6)
    axes.plot(found.entropy, value, "o-", color=BLUE, ms=5, lw=1.0)
    axes.axhline(1.0, color=MUTED, lw=0.9, ls=DASHES, zorder=0)
    axes.set_yscale("log")
    ends = axes.get_ylim()
    ticks = [tick for tick in _RATIOS if ends[0] <= tick <= ends[1]]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_xlabel("predicted entropy of the answer (nats)")
    axes.set_ylabel("time, relative to the\nperson's geometric mean")
    light_grid(axes, "y")


def _draw_correlations(axes: "Axes", found: "TimesByEntropy") -> None:
    """Draw each person's rank correlation, their mean and its interval, into axes."""
    heights = np.linspace(-0.5, 0.5, 7)[np.argsort(np.argsort(found.correlations)) * 3 % 7]
    axes.scatter(found.correlations, heights, s=14, color=BLUE, alpha=0.45, lw=0)
    of = found.spearman
    axes.plot([of.low, of.high], [0, 0], color=INK, lw=3.0, alpha=0.45, solid_capstyle="round")
    axes.plot(of.value, 0, "D", color=INK, ms=6.5)
    reference_line(axes, 0.0)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.set_xlabel("rank correlation within each person")
    light_grid(axes, "x")


@styled
def times_by_entropy_chart(found: "TimesByEntropy", *, width: float = WIDE) -> "Figure":
    """Response times by predicted uncertainty, and below it everybody's rank correlation."""
    size = min(width, 4.6)
    figure = new_figure(size, size * 0.95)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1))
    draw_times_by_entropy(upper, found)
    _draw_correlations(lower, found)
    return figure
