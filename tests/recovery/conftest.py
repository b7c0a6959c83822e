"""Simulated outcomes whose learning curve is known, and a study to size."""

from collections.abc import Callable

import numpy as np
import pytest

from twoalike.recovery import Outcome


def outcome(participants: int, world: int, regret: float, **more: float) -> Outcome:
    """A study of 100 trials a person; widths go with the root of regret."""
    width = more.get("width", 0.9 * regret**0.5)
    return Outcome(
        world=world,
        participants=participants,
        judgments=100 * participants,
        regret=regret,
        width=width,
        coverage=more.get("coverage", 0.94),
        oracle=0.65,
        converged=True,
    )


@pytest.fixture
def make_outcome() -> Callable[..., Outcome]:
    return outcome


@pytest.fixture
def simulate(rng: np.random.Generator) -> Callable[[int, int], Outcome]:
    """Studies that follow regret = 40 / n, times noise of 15 %."""

    def one(participants: int, world: int) -> Outcome:
        noise = np.exp(0.15 * rng.standard_normal())
        return outcome(participants, world, float(noise * 40 / (100 * participants)))

    return one
