"""Figures: what they show is in them, and the map puts objects where they belong."""

from itertools import combinations
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import average, to_tree
from sklearn.isotonic import IsotonicRegression

from twoalike.calibration import reliability
from twoalike.calibration._entropy import times_by_entropy
from twoalike.embedding._dimensions import curve_table
from twoalike.evaluation import Interval, Span
from twoalike.figures import (
    NARROW,
    WIDE,
    ClusterTree,
    DimensionWeights,
    Line,
    Panel,
    cluster_tree,
    dimension_chart,
    embedding_map,
    map_layout,
    model_colours,
    observed_layout,
    observer_parameters,
    panels_chart,
    reliability_curve,
    response_times,
    shepard,
    similarity_heatmap,
    stress,
    times_by_entropy_chart,
    to_png,
    to_svg,
    tree_chart,
    visible_images,
    weights_chart,
)
from twoalike.results import Network


def estimate(value: float) -> Interval:
    return Interval(value, value - 0.02, value + 0.02)


NAMES = {"base": 0.45, "aligned": 0.6, "observer": 0.69}
ACCURACY = Panel(
    tuple(Line(name, estimate(value)) for name, value in NAMES.items()),
    "more is better",
    "Accuracy",
    1 / 3,
    "chance",
)
BANDED = Panel(ACCURACY.lines, "Spearman", "Mean over persons", band=Span(0.5, 0.6))
TOGETHER = Panel(
    tuple(Line("within", estimate(value), series=name) for name, value in NAMES.items()),
    "accuracy",
)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_figure_is_valid_svg_at_both_widths(width: float, rng: np.random.Generator) -> None:
    draws = rng.normal(size=(20, 9, 3))
    labels = ["x", "y", "z"] * 3
    images = [np.full((8, 8, 3), 200, dtype=np.uint8)] * 9
    times = {f"p{i}": rng.lognormal(size=30) for i in range(5)}
    curve = reliability(rng.dirichlet((1, 1, 1), size=400), rng.integers(3, size=400))
    log = 0.5 * rng.normal(size=(20, 70, 4)) + rng.normal(size=(70, 4))
    unsure = times_by_entropy(rng.random(200), rng.normal(size=200), np.arange(200) % 4)
    assert unsure
    none, ends = np.empty((0, 4)), (log.mean(axis=(0, 1)) + rng.normal(size=(2, 4)),) * 3
    of_all = DimensionWeights(log.mean(axis=0), np.zeros(70, int), (), none, none, none)
    of_groups = DimensionWeights(log.mean(axis=0), np.arange(70) % 2, ("one", "two"), *ends)
    titles = [f"dimension {k}" for k in range(1, 5)]
    figures = [
        panels_chart([ACCURACY, BANDED], width=width),
        panels_chart([TOGETHER], width=width),
        embedding_map(map_layout(draws), categories=labels, images=images.__getitem__, width=width),
        embedding_map(map_layout(draws), width=width),
        observer_parameters(list(times), rng.random((50, 5)), rng.random((50, 5)), width=width),
        response_times(times, width=width),
        reliability_curve(curve, width=width),
        dimension_chart(curve_table(np.log(rng.random((40, 6)))), width=width),
        similarity_heatmap(rng.random((9, 9)), levels=[labels, list("abcabcabc")], width=width),
        similarity_heatmap(rng.random((9, 9)), width=width),
        weights_chart(of_all, titles, width=width),
        weights_chart(of_groups, titles, [images[:3]] * 4, width=width),
        times_by_entropy_chart(unsure, width=width),
    ]
    for figure in figures:
        root = ElementTree.fromstring(to_svg(figure))
        assert root.tag.endswith("svg")
        assert float(root.attrib["width"].removesuffix("pt")) <= width * 72 + 1


def test_settings_of_matplotlib_are_left_alone() -> None:
    before = dict(mpl.rcParams)
    to_svg(panels_chart([ACCURACY]))
    assert dict(mpl.rcParams) == before


def test_a_panel_shows_every_value_and_says_it_in_words() -> None:
    axes = panels_chart([ACCURACY]).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == list(NAMES)
    assert {t.get_text() for t in axes.texts} == {"0.450", "0.600", "0.690", "chance"}
    assert ACCURACY.words().startswith("Accuracy: base 0.450 [0.430, 0.470]; aligned 0.600")


def test_networks_keep_their_colours() -> None:
    networks = [Network(model=name, similarity="cosine") for name in NAMES]
    colours = model_colours(networks)
    assert len(set(colours.values())) == len(NAMES)
    assert model_colours(networks[:1])["base"] == colours["base"]
    many = [Network(model=f"m{i}", similarity="dot", role="ceiling") for i in range(20)]
    assert len(model_colours(many)) == 20


def test_ellipses_are_as_large_as_the_posterior_says(rng: np.random.Generator) -> None:
    plane = rng.normal(size=(40, 2))
    sd = np.where(np.arange(40) < 20, 0.05, 0.2)
    draws = plane + sd[:, None] * rng.normal(size=(300, 40, 2))
    layout = map_layout(draws, most=300)
    found = np.sqrt(np.trace(layout.covariances, axis1=1, axis2=2) / 2)
    assert_allclose(found[:20].mean(), 0.05, rtol=0.15)
    assert_allclose(found[20:].mean(), 0.2, rtol=0.15)


