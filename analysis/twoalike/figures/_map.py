"""Similarities as maps, matrices and trees: of the embedding, and as people gave them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.evaluation import upper
from twoalike.figures._style import (
    BLUE,
    FAINT,
    INK,
    VERMILION,
    WIDE,
    Chart,
    beside_row,
    category_colours,
    light_grid,
    new_figure,
    styled,
)
from twoalike.study import Booleans, Floats, Integers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SPREAD = 80
"""Objects up to which a map moves all images apart."""
MOST_ELLIPSES = 300
"""Objects up to which each has an ellipse; those of more would hide all."""
type Thumbnails = Callable[[int], npt.NDArray[np.uint8]]
"""From an object's row to its picture, shape (h, w, 3)."""
_MOST_ACROSS = 24
_NAME_INCHES, _NAME_POINTS = 0.75, 6.5
_MOST_WORK = 4e8
"""Distances computed for a map at most; with many objects fewer draws are mapped."""


@dataclass(frozen=True)
class MapLayout:
    """Places of m objects on a plane."""

    positions: Floats  # shape (m, 2)
    covariances: Floats  # of each object's place over the draws, shape (m, 2, 2)
    fit: float  # correlation between distances on the map and in the embedding


def _distances(points: Floats) -> Floats:
    squares = (points**2).sum(axis=1)
    squared = squares[:, None] + squares[None, :] - 2 * points @ points.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _turned(points: Floats, target: Floats) -> Floats:
    """Points moved, turned and scaled to fit the target."""
    from scipy.linalg import orthogonal_procrustes

    points = points - points.mean(axis=0)
    turned = points @ orthogonal_procrustes(points, target)[0]
    size = float((turned**2).sum())
    return turned * (float((turned * target).sum()) / size if size else 1.0)


def _flatten(distances: Floats, start: Floats, steps: int) -> Floats:
    """Least-squares scaling by majorisation (de Leeuw 1977), from ``start``.

    Every step lowers the sum of squared differences between given distances and the map's.
    """
    points = start
    for _ in range(steps):
        current = _distances(points)
        ratio = np.divide(distances, current, out=np.zeros_like(current), where=current > 1e-12)
        points = (ratio.sum(axis=1)[:, None] * points - ratio @ points) / len(points)
    return points - points.mean(axis=0)


def _mean_shape(draws: Floats) -> Floats:
    """Average the draws after turning each onto the mean similarities' shape: (m, D)."""
    from scipy.linalg import orthogonal_procrustes

    mean = np.zeros((draws.shape[1], draws.shape[1]))
    for draw in draws:
        mean += draw @ draw.T / len(draws)
    values, vectors = np.linalg.eigh(mean)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # An axis has no direction of its own: the largest coordinate is made positive.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(mean))])
    kept = min(max(draws.shape[2], 2), len(mean))
    target = np.asarray(vectors[:, :kept] * np.sqrt(values[:kept]))
    if draws.shape[2] < kept:
        draws = np.pad(draws, ((0, 0), (0, 0), (0, kept - draws.shape[2])))
    return np.asarray(
        np.mean([draw @ orthogonal_procrustes(draw, target)[0] for draw in draws], axis=0)
    )


def map_layout(draws: Floats, most: int = 100) -> MapLayout:
    """Flatten an embedding so that distances are kept as well as a plane can.

    Coordinates of different draws share no axes. So each draw is first turned (and mirrored)
    onto the configuration of the mean similarities, and their mean is flattened by least-squares
    scaling. Then each draw is flattened by itself, starting from that map, and moved, turned
    and scaled onto it: how its objects are scattered around their places is the uncertainty.
    Draws have shape (S, m, D), with at least three objects; at most ``most`` of them are used.
    """
    m = draws.shape[1]
    steps = 20
    most = int(np.clip(_MOST_WORK / (steps * m**2), 8, most))
    picked = np.unique(np.linspace(0, len(draws) - 1, min(most, len(draws))).round().astype(int))
    centred = np.asarray(draws[picked], dtype=np.float64)
    centred = centred - centred.mean(axis=1, keepdims=True)
    shape = _mean_shape(centred)
    distances = _distances(shape)
    positions = _flatten(distances, shape[:, :2], 10 * steps)
    flat = np.stack(
        [_turned(_flatten(_distances(draw), positions, steps), positions) for draw in centred]
    )
    deviations = flat - flat.mean(axis=0)
    covariances = np.einsum("smi,smj->mij", deviations, deviations) / max(len(flat) - 1, 1)
    pairs = np.triu_indices(m, 1)
    with np.errstate(invalid="ignore", divide="ignore"):  # all objects in one place
        fit = float(np.corrcoef(distances[pairs], _distances(positions)[pairs])[0, 1])
    return MapLayout(positions, covariances, fit if np.isfinite(fit) else 0.0)


