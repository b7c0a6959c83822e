"""Intervals and similarities are what their definitions say, at any size of block."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.choice import log_choice
from twoalike.embedding import Posterior
from twoalike.embedding import _similarity as module
from twoalike.embedding._similarity import (
    central_interval,
    choice_intervals,
    kept_together,
    pair_odds,
    select_objects,
    similarity_table,
)
from twoalike.study import TwoalikeError


def all_triplets(m: int) -> np.ndarray:
    return np.array([(i, j, k) for i in range(m) for j in range(m) for k in range(m)])[
        [len({i, j, k}) == 3 for i in range(m) for j in range(m) for k in range(m)]
    ]


def chance_by_hand(s: np.ndarray) -> np.ndarray:
    """Chance that a pair is kept, averaged over third objects, one triplet at a time."""
    m = len(s)
    chance = np.eye(m)
    for i in range(m):
        for j in range(m):
            if i != j:
                kept = [
                    np.exp(log_choice((s[i, j], s[i, k], s[j, k]))[2])
                    for k in range(m)
                    if k not in {i, j}
                ]
                chance[i, j] = np.mean(kept)
    return chance


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_interval_is_numpys_quantiles(rng: np.random.Generator, level: float, axis: int) -> None:
    draws = rng.normal(size=(7, 9, 11))
    before = draws.copy()
    tail = (1 - level) / 2
    expected = np.quantile(draws, [tail, 1 - tail], axis=axis)
    assert_allclose(central_interval(draws, level, axis), expected, rtol=1e-12)
    assert (draws == before).all()


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, -0.1, float("nan")])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(TwoalikeError, match="a share between 0 and 1"):
        central_interval(np.arange(5.0), level)


@pytest.mark.parametrize("values", [2**26, 60, 1])
def test_choice_intervals_are_quantiles_of_the_draws(
    posterior: Posterior, monkeypatch: pytest.MonkeyPatch, values: int
) -> None:
    monkeypatch.setattr(module, "VALUES", values)
    triplets = all_triplets(5)
    expected = np.quantile(posterior.choice_draws(triplets), [0.1, 0.9], axis=0)
    low, high = choice_intervals(posterior, triplets, 0.8)
    assert_allclose(low, expected[0], atol=1e-6)
    assert_allclose(high, expected[1], atol=1e-6)
    mean = posterior.choice_probabilities(triplets, lapse=True)
    wide = choice_intervals(posterior, triplets, 0.999)
    assert (wide[0] <= mean + 1e-6).all() and (mean <= wide[1] + 1e-6).all()


def test_somebody_unknown_is_a_new_person(posterior: Posterior) -> None:
    triplets = all_triplets(4)
    nobody = np.full(len(triplets), -1)
    new = posterior.choice_draws(triplets)
    assert_allclose(posterior.choice_draws(triplets, participants=nobody), new, atol=1e-7)
    half = np.where(np.arange(len(triplets)) % 2, -1, 1)
    mixed = posterior.choice_draws(triplets, participants=half)
    assert_allclose(mixed[:, 1::2], new[:, 1::2], atol=1e-7)
    assert np.abs(mixed[:, ::2] - new[:, ::2]).max() > 0.01


@pytest.mark.parametrize("scale", ["raw", "centred"])
@pytest.mark.parametrize("values", [2**26, 200, 1])
def test_similarity_is_the_draws_dot_product_or_forgets_what_all_pairs_share(
    posterior: Posterior, monkeypatch: pytest.MonkeyPatch, values: int, scale: Any
) -> None:
    monkeypatch.setattr(module, "VALUES", values)
    table, upper = similarity_table(posterior, 0.8, scale=scale), np.triu_indices(7, 1)
    draws = np.stack([x @ x.T for x in posterior.embedding.astype(float)])
    if scale == "centred":
        draws -= draws[:, *upper].mean(axis=1)[:, None, None]
    assert_allclose(table.mean, draws.mean(axis=0), rtol=1e-4, atol=1e-5)
    for matrix, share in ((table.low, 0.1), (table.high, 0.9)):
        assert_allclose(matrix, np.quantile(draws, share, axis=0), rtol=1e-4, atol=1e-5)
        assert (matrix == matrix.T).all()


@pytest.mark.parametrize("values", [2**26, 200, 1])
@pytest.mark.parametrize("tile", [2**18, 14, 1])
def test_chance_averages_over_every_third_object(
    posterior: Posterior, monkeypatch: pytest.MonkeyPatch, values: int, tile: int
) -> None:
    monkeypatch.setattr(module, "VALUES", values)
    monkeypatch.setattr(module, "TILE", tile)
    table = similarity_table(posterior, 0.8, scale="chance")
    draws = np.stack([chance_by_hand(x @ x.T) for x in posterior.embedding.astype(float)])
    assert_allclose(table.mean, draws.mean(axis=0), rtol=1e-4)
    assert_allclose(table.low, np.quantile(draws, 0.1, axis=0), rtol=1e-4)
    assert_allclose(table.high, np.quantile(draws, 0.9, axis=0), rtol=1e-4)
    assert (np.diag(table.low) == 1).all()


@pytest.mark.parametrize("top", [50.0, 90.0, 500.0])
def test_chance_stands_far_similarities(top: float) -> None:
    s = np.zeros((4, 4))
    s[0, 1] = s[1, 0] = top
    assert_allclose(kept_together(pair_odds(s), slice(0, 4)), chance_by_hand(s), atol=1e-6)


def test_similarities_beyond_double_precision_are_refused() -> None:
    s = np.zeros((4, 4))
    s[0, 1] = s[1, 0] = 5000.0
    with pytest.raises(TwoalikeError, match="span 5000 nats"):
        pair_odds(s)


def test_a_choice_of_objects_keeps_the_order_asked_for(posterior: Posterior) -> None:
    table = similarity_table(posterior, scale="raw", objects=["o5", "o0", "o3"])
    whole = similarity_table(posterior, scale="raw")
    assert table.ids == ("o5", "o0", "o3")
    assert_allclose(table.mean, whole.mean[np.ix_([5, 0, 3], [5, 0, 3])], rtol=1e-6)
    chance = similarity_table(posterior, scale="chance", objects=["o5", "o0", "o3"])
    pairs = chance.mean[np.triu_indices(3, 1)]
    assert_allclose(pairs.sum(), 1.0, rtol=1e-5)  # one triplet: one of its pairs is kept


def test_objects_that_are_unknown_or_twice_or_too_few_are_refused(posterior: Posterior) -> None:
    with pytest.raises(TwoalikeError, match="'cat' is not one of the 7 objects"):
        similarity_table(posterior, objects=["o1", "cat"])
    with pytest.raises(TwoalikeError, match="named twice"):
        select_objects(posterior.ids, ["o1", "o2", "o1"])
    with pytest.raises(TwoalikeError, match="at least 3 objects"):
        similarity_table(posterior, scale="chance", objects=["o1", "o2"])
