"""Sampling, ridge and mixture: properties and known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.teacher import compare_predictions, sample_triplets
from twoalike.teacher._labels import (
    fit_mixture,
    log_probabilities,
)


@given(m=st.integers(3, 9), seed=st.integers(0, 2**32 - 1))
def test_triplets_hold_three_different_objects(m: int, seed: int) -> None:
    triplets = sample_triplets(m, 50, np.random.default_rng(seed))
    assert triplets.min() >= 0
    assert triplets.max() < m
    assert (np.sort(triplets, axis=1)[:, 1:] > np.sort(triplets, axis=1)[:, :-1]).all()


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
