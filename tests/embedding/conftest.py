"""A small world whose truth is known: 30 objects, 3 dimensions, 6 people."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tests.chosen import answered, chosen_table
from tests.posteriors import posterior_of

from twoalike.choice import ANCHORED, TRIPLET, log_choice, pair_similarities
from twoalike.embedding import Posterior


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
