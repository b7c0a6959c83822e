r"""Judgments that tell of pairs of objects: ratings, and sortings into piles.

Ratings
-------
Raters differ in where on a scale they answer and how far apart, and what two of them mean by a
point is known in order only. Each rater's answers are therefore replaced by their ranks, as shares
of the pairs that they rated, and the mean rater is the mean of these shares over the raters of a
pair: with rank correlations this is the mean that agrees best with the single raters (Nili et al.
2014, doi:10.1371/journal.pcbi.1003553). Several ratings of a pair by one rater count as their mean.
Networks are scored by Spearman's correlation with each rater, over the pairs that they rated.

Sortings
--------
A trial of k objects says of each of their pairs whether they share a pile. A network is scored by
the area under the curve: the probability that a random pair of one pile is more alike to it than a
random pair of different piles, .5 by chance (Hanley & McNeil 1982,
doi:10.1148/radiology.143.1.7063747). It depends on the order of similarities alone, not on how many
piles a person made, and is the rank correlation with same and different (2 AUC - 1 is Somers' D).
A person's score is the mean over their trials; trials of one pile, or of objects each alone, order
nothing. The influence of a pair on an area is its placement: the share of pairs of the other kind
that it beats (DeLong et al. 1988, doi:10.2307/2531595).

Both
----
Beside the mean over people stands Spearman's correlation with the mean person; of sortings that is
the share of people who put a pair together, among those who had both objects in a trial (Coxon
1999, Sorting Data, doi:10.4135/9781412983235). How well any model could do lies between two means
over people: of the agreement with the mean of the others (over pairs that others judged), and of
that with the mean of all.

Intervals are for other people and other objects. Those of means over people come from the
influences of single judgments (:mod:`twoalike.evaluation._estimates`). For correlations with the
mean person the variances of two jackknives add up, as for dissimilarities
(:mod:`twoalike.evaluation._structure`), people left out in up to 60 random groups: a bootstrap
would make the mean person noisier than it is. These intervals are somewhat wide, as the noise of
single judgments is in both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from twoalike.evaluation._choices import Candidate, common_objects, prepare, row_products
from twoalike.evaluation._estimates import Figures, Interval, TwoWayBootstrap
from twoalike.evaluation._judgments import first_and_again, group_numbers
from twoalike.evaluation._structure import (
    FEWEST_PAIRS,
    centred_ranks,
    object_changes,
    paired_intervals,
    rho_a,
    spearman,
    spearman_with_influence,
)
from twoalike.judgments import JudgedTrial, PairSource, is_scored, judged_trials, rating_sources
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted

PARTS = 60
"""Groups of people, at most, that a jackknife leaves out in turn."""
FEWEST_REPEATS = 10
"""Pairs rated again below which a person's agreement with themselves is too uncertain."""
FEWEST_COMMON = 5
"""Objects that two trials need in common for their agreement to count."""
MOST_COMPARED = 5000
"""Pairs of trials of different people that are compared, at most; of more, so many at random."""


