"""What else moves a choice: terms in both orders of items, recovered, kept, predicted, advised."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table

from twoalike.choice import TRIPLET, Change, Question, random_triplets
from twoalike.embedding import FitConfig, Posterior, check, fit_embedding
from twoalike.embedding._choices import ChoiceGroup, Choices
from twoalike.embedding._compare import judgment_scores
from twoalike.embedding._observers import changed
from twoalike.embedding._posterior import term_advice
from twoalike.embedding._priors import find_kernel
from twoalike.embedding._terms import (
    Expected,
    asked_before,
    find_term,
    term_gains,
    terms_to_try,
)
from twoalike.judgments import choices_table, import_choices
from twoalike.results import score
from twoalike.study import TwoalikeError

IDS = [f"o{k:02d}" for k in range(40)]
QUESTIONS = [
    TRIPLET,
    Question("odd_one_out", 5),
    Question("most_alike", 4),
    Question("anchored", 4),
]


def repeated(question: Question, n: int, rng: np.random.Generator) -> ChoiceGroup:
    """Choices of 3 people, of which the second half is about the sets of the first, shuffled."""
    k = question.items
    shown = np.stack([rng.choice(12, k, replace=False) for _ in range(n)])
    judge = rng.integers(0, 3, n)
    for row in range(n // 2, n):
        order = rng.permutation(k - question.anchored) + question.anchored
        first = shown[row - n // 2]
        shown[row] = first[[0, *order]] if question.anchored else first[order]
        judge[row] = judge[row - n // 2]
    answer = rng.integers(0, len(question.answers), n)
    return ChoiceGroup(question, shown, answer, judge, np.arange(n))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.label)
def test_a_fit_and_a_prediction_change_the_same_answers(
    question: Question, rng: np.random.Generator
) -> None:
    """A fit has the answer given first, a prediction the items as shown."""
    group, s = repeated(question, 40, rng), len(question.answers)
    known = {f"{question.kind}_{question.items}": s}
    found = find_term("position", known), find_term("memory")
    (group,) = Choices(groups=(group,), people=(), ids=()).with_terms(pd.DataFrame(), found).groups
    values = {"position_bias": rng.normal(size=(3, s)), "memory": np.float64(0.4)}
    matrix = rng.normal(size=(12, 12))

    def logs(items: np.ndarray, seen: Any, **more: Any) -> np.ndarray:
        change = changed(found, values, seen, group.judge, question)
        pairs = [(matrix + matrix.T)[tuple(items[:, pair].T)] for pair in question.pairs]
        return np.stack(change.log_choice(pairs, 1.3, 0.1, question, **more), axis=1)

    shown = logs(group.shown, group.told)
    assert_allclose(np.exp(shown).sum(axis=1), 1)
    given = logs(group.items, group.told_first, answers=(0,))[:, 0]
    assert_allclose(given, shown[np.arange(40), group.answer])
    rows, before, _ = asked_before(group)
    assert set(range(20, 40)) <= set(rows.tolist()) and (before < rows).all()
    _, answers = question.in_order(group.shown, group.answer)
    for row, first in zip(rows, before, strict=True):
        _, same = question.in_order(group.shown[[row]], group.told[1][row].argmax(keepdims=True))
        assert same == answers[first] and group.told[1][row].sum() == 1


def moved(n: int, people: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Choices of people who like the last place, are sure when quick, lapse in block b, remember.

    Also the biases of each, (people, 3).
    """
    x = rng.gamma(1.0, 1.4, (40, 3)) * (rng.random((40, 3)) < 0.6)
    shown, judge = random_triplets(40, n, rng), rng.integers(0, people, n)
    again = np.arange(n - n // 5, n)
    shown[again], judge[again] = shown[again - n // 2], judge[again - n // 2]
    bias = np.array([-0.4, 0.0, 0.4]) + 0.3 * rng.normal(size=(people, 3))
    bias -= bias.mean(axis=1, keepdims=True)
    slow, block = rng.normal(size=n), rng.integers(0, 2, n)
    noise = {"log_temperature": 0.5 * slow, "logit_lapse": 1.2 * (block - 0.5)}
    change = Change(offsets=bias[judge], **noise)
    pairs = find_kernel("dot").pairs(x, shown, TRIPLET.pairs)
    logs = np.stack(change.log_choice(pairs, np.ones(n), np.full(n, 0.1), TRIPLET), axis=1)
    answer = np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    kept = again[rng.random(len(again)) < 0.7]
    answer[kept] = answer[kept - n // 2]
    more: dict[str, Any] = {"participant": [f"p{k:02d}" for k in judge]}
    more |= {"response_time": np.exp(1 + slow), "block": np.array(["a", "b"])[block]}
    return chosen_table(shown, answer, IDS, **more), bias


TERMS = "position, temperature ~ response_time, lapse ~ block, memory"


@pytest.fixture(scope="module")
def truth() -> tuple[pd.DataFrame, np.ndarray]:
    return moved(3000, 8, np.random.default_rng(1))


@pytest.fixture(scope="module")
def table(truth: tuple[pd.DataFrame, np.ndarray]) -> pd.DataFrame:
    return truth[0]


@pytest.fixture(scope="module")
def fitted(table: pd.DataFrame) -> Posterior:
    settings: Any = {"steps": 300, "draws": 20, "chains": 2, "dimensions": 4, "quick": True}
    return fit_embedding(table, config=FitConfig(engine="vi", terms=TERMS, **settings))


def test_terms_are_recovered_kept_and_used(
    truth: tuple[pd.DataFrame, np.ndarray], fitted: Posterior, tmp_path: Path
) -> None:
    table, bias = truth
    fitted.save(tmp_path / "p.nc")
    table.to_parquet(tmp_path / "choices.parquet")
    kept = Posterior.load(tmp_path / "p.nc")
    drawn = kept.tree["posterior"].dataset
    mean = {name: drawn[name].mean(("chain", "draw")) for name in drawn}
    last, first = (mean["position_mean"].sel(place=f"odd_one_out_3 {k}") for k in (3, 1))
    assert last - first == pytest.approx(0.8, abs=0.4)
    assert mean["temperature_on"].sel(temperature_column="response_time") > 0.2
    lapse = mean["lapse_on"]
    assert lapse.sel(lapse_column="block=b") > lapse.sel(lapse_column="block=a")
    assert mean["memory"] == pytest.approx(0.7, abs=0.1)
    names = [f"p{k:02d}" for k in range(8)]
    of_people = mean["position_bias"].sel(participant=names).to_numpy()
    assert np.corrcoef(of_people.ravel(), bias.ravel())[0, 1] > 0.85
    with_terms, _ = judgment_scores(kept, table)
    without, _ = judgment_scores(kept, table.drop(columns=["block", "response_time"]))
    assert with_terms.mean() < without.mean() - 0.005
    new, _ = judgment_scores(kept, table, "new")
    assert np.isfinite(new).all()
    found = score(kept, choices=tmp_path / "choices.parquet", resamples=20)
    row = found.at("odd_one_out.log_loss", "posterior")
    assert row is not None and row.value == pytest.approx(with_terms.mean(), abs=0.002)
    triplets = random_triplets(20, 5, rng=np.random.default_rng(0))
    mirrored = kept.choice_probabilities(triplets[:, ::-1])[:, ::-1]
    assert_allclose(mirrored, kept.choice_probabilities(triplets), atol=1e-5)  # no places


@pytest.mark.parametrize("engine", ["vi", "nuts"])
def test_both_engines_find_a_slope(engine: str, rng: np.random.Generator) -> None:
    x, shown = rng.gamma(1.0, 1.4, (10, 2)), random_triplets(10, 700, rng)
    slow = rng.normal(size=700)
    answer = answered(x, shown, rng, np.exp(0.8 * slow))
    table = chosen_table(shown, answer, IDS[:10], speed=slow)
    settings: Any = {"quick": True, "dimensions": 2, "steps": 500, "tune": 100, "draws": 60}
    config = FitConfig(engine=engine, terms="temperature ~ speed", **settings)
    slope = fit_embedding(table, config=config).tree["posterior"]["temperature_on"]
    assert 0.4 < float(slope.mean()) < 1.2


def test_consistency_is_that_of_people_who_remember(table: pd.DataFrame, fitted: Posterior) -> None:
    predictive = check(fitted, table, fitted=False).predictive
    assert predictive is not None
    (found,) = [one for one in predictive.checks if one.name == "consistency"]
    assert found.two_sided > 0.01


def test_a_pilot_is_sure_of_what_moves_choices_and_of_nothing_else() -> None:
    rng = np.random.default_rng(2)
    table, _ = moved(6000, 10, rng)
    table["noise"] = rng.normal(size=len(table))
    choices = Choices.from_table(table)
    choices = choices.with_terms(table, terms_to_try(choices.groups, table))
    x = rng.gamma(1.0, 1.4, (40, 3)) * (rng.random((40, 3)) < 0.6)  # nearly the truth
    (group,) = choices.groups
    pairs = np.stack(find_kernel("dot").pairs(x, group.shown, TRIPLET.pairs), axis=1)
    gains = term_gains([Expected(group, pairs / 3, np.full(len(table), 0.1))], 0)
    named = {name: {"gain": g.mean(), "gain_se": g.std() / 77.5} for name, g in gains.items()}
    (advice,) = term_advice({"pilot": {"terms": named}})
    assert "position 0.0" in advice and "memory 0." in advice and "noise" not in advice
    assert term_advice({"pilot": {"terms": named}, "terms": dict.fromkeys(named, {})}) == []
    there = {"temperature ~ block + response_time": {}}
    (advice,) = term_advice({"pilot": {"terms": named}, "terms": there})
    assert "nats: memory" in advice and "temperature ~ response_time 0" not in advice


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (
            "temperature ~ speed",
            "column 'speed' that differs .* found none; it has trial, one",
        ),
        (
            "lapse ~ one",
            "'one' that differs between them, .*, found 1 categories",
        ),
        ("position", "found the answer in one place in 100% of the choices of the odd one of 3"),
        ("memory", "people who were asked about the same items twice, found nobody"),
        ("blocks", "a formula such as 'temperature ~ block', or module:name"),
        ("os:path", "found 'os:path'"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(
    terms: str, says: str, rng: np.random.Generator
) -> None:
    shown = np.array([[0, 1, 2], *np.sort(random_triplets(20, 30, rng), axis=1)])
    shown = np.unique(shown, axis=0)
    table = chosen_table(shown, np.full(len(shown), 2), IDS, one=["x"] * len(shown))
    with pytest.raises(TwoalikeError, match=says):
        fit_embedding(table, config=FitConfig.model_construct(terms=(terms,)))


def test_further_columns_are_kept_from_files(tmp_path: Path) -> None:
    path = tmp_path / "choices.tsv"
    path.write_text("a\tb\tc\tblock\tspeed\nx\ty\tz\tone\t1.5\ny\tz\tw\tn/a\t2\n", "utf-8")
    columns: Any = {"item_columns": ["a", "b", "c"], "term_columns": ["block", "speed"]}
    table = import_choices(path, out=tmp_path / "choices.parquet", **columns)
    assert table["speed"].tolist() == [1.5, 2.0] and table["block"].isna().tolist() == [False, True]
    again = choices_table(pd.read_parquet(tmp_path / "choices.parquet"), None)
    assert again["block"].iloc[0] == "one" and again["speed"].dtype == np.float64
