r"""Ratings of pairs: how a network's similarities order them, beside how far raters agree.

Raters differ in where on a scale they answer and how far apart, and what two of them mean by a
point is known in order only. Each rater's answers are therefore replaced by their ranks, as shares
of the pairs that they rated, and the mean rater is the mean of these shares over the raters of a
pair: with rank correlations this is the mean that agrees best with the single raters (Nili et al.
2014, doi:10.1371/journal.pcbi.1003553). Several ratings of a pair by one rater count as their mean.

Networks are scored by Spearman's correlation with the mean rater, and with each rater over the
pairs that they rated. How well any model could do lies between two means over raters: of the
correlation with the mean of the others (over pairs that others rated), and of that with the mean
of all.

Intervals are for other raters and other objects. Those of means over raters come from the
influences of single ratings (:class:`~twoalike.evaluation._per_person.Answers`). For correlations
with the mean rater the variances of two jackknives add up, as for dissimilarities
(:mod:`twoalike.evaluation._structure`), raters left out in up to 60 random groups: a bootstrap
would make the mean rater noisier than it is. These intervals are somewhat wide, as the noise of
single ratings is in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from twoalike.evaluation._choices import Candidate, candidate_pairs
from twoalike.evaluation._interval import (
    Correlation,
    CorrelationEstimate,
    Count,
    Interval,
    Measured,
    Share,
    Span,
)
from twoalike.evaluation._per_person import (
    Answers,
    Difference,
    JudgedBy,
    PersonCeiling,
    PersonCorrelations,
    PredictedJudgments,
    groups_left_out,
    with_features,
)
from twoalike.evaluation._structure import (
    FEWEST_PAIRS,
    centred_ranks,
    object_changes,
    paired_intervals,
    rho_a,
    spearman,
    spearman_with_influence,
)
from twoalike.judgments import RatingSource, rating_sources
from twoalike.study import Floats, Integers, TwoalikeError
from twoalike.tables import JUDGED

FEWEST_REPEATS = 10
"""Pairs rated again below which a person's agreement with themselves is too uncertain."""


class RatingScores(Measured):
    """Rank correlation of one network's similarities with people's ratings."""

    spearman: CorrelationEstimate
    """Spearman's, with the mean rater."""
    rho_a: Correlation
    """With the mean rater, ties broken at random (doi:10.7554/eLife.82566)."""
    per_person: PersonCorrelations
    """Spearman's, with each rater."""
    difference: Difference | None
    """To the first network, of the correlation with the mean rater; null for that one."""


class RepeatedRatings(Measured):
    """How people rate a pair when they see it again."""

    pairs: Count
    """Pairs rated again by the same person."""
    spearman: CorrelationEstimate
    """Correlation of both ratings, as ranks among the rater's answers."""
    difference: Share
    """Mean distance of both, as a share of the length of the scale."""


class RatingResults(JudgedBy):
    """What was measured on ratings of pairs."""

    ratings: Count
    """Ratings scored, main and repeated ones."""
    pairs: Count
    """Different pairs."""
    models: tuple[RatingScores, ...]
    """Each network, in the order of `models`."""
    ceiling: PersonCeiling | None
    """Mean correlation of a rater with the mean of the others (lower) and of all (upper)."""
    repeats: RepeatedRatings | None
    """Agreement of people with themselves."""
    posterior: PredictedJudgments | None = None
    """How well the fitted embedding predicts the ratings."""


@dataclass(frozen=True, eq=False)
class _Rater:
    """Pairs of one rater, numbers among all (n,), and the answers as centred shares (n,)."""

    label: str
    pairs: Integers
    share: Floats


@dataclass(frozen=True, eq=False)
class _Rated:
    """N different pairs of objects, (N, 2), and who rated them."""

    pairs: Integers
    raters: list[_Rater]

    @cached_property
    def total(self) -> Floats:
        """Sum of the shares of each pair, (N,)."""
        return self.sums(self.raters)[0]

    @cached_property
    def count(self) -> Floats:
        """Raters of each pair, (N,)."""
        return self.sums(self.raters)[1]

    @property
    def mean(self) -> Floats:
        """The mean rater, (N,)."""
        return self.total / self.count

    def sums(self, raters: Sequence[_Rater]) -> tuple[Floats, Floats]:
        """Sum of the shares of some raters, and how many rated each pair, (N,) each."""
        number = np.concatenate([one.pairs for one in raters])
        share, n = np.concatenate([one.share for one in raters]), len(self.pairs)
        return np.bincount(number, share, n), np.bincount(number, minlength=n).astype(np.float64)


