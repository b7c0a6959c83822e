"""Sections on the embedding: the map, its dimensions, the similarity matrix.

Coordinates are never averaged over draws. What is averaged is a statement about each draw: that
an object is among the highest on a dimension, and how much of all similarity that carries.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
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
    NO_POSTERIOR,
    Block,
    Gallery,
    Picture,
    Row,
    Section,
    Thumbnails,
    Tile,
    image_uri,
    number,
    percent,
)
from twoalike.report._inputs import Inputs
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Integers, counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Dimension:
    """One dimension."""

    index: int  # its column in the embedding
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
    >>> [(d.index, round(d.share, 2), d.top.tolist()) for d in describe_dimensions(draws, 1)]
    [(1, 0.8, [0]), (0, 0.2, [1])]
    """
    squares = np.einsum("smd,smd->sd", draws, draws, dtype=np.float64)
    total = squares.sum(axis=1, keepdims=True)
    shares = squares / np.where(total > 0, total, 1.0)
    m = draws.shape[1]
    highest = min(highest, m)
    described = []
    for index in np.argsort(-shares.mean(axis=0), kind="stable").tolist():
        order = np.argsort(-draws[:, :, index], axis=1, kind="stable")[:, :highest]
        sureness = np.bincount(order.ravel(), minlength=m) / len(draws)
        top = np.argsort(-sureness, kind="stable")[:highest]
        low, high = np.percentile(shares[:, index], (2.5, 97.5))
        share = float(shares[:, index].mean())
        described.append(
            Dimension(index, share, float(low), float(high), top.astype(np.int64), sureness[top])
        )
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


def with_all(stimuli: StimulusSet | None, ids: tuple[str, ...]) -> StimulusSet | None:
    """Return the stimulus set, if it holds all objects of the embedding."""
    return stimuli if stimuli is not None and set(ids) <= set(stimuli.ids) else None


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
    first = few_categories(labels)
    levels = [first[1]] if first else []
    return levels + [
        list(labels[name]) for name in labels if levels and list(labels[name]) != levels[0]
    ]


def map_section(inputs: Inputs) -> Section:
    """Map of the embedding."""
    title, anchor = "Map of the embedding", "map"
    lead = (
        "What people find alike lies close together. The map flattens all dimensions to two, so "
        "near means alike only as far as two dimensions can show it."
    )
    posterior = inputs.posterior
    if posterior is None:
        return Section(anchor, title, lead, [NO_POSTERIOR])
    ids = posterior.ids
    stimuli = with_all(inputs.stimuli, ids)
    labels = category_labels(stimuli, ids)
    level, categories = few_categories(labels) or ("", None)
    layout = map_layout(posterior.thinned().embedding)

    def draw(width: float) -> "Figure":
        images = Thumbnails(stimuli, ids, 48 if width == WIDE else 32) if stimuli else None
        return embedding_map(layout, categories=categories, images=images, names=ids, width=width)

    by = f", coloured by {level}" if level else ""
    whose = "an ellipse" if len(ids) <= MOST_ELLIPSES else "some ellipses"
    caption = (
        f"Each object at its place by the mean similarities{by}. Ellipse: where half of the "
        "posterior puts it"
        + (", of those with room for it" if len(ids) > MOST_ELLIPSES else "")
        + ". Distances on the map and in the embedding correlate "
        f"{number(layout.fit, 2)}."
        + (" Images that would hide another are drawn as marks." if stimuli else "")
    )
    alt = f"Map of {counted(len(ids), 'object')}{by}, with {whose} of uncertainty."
    (x, y), spread = layout.positions.T, layout.covariances.reshape(-1, 4).T
    numbers = pd.DataFrame({"id": list(ids), "x": x, "y": y})
    numbers = numbers.assign(variance_x=spread[0], covariance=spread[1], variance_y=spread[3])
    picture = Picture.draw(draw, alt=alt, caption=caption, numbers=numbers)
    return Section(anchor, title, lead, [picture])


def _common_label(labels: pd.DataFrame, rows: list[int]) -> str:
    """Finest category that at least three quarters of the objects share."""
    for level in reversed(list(labels)):
        counts = labels[level].iloc[rows].value_counts()
        if counts.iloc[0] >= 0.75 * len(rows):
            return f"mostly {level} {counts.index[0]}"
    return ""


def _dimension_row(
    place: int,
    dimension: Dimension,
    ids: tuple[str, ...],
    stimuli: StimulusSet | None,
    labels: pd.DataFrame,
) -> Row:
    tiles = []
    pairs = list(zip(dimension.top.tolist(), dimension.sureness.tolist(), strict=True))
    pairs = [pair for pair in pairs if pair[1] >= _LEAST_SURE] or pairs[:1]
    rows = [row for row, _ in pairs]
    for row, sure in pairs:
        image = image_uri(stimuli.picture(ids[row])) if stimuli else None
        tiles.append(Tile(ids[row], image, percent(sure)))
    share = f"{percent(dimension.share, 1)} of similarity"
    interval = f"[{percent(dimension.low, 1)}, {percent(dimension.high, 1)}]"
    note = " · ".join(part for part in (f"{share} {interval}", _common_label(labels, rows)) if part)
    return Row(f"Dimension {place}", note, tiles)


