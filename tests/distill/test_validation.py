"""Which listed triplets a student is scored on."""

import numpy as np
import pytest

from twoalike.distill import DistillConfig
from twoalike.distill._lesson import _n_within, _set_aside


def drawn(n_images: int, n: int) -> np.ndarray:
    """Triplets of random images."""
    rng = np.random.default_rng(0)
    rows = rng.integers(n_images, size=(n + n // 10, 3))
    distinct = (rows[:, 0] != rows[:, 1]) & (rows[:, 1] != rows[:, 2]) & (rows[:, 0] != rows[:, 2])
    return rows[distinct][:n]


@pytest.mark.parametrize(("n_images", "n"), [(300_000, 200_000), (400, 1_500_000), (40, 5000)])
def test_a_thousand_triplets_are_scored_where_there_are_many(n_images: int, n: int) -> None:
    """Of many images those of whole triplets; of few, random ones hold enough."""
    triplets, config = drawn(n_images, n), DistillConfig(held_out=0.2 if n < 10**4 else 0.1)
    aside = _set_aside(config, triplets)
    assert len(np.unique(aside)) == len(aside) <= min(4000, config.held_out * n_images + 1)
    within = _n_within(triplets, aside)
    assert within >= (1000 if n > 10**5 else 20)
    is_out = np.zeros(n_images, bool)
    is_out[aside] = True
    assert within == is_out[triplets].all(axis=1).sum()
    if n_images > 10**5:
        assert is_out[triplets].any(axis=1).mean() < 0.05  # few are lost to training
    assert np.array_equal(aside, _set_aside(config, triplets))
