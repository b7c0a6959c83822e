"""Triplets that show every pair: their number against the bound, and how they are dealt out."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import TrialForm, covering_bound, covering_triplets
from twoalike.design._coverage import coverage_sessions, deal, objects_of
from twoalike.study import TwoalikeError

ANY_TIME = settings(deadline=None, max_examples=60)
SEEDS = st.integers(0, 2**32)
TRIPLET = TrialForm(3)


def pair_counts(triplets: np.ndarray, m: int) -> np.ndarray:
    counts = np.zeros((m, m), dtype=int)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.add.at(counts, (triplets[:, a], triplets[:, b]), 1)
    return (counts + counts.T)[np.triu_indices(m, 1)]


def distinct(triplets: np.ndarray) -> bool:
    return len(np.unique(triplets, axis=0)) == len(triplets)


@pytest.mark.parametrize(
    ("m", "least"),
    [(10, 17), (20, 67), (24, 96), (30, 150), (48, 384), (64, 683), (100, 1667), (128, 2731)],
)
def test_the_bound_is_the_published_one(m: int, least: int) -> None:
    assert covering_bound(m) == least


@pytest.mark.parametrize(("m", "least"), [(3, 1), (4, 3), (5, 4), (6, 6), (7, 7), (8, 11), (9, 12)])
def test_the_bound_is_reached_by_no_fewer(m: int, least: int) -> None:
    """Known covering numbers C(v, 3, 2) of the tables (Gordon, Kuperberg & Patashnik 1995)."""
    assert covering_bound(m) == least
    assert len(covering_triplets(m, 1, np.random.default_rng(0))) == least


@pytest.mark.parametrize("m", [*range(3, 33), 47, 48, 49, 50, 51, 52, 100])
def test_every_pair_once_takes_as_few_triplets_as_there_can_be(m: int) -> None:
    triplets = covering_triplets(m, 1, np.random.default_rng(m))
    assert len(triplets) == covering_bound(m)
    assert pair_counts(triplets, m).min() == 1
    exposure = np.bincount(triplets.ravel(), minlength=m)
    assert exposure.max() - exposure.min() <= 1


@ANY_TIME
@given(st.integers(3, 16), st.integers(1, 12), SEEDS)
def test_every_pair_so_often(m: int, repeats: int, seed: int) -> None:
    triplets = covering_triplets(m, repeats, np.random.default_rng(seed))
    assert (np.diff(triplets, axis=1) > 0).all()
    assert triplets.min() >= 0 and triplets.max() < m
    assert pair_counts(triplets, m).min() >= repeats
    assert covering_bound(m, repeats) <= len(triplets) <= 1.05 * covering_bound(m, repeats) + 2
    if repeats <= m - 2:
        assert distinct(triplets)
    assert np.unique(triplets, axis=0, return_counts=True)[1].max() <= -(-repeats // (m - 2))


def test_the_seed_makes_the_design() -> None:
    first, again, other = (covering_triplets(20, 1, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()


@ANY_TIME
@given(st.integers(4, 14), st.integers(1, 6), st.integers(1, 5), SEEDS)
def test_dealing_is_even_and_never_twice(m: int, lists: int, kinds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, min(comb(m, 3), 60) + 1))
    every = np.array(list(combinations(range(m), 3)))
    once = every[rng.permutation(len(every))[:n]]
    kind = rng.integers(kinds, size=n)
    times = rng.integers(1, lists + 1, size=n)  # one triplet several times, of one kind
    triplets, kind = np.repeat(once, times, axis=0), np.repeat(kind, times)
    dealt = deal(triplets, kind.tolist(), lists, m, rng)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(len(triplets)))
    assert all(distinct(triplets[places]) for places in dealt)
    for name in range(kinds):
        counts = [int((kind[places] == name).sum()) for places in dealt]
        assert max(counts) - min(counts) <= 1


def test_dealing_balances_the_objects_of_each_list(rng: np.random.Generator) -> None:
    triplets = covering_triplets(48, 1, rng)
    spread = [
        np.ptp(np.bincount(triplets[p].ravel(), minlength=48))
        for p in deal(triplets, [0] * len(triplets), 4, 48, rng)
    ]
    by_chance = [np.ptp(np.bincount(p.ravel(), minlength=48)) for p in np.split(triplets, 4)]
    assert max(spread) <= 2 < min(by_chance)


@ANY_TIME
@given(st.integers(5, 20), st.integers(1, 3), st.integers(1, 5), st.integers(0, 10), SEEDS)
def test_sessions_cover_together(m: int, repeats: int, sessions: int, more: int, seed: int) -> None:
    needed = covering_bound(m, repeats)
    trials = min(-(-needed // sessions) + more, comb(m, 3))
    if trials * sessions < needed or repeats > (m - 2) * sessions:
        return
    rng = np.random.default_rng(seed)
    chosen = coverage_sessions(TRIPLET, m, trials, repeats, sessions, rng, "design")
    assert [len(one) for one in chosen] == [trials] * sessions
    assert all(distinct(objects_of(one)) for one in chosen)
    together = np.concatenate([objects_of(one) for one in chosen])
    assert pair_counts(together, m).min() >= repeats
    samplers = [name for one in chosen for name in one["sampler"]]
    own = together[np.array(samplers) == "coverage"]
    assert pair_counts(own, m).min() >= repeats
    assert set(samplers) <= {"coverage", "random"}


@pytest.mark.parametrize(("m", "trials", "sessions"), [(48, 100, 4), (48, 150, 4), (64, 100, 7)])
def test_each_session_shows_objects_about_equally_often(
    m: int, trials: int, sessions: int, rng: np.random.Generator
) -> None:
    for one in coverage_sessions(TRIPLET, m, trials, 1, sessions, rng, "design"):
        exposure = np.bincount(objects_of(one).ravel(), minlength=m)
        assert exposure.max() - exposure.min() <= 2


def test_too_few_sessions_say_how_many_it_takes(rng: np.random.Generator) -> None:
    with pytest.raises(TwoalikeError, match="takes 384 trials, so 4 sessions of 100 trials, f"):
        coverage_sessions(TRIPLET, 48, 100, 1, 3, rng, "design")
    assert len(coverage_sessions(TRIPLET, 48, 100, 1, 4, rng, "design")) == 4
    # A pair is in m - 2 = 3 triplets, and no session shows one of them twice.
    with pytest.raises(TwoalikeError, match="7 times in triplets takes 24 trials, so 3 sessions"):
        coverage_sessions(TRIPLET, 5, 10, 7, 2, rng, "design")


@ANY_TIME
@given(st.integers(4, 12), SEEDS)
def test_filling_shows_the_least_shown(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    taken = covering_triplets(m, 1, rng)[: m // 2]
    left = comb(m, 3) - len(taken)
    more = TRIPLET.least_shown(taken, m, left, rng)
    assert distinct(np.concatenate([taken, more]))
    few = TRIPLET.least_shown(taken, m, min(m, left), rng)
    exposure = np.bincount(np.concatenate([taken, few]).ravel(), minlength=m)
    assert exposure.max() - exposure.min() <= 2
    with pytest.raises(ValueError, match="are left"):
        TRIPLET.least_shown(taken, m, left + 1, rng)
