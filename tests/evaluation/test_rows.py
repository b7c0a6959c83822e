"""Results of every kind give rows of one frame."""

import numpy as np

from twoalike.evaluation import (
    ROW,
    Candidate,
    Interval,
    Judgments,
    TwoWayBootstrap,
    compare_choices,
    score_choices,
)
from twoalike.features import FeatureTable
from twoalike.transfer import compare_transfer


def test_scores_of_choices_are_rows_by_network_part_and_level(rng: np.random.Generator) -> None:
    triplets = np.stack([rng.permutation(8)[:3] for _ in range(60)])
    half = np.where(np.arange(60) < 30, "coarse", "fine")
    people = np.arange(60) % 3
    judged = Judgments(triplets, np.zeros(60, int), people, tuple("abcdefgh"), {"level": half})
    tables = [FeatureTable(judged.ids, rng.normal(size=(8, 3))) for _ in range(2)]
    networks = [Candidate("base", tables[0]), Candidate("student:human", tables[1])]
    scored = score_choices(networks, judged, rng)
    found = compare_choices(scored, judged, TwoWayBootstrap(people, triplets, rng))
    rows = [
        row
        for of, network in zip(found, networks, strict=True)
        for row in of.rows("choices", model=network.name, n=60)
    ]
    assert all(tuple(row) == ROW for row in rows)
    by_key = {tuple(row[key] for key in ROW[:4]): row for row in rows}
    one = by_key["choices.accuracy", "human", "student", ""]
    assert isinstance(found[1].accuracy, Interval)
    assert (one["value"], one["low"]) == (found[1].accuracy.value, found[1].accuracy.low)
    assert (one["unit"], one["n"]) == ("share", 60)
    assert by_key["choices.groups.accuracy", "vector", "base", "level: fine"]["n"] == 30
    assert ("choices.difference.accuracy", "vector", "base", "") not in by_key


def test_scores_of_transfer_are_rows_by_level_and_images(rng: np.random.Generator) -> None:
    ids = tuple(f"{kind}/{number}" for kind in "ab" for number in range(12))
    networks = [Candidate(name, FeatureTable(ids, rng.normal(size=(24, 3)))) for name in ("x", "y")]
    rows = list(compare_transfer(networks).rows("transfer", names=("x", "y")))
    assert all(tuple(row) == ROW for row in rows)
    keys = {(row["measure"], row["model"], row["level"], row["n"]) for row in rows}
    assert ("transfer.measures.few_shot", "x", "level_1, 1 shot", 2) in keys
    assert ("transfer.measures.few_shot.difference", "y", "level_1, 5 shots", 2) in keys
