"""Curves and people: predictions, dimensions, power, response times, noise, weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.calibration import Reliability
from twoalike.evaluation import Z95
from twoalike.figures._style import (
    BLUE,
    DASHES,
    FAINT,
    INK,
    MUTED,
    VERMILION,
    WIDE,
    Chart,
    beside_row,
    category_colours,
    light_grid,
    new_figure,
    reference_line,
    styled,
)
from twoalike.recovery import Measure, PowerResult
from twoalike.results import FULL, Replay
from twoalike.study import Floats, Integers, counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from twoalike.calibration import TimesByEntropy

POWER_TITLES: dict[Measure, str] = {
    "regret": "Log-loss above the truth's (nats)",
    "width": "Width of 95 % intervals",
}


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


dimension_chart = Chart(draw_dimensions, lambda width, table: 2.6, most=4.6)
"""Log-loss by number of dimensions; a filled dot is the fewest that are as good as the best."""


@styled
def power_curves(result: PowerResult, *, width: float = WIDE) -> "Figure":
    """Draw simulated studies of several sizes, their learning curves, and the recommended size.

    Left the log-loss on new triplets above that of one who knows the truth, right the mean width
    of the intervals of choice probabilities. The panels are one above the other where the width
    (inches) is small.
    """
    stacked = width < 5
    figure = new_figure(width, 6.0 if stacked else 3.3)
    panels = figure.subplots(*((2, 1) if stacked else (1, 2)))
    figure.set_layout_engine("constrained", wspace=0.06)
    for axes, (measure, title) in zip(panels, POWER_TITLES.items(), strict=False):
        draw_power(axes, result, measure)
        axes.set_title(title, pad=8)
    return figure


def draw_power(axes: "Axes", result: PowerResult, measure: Measure) -> None:
    """Draw one measure of simulated studies into axes.

    A dot is a study; in the band are the studies between the assurance and its complement. The
    dashed line is the target.
    """
    studies = result.found.studies
    n, y = (studies[name].to_numpy(np.float64) for name in ("judgments", measure))
    curve, assurance = result.curve(measure), result.analysis.assurance
    grid = np.geomspace(0.8 * n.min(), 1.25 * n.max(), 120)
    low, high = curve.band(grid, assurance)
    axes.fill_between(grid, low, high, color=BLUE, alpha=0.16, lw=0)
    axes.plot(grid, curve.value(grid), color=BLUE, lw=1.6)
    axes.plot(n, y, "o", ms=4.2, mfc="white", mec=BLUE, mew=1.0, alpha=0.9)
    axes.set(xscale="log", xlim=(grid[0], grid[-1]), xlabel="judgments in all")
    _plain_ticks(axes.xaxis)
    if measure == "regret":
        low_y = min(y.min(), low.min(), result.target.value)
        axes.set(yscale="log", ylim=(low_y / 1.15, max(y.max(), high.max()) * 1.1))
        _plain_ticks(axes.yaxis)
    else:
        axes.set_ylim(0, 1.12 * max(y.max(), high.max()))
    size = int(result.at_recommended["judgments"].iloc[0])
    people = counted(result.found.participants, "participant")
    side = -1 if size > np.sqrt(grid[0] * grid[-1]) else 1  # the side that has room
    axes.axvline(size, color=VERMILION, lw=1.4)
    axes.annotate(
        f"{people}\n× {counted(result.analysis.trials, 'trial')}",
        (size, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4 * side, -1),
        ha="left" if side > 0 else "right",
        va="top",
        color=VERMILION,
        fontweight="bold",
        **_NOTE,
    )
    if measure == result.target.measure:
        target = result.target.value
        axes.axhline(target, color=INK, lw=1.0, ls=DASHES)
        axes.annotate(
            f"target {target:.2g}",
            (0, target),
            xycoords=("axes fraction", "data"),
            xytext=(3, 3),
            va="bottom",
            color=MUTED,
            **_NOTE,
        )
    light_grid(axes, "y")


_NOTE: dict[str, Any] = {
    "textcoords": "offset points",
    "fontsize": 8,
    "bbox": {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7},
}
"""Look of words beside a line."""


def _plain_ticks(axis: "Axis") -> None:
    """Ticks at 1, 2 and 5 times powers of ten along a logarithmic axis, written out."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, at: f"{value:,.10g}"))


