"""Triplets whose choice probabilities are known, and votes on them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from twoalike.ceilings import Votes, votes_of
from twoalike.choice import log_choice, pair_similarities
from twoalike.evaluation import Judgments


def answer(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an answer a row."""
    below = probabilities.cumsum(axis=1) < rng.random((len(probabilities), 1))
    return np.asarray(below.sum(axis=1).clip(0, 2))


@dataclass(frozen=True)
class World:
    """Triplets of objects and the probabilities of the answers to them."""

    triplets: np.ndarray
    probabilities: np.ndarray

    def judge(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Objects shown and answers, of n votes on each triplet."""
        rows = np.repeat(np.arange(len(self.triplets)), n)
        return self.triplets[rows], answer(self.probabilities[rows], rng)


def make_world(seed: int, m: int = 20_000, objects: int = 200) -> World:
    """Sparse embedding of which answers are about as uncertain as those to THINGS."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 0.6, (objects, 6)) * (rng.random((objects, 6)) < 0.6)
    triplets = np.argsort(rng.random((m, objects)), axis=1)[:, :3]
    pairs = pair_similarities(x @ x.T, triplets)
    return World(triplets, np.exp(np.stack(log_choice(pairs, 1.7), axis=1)))


@pytest.fixture(scope="session")
def world() -> World:
    """A world of 20,000 triplets."""
    return make_world(3)


@pytest.fixture(scope="session")
def votes() -> Callable[..., Votes]:
    """A function that counts votes on triplets, per participant where participants are given."""

    def gather(shown: np.ndarray, chosen: np.ndarray, people: np.ndarray | None = None) -> Votes:
        known = people is not None
        who = people if people is not None else np.zeros(len(shown), dtype=int)
        ids = tuple(map(str, range(int(np.max(shown)) + 1)))
        return votes_of(Judgments(np.asarray(shown), chosen, who, ids, known_people=known))

    return gather


@pytest.fixture
def judge() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """A function that draws answers from choice probabilities."""
    return answer