@dataclass(frozen=True, eq=False)
class PairShares:
    """What people say of N different pairs of objects: a number for each pair that one judged.

    ``pairs`` (N, 2) are indices into ``ids``; ``own`` gives each person's places among the pairs,
    ascending, and numbers, (n,) each.
    """

    ids: tuple[str, ...]
    pairs: Integers
    own: Mapping[str, tuple[Integers, Floats]]

    @classmethod
    def of(
        cls, ids: Sequence[str], parts: Sequence[tuple[str, Integers, Floats | Booleans]]
    ) -> tuple[Self, Sequence[Integers]]:
        """Give the different pairs places; answers of a person about the same pair are averaged.

        ``parts`` are of a person the objects of pairs, indices into ``ids``, (n, 2), and answers,
        (n,). Also returns the place of each pair of each part, (n,).
        """
        sides = np.sort(np.concatenate([pairs for _, pairs, _ in parts]), axis=1)
        code, number = np.unique(sides[:, 0] * len(ids) + sides[:, 1], return_inverse=True)
        known, pairs = np.unique(np.stack(np.divmod(code, len(ids)), axis=1), return_inverse=True)
        places = np.split(number, np.cumsum([len(answers) for _, _, answers in parts])[:-1])
        of_person: dict[str, list[int]] = {}
        for k, (person, _, _) in enumerate(parts):
            of_person.setdefault(person, []).append(k)
        own: dict[str, tuple[Integers, Floats]] = {}
        for person, some in of_person.items():
            rows = np.concatenate([places[k] for k in some])
            place, inverse = np.unique(rows, return_inverse=True)
            total = np.bincount(inverse, np.concatenate([parts[k][2] for k in some]))
            own[person] = (place, total / np.bincount(inverse))
        return cls(tuple(ids[row] for row in known), pairs.reshape(-1, 2), own), places

    @cached_property
    def _whole(self) -> tuple[Floats, Floats]:
        return self._sums(self.own)

    @cached_property
    def mean(self) -> Floats:
        """Mean over the people who judged each pair, (N,)."""
        total, count = self._whole
        return total / count

    def _sums(self, people: Iterable[str]) -> tuple[Floats, Floats]:
        """Sum over some people, and how many of them judged each pair, (N,) each."""
        parts, n = [self.own[person] for person in people], len(self.pairs)
        place, share = (np.concatenate(column) for column in zip(*parts, strict=True))
        return np.bincount(place, share, n), np.bincount(place, minlength=n).astype(np.float64)

    def of_others(self, person: str) -> Floats:
        """Mean over the others, of the pairs that a person judged; NaN where nobody else did."""
        place, share = self.own[person]
        total, count = self._whole
        others = count[place] - 1
        return np.where(others > 0, (total[place] - share) / np.maximum(others, 1), np.nan)

    def similarities(self, candidates: Sequence[Candidate]) -> Floats:
        """Similarity of each pair to each of k networks, (k, N)."""
        selected = ((one.features.select(self.ids, one.name), one) for one in candidates)
        return np.stack(
            [row_products(prepare(rows, one.similarity), *self.pairs.T) for rows, one in selected]
        )

    def correlations(
        self, owns: Floats, rng: np.random.Generator
    ) -> tuple[list[Interval], list[Interval]]:
        """Spearman's of similarities, (k, N), with the mean person, and differences to the first.

        Intervals are for other people and objects; the variances of both jackknives add up.
        """
        found = [spearman_with_influence(own, self.mean) for own in owns]
        values, people = np.array([value for value, _ in found]), list(self.own)
        changes = object_changes(np.stack([each for _, each in found]), *self.pairs.T)

        def without(kept: Sequence[int]) -> Floats:
            total, count = self._sums(people[row] for row in kept)
            there = count > 0
            mean = total[there] / count[there]
            return np.array([spearman(own[there], mean) for own in owns])

        left_out = groups_left_out(len(people), rng, without)
        return paired_intervals(values, left_out, values + changes.T)


@dataclass(frozen=True, eq=False)
class Trial:
    """What a person said in a trial: places among all pairs, and answers, shape (n,) each."""

    person: str
    pairs: Integers
    answers: Any


type Agreement = Callable[[Floats, Any], tuple[float, Floats, Floats]]
"""Of predictions and answers of a trial, (n,) each: how well they agree, the influence of each pair
on that, and its weight; weights sum to one, and weighted influences to zero."""


def over_people(
    data: PairShares, trials: Sequence[Trial], owns: Floats, agreement: Agreement
) -> tuple[dict[str, Floats], list[Interval], list[Interval]]:
    """Agreement of k networks, whose similarities are (k, N), with people's trials.

    Returns
    -------
    Mean over the trials of each person, (k,); intervals of the means over people, and of their
    differences to the first network, for other people and other objects.
    """
    names = {name: k for k, name in enumerate(dict.fromkeys(of.person for of in trials))}
    people = np.array([names[of.person] for of in trials])
    of_person = np.bincount(people)
    values, influences, weights = np.empty((len(trials), len(owns))), [], []
    for row, of in enumerate(trials):
        found = [agreement(own[of.pairs], of.answers) for own in owns]
        values[row] = [value for value, *_ in found]
        weight = found[0][2] / (of_person[people[row]] * len(names))
        influence = np.stack([each for _, each, _ in found], axis=1) + values[row]
        influences.append(weight[:, None] * influence)
        weights.append(weight)
    each = {name: values[people == k].mean(axis=0) for name, k in names.items()}
    mean, weight = np.mean(list(each.values()), axis=0), np.concatenate(weights)
    pairs = data.pairs[np.concatenate([of.pairs for of in trials])]
    boot = TwoWayBootstrap(np.repeat(people, [len(of.pairs) for of in trials]), pairs)
    influence = np.concatenate(influences) - weight[:, None] * mean
    return each, *boot.intervals(mean, influence, weight)


type _Gathered = tuple[PairShares, list[Trial], int, int, Figures]
"""Judgments by pair and by trial, numbers of participants and judgments, how far people agree."""


