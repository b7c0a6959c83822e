"""Sampling, ridge and mixture: properties and known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.teacher import compare_predictions, sample_triplets
from twoalike.teacher._fit import object_folds, predicted_without_own_fold
from twoalike.teacher._labels import fit_mixture, log_probabilities


@given(m=st.integers(3, 9), seed=st.integers(0, 2**32 - 1))
def test_triplets_hold_three_different_objects(m: int, seed: int) -> None:
    triplets = sample_triplets(m, 50, np.random.default_rng(seed))
    assert triplets.min() >= 0
    assert triplets.max() < m
    assert (np.sort(triplets, axis=1)[:, 1:] > np.sort(triplets, axis=1)[:, :-1]).all()


def test_an_objects_place_does_not_depend_on_its_own_judgments(rng: np.random.Generator) -> None:
    z, y = rng.standard_normal((30, 8)), rng.standard_normal((30, 2))
    fold = object_folds(30, 5, rng)
    before = predicted_without_own_fold(z, y, [0.1, 1.0], fold)
    other = y.copy()
    other[7] += 100
    after = predicted_without_own_fold(z, other, [0.1, 1.0], fold)
    np.testing.assert_allclose(after[:, fold == fold[7]], before[:, fold == fold[7]])
    assert np.abs(after - before)[:, fold != fold[7]].min(axis=(0, 2)).min() > 1e-3


def test_mixture_recovers_its_weights_and_never_goes_negative(rng: np.random.Generator) -> None:
    parts = [rng.normal(size=(3000, 3)), 1000 * rng.normal(size=(3000, 3))]
    labels = np.exp(log_probabilities(1.5 * parts[0] + 0.002 * parts[1]))
    np.testing.assert_allclose(fit_mixture(parts, labels), [1.5, 0.002], rtol=1e-3)
    against = np.exp(log_probabilities(1.5 * parts[0] - 0.002 * parts[1]))
    assert fit_mixture(parts, against)[1] == 0


def test_the_better_kind_wins() -> None:
    chosen = np.array([0, 0, 0, 1])
    labels = {"unsure": [0.6, 0.2, 0.2], "sure": [0.9, 0.05, 0.05]}
    predicted = {name: np.tile(p, (4, 1)) for name, p in labels.items()}
    found = compare_predictions(predicted, chosen)
    assert (found["best"], found["n"]) == ("unsure", 4)
    assert found["log_loss"]["sure"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.05)) / 4)
    guessing = compare_predictions(predicted, chosen, lapse=0.5)
    assert guessing["best"] == "sure"


def test_anchored_answers_are_weighed_as_such(rng: np.random.Generator) -> None:
    """The weights that made the choices are found again, from both kinds together."""
    n, lapse = 40_000, 0.1
    parts = [rng.normal(size=(n, 3)), rng.normal(size=(n, 3))]
    anchored = rng.random(n) < 0.5
    p = (1 - lapse) * np.exp(log_probabilities(1.5 * parts[0] + 0.5 * parts[1], anchored))
    p += lapse / np.where(anchored, 2, 3)[:, None]
    p[anchored, 0] = 0.0
    chosen = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    found = fit_mixture(parts, np.eye(3)[chosen], lapse, anchored)
    np.testing.assert_allclose(found, [1.5, 0.5], atol=0.06)