def draw_replay(axes: "Axes", found: Replay) -> None:
    """Draw held-out log-loss of designs by number of answers; dashed: the full random design."""
    full = found.curve(FULL)[-1]
    axes.axhline(full.value, color=MUTED, lw=0.9, ls=DASHES, zorder=0)
    for arm, (colour, marker) in category_colours(found.arms).items():
        rows, line = found.curve(arm), "-" if "," in arm else DASHES
        n, y = [of.n or 0 for of in rows], [of.value for of in rows]
        if rows[0].low is not None:
            ends = np.array([(of.low, of.high) for of in rows]).T
            axes.fill_between(n, *ends, color=colour, alpha=0.14, lw=0)
        axes.plot(n, y, marker=marker, color=colour, ms=4, lw=1.3, ls=line, label=arm)
    axes.set(xlabel="answers", ylabel="log-loss of answers held out (nats)", xlim=(0, None))
    axes.legend()
    light_grid(axes, "y")


replay_chart = Chart(draw_replay, lambda width, found: 3.4, most=5.6)
"""Held-out log-loss of designs by number of recorded answers, with intervals over seeds."""


def power_description(result: PowerResult) -> str:
    """Describe the figure in words, for who cannot see it."""
    studies, target = result.found.studies, result.target
    means = studies.groupby("judgments")[target.measure].mean().iloc[[0, -1]]
    (fewest, first), (most, last) = means.items()
    what = "log-loss above the truth's" if target.measure == "regret" else "width of intervals"
    return (
        f"Two panels: log-loss above the truth's and width of 95 % intervals against the number "
        f"of judgments, {len(studies)} simulated studies. The {what} falls from {first:.3g} at "
        f"{fewest:,} judgments to {last:.3g} at {most:,}; the target is "
        f"{target.value:.3g}. Recommended: {counted(result.found.participants, 'participant')} of "
        f"{result.analysis.trials} trials."
    )


_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60, 120, 300)
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
    ticks = [tick for tick in _SECONDS if low <= tick <= high]
    ticks = ticks[:: 1 + len(ticks) // 9]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("response time (s)")
    _name_rows(axes, names)
    light_grid(axes, "x")


response_times = Chart(draw_response_times, lambda width, times: participants_height(len(times)))
"""Response times of each participant on a log scale, fastest on top."""


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


temperature_chart, lapse_chart = (
    Chart(draw, lambda width, names, draws: participants_height(len(names)))
    for draw in (draw_temperature, draw_lapse)
)
"""Of each participant, median and 95 % interval."""


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


@styled
def times_by_entropy_chart(found: "TimesByEntropy", *, width: float = WIDE) -> "Figure":
    """Response times by predicted uncertainty, and below it everybody's rank correlation."""
    size = min(width, 4.6)
    figure = new_figure(size, size * 0.95)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1))
    draw_times_by_entropy(upper, found)
    of = found.spearman
    heights = np.linspace(-0.5, 0.5, 7)[np.argsort(np.argsort(found.correlations)) * 3 % 7]
    lower.scatter(found.correlations, heights, s=14, color=BLUE, alpha=0.45, lw=0)
    lower.plot([of.low, of.high], [0, 0], color=INK, lw=3.0, alpha=0.45, solid_capstyle="round")
    lower.plot(of.value, 0, "D", color=INK, ms=6.5)
    reference_line(lower, 0.0)
    lower.set_ylim(-1, 1)
    lower.set_yticks([])
    lower.set_xlabel("rank correlation within each person")
    light_grid(lower, "x")
    return figure


_TICKS = (
    (0.1, 0.2, 0.5, 1, 2, 5, 10),
    (0.3, 0.5, 0.7, 1, 1.4, 2, 3),
    (0.6, 0.8, 1, 1.25, 1.6),
    (0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6),
)
"""Weights marked on a logarithmic axis: the first of these with enough in range."""
_NARROWER = 5.0
"""Inches below which a figure has fewer ticks, and fewer columns in its legend."""
_THUMB = 26.0
"""Width of a thumbnail beside a dimension, in points."""


@dataclass(frozen=True, eq=False)
class DimensionWeights:
    """Log weights of D dimensions: of P people, ``people`` (P, D), and of G groups of them.

    ``group`` (P,) are places among ``names`` (G,); ``mean``, ``low``, ``high`` (G, D) are of each
    group's average person, with the ends of the interval. Without groups G is 0.
    """

    people: Floats
    group: Integers
    names: Sequence[str]
    mean: Floats
    low: Floats
    high: Floats


