"""Ceilings and calibration of choices among more than three items, with known answers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.calibration import set_calibration
from twoalike.ceilings import ceilings
from twoalike.ceilings._ceilings import dirichlet_mode, mode_range
from twoalike.choice import Question, log_set_choice
from twoalike.evaluation import Judgments

M = 30


def judged(
    question: Question,
    rng: np.random.Generator,
    *,
    sets: int = 300,
    people: int = 6,
    temperature: float = 0.5,
    known: bool = True,
) -> tuple[Judgments, np.ndarray]:
    """Everybody about every set, and the probabilities of the answers, (n, A)."""
    x = rng.gamma(1.0, 1.0, (M, 4)) * (rng.random((M, 4)) < 0.6)
    s = (x @ x.T) / (x @ x.T)[np.triu_indices(M, 1)].std()
    drawn = [np.sort(rng.choice(M, question.items, replace=False)) for _ in range(2 * sets)]
    items = rng.permutation(np.unique(drawn, axis=0))[:sets]
    i, j = question.pairs.T
    logs = log_set_choice(s[items[:, i], items[:, j]], question, temperature)
    number = np.repeat(np.arange(sets), people)
    answer = (logs[number] + rng.gumbel(size=(len(number), logs.shape[1]))).argmax(axis=1)
    ids = tuple(f"o{k}" for k in range(M))
    who = np.tile(np.arange(people), sets) if known else np.zeros(len(number), dtype=np.int64)
    found = Judgments(items[number], answer, who, ids, known_people=known, question=question)
    return found, np.exp(logs)[number]


@pytest.mark.parametrize("answers", [2, 4, 10])
def test_bounds_hold_for_any_probabilities_and_their_ends_are_reached(
    answers: int, rng: np.random.Generator
) -> None:
    for concentration in (0.1, 1.0, 5.0):
        p = rng.dirichlet(np.full(answers, concentration), 400)
        c, mode = (p**2).sum(axis=1).mean(), p.max(axis=1).mean()
        low, high = mode_range(c, answers)
        assert low <= mode <= high
        assert dirichlet_mode(c, answers) == pytest.approx(mode, abs=0.02)
    one = np.full(answers, 0.2 / (answers - 1))
    one[0] = 0.8
    assert mode_range((one**2).sum(), answers)[1] == pytest.approx(0.8)
    assert mode_range(0.5, answers)[0] == 0.5  # two equally likely answers
    assert mode_range(0.0, answers) == pytest.approx((1 / answers, 1 / answers))
    assert (dirichlet_mode(0.0, answers), dirichlet_mode(1.0, answers)) == (1 / answers, 1.0)


@pytest.mark.parametrize("question", [Question("odd_one_out", 4), Question("most_alike", 4)])
@pytest.mark.parametrize("temperature", [0.2, 0.6])
def test_the_oracle_is_within_its_range_and_near_the_estimate(
    question: Question, temperature: float, rng: np.random.Generator
) -> None:
    data, p = judged(question, rng, temperature=temperature)
    found = ceilings(data, rng)
    assert (found["votes"]["counted"], found["sets"]) == (1800, 300)
    truth = p.max(axis=1).mean()
    assert (
        found["oracle"].low
        <= found["oracle"].identified.low
        < truth
        < found["oracle"].identified.high
    )
    assert found["oracle"].value == pytest.approx(truth, abs=0.04)
    # Five votes of others are a noisy guess at the mode; two people agree less often still.
    assert found["oracle"].identified.low < found["leave_one_out"].value < truth + 0.02
    nobody = ceilings(judged(question, np.random.default_rng(42), known=False)[0], rng)
    everybody = ceilings(judged(question, np.random.default_rng(42))[0], rng)
    assert nobody["oracle"].value == everybody["oracle"].value


def test_true_probabilities_are_calibrated_and_sharpened_ones_are_not(
    rng: np.random.Generator,
) -> None:
    data, p = judged(Question("most_alike", 4), rng)
    good, sure = (set_calibration(q, data) for q in (p, p**3 / (p**3).sum(axis=1, keepdims=True)))
    assert good["error"]["debiased"].low < 0.03
    assert sure["error"]["debiased"].low > 0.08
    expected = ((p - np.eye(6)[data.answer]) ** 2).sum(axis=1).mean()
    assert_allclose(good["brier"].value, expected)
    assert good["brier"].high < sure["brier"].value
