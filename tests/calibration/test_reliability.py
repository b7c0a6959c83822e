"""Calibration errors whose truth is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.calibration import Answers, binned, brier_scores, error_of, reliability
from twoalike.evaluation import Figures, TwoWayBootstrap


def answer(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an answer a row."""
    return np.asarray((p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1).clip(0, 2))


def sharpened(p: np.ndarray, power: float) -> np.ndarray:
    """Probabilities at another temperature."""
    return np.asarray(p**power / (p**power).sum(axis=1, keepdims=True))


def error(
    p: np.ndarray,
    chosen: np.ndarray,
    rng: np.random.Generator,
    answers: Answers = "top",
) -> Figures:
    """Error on random triplets of 60 objects by 20 people."""
    n = len(p)
    triplets = np.argsort(rng.random((n, 60)), axis=1)[:, :3]
    boot = TwoWayBootstrap(rng.integers(20, size=n), triplets, rng, resamples=300)
    return error_of(binned(p, chosen, answers=answers), boot)


@pytest.mark.parametrize("answers", ["top", "all"])
def test_a_calibrated_model_shows_what_chance_gives(
    answers: Answers, rng: np.random.Generator
) -> None:
    p = rng.dirichlet((1, 1, 1), size=1000)
    found = [error(p, answer(p, rng), rng, answers) for _ in range(30)]
    plain = np.mean([each["value"] for each in found])
    assert plain > 0.01  # though the truth is zero
    assert_allclose(plain, np.mean([each["chance"] for each in found]), rtol=0.12)
    debiased = [each["debiased"] for each in found]
    assert np.mean([each.value for each in debiased]) < 0.5 * plain
    assert np.mean([each.low == 0 for each in debiased]) > 0.8


@pytest.mark.parametrize("power", [1.3, 2.5])
def test_the_debiased_error_is_right_on_average(power: float, rng: np.random.Generator) -> None:
    """Where the plain one is too high by a third or more for the smaller error."""
    many = rng.dirichlet((1, 1, 1), 200_000)
    truth = error(sharpened(many, power), answer(many, rng), rng, "all")["value"]
    found = []
    for _ in range(60):
        p = rng.dirichlet((1, 1, 1), size=400)
        found.append(error(sharpened(p, power), answer(p, rng), rng, "all"))
    debiased = [each["debiased"] for each in found]
    assert_allclose(np.mean([each.value for each in debiased]), truth, atol=0.006)
    assert np.mean([each.low <= truth <= each.high for each in debiased]) > 0.85
    if power < 2:
        assert np.mean([each["value"] for each in found]) > truth + 0.006


def test_the_order_of_items_does_not_matter(rng: np.random.Generator) -> None:
    p = np.round(rng.dirichlet((1, 1, 1), size=500), 1) + 0.01  # many ties
    p /= p.sum(axis=1, keepdims=True)
    chosen, order = rng.integers(3, size=500), np.array([2, 0, 1])
    moved = np.argsort(order)[chosen]
    for answers in ("top", "all"):
        before = error(p, chosen, np.random.default_rng(1), answers)
        after = error(p[:, order], moved, np.random.default_rng(1), answers)
        assert_allclose(after["value"], before["value"])
        assert_allclose(after["chance"], before["chance"])


def test_brier_is_smallest_at_the_true_probabilities(rng: np.random.Generator) -> None:
    p = rng.dirichlet((1, 1, 1), size=20_000)
    chosen = answer(p, rng)
    scores = [brier_scores(sharpened(p, power), chosen).mean() for power in (0.5, 1.0, 2.0)]
    assert np.argmin(scores) == 1
    assert_allclose(scores[1], (1 - (p**2).sum(axis=1)).mean(), atol=0.01)
    assert_allclose(brier_scores([[1.0, 0.0, 0.0]] * 2, np.array([0, 1])), [0, 2])


@pytest.mark.parametrize("answers", ["top", "all"])
def test_calibrated_predictions_lie_on_the_diagonal(
    answers: Answers, rng: np.random.Generator
) -> None:
    p = rng.dirichlet((1, 1, 1), size=20_000)
    chosen = answer(p, rng)
    curve = reliability(p, chosen, answers=answers)
    assert_allclose(curve.observed, curve.predicted, atol=0.04)
    assert ((curve.low <= curve.predicted) & (curve.predicted <= curve.high)).mean() >= 0.7
    assert curve.counts.sum() == (60_000 if answers == "all" else 20_000)
    over = reliability(sharpened(p, 3), chosen, answers=answers)
    assert over.observed[-1] < over.predicted[-1] - 0.1
