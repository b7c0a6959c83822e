"""Judgments gathered by triplet, and the published measures of how their votes agree.

None of the published measures (Levels data) is an upper bound for a model: leaving one out compares
a person with the majority of three or four others, which is itself a noisy guess at what most
people would choose, and the largest share of a few votes is largest by chance as well. Bounds are
in :mod:`twoalike.ceilings._bounds`. The definitions (doi:10.1038/s41586-025-09631-6, analysis of
the odd-one-out data):

leave one out
    Each response against the majority of the others: 1 if it is the majority's; where the two
    largest counts tie, 1/2 if it is one of the two; where three tie, only the two that were seen
    first count as tied.
vanilla
    The largest share among four of the responses, drawn without replacement.
entropy
    Plug-in entropy, in nats, of the same four.
majority
    A model scored against the majority of four. It accepts either answer where votes tie, and so is
    higher for every model, however little it knows: compare it with published figures and with
    :func:`~twoalike.ceilings.majority_bound` only.

Triplets with fewer than four responses are dropped, of more than five five are drawn.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

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
from twoalike.study import Booleans, Floats, Integers


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

    def keep(self, kept: Booleans) -> "Votes":
        """Only some of the votes, shape (n,); all triplets stay, some perhaps without a vote."""
        triplet, item = self.triplet[kept], self.item[kept]
        counts = count_votes(triplet, item, len(self))
        return replace(
            self, counts=counts, triplet=triplet, item=item, participants=self.participants[kept]
        )


def count_votes(triplet: Integers, item: Integers, m: int) -> Integers:
    """Votes for each object of m triplets, shape (m, 3)."""
    return np.bincount(3 * triplet + item, minlength=3 * m).reshape(m, 3).astype(np.int64)


def votes(triplets: Integers, chosen: Integers, participants: Integers | None = None) -> Votes:
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

    Examples
    --------
    >>> table = votes(np.array([[5, 2, 9], [9, 5, 2], [2, 5, 9]]), np.array([0, 1, 0]))
    >>> table.triplets, table.counts
    (array([[2, 5, 9]]), array([[1, 2, 0]]))
    """
    shown = np.asarray(triplets, dtype=np.int64)
    return _gathered(triplet_numbers(shown), shown, chosen, participants, 3)


def votes_of(judged: Judgments) -> Votes:
    """Gather judgments by triplet (:func:`votes`); all are votes if participants are unknown."""
    people = judged.participants if judged.known_people else None
    return _gathered(judged.numbers, judged.triplets, judged.chosen, people, judged.options)


def _gathered(
    numbers: tuple[Integers, Integers],
    shown: Integers,
    chosen: Integers,
    participants: Integers | None,
    options: int,
) -> Votes:
    unique, triplet = numbers
    odd = shown[np.arange(len(shown)), chosen]
    person = np.arange(len(shown))
    if participants is not None:
        once = np.sort(first_of(group_numbers(triplet, participants)))
        triplet, odd = triplet[once], odd[once]
        person = np.asarray(participants, dtype=np.int64)[once]
    first = 3 - options  # of the objects in ascending order
    item = first + (unique[triplet, first:] < odd[:, None]).sum(axis=1)
    counts = count_votes(triplet, item, len(unique))
    return Votes(unique, counts, triplet, item, person, options)


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


FEWEST, MOST, DRAWN = 4, 5, 4
"""Responses a triplet needs, responses kept at most, and responses drawn for vanilla."""
_SCORING = f"as published: majority of {DRAWN} votes, of tied ones any counts as right"


@dataclass(frozen=True)
class Published:
    """Agreement on each triplet by the published definitions; NaN where it was dropped."""

    leave_one_out: Floats
    vanilla: Floats
    entropy: Floats
    """``leave_one_out``, ``vanilla``, ``entropy``: Shape (m,) each."""


def draw_votes(votes: Votes, most: int, rng: np.random.Generator) -> Votes:
    """Keep ``most`` votes of each triplet, drawn without replacement; fewer where there are."""
    if len(votes) == 0 or votes.n_votes.max() <= most:
        return votes
    order = np.lexsort((rng.random(len(votes.triplet)), votes.triplet))
    starts = np.cumsum(votes.n_votes) - votes.n_votes
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - starts[votes.triplet[order]]
    return votes.keep(rank < most)


