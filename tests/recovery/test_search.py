"""The search for a size, with outcomes whose curve is known; and what a target may be."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from twoalike.recovery import CHANCE, Outcome, SearchPlan, Target, find_size, make_target
from twoalike.study import TwoalikeError

Simulate = Callable[[Sequence[tuple[int, int]]], list[Outcome]]


def plan(**changes: Any) -> SearchPlan:
    settings = {"start": 3, "fewest": 1, "most": 200, "unit": 1, "worlds": 5, "assurance": 0.8}
    return SearchPlan(**(settings | changes))


def regret(value: float) -> Target:
    return Target(measure="regret", value=value, asked=f"`target_regret={value:g}`")


def counted_once(simulate: Simulate) -> tuple[Simulate, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def noted(wanted: Sequence[tuple[int, int]]) -> list[Outcome]:
        asked.extend(wanted)
        return simulate(wanted)

    return noted, asked


@pytest.mark.parametrize(("target", "exact"), [(0.1, 4), (0.011, 36.4), (0.19, 2.1)])
def test_the_answer_is_a_little_above_what_half_of_studies_need(
    target: float, exact: float, simulate: Simulate
) -> None:
    once, asked = counted_once(simulate)
    found = find_size(once, regret(target), plan(), seed=1)
    assert exact < found.participants <= np.ceil(1.5 * exact)
    assert found.judgments <= 100 * found.participants
    assert len(set(asked)) == len(asked)
    assert sum(o.participants == found.participants for o in found.outcomes) == 5
    assert len(asked) < 40


def test_sizes_come_in_units(simulate: Simulate) -> None:
    found = find_size(simulate, regret(0.1), plan(unit=4, fewest=4), seed=1)
    assert found.participants == 8
    assert {o.participants % 4 for o in found.outcomes} == {0}


def test_the_smallest_size_may_be_enough(simulate: Simulate) -> None:
    found = find_size(simulate, regret(0.44), plan(fewest=2, start=8), seed=1)
    assert found.participants == 2
    assert {o.participants for o in found.outcomes} == {2, 4, 8}


def test_what_can_be_reached_is_said(simulate: Simulate) -> None:
    with pytest.raises(TwoalikeError, match=r"not reached with 20 participants, who come to 0\.02"):
        find_size(simulate, regret(0.001), plan(most=20), seed=1)
    # Half of the studies would reach it, not the share asked for.
    with pytest.raises(TwoalikeError, match=r"99% of studies reach it with about \d+ participants"):
        find_size(simulate, regret(0.021), plan(most=20, assurance=0.99), seed=1)
    with pytest.raises(TwoalikeError, match="takes at least 30 participants"):
        find_size(simulate, regret(0.1), plan(most=20, fewest=30), seed=1)


def test_a_size_that_its_own_studies_refute_is_passed_over(make_outcome: Any, each: Any) -> None:
    """Where regret falls off a cliff, as where dimensions are found, no power law holds."""

    def cliff(participants: int, world: int) -> Outcome:
        return make_outcome(participants, world, 0.3 if participants < 11 else 0.05)

    found = find_size(each(cliff), regret(0.2), plan(worlds=3), seed=1)
    assert 11 <= found.participants <= 14
    assert found.judgments <= 100 * found.participants


def test_intervals_that_are_narrow_and_wrong_are_no_answer(make_outcome: Any, each: Any) -> None:
    def one(participants: int, world: int) -> Outcome:
        if participants < 4:
            return make_outcome(participants, world, 0.5, width=0.1, coverage=0.5)
        return make_outcome(participants, world, 0.4 / participants, width=0.6 / participants)

    target = Target(measure="width", value=0.12, asked="`target_width=0.12`")
    with pytest.raises(TwoalikeError, match=r"come to 0\.1, but their intervals hold 50% of the"):
        find_size(each(one), target, plan(start=1, most=3), seed=1)
    found = find_size(each(one), target, plan(start=1), seed=1)
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
