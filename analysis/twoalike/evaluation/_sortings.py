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
from itertools import combinations
from typing import Annotated

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from twoalike.evaluation._choices import Candidate
from twoalike.evaluation._estimates import (
    CorrelationEstimate,
    Count,
    Interval,
    Measured,
    Quantity,
    Share,
    ShareEstimate,
)
from twoalike.evaluation._per_person import (
    Difference,
    JudgedBy,
    PairShares,
    PersonCeiling,
    PredictedJudgments,
    Trial,
    over_people,
    person_ceiling,
    with_features,
)
from twoalike.evaluation._structure import paired_intervals
from twoalike.judgments import Sorting, sortings_of
from twoalike.study import Booleans, Floats, TwoalikeError, counted
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


def area_under_curve(scores: Floats, same: Booleans) -> tuple[float, Floats]:
    """Area under the curve of scores (n,) for pairs that share a pile (n,), of which some do not.

    Also returns the placement of each pair, (n,): the share of pairs of the other kind that it
    beats (of a pair of one pile), or that beat it.

    Examples
    --------
    >>> area_under_curve(np.array([0.9, 0.2, 0.5, 0.2]), np.array([True, True, False, False]))
    (0.625, array([1.  , 0.25, 0.5 , 0.75]))
    """
    ranks, n = rankdata(scores), int(same.sum())
    beaten = np.empty(len(scores))
    beaten[same] = (ranks[same] - rankdata(scores[same])) / (len(scores) - n)
    beaten[~same] = 1 - (ranks[~same] - rankdata(scores[~same])) / n
    return float(beaten[same].mean()), beaten


def _agreement_of(predicted: Floats, same: Booleans) -> tuple[float, Floats, Floats]:
    """Area, and influences: each kind of pairs has half the weight of the trial."""
    area, placement = area_under_curve(predicted, same)
    return area, 2 * (placement - area), 1 / (2 * np.where(same, same.sum(), (~same).sum()))


def _decided(same: Booleans) -> bool:
    """Whether there are pairs of both kinds."""
    return bool(same.any() and not same.all())


def score_sortings(
    candidates: Sequence[Candidate], sortings: pd.DataFrame, rng: np.random.Generator
) -> SortingResults:
    """Score networks on the main and repeated trials of a table.

    Objects that one network has no features of are left out of the trials and counted; ``missing``
    says what could not be estimated.

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
    decided = [trial for trial in placed if _decided(trial.answers)]
    ceiling = person_ceiling(data, decided, _agreement_of, _decided)
    if ceiling is None:
        missing["ceiling"] = "needs a person whose pairs of objects others sorted too"
    return SortingResults(
        participants=len(data.own),
        objects=len(data.ids),
        left_out=len(judged) - len(used),
        sortings=len(decided),
        undecided=len(trials) - len(decided),
        pairs=len(data.pairs),
        models=_scores(candidates, data, decided, on_people),
        ceiling=ceiling,
        agreement=agreement,
        repeats=repeats,
        missing=missing,
    )


def _gathered(trials: Sequence[Sorting], ids: Sequence[str]) -> tuple[PairShares, list[Trial]]:
    """Gather the pairs of all trials; refuse trials that order nothing."""
    parts = []
    for trial in trials:
        i, j = np.triu_indices(len(trial.items), 1)
        pairs = np.stack([trial.items[i], trial.items[j]], axis=1)
        parts.append((trial.participant, pairs, trial.piles[i] == trial.piles[j]))
    if not any(_decided(same) for _, _, same in parts):
        raise TwoalikeError(
            where="sortings",
            expected="a trial with two objects in one pile and two in different ones, which all "
            "networks have features of",
            found=f"none in {counted(len(trials), 'trial')}",
            remedy="Compute features of the sorted objects under the ids of the sortings.",
        )
    data, places = PairShares.of(ids, parts)
    each = zip(parts, places, strict=True)
    return data, [Trial(person, place, same) for (person, _, same), place in each]


def _scores(
    candidates: Sequence[Candidate],
    data: PairShares,
    trials: Sequence[Trial],
    rng: np.random.Generator,
) -> tuple[SortingScores, ...]:
    owns = data.similarities(candidates)
    people, areas, gains = over_people(data, trials, owns, _agreement_of)
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
    """Return the adjusted Rand index over the objects of both trials; None of too few."""
    from sklearn.metrics import adjusted_rand_score

    common, one, other = np.intersect1d(first.items, second.items, return_indices=True)
    if len(common) < FEWEST_COMMON:
        return None
    return float(adjusted_rand_score(first.piles[one], second.piles[other]))


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
