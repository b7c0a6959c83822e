"""Judgments as a posterior sees them, and the probability of every answer under one draw.

What checks a fit (predictive checks, leave-one-out, sensitivity) starts from these
probabilities. They are computed draw by draw and for a slice of the judgments at a time, so
that nothing of the size draws x judgments need stand in memory.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import anchored_log_choice, log_choice
from twoalike.judgments import object_index, participant_index
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twoalike.embedding._posterior import Posterior
    from twoalike.embedding._similarity import Kernel


@dataclass(frozen=True)
class Judged:
    """Judgments of objects and by people that a posterior knows.

    Attributes
    ----------
    items
        Object indices in the order shown, shape (n, 3).
    chosen
        Position of the chosen item, 0..2, shape (n,).
    judge
        Participant index, shape (n,).
    anchored
        Whether item 1 is a reference, shape (n,), bool.
    left_out
        Judgments by people, or of objects, that the posterior does not know.
    """

    items: npt.NDArray[np.int32]
    chosen: npt.NDArray[np.int8]
    judge: npt.NDArray[np.int32]
    anchored: npt.NDArray[np.bool_]
    left_out: int = 0

    def __len__(self) -> int:
        """Count the judgments."""
        return len(self.items)

    def take(self, rows: Any) -> "Judged":
        """Take some of the judgments: a slice, a mask or positions."""
        return Judged(self.items[rows], self.chosen[rows], self.judge[rows], self.anchored[rows])


def known_judgments(posterior: "Posterior", choices: pd.DataFrame) -> Judged:
    """Index judgments into a posterior's objects and participants.

    Parameters
    ----------
    choices
        Table of judgments, main and repeated trials (those that a fit uses).

    Raises
    ------
    TwoalikeError
        If the posterior knows none of them.
    """
    own_items, chosen, objects = object_index(choices)
    own_judge, people = participant_index(choices)
    items = pd.Index(posterior.ids).get_indexer(pd.Index(objects))[own_items]
    judge = pd.Index(posterior.participants).get_indexer(pd.Index(people))[own_judge]
    known = (items >= 0).all(axis=1) & (judge >= 0)
    if not known.any():
        raise TwoalikeError(
            f"none of the {len(choices)} judgments is by a participant and of objects of this "
            f"posterior ({len(posterior.participants)} participants, {len(posterior.ids)} "
            "objects). Give the judgments that it was fitted on."
        )
    anchored = (choices["kind"] == "anchored").to_numpy()
    return Judged(
        items[known].astype(np.int32),
        chosen[known].astype(np.int8),
        judge[known].astype(np.int32),
        np.asarray(anchored[known], dtype=bool),
        left_out=int((~known).sum()),
    )


@dataclass(frozen=True)
class Draw:
    """One draw of a posterior.

    Attributes
    ----------
    embedding
        Shape (m, D).
    temperature, lapse
        Of every participant, shape (P,).
    kernel
        What makes similarities of coordinates.
    matrix
        Similarities of all objects, where that is cheaper than those of the judged pairs.
    """

    embedding: npt.NDArray[np.float32]
    temperature: npt.NDArray[np.float64]
    lapse: npt.NDArray[np.float64]
    kernel: "Kernel"
    matrix: npt.NDArray[Any] | None = None

    def pairs(self, items: npt.NDArray[np.integer]) -> tuple[Any, Any, Any]:
        """Similarities of each triplet's pairs, in PAIRS order, shape (n,) each."""
        return self.kernel.triplets(self.embedding, items, self.matrix)


def thinned(chains: int, draws: int, most: int) -> npt.NDArray[np.int64]:
    """Positions of about ``most`` draws among all: of each chain equally many, evenly spaced."""
    each = min(draws, max(most // chains, 1))
    places = np.linspace(0, draws - 1, each).round().astype(np.int64)
    return np.asarray((np.arange(chains)[:, None] * draws + places).ravel())


def draws_of(
    posterior: "Posterior", which: npt.NDArray[np.integer], n_judgments: int
) -> "Iterator[Draw]":
    """Draws of a posterior, one after the other.

    Parameters
    ----------
    which
        Positions among all draws of all chains.
    n_judgments
        How many judgments each will be asked about: decides what is cheaper.
    """
    kernel, x = posterior.kernel, posterior.embedding
    temperature, lapse = posterior.temperature, posterior.lapse
    for place in which:
        matrix = kernel.whole(x[place], n_judgments)
        yield Draw(x[place], temperature[place], lapse[place], kernel, matrix)


def answer_probabilities(draw: Draw, judged: Judged) -> npt.NDArray[np.float64]:
    """Probability of each answer under one draw, with the judge's own temperature and lapse.

    Returns
    -------
    Shape (n, 3), rows sum to one; the reference of an anchored judgment has probability 0.
    """
    similarities = draw.pairs(judged.items)
    noise, guess = draw.temperature[judged.judge], draw.lapse[judged.judge]
    p = np.exp(np.stack(log_choice(similarities, noise, guess), axis=1))
    rows = np.flatnonzero(judged.anchored)
    if len(rows):
        first, second, _ = (values[rows] for values in similarities)
        near = anchored_log_choice((first, second), noise[rows], guess[rows])
        p[rows, 0], p[rows, 1], p[rows, 2] = 0.0, np.exp(near[0]), np.exp(near[1])
    return np.asarray(p / p.sum(axis=1, keepdims=True))
