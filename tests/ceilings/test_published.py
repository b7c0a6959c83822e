"""Votes by triplet and the published measures, against the published rules spelt out."""

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.ceilings import (
    all_counts,
    expected_value,
    largest_share,
    leave_one_out,
    majority_bound,
    plug_in_entropy,
)

Gather = Callable[..., Any]


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
    sums: dict[str, Any] = dict.fromkeys(("leave_one_out", "vanilla", "entropy", "accepted"), 0.0)
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
    return sums


def test_votes_do_not_depend_on_the_order_of_objects_or_judgments(
    rng: np.random.Generator, votes: Gather
) -> None:
    triplets = np.argsort(rng.random((300, 6)), axis=1)[:, :3]
    chosen = rng.integers(3, size=300)
    order = rng.permuted(np.tile(np.arange(3), (300, 1)), axis=1)
    shuffled = np.take_along_axis(triplets, order, axis=1)
    place = np.argmax(order == chosen[:, None], axis=1)
    rows = rng.permutation(300)
    table, again = votes(triplets, chosen), votes(shuffled[rows], place[rows])
    assert_array_equal(table.sets, again.sets)
    assert_array_equal(table.counts, again.counts)
    assert table.counts.sum() == 300
    odd = triplets[np.arange(300), chosen]
    assert_array_equal(table.sets[table.set, table.answer], odd)
    assert_array_equal(table.sets, np.unique(np.sort(triplets, axis=1), axis=0))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_expectations_are_those_of_all_outcomes(n: int, rng: np.random.Generator) -> None:
    p = np.vstack([rng.dirichlet((0.7, 0.7, 0.7), size=20), np.eye(3), np.full((1, 3), 1 / 3)])
    expected = by_enumeration(p, n)
    measures = {
        "leave_one_out": leave_one_out,
        "vanilla": largest_share,
        "entropy": plug_in_entropy,
    }
    found = {name: expected_value(p, n, of(all_counts(n))) for name, of in measures.items()}
    for name, values in (found | {"accepted": majority_bound(p, n)}).items():
        assert_allclose(values, expected[name], atol=1e-12, err_msg=name)
