"""Intervals cover the truth about as often as they say, whatever varies."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.calibration import reliability
from twoalike.evaluation import (
    Candidate,
    Interval,
    Judgments,
    Scored,
    TwoWayBootstrap,
    compare_choices,
    group_numbers,
    triplet_numbers,
    wilson_interval,
)
from twoalike.features import FeatureTable


def coverage(people_sd: float, object_sd: float, *, people: int, objects: int) -> float:
    """Share of simulated studies whose interval holds the true mean."""
    rng = np.random.default_rng(11)
    n, studies, hits = 600, 150, 0
    for _ in range(studies):
        triplets = np.stack([rng.permutation(objects)[:3] for _ in range(n)])
        persons = rng.integers(people, size=n)
        scores = 0.5 + people_sd * rng.normal(size=people)[persons]
        scores += object_sd * rng.normal(size=objects)[triplets].sum(axis=1)
        scores += 0.47 * rng.normal(size=n)
        interval = TwoWayBootstrap(persons, triplets, rng, resamples=300).interval(scores)
        hits += interval.low <= 0.5 <= interval.high
    return hits / studies


@pytest.mark.parametrize(
    ("people_sd", "object_sd", "people", "objects"),
    [
        (0.0, 0.0, 20, 40),  # noise of single choices alone, which must not be counted twice
        (0.1, 0.0, 12, 40),
        (0.0, 0.1, 20, 20),  # few objects, which differ much
        (0.08, 0.05, 12, 30),
        (0.0, 0.05, 1, 40),  # one participant: other objects only
    ],
)
def test_coverage(people_sd: float, object_sd: float, people: int, objects: int) -> None:
    assert 0.87 <= coverage(people_sd, object_sd, people=people, objects=objects) <= 0.995


def test_noise_alone_has_the_width_of_a_plain_mean(rng: np.random.Generator) -> None:
    """Weights multiplied over a person and three objects would be four times as wide."""
    n = 3000
    triplets = np.stack([rng.permutation(60)[:3] for _ in range(n)])
    boot = TwoWayBootstrap(rng.integers(30, size=n), triplets, rng)
    interval = boot.interval(rng.normal(size=n))
    assert_allclose(interval.high - interval.low, 2 * 1.96 / np.sqrt(n), rtol=0.35)


def test_shared_objects_widen_the_interval(rng: np.random.Generator) -> None:
    n = 2000
    triplets = np.stack([rng.permutation(25)[:3] for _ in range(n)])
    boot = TwoWayBootstrap(rng.integers(10, size=n), triplets, rng)
    noise = rng.normal(size=n)
    effect = rng.normal(size=25)[triplets].sum(axis=1)
    effect *= noise.std() / effect.std()
    plain, shared = boot.interval(noise), boot.interval(effect)
    assert shared.high - shared.low > 4 * (plain.high - plain.low)


def test_an_interval_is_cut_at_what_the_quantity_can_be() -> None:
    assert Interval(0.9, 0.7, 1.1).within(0.0, 1.0) == Interval(0.9, 0.7, 1.0)
    assert Interval(0.1, -0.2, 0.4).within(0.0, 1.0) == Interval(0.1, 0.0, 0.4)
    assert Interval(0.5, 0.4, 0.6).within(0.0, 1.0) == Interval(0.5, 0.4, 0.6)


def test_accuracies_of_few_choices_stay_within_0_and_1(rng: np.random.Generator) -> None:
    """Right in 19 of 20 choices of six objects."""
    triplets = np.stack([rng.permutation(6)[:3] for _ in range(20)])
    judged = Judgments(triplets, np.zeros(20, dtype=int), np.arange(20) % 2, tuple("abcdef"))
    boot = TwoWayBootstrap(judged.participants, triplets, rng)
    hits = np.ones(20)
    hits[0] = 0.0
    assert boot.interval(hits).high > 1
    features = FeatureTable(judged.ids, np.eye(6, dtype=np.float32))
    thirds = np.full((20, 3), 1 / 3)
    scored = Scored(Candidate("network", features), hits, thirds, -np.log(thirds[:, 0]), 1.0)
    found = compare_choices([scored], judged, boot)[0].accuracy
    assert found is not None
    assert found.high == 1.0
    assert found.value == 0.95


def test_differences_are_paired(rng: np.random.Generator) -> None:
    n = 500
    triplets = np.stack([rng.permutation(20)[:3] for _ in range(n)])
    boot = TwoWayBootstrap(rng.integers(5, size=n), triplets, rng)
    scores = rng.normal(size=n)
    constant = boot.interval(scores + 0.25 - scores)
    assert_allclose([constant.low, constant.high], 0.25, atol=1e-9)


def test_one_participant_still_has_objects_to_vary(rng: np.random.Generator) -> None:
    """As wide as that of independent scores, on average: one study's width varies by a third."""
    n, widths = 1000, []
    for _ in range(40):
        triplets = np.argsort(rng.random((n, 60)), axis=1)[:, :3]
        boot = TwoWayBootstrap(np.zeros(n, dtype=int), triplets, rng, resamples=400)
        interval = boot.interval(rng.normal(size=n))
        widths.append(interval.high - interval.low)
    assert_allclose(np.mean(widths), 2 * 1.96 / np.sqrt(n), rtol=0.15)


