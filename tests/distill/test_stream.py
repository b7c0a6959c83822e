"""Batches and triplets as functions of seed, step and process."""

from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from twoalike.distill import BatchStream, batch_triplets, scale_triplets
from twoalike.study import TwoalikeError


@given(
    n=st.integers(12, 40),
    batch=st.integers(3, 6),
    world=st.integers(1, 2),
    seed=st.integers(0, 2**31),
)
def test_processes_share_an_epoch_without_overlap(
    n: int, batch: int, world: int, seed: int
) -> None:
    streams = [BatchStream(n, batch, seed, world, rank) for rank in range(world)]
    per_epoch = n // (batch * world)
    seen = np.concatenate([s.indices(number) for s in streams for number in range(per_epoch)])
    assert len(set(seen)) == len(seen) == per_epoch * batch * world
    assert set(seen) <= set(range(n))


def test_any_batch_is_known_without_those_before() -> None:
    """What makes a stopped run go on exactly."""
    first = [BatchStream(40, 8, 3).indices(number) for number in range(12)]
    for number in (11, 4, 7):
        np.testing.assert_array_equal(BatchStream(40, 8, 3).indices(number), first[number])
    assert not np.array_equal(first[0], BatchStream(40, 8, 4).indices(0))
    assert not np.array_equal(np.sort(first[0]), np.sort(first[5]))
    keys = list(BatchStream(40, 8, 3).keys(4, 6))
    assert keys[0] == [(4, index) for index in first[4]]


def test_too_large_a_batch_says_which_would_do() -> None:
    with pytest.raises(TwoalikeError, match="`batch=10`"):
        BatchStream(20, 16, 0, world=2)
    with pytest.raises(TwoalikeError, match=r"than 1 image for training\. Give more images\.$"):
        BatchStream(1, 16, 0)


@pytest.mark.parametrize("most", [10_000, 15])
def test_triplets_of_a_batch(most: int) -> None:
    triplets = batch_triplets(8, most, np.random.default_rng(1))
    assert len(triplets) == min(comb(8, 3), most)
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()
    if most > comb(8, 3):
        assert len(np.unique(np.sort(triplets, axis=1), axis=0)) == comb(8, 3)


def test_triplets_at_all_scales() -> None:
    """Fine distinctions come up as often as coarse ones, which few of any three images do."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(27), 3)  # 3 x 3 x 3 kinds of three images
    nested = torch.from_numpy(kinds[:, None] // np.array([9, 3, 1]))
    distance = (nested[:, None] != nested).sum(dim=2).float()
    triplets = scale_triplets(distance, 20_000, rng)
    assert (torch.diff(triplets.sort(dim=1).values, dim=1) > 0).all()
    assert triplets.flatten().bincount(minlength=81).min() > 400
    widest = distance[triplets[:, [0, 0, 1]], triplets[:, [1, 2, 2]]].max(dim=1).values
    at_scale = widest.long().bincount(minlength=4) / len(triplets)
    # Neighbourhoods of 2, to 8, to 26 and to 80 others: each kind's share of the range, in logs.
    assert (at_scale[1:] > 0.15).all()
    any_three = torch.from_numpy(batch_triplets(81, 10**6, rng))
    widest = distance[any_three[:, [0, 0, 1]], any_three[:, [1, 2, 2]]].max(dim=1).values
    assert (widest == 1).float().mean() < 0.02