def _ellipse(covariance: Floats) -> tuple[float, float, float]:
    """Width, height and angle (degrees) of the ellipse that holds half of a normal."""
    values, vectors = np.linalg.eigh(covariance)
    radius = np.sqrt(-2 * np.log1p(-0.5))  # chi-square quantile with two degrees of freedom
    height, width = 2 * radius * np.sqrt(np.maximum(values, 0))
    return float(width), float(height), float(np.degrees(np.arctan2(*vectors[::-1, 1])))


def visible_images(positions: Floats, size: float | Floats) -> Booleans:
    """Choose images so that none covers a part of another.

    Centres have shape (m, 2); ``size`` is an image's width in their unit, or width and height.
    """
    shown = np.zeros(len(positions), dtype=bool)
    for number, place in enumerate(positions):
        apart = np.abs(positions[shown] - place) / size
        shown[number] = not (apart < 1).all(axis=1).any()
    return shown


def moved_apart(positions: Floats, size: float, rounds: int = 500) -> Floats:
    """Push squares apart, no more than it takes, until none lies on another.

    Centres have shape (m, 2), ``size`` is in their unit. After so many passes over all pairs a
    crowd stays crowded.
    """
    places = np.array(positions, dtype=np.float64)
    pairs = np.stack(np.triu_indices(len(places), 1), axis=1).tolist()
    for _ in range(rounds):
        still = True
        for i, j in pairs:
            gap = places[j] - places[i]
            axis = int(np.abs(gap).argmax())
            lacking = size - abs(gap[axis])
            if lacking > 1e-6 * size:
                push = (1.0 if gap[axis] >= 0 else -1.0) * lacking / 2
                places[i, axis] -= push
                places[j, axis] += push
                still = False
        if still:
            break
    return places


def _draw_leaders(
    axes: "Axes", layout: MapLayout, places: Floats, colours: Sequence[str], size: float
) -> None:
    """Draw a line from the place of each object to its image, where that had to move far."""
    for start, end, colour in zip(layout.positions, places, colours, strict=True):
        if np.abs(end - start).max() > size / 2:
            axes.plot(*np.stack([start, end]).T, color=colour, lw=1.0, zorder=2)
            axes.plot(*start, marker="o", ms=3.0, color=colour, zorder=2)


def _draw_images(
    axes: "Axes",
    positions: Floats,
    images: Thumbnails,
    colours: Sequence[str],
    size: float,
    shown: Booleans,
) -> None:
    from matplotlib.patches import Rectangle

    for row in np.flatnonzero(shown).tolist():
        x, y = positions[row] - size / 2
        axes.imshow(
            images(row),
            extent=(x, x + size, y, y + size),
            interpolation="none",
            aspect="equal",
            zorder=3,
        )
        frame = Rectangle((x, y), size, size, fill=False, edgecolor=colours[row], lw=1.1, zorder=3)
        axes.add_patch(frame)


def draw_names(
    axes: "Axes", positions: Floats, names: Sequence[str], extent: float, width: float
) -> None:
    """Write those names that leave room for each other, below the marks at ``positions`` (m, 2).

    The axes are ``width`` inches wide, ``extent`` in the unit of the positions.
    """
    inch = extent / width
    room = np.array([_NAME_INCHES * inch, 1.6 * _NAME_POINTS / 72 * inch])
    for row in np.flatnonzero(visible_images(positions, room)).tolist():
        axes.annotate(
            shorten(names[row].replace("_", " "), 16, placeholder="…"),
            positions[row],
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=_NAME_POINTS,
            zorder=5,
        )


