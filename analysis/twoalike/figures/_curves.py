"""Curves: predicted against observed choices, loss by dimensions, power by judgments."""

from typing import TYPE_CHECKING

import numpy as np

from twoalike.calibration import Reliability
from twoalike.evaluation import Z95
from twoalike.figures._style import (
    BLUE,
    DASHES,
    INK,
    MUTED,
    VERMILION,
    WIDE,
    light_grid,
    new_figure,
    styled,
)
from twoalike.recovery import Measure, PowerResult
from twoalike.study import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

POWER_TITLES: dict[Measure, str] = {
    "regret": "Log-loss above the truth's (nats)",
    "width": "Width of 95 % intervals",
}
_TICKS = np.array([1.0, 2.0, 5.0])


def draw_reliability(axes: "Axes", curve: Reliability) -> None:
    """Draw the observed share of choices against the predicted probability into axes."""
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.9, ls=DASHES, zorder=1)
    axes.vlines(curve.predicted, curve.low, curve.high, color=BLUE, lw=1.6, alpha=0.6)
    axes.plot(curve.predicted, curve.observed, "o-", color=BLUE, ms=5, lw=1.0)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share chosen as odd")
    axes.grid()


@styled
def reliability_curve(
    curve: Reliability, *, answer: str = "the odd one", width: float = WIDE
) -> "Figure":
    """Observed share of choices against predicted probability, with a histogram below."""
    from matplotlib.ticker import PercentFormatter

    size = min(width, 4.6)
    figure = new_figure(size, size * 1.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    draw_reliability(upper, curve)
    edges = np.asarray(curve.edges)
    share = curve.counts / curve.counts.sum()
    lower.bar(edges[:-1], share, np.diff(edges), align="edge", color=BLUE, alpha=0.35, lw=0)
    lower.set(xlabel=f"predicted probability of being {answer}", ylabel="share")
    lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    light_grid(lower, "y")
    return figure


def draw_dimensions(axes: "Axes", table: "pd.DataFrame") -> None:
    """Draw log-loss by number of dimensions, of :attr:`DimensionCurve.table`, into axes."""
    from matplotlib.ticker import MaxNLocator

    count, loss, error = (
        table[name].to_numpy() for name in ("dimensions", "log_loss", "difference_se")
    )
    half = Z95 * error
    axes.vlines(count, loss - half, loss + half, color=BLUE, lw=1.6, alpha=0.6)
    axes.plot(count, loss, "o-", color=BLUE, mfc="white", ms=5, lw=1.0)
    needed = table["needed"].to_numpy()
    axes.plot(count[needed], loss[needed], "o", color=BLUE, ms=6)
    axes.set(xlabel="dimensions kept", ylabel="log-loss (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    light_grid(axes, "y")


@styled
def dimension_chart(table: "pd.DataFrame", *, width: float = WIDE) -> "Figure":
    """Log-loss by number of dimensions; a filled dot is the fewest that are as good as the best."""
    figure = new_figure(min(width, 4.6), 2.6)
    draw_dimensions(figure.add_subplot(), table)
    return figure


@styled
def power_curves(result: PowerResult, *, width: float = WIDE) -> "Figure":
    """Draw simulated studies of several sizes, their learning curves, and the recommended size.

    Left the log-loss on new triplets above that of one who knows the truth, right the mean width
    of the intervals of choice probabilities. A dot is a simulated study; in the band are the
    studies between the assurance and its complement. The dashed line is the target. The panels
    are one above the other where the width (inches) is small.
    """
    stacked = width < 5
    figure = new_figure(width, 6.0 if stacked else 3.3)
    panels = figure.subplots(*((2, 1) if stacked else (1, 2)))
    figure.set_layout_engine("constrained", wspace=0.06)
    for axes, (measure, title) in zip(panels, POWER_TITLES.items(), strict=True):
        draw_power(axes, result, measure)
        axes.set_title(title, pad=8)
    return figure


def draw_power(axes: "Axes", result: PowerResult, measure: Measure) -> None:
    """Draw one measure of :func:`power_curves` into axes."""
    outcomes = result.found.outcomes
    n = np.array([outcome.judgments for outcome in outcomes], dtype=np.float64)
    y = np.array([outcome.value(measure) for outcome in outcomes])
    curve, assurance = result.curve(measure), result.analysis.config.assurance
    grid = np.geomspace(0.8 * n.min(), 1.25 * n.max(), 120)
    low, high = curve.band(grid, assurance)
    axes.fill_between(grid, low, high, color=BLUE, alpha=0.16, lw=0)
    axes.plot(grid, curve.value(grid), color=BLUE, lw=1.6)
    axes.plot(n, y, "o", ms=4.2, mfc="white", mec=BLUE, mew=1.0, alpha=0.9)
    axes.set(xscale="log", xlim=(grid[0], grid[-1]), xlabel="judgments in all")
    if measure == "regret":
        low_y = min(y.min(), low.min(), result.target.value)
        axes.set(yscale="log", ylim=(low_y / 1.15, max(y.max(), high.max()) * 1.1))
    else:
        axes.set_ylim(0, 1.12 * max(y.max(), high.max()))
    _mark_recommended(axes, result, float(grid[0]), float(grid[-1]))
    if measure == result.target.measure:
        _mark_target(axes, result.target.value)
    for axis in (axes.xaxis, axes.yaxis) if measure == "regret" else (axes.xaxis,):
        _plain_ticks(axis)
    light_grid(axes, "y")


def _mark_recommended(axes: "Axes", result: PowerResult, left: float, right: float) -> None:
    """Vertical line at the recommended size, its words on the side that has room."""
    size = result.at_recommended[0].judgments
    people = counted(result.found.participants, "participant")
    text = f"{people}\n× {counted(result.trials, 'trial')}"
    late = size > np.sqrt(left * right)
    axes.axvline(size, color=VERMILION, lw=1.4)
    axes.annotate(
        text,
        (size, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if late else 4, -1),
        textcoords="offset points",
        ha="right" if late else "left",
        va="top",
        color=VERMILION,
        fontweight="bold",
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7},
    )


def _mark_target(axes: "Axes", value: float) -> None:
    axes.axhline(value, color=INK, lw=1.0, ls=DASHES)
    axes.annotate(
        f"target {value:.2g}",
        (0, value),
        xycoords=("axes fraction", "data"),
        xytext=(3, 3),
        textcoords="offset points",
        va="bottom",
        color=MUTED,
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7},
    )


def _plain_ticks(axis: "Axis") -> None:
    """Ticks at 1, 2 and 5 times powers of ten along a logarithmic axis, written out."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = axis.get_view_interval()
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(powers, _TICKS).ravel()
    axis.set_major_locator(FixedLocator(ticks[(ticks >= low) & (ticks <= high)].tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, at: f"{value:,.10g}"))


def power_description(result: PowerResult) -> str:
    """Describe the figure in words, for who cannot see it."""
    outcomes, target = result.found.outcomes, result.target
    sizes = sorted({outcome.judgments for outcome in outcomes})
    ends = [
        np.mean([o.value(target.measure) for o in outcomes if o.judgments == size])
        for size in (sizes[0], sizes[-1])
    ]
    what = "log-loss above the truth's" if target.measure == "regret" else "width of intervals"
    return (
        f"Two panels: log-loss above the truth's and width of 95 % intervals against the number "
        f"of judgments, {len(outcomes)} simulated studies. The {what} falls from {ends[0]:.3g} at "
        f"{sizes[0]:,} judgments to {ends[1]:.3g} at {sizes[-1]:,}; the target is "
        f"{target.value:.3g}. Recommended: {counted(result.found.participants, 'participant')} of "
        f"{result.trials} trials."
    )
