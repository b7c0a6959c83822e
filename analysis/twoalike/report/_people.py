"""Section on how people, and groups of people, weigh the dimensions.

The groups are those that the posterior was fitted with, or those of ``derived/groups.json``, which
also has the tests, or else those that the study declares. What is drawn comes from the posterior
itself; by a number per person, people of lower and higher numbers are drawn as two groups.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from twoalike.embedding import GroupViews, PairsApart, Posterior, view_groups
from twoalike.figures import (
    WIDE,
    DimensionWeights,
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
    number,
    picture,
    say,
    section,
    signed,
)
from twoalike.report._embedding import (
    Dimension,
    describe_dimensions,
    shown_dimensions,
    top_images,
)
from twoalike.report._inputs import Comparison, Couple, Found, Inputs
from twoalike.stimuli import StimulusSet
from twoalike.study import MISSING, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOP = 4
"""Objects shown beside a dimension; three on a phone."""
_PAIRS = 8
"""Pairs shown of those more alike to a group, each object in two of them at most."""
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
    found = () if comparison is None else (*comparison.differences, *comparison.correlations)
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
    return section("people", *blocks)


def _said(
    posterior: Posterior, comparison: Comparison, couple: Couple, described: Sequence[Dimension]
) -> Text:
    """Say in three sentences what differs, by how much, and how sure that is."""
    known = {of.column: (place, of) for place, of in enumerate(described, start=1)}
    ordered = sorted(couple.dimensions, key=lambda row: (row.p, -abs(row.effect or row.value)))
    sure = [row for row in ordered if row.p <= _LEVEL]
    dimensions = []
    for row in (sure or ordered[:1])[:_SAID]:
        place, of = known[row.dimension - 1]
        names = shortened(", ".join(posterior.ids[top] for top in of.top[:3]), 40)
        size = _size(row, times=not couple.number)
        dimensions.append((f"dimension {place} ({names})", size, row))
    telling = [row for row in couple.pairs if row.p <= _LEVEL]
    firsts = [[row for row in telling if sign * row.value > 0][:1] for sign in (1, -1)]
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
    ends = row.value, row.low, row.high
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
    if stimuli and not all(stimuli.kind(name) == "image" for top in tops for name in top):
        stimuli = None  # words would be too small to read, and sounds look alike
    titles = [f"dimension {place}" for place in range(1, len(shown) + 1)]
    if stimuli is None:
        named = (shortened(", ".join(top[:3]), 30) for top in tops)
        titles = [f"{title}: {names}" for title, names in zip(titles, named, strict=True)]

    def draw(width: float) -> "Figure":
        most = _TOP if width == WIDE else _TOP - 1
        images = None if stimuli is None else top_images(stimuli, ids, shown, most)
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
        images=stimuli is not None,
        groups=list(zip(names, counts, strict=True)),
        resampled=views is not None and views.resampled,
        means=np.exp(weights.mean.T).tolist(),
        tenths=np.exp(tenths[:, [0, 4]]).tolist(),
    )


def _pairs_gallery(ids: Sequence[str], views: GroupViews, stimuli: StimulusSet | None) -> Gallery:
    """Show pairs of objects that are more alike to one of each two groups."""
    rows = []
    for apart in views.pairs:
        for group, other, sign in ((apart.first, apart.second, -1), (apart.second, apart.first, 1)):
            tiles = _pair_tiles(apart, sign, ids, stimuli)
            note = f"than to {views.names[other]}" + ("" if tiles else ": no pair clearly is")
            rows.append(Row(f"More alike to {views.names[group]}", note, tiles))
    caption = say("people.pairs", n=len(ids) * (len(ids) - 1) // 2)
    return Gallery(caption, rows[:_ROWS], rows[_ROWS:], pairs=True)


def _pair_tiles(
    apart: PairsApart, sign: int, ids: Sequence[str], stimuli: StimulusSet | None
) -> list[Tile]:
    """Take the pairs that surely differ in a direction, most different first."""
    order = np.argsort(-sign * apart.difference, kind="stable")
    low, high = (apart.low, apart.high) if sign > 0 else (-apart.high, -apart.low)
    seen: dict[int, int] = {}
    tiles: list[Tile] = []
    for place in order[low[order] > 0].tolist():
        pair = apart.items[place].tolist()
        if len(tiles) == _PAIRS or any(seen.get(row, 0) == 2 for row in pair):
            continue
        seen |= {row: seen.get(row, 0) + 1 for row in pair}
        names = [ids[row] for row in pair]
        image = image_uri(*map(stimuli.picture, names)) if stimuli is not None else None
        value = number(sign * float(apart.difference[place]), 2)
        span = f"{value} [{number(low[place], 2)}, {number(high[place], 2)}]"
        tiles.append(Tile(", ".join(names), image, span))
    return tiles


def _tests(comparison: Comparison, couple: Couple, numbers: Sequence[int]) -> Grid:
    """List the tests of the dimensions and clusters, of two groups or by a number."""
    of_dimensions = sorted(couple.dimensions, key=lambda row: numbers[row.dimension - 1])
    clusters = sorted(couple.clusters, key=lambda row: (row.p, -abs(row.value)))
    named: list[tuple[str, Found]]
    named = [(f"dimension {numbers[row.dimension - 1]}", row) for row in of_dimensions]
    named += [(f"{row.level} {row.cluster}", row) for row in clusters[:_CLUSTERS]]
    value = "correlation" if couple.number else "difference"
    kept = ["name", value, "low", "high", *([] if couple.number else ["effect"]), "p"]
    raw = pd.DataFrame([{"name": name, **row.model_dump()} for name, row in named])[kept]
    units = [signed(of.effect, 1) for _, of in named if of.effect is not None]
    columns = {value: [_size(of) for _, of in named], "in SD of people": units}
    columns = {name: cells for name, cells in columns.items() if cells}
    columns["p"] = [number(of.p) for _, of in named]
    title = couple.number or f"{couple.second} minus {couple.first}"
    interval = float(comparison.config.get("interval", 0.9))
    caption = say("people.tests", title=title, couple=couple, interval=interval)
    return Grid(caption, pd.DataFrame(columns, index=pd.Index(raw["name"], name=title)), raw)