def draw_ellipses(
    axes: "Axes", positions: Floats, covariances: Floats, colours: Sequence[str], shown: Booleans
) -> None:
    """Draw the ellipse that holds half of each posterior: means (m, 2), covariances (m, 2, 2)."""
    from matplotlib.patches import Ellipse

    faint = float(min(0.16, 1.3 / np.sqrt(max(int(shown.sum()), 1))))  # many ellipses add up
    for row in np.flatnonzero(shown).tolist():
        width, height, angle = _ellipse(covariances[row])
        place, colour = tuple(positions[row].tolist()), colours[row]
        look = {"facecolor": (colour, faint), "edgecolor": (colour, 0.4), "lw": 0.6}
        axes.add_patch(Ellipse(place, width, height, angle=angle, zorder=1, **look))


def _set_limits(axes: "Axes", places: Floats, layout: MapLayout, size: float) -> None:
    """Leave room for images and ellipses at the border."""
    reach = np.sqrt(np.diagonal(layout.covariances, axis1=1, axis2=2)) * 1.25
    reach = np.tile(np.maximum(reach, 0.75 * size), (2, 1))
    low, high = (places - reach).min(axis=0), (places + reach).max(axis=0)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.set_aspect("equal")
    axes.axis("off")


def draw_map(
    axes: "Axes",
    layout: MapLayout,
    *,
    categories: Sequence[str] | None = None,
    images: Thumbnails | None = None,
    names: Sequence[str] | None = None,
    width: float = WIDE,
) -> None:
    """Draw the map of m objects into axes, ``width`` inches wide.

    An ellipse holds half of the posterior; of more than :data:`MOST_ELLIPSES` objects only those
    have one whose images would not cover another. ``images`` are thumbnails: those of at most
    :data:`MOST_SPREAD` objects are moved apart, with lines to their places; of more objects those
    that would cover another are drawn as marks. ``names`` are written where there is room and there
    are no images; ``categories`` give colour and marker.
    """
    positions = layout.positions
    groups = list(categories or ["object"] * len(positions))
    looks = category_colours(groups)
    colours = [looks[name][0] for name in groups]
    extent = float(np.ptp(positions, axis=0).max()) or 1.0
    size = extent / min(8 + 0.65 * np.sqrt(len(positions)), _MOST_ACROSS)
    spread = images is not None and len(positions) <= MOST_SPREAD
    places = moved_apart(positions, 1.05 * size) if spread else positions
    apart = visible_images(places, size)
    many = len(positions) > MOST_ELLIPSES
    shown = (apart if many else True) & layout.covariances.any(axis=(1, 2))
    draw_ellipses(axes, positions, layout.covariances, colours, shown)
    pictured = np.zeros_like(apart)
    if images is not None:
        pictured = apart
        _draw_leaders(axes, layout, places, colours, size)
        _draw_images(axes, places, images, colours, size, pictured)
    elif names is not None:
        draw_names(axes, positions, names, extent, width)
    for name, (colour, marker) in looks.items():
        x, y = positions[np.array([group == name for group in groups]) & ~pictured].T
        look: dict[str, Any] = {"color": colour, "marker": marker, "edgecolor": "white"}
        axes.scatter(x, y, zorder=2 if many or images else 4, s=6 if many else 15, lw=0.5, **look)
        if categories:
            axes.scatter([], [], label=name, s=30, lw=0, **look)
    _set_limits(axes, np.concatenate([positions, places]), layout, size)


def _map_height(width: float, layout: MapLayout, **options: Any) -> float:
    across, up = np.ptp(layout.positions, axis=0).tolist()
    height = width * float(np.clip(up / (max(across, up) or 1.0), 0.55, 1.0))
    return height + (0.35 if options.get("categories") else 0)


embedding_map = Chart(draw_map, _map_height, legend=1.4, sized=True)
"""Map of m objects; parameters as of :func:`draw_map`."""

_NAME_LINE = 0.105  # inches that a row of a matrix needs for its name
_LETTERS = 4.2
"""Letters of a name beside a matrix or a tree for each inch of width; the middle is cut out."""


