"""The similarity matrix, its objects ordered by category."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.figures._style import INK, WIDE, category_colours, new_figure, styled
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_ROWS = 600
_ROOMY = 4.5  # inches


def category_order(levels: Sequence[Sequence[str]], n: int) -> Integers:
    """Order that puts objects of one category together, levels coarse to fine.

    Categories keep their order of first appearance.

    Examples
    --------
    >>> category_order([["plant", "animal", "plant"], ["fern", "fox", "moss"]], 3)
    array([0, 2, 1])
    """
    ranks: list[Integers] = []
    for level in levels:
        place = {name: rank for rank, name in enumerate(dict.fromkeys(level))}
        ranks.append(np.array([place[name] for name in level]))
    return np.lexsort([np.arange(n), *ranks[::-1]]).astype(np.int64)


def _runs(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Name, start and end of each run of equal labels."""
    runs, start = [], 0
    for name, members in groupby(labels):
        end = start + len(list(members))
        runs.append((name, start, end))
        start = end
    return runs


def _mark_categories(axes: "Axes", levels: Sequence[Sequence[str]], n: int, size: float) -> None:
    """Coloured strips and names of the coarse categories, thin lines between the next ones."""
    from matplotlib.patches import Rectangle

    looks = category_colours(levels[0])
    strip, upright = 0.025 * n, size < _ROOMY
    for name, start, end in _runs(levels[0]):
        colour = looks[name][0]
        box: dict[str, Any] = {"facecolor": colour, "lw": 0, "clip_on": False}
        axes.add_patch(Rectangle((-strip * 1.5, start), strip, end - start, **box))
        axes.add_patch(Rectangle((start, -strip * 1.5), end - start, strip, **box))
        # Names upright where there is no room beside the matrix; none where they would collide.
        along = 0.075 * len(name) if upright else 0.15
        if (end - start) / n * 0.7 * size >= along:
            look: dict[str, Any] = {"rotation": 90 if upright else 0, "color": INK}
            middle = (start + end) / 2
            axes.text(-strip * 2.2, middle, name, ha="right", va="center", **look)
        for edge in {start, end} - {0, n}:
            axes.axhline(edge, color="white", lw=1.2)
            axes.axvline(edge, color="white", lw=1.2)
    for _, start, _ in _runs(levels[1]) if len(levels) > 1 else []:
        if 0 < start:
            axes.axhline(start, color="white", lw=0.4)
            axes.axvline(start, color="white", lw=0.4)


def _averaged(values: Floats, most: int) -> Floats:
    """Mean over square blocks, so that at most ``most`` rows are left; NaN counts for nothing."""
    step = -(-len(values) // most)
    if step == 1:
        return values
    starts = np.arange(0, len(values), step)

    def blocks(of: Floats) -> Floats:
        return np.asarray(np.add.reduceat(np.add.reduceat(of, starts, axis=0), starts, axis=1))

    known = blocks((~np.isnan(values)).astype(np.float64))
    return np.asarray(blocks(np.nan_to_num(values)) / np.where(known > 0, known, np.nan))


@styled
def similarity_heatmap(
    matrix: Floats,
    *,
    levels: Sequence[Sequence[str]] = (),
    label: str = "similarity",
    width: float = WIDE,
) -> "Figure":
    """Similarity of every pair of m objects, grouped by category."""
    size = min(width, 5.6)
    figure = new_figure(size, size * 0.88)
    draw_similarity(figure.add_subplot(), matrix, levels=levels, label=label, size=size)
    return figure


def draw_similarity(
    axes: "Axes",
    matrix: Floats,
    *,
    levels: Sequence[Sequence[str]] = (),
    label: str = "similarity",
    size: float = _ROOMY,
) -> None:
    """Draw similarities into axes ``size`` inches wide, grouped by category.

    The matrix is symmetric, shape (m, m); its diagonal is left blank, and of more than 600 objects
    neighbours are averaged: a screen shows no more. Categories of each object are given for each
    level, coarse to fine; the first two are marked.
    """
    n = len(matrix)
    order = category_order(levels, n)
    values = np.array(matrix, dtype=np.float64)[np.ix_(order, order)]
    between = values[~np.eye(n, dtype=bool)]
    np.fill_diagonal(values, np.nan)
    image = axes.imshow(
        _averaged(values, _MOST_ROWS),
        extent=(0, n, n, 0),
        interpolation="none",
        vmin=float(np.percentile(between, 1)),
        vmax=float(np.percentile(between, 99)),
    )
    axes.axis("off")
    if levels:
        _mark_categories(axes, [[level[row] for row in order] for level in levels], n, size)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, pad=0.03, label=label, extend="both")
    bar.outline.set_visible(False)
