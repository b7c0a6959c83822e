"""Trials that show every pair: their number against the bound, and how they are shared out."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import TRIPLET_LISTS, TrialForm, covering_bound, covering_sets, covering_trials
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, StudyConfig, TwoalikeError
from twoalike.tables import STIMULI

type Objects = Callable[[int, int, int], StimulusSet]
ANY_TIME = settings(deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32)


def triplets_of(m: int, repeats: int, seed: int) -> np.ndarray:
    return covering_trials(TrialForm(3), m, repeats, np.random.default_rng(seed))


def pair_counts(triplets: np.ndarray, m: int) -> np.ndarray:
    counts = np.zeros((m, m), dtype=int)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.add.at(counts, (triplets[:, a], triplets[:, b]), 1)
    return (counts + counts.T)[np.triu_indices(m, 1)]


def test_bounds_are_the_published_ones() -> None:
    """Covering numbers of the tables (Gordon, Kuperberg & Patashnik 1995), planes and all."""
    triplets = [covering_bound(m) for m in range(3, 10)]
    assert triplets == [1, 3, 4, 6, 7, 11, 12]
    assert [covering_bound(m) for m in (64, 128)] == [683, 2731]
    # The projective planes of order 3 and 4, and the affine plane of order 5.
    planes = [covering_bound(m, size=size) for m, size in ((13, 4), (21, 5), (25, 5), (6, 8))]
    assert planes == [13, 21, 30, 1]


@pytest.mark.parametrize("m", [*range(3, 33), 47, 48, 49, 50, 51, 52, 100])
def test_every_pair_once_takes_as_few_triplets_as_there_can_be(m: int) -> None:
    triplets = triplets_of(m, 1, m)
    assert len(triplets) == covering_bound(m)
    assert pair_counts(triplets, m).min() == 1
    assert np.ptp(np.bincount(triplets.ravel(), minlength=m)) <= 1


@ANY_TIME
@given(st.integers(3, 16), st.integers(1, 12), SEEDS)
def test_every_pair_so_often(m: int, repeats: int, seed: int) -> None:
    triplets = triplets_of(m, repeats, seed)
    assert (np.diff(triplets, axis=1) > 0).all()
    assert pair_counts(triplets, m).min() >= repeats
    assert covering_bound(m, repeats) <= len(triplets) <= 1.05 * covering_bound(m, repeats) + 2
    assert np.unique(triplets, axis=0, return_counts=True)[1].max() <= -(-repeats // (m - 2))


@ANY_TIME
@given(st.integers(3, 26), st.integers(4, 12), st.integers(0, 1000))
def test_sets_show_every_pair_and_are_tied_to_earlier_ones(m: int, size: int, seed: int) -> None:
    sets = covering_sets(m, size, np.random.default_rng(seed), exchanges=200)
    shown: set[tuple[int, int]] = set()
    for number, items in enumerate(sets):
        assert items == sorted(set(items)) and len(items) == min(size, m)
        pairs = set(combinations(items, 2))
        assert number == 0 or shown & pairs, "shares no pair with the sets before it"
        shown |= pairs
    assert shown == set(combinations(range(m), 2))
    assert len(sets) >= covering_bound(m, size=size)


@pytest.mark.parametrize(("m", "size", "most"), [(20, 8, 10), (30, 12, 10), (48, 12, 23)])
def test_search_finds_few_sets(m: int, size: int, most: int) -> None:
    greedy, searched = (
        len(covering_sets(m, size, np.random.default_rng(1), exchanges=n)) for n in (0, 3000)
    )
    assert searched <= most and searched < greedy


def sessions_of(
    objects: Objects, m: int, people: int, trials: int, repeats: int = 1, seed: int = 0
) -> list[pd.DataFrame]:
    """Trial lists of people who share out the pairs of m objects."""
    keys = {"sampler": "coverage", "trials": trials, "pair_repeats": repeats, "practice": 0}
    config = StudyConfig.model_validate({"title": "t", "seed": seed, "design": keys})
    labels = [f"{number:02d}" for number in range(people)]
    return TRIPLET_LISTS.together(Study(Path("s"), config), objects(1, 1, m), labels, 1)


@ANY_TIME
@given(st.integers(5, 20), st.integers(1, 3), st.integers(1, 5), st.integers(0, 10), SEEDS)
def test_sessions_cover_together(
    objects: Objects, m: int, repeats: int, people: int, more: int, seed: int
) -> None:
    needed = covering_bound(m, repeats)
    trials = min(-(-needed // people) + more, TrialForm(3).count(m))
    if trials * people < 1.05 * needed + 2 or repeats > (m - 2) * people:
        return
    tables = sessions_of(objects, m, people, trials, repeats, seed)
    ids = pd.Index(objects(1, 1, m).ids)
    rows = [
        np.sort(ids.get_indexer(table[list(STIMULI)].to_numpy().ravel()).reshape(-1, 3), axis=1)
        for table in tables
    ]
    assert all(len(np.unique(own, axis=0)) == len(own) == trials for own in rows)
    by = np.concatenate([table["sampler"].to_numpy() for table in tables])
    assert set(by) <= {"coverage", "random"}
    assert pair_counts(np.concatenate(rows)[by == "coverage"], m).min() >= repeats


@pytest.mark.parametrize(("m", "trials", "people"), [(48, 100, 4), (48, 150, 4), (64, 100, 7)])
def test_each_session_shows_objects_about_equally_often(
    objects: Objects, m: int, trials: int, people: int
) -> None:
    for table in sessions_of(objects, m, people, trials):
        counts = pd.Series(table[list(STIMULI)].to_numpy().ravel()).value_counts()
        assert np.ptp(counts.reindex(objects(1, 1, m).ids, fill_value=0)) <= 2


def test_too_few_sessions_say_how_many_it_takes(objects: Objects) -> None:
    with pytest.raises(TwoalikeError, match="takes 384 trials, so 4 sessions of 100 trials, f"):
        sessions_of(objects, 48, 3, 100)
    # A pair is in m - 2 = 3 triplets, and no session shows one of them twice.
    with pytest.raises(TwoalikeError, match="7 times in triplets takes 24 trials, so 3 sessions"):
        sessions_of(objects, 5, 2, 10, 7)
