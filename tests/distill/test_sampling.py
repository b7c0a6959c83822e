"""Numbered triplets: the rule each keeps, how often what is drawn, and who draws it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.distill import TripletStream, count_diversity
from twoalike.distill._rounds import Rule, families, three_steps
from twoalike.distill._triplets import RULES
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


def pairs_of(triplets: np.ndarray) -> np.ndarray:
    together = np.concatenate([triplets[:, pair] for pair in ([0, 1], [0, 2], [1, 2])])
    return np.sort(together, axis=1)


def heaps(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """Clusters of very different sizes, some of a single image."""
    share = rng.gamma(0.5, size=k)
    return rng.choice(k, size=n, p=share / share.sum())


@pytest.mark.parametrize("rule", ["uniform", "cluster-boundary", "within"])
def test_no_pair_of_a_cluster_recurs_within_a_round(rng: np.random.Generator, rule: Rule) -> None:
    clusters = heaps(rng, 20_000, 60)
    number = 10 * len(clusters)
    stream = TripletStream(clusters, rule, 3, number=number)
    counted = count_diversity(stream.triplets, number, clusters)
    assert counted.images >= 0.99 * len(clusters)
    assert counted.largest_reuse_in_cluster <= 2  # a few triplets are of a second round
    if rule != "cluster-boundary":
        assert counted.largest_reuse == counted.largest_reuse_in_cluster


def test_counts_are_those_of_a_plain_count(rng: np.random.Generator) -> None:
    """In one part and in many."""
    clusters = heaps(rng, 300, 9)
    triplets = TripletStream(clusters, "cluster-boundary", 1).triplets(0, 2000)
    pairs, times = np.unique(pairs_of(triplets), axis=0, return_counts=True)
    inside = times[clusters[pairs[:, 0]] == clusters[pairs[:, 1]]]
    expected = (len(np.unique(triplets)), len(pairs), times.max(), inside.max())
    for at_once in (10**6, 6000, 700):
        found = count_diversity(lambda a, b: triplets[a:b], 2000, clusters, at_once=at_once)
        assert tuple(vars(found).values()) == expected


@pytest.mark.parametrize("rule", RULES)
def test_images_are_used_evenly(rng: np.random.Generator, rule: Rule) -> None:
    clusters = rng.integers(40, size=10_000)
    for number, least in ((10_000, 1), (70_000, 18)):
        use = np.bincount(
            TripletStream(clusters, rule, 2, number=number).triplets(0, number).ravel()
        )
        # Apart from the last pools, which may be left out.
        assert np.quantile(use, 0.01) >= least
        assert use.max() <= 3 * number / len(clusters) + 4


def test_all_pairs_of_a_cluster_are_used_before_any_recurs() -> None:
    clusters = np.repeat([0, 1, 2], [6, 5, 2])
    stream = TripletStream(clusters, "cluster-boundary", 0, number=1000)
    for start in (0, 26, 52):  # 15, 10 and 1 pairs
        triplets = stream.triplets(start, start + 26)
        pairs = pairs_of(triplets)
        inside = pairs[clusters[pairs[:, 0]] == clusters[pairs[:, 1]]]
        assert len(inside) == len(np.unique(inside, axis=0)) == 26


def test_steps_have_no_difference_in_common() -> None:
    for size in range(9, 60):
        family = np.arange(families(np.array(size)))
        a, b = three_steps(family, np.array(size))
        steps = np.concatenate([a, b, b - a])
        assert len(np.unique(np.minimum(steps, size - steps))) == 3 * len(family)


def test_outside_images_are_any_when_a_cluster_fills_most_pools() -> None:
    """One cluster of nine images in ten: each pool has too few others."""
    clusters = np.repeat([0, 1, 2], [900, 60, 40])
    triplets = TripletStream(clusters, "cluster-boundary", 4, number=30_000).triplets(0, 30_000)
    drawn = clusters[triplets]
    assert {len(set(row)) for row in drawn.tolist()} == {2}
    odd = triplets[(drawn == 0).sum(axis=1) == 2]
    outside = odd[clusters[odd] != 0]
    np.testing.assert_allclose(shares(outside - 900, 100), 0.01, atol=0.003)


def test_blocks_follow_one_another_and_have_few_images(rng: np.random.Generator) -> None:
    clusters = rng.integers(40, size=10_000)
    for number, most in ((100_000, 250), (500, 4500)):
        stream = TripletStream(clusters, "cluster-boundary", 5, number=number)
        blocks = list(stream.blocks(100, number + 300))
        assert [start for start, _ in blocks] == [100, *(stop for _, stop in blocks[:-1])]
        assert blocks[-1][1] == number + 300
        assert all(len(np.unique(stream.triplets(*block))) <= most for block in blocks)


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
