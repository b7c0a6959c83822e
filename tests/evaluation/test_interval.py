"""Intervals cover the truth about as often as they say, whatever varies."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.calibration import reliability
from twoalike.evaluation import (
    Candidate,
    Judgments,
    Scored,
    TwoWayBootstrap,
    compare_choices,
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
    found = compare_choices([scored], judged, boot)[0]["accuracy"]
    assert found.high == 1.0
    assert found.value == 0.95


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


def test_variance_counts_every_two_choices_that_share_something_once(
    rng: np.random.Generator,
) -> None:
    n, m = 300, 12
    triplets = np.stack([rng.permutation(m)[:3] for _ in range(n)])
    persons = rng.integers(6, size=n)
    errors = rng.normal(size=(2, n))
    errors -= errors.mean(axis=1, keepdims=True)
    has = np.eye(m)[triplets].sum(axis=1)
    objects, people = has @ has.T > 0, persons[:, None] == persons
    shared = objects | people
    boot = TwoWayBootstrap(persons, triplets)
    for share in (1.0, 0.7, 0.05):
        part = rng.random(n) < share
        own, square = errors[:, part], np.ix_(part, part)
        sums = [np.einsum("kn,nm,km->k", own, of[square], own) for of in (shared, objects, people)]
        rest = max(1 - shared[square].mean(), 0.1)
        assert_allclose(boot.within(part).variance(own), np.max(sums, axis=0) / rest)
