"""Counts against replicates: known tails, and p-values that are uniform when the model is true."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest, poisson_binom
from tests.chosen import data_of

from twoalike.choice import ANCHORED, TRIPLET
from twoalike.embedding._choices import Choices
from twoalike.embedding._follow import (
    Comparison,
    Tally,
    below,
    bernoulli_moments,
    outstanding,
)
from twoalike.embedding._predictive import judged_twice


def test_moments_are_those_of_a_weighted_hit(rng: np.random.Generator) -> None:
    p, value = 0.3, 0.5
    draws = value * (rng.random(400_000) < p)
    mean, variance, third = bernoulli_moments(p, value)
    assert_allclose(draws.mean(), mean, atol=2e-3)
    assert_allclose(draws.var(), variance, atol=1e-3)
    assert_allclose(((draws - draws.mean()) ** 3).mean(), third, atol=1e-3)


@pytest.mark.parametrize(("n", "tolerance"), [(5, 0.05), (30, 0.01), (300, 0.001)])
def test_tail_is_that_of_the_poisson_binomial(
    rng: np.random.Generator, n: int, tolerance: float
) -> None:
    p = rng.uniform(0.05, 0.95, n)
    moments = [np.full(n + 1, value.sum()) for value in bernoulli_moments(p)]
    hits = np.arange(n + 1)
    exact = poisson_binom.cdf(hits, p) - poisson_binom.pmf(hits, p) / 2
    assert_allclose(below(hits.astype(float), *moments), exact, atol=tolerance)


def test_what_is_certain_says_nothing() -> None:
    nothing = np.zeros(1)
    assert below(np.array([3.0]), np.array([3.0]), nothing, nothing) == 0.5


def test_tally_compares_each_draw_and_counts_ties_as_shares() -> None:
    tally = Tally(["a", "b", "nobody"])
    for p in (0.2, 0.6):
        tally.add(np.array([0, 0, 1]), [1, 0, 0.5], bernoulli_moments(np.array([p, p, p])))
        tally.end_draw()
    a, b = tally.comparisons()
    assert (a.name, b.name) == ("a", "b")
    assert (a.n, a.observed, a.expected) == (2, 0.5, pytest.approx(0.4))
    assert (b.n, b.observed, b.expected) == (1, 0.5, pytest.approx(0.4))
    assert 0 <= a.low < a.expected < a.high <= 1


def test_p_values_are_uniform_when_the_model_is_true(rng: np.random.Generator) -> None:
    groups, cases = 400, 60
    p = rng.uniform(0.2, 0.9, (groups, cases))
    tally = Tally([str(k) for k in range(groups)])
    hits = rng.random(p.shape) < p
    tally.add(np.repeat(np.arange(groups), cases), hits.ravel(), bernoulli_moments(p.ravel()))
    tally.end_draw()
    found = tally.comparisons()
    assert kstest([one.p for one in found], "uniform").pvalue > 0.01
    assert len(outstanding(found)) <= 2
    inside = np.mean([one.low <= one.observed <= one.high for one in found])
    assert 0.86 < inside < 0.95


def test_who_answers_otherwise_stands_out(rng: np.random.Generator) -> None:
    people = [Comparison(str(k), 100, 0.6, 0.6, 0.5, 0.7, p) for k, p in enumerate(rng.random(50))]
    people[7] = Comparison("careless", 100, 0.3, 0.6, 0.5, 0.7, 1 - 1e-6)
    assert outstanding(people)[0] == "careless"
    assert outstanding([]) == []


def judged(rows: list[tuple[list[int], int, int]], *, anchored: bool = False) -> Choices:
    items, answer, judge = (np.array(part) for part in zip(*rows, strict=True))
    question = ANCHORED if anchored else TRIPLET
    names = [str(k) for k in range(10)], ["p", "q", "r"]
    return data_of(items, answer, judge, *names, question).choices


ROWS: list[Any] = [
    ([4, 2, 9], 0, 0),  # 4
    ([9, 4, 2], 1, 0),  # 4 again, by the same person in another order
    ([2, 4, 9], 2, 0),  # 9, a third time: pairs are disjoint
    ([2, 9, 4], 1, 1),  # 9, by another person
    ([2, 9, 5], 1, 1),  # another triplet
]


def test_repeats_are_paired_in_any_order_of_items() -> None:
    ((first, second),) = judged_twice(judged(ROWS), by_one=True)
    assert first.shown.tolist() == second.shown.tolist() == [[2, 4, 9]]
    assert (first.answer == second.answer).tolist() == [True]
    ((first, second),) = judged_twice(judged(ROWS), by_one=False)
    assert {int(first.judge[0]), int(second.judge[0])} == {0, 1} and first.size == 1
    rows = [([4, 2, 9], 0, 0), ([4, 9, 2], 1, 0), ([2, 4, 9], 0, 0)]  # the reference comes first
    ((first, second),) = judged_twice(judged(rows, anchored=True), by_one=True)
    assert first.shown.tolist() == [[4, 2, 9]]
    assert (first.answer == second.answer).tolist() == [True]


def test_no_judgment_is_in_two_pairs(rng: np.random.Generator) -> None:
    rows = [(rng.permutation(4)[:3].tolist(), 0, int(rng.integers(3))) for _ in range(200)]
    for by_one in (True, False):
        ((first, second),) = judged_twice(judged(rows), by_one=by_one)
        assert ((first.judge == second.judge) == by_one).all()
        assert (first.shown == second.shown).all()
    assert judged_twice(judged(rows), by_one=True)[0][0].size >= (200 - 12) // 2
    assert judged_twice(judged(rows[:1]), by_one=True) == []
