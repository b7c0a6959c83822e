"""Sections on the embedding: the map, its dimensions, the similarity matrix.

Coordinates are never averaged over draws. What is averaged is a statement about each draw: that
an object is among the highest on a dimension, and how much of all similarity that carries.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding import DimensionCurve
from twoalike.figures import (
    MOST_ELLIPSES,
    WIDE,
    dimension_chart,
    embedding_map,
    map_layout,
    similarity_heatmap,
)
from twoalike.report._blocks import (
    Block,
    Gallery,
    Row,
    Section,
    Tile,
    image_uri,
    no_posterior,
    percent,
    picture,
    say,
    section,
    thumbnails,
)
from twoalike.report._inputs import Inputs
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Dimension(NamedTuple):
    column: int  # in the embedding
    share: float  # of all similarity (sum of squares): mean, and 95 % interval
    low: float
    high: float
    top: Integers  # objects most surely among the highest, best first
    sureness: Floats  # share of draws in which each of these is among the highest


def describe_dimensions(draws: Floats, highest: int = 8) -> list[Dimension]:
    """Describe every dimension of aligned draws, shape (S, m, D), the weightiest first.

    So many objects count as the ``highest`` on a dimension.

    Examples
    --------
    >>> draws = np.zeros((4, 3, 2))
    >>> draws[:, 0, 1] = 2.0
    >>> draws[:, 1, 0] = 1.0
    >>> [(d.column, round(d.share, 2), d.top.tolist()) for d in describe_dimensions(draws, 1)]
    [(1, 0.8, [0]), (0, 0.2, [1])]
    """
    squares = np.einsum("smd,smd->sd", draws, draws, dtype=np.float64)
    total = squares.sum(axis=1, keepdims=True)
    shares = squares / np.where(total > 0, total, 1.0)
    m = draws.shape[1]
    described = []
    for column in np.argsort(-shares.mean(axis=0), kind="stable").tolist():
        order = np.argsort(-draws[:, :, column], axis=1, kind="stable")[:, :highest]
        sureness = np.bincount(order.ravel(), minlength=m) / len(draws)
        top = np.argsort(-sureness, kind="stable")[:highest]
        low, high = np.percentile(shares[:, column], (2.5, 97.5)).tolist()
        share = float(shares[:, column].mean())
        described.append(Dimension(column, share, low, high, top.astype(np.int64), sureness[top]))
    return described


def shown_dimensions(described: list[Dimension]) -> list[Dimension]:
    """Keep those that carry enough of all similarity to be shown, and not too many."""
    return [d for d in described if d.share >= _LEAST_SHARE][:_MOST_DIMENSIONS]


_MOST_COLOURS = 8
OTHER = "other"
_LEAST_CATEGORY = 3
"""Objects that the largest category needs, for colours by category to show anything."""
_MOST_DIMENSIONS = 12
_LEAST_SHARE = 0.01
_LEAST_SURE = 0.2
_UNFOLDED = 6
_MOST_PAIRED = 200
"""Objects up to which the page carries all pairs; ``twoalike similarity`` writes more."""


def category_labels(stimuli: StimulusSet | None, ids: tuple[str, ...]) -> pd.DataFrame:
    """Category of each object at each level; no columns where nothing is known."""
    if stimuli is None:
        return pd.DataFrame(index=list(ids))
    return stimuli.table.set_index("id").loc[list(ids), list(stimuli.levels)]


def few_categories(labels: pd.DataFrame) -> tuple[str, list[str]] | None:
    """Give each object a category of so few that colours tell them apart, and say of what level.

    The coarsest level that has few; else the largest categories of the coarsest level, the rest
    taken together.
    """
    usable = [str(name) for name in labels if labels[name].nunique() > 1]
    few = [name for name in usable if labels[name].nunique() <= _MOST_COLOURS]
    if few:
        return few[0], list(labels[few[0]])
    if not usable:
        return None
    names = labels[usable[0]]
    largest = [name for name in names.value_counts().index if name != OTHER][: _MOST_COLOURS - 1]
    if names.value_counts()[largest[0]] < _LEAST_CATEGORY:
        return None
    return usable[0], list(names.where(names.isin(largest), OTHER))


def category_levels(labels: pd.DataFrame) -> list[list[str]]:
    """Categories to order a matrix by, coarse to fine: first those of :func:`few_categories`."""
    if (first := few_categories(labels)) is None:
        return []
    levels = [list(labels[name]) for name in labels]
    return [first[1], *(level for level in levels if level != first[1])]


def top_images(
    stimuli: StimulusSet, ids: tuple[str, ...], shown: list[Dimension], most: int = 4
) -> list[list[npt.NDArray[np.uint8]]]:
    """Thumbnails of the highest objects of each dimension."""
    thumbnail = thumbnails(stimuli, ids, 72)
    return [[thumbnail(row) for row in of.top[:most]] for of in shown]


def map_section(inputs: Inputs) -> Section:
    if (posterior := inputs.posterior) is None:
        return section("map", no_posterior())
    ids, stimuli = posterior.ids, inputs.pictured
    level, categories = few_categories(category_labels(stimuli, ids)) or ("", None)
    layout = map_layout(posterior.thinned().embedding)

    def draw(width: float) -> "Figure":
        images = thumbnails(stimuli, ids, 48 if width == WIDE else 32) if stimuli else None
        return embedding_map(layout, categories=categories, images=images, names=ids, width=width)

    (x, y), spread = layout.positions.T, layout.covariances.reshape(-1, 4).T
    numbers = pd.DataFrame({"id": list(ids), "x": x, "y": y})
    numbers = numbers.assign(variance_x=spread[0], covariance=spread[1], variance_y=spread[3])
    said = {"level": level, "n": len(ids), "fit": layout.fit, "images": stimuli is not None}
    shown = picture("map", draw, numbers, many=len(ids) > MOST_ELLIPSES, **said)
    return section("map", shown)


def _common_label(labels: pd.DataFrame, rows: list[int]) -> str:
    """Finest category that at least three quarters of the objects share."""
    for level in reversed(list(labels)):
        counts = labels[level].iloc[rows].value_counts()
        if counts.iloc[0] >= 0.75 * len(rows):
            return f"mostly {level} {counts.index[0]}"
    return ""


def _dimension_row(
    place: int, of: Dimension, ids: tuple[str, ...], stimuli: StimulusSet | None
) -> Row:
    pairs = list(zip(of.top.tolist(), of.sureness.tolist(), strict=True))
    pairs = [pair for pair in pairs if pair[1] >= _LEAST_SURE] or pairs[:1]
    tiles = [
        Tile(ids[row], image_uri(stimuli.picture(ids[row])) if stimuli else None, percent(sure))
        for row, sure in pairs
    ]
    common = _common_label(category_labels(stimuli, ids), [row for row, _ in pairs])
    return Row(f"Dimension {place}", say("dimensions.row", of=of, common=common), tiles)


def dimensions_section(inputs: Inputs, curve: DimensionCurve | None) -> Section:
    if (posterior := inputs.posterior) is None:
        return section("dimensions", no_posterior())
    described = describe_dimensions(posterior.thinned().embedding)
    rows = [
        _dimension_row(place, of, posterior.ids, inputs.pictured)
        for place, of in enumerate(shown_dimensions(described), start=1)
    ]
    caption = say("dimensions.caption", shown=len(rows), of=len(described))
    blocks: list[Block] = [Gallery(caption, rows[:_UNFOLDED], rows[_UNFOLDED:])]
    if curve is not None:
        table = curve.table
        losses = list(zip(table["dimensions"], table["log_loss"], strict=True))
        blocks.append(
            picture(
                "dimension-curve",
                lambda width: dimension_chart(table, width=width),
                table,
                curve=curve,
                losses=losses,
            )
        )
    return section("dimensions", *blocks)


def similarity_section(inputs: Inputs) -> Section:
    if (posterior := inputs.posterior) is None:
        return section("similarity", no_posterior())
    ids = posterior.ids
    labels = category_labels(inputs.pictured, ids)
    levels, matrix = category_levels(labels), posterior.thinned().similarity()
    shown = picture(
        "similarity",
        lambda width: similarity_heatmap(matrix, levels=levels, width=width),
        _pairs(matrix, ids) if len(ids) <= _MOST_PAIRED else None,
        n=len(ids),
        levels=list(map(str, labels)) if levels else [],
        means=_contrast(matrix, levels[0]) if levels else None,
    )
    return section("similarity", shown)


def _pairs(matrix: Floats, ids: tuple[str, ...]) -> pd.DataFrame:
    first, second = np.triu_indices(len(ids), 1)
    names = np.array(ids, dtype=object)
    similarity = matrix[first, second].astype(np.float64).round(5)
    return pd.DataFrame({"item_a": names[first], "item_b": names[second], "similarity": similarity})


def _contrast(matrix: Floats, labels: list[str]) -> tuple[float, float] | None:
    """Mean similarity within and between categories, where there are both."""
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    same = codes[:, None] == codes[None, :]
    within = same & ~np.eye(len(matrix), dtype=bool)
    if not within.any() or same.all():
        return None
    return float(matrix[within].mean()), float(matrix[~same].mean())
