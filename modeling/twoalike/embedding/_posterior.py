"""A fitted embedding: posterior draws of objects' positions and of observers.

What is averaged over draws are choice probabilities or similarities, never coordinates: the
columns of an embedding may be exchanged and its draws differ in more than noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_choice, pair_similarities
from twoalike.embedding._netcdf import read_tree, tree_attrs, write_tree

if TYPE_CHECKING:
    import xarray as xr

ROWS = 65_536  # triplets handled at once: bounds memory, and fits the processor's cache


@dataclass(frozen=True)
class Posterior:
    """Posterior of an embedding of m objects in D dimensions, with S draws in all.

    Attributes
    ----------
    tree
        ArviZ groups: ``posterior`` (``embedding``, ``temperature``, ``lapse``, ...),
        ``sample_stats``, ``constant_data``; the file written by :meth:`save` holds the same.
    """

    tree: "xr.DataTree"

    @classmethod
    def load(cls, path: Path) -> "Posterior":
        """Read ``posterior.nc``.

        Raises
        ------
        TwoalikeError
            If the file is missing, truncated, or no posterior of ours.
        """
        return cls(read_tree(path))

    def save(self, path: Path) -> None:
        """Write ``posterior.nc``, all or nothing; plain ``arviz.from_netcdf`` reads it."""
        write_tree(path, self.tree)

    @property
    def ids(self) -> tuple[str, ...]:
        """Object ids, in the order of the embedding's rows."""
        return tuple(map(str, self.tree["posterior"].dataset["object"].values))

    @property
    def participants(self) -> tuple[str, ...]:
        """Participants, in the order of ``temperature`` and ``lapse``."""
        return tuple(map(str, self.tree["posterior"].dataset["participant"].values))

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Model, engine, convergence and provenance."""
        return tree_attrs(self.tree)

    def _draws(self, name: str) -> npt.NDArray[Any]:
        values = self.tree["posterior"].dataset[name].values  # chain x draw x ...
        return np.asarray(values.reshape(-1, *values.shape[2:]))

    @cached_property
    def embedding(self) -> npt.NDArray[np.float32]:
        """All draws of all chains, shape (S, m, D), float32."""
        return self._draws("embedding").astype(np.float32)

    @property
    def temperature(self) -> npt.NDArray[np.float64]:
        """Temperature of each participant, shape (S, P); their geometric mean is 1."""
        return self._draws("temperature").astype(np.float64)

    @property
    def lapse(self) -> npt.NDArray[np.float64]:
        """Lapse rate of each participant, shape (S, P)."""
        return self._draws("lapse").astype(np.float64)

    @property
    def typical_lapse(self) -> npt.NDArray[np.float64]:
        """Mean lapse rate of the participants, shape (S,).

        The mean and not the median person: mixing over people whose lapses differ is, as far
        as guesses go, guessing at the mean rate.
        """
        return np.asarray(self.lapse.mean(axis=1))

    def similarity(self) -> npt.NDArray[np.float64]:
        """Mean over draws of X Xᵀ, shape (m, m)."""
        x = self.embedding
        total = np.zeros((x.shape[1], x.shape[1]))
        for draw in x:
            total += draw @ draw.T
        return total / len(x)

    def choice_probabilities(
        self,
        triplets: npt.NDArray[np.integer],
        mode: Literal["predictive", "plugin"] = "predictive",
        *,
        lapse: bool = False,
        participants: npt.NDArray[np.integer] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Probability that item 1, 2, 3 of each triplet is called the odd one.

        Parameters
        ----------
        triplets
            Object indices, shape (n, 3).
        mode
            ``predictive`` averages choice probabilities over the draws; ``plugin`` takes those
            of the mean similarities, as an embedding without uncertainty would.
        lapse
            Whether the observer guesses now and then (at :attr:`typical_lapse`); without it
            the probabilities are those of the embedding alone, which is what a teacher wants.
        participants
            Index of the participant who judges each triplet, shape (n,): their own lapse and
            temperature are used. None: a typical observer, temperature 1.

        Returns
        -------
        Shape (n, 3), rows sum to one.
        """
        triplets = np.asarray(triplets)
        if mode == "plugin":
            matrices: Any = [self.similarity()]
            lapses = self.lapse.mean(axis=0, keepdims=True)
            temperatures = np.exp(np.log(self.temperature).mean(axis=0, keepdims=True))
        else:
            matrices, lapses, temperatures = self.embedding, self.lapse, self.temperature
        total = np.zeros((len(triplets), 3))
        for draw, values in enumerate(matrices):
            similarities = values if mode == "plugin" else _similarities(values, triplets)
            for start in range(0, len(triplets), ROWS):
                rows = slice(start, start + ROWS)
                judges = None if participants is None else participants[rows]
                rate, temperature = _observer(lapses[draw], temperatures[draw], judges, lapse)
                pairs = _pairs(similarities, values, triplets[rows])
                logs = log_choice(pairs, temperature, rate)
                total[rows] += np.stack([np.exp(log) for log in logs], axis=1)
        return total / total.sum(axis=1, keepdims=True)

    def choice_draws(
        self, triplets: npt.NDArray[np.integer], *, lapse: bool = True
    ) -> npt.NDArray[np.float32]:
        """Probability that item 1, 2, 3 of each triplet is called the odd one, under each draw.

        What :func:`twoalike.design.adaptive_triplets` chooses by: how far draws disagree.

        Parameters
        ----------
        triplets
            Object indices, shape (n, 3).
        lapse
            As in :meth:`choice_probabilities`; an observer who guesses tells less.

        Returns
        -------
        Shape (S, n, 3), for a typical observer.
        """
        triplets = np.asarray(triplets)
        lapses, temperatures = self.lapse, self.temperature
        out = np.empty((len(self.embedding), len(triplets), 3), dtype=np.float32)
        for draw, x in enumerate(self.embedding):
            rate, temperature = _observer(lapses[draw], temperatures[draw], None, lapse)
            pairs = _pairs(_similarities(x, triplets), x, triplets)
            out[draw] = np.exp(np.stack(log_choice(pairs, temperature, rate), axis=1))
        return out


def _similarities(
    x: npt.NDArray[np.float32], triplets: npt.NDArray[np.integer]
) -> npt.NDArray[np.float32] | None:
    """Similarity matrix of one draw, where it is cheaper than the dot products of the pairs.

    A matrix product does its multiplications some 30 times faster than gathered rows do.
    """
    return x @ x.T if len(x) ** 2 < 90 * len(triplets) else None


def _pairs(matrix: Any, x: npt.NDArray[Any], triplets: npt.NDArray[np.integer]) -> Any:
    if matrix is not None:
        return pair_similarities(matrix, triplets)
    first, second, third = (x[triplets[:, item]] for item in range(3))
    return (
        np.einsum("nd,nd->n", first, second),
        np.einsum("nd,nd->n", first, third),
        np.einsum("nd,nd->n", second, third),
    )


def _observer(
    lapse: npt.NDArray[np.float64],
    temperature: npt.NDArray[np.float64],
    judges: npt.NDArray[np.integer] | None,
    guessing: bool,
) -> tuple[Any, Any]:
    """Lapse (None without guessing) and temperature of whoever judges."""
    if judges is None:
        rate, noise = np.float32(lapse.mean()), np.float32(1.0)
    else:
        rate, noise = lapse[judges].astype(np.float32), temperature[judges].astype(np.float32)
    return (rate if guessing else None), noise