def draw_weights(
    axes: "Axes",
    weights: DimensionWeights,
    titles: Sequence[str],
    images: Sequence[Sequence[npt.NDArray[np.uint8]]] | None = None,
    *,
    width: float = WIDE,
) -> None:
    """Draw the weights of dimensions into axes, a row each with its title, and thumbnails if any.

    Small dots are people. Of groups: the average person and the interval; without groups the
    median, the middle half and the middle nine tenths of the people.
    """
    n, groups = len(titles), len(weights.names)
    looks = list(category_colours(weights.names).values()) or [(BLUE, "o")]
    height = 0.7 / max(groups, 1)
    for place in range(max(groups, 1)):
        colour, marker = looks[place]
        rows = np.arange(n) + (place - (max(groups, 1) - 1) / 2) * height
        own = weights.people[weights.group == place] if groups else weights.people
        faint = float(np.clip(1 / np.sqrt(len(own)), 0.06, 0.45))
        points: dict[str, Any] = {"s": 9, "color": colour, "alpha": faint, "lw": 0}
        axes.scatter(np.exp(own).ravel(), np.tile(rows, len(own)), zorder=1, **points)
        if groups:
            middle, ends = weights.mean[place], (weights.low[place], weights.high[place])
        else:
            tenths = np.quantile(own, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
            middle, ends = tenths[2], (tenths[1], tenths[3])
            axes.hlines(rows, *np.exp(tenths[[0, 4]]), color=colour, lw=1.0, alpha=0.7)
        axes.hlines(rows, *np.exp(ends), color=colour, lw=3.5, alpha=0.5)
        label = weights.names[place] if groups else None
        axes.plot(np.exp(middle), rows, marker, color=colour, ms=6.5, label=label)
    reference_line(axes, 1.0)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    choices = [[tick for tick in some if low <= tick <= high] for some in _TICKS]
    fewest = 3 if width < _NARROWER else 4
    ticks = next((some for some in choices if len(some) >= fewest), choices[-1])
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("weight (1: the average)")
    axes.set_yticks(range(n), titles)
    axes.set_ylim(n - 0.5, -0.5)
    for row in range(1, n):
        axes.axhline(row - 0.5, color=FAINT, lw=0.8, zorder=0)
    light_grid(axes, "x")
    if images:
        most = max(map(len, images))
        axes.tick_params(axis="y", pad=most * (_THUMB + 2) + 8)
        for row, shown in enumerate(images):
            for place, image in enumerate(shown):
                right = -(most - place - 0.5) * (_THUMB + 2) - 4
                beside_row(axes, row, image, _THUMB, right)


weights_chart = Chart(
    draw_weights,
    lambda width, weights, titles, *_: 0.75 + len(titles) * max(0.46, 0.22 * len(weights.names)),
    legend=1.7,
    sized=True,
)
"""Weights of every dimension; parameters as of :func:`draw_weights`."""


def draw_agreement(axes: "Axes", first: Floats, second: Floats, names: tuple[str, str]) -> None:
    """Draw the standardised similarities of pairs in two studies, shape (n,) each, into axes."""
    low, high = float(min(first.min(), second.min())), float(max(first.max(), second.max()))
    axes.plot([low, high], [low, high], color=MUTED, lw=0.9, ls=DASHES, zorder=1)
    if len(first) > _MOST_DOTS:
        axes.hexbin(first, second, gridsize=50, bins="log", mincnt=1, cmap="cividis", lw=0)
    else:
        axes.plot(first, second, "o", color=BLUE, ms=3.5, mew=0, alpha=0.4)
    axes.set(xlabel=f"similarity in {names[0]} (SD)", ylabel=f"similarity in {names[1]} (SD)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid()


_MOST_DOTS = 2000
agreement_chart = Chart(draw_agreement, lambda width, *_: 0.9 * width, most=4.6)
"""Similarities in two studies; parameters as of :func:`draw_agreement`."""


def draw_people(axes: "Axes", values: Mapping[str, Floats], label: str) -> None:
    """Draw a number of every person, one row a study, with median and middle half, into axes."""
    rng = np.random.default_rng(0)
    for row, (of, colour) in enumerate(zip(values.values(), (BLUE, VERMILION), strict=False)):
        height = row + rng.uniform(-0.22, 0.22, len(of))
        axes.plot(of, height, "o", color=colour, ms=3.5, mew=0, alpha=0.5)
        low, middle, high = np.quantile(of, [0.25, 0.5, 0.75])
        axes.plot([low, high], [row, row], color=INK, lw=3, alpha=0.7, solid_capstyle="butt")
        axes.plot(middle, row, "D", color=INK, ms=6, mec="white")
    axes.set_yticks(range(len(values)), list(values))
    axes.set(xlabel=label, ylim=(len(values) - 0.5, -0.5))
    light_grid(axes, "x")


people_beside = Chart(draw_people, lambda width, *_: 1.5, most=6.0)
"""People of two studies; parameters as of :func:`draw_people`."""
