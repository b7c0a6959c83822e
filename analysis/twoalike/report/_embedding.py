"""Sections on the embedding: map, dimensions, similarities, and what people weigh by them.

Coordinates are never averaged over draws. What is averaged is a statement about each draw: that
an object is among the highest on a dimension, and how much of all similarity that carries.

Groups of people are those that the posterior was fitted with, or those of ``derived/groups.json``,
which also has the tests, or else those that the study declares. What is drawn comes from the
posterior itself; by a number per person, people of lower and higher numbers are drawn as two
groups.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding import DimensionCurve, GroupViews, Posterior, view_groups
from twoalike.figures import (
    MOST_ELLIPSES,
    MOST_SPREAD,
    WIDE,
    DimensionWeights,
    dimension_chart,
    embedding_map,
    similarity_heatmap,
    weights_chart,
)
from twoalike.report._blocks import (
    Block,
    Gallery,
    Grid,
    Missing,
    Picture,
    Row,
    Section,
    Text,
    Tile,
    image_uri,
    no_posterior,
    number,
    pair_tiles,
    percent,
    picture,
    say,
    section,
    signed,
    thumbnails,
)
from twoalike.report._inputs import Comparison, Couple, Found, Inputs
from twoalike.stimuli import StimulusSet
from twoalike.study import MISSING, Floats, Integers, shortened

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
    stimuli: StimulusSet | None, ids: tuple[str, ...], shown: list[Dimension], most: int = 4
) -> list[list[npt.NDArray[np.uint8]]] | None:
    """Thumbnails of the highest objects of each dimension; None where they are no images."""
    thumbnail = thumbnails(stimuli, ids, 72)
    return thumbnail and [[thumbnail(row) for row in of.top[:most]] for of in shown]


def map_section(inputs: Inputs) -> Section:
    if (posterior := inputs.posterior) is None or (layout := inputs.layout) is None:
        return section("map", no_posterior())
    ids, stimuli = posterior.ids, inputs.pictured
    level, categories = few_categories(category_labels(inputs.known, ids)) or ("", None)

    def draw(width: float) -> "Figure":
        images = thumbnails(stimuli, ids, 48 if width == WIDE else 32)
        return embedding_map(layout, categories=categories, images=images, names=ids, width=width)

    (x, y), spread = layout.positions.T, layout.covariances.reshape(-1, 4).T
    numbers = pd.DataFrame({"id": list(ids), "x": x, "y": y})
    numbers = numbers.assign(variance_x=spread[0], covariance=spread[1], variance_y=spread[3])
    pictured = thumbnails(stimuli, ids) is not None
    said = {"level": level, "n": len(ids), "fit": layout.fit, "images": pictured}
    said["spread"] = len(ids) <= MOST_SPREAD
    shown = picture("map", draw, numbers, many=len(ids) > MOST_ELLIPSES, **said)
    return section("map", shown)


def _common_label(labels: pd.DataFrame, rows: list[int]) -> str:
    """Finest category that at least three quarters of the objects share."""
    for level in reversed(list(labels)):
        counts = labels[level].iloc[rows].value_counts()
        if counts.iloc[0] >= 0.75 * len(rows):
            return f"mostly {level} {counts.index[0]}"
    return ""


def _dimension_row(place: int, of: Dimension, ids: tuple[str, ...], inputs: Inputs) -> Row:
    pairs = list(zip(of.top.tolist(), of.sureness.tolist(), strict=True))
    pairs = [pair for pair in pairs if pair[1] >= _LEAST_SURE] or pairs[:1]
    shown = inputs.pictured
    tiles = [
        Tile(ids[row], image_uri(shown.picture(ids[row])) if shown else None, percent(sure))
        for row, sure in pairs
    ]
    common = _common_label(category_labels(inputs.known, ids), [row for row, _ in pairs])
    note = say("dimensions.row", of=of, common=common, distance=inputs.distance)
    return Row(f"Dimension {place}", note, tiles)


def dimensions_section(inputs: Inputs, curve: DimensionCurve | None) -> Section:
    if (posterior := inputs.posterior) is None:
        return section("dimensions", no_posterior(), distance=False)
    described = describe_dimensions(posterior.thinned().embedding)
    rows = [
        _dimension_row(place, of, posterior.ids, inputs)
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
    return section("dimensions", *blocks, distance=inputs.distance)


def similarity_section(inputs: Inputs) -> Section:
    if (posterior := inputs.posterior) is None:
        return section("similarity", no_posterior())
    ids = posterior.ids
    labels = category_labels(inputs.known, ids)
    levels, matrix = category_levels(labels), posterior.thinned().similarity()
    order = range(len(ids)) if levels or inputs.tree is None else inputs.tree.members[-1]
    shown = picture(
        "similarity",
        lambda width: similarity_heatmap(matrix[np.ix_(order, order)], levels=levels, width=width),
        _pairs(matrix, ids) if len(ids) <= _MOST_PAIRED else None,
        n=len(ids),
        distance=inputs.distance,
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


_TOP = 4
"""Objects shown beside a dimension; three on a phone."""
_CANDIDATES = 60
_ROWS = 6
_CLUSTERS = 12
_SAID = 3
"""Dimensions named in a sentence, of those whose p is at most the level, or the most different."""
_LEVEL = 0.05


def people_section(inputs: Inputs, seed: int) -> Section | None:
    """Say and show how groups of people, or all of them, weigh the dimensions, with tests.

    None where people have no weights of their own.
    """
    posterior, comparison = inputs.posterior, inputs.comparison
    if posterior is None or posterior.weights is None or len(posterior.participants) < 2:
        return None
    posterior = posterior.thinned()
    group_of = dict(posterior.group_of if comparison is None else comparison.group_of)
    group_of = {one: group for one, group in group_of.items() if group != MISSING}
    grouped = len(set(group_of.values())) > 1
    described = describe_dimensions(posterior.embedding)
    # Each dimension of the posterior has the number that it has in the section on them, by weight.
    place = {dimension.column: k + 1 for k, dimension in enumerate(described)}
    numbers = [place[column] for column in range(len(described))]
    views = view_groups(posterior, group_of, most=_CANDIDATES, seed=seed) if grouped else None
    found = () if comparison is None else comparison.differences
    blocks: list[Block] = []
    if comparison is not None:
        blocks += [_said(posterior, comparison, couple, described) for couple in found]
    blocks.append(_weights(posterior, views, shown_dimensions(described), inputs.pictured))
    if views is not None:
        blocks.append(_pairs_gallery(posterior.ids, views, inputs.pictured))
    if comparison is not None:
        blocks += [_tests(comparison, couple, numbers) for couple in found]
    elif views is not None:
        blocks.append(Text(say("people.of_fit"), quiet=True))
    else:
        derived = inputs.study.derived.name
        files = f"{derived}/posterior.nc --groups FILE --out {derived}/groups.json"
        blocks.append(Missing(say("people.no_groups"), f"twoalike compare {files}"))
    return section("people", *blocks, distance=inputs.distance)


def _said(
    posterior: Posterior, comparison: Comparison, couple: Couple, described: Sequence[Dimension]
) -> Text:
    """Say in three sentences what differs, by how much, and how sure that is."""
    known = {of.column: (place, of) for place, of in enumerate(described, start=1)}
    ordered = sorted(couple.dimensions, key=lambda row: (row.p, -abs(row.effect)))
    sure = [row for row in ordered if row.p <= _LEVEL]
    dimensions = []
    for row in (sure or ordered[:1])[:_SAID]:
        place, of = known[row.dimension - 1]
        names = shortened(", ".join(posterior.ids[top] for top in of.top[:3]), 40)
        dimensions.append((f"dimension {place} ({names})", _size(row, times=True), row))
    telling = [row for row in couple.pairs if row.p <= _LEVEL]
    firsts = [[row for row in telling if sign * row.difference > 0][:1] for sign in (1, -1)]
    words = say(
        "people.found",
        couple=couple,
        dimensions=dimensions,
        sure=len(sure),
        pairs=[(row, _size(row)) for rows in firsts for row in rows],
        left_out=comparison.left_out,
        interval=float(comparison.config.get("interval", 0.9)),
        permutations=comparison.config.get("permutations", 0),
    )
    return Text(words)


def _size(row: Found, *, times: bool = False) -> str:
    ends = row.difference, row.low, row.high
    value, low, high = (number(np.exp(x), 2) if times else signed(x, 2) for x in ends)
    return f"{value} [{low}, {high}]"


def dimension_weights(
    posterior: Posterior, views: GroupViews | None, shown: Sequence[Dimension]
) -> DimensionWeights:
    """Weights of the dimensions that are shown: of all people, and of groups where there are."""
    assert posterior.weights is not None
    order = [dimension.column for dimension in shown]
    log = posterior.weights.log.mean(axis=0, dtype=np.float64)[:, order]
    if views is None:
        none = np.empty((0, len(order)))
        return DimensionWeights(log, np.zeros(len(log), dtype=np.int64), (), none, none, none)
    mean, low, high = (values[:, order] for values in (views.log, views.low, views.high))
    return DimensionWeights(log, views.of, views.names, mean, low, high)


def _weights(
    posterior: Posterior,
    views: GroupViews | None,
    shown: list[Dimension],
    stimuli: StimulusSet | None,
) -> Picture:
    weights, ids = dimension_weights(posterior, views, shown), posterior.ids
    tops = [[ids[row] for row in of.top[:_TOP]] for of in shown]
    pictured = top_images(stimuli, ids, shown, 1) is not None
    titles = [f"dimension {place}" for place in range(1, len(shown) + 1)]
    if not pictured:
        named = (shortened(", ".join(top[:3]), 30) for top in tops)
        titles = [f"{title}: {names}" for title, names in zip(titles, named, strict=True)]

    def draw(width: float) -> "Figure":
        most = _TOP if width == WIDE else _TOP - 1
        images = top_images(stimuli, ids, shown, most)
        return weights_chart(weights, titles, images, width=width)

    tenths = np.quantile(weights.people, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0).T
    n, names = len(shown), list(weights.names)
    if names:
        columns = {"log_weight": weights.mean, "low": weights.low, "high": weights.high}
        numbers = pd.DataFrame({name: of.T.ravel() for name, of in columns.items()})
        numbers.insert(0, "group", names * n)
        numbers.insert(0, "dimension", np.repeat(np.arange(1, n + 1), len(names)))
    else:
        quantiles = [f"log_weight_{name}" for name in ("q05", "q25", "median", "q75", "q95")]
        numbers = pd.DataFrame(tenths, columns=quantiles)
        numbers.insert(0, "dimension", range(1, n + 1))
    counts = [] if views is None else [int((views.of == k).sum()) for k in range(len(names))]
    return picture(
        "weights",
        draw,
        numbers,
        images=pictured,
        groups=list(zip(names, counts, strict=True)),
        resampled=views is not None and views.resampled,
        means=np.exp(weights.mean.T).tolist(),
        tenths=np.exp(tenths[:, [0, 4]]).tolist(),
    )


def _pairs_gallery(ids: Sequence[str], views: GroupViews, stimuli: StimulusSet | None) -> Gallery:
    rows = []
    for apart in views.pairs:
        for group, other, sign in ((apart.first, apart.second, -1), (apart.second, apart.first, 1)):
            order = np.argsort(-sign * apart.difference, kind="stable")  # most different first
            low, high = (apart.low, apart.high) if sign > 0 else (-apart.high, -apart.low)
            told = order[low[order] > 0]
            ends = zip(sign * apart.difference[told], low[told], high[told], strict=True)
            said = ["{} [{}, {}]".format(*(number(x, 2) for x in of)) for of in ends]
            tiles = pair_tiles([(ids[a], ids[b]) for a, b in apart.items[told]], said, stimuli)
            note = f"than to {views.names[other]}" + ("" if tiles else ": no pair clearly is")
            rows.append(Row(f"More alike to {views.names[group]}", note, tiles))
    caption = say("people.pairs", n=len(ids) * (len(ids) - 1) // 2)
    return Gallery(caption, rows[:_ROWS], rows[_ROWS:], pairs=True)


def _tests(comparison: Comparison, couple: Couple, numbers: Sequence[int]) -> Grid:
    of_dimensions = sorted(couple.dimensions, key=lambda row: numbers[row.dimension - 1])
    clusters = sorted(couple.clusters, key=lambda row: (row.p, -abs(row.difference)))
    named: list[tuple[str, Found]]
    named = [(f"dimension {numbers[row.dimension - 1]}", row) for row in of_dimensions]
    named += [(f"{row.level} {row.cluster}", row) for row in clusters[:_CLUSTERS]]
    kept = ["name", "difference", "low", "high", "effect", "p"]
    raw = pd.DataFrame([{"name": name, **row.model_dump()} for name, row in named])[kept]
    columns = {
        "difference": [_size(of) for _, of in named],
        "in SD of people": [signed(of.effect, 1) for _, of in named],
        "p": [number(of.p) for _, of in named],
    }
    title = f"{couple.second} minus {couple.first}"
    interval = float(comparison.config.get("interval", 0.9))
    caption = say("people.tests", title=title, couple=couple, interval=interval)
    return Grid(caption, pd.DataFrame(columns, index=pd.Index(raw["name"], name=title)), raw)
