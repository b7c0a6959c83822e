"""The distribution of choice probabilities gives back what votes were drawn from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.ceilings import (
    TripletIntervals,
    all_counts,
    bounds_from_votes,
    expected_value,
    fit_distribution,
    largest_share,
    majority_bound,
    oracle_bound,
    plug_in_entropy,
)
from twoalike.choice import entropy

Gather = Callable[..., Any]


@pytest.mark.parametrize("n", [4, 5, 10])
def test_bounds_and_entropy_are_recovered(
    n: int, world: Any, rng: np.random.Generator, votes: Gather
) -> None:
    table = votes(*world.judge(n, rng))
    found = bounds_from_votes(TripletIntervals(table, rng, people=False))
    truth = {
        "oracle": oracle_bound(world.probabilities).mean(),
        "entropy": entropy(world.probabilities).mean(),
    }
    for name, estimate, naive in (
        ("oracle", found["oracle"], largest_share),
        ("entropy", found["entropy"], plug_in_entropy),
    ):
        own = abs(estimate.value - truth[name])
        plug_in = expected_value(world.probabilities, n, naive(all_counts(n))).mean()
        plug_in = abs(plug_in - truth[name])
        assert own < 0.01, (name, own)
        assert own < plug_in / 3, (name, own, plug_in)
        assert estimate.low <= truth[name] <= estimate.high
    true = majority_bound(world.probabilities, n).mean()
    assert abs(found["majority"].value - true) < 0.015
    assert found["majority"].low <= true <= found["majority"].high


def test_influence_is_the_derivative() -> None:
    types = np.array([[5, 0, 0], [4, 1, 0], [3, 1, 1], [2, 2, 1], [3, 1, 0]])
    shares = np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    model = fit_distribution(types, shares)
    functions = np.stack([model.points.max(axis=1), entropy(model.points)], axis=1)
    found = model.influence(functions)
    step = 1e-5
    for j in range(len(types)):
        change = step * (np.eye(len(types))[j] - shares)
        ends = [fit_distribution(types, shares + sign * change) for sign in (-1, 1)]
        slope = (ends[1].mean(functions) - ends[0].mean(functions)) / (2 * step)
        assert_allclose(found[j] - shares @ found, slope, rtol=1e-5, atol=1e-8)


def test_what_two_votes_cannot_tell_is_said() -> None:
    """Two votes tell the mean sum of squares and no more."""
    half = fit_distribution(np.array([[2, 0, 0], [1, 1, 0]]), np.array([2, 1]))
    low, high = half.identified(half.points.max(axis=1))
    assert low <= half.mean(half.points.max(axis=1)) <= high
    # A mean sum of squares of 2/3: half of the triplets certain and half random ...
    assert_allclose(low, 2 / 3, atol=1e-3)
    # ... or all alike, a + 2b = 1 and a^2 + 2b^2 = 2/3.
    assert_allclose(high, (1 + np.sqrt(2)) / 3, atol=2e-3)
    thirds = fit_distribution(np.array([[1, 1, 1]]), np.array([50]), steps=2000)
    assert_allclose(thirds.mean(thirds.points.max(axis=1)), 1 / 3, atol=0.02)
    low, high = thirds.identified(thirds.points.max(axis=1))
    assert high - low < 0.05
