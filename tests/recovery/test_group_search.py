"""The size at which groups differ, from studies whose power is known."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from twoalike.recovery import GroupOutcome, SearchPlan, Share, find_groups, needed_people
from twoalike.study import TwoalikeError

Simulate = Callable[[int, int], list[GroupOutcome]]
NORMAL = NormalDist()


def plan(**changes: Any) -> SearchPlan:
    settings = {"start": 50, "fewest": 6, "most": 400, "unit": 2, "worlds": 40, "assurance": 0.8}
    return SearchPlan(**(settings | changes))


def outcome(number: int, people: int, p: float) -> GroupOutcome:
    return GroupOutcome(
        study=number,
        participants=people,
        judgments=100 * people,
        p_all=p,
        p_dimension=p,
        p_pair=1.0,
        effect=0.5,
    )


def simulated(enough: float, seed: int) -> tuple[Simulate, dict[int, int]]:
    """Studies of which 80 % differ with ``enough`` people; how many of each size were asked for."""
    rng, asked = np.random.default_rng(seed), dict[int, int]()

    def studies(people: int, number: int) -> list[GroupOutcome]:
        asked[people] = number
        z = (1.96 + NORMAL.inv_cdf(0.8)) * (people / enough) ** 0.5 - 1.96
        differ = rng.random(number) < NORMAL.cdf(z)
        return [outcome(k, people, 0.01 if found else 0.5) for k, found in enumerate(differ)]

    return studies, asked


@pytest.mark.parametrize("enough", [16, 70, 250])
def test_the_size_is_found(enough: float) -> None:
    found, simulations = [], []
    for seed in range(12):
        studies, asked = simulated(enough, seed)
        answer = find_groups(studies, "all", plan())
        assert len(answer.outcomes[answer.participants]) == 40
        assert answer.participants % 2 == 0
        assert answer.needed.low < answer.needed.median <= answer.participants
        found.append(answer.participants / enough)
        simulations.append(sum(asked.values()))
    assert 0.85 < np.median(found) < 1.35
    assert min(found) > 0.5
    assert np.mean(simulations) < 160


def test_the_smallest_size_may_be_enough_and_the_largest_too_little() -> None:
    studies, _ = simulated(2, 1)
    assert find_groups(studies, "dimension", plan()).participants == 6
    studies, asked = simulated(5000, 1)
    with pytest.raises(TwoalikeError, match=r"with 100 participants, 50 a group, .* not 80"):
        find_groups(studies, "all", plan(most=100))
    assert set(asked) <= {50, 100}
    with pytest.raises(TwoalikeError, match="expected 30 or more, which two groups"):
        find_groups(studies, "all", plan(most=20, fewest=30))


def test_no_pair_differs_whatever_the_size() -> None:
    studies, _ = simulated(20, 1)
    with pytest.raises(TwoalikeError, match=r"400 participants, 200 a group, 0 \(0-"):
        find_groups(studies, "pair", plan())


def test_the_curve_is_inverted_and_its_interval_narrows_with_studies() -> None:
    power = {size: NORMAL.cdf(2.8 * (size / 60) ** 0.5 - 1.96) for size in (20, 40, 80)}
    few, many = (
        needed_people({size: Share(round(n * p), n) for size, p in power.items()}, 0.8)
        for n in (20, 2000)
    )
    assert many.median == pytest.approx(60, rel=0.05)
    assert few.low < many.low < many.high < few.high


def test_a_share_has_its_interval() -> None:
    assert str(Share(33, 40)) == "82 (68-91) %"
