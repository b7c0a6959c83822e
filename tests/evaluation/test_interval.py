"""Intervals hold the truth about as often as they say, of one network and of many together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import studentized_range

from twoalike.evaluation import JointEstimates, TwoWayBootstrap
from twoalike.evaluation._estimates import Comparisons


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


@pytest.fixture
def boot(rng: np.random.Generator) -> TwoWayBootstrap:
    """Resamples of 900 choices by 20 people on 30 objects."""
    triplets = np.stack([rng.permutation(30)[:3] for _ in range(900)])
    return TwoWayBootstrap(rng.integers(20, size=900), triplets, rng)


def test_differences_vary_as_the_bootstrap_of_the_difference(
    boot: TwoWayBootstrap, rng: np.random.Generator
) -> None:
    scores = rng.random((4, 900)) < 0.5
    joint = boot.joint(scores)
    assert_allclose(joint.values, scores.mean(axis=1))
    for i, j in ((0, 1), (2, 3)):
        alone = boot.interval(scores[i].astype(float) - scores[j])
        # Percentiles of 2,000 resamples are within some percent of 1.96 standard errors.
        assert_allclose(2 * 1.96 * joint.errors[i, j], alone.high - alone.low, rtol=0.08)
        again = boot.joint(np.stack([scores[i].astype(float) - scores[j], np.zeros(900)]))
        assert_allclose(again.errors[0, 1], joint.errors[i, j], rtol=1e-9)


def test_the_bound_is_tukeys_where_scores_are_independent_normals() -> None:
    k, rng = 8, np.random.default_rng(1)
    joint = JointEstimates.from_covariance(np.zeros(k), np.eye(k), 1e6, rng)
    half = joint.compare().half[0, 1]
    # A difference of two with variance 1 has the standard error sqrt(2).
    assert_allclose(half, studentized_range.ppf(0.95, k, np.inf), rtol=0.03)
    assert joint.compare(against=3).half[3, 0] < half
    assert np.isnan(joint.compare(against=3).half[0, 1])


def _null_study(rng: np.random.Generator) -> Comparisons:
    """Eight networks that see one space through equal noise, 12 people, 40 objects."""
    truth = rng.normal(size=(40, 4))
    triplets = np.stack([rng.permutation(40)[:3] for _ in range(600)])
    pairs = ((1, 2), (0, 2), (0, 1))

    def odd(seen: np.ndarray, temperature: float) -> np.ndarray:
        a = [(seen[triplets[:, i]] * seen[triplets[:, j]]).sum(axis=1) for i, j in pairs]
        return (np.stack(a, 1) + temperature * rng.gumbel(size=(600, 3))).argmax(axis=1)

    chosen = odd(truth, 1.0)
    hits = [odd(truth + 0.8 * rng.normal(size=truth.shape), 0.0) == chosen for _ in range(8)]
    return TwoWayBootstrap(rng.integers(12, size=600), triplets, rng).joint(hits).compare()


@pytest.mark.slow
def test_equal_networks_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(11)
    alarms = [bool(_null_study(rng).differs.any()) for _ in range(200)]
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