def test_three_objects_give_an_interval(rng: np.random.Generator) -> None:
    """All choices share all objects: nothing can be said of others, but nothing breaks."""
    triplets = np.tile([0, 1, 2], (30, 1))
    interval = TwoWayBootstrap(rng.integers(4, size=30), triplets, rng).interval(
        rng.normal(size=30)
    )
    assert np.isfinite([interval.low, interval.high]).all()


def test_calibrated_predictions_lie_on_the_diagonal(rng: np.random.Generator) -> None:
    probabilities = rng.dirichlet((1, 1, 1), size=20_000)
    chosen = np.array([rng.choice(3, p=row) for row in probabilities])
    curve = reliability(probabilities, chosen)
    assert_allclose(curve.observed, curve.predicted, atol=0.03)
    assert ((curve.low <= curve.predicted) & (curve.predicted <= curve.high)).mean() >= 0.7
    assert curve.counts.sum() == 60_000
    sharp = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    over = reliability(sharp, chosen)
    assert over.observed[-1] < over.predicted[-1] - 0.1


def test_wilson_interval_holds_the_share_and_stays_in_bounds() -> None:
    k, n = np.array([0, 5, 10]), np.array([10, 10, 10])
    low, high = wilson_interval(k, n)
    assert ((low >= -1e-12) & (high <= 1 + 1e-12)).all()
    assert ((low <= k / n + 1e-12) & (k / n <= high + 1e-12)).all()
    assert_allclose(high[0], 0.2775, atol=1e-4)


def test_a_subset_has_the_interval_that_it_has_alone(rng: np.random.Generator) -> None:
    """On the resamples of all, which hold more people and objects than the subset has."""
    n = 1500
    triplets = np.stack([rng.permutation(40)[:3] for _ in range(n)])
    persons = rng.integers(12, size=n)
    scores = rng.normal(size=12)[persons] + rng.normal(size=40)[triplets].sum(axis=1)
    rows = (persons % 2 == 0) & (triplets.min(axis=1) > 5)
    whole = TwoWayBootstrap(persons, triplets, rng)
    part = whole.within(rows).interval(scores[rows])
    alone = TwoWayBootstrap(persons[rows], triplets[rows], rng).interval(scores[rows])
    assert part.value == alone.value
    assert_allclose(part.high - part.low, alone.high - alone.low, rtol=0.1)
    one = persons == 3  # of one person: over objects only, as where nobody else was asked
    found = whole.within(one).interval(scores[one])
    alone = TwoWayBootstrap(persons[one], triplets[one], rng).interval(scores[one])
    assert_allclose(found.high - found.low, alone.high - alone.low, rtol=0.1)


def test_numbers_of_groups_are_those_of_sorted_rows(rng: np.random.Generator) -> None:
    columns = rng.integers(5, size=(3, 200))
    expected = np.unique(columns.T, axis=0, return_inverse=True)[1].ravel()
    assert_array_equal(group_numbers(*columns), expected)
    for factor in (2**12, 2**40):  # codes that fill 64 bits with their places, or without
        assert_array_equal(group_numbers(*(columns * factor)), expected)
    assert_array_equal(group_numbers(np.array([10**6])), [0])
    assert len(group_numbers(np.array([], dtype=int))) == 0
    unique, number = triplet_numbers(columns.T)
    assert_array_equal(unique[number], np.sort(columns.T, axis=1))
    assert_array_equal(unique, np.unique(np.sort(columns.T, axis=1), axis=0))


def test_variance_counts_every_two_choices_that_share_something_once(
    rng: np.random.Generator,
) -> None:
    n, m = 300, 12
    triplets = np.stack([rng.permutation(m)[:3] for _ in range(n)])
    persons = rng.integers(6, size=n)
    errors = rng.normal(size=(2, n))
    errors -= errors.mean(axis=1, keepdims=True)
    has = np.eye(m)[triplets].sum(axis=1)
    shared = (has @ has.T > 0) | (persons[:, None] == persons)
    boot = TwoWayBootstrap(persons, triplets, rng, resamples=10)
    assert_allclose(boot._sums(errors)[0], errors @ shared @ errors.T)
    for share in (0.7, 0.05):
        part = rng.random(n) < share
        own = errors[:, part]
        expected = own @ shared[np.ix_(part, part)] @ own.T
        assert_allclose(boot.within(part)._sums(own)[0], expected)
