"""A small world whose truth is known: 30 objects, 3 dimensions, 6 people."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.chosen import answered, chosen_table
from tests.posteriors import posterior_of

from twoalike.choice import ANCHORED, TRIPLET, log_choice, pair_similarities, random_triplets
from twoalike.embedding import FitConfig, Posterior, fit_embedding


@dataclass(frozen=True)
class World:
    """Truth: embedding (m, d), and lapse and temperature of each person."""

    embedding: np.ndarray
    lapse: np.ndarray
    temperature: np.ndarray

    @property
    def ids(self) -> list[str]:
        return [f"object_{k:02d}" for k in range(len(self.embedding))]

    def triplets(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.stack([rng.choice(len(self.embedding), 3, replace=False) for _ in range(n)])

    def probabilities(self, triplets: np.ndarray) -> np.ndarray:
        """Choice probabilities of an observer at temperature 1 who never lapses."""
        pairs = pair_similarities(self.embedding @ self.embedding.T, triplets)
        return np.exp(np.stack(log_choice(pairs), axis=1))

    def judge(self, n: int, seed: int, *, kind: str = "odd_one_out") -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        shown, who = self.triplets(n, rng), rng.integers(0, len(self.lapse), n)
        question = ANCHORED if kind == "anchored" else TRIPLET
        people = self.temperature[who], self.lapse[who]
        answer = answered(self.embedding, shown, rng, *people, question=question)
        names = np.array([f"person_{k}" for k in range(len(self.lapse))])[who]
        return chosen_table(shown, answer, self.ids, question, participant=names)


@pytest.fixture(scope="session")
def world() -> World:
    rng = np.random.default_rng(7)
    there = rng.random((30, 3)) < 0.5
    embedding = np.where(there, rng.gamma(4.0, 0.45, (30, 3)), 0.03)
    log_temperature = 0.2 * rng.standard_normal(6)
    temperature = np.exp(log_temperature - log_temperature.mean())
    return World(embedding, np.array([0.02, 0.03, 0.05, 0.02, 0.04, 0.35]), temperature)


@pytest.fixture
def posterior(rng: np.random.Generator) -> Posterior:
    """Two chains of five draws, of 7 objects in 3 dimensions and 4 people."""
    draws = {
        "embedding": rng.gamma(1.0, 1.0, (2, 5, 7, 3)),
        "temperature": rng.uniform(0.5, 2.0, (2, 5, 4)),
        "lapse": rng.uniform(0.0, 0.4, (2, 5, 4)),
    }
    return posterior_of(draws, {"object": [f"o{k}" for k in range(7)], "participant": "abcd"})


PEOPLE, OBJECTS, EACH = 12, 10, 40
NAMES = [f"p{k:02d}" for k in range(PEOPLE)]
GROUPS = {name: "left" if k < 5 else "right" for k, name in enumerate(NAMES)}
AGE = {name: 20.0 + 2 * k for k, name in enumerate(NAMES)}


def simulated(
    objects: int, people: int, each: int, spread: float, seed: int
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Coordinates of a sparse world, log weights of its people, and their odd-one-out judgments."""
    rng = np.random.default_rng(seed)
    there = rng.random((objects, 3)) < 0.5
    x = np.where(there, rng.gamma(4.0, 0.45, (objects, 3)), 0.03)
    log_weight = spread * rng.standard_normal((people, 3))
    log_weight -= log_weight.mean(axis=0)
    log_weight -= log_weight.mean(axis=1, keepdims=True)
    shown, who = random_triplets(objects, people * each, rng), np.repeat(np.arange(people), each)
    answer = answered(x, shown, rng, roots=np.exp(log_weight / 2)[who])
    ids, names = [f"object_{k:02d}" for k in range(objects)], [f"p{k:02d}" for k in who]
    return x, log_weight, chosen_table(shown, answer, ids, participant=names)


@pytest.fixture(scope="session")
def weighers() -> pd.DataFrame:
    """Choices of people who weigh the dimensions."""
    return simulated(OBJECTS, PEOPLE, EACH, 0.8, 1)[2]


@pytest.fixture(scope="session")
def weighed(weighers: pd.DataFrame) -> Posterior:
    """A short fit, with weights by person and by group, and two covariates."""
    settings: Any = {"steps": 100, "draws": 20, "chains": 2, "dimensions": 3}
    config = FitConfig(engine="vi", quick=True, people="weights", **settings)
    covariates = {"age": AGE, "other": {name: np.sin(7.0 * k) for k, name in enumerate(NAMES)}}
    return fit_embedding(weighers, groups=GROUPS, covariates=covariates, config=config)
