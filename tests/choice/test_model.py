"""Identities of the choice model, in every library that uses it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from scipy.special import softmax

from twoalike.choice import (
    ANCHORED,
    ODD,
    PAIRS,
    entropy,
    expected_accuracy,
    log_choice,
    log_loss,
    pair_similarities,
)
from twoalike.study import TwoalikeError

SIMILARITIES = hnp.arrays(np.float64, (3, 7), elements=st.floats(-50, 50))


def test_odd_item_is_the_one_outside_the_pair() -> None:
    for pair, odd in zip(PAIRS, ODD, strict=True):
        assert {*pair, odd} == {0, 1, 2}


@given(SIMILARITIES, st.floats(0.05, 20), st.floats(0.001, 0.999))
def test_probabilities_are_the_mixture_they_claim(
    similarity: np.ndarray, temperature: float, lapse: float
) -> None:
    expected = (1 - lapse) * softmax(similarity / temperature, axis=0)[list(ODD)] + lapse / 3
    result = np.exp(log_choice(tuple(similarity), temperature, lapse))
    assert_allclose(result, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(result.sum(axis=0), 1)


@given(SIMILARITIES, st.permutations([0, 1, 2]), st.floats(-30, 30))
def test_order_of_items_and_a_constant_do_not_matter(
    similarity: np.ndarray, order: list[int], constant: float
) -> None:
    pair_of = {frozenset(pair): k for k, pair in enumerate(PAIRS)}
    moved = [similarity[pair_of[frozenset({order[a], order[b]})]] + constant for a, b in PAIRS]
    original = np.stack(log_choice(tuple(similarity)))
    assert_allclose(np.stack(log_choice(tuple(moved))), original[order], atol=1e-9)


def test_temperature_goes_from_always_to_guessing() -> None:
    similarity = (3.0, 1.0, 0.0)
    assert_allclose(np.exp(log_choice(similarity, 1e-3)), [0, 0, 1], atol=1e-12)
    assert_allclose(np.exp(log_choice(similarity, 1e6)), 1 / 3, rtol=1e-5)


def test_anchored_choice_prefers_the_similar_item() -> None:
    near, far = np.exp(log_choice((2.0, 0.0), 1.0, 0.1, question=ANCHORED))
    assert_allclose(near, 0.9 / (1 + np.exp(-2)) + 0.05)
    assert_allclose(near + far, 1)


def test_pairs_of_a_matrix(rng: np.random.Generator) -> None:
    matrix = rng.normal(size=(2, 5, 5))
    triplets = np.array([[0, 1, 2], [4, 2, 0]])
    result = np.stack(pair_similarities(matrix, triplets))
    for k, (a, b) in enumerate(PAIRS):
        assert_allclose(result[k], matrix[:, triplets[:, a], triplets[:, b]])


def test_torch_gives_the_same(rng: np.random.Generator) -> None:
    """PyTensor and JAX: test_sets.py."""
    torch = pytest.importorskip("torch")
    similarity = rng.normal(size=(3, 20)) * 5
    expected = np.stack(log_choice(tuple(similarity), 0.7, 0.1))
    lapse = torch.tensor(0.1, dtype=torch.float64)
    parts = log_choice(tuple(map(torch.tensor, similarity)), 0.7, lapse, xp=torch)
    assert_allclose(torch.stack(parts).numpy(), expected, rtol=2e-5, atol=1e-5)


def test_a_tie_counts_as_a_share() -> None:
    probabilities = np.array([[0.4, 0.4, 0.2], [1, 1, 1], [0.1, 0.2, 0.7]])
    assert_allclose(expected_accuracy(probabilities, np.array([1, 0, 2])), [0.5, 1 / 3, 1])
    assert_allclose(expected_accuracy(probabilities, np.array([2, 0, 0])), [0, 1 / 3, 0])


def test_losses_by_hand() -> None:
    probabilities = [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]
    assert_allclose(log_loss(probabilities, np.array([1, 0])), [np.log(4), 0])
    assert log_loss(probabilities, np.array([0, 1]))[1] == np.inf
    assert_allclose(entropy(probabilities), [1.5 * np.log(2), 0])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_an_array_is_not_taken_for_one_array_a_pair(n: int, rng: np.random.Generator) -> None:
    for module in (np, pytest.importorskip("torch"), pytest.importorskip("jax.numpy")):
        rows = module.asarray(rng.normal(size=(n, 3)))
        with pytest.raises(TwoalikeError, match=r"array of shape .*tuple\(array.T\)"):
            log_choice(rows, xp=module)
        with pytest.raises(TwoalikeError, match="array of shape"):
            log_choice(rows[:, :2], xp=module, question=ANCHORED)
        assert np.shape(log_choice(tuple(rows.T), xp=module)[0]) == (n,)
    with pytest.raises(TwoalikeError, match="found 2 of them"):
        log_choice((1.0, 2.0))  # type: ignore[arg-type]


def test_wrong_shapes_are_errors() -> None:
    p, chosen = np.full((3, 3), 1 / 3), np.zeros(3, dtype=int)
    for score in (expected_accuracy, log_loss):
        for wrong in (chosen[:2], chosen[:, None], 0):
            with pytest.raises(TwoalikeError, match="one item a row"):
                score(p, wrong)  # type: ignore[arg-type]
        with pytest.raises(TwoalikeError, match=r"shape \(n, k\)"):
            score(p[0], chosen)
    with pytest.raises(TwoalikeError, match=r"shape \(n, k\)"):
        entropy(p[None])
    for triplets in (np.array([0, 1, 2]), np.array([[0, 1]])):
        with pytest.raises(TwoalikeError, match=r"shape \(n, 3\)"):
            pair_similarities(p, triplets)