def _seen_first(votes: Votes) -> tuple[Integers, Integers]:
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


def largest_share(counts: Integers) -> Floats:
    """Share of the votes that the most chosen object has, shape (m,); NaN without votes.

    Examples
    --------
    >>> largest_share(np.array([[3, 1, 0], [0, 0, 0]]))
    array([0.75,  nan])
    """
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


def majority_scores(
    probabilities: npt.ArrayLike,
    votes: Votes,
    rng: np.random.Generator,
    *,
    fewest: int = FEWEST,
) -> Floats:
    """Whether a model names the majority's answer to each triplet; of tied votes, any.

    Of triplets with more than five votes five are drawn, and four of these make the majority. Where the model's own answers tie, it scores the share of them that are right.

    Parameters
    ----------
    probabilities
        Of the objects of each triplet in the order of ``votes.triplets``, or any increasing
        function of them, shape (m, 3).
    votes
        Votes on m triplets.
    fewest
        Triplets with fewer votes are dropped.

    Returns
    -------
    Scores in [0, 1], NaN where a triplet is dropped, shape (m,).

    Examples
    --------
    >>> from twoalike.ceilings import votes
    >>> table = votes(np.tile([0, 1, 2], (4, 1)), np.array([0, 0, 1, 1]))
    >>> rng = np.random.default_rng(0)
    >>> majority_scores([[0.5, 0.3, 0.2]], table, rng), majority_scores([[0.2, 0.2, 0.6]], table, rng)
    (array([1.]), array([0.]))
    """  # noqa: E501
    shown = draw_votes(draw_votes(votes, MOST, rng), DRAWN, rng)
    majority = shown.counts == shown.counts.max(axis=1, keepdims=True)
    values = np.asarray(probabilities, dtype=np.float64)
    named = values >= values.max(axis=1, keepdims=True) - 1e-9
    scores = (named & majority).sum(axis=1) / named.sum(axis=1)
    return np.where(votes.n_votes < fewest, np.nan, scores)


def candidate_majority_scores(
    candidate: Candidate, judged: Judgments, votes: Votes, rng: np.random.Generator
) -> Floats:
    """Whether a network names the majority's answer to each triplet, as :func:`majority_scores`.

    Parameters
    ----------
    candidate
        The network, with features of all judged objects.
    judged
        Choices of one kind.
    votes
        The same by triplet (:func:`votes_of`).
    rng
        Of the votes drawn; equal generators give networks the same majorities.

    Returns
    -------
    Shape (m,).
    """
    values = candidate.features.select(judged.ids, candidate.name)
    alike = judged.only_options(triplet_similarities(values, votes.triplets, candidate.similarity))
    # The odd one of a pair is the object outside it: pairs are in the reverse order of objects.
    return majority_scores(alike[:, ::-1], votes, rng)


class MajorityAgreement(Measured):
    """Agreement of a network with majorities as published."""

    n_of = "triplets"
    triplets: Count
    """Triplets with enough votes."""
    accuracy: ShareEstimate | None
    """Mean score, with an interval over triplets and objects; null without triplets."""
    scoring: str
    """Rule by which majorities were scored."""


def majority_agreement(
    scores: Floats, votes: Votes, rng: np.random.Generator, *, resamples: int = 1000
) -> MajorityAgreement:
    """Mean of :func:`majority_scores` with an interval.

    Parameters
    ----------
    scores
        NaN where a triplet was dropped, shape (m,).
    votes
        Votes on the m triplets.
    """
    kept = ~np.isnan(scores)
    if not kept.any():
        return MajorityAgreement(triplets=0, accuracy=None, scoring=_SCORING)
    rows = votes.triplets[kept]
    boot = TwoWayBootstrap(np.zeros(len(rows), dtype=np.int64), rows, rng, resamples=resamples)
    agreed = boot.interval(scores[kept]).within(0.0, 1.0)
    return MajorityAgreement(triplets=int(kept.sum()), accuracy=agreed, scoring=_SCORING)
