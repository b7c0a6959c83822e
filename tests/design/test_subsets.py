"""Covering sets: every pair together, few sets, one scale, the same from the same seed."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import covering_sets, schonheim_bound
from twoalike.design._subsets import _linked


def pairs(items: list[int]) -> set[tuple[int, int]]:
    return set(combinations(sorted(items), 2))


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 26), st.integers(4, 12), st.integers(0, 1000))
def test_every_pair_is_together_and_every_set_is_tied_to_earlier_ones(
    m: int, size: int, seed: int
) -> None:
    sets = covering_sets(m, size, np.random.default_rng(seed), exchanges=200)
    shown: set[tuple[int, int]] = set()
    for number, items in enumerate(sets):
        assert items == sorted(set(items))
        assert len(items) == min(size, m)
        assert number == 0 or shown & pairs(items), "shares no pair with the sets before it"
        shown |= pairs(items)
    assert shown == set(combinations(range(m), 2))
    assert len(sets) >= schonheim_bound(m, size)


def test_bound_is_that_of_known_optimal_coverings() -> None:
    # The projective planes of order 3 and 4, and the affine plane of order 5, meet it.
    assert [schonheim_bound(*known) for known in ((13, 4), (21, 5), (25, 5), (6, 8))] == [
        13,
        21,
        30,
        1,
    ]


@pytest.mark.parametrize(("m", "size", "most"), [(20, 8, 10), (30, 12, 10), (48, 12, 23)])
def test_few_sets(m: int, size: int, most: int) -> None:
    assert len(covering_sets(m, size, np.random.default_rng(1), exchanges=3000)) <= most


def test_search_takes_sets_away(rng: np.random.Generator) -> None:
    greedy, searched = (
        len(covering_sets(30, 8, np.random.default_rng(3), exchanges=n)) for n in (0, 3000)
    )
    assert searched < greedy


def test_sets_that_share_no_pair_get_links() -> None:
    # The 13 lines of the projective plane of order 3: each pair is on one line only.
    lines = [sorted((start + step) % 13 for step in (0, 1, 3, 9)) for start in range(13)]
    member = np.array([np.isin(np.arange(13), line) for line in lines])
    rng = np.random.default_rng(0)
    linked = [np.flatnonzero(row).tolist() for row in _linked(member, 4, rng)]
    assert all(line in linked for line in lines)
    shown = pairs(linked[0])
    for items in linked[1:]:
        assert shown & pairs(items)
        shown |= pairs(items)
    # So sets that share pairs are the better covering, though it takes more of them.
    assert len(covering_sets(13, 4, rng)) < len(linked)


def test_same_seed_same_sets() -> None:
    first, again, other = (
        covering_sets(20, 6, np.random.default_rng(s), exchanges=500) for s in (5, 5, 6)
    )
    assert first == again
    assert first != other
