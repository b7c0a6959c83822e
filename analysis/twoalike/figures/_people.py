"""Figure of how people, and groups of them, weigh the dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.figures._style import (
    BLUE,
    FAINT,
    WIDE,
    category_colours,
    chart_of,
    light_grid,
    reference_line,
)
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def weights_height(dimensions: int, groups: int) -> float:
    """Height in inches of a figure of weights."""
    return 0.75 + dimensions * max(0.46, 0.22 * groups)


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
        _draw_thumbnails(axes, images)


def _draw_thumbnails(axes: "Axes", images: Sequence[Sequence[npt.NDArray[np.uint8]]]) -> None:
    """Draw each row's thumbnails left of it, between the axis and its title."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    most = max(map(len, images))
    axes.tick_params(axis="y", pad=most * (_THUMB + 2) + 8)
    for row, shown in enumerate(images):
        for place, image in enumerate(shown):
            box = OffsetImage(image, zoom=_THUMB / len(image), interpolation="none")
            right = -(most - place - 0.5) * (_THUMB + 2) - 4
            axes.add_artist(
                AnnotationBbox(
                    box,
                    (0, row),
                    xycoords=("axes fraction", "data"),
                    xybox=(right, 0),
                    boxcoords="offset points",
                    frameon=False,
                    pad=0,
                    annotation_clip=False,
                )
            )


weights_chart = chart_of(
    draw_weights,
    lambda width, weights, titles, *_: weights_height(len(titles), len(weights.names)),
    legend=1.7,
    sized=True,
)
"""Weights of every dimension; parameters as of :func:`draw_weights`."""