@dataclass(frozen=True)
class PairKind:
    """A kind of judgments that tell of pairs: how they are read, and what agrees with them."""

    name: Literal["ratings", "sortings"]
    items: tuple[str, ...]
    """Columns of the objects."""
    gather: Callable[[pd.DataFrame, np.random.Generator, dict[str, str]], _Gathered]
    agreement: Agreement
    enough: Callable[[Any], bool]
    """Whether the answers of a trial order anything."""
    main: str
    """Measure of the agreement with single people."""
    least: float
    """Smallest agreement; the largest is 1."""
    needs: str
    """Whom a ceiling takes."""


@dataclass(frozen=True, eq=False)
class PairScores:
    """What was measured on ratings or sortings."""

    judgments: int
    participants: int
    objects: int
    pairs: int
    left_out: int
    """Rows of the table, of main and repeated trials, about objects without features."""
    models: tuple[Figures, ...]
    """Scores of each network."""
    people: Figures
    """How well any model could do, and how far people agree."""
    missing: dict[str, str]


def score_pairs(
    kind: PairKind, candidates: Sequence[Candidate], table: pd.DataFrame, rng: np.random.Generator
) -> PairScores:
    """Score networks on the main and repeated ratings, or sortings, of a table.

    Those of objects that one network has no features of are left out and counted; ``missing`` says
    what could not be estimated.
    """
    judged = table[is_scored(table)]
    used = _with_features(judged, kind, candidates)
    on_people, on_trials = rng.spawn(2)
    missing: dict[str, str] = {}
    data, every, participants, judgments, people = kind.gather(used, on_trials, missing)
    trials = [of for of in every if kind.enough(of.answers)]
    ceiling = _ceiling(data, trials, kind)
    if ceiling is None:
        missing["ceiling"] = f"needs {kind.needs}"
    return PairScores(
        judgments=judgments,
        participants=participants,
        objects=len(data.ids),
        pairs=len(data.pairs),
        left_out=len(judged) - len(used),
        models=_scores(kind, candidates, data, trials, on_people, missing),
        people=Figures(ceiling=ceiling, **people),
        missing=missing,
    )


def _with_features(
    judged: pd.DataFrame, kind: PairKind, candidates: Sequence[Candidate]
) -> pd.DataFrame:
    """Keep rows about objects that every network has features of."""
    there = judged[list(kind.items)].isin(common_objects(candidates)).all(axis=1)
    if not there.any():
        raise TwoalikeError(
            where=kind.name,
            expected="main or repeated trials with objects that all networks have features of",
            found=f"none in {counted(len(judged), 'row')}",
            remedy=f"Compute features of the judged objects under the ids of the {kind.name}.",
        )
    return judged[there]


def _scores(
    kind: PairKind,
    candidates: Sequence[Candidate],
    data: PairShares,
    trials: Sequence[Trial],
    rng: np.random.Generator,
    missing: dict[str, str],
) -> tuple[Figures, ...]:
    """Agreement of every network with the mean person, and with each."""
    owns = data.similarities(candidates)
    correlations, gains = data.correlations(owns, rng)
    single: dict[str, Floats] = {}
    means: list[Interval | None] = [None for _ in owns]
    mean_gains: list[Interval | None] = [None for _ in owns]
    if trials:
        single, found, found_gains = over_people(data, trials, owns, kind.agreement)
        means, mean_gains = [of.within(kind.least, 1.0) for of in found], [*found_gains]
    else:
        missing[kind.main] = f"needs a rater of {FEWEST_PAIRS} pairs or more"
    return tuple(
        Figures(
            {
                kind.main: Figures(
                    mean=means[k], people={name: float(of[k]) for name, of in single.items()}
                ),
                "spearman": correlations[k].within(-1.0, 1.0),
                "rho_a": rho_a(own, data.mean),
                "difference": Figures({kind.main: mean_gains[k], "spearman": gains[k]})
                if k
                else None,
            }
        )
        for k, own in enumerate(owns)
    )


