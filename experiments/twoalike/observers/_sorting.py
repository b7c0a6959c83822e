"""Simulated sorting: clusters of a space that is seen through noise.

A person puts together what is alike and stops where piles would become too unlike; how many piles
there are differs between people and trials. Average linkage on noisy distances, cut at a random
number of piles, does the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.observers._arranging import SimulatedArranger
from twoalike.study import Integers


@dataclass(frozen=True, eq=False)
class SimulatedSorter:
    """An observer at the piles."""

    arranger: SimulatedArranger
    """Whose distances are sorted, blurred by its observer's ``placement_noise`` relative to the
    largest distance; its times are those of a move."""

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

        Raises
        ------
        TwoalikeError
            If the observer does not know an object.
        """
        from scipy.cluster.hierarchy import average, fcluster
        from scipy.spatial.distance import squareform

        n, observer = len(items), self.arranger.observer
        distances = self.arranger.distances(items)
        blur = observer.placement_noise * distances.max() * rng.standard_normal((n, n))
        blurred = np.maximum(distances + (blur + blur.T) / np.sqrt(2), 0.0)
        np.fill_diagonal(blurred, 0.0)
        fewest, most = min(n_piles[0], n), min(n_piles[1], n)
        wanted = round(float(np.sqrt(n) * np.exp(0.25 * rng.standard_normal())))
        wanted = min(max(wanted, fewest), most)
        tree = average(squareform(blurred, checks=False))
        piles = fcluster(tree, wanted, criterion="maxclust").astype(np.int64) - 1
        # Ties in the tree may leave fewer piles than wanted; one image apart makes one more.
        while len(np.unique(piles)) < fewest:
            crowd = np.flatnonzero(piles == np.bincount(piles).argmax())
            piles[crowd[-1]] = piles.max() + 1
        for item in np.flatnonzero(rng.random(n) < observer.lapse):
            if (piles == piles[item]).sum() > 1:
                piles[item] = rng.integers(piles.max() + 1)
        return piles
