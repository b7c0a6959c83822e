"""All measures of a set of judgments, and what is said where they cannot be made."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from twoalike.ceilings import ceilings, consistency, majority_bound, repeated_answers
from twoalike.ceilings._ceilings import catch_reliability
from twoalike.choice import Question
from twoalike.evaluation import Judgments, NotMeasurable, questions_of
from twoalike.judgments import choices_table

IDS = tuple(f"object-{number:03d}" for number in range(200))


def judgments(world: Any, n: int, m: int, rng: np.random.Generator) -> Judgments:
    """Every one of m triplets to n of 30 people; half of the triplets are called coarse."""
    part = type(world)(world.triplets[:m], world.probabilities[:m])
    shown, chosen = part.judge(n, rng)
    people = np.argsort(rng.random((m, 30)), axis=1)[:, :n].ravel()
    level = np.where(np.repeat(np.arange(m), n) % 2 == 0, "coarse", "")
    return Judgments(shown, chosen, people, IDS, {"level": level})


def test_everything_side_by_side(world: Any, rng: np.random.Generator) -> None:
    judged = judgments(world, 5, 3000, rng)
    found = ceilings(judged, rng)
    p = world.probabilities[:3000]
    truth = {
        "oracle": p.max(axis=1).mean(),
        "entropy": -(p * np.log(p)).sum(axis=1).mean(),
        "pair_agreement": (p**2).sum(axis=1).mean(),
    }
    for name, value in truth.items():
        estimate = found[name]
        assert estimate.low <= value <= estimate.high, name
        assert abs(estimate.value - value) < 0.03, name
    for name in ("majority", "majority_drawn"):
        bound, each = found[name], found[name]["accepted"]
        assert each.low <= majority_bound(p, int(bound["votes"])).mean() <= each.high, name
    # The published ceiling lies below what the best model scores, by either way of scoring.
    assert found["published"]["leave_one_out"].high < found["oracle"].value
    assert found["published"]["leave_one_out"].high < found["majority"]["accepted"].low
    assert found["plug_in_entropy"].value < found["entropy"].low
    assert found["votes"]["mean"] == pytest.approx(5, abs=0.05)
    assert set(found["missing"]) - {"repeats"} == {"catches"}
    assert list(found["groups"]["level"]) == ["coarse"]
    assert found["groups"]["level"]["coarse"]["sets"] == pytest.approx(1500, abs=5)
    assert found["groups"]["level"]["coarse"]["oracle"].value > 0.5


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_votes_are_said(n: int, world: Any, rng: np.random.Generator) -> None:
    found = ceilings(judgments(world, n, 200, rng), rng)
    for name in ("oracle", "majority", "entropy", "published"):
        assert found[name] is None
        assert "votes, has 0" in found["missing"][name]
    assert (found["pair_agreement"] is None) == (n == 1)
    assert (found["groups"]["level"]["coarse"]["plug_in_entropy"] is None) == (n == 1)


def table(rows: list[tuple[str, str, str, str, int, str]]) -> pd.DataFrame:
    """Choices from participant, three items, the chosen one and the type of trial."""
    columns = ("participant", "item_1", "item_2", "item_3", "chosen", "trial_type")
    return choices_table(
        {name: [row[k] for row in rows] for k, name in enumerate(columns)},
        ["cat", "dog", "oak", "elm", "cup"],
    )


def test_repeats_are_a_persons_own() -> None:
    rows = [
        ("p1", "cat", "dog", "oak", 3, "main"),
        ("p1", "oak", "cat", "dog", 1, "repeat"),  # the same answer, shown elsewhere
        ("p1", "cat", "dog", "cup", 1, "main"),
        ("p1", "cat", "dog", "cup", 3, "repeat"),  # another answer
        ("p2", "cat", "dog", "cup", 1, "main"),
        ("p2", "cat", "dog", "oak", 3, "practice"),
        ("p2", "cat", "dog", "oak", 3, "main"),
    ]
    (judged,) = questions_of(table(rows))
    later, same = repeated_answers(judged)
    participants = judged.participants[later]
    found = consistency(same, judged.items[later], participants, 1 / 3)
    assert found["n"] == 2
    assert_allclose(found["agreement"].value, 0.5)
    assert_allclose(found["corrected"].value, 0.25)
    (others,) = questions_of(table(rows[4:]))
    assert not len(repeated_answers(others)[0])


def test_checks_are_right_where_the_far_kind_is_chosen() -> None:
    labels = {"cat": "animal", "dog": "animal", "oak": "plant", "elm": "plant", "cup": "n/a"}
    rows = [
        ("p1", "cat", "dog", "oak", 3, "catch"),
        ("p1", "oak", "cat", "elm", 2, "catch"),
        ("p2", "cat", "dog", "oak", 1, "catch"),
        ("p2", "elm", "dog", "oak", 1, "catch"),
        ("p2", "cat", "dog", "cup", 3, "catch"),  # no category, no right answer
        ("p2", "cat", "dog", "oak", 3, "main"),
    ]
    rng = np.random.default_rng(0)
    found = catch_reliability(table(rows), labels, Question("odd_one_out", 3))
    assert found is not None
    assert (found["n"], found["agreement"].value) == (4, 0.5)
    with pytest.raises(NotMeasurable, match="single one object out"):
        catch_reliability(table(rows[4:]), labels, Question("odd_one_out", 3))
    judged = Judgments(np.array([[0, 1, 2]]), np.array([2]), np.array([0]), IDS)
    whole = ceilings(judged, rng, choices=table(rows), labels=labels)
    assert whole["catches"]["agreement"].value == 0.5
    assert "catches" not in whole["missing"]


def test_intervals_of_shares_stay_within_what_a_share_can_be() -> None:
    """Few answers, most of which agree: the errors alone would lead beyond 1."""
    rng = np.random.default_rng(3)
    triplets = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
    odd = np.array([0, 0, 0, 0, 0, 0, 1, 0])  # of the last triplet they disagree
    people = np.tile([0, 1], 4)
    judged = Judgments(np.repeat(triplets, 2, axis=0), odd, people, IDS)
    agreement = ceilings(judged, rng)["pair_agreement"]
    assert agreement.value == 0.75
    assert 0 <= agreement.low < 0.75 < agreement.high == 1.0
    same = np.array([True, True, True, False])
    again = consistency(same, triplets, np.array([0, 0, 1, 1]), 1 / 3)
    assert again["agreement"].high == again["corrected"].high == 1.0
    rarely = consistency(~same, triplets, np.array([0, 0, 1, 1]), 1 / 3)
    assert rarely["agreement"].low == 0.0
    assert rarely["corrected"].low == pytest.approx(-0.5)
