r"""Sortings into piles: whether a network's similarities tell what people put together.

A trial of k objects says of each of their pairs whether they share a pile. A network is scored by
the area under the curve: the probability that a random pair of one pile is more alike to it than a
random pair of different piles, .5 by chance (Hanley & McNeil 1982,
doi:10.1148/radiology.143.1.7063747). It depends on the order of similarities alone, not on how many
piles a person made, and is the rank correlation with same and different (2 AUC - 1 is Somers' D).
A person's score is the mean over their trials; trials of one pile, or of objects each alone, order
nothing. Beside it stands Spearman's correlation with the share of people who put a pair together,
among those who had both objects in a trial: the matrix by which free sortings are usually analysed
(Coxon 1999, Sorting Data, doi:10.4135/9781412983235).

The ceiling is that of ratings, with areas: how well the share of the others, and that of all,
tells which pairs a person put together.

Intervals are for other people and other objects, as those of ratings. The influence of a pair on an
area is its placement: the share of pairs of the other kind that it beats (DeLong et al. 1988,
doi:10.2307/2531595).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import numpy as np
import pandas as pd

from twoalike.evaluation._choices import Candidate
from twoalike.evaluation._clusters import TwoWayBootstrap
from twoalike.evaluation._estimates import (
    CorrelationEstimate,
    Count,
    Interval,
    Measured,
    Quantity,
    Share,
    ShareEstimate,
    Span,
)
from twoalike.evaluation._per_person import (
    Difference,
    JudgedBy,
    PairShares,
    PersonCeiling,
    PredictedJudgments,
    with_features,
)
from twoalike.evaluation._structure import paired_intervals
from twoalike.judgments import Sorting, sortings_of
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted
from twoalike.tables import JUDGED

FEWEST_COMMON = 5
"""Objects that two trials need in common for their agreement to count."""
MOST_COMPARED = 5000
"""Pairs of trials of different people that are compared, at most; of more, so many at random."""
RandEstimate = Annotated[Interval, Quantity("adjusted Rand index", -1, 1)]


class PersonAreas(Measured):
    """Areas under the curve of single people."""

    mean: ShareEstimate
    """Mean over people."""
    people: dict[str, Share]
    """Person -> mean over their trials."""


class SortingScores(Measured):
    """How one network's similarities agree with people's piles."""

    area: PersonAreas
    """Area under the curve of similarity for being in one pile."""
    spearman: CorrelationEstimate
    """Rank correlation with the share of people who put a pair together."""
    difference: Difference | None
    """To the first network, of the mean area; null for that one."""


class SortingResults(JudgedBy):
    """What was measured on sortings into piles."""

    n_of = "sortings"
    sortings: Count
    """Trials scored."""
    undecided: Count
    """Trials of one pile, or of objects each alone; they have no area."""
    pairs: Count
    """Different pairs of objects that were together in a trial."""
    models: tuple[SortingScores, ...]
    """Each network, in the order of `models`."""
    ceiling: PersonCeiling | None
    """Mean area of the share of the others (lower) and of all (upper) who put a pair together."""
    agreement: RandEstimate | None
    """Adjusted Rand index of two people's sortings, over the objects that both had."""
    repeats: RandEstimate | None
    """The same of two sortings by one person."""
    posterior: PredictedJudgments | None = None
    """How well the fitted embedding predicts the piles."""


