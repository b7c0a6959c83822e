"""Votes by triplet and the published measures, against the published rules spelt out."""

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.ceilings import (
    count_types,
    draw_votes,
    expected_reliability,
    leave_one_out,
    majority_bound,
    miller_madow,
    oracle_bound,
    plug_in_entropy,
    published_reliability,
    votes,
)


def spelt_out(responses: tuple[int, ...]) -> float:
    """Leave-one-out agreement of one triplet, response by response."""
    matches = 0.0
    for place, own in enumerate(responses):
        others = responses[:place] + responses[place + 1 :]
        (first, most), *rest = Counter(others).most_common()  # equal counts: the first seen first
        if rest and rest[0][1] == most:
            matches += 0.5 * (own in (first, rest[0][0]))
        else:
            matches += own == first
    return matches / len(responses)


def by_enumeration(probabilities: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Expected measures of each triplet, over all sequences of n responses."""
    sums: dict[str, Any] = dict.fromkeys(
        ("leave_one_out", "vanilla", "entropy", "accepted", "wrong", "shared", "tied"), 0.0
    )
    modes = probabilities.argmax(axis=1)
    for responses in product(range(3), repeat=n):
        chance = probabilities[:, list(responses)].prod(axis=1)
        votes_for = Counter(responses)
        most = max(votes_for.values())
        top = [item for item, count in votes_for.items() if count == most]
        hit = np.isin(modes, top)
        shares = np.array(list(votes_for.values())) / n
        sums["leave_one_out"] += chance * spelt_out(responses)
        sums["vanilla"] += chance * most / n
        sums["entropy"] -= chance * (shares * np.log(shares)).sum()
        sums["accepted"] += chance * hit
        sums["wrong"] += chance * hit * (len(top) == 1)
        sums["shared"] += chance * hit / len(top)
        sums["tied"] += chance * (len(top) > 1)
    return sums


def test_votes_do_not_depend_on_the_order_of_objects_or_judgments(rng: np.random.Generator) -> None:
    triplets = np.argsort(rng.random((300, 6)), axis=1)[:, :3]
    chosen = rng.integers(3, size=300)
    order = rng.permuted(np.tile(np.arange(3), (300, 1)), axis=1)
    shuffled = np.take_along_axis(triplets, order, axis=1)
    place = np.argmax(order == chosen[:, None], axis=1)
    rows = rng.permutation(300)
    table, again = votes(triplets, chosen), votes(shuffled[rows], place[rows])
    assert_array_equal(table.triplets, again.triplets)
    assert_array_equal(table.counts, again.counts)
    assert table.counts.sum() == 300
    odd = triplets[np.arange(300), chosen]
    assert_array_equal(table.triplets[table.triplet, table.item], odd)
    assert_array_equal(table.triplets, np.unique(np.sort(triplets, axis=1), axis=0))


def test_only_the_first_answer_of_a_person_to_a_triplet_is_a_vote() -> None:
    triplets = np.array([[0, 1, 2], [2, 1, 0], [0, 1, 2], [3, 4, 5]])
    chosen, people = np.array([0, 0, 1, 2]), np.array([7, 7, 8, 7])
    assert_array_equal(votes(triplets, chosen, people).counts, [[1, 1, 0], [0, 0, 1]])
    assert_array_equal(votes(triplets, chosen).counts, [[1, 1, 1], [0, 0, 1]])


def test_types_are_sorted_counts(rng: np.random.Generator) -> None:
    counts = rng.integers(0, 4, size=(200, 3))
    types, of = count_types(counts)
    assert_array_equal(types[of], -np.sort(-counts, axis=1))
    assert len(np.unique(types, axis=0)) == len(types)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7])
def test_leave_one_out_is_the_published_rule(n: int) -> None:
    """Also where three others tie and the order in which they were seen decides."""
    responses = np.array(list(product(range(3), repeat=n)))
    numbers = np.repeat(np.arange(len(responses)), n)
    triplets = 3 * numbers[:, None] + np.arange(3)
    # Judgments of all triplets mixed, each triplet's own in their order.
    mixed = np.argsort(np.tile(np.arange(n), len(responses)), kind="stable")
    table = votes(triplets[mixed], responses.ravel()[mixed])
    expected = [spelt_out(tuple(row)) for row in responses.tolist()]
    assert_allclose(leave_one_out(table), expected)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_expectations_are_those_of_all_outcomes(n: int, rng: np.random.Generator) -> None:
    p = np.vstack([rng.dirichlet((0.7, 0.7, 0.7), size=20), np.eye(3), np.full((1, 3), 1 / 3)])
    expected = by_enumeration(p, n)
    found = expected_reliability(p, n)
    for name, values in found.items():
        assert_allclose(values, expected[name], atol=1e-12, err_msg=name)
    bound = majority_bound(p, n)
    for name in ("accepted", "wrong", "shared", "tied"):
        assert_allclose(getattr(bound, name), expected[name], atol=1e-12, err_msg=name)


def test_the_mode_is_the_best_predictor(rng: np.random.Generator) -> None:
    p = rng.dirichlet((1, 1, 1), size=50)
    best = majority_bound(p, 5)
    swapped = np.sort(p, axis=1)[:, [1, 2, 0]]
    assert_allclose(best.shared, majority_bound(swapped, 5).shared)  # order does not matter
    assert (best.shared > oracle_bound(p) - 1e-12).all()
    assert (best.accepted >= best.shared).all()
    assert (best.shared >= best.wrong).all()


def test_simulated_votes_give_the_expectations(world: Any, rng: np.random.Generator) -> None:
    for n in (3, 5, 10):
        table = votes(*world.judge(n, rng))
        every = published_reliability(table, rng, fewest=2, most=None, drawn=None)
        for name, values in expected_reliability(world.probabilities, n).items():
            assert abs(getattr(every, name).mean() - values.mean()) < 0.005, (name, n)


def test_the_published_draws_keep_five_and_show_four(world: Any, rng: np.random.Generator) -> None:
    """Ten votes: leave-one-out is that of five, vanilla and entropy are those of four."""
    found = published_reliability(votes(*world.judge(10, rng)), rng)
    five, four = (expected_reliability(world.probabilities, n) for n in (5, 4))
    assert abs(found.leave_one_out.mean() - five["leave_one_out"].mean()) < 0.005
    assert abs(found.vanilla.mean() - four["vanilla"].mean()) < 0.005
    assert abs(found.entropy.mean() - four["entropy"].mean()) < 0.005


def test_draws_come_from_the_votes_and_few_votes_are_dropped(rng: np.random.Generator) -> None:
    triplets = np.repeat([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [9, 3, 4], axis=0)
    table = votes(triplets, rng.integers(3, size=16))
    drawn = draw_votes(table, 4, rng)
    assert_array_equal(drawn.n_votes, [4, 3, 4])
    assert (drawn.counts <= table.counts).all()
    dropped = np.isnan(published_reliability(table, rng).leave_one_out)
    assert_array_equal(dropped, [False, True, False])


def test_few_votes_look_too_certain(world: Any, rng: np.random.Generator) -> None:
    counts = votes(*world.judge(5, rng)).counts
    truth = -(world.probabilities * np.log(world.probabilities)).sum(axis=1).mean()
    plain, corrected = plug_in_entropy(counts).mean(), miller_madow(counts).mean()
    assert plain < corrected - 0.05
    assert plain < truth - 0.15