def _short(name: str, width: float) -> str:
    name, most = " ".join(name.replace("_", " ").split()), int(_LETTERS * width)
    return name if len(name) <= most else f"{name[: most - 6].rstrip()}…{name[-5:].lstrip()}"


_MOST_ROWS = 600
_ROOMY = 4.5  # inches


def _runs(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Name, start and end of each run of equal labels."""
    starts = [k for k in range(len(labels)) if k == 0 or labels[k] != labels[k - 1]]
    ends = [*starts[1:], len(labels)]
    return [(labels[k], k, end) for k, end in zip(starts, ends, strict=True)]


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


def draw_similarity(
    axes: "Axes",
    matrix: Floats,
    *,
    levels: Sequence[Sequence[str]] = (),
    label: str = "similarity",
    width: float = _ROOMY,
    names: Sequence[str] = (),
    bar: bool = True,
) -> None:
    """Draw similarities into axes ``width`` inches wide, grouped by category.

    The matrix is symmetric, shape (m, m); its diagonal and what is NaN are left blank, and of more
    than 600 objects neighbours are averaged: a screen shows no more. Categories of each object are
    given for each level, coarse to fine; the first two are marked. Without categories, ``names``
    are written where there is room.
    """
    n = len(matrix)
    codes = [pd.factorize(np.asarray(level, dtype=object))[0] for level in levels]
    order = np.lexsort([np.arange(n), *codes[::-1]])  # categories as they first appear
    values = np.array(matrix, dtype=np.float64)[np.ix_(order, order)]
    between = values[~np.eye(n, dtype=bool)]
    np.fill_diagonal(values, np.nan)
    image = axes.imshow(
        _averaged(values, _MOST_ROWS),
        extent=(0, n, n, 0),
        interpolation="none",
        vmin=float(np.nanpercentile(between, 1)),
        vmax=float(np.nanpercentile(between, 99)),
    )
    axes.set(xticks=[], yticks=[], facecolor=FAINT if np.isnan(between).any() else "none")
    axes.spines[:].set_visible(False)
    if names and (width - 1.1) / n >= _NAME_LINE:
        said, middle = [_short(name, width) for name in names], np.arange(n) + 0.5
        axes.set_yticks(middle, said, fontsize=_NAME_POINTS)
        axes.set_xticks(middle, said, fontsize=_NAME_POINTS, rotation=90)
        axes.tick_params(length=0, pad=1)
    if levels:
        _mark_categories(axes, [[level[row] for row in order] for level in levels], n, width)
    if bar:
        look: dict[str, Any] = {"shrink": 0.6, "pad": 0.03, "label": label, "extend": "both"}
        axes.figure.colorbar(image, ax=axes, **look).outline.set_visible(False)


similarity_heatmap = Chart(
    draw_similarity, lambda width, matrix, **_: 0.88 * width, most=5.6, sized=True
)
"""Similarity of every pair of m objects, grouped by category."""


@styled
def panel_grid(
    draws: "Mapping[str, Callable[..., None]]", *, width: float = WIDE, across: int = 2, tall: float
) -> "Figure":
    """Draw titled panels into rows of so many, each ``tall`` times as high as wide.

    What draws takes axes and their ``width`` in inches.
    """
    across = min(across, len(draws))
    rows, each = -(-len(draws) // across), width / across
    figure = new_figure(width, rows * tall * each)
    for place, (title, draw) in enumerate(draws.items(), start=1):
        axes = figure.add_subplot(rows, across, place)
        draw(axes, width=each)
        axes.set_title(title, fontsize=None if each > 2 else _NAME_POINTS)
        axes.set_anchor("C" if axes.axison else "N")
    return figure


def shepard(observed: Floats, model: Floats) -> pd.DataFrame:
    """Set dissimilarities of a model against those observed, of n pairs, in the observed order.

    ``fitted`` is the closest to the model's that never falls. With pairs of equal observed
    dissimilarity in the model's order, its distance is the numerator of Kruskal's stress (1964,
    doi:10.1007/BF02289565).

    Examples
    --------
    >>> found = shepard(np.array([1.0, 2.0, 3.0]), np.array([0.0, 3.0, 1.0]))
    >>> found["fitted"].tolist(), round(stress(found), 3)
    ([0.0, 2.0, 2.0], 0.447)
    """
    from scipy.optimize import isotonic_regression

    order = np.lexsort([model, observed])
    fitted = isotonic_regression(model[order]).x
    columns = {"observed": observed[order], "model": model[order], "fitted": fitted}
    return pd.DataFrame(columns, index=order)


def stress(found: pd.DataFrame) -> float:
    """Kruskal's stress-1: 0 where the model's dissimilarities have the observed order."""
    size = float((found["model"] ** 2).sum())
    return float(np.sqrt(((found["model"] - found["fitted"]) ** 2).sum() / (size or 1.0)))


def draw_shepard(axes: "Axes", found: pd.DataFrame) -> None:
    """Draw a dot a pair, and the line that never falls, of :func:`shepard`, into axes."""
    n = len(found)
    look: dict[str, Any] = {
        "s": 3 if n > 2000 else 9,
        "alpha": 0.25,
        "lw": 0,
        "rasterized": n > 300,
    }
    axes.scatter(found["observed"], found["model"], color=BLUE, **look)
    axes.plot(found["observed"], found["fitted"], color=VERMILION, lw=1.6)
    axes.set(xlabel="observed dissimilarity", ylabel="dissimilarity by the model")
    light_grid(axes, "y")


shepard_chart = Chart(draw_shepard, lambda width, found: 3.3, most=4.6)
"""Shepard diagram: dissimilarities by a model against those observed."""


def observed_layout(
    matrix: Floats, target: Floats | None = None, *, metric: bool = False
) -> tuple[MapLayout, float]:
    """Scale dissimilarities (m, m), NaN where unknown, into a plane by their order alone.

    By majorisation (Kruskal 1964; de Leeuw 1977) from the classical solution, turned onto
    ``target`` (m, 2). Groups that are all farther apart than wide collapse to points, which have no
    stress: then, or if ``metric``, the dissimilarities themselves are scaled. Returns the layout
    and its stress-1. sklearn's (1.9) pulls objects together where pairs are unknown.
    """
    from sklearn.manifold import ClassicalMDS

    at, wanted = np.triu_indices(len(matrix), 1), np.zeros_like(matrix)
    known = ~np.isnan(matrix[at])
    pairs = matrix[at][known]
    filled = np.where(np.isnan(matrix), pairs.mean(), matrix)
    places, last = ClassicalMDS(2, metric="precomputed").fit_transform(filled), np.inf
    for _ in range(_ROUNDS):
        distances = _distances(places)[at]
        found = shepard(pairs, distances[known])
        if last - stress(found) < _SETTLED and not metric:
            break
        last, fitted = stress(found), found["fitted"].sort_index().to_numpy()
        fitted = pairs if metric else fitted
        distances[known] = fitted * np.sqrt((distances[known] ** 2).sum() / (fitted**2).sum())
        wanted[at] = distances
        places = _flatten(wanted + wanted.T, places, 1)
    apart = _distances(places)
    nearest = np.median(np.where(apart > 0, apart, np.inf).min(axis=0))
    if nearest < _COLLAPSED * apart.max() / np.sqrt(len(matrix)) and not metric:
        return observed_layout(matrix, target, metric=True)
    if target is not None:
        places = _turned(places, target - target.mean(axis=0))
    fit = float(found["observed"].corr(found["model"]))
    return MapLayout(places, np.zeros((len(matrix), 2, 2)), fit), stress(found)


_ROUNDS, _SETTLED, _COLLAPSED = 200, 1e-6, 0.05


@dataclass(frozen=True)
class ClusterTree:
    """Average linkage of mean dissimilarities of m objects, similar objects side by side."""

    links: Floats
    """As scipy's, shape (m - 1, 4)."""
    support: Floats
    """Share of the draws whose tree has the very cluster of each link, shape (m - 1,)."""
    members: list[Integers]
    """Objects of the cluster of each link; of the last all, from top to bottom."""
    central: list[int]
    """The object of each cluster that is closest to the others on average."""


def cluster_tree(draws: Iterable[Floats]) -> ClusterTree:
    """Cluster objects by the mean of draws of their dissimilarities, (m, m) each.

    As the bootstrap does for phylogenies (Felsenstein 1985, doi:10.2307/2408678), each cluster of
    the mean's tree is looked for in the trees of the draws.
    """

    def linked(matrix: Floats, *, ordered: bool = False) -> tuple[Floats, list[list[int]]]:
        from scipy.cluster.hierarchy import linkage

        pairs, of = upper(matrix), [[leaf] for leaf in range(len(matrix))]
        links = linkage(pairs - pairs.min(), "average", optimal_ordering=ordered)
        for left, right in links[:, :2].astype(int).tolist():
            of.append(of[left] + of[right])
        return links, of[len(matrix) :]

    found, total, n = Counter[frozenset[int]](), np.zeros(()), 0
    for draw in draws:
        found.update(map(frozenset, linked(draw)[1]))
        total, n = total + draw, n + 1
    links, named = linked(total / n, ordered=True)
    members = [np.array(of) for of in named]
    central = [int(of[total[np.ix_(of, of)].sum(axis=0).argmin()]) for of in members]
    support = np.array([found[frozenset(of)] / n for of in named])
    return ClusterTree(links, support, members, central)


MOST_LEAVES, _TOP_CLUSTERS = 80, 40
"""Objects up to which each is a leaf of a tree, and the clusters that are leaves of larger ones."""
_LEAF = 0.17  # inches
_LEAST_SUPPORT = 0.5


def draw_tree(
    axes: "Axes",
    tree: ClusterTree,
    names: Sequence[str],
    *,
    images: Thumbnails | None = None,
    width: float = WIDE,
) -> None:
    """Draw a tree into axes ``width`` inches wide, its leaves on the left, with their images.

    Beside a cluster stands its support in percent, from 50 on. Of many objects the leaves are the
    topmost clusters, named by their central object and the number of the others.
    """
    from scipy.cluster.hierarchy import dendrogram

    m, nodes = len(names), list[int]()

    def note(node: int) -> str:  # in the order of the links drawn
        nodes.append(node)
        return ""

    drawn = dendrogram(
        tree.links,
        no_plot=True,
        truncate_mode="lastp",
        p=m if m <= MOST_LEAVES else _TOP_CLUSTERS,
        link_color_func=note,
    )
    x, y = np.array(drawn["dcoord"]), np.array(drawn["icoord"]) / 10 - 0.5
    axes.plot(x.T, y.T, color=INK, lw=0.9)
    leaves = [
        (of, 0) if of < m else (tree.central[of - m], len(tree.members[of - m]) - 1)
        for of in drawn["leaves"]
    ]
    said = [_short(names[of], width) + (f" +{more}" if more else "") for of, more in leaves]
    axes.set_yticks(range(len(leaves)), said, fontsize=7.5)
    axes.tick_params(axis="y", length=0, pad=3 if images is None else 16)
    axes.spines["left"].set_visible(False)
    axes.set(ylim=(len(leaves) - 0.4, -0.6), xlim=(0, None), xlabel="distance by the model")
    support = tree.support[np.array(nodes) - m]
    rows = [row for row in np.argsort(-x[:, 1]) if support[row] >= _LEAST_SUPPORT]
    spots = np.stack([x[rows, 1], y[rows, 1:3].mean(axis=1)], axis=1)
    room = np.array([0.24 * axes.get_xlim()[1] / max(width - 1.8, 1.0), 0.1 / _LEAF])
    for place in np.flatnonzero(visible_images(spots, room)):
        sure = support[rows[place]]
        look: dict[str, Any] = {"xytext": (1.5, 1), "textcoords": "offset points", "fontsize": 6}
        look["fontweight"] = "bold" if sure >= 0.95 else "normal"
        axes.annotate(f"{100 * sure:.0f}", spots[place], color=BLUE, **look)
    if images is not None:
        for row, (of, _) in enumerate(leaves):
            beside_row(axes, row, images(of), 11, -8)


def _tree_height(width: float, tree: ClusterTree, names: Sequence[str], **_: Any) -> float:
    return 0.6 + _LEAF * (len(names) if len(names) <= MOST_LEAVES else _TOP_CLUSTERS)


tree_chart = Chart(draw_tree, _tree_height, sized=True)
"""Tree of m objects with the support of its clusters."""
