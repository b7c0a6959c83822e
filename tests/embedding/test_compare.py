"""Comparisons of two posteriors with known answers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered
from tests.posteriors import posterior_of

from twoalike.choice import ANCHORED, log_choice
from twoalike.embedding import Posterior, compare_predictions
from twoalike.embedding._compare import compare_similarity, judgment_scores
from twoalike.judgments import choices_table
from twoalike.study import TwoalikeError


def make(x: np.ndarray, ids: list[str], people: int = 3, lapse: Any = 0.1) -> Posterior:
    """One chain of the draws x (S, m, D); temperatures 1."""
    lapses = np.broadcast_to(lapse, (1, len(x), people))
    labels = {"object": ids, "participant": [f"p{k}" for k in range(people)]}
    return posterior_of({"embedding": x[None], "lapse": lapses}, labels)


def around(x: np.ndarray, spread: float, rng: np.random.Generator, draws: int = 20) -> np.ndarray:
    return np.abs(x + spread * rng.standard_normal((draws, *x.shape)))


def judge(ids: list[str], n: int, rng: np.random.Generator, **more: Any) -> pd.DataFrame:
    shown = np.stack([rng.choice(len(ids), 3, replace=False) for _ in range(n)])
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": rng.integers(2, 4, n), "participant": [f"p{k % 4}" for k in range(n)]}
    return choices_table(columns | more, ids)


IDS = [f"o{k}" for k in range(12)]


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.gamma(0.7, 1.0, (12, 4))


def test_scores_are_those_of_who_judged(x: np.ndarray, rng: np.random.Generator) -> None:
    posterior = make(around(x, 0.2, rng), IDS, lapse=np.array([0.0, 0.2, 0.5]) + 1e-3)
    kinds = np.array(["odd_one_out", "anchored"])[np.arange(40) % 2]
    choices = judge(IDS, 40, rng, kind=kinds)
    losses, hits = judgment_scores(posterior, choices)
    for row, (_, said) in enumerate(choices.iterrows()):
        i, j, k = (IDS.index(said[f"item_{n}"]) for n in (1, 2, 3))
        own = np.array([0.0, 0.2, 0.5])
        person = int(said["participant"][1:])
        rate = (own[person] if person < 3 else own.mean()) + 1e-3
        p = np.zeros(3)
        for draw in posterior.embedding:
            s = draw @ draw.T
            if said["kind"] == "anchored":
                p[1:] += np.exp(log_choice((s[i, j], s[i, k]), 1.0, rate, question=ANCHORED))
            else:
                p += np.exp(log_choice((s[i, j], s[i, k], s[j, k]), 1.0, rate))
        p /= len(posterior.embedding)
        assert_allclose(losses[row], -np.log(p[said["chosen"] - 1]), rtol=1e-4)
        assert hits[row] == (p.argmax() == said["chosen"] - 1)


def test_the_truth_predicts_better_than_noise(x: np.ndarray, rng: np.random.Generator) -> None:
    choices = judge(IDS, 800, rng)
    triplets = np.stack([choices[f"item_{k}"].cat.codes for k in (1, 2, 3)], axis=1)
    choices["chosen"] = (1 + answered(np.sqrt(2) * x, triplets, rng)).astype("int8")
    truth = make(around(np.sqrt(2) * x, 0.02, rng), IDS, lapse=0.01)
    noise = make(around(rng.permuted(x, axis=0), 0.02, rng), IDS, lapse=0.01)
    result = compare_predictions(noise, truth, choices)
    loss, hit = (result[name]["difference"] for name in ("log_loss", "accuracy"))
    assert loss["value"] < -5 * loss["standard_error"] < 0
    assert hit["value"] > 5 * hit["standard_error"] > 0
    assert_allclose(
        loss["value"], result["log_loss"]["second"]["value"] - result["log_loss"]["first"]["value"]
    )


def test_what_cannot_be_predicted_is_left_out_and_counted(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    first, second = make(around(x, 0.2, rng), IDS), make(around(x[:9], 0.2, rng), IDS[:9])
    types = ["main", "practice", "catch", "repeat"] * 25
    choices = judge(IDS, 100, rng, trial_type=types)
    result = compare_predictions(first, second, choices)
    known = choices[["item_1", "item_2", "item_3"]].isin(IDS[:9]).all(axis=1)
    kept = known & choices["trial_type"].isin(["main", "repeat"])
    assert result["judgments"] == kept.sum() and result["left_out"] == 100 - kept.sum()
    with pytest.raises(TwoalikeError, match="none among 25 judgments"):
        compare_predictions(first, second, choices[choices["trial_type"] == "catch"])


def test_similarities_of_one_world_agree_as_far_as_draws_do(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    first, second = (make(around(x, 0.3, rng, 40), IDS) for _ in range(2))
    result = compare_similarity(first, second)
    assert result["objects"] == 12
    assert result["pearson"] > 0.95
    within = result["first_draws"]["value"]
    assert within < result["pearson"]
    assert_allclose(result["draws"]["value"], within, atol=0.04)
    assert result["draws"]["low"] < result["draws"]["value"] < result["draws"]["high"]


def test_objects_are_matched_by_name(x: np.ndarray, rng: np.random.Generator) -> None:
    draws = around(x, 0.1, rng)
    order = rng.permutation(12)[:9]
    part = make(draws[:, order], [IDS[k] for k in order])
    result = compare_similarity(make(draws, IDS), part)
    assert result["objects"] == 9
    assert_allclose(result["pearson"], 1.0, atol=1e-5)


def test_nothing_in_common_or_nothing_that_varies_is_refused(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    first = make(around(x, 0.2, rng), IDS)
    with pytest.raises(TwoalikeError, match="at least 3 objects in common, found 0"):
        compare_similarity(first, make(around(x, 0.2, rng), [f"q{k}" for k in range(12)]))
    with pytest.raises(TwoalikeError, match="all similarities of one posterior are the same"):
        compare_similarity(first, make(np.ones((20, 12, 2)), IDS))
