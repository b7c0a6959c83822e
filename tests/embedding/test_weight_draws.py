"""Log weights given the embedding: against known people, numerical derivatives, and the model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, data_of, log_likelihoods

from twoalike.choice import ANCHORED, TRIPLET, Question, random_triplets
from twoalike.embedding._model import Data, PooledObservers
from twoalike.embedding._observers import Weights
from twoalike.embedding._people import Covariates, Groups
from twoalike.embedding._people_draws import _scores, draw_weights
from twoalike.embedding._terms import Change

P, M, D, S = 30, 30, 4, 40


def people(similarity: str, mean: np.ndarray, seed: int) -> tuple[Any, Data, np.ndarray]:
    """Embedding, judgments in a fit's order, and log weights that scatter by .5 around a mean."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(1.0, 1.2, (M, D)) * (rng.random((M, D)) < 0.6)
    log_weight = mean + 0.5 * rng.standard_normal((P, D))
    log_weight -= log_weight.mean(axis=0)
    log_weight -= log_weight.mean(axis=1, keepdims=True)
    judge = np.repeat(np.arange(P), 250)
    shown = random_triplets(M, len(judge), rng)
    roots = np.exp(log_weight / 2)[judge]
    odd = answered(x, shown, rng, 1.0, 0.05, similarity=similarity, roots=roots)
    mixed = rng.permutation(len(shown))
    names = [f"o{k}" for k in range(M)], [f"p{k}" for k in range(P)]
    return x, data_of(shown[mixed], odd[mixed], judge[mixed], *names), log_weight


def drawn(x: Any, data: Data, similarity: str, truth: np.ndarray) -> dict[str, Any]:
    """Draws around what a fit says that shrinks people too much and is sure of it."""
    draws = {
        "embedding": np.broadcast_to(x, (1, S, *x.shape)),
        "temperature": np.ones((1, S, P)),
        "lapse": np.full((1, S, P), 0.05),
        "log_weight": np.broadcast_to(0.7 * truth, (1, S, P, D)),
        "weight_spread": np.ones((1, S)),
    }
    if data.people is not None:
        draws |= {"group_log_weight": np.zeros((1, S, len(data.people.names), D))}
        draws |= {"weight_group_spread": np.ones((1, S))}
    if data.covariates is not None:
        draws |= {"weight_slope": np.zeros((1, S, len(data.covariates.names), D))}
    return draw_weights(data, draws, similarity, np.random.default_rng(1), PooledObservers())


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_intervals_hold_the_weights(similarity: str) -> None:
    covered = []
    for seed in range(3):
        x, data, truth = people(similarity, np.zeros(D), seed)
        found = drawn(x, data, similarity, truth)
        log_weight = found["log_weight"][0]
        assert_allclose(log_weight.sum(axis=1), 0, atol=1e-9)
        assert_allclose(log_weight.sum(axis=2), 0, atol=1e-9)
        low, high = np.quantile(log_weight, (0.05, 0.95), axis=0)
        covered.append(((low <= truth) & (truth <= high)).mean())
        assert found["weight_spread"].mean() == pytest.approx(0.5, abs=0.1)
        assert found["weight_spread"].std() < 0.1
    assert 0.8 < np.mean(covered) < 0.97  # 360 weights, nine tenths expected


