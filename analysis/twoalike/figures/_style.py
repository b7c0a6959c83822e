"""One look for all figures: colours that colour-blind readers can tell apart, quiet axes.

Figures are made without pyplot, so nothing is global, no window system is asked for and a
figure is freed with its last reference.
"""

import base64
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 6.8
"""Width in inches for a page."""
NARROW = 3.7
"""Width in inches for a phone, with the same size of letters."""

DASHES = (0, (4, 3))
"""Of lines that stand for no data."""

INK = "#1b2733"
MUTED = "#5f6b77"
FAINT = "#d9dee3"
BLUE = "#0072b2"
ORANGE = "#e69f00"
GREEN = "#009e73"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"
SKY = "#56b4e9"

PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, "#8c6d1f", "#7a8590")
"""Categories, in order; after Okabe and Ito (https://jfly.uni-koeln.de/color/)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
"""Shape of each category's mark, so that colour is never the only sign."""


def styled[**P, Drawn](draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Draw a figure or axes in the common style, leaving matplotlib's own settings alone."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        from matplotlib.style import context

        with context("twoalike.figures.figures"):  # .mplstyle
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width: float, height: float) -> "Figure":
    """Empty figure, sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    return figure


@dataclass(frozen=True)
class Chart:
    """A figure of one panel: what draws it into axes, and its size."""

    draw: Callable[..., None]
    height: Callable[..., float]
    """From width and what is drawn to inches."""
    most: float = WIDE
    """Inches that it is wide at most."""
    legend: float = 0
    """Inches of a column of the legend of named series."""
    sized: bool = False
    """Whether what draws takes the width, too."""

    @styled
    def __call__(self, *given: Any, width: float = WIDE, **options: Any) -> "Figure":
        width = min(width, self.most)
        figure = new_figure(width, self.height(width, *given, **options))
        axes = figure.add_subplot()
        self.into(axes, *given, width=width, **options)
        handles, labels = axes.get_legend_handles_labels()
        if self.legend and handles:
            columns = min(len(labels), max(2, int(width / self.legend)))
            figure.legend(handles, labels, loc="outside upper left", ncols=columns)
        return figure

    def into(self, axes: "Axes", *given: Any, width: float, **options: Any) -> None:
        """Draw into axes so many inches wide."""
        self.draw(axes, *given, **options, **({"width": width} if self.sized else {}))


def beside_row(
    axes: "Axes", row: int, image: npt.NDArray[np.uint8], points: float, right: float
) -> None:
    """Draw an image so many points wide left of a row of axes, its middle ``right`` of the axis."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    box = OffsetImage(image, zoom=points / len(image), interpolation="none")
    look: dict[str, Any] = {"xybox": (right, 0), "boxcoords": "offset points", "frameon": False}
    look |= {"xycoords": ("axes fraction", "data"), "annotation_clip": False, "pad": 0}
    axes.add_artist(AnnotationBbox(box, (0, row), **look))


_RASTER = 200
"""Dots per inch of what is not drawn as lines."""


def to_svg(figure: "Figure", description: str | None = None) -> bytes:
    """Figure as SVG with its description for who cannot see it; same figure, same bytes."""
    metadata = {"Date": None, "Creator": None, "Description": description}
    drawn = _saved(figure, format="svg", dpi=_RASTER, metadata=metadata)
    # A hundredth of a point is finer than any print; matplotlib writes a millionth.
    drawn = re.sub(rb' d="[^"]*"', lambda path: re.sub(rb"(\.\d\d)\d+", rb"\1", path[0]), drawn)
    return re.sub(rb'(?<=data:image/png;base64,)[^"]*', lambda png: _with_palette(png[0]), drawn)


def _with_palette(content: bytes) -> bytes:
    """Store an opaque picture (PNG in base64) by a table of its colours, if 256 are enough."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA")
    if picture.getchannel("A").getextrema() != (255, 255) or picture.getcolors(256) is None:
        return content
    stored, buffer = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE), io.BytesIO()
    stored.save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue())


def to_pdf(figure: "Figure") -> bytes:
    """Figure as PDF, with its fonts embedded; the same figure gives the same bytes."""
    nameless = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    return _saved(figure, format="pdf", dpi=_RASTER, metadata=nameless)


def to_png(figure: "Figure", dpi: int = 200, description: str | None = None) -> bytes:
    """Figure as PNG on white, with its description; the same figure gives the same bytes."""
    metadata = {"Software": None} | ({"Description": description} if description else {})
    return _saved(figure, format="png", dpi=dpi, facecolor="white", metadata=metadata)


@styled
def _saved(figure: "Figure", **how: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, **how)
    return buffer.getvalue()


def category_colours(labels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each category, in order of appearance."""
    names = dict.fromkeys(labels)
    return {
        name: (PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)])
        for number, name in enumerate(names)
    }


def light_grid(axes: "Axes", axis: Literal["x", "y"]) -> None:
    """Grid lines along one axis only, and no spine on the other."""
    axes.grid(axis=axis)
    other = "left" if axis == "x" else "bottom"
    axes.spines[other].set_visible(False)
    axes.tick_params(axis="y" if axis == "x" else "x", length=0)


def reference_line(axes: "Axes", x: float) -> None:
    """Dashed line at what estimates are held against: chance, no change, the typical person."""
    axes.axvline(x, color=MUTED, lw=0.9, ls=DASHES, zorder=0)
