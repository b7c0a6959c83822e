"""Judgments gathered by triplet, and measures of how their votes agree.

None of the published measures (Levels data, doi:10.1038/s41586-025-09631-6, analysis of the
odd-one-out data) is an upper bound for a model: leaving one out compares a person with the majority
of three or four others, which is itself a noisy guess at what most people would choose, and the
largest share of a few votes is largest by chance as well. Bounds are in
:mod:`twoalike.ceilings._bounds`. The published definitions draw votes, and some go by their order;
here each is its mean over all draws and orders:

leave one out
    Each of five responses against the majority of the others; of k tied answers each counts 1/k.
vanilla
    The largest share among four of the responses, drawn without replacement.
entropy
    Plug-in entropy, in nats, of the same four.
majority
    A model scored against the majority of four. It accepts either answer where votes tie, and so is
    higher for every model, however little it knows: compare it with published figures and with
    :func:`~twoalike.ceilings.majority_bound` only.

Triplets with fewer than four responses are dropped.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import binom

from twoalike.choice import entropy, log_set_choice
from twoalike.evaluation import (
    Candidate,
    Figures,
    Judgments,
    TwoWayBootstrap,
    candidate_similarities,
    first_of,
    group_numbers,
)
from twoalike.study import Floats, Integers

FEWEST, MOST, DRAWN = 4, 5, 4
"""Responses a triplet needs, responses left out in turn at most, and responses drawn."""


@dataclass(frozen=True)
class Votes:
    """Votes on m different sets of items; of several answers of a person on a set the first."""

    sets: Integers
    """Objects of each set, ascending, a reference first, shape (m, k)."""
    counts: Integers
    """Votes for each answer to the question about it, shape (m, A)."""
    set: Integers
    """Set of each vote, 0..m-1, in the order of the judgments, shape (n,)."""
    answer: Integers
    """Answer voted for, shape (n,)."""
    participants: Integers
    """Who voted, shape (n,)."""

    def __len__(self) -> int:
        """Return the number of sets."""
        return len(self.sets)

    @property
    def n_votes(self) -> Integers:
        """Votes on each set, shape (m,)."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def options(self) -> int:
        """Number of answers."""
        return int(self.counts.shape[1])


def votes_of(judged: Judgments) -> Votes:
    """Gather judgments by the set that they are about, whatever the order it was shown in.

    Since people agree with themselves more than with others, only the first of several answers of
    a person to a set is a vote; where people are not known, every judgment is.

    Examples
    --------
    >>> shown = np.array([[5, 2, 9], [9, 5, 2], [2, 5, 9]])
    >>> table = votes_of(Judgments(shown, np.array([0, 1, 0]), np.arange(3), ("",) * 10))
    >>> table.sets, table.counts
    (array([[2, 5, 9]]), array([[1, 2, 0]]))
    """
    number, answer, m, a = judged.number, judged.given, len(judged.sets), judged.options
    person: Integers = np.arange(len(number))
    if judged.known_people:
        once = np.sort(first_of(group_numbers(number, judged.participants)))
        number, answer, person = number[once], answer[once], judged.participants[once]
    counts = np.bincount(a * number + answer, minlength=a * m).reshape(m, a).astype(np.int64)
    return Votes(judged.sets, counts, number, answer, person)


def count_types(counts: Integers) -> tuple[Integers, Integers]:
    """Sort the counts of each triplet, (m, A) of two or three answers, and find the different ones.

    The order of answers means nothing, so that measures of agreement depend on the sorted counts
    alone; of those there are few, and each has to be worked out once. Returns the different ones in
    descending order, of two answers with a 0 behind, (u, 3), and the row of each triplet, (m,).

    Examples
    --------
    >>> count_types(np.array([[0, 3, 2], [2, 0, 3], [5, 0, 0]]))
    (array([[3, 2, 0],
           [5, 0, 0]]), array([0, 0, 1]))
    """
    rows = np.zeros((len(counts), 3), dtype=np.int64)
    rows[:, : counts.shape[1]] = -np.sort(-counts, axis=1)
    base = int(rows.max(initial=0)) + 1
    code = (rows[:, 0] * base + rows[:, 1]) * base + rows[:, 2]
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    return rows[first], number.astype(np.int64)


def largest_share(counts: Integers) -> Floats:
    """Share of the votes that the most chosen object has, shape (m,); NaN without votes."""
    n = counts.sum(axis=1)
    return np.where(n > 0, counts.max(axis=1) / np.maximum(n, 1), np.nan)


