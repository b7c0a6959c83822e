"""Columns are brought to one order; convergence is judged on what they predict."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist

from twoalike.embedding._advice import chain_convergence, optimiser_convergence
from twoalike.embedding._draws import align_draws, rotate_draws, spread


@pytest.fixture
def draws(rng: np.random.Generator) -> np.ndarray:
    """Three chains of 150 draws around one embedding, shape (3, 150, 25, 4)."""
    truth = rng.gamma(0.5, 1.0, (25, 4))
    return np.abs(truth + 0.05 * rng.standard_normal((3, 150, 25, 4))).astype("float32")


def test_permuted_chains_are_aligned(draws: np.ndarray, rng: np.random.Generator) -> None:
    swapped = draws.copy()
    swapped[1] = draws[1][..., [2, 0, 3, 1]]
    swapped[2] = draws[2][..., [3, 2, 1, 0]]
    orders = align_draws(swapped)
    aligned = np.take_along_axis(swapped, orders[:, :, None, :], axis=-1)
    assert_allclose(aligned, draws)


def test_convergence_is_of_places_and_ignores_the_order_of_columns(
    draws: np.ndarray, rng: np.random.Generator
) -> None:
    plain = chain_convergence(draws, {}, 0)
    order = np.argsort(rng.random((3, 150, 1, 4)), axis=-1)
    mixed = np.take_along_axis(draws, np.broadcast_to(order, draws.shape), axis=-1)
    other = chain_convergence(mixed, {}, 0)
    assert plain["intervals"] and other["intervals"]
    assert_allclose(other["choice_rhat_max"], plain["choice_rhat_max"], atol=1e-3)
    apart = draws.copy()
    apart[2] *= 1.5  # a chain at another scale predicts other choices
    state = chain_convergence(apart, {}, 0)
    assert not state["intervals"]
    assert state["choice_rhat_95"] > 1.05
    # Judgments without choices do not tell the scale.
    assert chain_convergence(apart, {}, 0, chosen=False)["intervals"]


def test_optimiser_that_still_moves_has_not_converged() -> None:
    settled = 2 + 3 * np.exp(-np.arange(100) / 8)
    moving = 2 - 0.01 * np.arange(100)
    assert optimiser_convergence(np.stack([settled, settled]))["predictions"]
    state = optimiser_convergence(np.stack([settled, moving]))
    assert not state["predictions"]
    assert state["loss_change"] == pytest.approx(0.1)
    assert not optimiser_convergence(np.full((1, 100), np.nan))["predictions"]


def test_draws_of_distances_are_turned_onto_each_other(rng: np.random.Generator) -> None:
    truth = rng.normal(size=(12, 3)) * [3.0, 2.0, 1.0]
    turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(6)]
    draws = np.stack([truth @ turn + rng.normal(size=3) for turn in turns]).reshape(2, 3, 12, 3)
    turned = rotate_draws(draws.astype(np.float32))
    assert_allclose(turned, np.broadcast_to(turned[0, 0], turned.shape), atol=1e-4)
    assert_allclose(pdist(turned[1, 2]), pdist(truth), rtol=1e-4)
    assert (np.diff(spread(turned)) < 0).all()
    assert_allclose(np.corrcoef(turned[0, 0].T) - np.eye(3), 0, atol=1e-4)
