"""Adaptive triplets: the score has its known values, and a block keeps its promises."""

from itertools import combinations
from math import ceil, comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.choice import log_choice, pair_similarities
from twoalike.design import adaptive_trials, expected_information
from twoalike.design._informative import NOISE_FLOOR, AnswerDraws, _Remaining, _whitened


def choice_draws(x: np.ndarray) -> AnswerDraws:
    """Choice probabilities under draws of an embedding, shape (S, m, D)."""
    matrices = x @ x.transpose(0, 2, 1)

    def probabilities(triplets: np.ndarray) -> np.ndarray:
        return np.exp(np.stack(log_choice(pair_similarities(matrices, triplets)), axis=-1))

    return probabilities


def random_draws(m: int, seed: int, draws: int = 30, spread: float = 0.5) -> AnswerDraws:
    rng = np.random.default_rng(seed)
    mean = rng.gamma(1.0, 1.0, size=(m, 4))
    return choice_draws(np.abs(mean + spread * rng.standard_normal((draws, m, 4))))


@given(
    st.integers(5, 12),
    st.integers(0, 30),
    st.integers(0, 30),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_a_block_is_fresh_balanced_and_as_random_as_asked(
    m: int, n: int, k: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    everything = rng.permuted(rng.permutation(list(combinations(range(m), 3))), axis=1)
    k = min(k, len(everything))
    n = min(n, len(everything) - k)
    shown = everything[:k]
    block = adaptive_trials(random_draws(m, seed), m, n, rng=rng, random_share=share, shown=shown)
    rows = {tuple(row) for row in block.trials.tolist()}
    assert len(rows) == n
    assert not rows & {tuple(sorted(row)) for row in shown.tolist()}
    assert all(0 <= a < b < c < m for a, b, c in rows)
    assert block.is_random.sum() == round(share * n)
    assert_array_equal(np.isnan(block.score), block.is_random)


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


def test_the_first_pick_is_the_most_telling_triplet(rng: np.random.Generator) -> None:
    m = 12
    probabilities = random_draws(m, 3)
    everything = np.array(list(combinations(range(m), 3)))
    information = expected_information(probabilities(everything))
    block = adaptive_trials(probabilities, m, 5, rng=rng, random_share=0.0)
    assert_array_equal(block.trials[0], everything[np.argmax(information)])
    assert_allclose(block.score[0], information.max())


def test_triplets_that_tell_the_same_are_not_all_asked() -> None:
    m, rng = 9, np.random.default_rng(0)
    x = np.tile(rng.gamma(1.0, 1.0, size=(m, 3)), (60, 1, 1))
    x[:30, 0] += [1.5, 0, 0]  # one doubt, which shows in every triplet of object 0 ...
    x[:, 8] += 0.4 * rng.standard_normal((60, 3))  # ... and a smaller one about object 8
    block = adaptive_trials(choice_draws(x), m, 6, rng=rng, random_share=0.0)
    best = np.sort(expected_information(choice_draws(x)(np.array(list(combinations(range(9), 3))))))
    assert (block.trials == 8).any(axis=1).sum() >= 2
    assert block.score.sum() < best[-6:].sum()


def test_all_triplets_can_be_asked_for_and_not_one_more(rng: np.random.Generator) -> None:
    m = 6
    block = adaptive_trials(random_draws(m, 0), m, comb(m, 3), rng=rng)
    assert len({tuple(row) for row in block.trials.tolist()}) == comb(m, 3)
    with pytest.raises(ValueError, match="21 fresh triplets, 20 are left"):
        adaptive_trials(random_draws(m, 0), m, 21, rng=rng)
    with pytest.raises(ValueError, match="19 fresh triplets, 18 are left"):
        adaptive_trials(random_draws(m, 0), m, 19, rng=rng, shown=block.trials[:2])


def test_what_is_left_to_learn_is_the_conditional_covariance(rng: np.random.Generator) -> None:
    p = random_draws(8, 5, draws=50)(np.array(list(combinations(range(8), 3))))
    deviations = _whitened(np.asarray(p, dtype=np.float64))
    remaining = _Remaining(deviations)
    picks = [3, 17, 40]
    for pick in picks:
        remaining.answer(pick)
    rows = deviations.reshape(-1, 50).astype(float)
    full = rows @ rows.T
    asked = np.array([2 * pick + axis for pick in picks for axis in (0, 1)])
    noise = np.zeros((6, 6))
    for at, pick in enumerate(picks):
        own = slice(2 * at, 2 * at + 2)
        mine = slice(2 * pick, 2 * pick + 2)
        noise[own, own] = (1 + NOISE_FLOOR) * np.eye(2) - full[mine, mine]
    gain = np.linalg.solve(full[np.ix_(asked, asked)] + noise, full[asked])
    expected = full - full[:, asked] @ gain
    blocks = np.stack(
        [expected[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] for k in range(len(rows) // 2)]
    )
    assert_allclose(remaining.covariance, blocks, atol=1e-5)
    assert (remaining.share() <= 1 + 1e-5).all()
