"""Figures of predicted choices against those people made."""

from typing import TYPE_CHECKING

import numpy as np

from twoalike.evaluation import Z95, Reliability
from twoalike.figures._style import BLUE, DASHES, MUTED, WIDE, light_grid, new_figure, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@styled
def reliability_curve(curve: Reliability, *, width: float = WIDE) -> "Figure":
    """Observed share of choices against predicted probability, with a histogram below.

    Parameters
    ----------
    curve
        From :func:`twoalike.evaluation.reliability`.
    width
        Inches.
    """
    from matplotlib.ticker import PercentFormatter

    size = min(width, 4.6)
    figure = new_figure(size, size * 1.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    upper.plot([0, 1], [0, 1], color=MUTED, lw=0.9, ls=DASHES, zorder=1)
    upper.vlines(curve.predicted, curve.low, curve.high, color=BLUE, lw=1.6, alpha=0.6)
    upper.plot(curve.predicted, curve.observed, "o-", color=BLUE, ms=5, lw=1.0)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share chosen as odd")
    upper.grid()
    edges = np.asarray(curve.edges)
    share = curve.counts / curve.counts.sum()
    lower.bar(edges[:-1], share, np.diff(edges), align="edge", color=BLUE, alpha=0.35, lw=0)
    lower.set(xlabel="predicted probability of being the odd one", ylabel="share")
    lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    light_grid(lower, "y")
    return figure


@styled
def dimension_chart(table: "pd.DataFrame", *, width: float = WIDE) -> "Figure":
    """Log-loss by number of dimensions; a filled dot is the fewest that are as good as the best.

    Parameters
    ----------
    table
        ``dimensions``, ``log_loss``, ``difference_se`` and ``needed``, as
        :func:`twoalike.embedding.dimension_curve` gives them.
    width
        Inches.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(min(width, 4.6), 2.6)
    axes = figure.add_subplot()
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
    return figure
