"""Simulated sorting and rating of similarities that are seen through noise.

A rating is the rank of a pair's similarity among all pairs. In sorting, a person puts together what
is alike and stops where piles would become too unlike; how many piles there are differs between
people and trials. Average linkage on noisy similarities, cut at a random number of piles, does the
same. Similarity is the dot product by which the observer chooses: by distance, objects that have
little of anything would be alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from twoalike.observers._arranging import PlacementTimes
from twoalike.observers._observer import SimulatedObserver
from twoalike.study import Floats, Integers

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

    def rate(self, pair: Sequence[str], rng: np.random.Generator) -> tuple[float, float]:
        """Rate how alike two objects are.

        Returns
        -------
        Place on the scale, from 0 (nothing in common) to 1, and the response time in s. Two
        identical images are at 1.
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


@dataclass(frozen=True, eq=False)
class SimulatedSorter:
    """An observer at the piles."""

    observer: SimulatedObserver
    """Whose similarities are sorted, blurred by ``placement_noise`` relative to their range."""
    times: PlacementTimes = field(default_factory=PlacementTimes)
    """How long a move takes."""

    def sort(
        self, items: Sequence[str], n_piles: tuple[int, int], rng: np.random.Generator
    ) -> Integers:
        """Sort items into piles: the same generator gives the same piles.

        Parameters
        ----------
        n_piles
            Fewest and most piles allowed.

        Returns
        -------
        Pile of each item, from 0, shape (n,).
        """
        from scipy.cluster.hierarchy import average, fcluster

        n, observer = len(items), self.observer
        embedding = observer.embedding[observer.rows(items)]
        pairs = np.triu_indices(n, 1)
        similarity = (embedding @ embedding.T)[pairs]
        blur = observer.placement_noise * np.ptp(similarity) * rng.standard_normal(len(similarity))
        unlike = similarity.max() - similarity + blur
        fewest, most = min(n_piles[0], n), min(n_piles[1], n)
        wanted = round(float(np.sqrt(n) * np.exp(0.25 * rng.standard_normal())))
        wanted = min(max(wanted, fewest), most)
        tree = average(unlike - unlike.min())
        piles = fcluster(tree, wanted, criterion="maxclust").astype(np.int64) - 1
        # Ties in the tree may leave fewer piles than wanted; one image apart makes one more.
        while len(np.unique(piles)) < fewest:
            crowd = np.flatnonzero(piles == np.bincount(piles).argmax())
            piles[crowd[-1]] = piles.max() + 1
        for item in np.flatnonzero(rng.random(n) < observer.lapse):
            if (piles == piles[item]).sum() > 1:
                piles[item] = rng.integers(piles.max() + 1)
        return piles