def score_ratings(
    candidates: Sequence[Candidate], ratings: pd.DataFrame, rng: np.random.Generator
) -> RatingResults:
    """Score networks on the main and repeated ratings of a table.

    Parameters
    ----------
    candidates
        The networks; ratings of objects that one has no features of are left out and counted.
    ratings
        Table of ratings.

    Returns
    -------
    Scores of each network and agreement of people; ``missing`` says what could not be estimated.

    Raises
    ------
    TwoalikeError
        If fewer than :data:`FEWEST_PAIRS` different pairs of objects with features were rated, or
        all of them alike.

    Examples
    --------
    >>> from twoalike.features import FeatureTable
    >>> from twoalike.judgments import ratings_table
    >>> x = np.array([[1.0, 0], [1, 1], [0, 2], [3, 1], [2, 2]])
    >>> first, second = np.triu_indices(5, 1)
    >>> rated = {"item_a": first, "item_b": second, "rating": (x @ x.T)[first, second] / 8}
    >>> network = Candidate("plane", FeatureTable(tuple("abcde"), x), "dot")
    >>> table = ratings_table(rated, list("abcde"))
    >>> score_ratings([network], table, np.random.default_rng(0)).models[0].spearman.value
    1.0
    """
    judged = ratings[ratings["trial_type"].isin(JUDGED)]
    used = with_features(judged, ("item_a", "item_b"), candidates, "ratings")
    sources, ids = rating_sources(used)
    data = _gathered(sources, ids)
    known = sorted(set(data.pairs.ravel().tolist()))
    place = np.searchsorted(known, data.pairs)
    names = [ids[row] for row in known]
    owns = np.stack([candidate_pairs(one, names, place) for one in candidates])
    missing: dict[str, str] = {}
    ceiling = _ceiling(data, missing)
    return RatingResults(
        participants=len({source.participant for source in sources}),
        objects=len(known),
        left_out=len(judged) - len(used),
        ratings=len(used),
        pairs=len(data.pairs),
        models=_scores(candidates, data, place, owns, rng, missing),
        ceiling=ceiling,
        repeats=_repeats(sources, missing),
        missing=missing,
    )


def _gathered(sources: Sequence[RatingSource], ids: Sequence[str]) -> _Rated:
    """Give the pairs numbers, and rank each rater's answers."""
    sides = [np.sort(source.pairs, axis=1) for source in sources]
    code = [first * len(ids) + second for first, second in (side.T for side in sides)]
    every, raters = np.unique(np.concatenate(code)), []
    if len(every) < FEWEST_PAIRS:
        raise TwoalikeError(
            where="ratings",
            expected=f"at least {FEWEST_PAIRS} different pairs of objects that all networks have "
            "features of",
            found=str(len(every)),
            remedy="Compute features of the rated objects under the ids of the ratings.",
        )
    for source, own in zip(sources, code, strict=True):
        found, inverse = np.unique(own, return_inverse=True)
        mean = np.bincount(inverse, source.rating) / np.bincount(inverse)
        share = centred_ranks(mean) / len(mean)
        raters.append(_Rater(source.label, np.searchsorted(every, found), share))
    data = _Rated(np.stack(np.divmod(every, len(ids)), axis=1), raters)
    if np.ptp(data.mean) == 0:
        raise TwoalikeError(
            "all pairs are rated alike; there is no order of them to agree with",
            where="ratings",
            remedy="Check the table.",
        )
    return data


def _scores(
    candidates: Sequence[Candidate],
    data: _Rated,
    place: Integers,
    owns: Floats,
    rng: np.random.Generator,
    missing: dict[str, str],
) -> tuple[RatingScores, ...]:
    """Correlations of every network; ``place`` (N, 2) are objects, ``owns`` (k, N) similarities."""
    rows, columns = place.T
    found = [spearman_with_influence(own, data.mean) for own in owns]
    values = np.array([value for value, _ in found])
    objects = values + object_changes(np.stack([each for _, each in found]), rows, columns).T
    people = groups_left_out(len(data.raters), rng, lambda kept: _without(data, kept, owns))
    intervals, gains = paired_intervals(values, people, objects)
    single, of_means = _with_each(data, place, owns, missing)
    results = []
    for number, candidate in enumerate(candidates):
        each = {label: float(value[number]) for label, value in single.items()}
        results.append(
            RatingScores(
                spearman=intervals[number].within(-1.0, 1.0),
                rho_a=rho_a(owns[number], data.mean),
                per_person=PersonCorrelations(
                    mean=of_means[number].within(-1.0, 1.0) if of_means else None, people=each
                ),
                difference=Difference(to=candidates[0].name, value=gains[number])
                if candidate is not candidates[0]
                else None,
            )
        )
    return tuple(results)


