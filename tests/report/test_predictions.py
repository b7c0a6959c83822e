"""Predicted and observed choices: each judgment is left out of what predicts it."""

from typing import Any

import numpy as np
import pytest
from tests.posteriors import posterior_of

from twoalike.calibration import Reliability, reliability
from twoalike.choice import log_choice
from twoalike.embedding import Posterior, predict_choices
from twoalike.judgments import choices_table

GROUPS, EACH, DRAWS = 400, 4, 400
SCALE = 1.0


def probabilities(embedding: np.ndarray) -> np.ndarray:
    """Of each of three objects being called odd, by one embedding of them each, shape (..., 3)."""
    pairs = [
        (embedding[..., a, :] * embedding[..., b, :]).sum(-1) for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    return np.exp(np.stack(log_choice(tuple(pairs)), axis=-1))


@pytest.fixture(scope="module")
def few_judgments() -> tuple[Posterior, Any]:
    """Many triplets judged three times each, and exact draws of the posterior of their objects.

    No two triplets share an object, so that the posterior of each is its prior, resampled by the
    likelihood of its own three judgments.
    """
    rng = np.random.default_rng(3)
    truth = np.abs(rng.normal(scale=SCALE, size=(GROUPS, 3, 2)))
    p = probabilities(truth)
    chosen = (rng.random((GROUPS, EACH, 1)) > p.cumsum(-1)[:, None]).sum(-1)
    prior = np.abs(rng.normal(scale=SCALE, size=(20_000, 3, 2)))
    by_draw = np.log(probabilities(prior))
    draws = np.empty((DRAWS, GROUPS, 3, 2))
    for group, answers in enumerate(chosen):
        weights = np.exp(by_draw[:, answers].sum(axis=1))
        draws[:, group] = prior[rng.choice(len(prior), DRAWS, p=weights / weights.sum())]
    ids = [f"o{number:04d}" for number in range(3 * GROUPS)]
    drawn = {"embedding": draws.reshape(2, -1, 3 * GROUPS, 2)}
    drawn["lapse"] = np.full((2, DRAWS // 2, 1), 1e-9)
    posterior = posterior_of(drawn, {"object": ids, "participant": ["01"]})
    items = np.repeat(np.arange(3 * GROUPS).reshape(GROUPS, 3), EACH, axis=0)
    columns = {f"item_{k + 1}": items[:, k] for k in range(3)}
    codes = {name: [ids[item] for item in values] for name, values in columns.items()}
    table = choices_table(
        codes | {"chosen": chosen.ravel() + 1, "participant": ["01"] * chosen.size}, ids
    )
    return posterior, table


def off(curve: Reliability) -> int:
    """Bins whose prediction lies outside of the 95 % interval of what was observed."""
    return int(((curve.predicted < curve.low) | (curve.predicted > curve.high)).sum())


def test_a_fit_looks_less_sure_than_it_is_of_its_own_judgments_only(few_judgments: Any) -> None:
    posterior, choices = few_judgments
    own = predict_choices(posterior, choices, fitted=False)
    left_out = predict_choices(posterior, choices)
    chosen = own.chosen
    assert off(reliability(own.probabilities, chosen)) >= 5
    curve = reliability(left_out.probabilities, chosen)
    assert off(curve) <= 1
    assert np.abs(curve.predicted - curve.observed).max() < 0.06
    assert left_out.left_out and not own.left_out
    np.testing.assert_allclose(left_out.probabilities.sum(axis=1), 1, atol=1e-6)
