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

from twoalike.choice import entropy
from twoalike.evaluation import (
    Candidate,
    Count,
    Judgments,
    Measured,
    ShareEstimate,
    TwoWayBootstrap,
    first_of,
    group_numbers,
    triplet_numbers,
    triplet_similarities,
)
from twoalike.study import Floats, Integers

FEWEST, MOST, DRAWN = 4, 5, 4
"""Responses a triplet needs, responses left out in turn at most, and responses drawn."""
_SCORING = f"as published: majority of {DRAWN} votes, of tied ones any counts as right"


@dataclass(frozen=True)
class Votes:
    """Votes on m different triplets, from n judgments."""

    triplets: Integers
    """Objects of each triplet as :func:`~twoalike.evaluation.triplet_numbers` orders them, shape
    (m, 3)."""
    counts: Integers
    """Votes for each object of the triplet, shape (m, 3)."""
    triplet: Integers
    """Triplet of each vote, 0..m-1, in the order of the judgments, shape (n,)."""
    item: Integers
    """Object voted for, its place 0..2 in the row of ``triplets``, shape (n,)."""
    participants: Integers
    """Who voted, shape (n,)."""
    options: int = 3
    """Number of answers to choose from; with 2 the first object is a reference without votes."""

    def __len__(self) -> int:
        """Return the number of triplets."""
        return len(self.triplets)

    @property
    def n_votes(self) -> Integers:
        """Votes on each triplet, shape (m,)."""
        return np.asarray(self.counts.sum(axis=1))


def votes(
    triplets: Integers,
    chosen: Integers,
    participants: Integers | None = None,
    *,
    numbers: tuple[Integers, Integers] | None = None,
    options: int = 3,
) -> Votes:
    """Gather judgments by triplet, whatever the order in which its objects were shown.

    Parameters
    ----------
    triplets
        Objects shown, shape (n, 3).
    chosen
        Place of the odd one in 0..2, shape (n,).
    participants
        Who judged, 0..P-1, shape (n,). Of several answers of one person to one triplet only the
        first is a vote, since people agree with themselves more than with others. None where
        that is not known: every judgment is a vote.
    numbers
        Result of :func:`~twoalike.evaluation.triplet_numbers`, where it is known.
    options
        Number of answers to choose from.

    Examples
    --------
    >>> table = votes(np.array([[5, 2, 9], [9, 5, 2], [2, 5, 9]]), np.array([0, 1, 0]))
    >>> table.triplets, table.counts
    (array([[2, 5, 9]]), array([[1, 2, 0]]))
    """
    shown = np.asarray(triplets, dtype=np.int64)
    unique, triplet = numbers or triplet_numbers(shown)
    odd = shown[np.arange(len(shown)), chosen]
    person = np.arange(len(shown))
    if participants is not None:
        once = np.sort(first_of(group_numbers(triplet, participants)))
        triplet, odd = triplet[once], odd[once]
        person = np.asarray(participants, dtype=np.int64)[once]
    first = 3 - options  # of the objects in ascending order
    item = first + (unique[triplet, first:] < odd[:, None]).sum(axis=1)
    counts = np.bincount(3 * triplet + item, minlength=3 * len(unique)).reshape(-1, 3)
    return Votes(unique, counts.astype(np.int64), triplet, item, person, options)


def votes_of(judged: Judgments) -> Votes:
    """Gather judgments by triplet (:func:`votes`); all are votes if participants are unknown."""
    people = judged.participants if judged.known_people else None
    numbers, options = judged.numbers, judged.options
    return votes(judged.triplets, judged.chosen, people, numbers=numbers, options=options)


def count_types(counts: Integers) -> tuple[Integers, Integers]:
    """Sort the counts of each triplet, and find the different ones.

    The order of objects in a row means nothing, so that measures of agreement depend on the
    sorted counts alone; of those there are few, and each has to be worked out once.

    Parameters
    ----------
    counts
        Votes for each object, shape (m, 3).

    Returns
    -------
    Different counts, each in descending order, shape (u, 3); the row of each triplet, shape (m,).

    Examples
    --------
    >>> count_types(np.array([[0, 3, 2], [2, 0, 3], [5, 0, 0]]))
    (array([[3, 2, 0],
           [5, 0, 0]]), array([0, 0, 1]))
    """
    rows = -np.sort(-np.asarray(counts, dtype=np.int64), axis=1)
    base = int(rows.max(initial=0)) + 1
    code = (rows[:, 0] * base + rows[:, 1]) * base + rows[:, 2]
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    return rows[first], number.astype(np.int64)


def largest_share(counts: Integers) -> Floats:
    """Share of the votes that the most chosen object has, shape (m,); NaN without votes."""
    n = counts.sum(axis=1)
    return np.where(n > 0, counts.max(axis=1) / np.maximum(n, 1), np.nan)


