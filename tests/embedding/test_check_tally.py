"""Counts against replicates: known tails, and p-values that are uniform when the model is true."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest
from tests.chosen import data_of

from twoalike.choice import ANCHORED, TRIPLET
from twoalike.embedding._choices import Choices
from twoalike.embedding._follow import ReplicateTally, outstanding
from twoalike.embedding._predictive import judged_twice


@pytest.mark.parametrize("counts", [False, True])
def test_p_values_are_uniform_when_the_model_is_true(
    counts: bool, rng: np.random.Generator
) -> None:
    """Of means, and of counts of independent hits."""
    groups, cases = 300, np.full(300, 60)
    p = rng.uniform(0.2, 0.9, (groups, 60))

    def drawn() -> np.ndarray:
        if counts:
            return (rng.random(p.shape) < p).sum(axis=1).astype(float)
        return rng.gamma(4.0, 1.0, groups)

    tally, observed = ReplicateTally([str(k) for k in range(groups)]), drawn()
    for _ in range(500):
        tally.add(observed, drawn())
    found = tally.comparisons(cases, counts=counts)
    assert kstest([one.p for one in found], "uniform").pvalue > 0.01
    assert len(outstanding(found)) <= 2
    inside = np.mean([one.low <= one.observed <= one.high for one in found])
    assert 0.86 < inside < 0.95


def judged(rows: list[tuple[list[int], int, int]], *, anchored: bool = False) -> Choices:
    items, answer, judge = (np.array(part) for part in zip(*rows, strict=True))
    question = ANCHORED if anchored else TRIPLET
    names = [str(k) for k in range(10)], ["p", "q", "r"]
    return data_of(items, answer, judge, *names, question).choices


ROWS: list[Any] = [
    ([4, 2, 9], 0, 0),  # 4
    ([9, 4, 2], 1, 0),  # 4 again, by the same person in another order
    ([2, 4, 9], 2, 0),  # 9, a third time: pairs are disjoint
    ([2, 9, 4], 1, 1),  # 9, by another person
    ([2, 9, 5], 1, 1),  # another triplet
]


def pairs_of(choices: Choices, *, by_one: bool) -> tuple[Any, Any, Any]:
    """Rows of first and second choices, and whether their answers are the same."""
    ((_, to, first, second),) = judged_twice(choices, by_one=by_one)
    answer = choices.groups[0].answer
    same = to[first, answer[first]] == to[second, answer[second]]
    return first, second, same.tolist()


def test_repeats_are_paired_in_any_order_of_items() -> None:
    first, second, same = pairs_of(judged(ROWS), by_one=True)
    assert (first.tolist(), second.tolist(), same) == ([0], [1], [True])
    first, second, same = pairs_of(judged(ROWS), by_one=False)
    assert (first.tolist(), second.tolist(), same) == ([0], [3], [False])
    rows = [([4, 2, 9], 0, 0), ([4, 9, 2], 1, 0), ([2, 4, 9], 0, 0)]  # the reference comes first
    first, second, same = pairs_of(judged(rows, anchored=True), by_one=True)
    assert (first.tolist(), second.tolist(), same) == ([0], [1], [True])