def adjusted_rand(first: Integers, second: Integers) -> float:
    """Agreement of two sortings of n items, corrected for chance.

    Parameters
    ----------
    first, second
        Pile of each item, from 0, shape (n,).

    Returns
    -------
    1 for the same piles, about 0 for unrelated ones.

    References
    ----------
    Hubert & Arabie (1985), doi:10.1007/BF01908075.

    Examples
    --------
    >>> adjusted_rand(np.array([1, 1, 2, 2]), np.array([5, 5, 3, 3]))
    1.0
    """

    def pairs(sizes: Floats) -> float:
        return float((sizes * (sizes - 1) / 2).sum())

    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    together, rows, columns = pairs(table.ravel()), pairs(table.sum(1)), pairs(table.sum(0))
    expected = rows * columns / pairs(np.array([float(len(first))]))
    most = (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def area_under_curve(scores: Floats, same: Booleans) -> tuple[float, Floats]:
    """Probability that a pair of one pile scores higher than one of different piles; ties by half.

    Parameters
    ----------
    scores
        Shape (n,).
    same
        Which pairs share a pile; some do and some do not, shape (n,).

    Returns
    -------
    The area; the placement of each pair, (n,): the share of pairs of the other kind that it beats
    (of a pair of one pile), or that beat it.

    Examples
    --------
    >>> area_under_curve(np.array([0.9, 0.2, 0.5, 0.2]), np.array([True, True, False, False]))
    (0.625, array([1.  , 0.25, 0.5 , 0.75]))
    """
    placement = np.empty(len(scores))
    own = {kind: np.sort(scores[same == kind]) for kind in (True, False)}
    for kind, others in ((True, own[False]), (False, own[True])):
        mine = scores[same == kind]
        below = np.searchsorted(others, mine, side="left")
        within = np.searchsorted(others, mine, side="right")
        share = (below + within) / (2 * len(others))
        placement[same == kind] = share if kind else 1 - share
    return float(placement[same].mean()), placement


@dataclass(frozen=True, eq=False)
class _Trial:
    """Pairs of one trial, places among all (n,), and which of them share a pile (n,)."""

    person: str
    pairs: Integers
    same: Booleans

    @property
    def decided(self) -> bool:
        """Whether there are pairs of both kinds."""
        return bool(self.same.any() and not self.same.all())


def score_sortings(
    candidates: Sequence[Candidate], sortings: pd.DataFrame, rng: np.random.Generator
) -> SortingResults:
    """Score networks on the main and repeated trials of a table.

    Parameters
    ----------
    candidates
        The networks; objects that one has no features of are left out of the trials and counted.
    sortings
        Table of sortings.

    Returns
    -------
    Scores of each network and agreement of people; ``missing`` says what could not be estimated.

    Raises
    ------
    TwoalikeError
        If no trial has pairs of one pile and of different piles, of objects with features.

    Examples
    --------
    >>> from twoalike.features import FeatureTable
    >>> from twoalike.judgments import sortings_table
    >>> piles = {"trial": [1] * 4, "item": range(4), "pile": [1, 1, 2, 2]}
    >>> network = FeatureTable(tuple("abcd"), np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]))
    >>> table = sortings_table(piles, list("abcd"))
    >>> found = score_sortings([Candidate("two", network)], table, np.random.default_rng(0))
    >>> found.models[0].area.mean.value
    1.0
    """
    judged = sortings[sortings["trial_type"].isin(JUDGED)]
    used = with_features(judged, ("item",), candidates, "sortings")
    trials, ids = sortings_of(used)
    trials = [trial for trial in trials if len(trial.items) > 1]
    data, placed = _gathered(trials, ids)
    on_people, on_pairs = rng.spawn(2)
    missing: dict[str, str] = {}
    agreement, repeats = _agreement(trials, list(data.own), on_pairs, missing)
    decided = [trial for trial in placed if trial.decided]
    return SortingResults(
        participants=len(data.own),
        objects=len(data.ids),
        left_out=len(judged) - len(used),
        sortings=len(decided),
        undecided=len(trials) - len(decided),
        pairs=len(data.pairs),
        models=_scores(candidates, data, decided, on_people),
        ceiling=_ceiling(data, decided, missing),
        agreement=agreement,
        repeats=repeats,
        missing=missing,
    )


def _gathered(trials: Sequence[Sorting], ids: Sequence[str]) -> tuple[PairShares, list[_Trial]]:
    """Gather the pairs of all trials; refuse trials that order nothing."""
    parts = []
    for trial in trials:
        i, j = np.triu_indices(len(trial.items), 1)
        pairs = np.stack([trial.items[i], trial.items[j]], axis=1)
        parts.append((trial.participant, pairs, trial.piles[i] == trial.piles[j]))
    if all(same.all() or not same.any() for _, _, same in parts):
        raise TwoalikeError(
            where="sortings",
            expected="a trial with two objects in one pile and two in different ones, which all "
            "networks have features of",
            found=f"none in {counted(len(trials), 'trial')}",
            remedy="Compute features of the sorted objects under the ids of the sortings.",
        )
    data, places = PairShares.of(ids, parts)
    placed = [
        _Trial(person, place, same) for (person, _, same), place in zip(parts, places, strict=True)
    ]
    return data, placed


def _scores(
    candidates: Sequence[Candidate],
    data: PairShares,
    trials: Sequence[_Trial],
    rng: np.random.Generator,
) -> tuple[SortingScores, ...]:
    owns = data.similarities(candidates)
    people, areas, gains = _areas(data, trials, owns)
    correlations, _ = data.correlations(owns, rng)
    return tuple(
        SortingScores(
            area=PersonAreas(
                mean=areas[number].within(0.0, 1.0),
                people={name: float(value[number]) for name, value in people.items()},
            ),
            spearman=correlations[number].within(-1.0, 1.0),
            difference=Difference(to=candidates[0].name, value=gains[number]) if number else None,
        )
        for number in range(len(candidates))
    )


def _areas(
    data: PairShares, trials: Sequence[_Trial], owns: Floats
) -> tuple[dict[str, Floats], list[Interval], list[Interval]]:
    """Mean area of each person, (k,) each; intervals of the means and of their differences."""
    names = dict.fromkeys(trial.person for trial in trials)
    number = {name: place for place, name in enumerate(names)}
    people = np.array([number[trial.person] for trial in trials])
    of_person = np.bincount(people)
    areas = np.empty((len(trials), len(owns)))
    influences, weights = [], []
    for row, trial in enumerate(trials):
        found = [area_under_curve(own[trial.pairs], trial.same) for own in owns]
        areas[row] = [area for area, _ in found]
        # Each kind of pairs has half the weight of its trial.
        share = np.where(trial.same, trial.same.sum(), (~trial.same).sum())
        weight = 1 / (2 * share * of_person[people[row]] * len(names))
        apart = 2 * (np.stack([each for _, each in found], axis=1) - areas[row]) + areas[row]
        influences.append(weight[:, None] * apart)
        weights.append(weight)
    each = {name: areas[people == person].mean(axis=0) for name, person in number.items()}
    mean = np.mean(list(each.values()), axis=0)
    counts = [len(trial.pairs) for trial in trials]
    weight = np.concatenate(weights)
    pairs = data.pairs[np.concatenate([trial.pairs for trial in trials])]
    answers = TwoWayBootstrap(np.repeat(people, counts), pairs)
    influence = np.concatenate(influences) - weight[:, None] * mean
    return each, *answers.intervals(mean, influence, weight)


def _ceiling(
    data: PairShares, trials: Sequence[_Trial], missing: dict[str, str]
) -> PersonCeiling | None:
    """Areas of the share of others, and of all, for each person's own piles."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for trial in trials:
        own = np.searchsorted(data.own[trial.person][0], trial.pairs)
        others = data.of_others(trial.person)[own]
        shared = ~np.isnan(others)
        same = trial.same[shared]
        if same.any() and not same.all():
            low = area_under_curve(others[shared], same)[0]
            high = area_under_curve(data.mean[trial.pairs], trial.same)[0]
            ends.setdefault(trial.person, []).append((low, high))
    if not ends:
        missing["ceiling"] = "needs a person whose pairs of objects others sorted too"
        return None
    people = {name: Span(*np.mean(each, axis=0).tolist()) for name, each in ends.items()}
    return PersonCeiling.of(people)


def _agreement(
    trials: Sequence[Sorting],
    people: Sequence[str],
    rng: np.random.Generator,
    missing: dict[str, str],
) -> tuple[Interval | None, Interval | None]:
    """Compare sortings of two people, and of one person, by the adjusted Rand index."""
    number = {name: place for place, name in enumerate(people)}
    person = np.array([number[trial.participant] for trial in trials])
    both = np.array(list(combinations(range(len(trials)), 2)), dtype=np.int64).reshape(-1, 2)
    within = person[both[:, 0]] == person[both[:, 1]]
    between = both[~within]
    if len(between) > MOST_COMPARED:
        between = between[rng.permutation(len(between))[:MOST_COMPARED]]
    results = []
    for name, rows, what in (
        ("agreement", between, "two people"),
        ("repeats", both[within], "two trials of one person"),
    ):
        found = [(*person[pair], _compared(*(trials[row] for row in pair))) for pair in rows]
        known = np.array([one for one in found if one[2] is not None], dtype=np.float64)
        if not len(known):
            missing[name] = f"needs {FEWEST_COMMON} objects that {what} sorted"
        results.append(_over_people(known) if len(known) else None)
    return results[0], results[1]


def _compared(first: Sorting, second: Sorting) -> float | None:
    """Return the index over the objects of both trials; None of too few."""
    common, one, other = np.intersect1d(first.items, second.items, return_indices=True)
    if len(common) < FEWEST_COMMON:
        return None
    return adjusted_rand(first.piles[one], second.piles[other])


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
