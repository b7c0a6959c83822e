"""The search for a size, with outcomes whose curve is known; and what a target may be."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.recovery._search import (
    CHANCE,
    Difference,
    FoundSize,
    SearchPlan,
    Share,
    Target,
    find_size,
    make_target,
    needed_people,
)
from twoalike.study import TwoalikeError

type Simulate = Callable[[int, int], pd.DataFrame]
NORMAL = NormalDist()


def plan(**changes: Any) -> SearchPlan:
    settings = {"start": 3, "fewest": 1, "most": 200, "unit": 1, "studies": 5, "probes": 2}
    return SearchPlan(**({"assurance": 0.8} | settings | changes))


def regret(value: float) -> Target:
    return Target(measure="regret", value=value, asked=f"`target_regret={value:g}`")


@pytest.mark.parametrize(("target", "exact"), [(0.1, 4), (0.011, 36.4), (0.19, 2.1)])
def test_the_answer_is_a_little_above_what_half_of_studies_need(
    target: float, exact: float, simulate: Simulate
) -> None:
    asked: dict[int, int] = {}

    def noted(people: int, number: int) -> pd.DataFrame:
        asked[people] = number
        return simulate(people, number)

    found = find_size(noted, regret(target), plan())
    assert exact < found.participants <= np.ceil(1.7 * exact)
    assert (found.studies["participants"] == found.participants).sum() == 5
    assert sum(asked.values()) < 40


def test_sizes_come_in_units_and_start_at_the_smallest(simulate: Simulate) -> None:
    found = find_size(simulate, regret(0.1), plan(unit=4, fewest=4))
    assert found.participants == 8
    assert set(found.studies["participants"] % 4) == {0}
    assert find_size(simulate, regret(0.44), plan(fewest=2, start=8)).participants == 2


def test_what_can_be_reached_is_said(simulate: Simulate) -> None:
    with pytest.raises(TwoalikeError, match=r"with 20 participants, who come to 0\.0[12]"):
        find_size(simulate, regret(0.001), plan(most=20))
    # Half of the studies would reach it, not the share asked for.
    with pytest.raises(TwoalikeError, match=r"not reached by 99% of studies with 20 participants"):
        find_size(simulate, regret(0.021), plan(most=20, assurance=0.99))
    with pytest.raises(TwoalikeError, match="takes at least 30 participants"):
        find_size(simulate, regret(0.1), plan(most=20, fewest=30))


def test_a_size_that_its_own_studies_refute_is_passed_over(make_outcome: Any, each: Any) -> None:
    """Where regret falls off a cliff, as where dimensions are found, no power law holds."""

    def cliff(participants: int, world: int) -> dict[str, Any]:
        return make_outcome(participants, world, 0.3 if participants < 11 else 0.05)

    found = find_size(each(cliff), regret(0.2), plan(studies=3))
    assert 11 <= found.participants <= 14


def test_intervals_that_are_narrow_and_wrong_are_no_answer(make_outcome: Any, each: Any) -> None:
    def one(participants: int, world: int) -> dict[str, Any]:
        if participants < 4:
            return make_outcome(participants, world, 0.5, width=0.1, coverage=0.5)
        return make_outcome(participants, world, 0.4 / participants, width=0.6 / participants)

    target = Target(measure="width", value=0.12, asked="`target_width=0.12`")
    with pytest.raises(TwoalikeError, match=r"come to 0\.1, but their intervals hold 50% of the"):
        find_size(each(one), target, plan(start=1, most=3))
    found = find_size(each(one), target, plan(start=1))
    assert found.participants == pytest.approx(5, abs=1)


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ({}, 0.1 * (CHANCE - 0.65)),
        ({"information": 0.8}, 0.2 * (CHANCE - 0.65)),
        ({"regret": 0.02}, 0.02),
        ({"log_loss": 0.7}, 0.05),
        ({"width": 0.2}, 0.2),
    ],
)
def test_every_target_becomes_a_number(asked: dict[str, float], value: float) -> None:
    target = make_target(0.65, **asked)
    assert target.value == pytest.approx(value)
    assert target.measure == ("width" if "width" in asked else "regret")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"log_loss": 1.2}, "guessing reaches that without a trial. Ask for less than 1.099"),
        ({"log_loss": 0.6}, "expected a number above 0.650, the log-loss of one who knows"),
        ({"regret": 0.5}, "guessing reaches that without a trial. Ask for less than 0.449"),
        ({"regret": 0.0}, "expected a number above 0"),
        ({"information": 1.0}, "expected a number between 0 and 1"),
        ({"width": -0.1}, "`target_width=-0.1`: expected a number between 0 and 1"),
        ({"width": 0.1, "log_loss": 0.7}, "found `target_log_loss=...` and `target_width=...`"),
    ],
)
def test_impossible_targets_are_refused(asked: dict[str, float], complaint: str) -> None:
    with pytest.raises(TwoalikeError, match=complaint):
        make_target(0.65, **asked)


def outcome(people: int, p: float) -> dict[str, Any]:
    size = {"participants": people, "judgments": 100 * people}
    return size | {"p_all": p, "p_dimension": p, "p_pair": 1.0, "effect": 0.5}


def groups(enough: float, seed: int, test: Any = "all", **changes: Any) -> tuple[FoundSize, int]:
    """Size of groups of which 80 % differ with ``enough`` people; studies that it took."""
    rng, asked = np.random.default_rng(seed), dict[int, int]()

    def studies(people: int, number: int) -> pd.DataFrame:
        asked[people] = number
        z = (1.96 + NORMAL.inv_cdf(0.8)) * (people / enough) ** 0.5 - 1.96
        differ = rng.random(number) < NORMAL.cdf(z)
        return pd.DataFrame([outcome(people, 0.01 if found else 0.5) for found in differ])

    settings = {"start": 50, "fewest": 6, "most": 400, "unit": 2, "studies": 40, "probes": 10}
    found = find_size(studies, Difference(test), plan(**(settings | changes)))
    return found, sum(asked.values())


@pytest.mark.parametrize("enough", [16, 70, 250])
def test_the_size_of_groups_is_found(enough: float) -> None:
    answers, simulations = zip(*(groups(enough, seed) for seed in range(12)), strict=True)
    for answer in answers:
        assert (answer.studies["participants"] == answer.participants).sum() == 40
        assert answer.participants % 2 == 0
        assert answer.needed.low < answer.needed.median <= answer.participants
    found = [answer.participants / enough for answer in answers]
    assert 0.85 < np.median(found) < 1.35
    assert min(found) > 0.5
    assert np.mean(simulations) < 160


def test_the_smallest_size_may_be_enough_and_the_largest_too_little() -> None:
    assert groups(2, 1, "dimension")[0].participants == 6
    with pytest.raises(TwoalikeError, match=r"with 100 participants, 50 a group, .* not 80"):
        groups(5000, 1, most=100)
    with pytest.raises(TwoalikeError, match=r"400 participants, 200 a group, 0 \(0-"):
        groups(20, 1, "pair")


def test_the_curve_is_inverted_and_its_interval_narrows_with_studies() -> None:
    power = {size: NORMAL.cdf(2.8 * (size / 60) ** 0.5 - 1.96) for size in (20, 40, 80)}
    few, many = (
        needed_people({size: Share(round(n * p), n) for size, p in power.items()}, 0.8)
        for n in (20, 2000)
    )
    assert many.median == pytest.approx(60, rel=0.05)
    assert few.low < many.low < many.high < few.high
    assert str(Share(33, 40)) == "82 (68-91) %"
