"""New people's answers, against people drawn at random from a population that is known."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from twoalike.choice import ANCHORED, TRIPLET, ChoiceKind, log_choice
from twoalike.embedding import Posterior

TRIPLETS = np.array([[0, 1, 2], [6, 3, 4], [5, 2, 0], [1, 4, 6]])


@pytest.fixture
def population() -> dict[str, float]:
    """What the model says of people; the same in all draws."""
    return {"lapse_location": -2.0, "lapse_spread": 1.2, "temperature_spread": 0.5}


@pytest.fixture
def known(posterior: Posterior, population: dict[str, float]) -> Posterior:
    """The posterior of the other tests, with that population."""
    tree = posterior.tree.copy()
    group = tree["posterior"].dataset
    parts = {name: (("chain", "draw"), np.full((2, 5), v)) for name, v in population.items()}
    tree["posterior"] = xr.DataTree(group.assign(parts))
    return Posterior(tree)


def simulated(
    x: np.ndarray, population: dict[str, float], kind: ChoiceKind, people: int = 200_000
) -> np.ndarray:
    """Mean answers of people drawn at random, each at one draw of the embedding, (n, 3)."""
    rng = np.random.default_rng(3)
    logit = population["lapse_location"] + population["lapse_spread"] * rng.normal(size=people)
    lapse = 1 / (1 + np.exp(-logit))
    # Of four people's log-temperatures and a new one's, relative to the mean of the four.
    logs = population["temperature_spread"] * rng.normal(size=(5, people))
    temperature = np.exp(logs[4] - logs[:4].mean(axis=0))
    draw = rng.integers(len(x), size=people)
    mean = np.zeros((len(TRIPLETS), 3))
    question = ANCHORED if kind == "anchored" else TRIPLET
    for row, triplet in enumerate(TRIPLETS):
        pairs = [(x[draw, a] * x[draw, b]).sum(axis=1) for a, b in triplet[question.pairs]]
        logs_p = log_choice(pairs, temperature, lapse, question=question)
        mean[row, 3 - len(logs_p) :] = np.exp(logs_p).mean(axis=1)
    return mean


@pytest.mark.parametrize("kind", ["odd_one_out", "anchored"])
def test_a_new_person_is_integrated_over_the_population(
    known: Posterior, population: dict[str, float], kind: ChoiceKind
) -> None:
    expected = simulated(known.embedding, population, kind)
    got = known.choice_probabilities(TRIPLETS, lapse=True, kind=kind)
    assert_allclose(got, expected, atol=0.005)
    assert_allclose(known.choice_draws(TRIPLETS, kind=kind).mean(axis=0), got, atol=1e-6)
    assert_allclose(got.sum(axis=1), 1)
    assert_allclose(known.population[1], population["temperature_spread"] * np.sqrt(1.25))


def test_a_typical_observer_knows_nothing_of_the_population(known: Posterior) -> None:
    nobody = np.full(len(TRIPLETS), -1)
    got = known.choice_probabilities(TRIPLETS, participants=nobody)
    expected = np.zeros((len(TRIPLETS), 3))
    for x in known.embedding:
        pairs = [(x[TRIPLETS[:, i]] * x[TRIPLETS[:, j]]).sum(axis=1) for i, j in TRIPLET.pairs]
        expected += np.exp(np.stack(log_choice(pairs), axis=1)) / len(known.embedding)
    assert_allclose(got, expected, atol=1e-6)
    assert_allclose(known.choice_probabilities(TRIPLETS), got)


def test_draws_without_a_population_have_that_of_their_people(posterior: Posterior) -> None:
    new_lapse, new_spread = posterior.population
    assert_allclose(new_lapse, posterior.lapse.mean(axis=1))
    logs = np.log(posterior.temperature)
    assert_allclose(new_spread, logs.std(axis=1, ddof=1) * np.sqrt(1.25))
