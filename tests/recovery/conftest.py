"""Simulated outcomes whose learning curve is known, and a study to size."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

type Outcome = dict[str, Any]


def outcome(participants: int, world: int, regret: float, **more: float) -> Outcome:
    """A study of 100 trials a person; widths go with the root of regret."""
    size = {"world": world, "participants": participants, "judgments": 100 * participants}
    scores = {"regret": regret, "width": 0.9 * regret**0.5, "coverage": 0.94, "oracle": 0.65}
    return size | scores | more | {"converged": True}


@pytest.fixture
def make_outcome() -> Callable[..., Outcome]:
    return outcome


type SimulateOne = Callable[[int, int], Outcome]
type SimulateAll = Callable[[int, int], pd.DataFrame]


@pytest.fixture
def each() -> Callable[[SimulateOne], SimulateAll]:
    """Turn what simulates one study into what simulates the first of a size."""
    return lambda one: lambda people, number: pd.DataFrame(map(partial(one, people), range(number)))


@pytest.fixture
def simulate(rng: np.random.Generator, each: Callable[[SimulateOne], SimulateAll]) -> SimulateAll:
    """Studies that follow regret = 40 / n, times noise of 15 %."""

    def one(participants: int, world: int) -> Outcome:
        noise = np.exp(0.15 * rng.standard_normal())
        return outcome(participants, world, float(noise * 40 / (100 * participants)))

    return each(one)