def plug_in_entropy(counts: Integers) -> Floats:
    """Entropy of the shares of the votes in nats, shape (m,); too low by chance, NaN without votes.

    Examples
    --------
    >>> plug_in_entropy(np.array([[2, 2, 0], [4, 0, 0]])).round(3)
    array([0.693, 0.   ])
    """
    n = counts.sum(axis=1)
    shares = counts / np.maximum(n, 1)[:, None]
    return np.where(n > 0, entropy(shares), np.nan)


def miller_madow(counts: Integers) -> Floats:
    """Plug-in entropy plus (objects chosen - 1) / (2 votes), in nats, shape (m,).

    The first-order correction of its bias (Miller 1955); with a handful of votes much is left.
    """
    n = counts.sum(axis=1)
    extra = ((counts > 0).sum(axis=1) - 1) / (2 * np.maximum(n, 1))
    return np.asarray(plug_in_entropy(counts) + extra)


def pair_agreement(counts: Integers) -> Floats:
    """Share of the pairs of votes on a triplet that agree, shape (m,); NaN with one vote or none.

    Examples
    --------
    >>> pair_agreement(np.array([[2, 1, 0], [1, 0, 0]])).round(3)
    array([0.333,   nan])
    """
    n = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    return np.where(n > 1, agreeing / np.maximum(n * (n - 1), 1), np.nan)


def leave_one_out(counts: Integers) -> Floats:
    """Share of the votes that agree with the majority of the others, shape (m,).

    Of k tied answers each counts 1/k; NaN with fewer than two votes.

    Examples
    --------
    >>> leave_one_out(np.array([[3, 1, 0]]))  # three agree, the fourth does not
    array([0.75])
    """
    n = counts.sum(axis=1)
    total = np.zeros(len(counts))
    for item in range(3):
        others = counts - np.eye(3, dtype=np.int64)[item]
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
    return over_draws(counts, DRAWN, plug_in_entropy(all_counts(DRAWN)))


def majority_scores(probabilities: npt.ArrayLike, votes: Votes, drawn: int = DRAWN) -> Floats:
    """How often a model names an answer of the majority of some votes drawn; of tied ones, any.

    Parameters
    ----------
    probabilities
        Of the objects of each triplet in the order of ``votes.triplets``, or any increasing
        function of them, shape (m, 3). Of answers tied for the model each counts its share.
    votes
        Votes on m triplets; those with fewer than ``drawn`` are dropped.

    Returns
    -------
    Scores in [0, 1], NaN where a triplet is dropped, shape (m,).

    Examples
    --------
    >>> table = votes(np.tile([0, 1, 2], (4, 1)), np.array([0, 0, 1, 1]))
    >>> majority_scores([[0.5, 0.3, 0.2]], table), majority_scores([[0.2, 0.2, 0.6]], table)
    (array([1.]), array([0.]))
    """
    outcomes = all_counts(drawn)
    top = (outcomes == outcomes.max(axis=1, keepdims=True)).astype(np.float64)
    types, of = count_types(votes.counts)
    places = np.argsort(-votes.counts, axis=1, kind="stable")
    majority = np.empty(places.shape)
    np.put_along_axis(majority, places, over_draws(types, drawn, top)[of], axis=1)
    values = np.asarray(probabilities, dtype=np.float64)
    named = values >= values.max(axis=1, keepdims=True) - 1e-9
    return np.asarray((named * majority).sum(axis=1) / named.sum(axis=1))


def candidate_majority_scores(candidate: Candidate, judged: Judgments, votes: Votes) -> Floats:
    """:func:`majority_scores` of a network, of the votes of these judgments (:func:`votes_of`)."""
    values = candidate.features.select(judged.ids, candidate.name)
    alike = judged.only_options(triplet_similarities(values, votes.triplets, candidate.similarity))
    # The odd one of a pair is the object outside it: pairs are in the reverse order of objects.
    return majority_scores(alike[:, ::-1], votes)


class MajorityAgreement(Measured):
    """Agreement of a network with majorities as published."""

    n_of = "triplets"

    triplets: Count
    """Triplets with enough votes."""
    accuracy: ShareEstimate | None
    """Mean score, with an interval over triplets and objects; null without triplets."""
    scoring: str
    """Rule by which majorities were scored."""


def majority_agreement(scores: Floats, votes: Votes) -> MajorityAgreement:
    """Mean of :func:`majority_scores`, (m,), with an interval."""
    kept = ~np.isnan(scores)
    if not kept.any():
        return MajorityAgreement(triplets=0, accuracy=None, scoring=_SCORING)
    rows = votes.triplets[kept]
    boot = TwoWayBootstrap(np.zeros(len(rows), dtype=np.int64), rows)
    agreed = boot.interval(scores[kept]).within(0.0, 1.0)
    return MajorityAgreement(triplets=int(kept.sum()), accuracy=agreed, scoring=_SCORING)
