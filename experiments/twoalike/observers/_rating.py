"""Simulated ratings: how a pair's similarity ranks among all pairs, seen through noise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twoalike.observers._observer import SimulatedObserver
from twoalike.study import Floats

_UNCERTAIN = 0.7
"""Entropy, in nats, that stands for the difficulty of a rating in the model of response times."""


@dataclass(frozen=True, eq=False)
class SimulatedRater:
    """An observer at a scale, who uses its whole length evenly."""

    observer: SimulatedObserver
    """Whose similarities are rated, with logistic noise of the width ``temperature`` and guesses
    in a share ``lapse`` of the trials."""

    @cached_property
    def _ranked(self) -> Floats:
        embedding = self.observer.embedding
        return np.sort((embedding @ embedding.T)[np.triu_indices(len(embedding), 1)])

    def rate(self, pair: tuple[str, str], rng: np.random.Generator) -> tuple[float, float]:
        """Rate how alike two objects are.

        Returns
        -------
        Place on the scale, from 0 (nothing in common) to 1, and the response time in s. Two
        identical images are at 1.

        Raises
        ------
        TwoalikeError
            If the observer does not know an object.
        """
        one, other = self.observer.rows(pair)
        embedding, guess = self.observer.embedding, rng.random() < self.observer.lapse
        seen = embedding[one] @ embedding[other] + rng.logistic(scale=self.observer.temperature)
        place = float(np.searchsorted(self._ranked, seen) / len(self._ranked))
        if guess:
            place = float(rng.random())
        elif one == other:
            place = 1.0
        return place, self.observer.response_times.sample(_UNCERTAIN, rng)