def test_no_image_hides_another(rng: np.random.Generator) -> None:
    positions = rng.random((200, 2))
    size = 0.1
    shown = visible_images(positions, size)
    assert shown[0]
    apart = np.abs(positions[shown][:, None] - positions[shown]) / size
    assert ((apart < 1).all(axis=-1) == np.eye(shown.sum())).all()
    assert_array_equal(visible_images(positions * 100, size), True)


def test_a_map_can_show_every_image(rng: np.random.Generator) -> None:
    layout = map_layout(rng.normal(scale=0.01, size=(20, 6, 3)) + np.eye(6, 3))
    images = [np.full((4, 4, 3), 100, dtype=np.uint8)] * 6
    figure = embedding_map(layout, images=images.__getitem__)
    assert len(figure.axes[0].images) == 6
    assert to_png(figure).startswith(b"\x89PNG")
    assert to_png(figure) == to_png(figure)


def test_no_mark_lies_on_an_image(rng: np.random.Generator) -> None:
    layout = map_layout(rng.normal(scale=0.01, size=(20, 90, 3)) + rng.random((90, 3)))
    axes = embedding_map(layout, images=lambda row: np.zeros((4, 4, 3), np.uint8)).axes[0]
    marks = [one.get_zorder() for one in axes.collections]
    assert marks and axes.images
    assert max(marks) < min(image.get_zorder() for image in axes.images)


def test_a_map_of_many_has_names_with_room_and_few_ellipses(rng: np.random.Generator) -> None:
    m = 400
    layout = map_layout(rng.normal(scale=0.1, size=(6, m, 3)) + rng.normal(size=(m, 3)))
    axes = embedding_map(layout, names=[f"thing_{number}" for number in range(m)]).axes[0]
    assert 10 < len(axes.texts) < m / 2
    assert all(text.get_text().startswith("thing ") for text in axes.texts)
    assert 10 < len(axes.patches) / 2 < m  # a rim and a filling each


def overlapping(tree: ClusterTree, names: list[str], width: float) -> list[tuple[str, str]]:
    """Names of a tree that lie on each other, and numbers that do."""
    figure = tree_chart(tree, names, width=width)
    figure.draw_without_rendering()
    axes, found = figure.axes[0], []
    for texts in (axes.get_yticklabels(), axes.texts):
        boxes = [text.get_window_extent() for text in texts]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
        for one, other in combinations(range(len(boxes)), 2):
            inside = boxes[one].padded(-1.5).overlaps(boxes[other].padded(-1.5))
            found += [(texts[one].get_text(), texts[other].get_text())] if inside else []
    return found


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("m", [20, 60, 300])
def test_a_tree_is_readable_and_says_how_sure_it_is(
    m: int, width: float, rng: np.random.Generator
) -> None:
    x = 8 * np.eye(5)[np.arange(m) % 5] + rng.normal(size=(m, 5))  # five groups far apart
    moved = [x + 0.3 * rng.normal(size=x.shape) for _ in range(40)]
    draws = [np.linalg.norm(one[:, None] - one, axis=-1) for one in moved]
    tree = cluster_tree(draws)
    mean = np.mean(draws, axis=0)[np.triu_indices(m, 1)]
    assert_allclose(tree.links[:, 2], average(mean)[:, 2] - mean.min())
    clusters = {
        frozenset(of.tolist()): share for of, share in zip(tree.members, tree.support, strict=True)
    }
    for group in range(5):
        own = frozenset(range(group, m, 5))
        assert clusters[own] >= 0.95
        _, nodes = to_tree(average(draws[0][np.triu_indices(m, 1)]), rd=True)
        assert any(frozenset(node.pre_order()) == own for node in nodes)
    names = [f"a_name_that_is_as_long_as_this_{k}" for k in range(m)]
    assert overlapping(tree, names, width) == []
    if m == 300:
        labels = [text.get_text() for text in tree_chart(tree, names).axes[0].get_yticklabels()]
        assert len(labels) == 40 and sum("+" in text for text in labels) > 20


def test_stress_and_scaling_are_those_of_others(rng: np.random.Generator) -> None:
    x = rng.normal(size=(15, 2))
    distances = np.linalg.norm(x[:, None] - x, axis=-1)
    pairs = np.triu_indices(15, 1)
    curved = distances**3  # the order is kept
    layout, loss = observed_layout(curved, x)
    assert loss < 0.01
    assert_allclose(layout.positions, x - x.mean(axis=0), atol=0.15)
    gaps = np.triu(rng.random((15, 15)) < 0.2, 1)
    assert gaps.sum() > 5
    partly, loss = observed_layout(np.where(gaps | gaps.T, np.nan, curved), x)
    assert loss < 0.01
    assert_allclose(partly.positions, x - x.mean(axis=0), atol=0.2)
    noisy = curved[pairs] * rng.lognormal(sigma=0.5, size=105)
    found = shepard(noisy, distances[pairs])
    by_hand = IsotonicRegression().fit(noisy, distances[pairs]).predict(noisy)
    assert_allclose(found["fitted"].sort_index(), by_hand)
    raw = np.sqrt(((distances[pairs] - by_hand) ** 2).sum() / (distances[pairs] ** 2).sum())
    assert stress(found) == pytest.approx(raw)
