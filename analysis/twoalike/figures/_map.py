"""The embedding as a map: images where there are any, an ellipse for how sure their place is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.figures._layout import MapLayout
from twoalike.figures._style import WIDE, category_colours, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _ellipse(covariance: npt.NDArray[np.float64], mass: float) -> tuple[float, float, float]:
    """Width, height and angle (degrees) of the ellipse that holds ``mass`` of a normal."""
    values, vectors = np.linalg.eigh(covariance)
    radius = np.sqrt(-2 * np.log1p(-mass))  # chi-square quantile with two degrees of freedom
    height, width = 2 * radius * np.sqrt(np.maximum(values, 0))
    return float(width), float(height), float(np.degrees(np.arctan2(*vectors[::-1, 1])))


def visible_images(
    positions: npt.NDArray[np.float64], size: float, overlap: float = 0.45
) -> npt.NDArray[np.bool_]:
    """Choose images so that none hides more than a share of another.

    Parameters
    ----------
    positions
        Centres, shape (m, 2).
    size
        Width of an image in the same unit.
    overlap
        Largest share of the area that two images may have in common.

    Examples
    --------
    >>> visible_images(np.array([[0.0, 0.0], [0.1, 0.0], [2.0, 0.0]]), size=1.0)
    array([ True, False,  True])
    """
    shown = np.zeros(len(positions), dtype=bool)
    for number, place in enumerate(positions):
        apart = np.abs(positions[shown] - place) / size
        common = np.prod(np.maximum(1 - apart, 0), axis=1)
        shown[number] = not (common > overlap).any()
    return shown


def _draw_images(
    axes: "Axes",
    positions: npt.NDArray[np.float64],
    images: Sequence[npt.NDArray[np.uint8]],
    colours: Sequence[str],
    size: float,
) -> npt.NDArray[np.bool_]:
    from matplotlib.patches import Rectangle

    shown = visible_images(positions, size)
    for row in np.flatnonzero(shown).tolist():
        x, y = positions[row] - size / 2
        axes.imshow(
            images[row],
            extent=(x, x + size, y, y + size),
            interpolation="none",
            aspect="equal",
            zorder=3,
        )
        frame = Rectangle((x, y), size, size, fill=False, edgecolor=colours[row], lw=1.1, zorder=3)
        axes.add_patch(frame)
    return shown


@styled
def embedding_map(
    layout: MapLayout,
    *,
    categories: Sequence[str] | None = None,
    images: Sequence[npt.NDArray[np.uint8]] | None = None,
    mass: float = 0.5,
    width: float = WIDE,
) -> "Figure":
    """Map of m objects.

    Parameters
    ----------
    layout
        Places and their covariances, from :func:`map_layout`.
    categories
        Category of each object, for colour and marker.
    images
        Thumbnail of each object, shape (h, w, 3), uint8; those that would hide another are
        drawn as marks.
    mass
        Share of the posterior inside an ellipse.
    width
        Inches.
    """
    from matplotlib.patches import Ellipse

    positions = layout.positions
    names = list(categories or ["object"] * len(positions))
    looks = category_colours(names)
    colours = [looks[name][0] for name in names]
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = float(max(high - low)) or 1.0
    size = extent / (7 + 0.45 * np.sqrt(len(positions)))
    height = width * float(np.clip((high - low)[1] / extent, 0.55, 1.0))
    figure = new_figure(width, height + (0.35 if categories else 0))
    axes = figure.add_subplot()
    for place, covariance, colour in zip(positions, layout.covariances, colours, strict=True):
        w, h, angle = _ellipse(covariance, mass)
        fill: dict[str, Any] = {"facecolor": colour, "alpha": 0.16, "lw": 0}
        axes.add_patch(Ellipse((place[0], place[1]), w, h, angle=angle, zorder=1, **fill))
    shown = np.zeros(len(positions), dtype=bool)
    if images is not None:
        shown = _draw_images(axes, positions, images, colours, size)
    for name, (colour, marker) in looks.items():
        rows = np.array([n == name for n in names]) & ~shown
        style: dict[str, Any] = {"color": colour, "marker": marker, "s": 16, "lw": 0}
        axes.scatter(*positions[rows].T, zorder=2, alpha=0.9, **style)
        axes.scatter([], [], label=name, **style)
    margin = 0.75 * size
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)
    axes.set_aspect("equal")
    axes.axis("off")
    if categories is not None:
        figure.legend(loc="outside upper left", ncols=min(len(looks), max(2, int(width / 1.4))))
    return figure