def plug_in_entropy(counts: Integers) -> Floats:
    """Entropy of the shares of the votes in nats, (m,); too low by chance, NaN without votes."""
    n = counts.sum(axis=1)
    shares = counts / np.maximum(n, 1)[:, None]
    return np.where(n > 0, entropy(shares), np.nan)


def pair_agreement(counts: Integers) -> Floats:
    """Share of the pairs of votes on a triplet that agree, (m,); NaN with one vote or none."""
    n = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    return np.where(n > 1, agreeing / np.maximum(n * (n - 1), 1), np.nan)


def leave_one_out(counts: Integers) -> Floats:
    """Share of the votes that agree with the majority of the others, shape (m,).

    Of k tied answers each counts 1/k; NaN with fewer than two votes.
    """
    n = counts.sum(axis=1)
    total = np.zeros(len(counts))
    for item, own in enumerate(np.eye(counts.shape[1], dtype=np.int64)):
        others = counts - own
        top = others == others.max(axis=1, keepdims=True)
        total += counts[:, item] * top[:, item] / top.sum(axis=1)
    return np.where(n > 1, total / np.maximum(n, 1), np.nan)


def all_counts(n: int) -> Integers:
    """Every way in which n votes can fall on three objects, shape ((n + 1)(n + 2) / 2, 3)."""
    first, second = np.divmod(np.arange((n + 1) ** 2), n + 1)
    fits = first + second <= n
    return np.stack([first, second, n - first - second], axis=1)[fits].astype(np.int64)


def over_draws(counts: Integers, drawn: int, values: Floats) -> Floats:
    """Mean of a function of the counts over all draws of some of the votes, shape (u,) or (u, f).

    ``values`` holds it at each row of :func:`all_counts` of ``drawn``; fewer votes give NaN.
    """
    n, outcomes = counts.sum(axis=1), all_counts(drawn)
    ways = np.prod([binom(counts[:, [k]], outcomes[:, k]) for k in range(3)], axis=0)
    all_ways = np.where(n >= drawn, binom(n, drawn), np.nan)
    return np.asarray(((ways @ values).T / all_ways).T)


def drawn_entropy(counts: Integers) -> Floats:
    """Plug-in entropy of four votes drawn from each triplet's, as published, shape (m,)."""
    types, of = count_types(counts)
    return over_draws(types, DRAWN, plug_in_entropy(all_counts(DRAWN)))[of]


def majority_scores(probabilities: npt.ArrayLike, votes: Votes, drawn: int = DRAWN) -> Floats:
    """How often a model names an answer of the majority of some votes drawn; of tied ones, any.

    ``probabilities`` are those of the answers to each of ``votes.sets``, or any increasing function
    of them, (m, A); of answers tied for the model each counts its share. Scores are in [0, 1], NaN
    where there are fewer votes than ``drawn``, shape (m,).
    """
    outcomes = all_counts(drawn)
    top = (outcomes == outcomes.max(axis=1, keepdims=True)).astype(np.float64)
    types, of = count_types(votes.counts)
    places = np.argsort(-votes.counts, axis=1, kind="stable")
    majority = np.empty(places.shape)
    drawn_top = over_draws(types, drawn, top)[of, : votes.options]
    np.put_along_axis(majority, places, drawn_top, axis=1)
    values = np.asarray(probabilities, dtype=np.float64)
    named = values >= values.max(axis=1, keepdims=True) - 1e-9
    return np.asarray((named * majority).sum(axis=1) / named.sum(axis=1))


def candidate_majority_scores(candidate: Candidate, judged: Judgments, votes: Votes) -> Floats:
    """:func:`majority_scores` of a network, of the votes of these judgments (:func:`votes_of`)."""
    similarities = candidate_similarities(candidate, judged, votes.sets)
    scale = np.abs(similarities).max(initial=0.0) or 1.0
    return majority_scores(log_set_choice(similarities / scale, judged.question), votes)


def majority_agreement(scores: Floats, votes: Votes) -> Figures:
    """Mean of :func:`majority_scores`, (m,), with an interval over triplets and objects."""
    kept = ~np.isnan(scores)
    if not kept.any():
        return Figures(n=0)
    rows = votes.sets[kept]
    boot = TwoWayBootstrap(np.zeros(len(rows), dtype=np.int64), rows)
    return Figures(n=int(kept.sum()), accuracy=boot.interval(scores[kept]).within(0.0, 1.0))