def _curve_blocks(curve: DimensionCurve | None) -> list[Block]:
    """How many of the dimensions the judgments need."""
    if curve is None:
        return []
    table = curve.table
    by_number = "; ".join(
        f"{count}: {number(loss)}"
        for count, loss in zip(table["dimensions"], table["log_loss"], strict=True)
    )
    how = "each left out of what predicts it" if curve.fitted else "which were not in the fit"
    picture = Picture.draw(
        lambda width: dimension_chart(table, width=width),
        alt=f"Log-loss by number of dimensions: {by_number}. Needed: {curve.needed}.",
        caption=(
            f"Log-loss with only the weightiest dimensions, of {counted(curve.subset, 'judgment')}"
            f", {how}. Lines: 95 % of the difference to the best number. "
            f"{counted(curve.needed, 'dimension')} (filled) predict as well as any number, within "
            "two standard errors."
        ),
        numbers=table,
    )
    return [picture]


def dimensions_section(inputs: Inputs, curve: DimensionCurve | None) -> Section:
    """Dimensions with their highest objects, and how many of them are needed."""
    title, anchor = "Dimensions", "dimensions"
    lead = (
        "Two objects are alike as far as they are high on the same dimensions. Read a dimension "
        "by its highest objects; the percentages say how sure it is that they belong there."
    )
    posterior = inputs.posterior
    if posterior is None:
        return Section(anchor, title, lead, [NO_POSTERIOR])
    ids = posterior.ids
    stimuli = with_all(inputs.stimuli, ids)
    labels = category_labels(stimuli, ids)
    described = describe_dimensions(posterior.thinned().embedding)
    shown = shown_dimensions(described)
    rows = [
        _dimension_row(place, dimension, ids, stimuli, labels)
        for place, dimension in enumerate(shown, start=1)
    ]
    rest = len(described) - len(shown)
    caption = (
        f"{counted(len(shown), 'dimension')} of {len(described)}, by weight"
        + (f"; the other {rest} carry little" if rest else "")
        + ". Percentage under an image: share of draws with it among the highest."
    )
    blocks: list[Block] = [Gallery(caption, rows[:_UNFOLDED], rows[_UNFOLDED:])]
    blocks += _curve_blocks(curve)
    return Section(anchor, title, lead, blocks)


def similarity_section(inputs: Inputs) -> Section:
    """Matrix of similarities by category."""
    title, anchor = "Similarity", "similarity"
    lead = "Bright blocks on the diagonal are categories whose members people find alike."
    posterior = inputs.posterior
    if posterior is None:
        return Section(anchor, title, lead, [NO_POSTERIOR])
    ids = posterior.ids
    labels = category_labels(with_all(inputs.stimuli, ids), ids)
    levels = category_levels(labels)
    matrix = posterior.thinned().similarity()
    ordered = f", ordered by {', then '.join(map(str, labels))}" if levels else ""
    caption = (
        "Mean over draws of the dot product of two objects' embeddings"
        + (ordered or ", in the order of the stimulus list")
        + "; colours end at the 1st and 99th percentile."
    )
    alt = f"Similarity matrix of {counted(len(ids), 'object')}{ordered}."
    if levels:
        alt += " " + _contrast(matrix, levels[0])
    picture = Picture.draw(
        lambda width: similarity_heatmap(matrix, levels=levels, width=width),
        alt=alt,
        caption=caption,
        numbers=_pairs(matrix, ids) if len(ids) <= _MOST_PAIRED else None,
    )
    return Section(anchor, title, lead, [picture])


def _pairs(matrix: Floats, ids: tuple[str, ...]) -> pd.DataFrame:
    first, second = np.triu_indices(len(ids), 1)
    names = np.array(ids, dtype=object)
    similarity = matrix[first, second].astype(np.float64).round(5)
    return pd.DataFrame({"item_a": names[first], "item_b": names[second], "similarity": similarity})


def _contrast(matrix: Floats, labels: list[str]) -> str:
    """Mean similarity within and between categories, in words."""
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    same = codes[:, None] == codes[None, :]
    off = ~np.eye(len(matrix), dtype=bool)
    if not (same & off).any() or same.all():
        return ""
    within, between = matrix[same & off].mean(), matrix[~same].mean()
    return f"Mean similarity within a category {within:.2f}, between categories {between:.2f}."
