"""Triplets, places and order of a session: what must hold for any numbers and any seed."""

from collections.abc import Callable
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twoalike.design import (
    TRIPLET_LISTS,
    TrialForm,
    balanced_trials,
    checks_before,
    summarize_design,
)
from twoalike.design._checks import odd_one_checks
from twoalike.design._order import (
    GAP,
    balanced_places,
    check_places,
    dealt_sides,
    other_places,
    session_order,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, StudyConfig

# Other work on the machine must not fail a test.
ANY_TIME = settings(deadline=None)
TRIPLET = TrialForm(3)
SEEDS = st.integers(0, 2**32)


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """Objects and triplets; small sets often with nearly all their triplets."""
    m = draw(st.integers(3, 24))
    return m, draw(st.integers(0, min(comb(m, 3), 90)))


@ANY_TIME
@given(sizes(), SEEDS)
def test_triplets_are_distinct_and_show_objects_equally_often(
    size: tuple[int, int], seed: int
) -> None:
    m, n = size
    triplets = balanced_trials(m, n, np.random.default_rng(seed), TRIPLET)
    assert triplets.shape == (n, 3)
    assert len({tuple(row) for row in triplets.tolist()}) == n
    assert (np.diff(triplets, axis=1) > 0).all()
    exposure = np.bincount(triplets.ravel(), minlength=m)
    assert exposure.max() - exposure.min() <= 1


@pytest.mark.parametrize("m", range(3, 9))
def test_every_number_of_triplets_can_be_drawn(m: int, rng: np.random.Generator) -> None:
    for n in range(comb(m, 3) + 1):
        exposure = np.bincount(balanced_trials(m, n, rng, TRIPLET).ravel(), minlength=m)
        assert exposure.max() - exposure.min() <= 1
    with pytest.raises(ValueError, match="distinct triplets"):
        balanced_trials(m, comb(m, 3) + 1, rng, TRIPLET)


def test_every_triplet_is_equally_likely(rng: np.random.Generator) -> None:
    """Dealing and swapping must not favour some triplets (here 20, four at a time)."""
    counts = np.zeros((6, 6, 6))
    for _ in range(1500):
        for row in balanced_trials(6, 4, rng, TRIPLET):
            counts[tuple(row)] += 1
    seen = counts[tuple(np.array(list(combinations(range(6), 3))).T)]
    expected = 1500 * 4 / 20
    assert np.abs(seen - expected).max() < 5 * np.sqrt(expected)


@ANY_TIME
@given(sizes(), SEEDS)
def test_each_object_is_equally_often_at_each_place(size: tuple[int, int], seed: int) -> None:
    m, n = size
    rng = np.random.default_rng(seed)
    # Independent draws: exposures differ, and a triplet may come twice.
    triplets = np.array([rng.permutation(m)[:3] for _ in range(n)], dtype=int).reshape(-1, 3)
    places = balanced_places(triplets, m, rng)
    assert (np.sort(places, axis=1) == [0, 1, 2]).all()
    counts = np.zeros((m, 3), dtype=int)
    np.add.at(counts, (triplets, places), 1)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1


def test_places_are_random(rng: np.random.Generator) -> None:
    triplets = balanced_trials(30, 300, rng, TRIPLET)
    orders = {tuple(row) for row in balanced_places(triplets, 30, rng).tolist()}
    assert len(orders) == 6


@ANY_TIME
@given(st.integers(0, 40), SEEDS)
def test_the_odd_one_of_checks_is_equally_often_at_each_place(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    odd = rng.integers(3, size=n)
    places = check_places(odd, TRIPLET, rng)
    assert (np.sort(places, axis=1) == [0, 1, 2]).all()
    at = np.bincount(places[np.arange(n), odd], minlength=3)
    assert at.max() - at.min() <= 1


@ANY_TIME
@given(st.integers(1, 20), st.integers(1, 6), st.text("abc123", min_size=1, max_size=4))
def test_checks_are_dealt_evenly_over_the_sessions_of_a_participant(
    catch: int, sessions: int, label: str
) -> None:
    before = [checks_before(label, n, catch) for n in range(1, sessions + 1)]
    sides = np.array([dealt_sides(catch, count, TRIPLET) for count in before])
    assert (sides.sum(axis=1) == catch).all()
    assert np.ptp(sides, axis=1).max() <= 1
    assert np.ptp(sides.sum(axis=0)) <= 1


def test_a_single_check_favours_no_place(objects: Callable[..., StimulusSet]) -> None:
    config = DesignConfig(trials=5, practice=0, catch=1)
    study = Study(Path("s"), StudyConfig(title="t", seed=1, design=config))
    labels = [f"{number:03d}" for number in range(60)]
    tables = TRIPLET_LISTS.together(study, objects(3, 3, 2), labels, 1)
    sides = summarize_design(tables, objects(3, 3, 2).ids).catch_sides
    assert min(sides) > 10


@ANY_TIME
@given(st.integers(1, 40), SEEDS)
def test_repeats_move_every_object(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.permuted(np.tile(np.arange(3), (n, 1)), axis=1)
    second = other_places(first, TRIPLET, rng)
    assert (np.sort(second, axis=1) == [0, 1, 2]).all()
    assert (first != second).all()


@ANY_TIME
@given(st.integers(1, 80), st.integers(0, 12), st.integers(0, 80), SEEDS)
def test_order_holds_every_trial_once_and_repeats_late(
    main: int, catch: int, repeats: int, seed: int
) -> None:
    assume(repeats <= main and (repeats == 0 or main >= GAP + catch))
    order = session_order(main, catch, repeats, np.random.default_rng(seed))
    assert [i for kind, i in order if kind == "main"] == list(range(main))
    assert [i for kind, i in order if kind == "catch"] == list(range(catch))
    assert order[0][0] == "main"
    again = [i for kind, i in order if kind == "repeat"]
    assert len(again) == len(set(again)) == repeats
    for index in again:
        assert order.index(("repeat", index)) - order.index(("main", index)) >= GAP


def test_checks_are_spread_over_the_session(rng: np.random.Generator) -> None:
    order = session_order(120, 6, 0, rng)
    before = np.cumsum([kind == "main" for kind, _ in order])
    parts = [int(before[at] - 1) // 20 for at, (kind, _) in enumerate(order) if kind == "catch"]
    assert parts == list(range(6))


def test_a_session_too_short_for_its_repeats(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="no room for 5 repeats"):
        session_order(9, 0, 5, rng)


LEVELS = pd.DataFrame(
    {"kingdom": ["a"] * 4 + ["b"] * 2 + ["n/a"], "species": ["x", "x", "y", "n/a", "x", "x", "x"]}
)


def test_checks_pair_individuals_against_another_kingdom(rng: np.random.Generator) -> None:
    checks, right = odd_one_checks(LEVELS, 6, set(), rng, 3)
    triplets, odd = checks[[0, 1, 2]].to_numpy(), right[:, 0] - 1
    # Species x of kingdom a is not species x of kingdom b; what has no category is left out.
    pairs = {(0, 1): {4, 5}, (4, 5): {0, 1, 2, 3}}
    possible = {tuple(sorted((*pair, far))) for pair, others in pairs.items() for far in others}
    assert {tuple(row) for row in triplets.tolist()} == possible
    for row, at in zip(triplets.tolist(), odd.tolist(), strict=True):
        assert tuple(x for k, x in enumerate(row) if k != at) in pairs


def test_checks_avoid_used_triplets_and_say_when_there_are_too_few(
    rng: np.random.Generator,
) -> None:
    used: set[tuple[int, ...]] = {(0, 1, 4)}
    checks, _ = odd_one_checks(LEVELS, 5, used, rng, 3)
    assert (0, 1, 4) not in {tuple(row) for row in checks[[0, 1, 2]].to_numpy().tolist()}
    assert len(used) == 6
    with pytest.raises(ValueError, match="only 0 are not used"):
        odd_one_checks(LEVELS, 1, used, rng, 3)
    with pytest.raises(ValueError, match="categories allow 6"):
        odd_one_checks(LEVELS, 7, set(), rng, 3)
    with pytest.raises(ValueError, match="categories allow 0"):
        odd_one_checks(LEVELS[[]], 1, set(), rng, 3)


def test_fresh_triplets_are_new(rng: np.random.Generator) -> None:
    used: set[tuple[int, ...]] = {(0, 1, 2)}
    rows = {tuple(row) for row in TRIPLET.draw(4, 3, used, rng).tolist()}
    assert rows == {(0, 1, 3), (0, 2, 3), (1, 2, 3)}
    with pytest.raises(ValueError, match="0 are left"):
        TRIPLET.draw(4, 1, used, rng)
