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

from twoalike.choice import anchored_log_choice, log_choice
from twoalike.embedding._netcdf import read_tree, tree_attrs, write_tree
from twoalike.embedding._similarity import ROWS, Kernel, find_kernel

if TYPE_CHECKING:
    import xarray as xr


TIED = 1e-6
"""Predicted probabilities closer than this are tied: they are averages of single precision."""

type Kind = Literal["odd_one_out", "anchored"]


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

    @property
    def kernel(self) -> Kernel:
        """What turns coordinates into similarities: everything here asks it."""
        return find_kernel(str(self.attrs.get("similarity", "dot")))

    def pair_similarity(
        self, left: npt.NDArray[np.floating[Any]], right: npt.NDArray[np.floating[Any]]
    ) -> npt.NDArray[np.floating[Any]]:
        """Similarity of every row with every row under one draw: (a, D), (b, D) -> (a, b)."""
        return self.kernel.matrix(left, right)

    def similarity(self) -> npt.NDArray[np.float64]:
        """Mean over draws of the objects' similarities, shape (m, m)."""
        x = self.embedding
        total = np.zeros((x.shape[1], x.shape[1]))
        for draw in x:
            total += self.pair_similarity(draw, draw)
        return total / len(x)

    def choice_probabilities(
        self,
        triplets: npt.NDArray[np.integer],
        mode: Literal["predictive", "plugin"] = "predictive",
        *,
        lapse: bool = False,
        participants: npt.NDArray[np.integer] | None = None,
        kind: Kind = "odd_one_out",
    ) -> npt.NDArray[np.float64]:
        """Probability that item 1, 2, 3 of each triplet is chosen: called the odd one.

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
            temperature are used; -1: a typical observer, at temperature 1. None: all typical.
        kind
            ``anchored``: item 1 is the reference, and chosen is the more similar of the others.

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
        kernel = self.kernel
        total = np.zeros((len(triplets), 3))
        for draw, values in enumerate(matrices):
            whole = values if mode == "plugin" else kernel.whole(values, len(triplets))
            for start in range(0, len(triplets), ROWS):
                rows = slice(start, start + ROWS)
                judges = None if participants is None else participants[rows]
                rate, temperature = _observer(lapses[draw], temperatures[draw], judges, lapse)
                pairs = kernel.triplets(values, triplets[rows], whole)
                total[rows] += _answers(pairs, temperature, rate, kind)
        return total / total.sum(axis=1, keepdims=True)

    def choice_draws(
        self,
        triplets: npt.NDArray[np.integer],
        *,
        lapse: bool = True,
        participants: npt.NDArray[np.integer] | None = None,
        kind: Kind = "odd_one_out",
    ) -> npt.NDArray[np.float32]:
        """Probability that item 1, 2, 3 of each triplet is chosen, under each draw.

        What :func:`twoalike.design.adaptive_triplets` chooses by: how far draws disagree. What
        :func:`twoalike.embedding.choice_intervals` takes quantiles of, block by block.

        Parameters
        ----------
        triplets
            Object indices, shape (n, 3).
        lapse
            As in :meth:`choice_probabilities`; an observer who guesses tells less.
        participants, kind
            As in :meth:`choice_probabilities`.

        Returns
        -------
        Shape (S, n, 3).
        """
        triplets, kernel = np.asarray(triplets), self.kernel
        lapses, temperatures = self.lapse, self.temperature
        out = np.empty((len(self.embedding), len(triplets), 3), dtype=np.float32)
        for draw, x in enumerate(self.embedding):
            rate, temperature = _observer(lapses[draw], temperatures[draw], participants, lapse)
            pairs = kernel.triplets(x, triplets, kernel.whole(x, len(triplets)))
            out[draw] = _answers(pairs, temperature, rate, kind)
        return out


def _answers(pairs: Any, temperature: Any, rate: Any, kind: Kind) -> npt.NDArray[Any]:
    """Probability of each of the three answers, shape (n, 3)."""
    if kind == "odd_one_out":
        return np.exp(np.stack(log_choice(pairs, temperature, rate), axis=1))
    near = np.exp(np.stack(anchored_log_choice(pairs[:2], temperature, rate), axis=1))
    return np.concatenate([np.zeros_like(near[:, :1]), near], axis=1)


def _observer(
    lapse: npt.NDArray[np.float64],
    temperature: npt.NDArray[np.float64],
    judges: npt.NDArray[np.integer] | None,
    guessing: bool,
) -> tuple[Any, Any]:
    """Lapse (None without guessing) and temperature of whoever judges."""
    rate: Any = np.float32(lapse.mean())
    noise: Any = np.float32(1.0)
    if judges is not None:
        known = judges >= 0
        rate = np.where(known, lapse[judges], rate).astype(np.float32)
        noise = np.where(known, temperature[judges], noise).astype(np.float32)
    return (rate if guessing else None), noise
