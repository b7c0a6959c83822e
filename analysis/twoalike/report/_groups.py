"""Section on how people, and groups of people, weigh the dimensions.

The groups are those that the posterior was fitted with, or those of ``derived/groups.json``, which
also has the tests. What is drawn comes from the posterior itself.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding import GroupViews, PairsApart, Posterior, view_groups
from twoalike.figures import (
    MOST_PEOPLE,
    WIDE,
    DimensionWeights,
    PeopleLayout,
    component_label,
    people_layout,
    people_map,
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
    number,
    pair_uri,
    percent,
    signed,
    thumbnail,
)
from twoalike.report._embedding import Dimension, describe_dimensions, shown_dimensions, with_all
from twoalike.report._inputs import Comparison, Couple, Difference, Inputs, OfCluster
from twoalike.stimuli import StimulusSet
from twoalike.study import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOP = 4
"""Objects shown beside a dimension; three on a phone."""
_PICTURES = frozenset({"image", "film"})
"""Kinds of objects that are known by a small picture."""
_PAIRS = 8
"""Pairs shown of those more alike to a group, each object in two of them at most."""
_CANDIDATES = 60
_ROWS = 6
_CLUSTERS = 12
EMBEDDING = "embedding"


def people_section(inputs: Inputs, seed: int) -> Section | None:
    """Map of the people, their dimensions, and what groups put together.

    None where people have no weights of their own.
    """
    posterior = inputs.posterior
    if posterior is None or posterior.weights is None or len(posterior.participants) < 2:
        return None
    posterior = posterior.thinned()
    group_of = groups_of(posterior, inputs.comparison)
    described = describe_dimensions(posterior.embedding)
    lead = (
        "People weigh the dimensions of the embedding differently: to a person who gives a "
        "dimension more weight, objects that share it are more alike."
    )
    stimuli = with_all(inputs.stimuli, posterior.ids)
    views = view_groups(posterior, group_of, most=_CANDIDATES, seed=seed) if group_of else None
    blocks: list[Block] = [
        *_map_blocks(posterior, group_of, described),
        _weights_picture(posterior, views, shown_dimensions(described), stimuli),
    ]
    if views is not None:
        blocks.append(_pairs_gallery(posterior.ids, views, stimuli))
    if inputs.comparison is not None:
        blocks += _test_blocks(inputs.comparison, described)
    elif views is not None:
        text = "The fit knew these groups and shrinks people to theirs: no test can be made of it."
        blocks.append(Text(text, quiet=True))
    else:
        blocks.append(_no_groups(inputs))
    return Section("people", "How people differ", lead, blocks)


def _no_groups(inputs: Inputs) -> Missing:
    derived = inputs.study.derived.name
    command = f"twoalike compare {derived}/posterior.nc --groups FILE --out {derived}/groups.json"
    text = "No groups of these people are known. Where there are any, they can be compared."
    return Missing(text, command)


def groups_of(posterior: Posterior, comparison: Comparison | None) -> dict[str, str]:
    """Group of each participant, of the comparison or of the fit; empty unless there are two."""
    found = comparison.group_of if comparison is not None else posterior.group_of
    return dict(found) if len(set(found.values())) > 1 else {}


def _numbers(described: Sequence[Dimension]) -> list[int]:
    """Give each dimension of the posterior its number in the section on them, by weight."""
    place = {dimension.index: k + 1 for k, dimension in enumerate(described)}
    return [place[index] for index in range(len(described))]


def _map_blocks(
    posterior: Posterior, group_of: dict[str, str], described: Sequence[Dimension]
) -> list[Block]:
    """Draw the map, where people differ in two directions."""
    assert posterior.weights is not None
    layout = people_layout(posterior.weights.log)
    if layout is None:
        return []
    numbers, names = _numbers(described), posterior.participants
    groups = [group_of[name] for name in names] if group_of else None
    axes = "; ".join(component_label(layout, k, numbers) for k in (0, 1))
    alt = f"Map of {len(names)} people{' by group' if groups else ''}. Axes: {axes}."
    if len(names) <= MOST_PEOPLE:
        ellipses = "Ellipse: where half of the posterior puts the person."
    else:
        ellipses = "Grey ellipse: how large half of the posterior is for a typical person."
    caption = (
        "Each person by the mean of their log weights, on the two directions in which people "
        "differ most; the axes name the dimensions that those at each end weigh more. The lines "
        f"cross at the average person. {ellipses}"
    )
    if groups:
        alt += f" {_group_means(layout, groups)}"
        caption += " Large marks: means of the groups."
    picture = Picture.draw(
        lambda width: people_map(layout, groups=groups, names=names, numbers=numbers, width=width),
        alt=alt,
        caption=caption,
        numbers=_map_numbers(layout, names, groups),
    )
    return [picture]


def _group_means(layout: PeopleLayout, groups: Sequence[str]) -> str:
    """Say where the means of the groups are."""
    said = []
    for name in dict.fromkeys(groups):
        x, y = layout.positions[[group == name for group in groups]].mean(axis=0)
        said.append(f"{name} at {signed(x, 2)}, {signed(y, 2)}")
    return f"Means of groups: {'; '.join(said)}."


def _map_numbers(
    layout: PeopleLayout, names: Sequence[str], groups: Sequence[str] | None
) -> pd.DataFrame:
    spread = layout.covariances.reshape(-1, 4)
    columns = {
        "participant": list(names),
        **({"group": list(groups)} if groups else {}),
        "component_1": layout.positions[:, 0],
        "component_2": layout.positions[:, 1],
        "variance_1": spread[:, 0],
        "covariance": spread[:, 1],
        "variance_2": spread[:, 3],
    }
    return pd.DataFrame(columns)


def dimension_weights(
    posterior: Posterior, views: GroupViews | None, shown: Sequence[Dimension]
) -> DimensionWeights:
    """Weights of the dimensions that are shown: of all people, and of groups where there are."""
    assert posterior.weights is not None
    order = [dimension.index for dimension in shown]
    log = posterior.weights.log.mean(axis=0, dtype=np.float64)[:, order]
    if views is None:
        none = np.empty((0, len(order)))
        return DimensionWeights(log, np.zeros(len(log), dtype=np.int64), (), none, none, none)
    mean, low, high = (values[:, order] for values in (views.log, views.low, views.high))
    return DimensionWeights(log, views.of, views.names, mean, low, high)


def top_images(
    stimuli: StimulusSet, ids: Sequence[str], shown: Sequence[Dimension], most: int = _TOP
) -> list[list[npt.NDArray[np.uint8]]]:
    """Thumbnails of the highest objects of each dimension."""
    return [
        [np.asarray(thumbnail(stimuli.picture(ids[row]), 72), np.uint8) for row in of.top[:most]]
        for of in shown
    ]


def _weights_picture(
    posterior: Posterior,
    views: GroupViews | None,
    shown: Sequence[Dimension],
    stimuli: StimulusSet | None,
) -> Picture:
    weights, ids = dimension_weights(posterior, views, shown), posterior.ids
    tops = [[ids[row] for row in of.top[:_TOP]] for of in shown]
    if stimuli and not all(stimuli.kind(name) in _PICTURES for top in tops for name in top):
        stimuli = None  # words would be too small to read, and sounds look alike
    titles = [f"dimension {place}" for place in range(1, len(shown) + 1)]
    caption = _weights_caption(views)
    if stimuli is not None:
        caption = f"Images: the highest objects of each dimension. {caption}"
    else:
        named = (shortened(", ".join(top[:3]), 30) for top in tops)
        titles = [f"{title}: {names}" for title, names in zip(titles, named, strict=True)]

    def draw(width: float) -> "Figure":
        most = _TOP if width == WIDE else _TOP - 1
        images = None if stimuli is None else top_images(stimuli, ids, shown, most)
        return weights_chart(weights, titles, images, width=width)

    return Picture.draw(
        draw, alt=_weights_alt(weights), caption=caption, numbers=_weight_numbers(weights)
    )


def _weights_alt(weights: DimensionWeights) -> str:
    parts = []
    for k in range(weights.people.shape[1]):
        if weights.names:
            each = ", ".join(
                f"{name} {number(np.exp(weights.mean[place, k]), 2)}"
                for place, name in enumerate(weights.names)
            )
        else:
            low, high = np.exp(np.quantile(weights.people[:, k], [0.05, 0.95]))
            each = f"{number(low, 2)} to {number(high, 2)}"
        parts.append(f"dimension {k + 1}: {each}")
    what = "Weights by group" if weights.names else "Weights of nine tenths of the people"
    return f"{what}. {'; '.join(parts)}."


def _weights_caption(views: GroupViews | None) -> str:
    people = "Small dots: people, who are shrunk to each other where their judgments are few."
    if views is None:
        return (
            "Large dot: the median person. Thick line: the middle half of the people; thin line: "
            f"the middle nine tenths. {people}"
        )
    counts = np.bincount(views.of).tolist()
    each = ", ".join(f"{name}: {n}" for name, n in zip(views.names, counts, strict=True))
    how = "with the people of the group resampled" if views.resampled else "of the group's centre"
    if views.resampled:
        people = people.removesuffix(".") + "; the averages of groups are estimated without that."
    return (
        f"Large mark: the average person of a group ({each}). Line: 95 % interval, {how}. {people}"
    )


def _weight_numbers(weights: DimensionWeights) -> pd.DataFrame:
    """Log weights as drawn: of groups, or quantiles of the people."""
    n = weights.people.shape[1]
    if weights.names:
        columns = {"log_weight": weights.mean, "low": weights.low, "high": weights.high}
        return pd.DataFrame(
            {
                "dimension": np.repeat(np.arange(1, n + 1), len(weights.names)),
                "group": list(weights.names) * n,
                **{name: values.T.ravel() for name, values in columns.items()},
            }
        )
    tenths = np.quantile(weights.people, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0).T
    names = [f"log_weight_{name}" for name in ("q05", "q25", "median", "q75", "q95")]
    frame = pd.DataFrame(tenths, columns=names)
    frame.insert(0, "dimension", range(1, n + 1))
    return frame


def _pairs_gallery(ids: Sequence[str], views: GroupViews, stimuli: StimulusSet | None) -> Gallery:
    """Show pairs of objects that are more alike to one of each two groups."""
    rows = []
    for apart in views.pairs:
        for group, other, sign in ((apart.first, apart.second, -1), (apart.second, apart.first, 1)):
            tiles = _pair_tiles(apart, sign, ids, stimuli)
            note = f"than to {views.names[other]}" + ("" if tiles else ": no pair clearly is")
            rows.append(Row(f"More alike to {views.names[group]}", note, tiles))
    caption = (
        f"Of all {len(ids) * (len(ids) - 1) // 2:,} pairs of objects those whose similarity, "
        "relative to all pairs, differs most between groups; each object twice at most. Below a "
        "pair: the difference and its 95 % interval. It is that of the pair alone: where the "
        "largest of many are shown, the truth tends to be smaller."
    )
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
        image = None
        if stimuli is not None:
            image = pair_uri(stimuli.picture(names[0]), stimuli.picture(names[1]))
        value = number(sign * float(apart.difference[place]), 2)
        span = f"{value} [{number(low[place], 2)}, {number(high[place], 2)}]"
        tiles.append(Tile(", ".join(names), image, span))
    return tiles


def _test_blocks(comparison: Comparison, described: Sequence[Dimension]) -> list[Block]:
    """List the tests of the dimensions and clusters of each two groups."""
    blocks: list[Block] = []
    interval = percent(float(comparison.config.get("interval", 0.9)))
    place = _numbers(described)
    for couple in comparison.differences:
        title = f"{couple.second} minus {couple.first}"
        rows: list[tuple[str, Difference]] = [
            (f"dimension {place[row.dimension - 1]}", row)
            for row in sorted(couple.dimensions, key=lambda row: place[row.dimension - 1])
        ]
        clusters = sorted(couple.clusters, key=lambda row: (row.p, -abs(row.difference)))
        rows += [(_cluster(row, comparison), row) for row in clusters[:_CLUSTERS]]
        cells = {
            name: [
                f"{signed(row.difference, 2)} [{signed(row.low, 2)}, {signed(row.high, 2)}]",
                signed(row.effect, 1),
                number(row.p),
            ]
            for name, row in rows
        }
        caption = (
            f"{title}: p {number(couple.p)} that they weigh all dimensions alike. Differences of "
            "mean log weights, and of the mean similarity within clusters relative to all pairs, "
            f"with {interval} intervals; p from permuted labels, corrected for the number of "
            "dimensions or clusters."
        )
        columns = ["difference", "in SD of people", "p"]
        frame = pd.DataFrame.from_dict(cells, orient="index", columns=columns)
        raw = pd.DataFrame([{"name": name, **row.model_dump()} for name, row in rows])
        ends = ["name", "difference", "low", "high", "effect", "p"]
        blocks.append(Grid(caption, frame.rename_axis(title), raw[ends]))
    return blocks


def _cluster(row: OfCluster, comparison: Comparison) -> str:
    if row.level != EMBEDDING:
        return f"{row.level} {row.cluster}"
    members = comparison.clusters[row.level][row.cluster]
    return f"{shortened(', '.join(members), 40)} ({row.objects})"


def group_finding(couple: Couple) -> str:
    """Say in a sentence whether two groups differ."""
    if couple.p > 0.05:
        return (
            f"Groups {couple.first} and {couple.second} do not clearly weigh the dimensions "
            f"differently (p {number(couple.p)})."
        )
    return (
        f"Groups {couple.first} and {couple.second} weigh the dimensions differently "
        f"(p {number(couple.p)}); their similarities correlate {number(couple.correlation, 2)}."
    )
