"""Choices among more than three items in the model: density, minibatches, recovery, checks."""

from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table, sets_of, together

from twoalike.choice import Question, log_choice
from twoalike.embedding import (
    FitConfig,
    Posterior,
    careless_table,
    check,
    fit_embedding,
    predict_choices,
    set_probabilities,
)
from twoalike.embedding._model import Data, Form
from twoalike.embedding._priors import KERNELS
from twoalike.embedding._vi import jax_density
from twoalike.judgments import split_sets
from twoalike.study import TwoalikeError

M, PEOPLE = 12, 4
LAPSE, TEMPERATURE = np.array([0.02, 0.05, 0.03, 0.45]), np.array([0.8, 1.2, 1.0, 1.04])
LARGER = [
    Question("odd_one_out", 4),
    Question("most_alike", 5),
    Question("least_like", 5),
    Question("anchored", 8),
    Question("most_alike", 6),
]
TRIPLET = Question("odd_one_out", 3)
IDS = [f"o{number:02d}" for number in range(M)]


def space() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.asarray(rng.gamma(1.0, 1.2, (M, 2)) * (rng.random((M, 2)) < 0.6))


def judged(question: Question, n: int, rng: np.random.Generator, ids: Any = IDS) -> pd.DataFrame:
    """Choices of simulated people."""
    items, who = sets_of(M, question.items, n, rng), rng.integers(0, PEOPLE, n)
    answer = answered(space(), items, rng, TEMPERATURE[who], LAPSE[who], question=question)
    people = np.array(["ann", "bob", "eve", "idle"])[who]
    return chosen_table(items, answer, ids, question, participant=people)


def table_of(*questions: Question, n: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return together([judged(question, n, rng) for question in questions], IDS)


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    return table_of(TRIPLET, *LARGER, n=300)


@pytest.fixture(scope="module")
def fitted(mixed: pd.DataFrame) -> Posterior:
    settings: dict[str, Any] = {"quick": True, "engine": "vi", "steps": 600, "chains": 2}
    return fit_embedding(
        mixed, config=FitConfig(**settings, draws=40, dimensions=2, similarity="dot")
    )


def correlation(posterior: Posterior) -> float:
    upper, x = np.triu_indices(M, 1), space()
    return float(np.corrcoef(posterior.similarity()[upper], (x @ x.T)[upper])[0, 1])


@pytest.mark.parametrize("weights", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_density_is_the_sum_of_the_answers(mixed: pd.DataFrame, weights: bool) -> None:
    data = Data.from_tables({"choices": mixed})
    form = Form(2, "softplus", "dot", weights=weights)
    rng = np.random.default_rng(1)
    density = jax_density(data, form, [form.start(M, rng)])
    values = [0.3 * rng.standard_normal(v.shape).astype("f4") for v in density.starts[0].values()]
    drawn = dict(zip(density.outputs, jax.jit(density.quantities)(*values), strict=True))
    x, noise, guess = (np.asarray(drawn[of]) for of in ("embedding", "temperature", "lapse"))
    expected = []
    for group in data.choices.groups:
        roots = np.exp(np.asarray(drawn["log_weight"]) / 2)[group.judge] if weights else None
        pairs = KERNELS["dot"].pairs(x, group.shown, group.question.pairs, roots=roots)
        people = noise[group.judge], guess[group.judge]
        logs = log_choice(pairs, *people, question=group.question)
        expected.append(np.stack(logs)[group.answer, np.arange(group.size)].sum())
    arrays = [array for group in data.groups for array in group.arrays]
    assert_allclose(np.ravel(jax.jit(density.groups)(*values, *arrays)), expected, rtol=1e-4)


def test_all_kinds_together_recover_the_truth(fitted: Posterior, mixed: pd.DataFrame) -> None:
    assert correlation(fitted) > 0.9
    decided = ((1 - fitted.lapse) / fitted.temperature).mean(axis=0)
    assert fitted.participants[int(decided.argmin())] == "idle"
    counts = fitted.tree["constant_data"].dataset
    assert int(counts["judgments"].sum()) == len(mixed) == 1800


def test_checks_know_the_answers_of_each_question(fitted: Posterior, mixed: pd.DataFrame) -> None:
    some = mixed.iloc[::5]
    twice = pd.concat([some, some.iloc[60:64]], ignore_index=True)
    found = check(fitted, twice, fitted=True)
    assert found.judgments == 364 and found.predictive is not None and found.loo is not None
    asked = {one.label for one in (TRIPLET, *LARGER)}
    assert {one.name for one in found.predictive.checks} >= asked | {"consistency"}
    assert found.guessing is not None and found.loo.log_loss < found.guessing["log_loss"]
    strangers = judged(LARGER[0], 5, np.random.default_rng(0), list("abcdefghijkl"))
    with pytest.raises(TwoalikeError, match="none of the 5 judgments is by a participant"):
        check(fitted, strangers)


def test_larger_sets_are_counted_where_only_triplets_will_do(
    fitted: Posterior, mixed: pd.DataFrame
) -> None:
    made = predict_choices(fitted, mixed)
    assert len(made.judge) == 300 and made.in_sets == 1500
    with pytest.raises(TwoalikeError, match="expected choices among three items"):
        predict_choices(fitted, split_sets(mixed)[1])


def test_who_guesses_is_found_by_any_question(fitted: Posterior, mixed: pd.DataFrame) -> None:
    found = careless_table(fitted, split_sets(mixed)[1]).set_index("participant")["p_careless"]
    assert found.idxmax() == "idle" and found.drop("idle").max() < 0.01


def test_predictions_sum_to_one_and_lie_in_their_intervals(
    fitted: Posterior, rng: np.random.Generator
) -> None:
    for question in LARGER:
        items = np.stack([rng.choice(M, question.items, replace=False) for _ in range(4)])
        p, low, high = set_probabilities(fitted, items, question, lapse=True, interval=0.9)
        assert_allclose(p.sum(axis=1), 1)
        assert (low <= high).all() and (low <= p + 0.05).all()
    with pytest.raises(TwoalikeError, match=r"expected shape \(n, 6\)"):
        set_probabilities(fitted, items[:, :4], question)
    with pytest.raises(TwoalikeError, match="expected indices of 12 objects"):
        set_probabilities(fitted, items + 12, question)


@pytest.mark.slow
@pytest.mark.parametrize("question", LARGER, ids=str)
@pytest.mark.parametrize("engine", ["nuts", "vi"])
def test_each_kind_alone_recovers_the_truth(question: Question, engine: str) -> None:
    settings: dict[str, Any] = {"quick": True, "engine": engine, "similarity": "dot"}
    config = FitConfig(**settings, dimensions=2, steps=2000, draws=100, tune=300)
    posterior = fit_embedding(table_of(question, n=3000), config=config)
    assert correlation(posterior) > 0.85
