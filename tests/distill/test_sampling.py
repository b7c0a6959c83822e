"""Numbered triplets: the rule each keeps, how often what is drawn, and who draws it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.distill import TripletStream
from twoalike.distill._sampling import RULES, Rule
from twoalike.study import TwoalikeError

CLUSTERS = np.array([7, 3, 3, 7, 9, 3, 7, 3, 1, 9, 3, 3])
"""Sizes: six of cluster 3, three of 7, two of 9, one of 1."""
KINDS = {"cluster-boundary": {2}, "within": {1}, "between": {3}, "uniform": {1, 2, 3}}
"""How many clusters a triplet has images of."""
every_rule = pytest.mark.parametrize("rule", RULES)


@every_rule
def test_triplets_keep_their_rule(rule: Rule) -> None:
    triplets = TripletStream(CLUSTERS, rule, seed=3).triplets(0, 4000)
    assert triplets.shape == (4000, 3)
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()
    kinds = {len(set(row)) for row in CLUSTERS[triplets].tolist()}
    assert kinds == KINDS[rule]


@given(
    sizes=st.lists(st.integers(1, 5), min_size=3, max_size=6),
    seed=st.integers(0, 2**40),
    rule=st.sampled_from(RULES),
)
def test_any_sizes_of_clusters(sizes: list[int], seed: int, rule: Rule) -> None:
    """Clusters of one and two images never lend a triplet what they do not have."""
    clusters = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    least = {"within": 3, "cluster-boundary": 2}.get(rule, 1)
    if max(sizes) < least:
        with pytest.raises(TwoalikeError, match=f"at least {least} images"):
            TripletStream(clusters, rule, seed)
        return
    triplets = TripletStream(clusters, rule, seed).triplets(0, 60)
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()
    assert {len(set(row)) for row in clusters[triplets].tolist()} <= KINDS[rule]


@every_rule
def test_parts_are_the_same_however_they_are_shared_out(rule: Rule) -> None:
    whole = TripletStream(CLUSTERS, rule, seed=[5, 1]).triplets(0, 240)
    for world, batch in ((1, 60), (2, 30), (3, 20), (4, 5)):
        steps = 240 // (world * batch)
        parts = [
            TripletStream(CLUSTERS, rule, seed=[5, 1]).batch(step, batch, world, rank)
            for step in range(steps)
            for rank in range(world)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    again = TripletStream(CLUSTERS, rule, [5, 1])
    np.testing.assert_array_equal(again.triplets(97, 99), whole[97:99])
    assert again.triplets(9, 9).shape == (0, 3)
    assert not np.array_equal(TripletStream(CLUSTERS, rule, [5, 2]).triplets(0, 240), whole)


def shares(values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(values.ravel(), minlength=n) / values.size


def test_a_cluster_counts_by_its_size() -> None:
    """Frequencies are those worked out by hand; errors of 60,000 draws are below .01."""
    clusters = np.repeat([0, 1, 2, 3], [6, 3, 2, 1])
    n, close = 60_000, {"atol": 0.01}

    within = TripletStream(clusters, "within", 0).triplets(0, n)
    np.testing.assert_allclose(shares(within, 12), [1 / 9] * 9 + [0] * 3, **close)

    drawn = clusters[TripletStream(clusters, "cluster-boundary", 0).triplets(0, n)]
    pair = np.sort(drawn, axis=1)[:, 1]  # of two alike and one, the middle is one of the two
    odd = drawn.sum(axis=1) - 2 * pair
    sizes = np.array([6, 3, 2, 1])
    np.testing.assert_allclose(shares(pair, 4), np.array([6, 3, 2, 0]) / 11, **close)
    for cluster in range(3):
        others = np.where(np.arange(4) == cluster, 0, sizes)
        found = shares(odd[pair == cluster], 4)
        np.testing.assert_allclose(found, others / others.sum(), atol=0.015)

    found = np.sort(clusters[TripletStream(clusters, "between", 0).triplets(0, n)], axis=1)
    chance = {}
    for left_out in range(4):
        kept = [c for c in range(4) if c != left_out]
        orders = [(a, b) for a in kept for b in kept if a != b]
        chance[tuple(kept)] = sum(
            sizes[a]
            / 12
            * sizes[b]
            / (12 - sizes[a])
            * sizes[sum(kept) - a - b]
            / (12 - sizes[a] - sizes[b])
            for a, b in orders
        )
    for kept, expected in chance.items():
        assert (found == kept).all(axis=1).mean() == pytest.approx(expected, abs=0.01)


def test_place_in_a_triplet_tells_nothing() -> None:
    clusters = np.repeat([0, 1, 2], 20)
    drawn = clusters[TripletStream(clusters, "cluster-boundary", 1).triplets(0, 30_000)]
    same = [(drawn[:, a] == drawn[:, b]).mean() for a, b in ((1, 2), (0, 2), (0, 1))]
    np.testing.assert_allclose(same, 1 / 3, atol=0.01)
    uniform = TripletStream(clusters, "uniform", 1).triplets(0, 30_000)
    for column in range(3):
        np.testing.assert_allclose(shares(uniform[:, column], 60), 1 / 60, atol=0.004)


@pytest.mark.parametrize(
    ("clusters", "rule", "message"),
    [
        ([0, 0, 1, 1], "between", "at least 3 clusters with images, found 2"),
        ([0, 0, 1, 1], "cluster-boundary", "at least 3 clusters with images, found 2"),
        (
            [0, 0, 1, 1, 2, 2],
            "within",
            "a cluster of at least 3 images, found 2 in the largest of 3",
        ),
        ([0, 1, 2], "cluster-boundary", "a cluster of at least 2 images"),
        ([0, 1], "uniform", "at least 3 images, found 2"),
    ],
)
def test_what_cannot_be_sampled_is_refused(clusters: list[int], rule: Rule, message: str) -> None:
    with pytest.raises(TwoalikeError, match=message) as error:
        TripletStream(np.array(clusters), rule, 0)
    assert "\n" not in str(error.value)
