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

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import binom

from twoalike.choice import entropy, log_set_choice
from twoalike.evaluation import (
    Candidate,
    Figures,
    Interval,
    Judgments,
    TwoWayBootstrap,
    candidate_similarities,
    first_of,
    group_numbers,
    jackknife_variance,
    normal_intervals,
)
from twoalike.study import Booleans, Floats, Integers

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


_GROUPS = 60
"""Groups of people that are left out in turn, where there are more people."""
_FEW_VOTES = 20_000
"""Votes below which one permutation of people says too little of their noise."""


class _LeftOut:
    """What is left of the votes on each triplet in which a group has some, without that group."""

    def __init__(self, votes: Votes, group: Integers, n_groups: int) -> None:
        code = votes.set * n_groups + group
        pair, of = np.unique(code, return_inverse=True)
        self.triplet, self.group = np.divmod(pair, n_groups)
        a = votes.options
        own = np.bincount(a * of + votes.answer, minlength=a * len(pair)).reshape(-1, a)
        self.counts = votes.counts[self.triplet] - own
        self.n_groups = n_groups


class TripletIntervals:
    """95 % intervals for means over triplets of functions of their votes.

    ``people`` tells whether participants are known; if not, they are taken to be alike. Values of a
    function are to be given at each of ``types`` (u, 3), those that occur, also when a group is
    left out; ``triplets`` (u,) counts those with votes of each type.
    """

    def __init__(self, votes: Votes, rng: np.random.Generator, *, people: bool = True) -> None:
        self._votes = votes
        self.options = votes.options
        _, person = np.unique(votes.participants, return_inverse=True)
        n_people = int(person.max()) + 1
        self._left_out: list[_LeftOut] = []
        if people and n_people > 1:
            n_groups = min(_GROUPS, n_people)
            group = (rng.permutation(n_people) % n_groups)[person]
            more = rng.spawn(7 if len(votes.set) < _FEW_VOTES else 0)
            for groups in (group, *(of.permutation(group) for of in (rng, *more))):
                self._left_out.append(_LeftOut(votes, groups, n_groups))
        together = np.concatenate([votes.counts, *(part.counts for part in self._left_out)])
        self.types, of = count_types(together)
        ends = np.cumsum([len(votes), *(len(part.counts) for part in self._left_out)])
        self._of, *self._of_left_out = np.split(of, ends[:-1])
        self.triplets = np.bincount(self._of, minlength=len(self.types))
        self._boot: tuple[bytes, TwoWayBootstrap] | None = None

    def interval(self, values: Floats, value: float | None = None) -> Interval | None:
        """Interval of the mean over triplets; None where no triplet counts.

        Parameters
        ----------
        values
            The function of the votes at each of ``types``, shape (u,); NaN where it cannot be
            taken, triplets with such votes do not count. For an estimate that is no mean: the
            influence of a triplet with such votes, with the estimate itself as ``value``.
        value
            The estimate; the mean unless given.
        """
        scores = values[self._of]
        counted = ~np.isnan(scores)
        if not counted.any():
            return None
        centre = float(scores[counted].mean()) if value is None else value
        variance = self._of_triplets(scores, counted) + self._of_people(values)
        return normal_intervals(np.array([centre]), np.array([variance]))[0]

    def _of_triplets(self, scores: Floats, counted: Booleans) -> float:
        """Variance of the mean over other triplets of other objects."""
        key = counted.tobytes()
        if self._boot is None or self._boot[0] != key:  # the last one: measures count the same
            rows = self._votes.sets[counted]
            one = np.zeros(len(rows), dtype=np.int64)  # people are left out apart
            self._boot = (key, TwoWayBootstrap(one, rows))
        errors = (scores[counted] - scores[counted].mean()) / counted.sum()
        found = float(self._boot[1].variance(errors[None])[0])
        # By chance the products over shared objects may sum to less than the triplets' own noise.
        noise = float(scores[counted].var()) / max(int(counted.sum()) - 1, 1)
        return max(found, noise)

    def _of_people(self, values: Floats) -> float:
        """Variance between people, beyond the noise of single votes."""
        if not self._left_out:
            return 0.0
        own, *noise = (
            self._jackknife(values, part, of)
            for part, of in zip(self._left_out, self._of_left_out, strict=True)
        )
        return max(own - float(np.mean(noise)), 0.0)

    def _jackknife(self, values: Floats, part: _LeftOut, of: Integers) -> float:
        """Variance from means with each group left out."""
        scores, left = values[self._of], values[of]
        before = scores[part.triplet]
        total = np.nansum(scores) + _by_group(part, np.nan_to_num(left) - np.nan_to_num(before))
        counted = (~np.isnan(scores)).sum() + _by_group(
            part, np.isnan(before).astype(float) - np.isnan(left)
        )
        means = total[counted > 0] / counted[counted > 0]
        return float(jackknife_variance(means[:, None])[0])


def _by_group(part: _LeftOut, change: Floats) -> Floats:
    return np.bincount(part.group, weights=change, minlength=part.n_groups)


def by_type(types: Integers, function: Callable[[Integers], Floats], fewest: int) -> Floats:
    """Values of a function of the votes at each type; NaN at those of too few votes, shape (u,)."""
    values = np.full(len(types), np.nan)
    enough = types.sum(axis=1) >= fewest
    values[enough] = function(types[enough])
    return values