def _without(data: _Rated, kept: Sequence[int], owns: Floats) -> Floats:
    """Correlations with the mean of some of the raters, (k,)."""
    total, count = data.sums([data.raters[row] for row in kept])
    there = count > 0
    mean = total[there] / count[there]
    return np.array([spearman(own[there], mean) for own in owns])


def _with_each(
    data: _Rated, place: Integers, owns: Floats, missing: dict[str, str]
) -> tuple[dict[str, Floats], list[Interval] | None]:
    """Correlations with each rater of enough pairs, (k,) each, and intervals of their means."""
    single: dict[str, Floats] = {}
    enough = [one for one in data.raters if len(one.pairs) >= FEWEST_PAIRS]
    if not enough:
        missing["per_person"] = f"needs a rater of {FEWEST_PAIRS} pairs or more"
        return single, None
    influences = []
    for one in enough:
        found = [spearman_with_influence(own[one.pairs], one.share) for own in owns]
        single[one.label] = np.array([value for value, _ in found])
        influences.append(np.stack([each for _, each in found], axis=1) + single[one.label])
    counts = [len(one.pairs) for one in enough]
    mean = np.mean(list(single.values()), axis=0)
    weight = 1 / (len(enough) * np.repeat(counts, counts))
    answers = Answers(
        np.repeat(np.arange(len(enough)), counts),
        place[np.concatenate([one.pairs for one in enough])],
        weight,
    )
    influence = weight[:, None] * (np.concatenate(influences) - mean)
    return single, answers.intervals(mean, influence)[0]


def _ceiling(data: _Rated, missing: dict[str, str]) -> PersonCeiling | None:
    """Correlation of each rater with the mean of the others and of all."""
    people: dict[str, Span] = {}
    for one in data.raters:
        others = data.count[one.pairs] - 1
        shared = others > 0
        if shared.sum() < FEWEST_PAIRS:
            continue
        total = data.total[one.pairs]
        low = spearman(one.share[shared], ((total - one.share)[shared]) / others[shared])
        people[one.label] = Span(low, spearman(one.share, total / (others + 1)))
    if not people:
        missing["ceiling"] = f"needs a rater of {FEWEST_PAIRS} pairs that others rated too"
        return None
    return PersonCeiling.of(people)


def _repeats(sources: Sequence[RatingSource], missing: dict[str, str]) -> RepeatedRatings | None:
    """How alike the two ratings are that a person gave to the same pair."""
    firsts, seconds, apart, ends, who = [], [], [], [], []
    for number, source in enumerate(sources):
        pairs = np.sort(source.pairs, axis=1)
        order = np.lexsort((np.arange(len(pairs)), pairs[:, 1], pairs[:, 0]))
        again = np.flatnonzero((np.diff(pairs[order], axis=0) == 0).all(axis=1))
        before, after = order[again], order[again + 1]
        share = centred_ranks(source.rating) / len(source.rating)
        firsts.append(share[before])
        seconds.append(share[after])
        length = 1.0 if source.points is None else source.points - 1.0
        apart.append(np.abs(source.rating[before] - source.rating[after]) / length)
        ends.append(pairs[before])
        who.append(np.full(len(again), number))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    if len(first) < FEWEST_REPEATS:
        missing["repeats"] = (
            f"needs {FEWEST_REPEATS} pairs rated again by the same person, has {len(first)}"
        )
        return None
    value, influence = spearman_with_influence(first, second)
    changes = object_changes(influence, *np.concatenate(ends).T)
    person = np.concatenate(who)
    left = len(first) - np.bincount(person)
    by_person = -np.bincount(person, influence)[left < len(first)]
    people = value + by_person / np.maximum(left[left < len(first)], 1)
    objects = value + changes[~np.isnan(changes)]
    interval = paired_intervals(np.array([value]), people[:, None], objects[:, None])[0][0]
    return RepeatedRatings(
        pairs=len(first),
        spearman=interval.within(-1.0, 1.0),
        difference=float(np.concatenate(apart).mean()),
    )
