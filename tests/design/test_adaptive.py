"""Adaptive triplets: the score has its known values, and a block keeps its promises."""

from itertools import combinations
from math import ceil

import numpy as np
import pytest

from twoalike.choice import log_choice, pair_similarities
from twoalike.design import AnswerDraws, adaptive_trials, expected_information


def choice_draws(x: np.ndarray) -> AnswerDraws:
    """Choice probabilities under draws of an embedding, shape (S, m, D)."""
    matrices = x @ x.transpose(0, 2, 1)

    def probabilities(triplets: np.ndarray) -> np.ndarray:
        return np.exp(np.stack(log_choice(pair_similarities(matrices, triplets)), axis=-1))

    return probabilities


@pytest.mark.parametrize("seed", range(5))
def test_no_object_is_over_used(seed: int) -> None:
    m, n, rng = 20, 60, np.random.default_rng(seed)
    x = np.abs(rng.standard_normal((40, m, 3)))
    x[:, 3:] = x[0, 3:]  # all that is unknown is known to be three objects
    shown = np.array(list(combinations(range(8), 3)))[rng.permutation(56)[:30]]
    block = adaptive_trials(
        choice_draws(x), m, n, rng=rng, random_share=0.0, shown=shown, candidates=200
    )
    cap = ceil(1.5 * 3 * (len(shown) + n) / m)
    before = np.bincount(shown.ravel(), minlength=m)
    after = before + np.bincount(block.trials.ravel(), minlength=m)
    assert (after <= np.maximum(cap, before)).all()
    assert after[:3].min() == cap  # and the unknown ones are used as far as allowed


def test_triplets_that_tell_the_same_are_not_all_asked() -> None:
    m, rng = 9, np.random.default_rng(0)
    x = np.tile(rng.gamma(1.0, 1.0, size=(m, 3)), (60, 1, 1))
    x[:30, 0] += [1.5, 0, 0]  # one doubt, which shows in every triplet of object 0 ...
    x[:, 8] += 0.4 * rng.standard_normal((60, 3))  # ... and a smaller one about object 8
    block = adaptive_trials(choice_draws(x), m, 6, rng=rng, random_share=0.0)
    best = np.sort(expected_information(choice_draws(x)(np.array(list(combinations(range(9), 3))))))
    assert (block.trials == 8).any(axis=1).sum() >= 2
    assert block.score.sum() < best[-6:].sum()
