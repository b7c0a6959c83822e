"""Intervals cover the truth about as often as they say, whatever varies."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.evaluation import TwoWayBootstrap


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
