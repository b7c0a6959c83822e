"""Batches and triplets as functions of seed, step and process."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.distill import BatchStream, batch_triplets
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
    with pytest.raises(TwoalikeError, match="--batch 10"):
        BatchStream(20, 16, 0, world=2)


@pytest.mark.parametrize("most", [10_000, 15])
def test_triplets_of_a_batch(most: int) -> None:
    triplets = batch_triplets(8, most, np.random.default_rng(1))
    assert len(triplets) == min(comb(8, 3), most)
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()
    if most > comb(8, 3):
        assert len(np.unique(np.sort(triplets, axis=1), axis=0)) == comb(8, 3)