def _ceiling(data: PairShares, trials: Sequence[Trial], kind: PairKind) -> Figures | None:
    """Agreement of the mean of the others, and of all, with each person's own trials.

    Over the pairs that others judged too, where these are enough; None where nobody has any.
    """
    ends: dict[str, list[tuple[float, float]]] = {}
    for of in trials:
        own = np.searchsorted(data.own[of.person][0], of.pairs)
        others = data.of_others(of.person)[own]
        shared = ~np.isnan(others)
        if kind.enough(of.answers[shared]):
            low = kind.agreement(others[shared], of.answers[shared])[0]
            high = kind.agreement(data.mean[of.pairs], of.answers)[0]
            ends.setdefault(of.person, []).append((low, high))
    if not ends:
        return None
    people = {name: np.mean(each, axis=0).tolist() for name, each in ends.items()}
    lower, upper = np.mean(list(people.values()), axis=0).tolist()
    each = {name: Figures(lower=low, upper=high) for name, (low, high) in people.items()}
    return Figures(lower=lower, upper=upper, people=each)


def groups_left_out(
    n: int, rng: np.random.Generator, estimates: Callable[[Sequence[int]], Floats]
) -> Floats:
    """Estimates (k,) from all but each of up to :data:`PARTS` random groups of n people, (g, k).

    Of a single person nothing is known of others: shape (0, k).
    """
    parts = min(n, PARTS)
    part = rng.permutation(n) % parts
    if n < 2:
        return np.empty((0, len(estimates([0]))))
    return np.stack([estimates(np.flatnonzero(part != number).tolist()) for number in range(parts)])


def _correlation(predicted: Floats, share: Floats) -> tuple[float, Floats, Floats]:
    """Rank correlation, and the influences of the pairs, which count alike."""
    value, influence = spearman_with_influence(predicted, share)
    return value, influence, np.full(len(share), 1 / len(share))


def _ratings(used: pd.DataFrame, rng: np.random.Generator, missing: dict[str, str]) -> _Gathered:
    """Gather the pairs, and rank each rater's answers, as centred shares of their pairs."""
    sources, ids = rating_sources(used)
    rated, _ = PairShares.of(ids, [(one.label, one.pairs, one.values) for one in sources])
    if len(rated.pairs) < FEWEST_PAIRS:
        raise TwoalikeError(
            where="ratings",
            expected=f"at least {FEWEST_PAIRS} different pairs of objects that all networks have "
            "features of",
            found=str(len(rated.pairs)),
            remedy="Compute features of the rated objects under the ids of the ratings.",
        )
    own = {
        rater: (place, centred_ranks(mean) / len(mean))
        for rater, (place, mean) in rated.own.items()
    }
    data = replace(rated, own=own)
    if np.ptp(data.mean) == 0:
        raise TwoalikeError(
            "all pairs are rated alike; there is no order of them to agree with",
            where="ratings",
            remedy="Check the table.",
        )
    trials = [Trial(rater, *of) for rater, of in own.items()]
    people = {source.participant for source in sources}
    return data, trials, len(people), len(used), Figures(repeats=_rated_again(sources, missing))


def _rated_again(sources: Sequence[PairSource], missing: dict[str, str]) -> Figures | None:
    """How alike the two ratings are that a person gave to the same pair."""
    counts = [len(source.values) for source in sources]
    person = np.repeat(np.arange(len(sources)), counts)
    pairs = np.sort(np.concatenate([source.pairs for source in sources]), axis=1)
    _, before, after = first_and_again(person, group_numbers(*pairs.T))
    share = np.concatenate([centred_ranks(one.values) / len(one.values) for one in sources])
    of_scale = np.concatenate([one.values / ((one.points or 2) - 1) for one in sources])
    first, second, person = share[before], share[after], person[before]
    if len(first) < FEWEST_REPEATS:
        missing["repeats"] = (
            f"needs {FEWEST_REPEATS} pairs rated again by the same person, has {len(first)}"
        )
        return None
    value, influence = spearman_with_influence(first, second)
    changes = object_changes(influence, *pairs[before].T)
    left = len(first) - np.bincount(person)
    by_person = -np.bincount(person, influence)[left < len(first)]
    people = value + by_person / np.maximum(left[left < len(first)], 1)
    objects = value + changes[~np.isnan(changes)]
    interval = paired_intervals(np.array([value]), people[:, None], objects[:, None])[0][0]
    return Figures(
        n=len(first),
        spearman=interval.within(-1.0, 1.0),
        difference=float(np.abs(of_scale[before] - of_scale[after]).mean()),
    )


def area_under_curve(scores: Floats, same: Booleans) -> tuple[float, Floats]:
    """Area under the curve of scores (n,) for pairs that share a pile (n,), of which some do not.

    Also returns the placement of each pair, (n,): the share of pairs of the other kind that it
    beats (of a pair of one pile), or that beat it.
    """
    ranks, n = rankdata(scores), int(same.sum())
    beaten = np.empty(len(scores))
    beaten[same] = (ranks[same] - rankdata(scores[same])) / (len(scores) - n)
    beaten[~same] = 1 - (ranks[~same] - rankdata(scores[~same])) / n
    return float(beaten[same].mean()), beaten


