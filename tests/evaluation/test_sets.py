"""Choices among more than three items: scores of networks, agreement of people, predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table, sets_of, together
from tests.posteriors import posterior_of

from twoalike.choice import Question
from twoalike.cli.app import main
from twoalike.embedding import Posterior
from twoalike.features import FeatureTable
from twoalike.judgments import choices_table, split_sets
from twoalike.results import evaluate
from twoalike.study import TwoalikeError
from twoalike.teacher import predict, teach

M = 9
IDS = [f"o{number}" for number in range(M)]
FOUR, PAIR = Question("odd_one_out", 4), Question("most_alike", 5)


def space() -> np.ndarray:
    return np.random.default_rng(5).gamma(1.0, 1.0, (M, 3))


def judged(
    question: Question, n: int, rng: np.random.Generator, *, sets: int | None = None
) -> pd.DataFrame:
    """Choices by five people who never guess; ``sets``: different ones."""
    items = sets_of(M, question.items, sets or n, rng)
    items = items[rng.integers(0, len(items), n)] if sets else items
    answer = answered(space(), items, rng, 0.5, question=question)
    people = np.array(list("abcde"))[rng.integers(0, 5, n)]
    return chosen_table(items, answer, IDS, question, participant=people)


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    triplets = judged(Question("odd_one_out", 3), 60, rng)
    return together([triplets, judged(FOUR, 200, rng, sets=20), judged(PAIR, 200, rng)], IDS)


@pytest.fixture
def fit(rng: np.random.Generator) -> Posterior:
    """One chain of six draws near the truth, of the five people."""
    x = space()
    draws = np.abs(x + 0.05 * rng.normal(size=(1, 6, *x.shape)))
    noise = {"embedding": draws, "temperature": np.full((1, 6, 5), 0.5)}
    return posterior_of(noise, {"object": IDS, "participant": list("abcde")}, convergence={})


def networks(rng: np.random.Generator) -> dict[str, Any]:
    x = space()
    return {"noise": (IDS, rng.normal(size=x.shape)), "truth": (IDS, x)}


def test_each_question_is_scored_against_its_own_chance(
    mixed: pd.DataFrame, rng: np.random.Generator
) -> None:
    found = evaluate(networks(rng), choices=mixed, similarity="dot", resamples=50)
    assert found.judged["odd_one_out"].judgments == 60
    assert found.questions == ("odd_one_out", "odd_one_out_4", "most_alike_5")

    def value(measure: str, name: str = "") -> float:
        row = found.at(measure, name)
        assert row is not None, measure
        return row.value

    four = found.judged["odd_one_out_4"]
    assert (four.judgments, four.left_out) == (200, {"practice_or_catch": 0, "without_features": 0})
    assert four.items is not None and four.items <= 20
    for of, chance in (("odd_one_out_4", 0.25), ("most_alike_5", 0.1)):
        assert value(f"{of}.chance.accuracy") == pytest.approx(chance)
        assert value(f"{of}.accuracy", "truth") > value(f"{of}.accuracy", "noise") + 0.1
        loss = value(f"{of}.log_loss", "truth")
        assert loss < value(f"{of}.chance.log_loss") < value(f"{of}.log_loss", "noise") + 0.3
        assert value(f"{of}.temperature", "truth") == pytest.approx(0.5, rel=0.4)
        brier = f"{of}.calibration.brier"
        assert value(brier, "noise") > value(brier, "truth")
    assert value("odd_one_out_4.ceilings.pair_agreement") > 0.3
    assert found.at("odd_one_out_4.ceilings.repeats.agreement") is not None
    best = found.estimate("odd_one_out_4.ceilings.oracle")
    assert best is not None and best.high > value("odd_one_out_4.accuracy", "truth")
    titles = [table.title for table in found.tables()]
    assert any(title.startswith("200 choices (odd one of 4) by 5 participants") for title in titles)


def test_agreement_needs_enough_answers(rng: np.random.Generator) -> None:
    table = judged(FOUR, 20, rng)
    x = FeatureTable(tuple(IDS), rng.normal(size=(M, 2)).astype("f4"))
    found = evaluate({"one": x}, choices=table)
    start = "odd_one_out_4.ceilings"
    assert found.at(f"{start}.pair_agreement") is found.at(f"{start}.repeats.agreement") is None
    again = "needs 10 sets judged again by the same person"
    assert found.missing[f"{start}.repeats"].startswith(again)
    unknown = table.drop(columns="participant")
    nobody = evaluate({"one": x}, choices=choices_table(dict(unknown), IDS))
    assert nobody.missing[f"{start}.repeats"] == "participants are not told apart"


def test_predict_has_a_column_for_each_answer(
    fit: Posterior, tmp_path: Path, rng: np.random.Generator
) -> None:
    sets = np.array([IDS[:4], IDS[3:7]])
    table = predict(fit, sets, kind="most_alike", items=4, participant="a", interval=0.9)
    names = [f"items_{a}_{b}" for a, b in ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))]
    assert list(table)[:6] == names and list(table)[6] == "items_1_2_low"
    assert_allclose(table[names].sum(axis=1), 1, atol=1e-6)
    posterior, listed, out = tmp_path / "p.nc", tmp_path / "sets.txt", tmp_path / "p.tsv"
    fit.save(posterior)
    listed.write_text("\n".join(" ".join(row) for row in sets) + "\n")
    given = ["--triplets", str(listed), "--items", "4", "--out", str(out)]
    with pytest.raises(SystemExit, match="0"):
        main(["predict", str(posterior), *given])
    assert list(pd.read_csv(out, sep="\t")) == [f"item_{place}" for place in (1, 2, 3, 4)]
    listed.write_text("o1 o2 o2 o3\n")
    with pytest.raises(SystemExit, match="1"):
        main(["predict", str(posterior), *given])
    with pytest.raises(TwoalikeError, match="odd_one_out: expected 3 items or more, found 2"):
        predict(fit, sets[:, :2], items=2)
    teacher = teach(fit)
    with pytest.raises(TwoalikeError, match="a teacher knows no draws"):
        predict(teacher, sets, items=4)


def test_teach_counts_the_choices_that_it_cannot_use(fit: Posterior, mixed: pd.DataFrame) -> None:
    both = teach(fit, choices=mixed)
    assert both.description["choices_in_sets"] == 400
    alone = teach(fit, choices=split_sets(mixed)[1])
    assert alone.description["choices_in_sets"] == 400
    skipped = "all choices are among more than three items"
    assert alone.description["label_comparison"] == {"skipped": skipped}
