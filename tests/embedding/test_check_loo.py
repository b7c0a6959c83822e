"""Leave-one-out against cases with a known answer."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.embedding._loo import leave_one_out, predict_left_out

COUNTS = np.array([30, 50, 20])


@pytest.fixture
def dirichlet(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Answers of one die and draws of its posterior under a flat prior: (S, n, 3), (n,)."""
    chosen = np.repeat(np.arange(3), COUNTS)
    p = rng.dirichlet(1.0 + COUNTS, 1000)
    return np.repeat(p[:, None, :], len(chosen), axis=1).astype("float32"), chosen


def log_mean(answers: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    given = answers[:, np.arange(len(chosen)), chosen].astype(float)
    return np.asarray(np.log(given.mean(axis=0)))


def exact() -> float:
    """Sum of log-probabilities, each judgment predicted from all others."""
    return float((COUNTS * np.log(COUNTS / (COUNTS.sum() + 2))).sum())


def test_leave_one_out_is_the_exact_one(dirichlet: Any) -> None:
    answers, chosen = dirichlet
    found = leave_one_out(answers, chosen, np.arange(100), log_mean(answers, chosen), chains=2)
    assert_allclose(found.elpd, exact(), atol=0.15)
    assert_allclose(found.log_loss, -found.elpd / 100)
    assert 1 < found.p_loo < 3  # two probabilities are free
    assert found.k_max < found.k_limit and found.k_high == 0
    assert found.accuracy == 0.5  # the commonest answer is always named
    assert found.subset_se == 0


def test_a_subset_estimates_the_whole(dirichlet: Any, rng: np.random.Generator) -> None:
    answers, chosen = dirichlet
    rows = np.sort(rng.choice(100, size=40, replace=False))
    lpd = log_mean(answers, chosen)
    found = leave_one_out(answers[:, rows], chosen[rows], rows, lpd, chains=1)
    assert_allclose(found.elpd, exact(), atol=max(4 * found.subset_se, 0.15))
    assert 0 < found.subset_se < 0.2 * found.se
    assert (found.judgments, found.subset) == (100, 40)


def test_fits_that_differ_are_left_one_out_apart(dirichlet: Any, rng: np.random.Generator) -> None:
    """Of two fits that are sure of different answers, each keeps its half of the weight."""
    chosen = np.array([0, 1])
    p = np.concatenate([rng.dirichlet((80, 10, 10), 200), rng.dirichlet((10, 80, 10), 200)])
    answers = np.repeat(p[:, None], 2, axis=1)
    apart, k = predict_left_out(answers, chosen, 2, fits=2)
    each = [predict_left_out(answers[rows], chosen, 1)[0] for rows in (slice(200), slice(200, 400))]
    assert_allclose(apart, np.mean(each, axis=0))
    assert_allclose(apart[:, :2], 0.45, atol=0.01)  # as without weights: each is sure
    together, _ = predict_left_out(answers, chosen, 2)
    assert (together[[0, 1], chosen] < 0.25).all()  # the fit that knew the answer hardly counts
    assert (k < 0.7).all()
