"""Choices among any number of items: known answers, sums, and one definition for all libraries."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax

from twoalike.choice import ANCHORED, OPTIONS, SET_KINDS, Question, log_choice, log_set_choice
from twoalike.study import TwoalikeError

QUESTIONS = [
    *(Question(kind, 3) for kind in OPTIONS),
    Question("most_alike", 3),
    *(Question(kind, 6) for kind in SET_KINDS),
]


def drawn(question: Question, rng: np.random.Generator, n: int = 20) -> tuple[Any, Any, Any]:
    """Similarities, temperatures and lapses of n judgments."""
    return (
        rng.normal(0, 3, (n, len(question.pairs))),
        np.exp(rng.normal(0, 0.5, n)),
        rng.uniform(0.01, 0.5, n),
    )


def test_three_items_are_the_model_of_triplets(rng: np.random.Generator) -> None:
    s, temperature, lapse = drawn(Question("odd_one_out", 3), rng)
    odd = np.stack(log_choice(tuple(s.T), temperature, lapse), axis=1)
    near = np.stack(log_choice((s[:, 0], s[:, 1]), temperature, lapse, question=ANCHORED), axis=1)
    of = {kind: Question(kind, 3) for kind in ("odd_one_out", "most_alike", "anchored")}
    found = {
        kind: log_set_choice(s[:, : len(q.pairs)], q, temperature, lapse) for kind, q in of.items()
    }
    assert_allclose(found["odd_one_out"], odd, rtol=0, atol=1e-12)
    assert_allclose(found["most_alike"], odd[:, ::-1], rtol=0, atol=1e-12)
    assert_allclose(found["anchored"], near, rtol=0, atol=1e-12)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_probabilities_sum_to_one(question: Question, rng: np.random.Generator) -> None:
    s, temperature, lapse = drawn(question, rng)
    for guess in (lapse, None):
        p = np.exp(log_set_choice(s, question, temperature, guess))
        assert p.shape == (len(s), len(question.answers))
        assert_allclose(p.sum(axis=1), 1)
    assert_allclose(np.exp(log_set_choice(0 * s, question, temperature, lapse)), question.chance)


def test_the_odd_one_of_four_by_hand() -> None:
    s = np.array([3.0, 2.0, 0.0, 1.0, -1.0, 4.0])  # of 01, 02, 03, 12, 13, 23
    scores = [(1 - 1 + 4) / 3, (2 + 0 + 4) / 3, (3 + 0 - 1) / 3, (3 + 2 + 1) / 3]
    p = np.exp(log_set_choice(s, Question("odd_one_out", 4), 0.5, 0.1))
    assert_allclose(p, 0.9 * softmax(np.array(scores) / 0.5) + 0.1 / 4)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_the_answer_given_can_be_put_first(question: Question, rng: np.random.Generator) -> None:
    n, k = len(question.answers), question.items
    matrix = rng.normal(size=(9, 9))
    matrix += matrix.T
    items = np.stack([rng.permutation(9)[:k] for _ in range(n)])
    answer = np.arange(n)
    named = question.answers[answer]
    second = named[:, 1] if named.shape[1] == 2 else None
    assert_allclose(question.answer_of(named[:, 0], second), answer)

    def logs(items: Any, answers: Any = None) -> Any:
        i, j = question.pairs.T
        pairs = tuple(matrix[items[:, i], items[:, j]].T)
        return np.stack(log_choice(pairs, question=question, answers=answers), axis=1)

    first = question.answer_first(items, answer)
    assert_allclose(logs(first, (0,))[:, 0], logs(items)[answer, answer])
    assert_allclose(logs(items, (n - 1, 0)), logs(items)[:, [n - 1, 0]])


def test_extreme_similarities_stay_finite() -> None:
    for question in QUESTIONS:
        s = np.zeros(len(question.pairs))
        s[0] = 1e4
        logs = log_set_choice(s, question, 1.0, 0.05)
        assert np.isfinite(logs).all() and np.exp(logs).sum() == pytest.approx(1)


@pytest.fixture(scope="module")
def libraries() -> dict[str, ModuleType]:
    jax = pytest.importorskip("jax")
    return {"pytensor": pytest.importorskip("pytensor.tensor"), "jax": jax.numpy}


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.items == 6], ids=str)
def test_libraries_agree(
    question: Question, libraries: dict[str, ModuleType], rng: np.random.Generator
) -> None:
    import jax

    s, temperature, lapse = drawn(question, rng, 3)
    expected = log_set_choice(s, question, temperature, lapse)
    pt = libraries["pytensor"]
    given = [pt.as_tensor(one) for one in (s, temperature, lapse)]
    symbolic = log_set_choice(given[0], question, given[1], given[2], xp=pt)
    symbolic = symbolic.eval(mode="FAST_COMPILE")
    assert_allclose(symbolic, expected, rtol=1e-12)
    with jax.enable_x64(True):
        arrays = [jax.numpy.asarray(one) for one in (s, temperature, lapse)]
        found = log_set_choice(arrays[0], question, arrays[1], arrays[2], xp=jax.numpy)
        assert_allclose(found, expected, rtol=1e-12)


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(TwoalikeError, match="anchored: expected 3 items or more, found 2"):
        Question("anchored", 2)
    with pytest.raises(TwoalikeError, match="`kind=oddest`: expected one of odd_one_out"):
        Question("oddest", 4)  # type: ignore[arg-type]
