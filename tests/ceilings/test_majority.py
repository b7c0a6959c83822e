"""Models scored against the majority of a few votes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.ceilings import majority_agreement, majority_bound, majority_scores

Gather = Callable[..., Any]


def test_any_of_the_tied_answers_counts_and_ties_of_the_model_share(votes: Gather) -> None:
    table = votes(np.repeat([[0, 1, 2], [0, 1, 3]], 4, axis=0), np.array([0, 0, 1, 1, 2, 2, 2, 0]))
    sure = np.eye(3)
    assert_array_equal(majority_scores(sure[[0, 2]], table), [1, 1])
    assert_array_equal(majority_scores(sure[[1, 0]], table), [1, 0])
    assert_array_equal(majority_scores(sure[[2, 1]], table), [0, 0])
    assert_allclose(majority_scores(np.full((2, 3), 1 / 3), table), [2 / 3, 1 / 3])


def test_the_best_predictor_reaches_its_bound(
    judge: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    rng: np.random.Generator,
    votes: Gather,
) -> None:
    """Which is far above its agreement with single responses."""
    p = rng.dirichlet((1, 1, 1), size=6000)
    triplets = np.arange(18_000).reshape(-1, 3)
    rows = np.repeat(np.arange(6000), 5)
    table = votes(triplets[rows], judge(p[rows], rng))
    found = majority_agreement(majority_scores(p, table), table)
    assert found["n"] == 6000
    expected = majority_bound(p, 4).mean()
    assert found["accuracy"].low < expected < found["accuracy"].high
    assert found["accuracy"].value > p.max(axis=1).mean() + 0.1
