"""Agreement of people as published for the Levels data, to compare with their numbers.

None of these is an upper bound for a model: leaving one out compares a person with the majority
of three or four others, which is itself a noisy guess at what most people would say, and the
largest share of a few votes is largest by chance as well. Bounds are in
:mod:`twoalike.ceilings._bounds`.

The definitions (doi:10.1038/s41586-025-09631-6, analysis of the odd-one-out data):

leave one out
    Each response against the majority of the others: 1 if it is the majority's; where the two
    largest counts tie, 1/2 if it is one of the two; where three tie, only the two that were seen
    first count as tied.
vanilla
    The largest share among four of the responses, drawn without replacement.
entropy
    Plug-in entropy, in nats, of the same four.

Triplets with fewer than four responses are dropped, of more than five five are drawn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.ceilings._votes import Votes
from twoalike.choice import entropy

type Floats = npt.NDArray[np.float64]

FEWEST, MOST, DRAWN = 4, 5, 4
"""Responses a triplet needs, responses kept at most, and responses drawn for vanilla."""


@dataclass(frozen=True)
class Published:
    """Agreement on each triplet by the published definitions; NaN where it was dropped.

    Attributes
    ----------
    leave_one_out, vanilla, entropy
        Shape (m,) each.
    """

    leave_one_out: Floats
    vanilla: Floats
    entropy: Floats


def draw_votes(votes: Votes, most: int, rng: np.random.Generator) -> Votes:
    """Keep ``most`` votes of each triplet, drawn without replacement; fewer where there are."""
    if len(votes) == 0 or votes.n_votes.max() <= most:
        return votes
    order = np.lexsort((rng.random(len(votes.triplet)), votes.triplet))
    starts = np.cumsum(votes.n_votes) - votes.n_votes
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - starts[votes.triplet[order]]
    return votes.keep(rank < most)


def _seen_first(votes: Votes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """When each object of each triplet got its first vote and its second, shape (m, 3) each."""
    n, cells = len(votes.triplet), 3 * len(votes)
    cell = 3 * votes.triplet + votes.item
    order = np.argsort(cell, kind="stable")
    counts = votes.counts.ravel()
    starts = np.cumsum(counts) - counts
    times = []
    for turn in (0, 1):
        time = np.full(cells, n)  # never: after all votes
        time[counts > turn] = order[starts[counts > turn] + turn]
        times.append(time.reshape(-1, 3))
    return times[0], times[1]


def leave_one_out(votes: Votes) -> Floats:
    """Share of each triplet's votes that agree with the majority of its other votes.

    By the published rules for ties, on all votes given; NaN with fewer than two.

    Examples
    --------
    >>> from twoalike.ceilings import votes
    >>> triplets = np.tile([0, 1, 2], (4, 1))
    >>> leave_one_out(votes(triplets, np.array([0, 0, 0, 1])))  # three agree, the fourth does not
    array([0.75])
    """
    rows, of = votes.triplet, votes.item
    every = np.arange(len(rows))
    others = votes.counts[rows]
    others[every, of] -= 1
    top = others == others.max(axis=1, keepdims=True)
    tied = top.sum(axis=1)
    score = np.where(tied == 1, 1.0, 0.5) * top[every, of]
    three = np.flatnonzero(tied == 3)
    first, second = _seen_first(votes)
    times = first[rows[three]]
    own = of[three]
    picked = np.arange(len(three))
    is_first = times[picked, own] == three
    times[picked, own] = np.where(is_first, second[rows[three], own], times[picked, own])
    score[three] = 0.5 * (times[picked, own] < times.max(axis=1))
    n = votes.n_votes
    total = np.bincount(rows, weights=score, minlength=len(votes))
    return np.where(n > 1, total / np.maximum(n, 1), np.nan)


def largest_share(counts: npt.NDArray[np.integer]) -> Floats:
    """Share of the votes that the most chosen object has, shape (m,); NaN without votes.

    Examples
    --------
    >>> largest_share(np.array([[3, 1, 0], [0, 0, 0]]))
    array([0.75,  nan])
    """
    n = counts.sum(axis=1)
    return np.where(n > 0, counts.max(axis=1) / np.maximum(n, 1), np.nan)


def plug_in_entropy(counts: npt.NDArray[np.integer]) -> Floats:
    """Entropy of the shares of the votes in nats, shape (m,); too low by chance, NaN without votes.

    Examples
    --------
    >>> plug_in_entropy(np.array([[2, 2, 0], [4, 0, 0]])).round(3)
    array([0.693, 0.   ])
    """
    n = counts.sum(axis=1)
    shares = counts / np.maximum(n, 1)[:, None]
    return np.where(n > 0, entropy(shares), np.nan)


def miller_madow(counts: npt.NDArray[np.integer]) -> Floats:
    """Plug-in entropy plus (objects chosen - 1) / (2 votes), in nats, shape (m,).

    The first-order correction of its bias (Miller 1955); with a handful of votes much is left.

    Examples
    --------
    >>> miller_madow(np.array([[2, 2, 0], [4, 0, 0]])).round(3)
    array([0.818, 0.   ])
    """
    n = counts.sum(axis=1)
    extra = ((counts > 0).sum(axis=1) - 1) / (2 * np.maximum(n, 1))
    return np.asarray(plug_in_entropy(counts) + extra)


def published_reliability(
    votes: Votes,
    rng: np.random.Generator,
    *,
    fewest: int = FEWEST,
    most: int | None = MOST,
    drawn: int | None = DRAWN,
) -> Published:
    """Leave-one-out, vanilla and entropy of each triplet.

    Parameters
    ----------
    votes
        Votes on m triplets.
    rng
        Source of the draws.
    fewest
        Triplets with fewer votes are dropped.
    most
        Votes kept of each triplet; None for all.
    drawn
        Of the votes kept, those that vanilla and entropy see; None for all.

    Examples
    --------
    >>> from twoalike.ceilings import votes
    >>> rng = np.random.default_rng(42)
    >>> table = votes(np.tile([0, 1, 2], (5, 1)), np.array([2, 2, 2, 2, 2]))
    >>> published_reliability(table, rng).vanilla
    array([1.])
    """
    kept = votes if most is None else draw_votes(votes, most, rng)
    shown = kept if drawn is None else draw_votes(kept, drawn, rng)
    dropped = votes.n_votes < fewest
    measures = (leave_one_out(kept), largest_share(shown.counts), plug_in_entropy(shown.counts))
    return Published(*(np.where(dropped, np.nan, values) for values in measures))