def test_groups_and_covariates_are_found_together() -> None:
    """Groups differ by 1 in the first dimension, and the covariate moves the second by .6."""
    z = np.random.default_rng(5).normal(size=P)
    of, apart = np.arange(P) % 2, np.array([1.0, -1 / 3, -1 / 3, -1 / 3])
    slope = 0.6 * np.array([-1 / 3, 1.0, -1 / 3, -1 / 3])
    covariates = Covariates(("age",), 40 + 9 * z[:, None])
    standard = covariates.standardised
    x, data, truth = people("dot", of[:, None] * apart + standard * slope, 0)
    data = replace(data, people=Groups(("one", "two"), of), covariates=covariates)
    found = drawn(x, data, "dot", truth)
    centre = found["group_log_weight"][0]
    assert_allclose(centre.sum(axis=1), 0, atol=1e-9)  # groups of one size
    # What people differ by: least squares on the weights of those who were drawn.
    regressors = np.column_stack([np.ones(P), of, standard])
    drawn_apart, drawn_slope = np.linalg.lstsq(regressors, truth, rcond=None)[0][1:]
    assert_allclose((centre[:, 1] - centre[:, 0]).mean(axis=0), drawn_apart, atol=0.25)  # shrunk
    own = found["weight_slope"][0, :, 0]
    assert_allclose(own.mean(axis=0), drawn_slope, atol=0.1)
    low, high = np.quantile(own, (0.05, 0.95), axis=0)
    assert low[1] > 0.3
    assert 0.15 < (high - low).mean() < 0.5  # .5 / sqrt(30) is their standard error at least
    assert found["weight_spread"].mean() == pytest.approx(0.5, abs=0.12)
    assert np.corrcoef(found["log_weight"][0].mean(axis=0).ravel(), truth.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("similarity", ["dot", "distance"])
@pytest.mark.parametrize("question", [TRIPLET, ANCHORED, Question("odd_one_out", 5)], ids=str)
def test_scores_are_derivatives_of_the_likelihood(similarity: str, question: Question) -> None:
    rng = np.random.default_rng(0)
    x, *_ = people(similarity, np.zeros(D), 2)
    shown = np.stack([rng.permutation(M)[: question.items] for _ in range(60)])
    data = data_of(shown, 1, rng.integers(0, P, 60), range(M), range(P), question)  # type: ignore[arg-type]
    log_weight = 0.3 * rng.standard_normal((P, D))
    noise = rng.gamma(20.0, 0.05, P), rng.uniform(0.01, 0.3, P)
    (group,), n = data.choices.groups, len(question.answers)
    before = np.eye(n)[rng.integers(0, n, 60)] * (rng.random((60, 1)) < 0.7)

    def likelihood(values: np.ndarray) -> np.ndarray:
        p = np.exp(log_likelihoods(data, x, *noise, similarity, log_weight=values))
        return np.asarray(np.log((1 - 0.4 * before.sum(axis=1)) * p + 0.4 * before[:, 0]))

    change = Change(again=(0.4, before))
    score, roots = _scores(group, x, log_weight, *noise, change, similarity)
    for k in range(D):
        step = np.zeros(D)
        step[k] = 1e-5
        numeric = (likelihood(log_weight + step) - likelihood(log_weight - step)) / 2e-5
        assert_allclose(score[:, k], numeric, atol=2e-4)
    assert roots.shape == (60, n, D)


def test_means_of_people_are_found_without_their_shrinkage() -> None:
    """Posteriors as a normal population with known errors gives them; two groups differ by 1."""
    rng = np.random.default_rng(0)
    truth = 0.5 * rng.standard_normal((400, D))
    truth[200:, 0] += 1.0
    truth -= truth.mean(axis=0)
    spread, error = truth.std(axis=0), np.array([0.5, 0.7, 0.3, 1.0])
    share = spread**2 / (spread**2 + error**2)
    mean = share * (truth + error * rng.standard_normal(truth.shape))
    log = mean + np.sqrt(share) * error * rng.standard_normal((100, 400, D))
    nothing = np.zeros((100, 0, D)), np.zeros((400, 0))
    weights = Weights(log, np.zeros((100, 1, D)), np.zeros(400, dtype=int), *nothing, np.ones(100))
    assert_allclose(weights.reliability, share, atol=0.06)
    found = weights.unshrunk()
    assert found[200:, 0].mean() - found[:200, 0].mean() == pytest.approx(1.0, abs=0.15)
    assert mean[200:, 0].mean() - mean[:200, 0].mean() < 0.8