def _area(predicted: Floats, same: Booleans) -> tuple[float, Floats, Floats]:
    """Area, and influences: each kind of pairs has half the weight of the trial."""
    area, placement = area_under_curve(predicted, same)
    return area, 2 * (placement - area), 1 / (2 * np.where(same, same.sum(), (~same).sum()))


def _decided(same: Booleans) -> bool:
    """Whether there are pairs of both kinds."""
    return bool(same.any() and not same.all())


def _sortings(used: pd.DataFrame, rng: np.random.Generator, missing: dict[str, str]) -> _Gathered:
    """Gather the pairs of all trials; refuse trials that order nothing."""
    every, ids = judged_trials(used)
    trials = [trial for trial in every if len(trial.items) > 1]
    parts = []
    for trial in trials:
        i, j = np.triu_indices(len(trial.items), 1)
        pairs = np.stack([trial.items[i], trial.items[j]], axis=1)
        parts.append((trial.participant, pairs, trial.values[i] == trial.values[j]))
    n = sum(_decided(same) for _, _, same in parts)
    if not n:
        raise TwoalikeError(
            where="sortings",
            expected="a trial with two objects in one pile and two in different ones, which all "
            "networks have features of",
            found=f"none in {counted(len(trials), 'trial')}",
            remedy="Compute features of the sorted objects under the ids of the sortings.",
        )
    data, places = PairShares.of(ids, parts)
    each = zip(parts, places, strict=True)
    found = [Trial(person, place, same) for (person, _, same), place in each]
    alike = _sorted_alike(trials, list(data.own), rng, missing)
    return data, found, len(data.own), n, Figures(undecided=len(trials) - n, **alike)


def _sorted_alike(
    trials: Sequence[JudgedTrial],
    people: Sequence[str],
    rng: np.random.Generator,
    missing: dict[str, str],
) -> dict[str, Interval]:
    """Compare sortings of two people, and of one person, by the adjusted Rand index."""
    number = {name: place for place, name in enumerate(people)}
    person = np.array([number[trial.participant] for trial in trials])
    both = np.array(list(combinations(range(len(trials)), 2)), dtype=np.int64).reshape(-1, 2)
    within = person[both[:, 0]] == person[both[:, 1]]
    between = both[~within]
    if len(between) > MOST_COMPARED:
        between = between[rng.permutation(len(between))[:MOST_COMPARED]]
    results = {}
    for name, rows, what in (
        ("agreement", between, "two people"),
        ("repeats", both[within], "two trials of one person"),
    ):
        found = [(*person[pair], _compared(*(trials[row] for row in pair))) for pair in rows]
        known = np.array([one for one in found if one[2] is not None], dtype=np.float64)
        if not len(known):
            missing[name] = f"needs {FEWEST_COMMON} objects that {what} sorted"
            continue
        results[name] = _over_people(known)
    return results


def _compared(first: JudgedTrial, second: JudgedTrial) -> float | None:
    """Return the adjusted Rand index over the objects of both trials; None of too few."""
    from sklearn.metrics import adjusted_rand_score

    common, one, other = np.intersect1d(first.items, second.items, return_indices=True)
    if len(common) < FEWEST_COMMON:
        return None
    return float(adjusted_rand_score(first.values[one], second.values[other]))


def _over_people(known: Floats) -> Interval:
    """Mean of values, (n, 3) with two people each, and its jackknife over people."""
    value = float(known[:, 2].mean())
    left_out = []
    for person in np.unique(known[:, :2]):
        rest = known[(known[:, :2] != person).all(axis=1), 2]
        if len(rest):
            left_out.append([rest.mean()])
    without = np.array(left_out).reshape(-1, 1)
    return paired_intervals(np.array([value]), without)[0][0].within(-1.0, 1.0)


RATINGS = PairKind(
    "ratings",
    ("item_a", "item_b"),
    _ratings,
    _correlation,
    lambda shares: len(shares) >= FEWEST_PAIRS,
    "per_person",
    -1.0,
    f"a rater of {FEWEST_PAIRS} pairs that others rated too",
)
SORTINGS = PairKind(
    "sortings",
    ("item",),
    _sortings,
    _area,
    _decided,
    "area",
    0.0,
    "a person whose pairs of objects others sorted too",
)
