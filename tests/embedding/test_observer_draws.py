"""Temperatures and lapses given the embedding: against known people, and against nuts' prior."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from tests.chosen import answered, data_of

from twoalike.choice import ANCHORED, TRIPLET, random_triplets
from twoalike.embedding._model import Data, PooledObservers
from twoalike.embedding._people_draws import draw_observers
from twoalike.embedding._terms import find_term

S = 60


def people(n_people: int, n_each: int, *, kind: str = "odd_one_out", seed: int = 0) -> Any:
    """Embedding, judgments in a fit's order, and the people's lapses and temperatures."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(1.0, 1.2, (40, 4)) * (rng.random((40, 4)) < 0.5)
    lapse = expit(-2.8 + 0.8 * rng.normal(size=n_people))  # the model's population, but for one
    lapse[0] = 0.6
    log_t = 0.3 * rng.normal(size=n_people)
    temperature = np.exp(log_t - log_t.mean())
    judge = np.repeat(np.arange(n_people), n_each)
    shown = random_triplets(40, len(judge), rng)
    question = ANCHORED if kind == "anchored" else TRIPLET
    answer = answered(x, shown, rng, temperature[judge], lapse[judge], question=question)
    names = [f"o{k}" for k in range(40)], [f"p{k}" for k in range(n_people)]
    return x, data_of(shown, answer, judge, *names, question), lapse, temperature


def drawn(x: Any, data: Data) -> dict[str, Any]:
    """Draws around what a fit without an opinion about people says, who remember nothing."""
    people = len(data.participants)
    draws = {
        "embedding": np.broadcast_to(x, (1, S, *x.shape)),
        "temperature": np.ones((1, S, people)),
        "lapse": np.full((1, S, people), 0.02),
        **dict.fromkeys(("lapse_location", "memory"), np.zeros((1, S))),
        **dict.fromkeys(("lapse_spread", "temperature_spread"), np.ones((1, S))),
    }
    return draw_observers(data, draws, "dot", np.random.default_rng(1), PooledObservers())


@pytest.mark.parametrize("kind", ["odd_one_out", "anchored"])
def test_intervals_cover_the_people(kind: str) -> None:
    covered: dict[str, list[float]] = {"lapse": [], "temperature": []}
    for seed in range(2):
        x, data, lapse, temperature = people(40, 250, kind=kind, seed=seed)
        found = drawn(x, data)
        for name, truth in (("lapse", lapse), ("temperature", temperature)):
            low, high = np.quantile(found[name][0], (0.05, 0.95), axis=0)
            covered[name].append(((low <= truth) & (truth <= high)).mean())
        assert np.quantile(found["lapse"][0, :, 0], 0.99) > 0.55  # who guesses
        assert found["lapse"][0].mean(axis=0).argmax() == 0
        assert_allclose(np.log(found["temperature"]).mean(axis=2), 0, atol=1e-9)
        assert found["temperature_spread"].mean() == pytest.approx(0.3, abs=0.12)
    assert min(map(np.mean, covered.values())) > 0.78  # 80 people, nine tenths expected


def test_without_judgments_the_population_is_the_prior_of_lapses() -> None:
    """Nobody's answers say anything: locations keep their prior, normal around -2.5."""
    x, data, _, _ = people(3, 1)
    flat = np.zeros_like(x)  # all objects alike: every answer has probability 1/3
    found = drawn(flat, data)
    assert found["lapse_location"].mean() == pytest.approx(-2.5, abs=0.5)
    assert found["lapse_location"].std() == pytest.approx(1.0, abs=0.3)


def test_the_same_answer_again_counts_where_nobody_remembers() -> None:
    x, data, *_ = people(8, 200)
    (group,) = data.choices.groups
    twice = replace(data.choices, groups=(group.take(np.tile(np.arange(group.size), 2)),))
    memory = twice.with_terms(pd.DataFrame(), [find_term("memory")])
    plain, found = (drawn(x, data.with_choices(one))["lapse"] for one in (twice, memory))
    assert_allclose(found, plain, rtol=1e-6)


def test_a_single_person_has_a_lapse_and_no_temperature() -> None:
    x, data, lapse, _ = people(1, 3000)
    found = drawn(x, data)
    low, high = np.quantile(found["lapse"][0, :, 0], (0.01, 0.99))
    assert low < lapse[0] < high + 0.1  # the prior of a single person's lapse is narrow
    assert (found["temperature"] == 1).all()
