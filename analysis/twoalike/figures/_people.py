"""Figures of how people weigh the dimensions: a map of the people, and every dimension."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.figures._map import draw_ellipses, draw_names
from twoalike.figures._style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    WIDE,
    category_colours,
    chart_of,
    light_grid,
    reference_line,
)
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PEOPLE = 60
"""People up to which each has an ellipse; of more, only the typical one is drawn."""
_MOST_NAMED = 30
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


@dataclass(frozen=True)
class PeopleLayout:
    """P people on the two principal components of their mean log weights.

    ``positions`` (P, 2) and ``covariances`` (P, 2, 2), over the draws; ``share`` (2,) of the
    variance of the mean log weights; ``loadings`` (D, 2) of the dimensions.
    """

    positions: Floats
    covariances: Floats
    share: Floats
    loadings: Floats


def people_layout(log: Floats) -> PeopleLayout | None:
    """Lay out people by their log weights, draws of shape (S, P, D).

    The components are those of the posterior means; each draw is projected on them. None where the
    means do not differ in two directions, as with two dimensions.

    Examples
    --------
    >>> log = np.array([[[2.0, -1, -1], [-2, 1, 1], [0, 1, -1], [0, -1, 1]]])
    >>> people_layout(log).share.round(2)
    array([0.75, 0.25])
    """
    log = np.asarray(log, dtype=np.float64)
    mean = log.mean(axis=0)
    centre = mean.mean(axis=0)
    _, size, axes = np.linalg.svd(mean - centre, full_matrices=False)
    if len(size) < 2 or size[1] <= 1e-6 * max(size[0], 1e-12):
        return None
    axes = axes[:2].T
    # A component has no direction of its own: its largest loading is made positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    away = (log - mean) @ axes
    covariances = np.einsum("spi,spj->pij", away, away) / max(len(log) - 1, 1)
    share = size[:2] ** 2 / (size**2).sum()
    return PeopleLayout((mean - centre) @ axes, covariances, share, axes)


def component_label(layout: PeopleLayout, component: int, numbers: Sequence[int]) -> str:
    """Name a component's share, and the dimensions that count most for people at its ends.

    ``numbers`` (D,) are those by which the dimensions go.
    """
    loading = layout.loadings[:, component]
    least, most = (f"dimension {numbers[int(k)]}" for k in (loading.argmin(), loading.argmax()))
    share = f"component {component + 1}, {100 * layout.share[component]:.0f} % of variance"
    return f"{share}: {least} (\N{MINUS SIGN}), {most} (+)"


def draw_people(
    axes: "Axes",
    layout: PeopleLayout,
    *,
    groups: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    numbers: Sequence[int] | None = None,
    width: float = WIDE,
) -> None:
    """Draw the map of P people into axes, ``width`` inches wide.

    ``groups`` give colour and marker, and a group's mean is drawn large; ``names`` are written
    where there is room; ``numbers`` are those of the dimensions, from 1 if None.
    """
    from matplotlib.ticker import MaxNLocator

    positions, people = layout.positions, len(layout.positions)
    of = list(groups or ["person"] * people)
    looks = category_colours(of)
    colours = [looks[name][0] for name in of]
    for line in (axes.axhline, axes.axvline):
        line(0, color=FAINT, lw=0.9, zorder=0)
    few = people <= MOST_PEOPLE
    if few:
        draw_ellipses(axes, positions, layout.covariances, colours, np.ones(people, dtype=bool))
    reach = 1.2 * np.sqrt(np.diagonal(layout.covariances, axis1=1, axis2=2)) * few
    low, high = (positions - reach).min(axis=0), (positions + reach).max(axis=0)
    extent = float((high - low).max()) or 1.0
    for name, (colour, marker) in looks.items():
        own = positions[[group == name for group in of]]
        look: dict[str, Any] = {"color": colour, "marker": marker, "edgecolor": "white"}
        look["label"] = name if groups else None
        axes.scatter(own[:, 0], own[:, 1], s=22 if few else 9, lw=0.5, zorder=3, **look)
        if groups:
            look |= {"edgecolor": INK, "s": 110, "lw": 1.4, "zorder": 4, "label": None}
            axes.scatter(*own.mean(axis=0), **look)
    if not few:
        corner = low[None] + 0.08 * extent
        typical = layout.covariances.mean(axis=0)[None]
        draw_ellipses(axes, corner, typical, [MUTED], np.ones(1, dtype=bool))
    if names and people <= _MOST_NAMED:
        draw_names(axes, positions, names, extent, width)
    numbers = numbers or range(1, len(layout.loadings) + 1)
    axes.set_xlim(low[0] - 0.04 * extent, high[0] + 0.04 * extent)
    axes.set_ylim(low[1] - 0.06 * extent, high[1] + 0.04 * extent)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(_wrapped(component_label(layout, 0, numbers), width - 1.0))
    axes.set_ylabel(_wrapped(component_label(layout, 1, numbers), 0.6 * width))


def _wrapped(label: str, inches: float) -> str:
    from textwrap import fill

    return fill(label, max(int(inches * 13), 20))


def _people_height(width: float, layout: PeopleLayout, **options: Any) -> float:
    across, up = np.ptp(layout.positions, axis=0).tolist()
    return width * float(np.clip(up / (across or 1.0), 0.5, 1.0)) + 0.7


people_map = chart_of(draw_people, _people_height, legend=1.7, sized=True)
"""Map of P people; parameters as of :func:`draw_people`."""


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
