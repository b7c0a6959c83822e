"""The map as a picture: on the page, and as a file of its own."""

from typing import TYPE_CHECKING

from twoalike.demo._yourself_result import Result
from twoalike.figures import NARROW, embedding_map
from twoalike.report import Thumbnails
from twoalike.stimuli import ATTRIBUTION
from twoalike.study import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_COLOURS = 5
_CREDIT = "Images: OpenMoji, CC BY-SA 4.0"


def draw_map(result: Result, width: float, *, titled: bool = False) -> "Figure":
    """Map of the objects; ``titled`` where it will be seen without the page."""
    level = coloured_level(result)
    figure = embedding_map(
        result.layout,
        categories=list(result.categories[level]) if level else None,
        images=Thumbnails(result.stimuli, result.ids, 160 if width > NARROW else 112),
        width=width,
        spread=True,
    )
    if titled:
        lines = [
            f"{result.title}, from {counted(len(result.chosen), 'choice')}: what was kept "
            "together lies close.",
            "An ellipse holds half of the places where its object may belong. "
            + (f"{_CREDIT}." if credited(result) else ""),
        ]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5)
    return figure


def credited(result: Result) -> bool:
    """Whether the images are OpenMoji's, to be credited wherever they are shown."""
    return (result.stimuli.folder / ATTRIBUTION).is_file()


def coloured_level(result: Result) -> str | None:
    """Find the finest level with few enough categories to tell colours apart."""
    levels = [n for n in result.categories if 1 < result.categories[n].nunique() <= _MOST_COLOURS]
    return str(levels[-1]) if levels else None
