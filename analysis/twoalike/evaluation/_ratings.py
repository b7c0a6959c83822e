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
influences of single ratings (:mod:`twoalike.evaluation._clusters`). For correlations
with the mean rater the variances of two jackknives add up, as for dissimilarities
(:mod:`twoalike.evaluation._structure`), raters left out in up to 60 random groups: a bootstrap
would make the mean rater noisier than it is. These intervals are somewhat wide, as the noise of
single ratings is in both.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from twoalike.evaluation._choices import Candidate
from twoalike.evaluation._estimates import (
    Correlation,
    CorrelationEstimate,
    Count,
    Interval,
    Measured,
    Share,
)
from twoalike.evaluation._judgments import first_and_again, group_numbers
from twoalike.evaluation._per_person import (
    Difference,
    JudgedBy,
    PairShares,
    PersonCeiling,
    PersonCorrelations,
    PredictedJudgments,
    Trial,
    over_people,
    person_ceiling,
    with_features,
)
from twoalike.evaluation._structure import (
    FEWEST_PAIRS,
    centred_ranks,
    object_changes,
    paired_intervals,
    rho_a,
    spearman_with_influence,
)
from twoalike.judgments import RatingSource, rating_sources
from twoalike.study import Floats, TwoalikeError
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

    n_of = "pairs"
    pairs: Count
    """Pairs rated again by the same person."""
    spearman: CorrelationEstimate
    """Correlation of both ratings, as ranks among the rater's answers."""
    difference: Share
    """Mean distance of both, as a share of the length of the scale."""


class RatingResults(JudgedBy):
    """What was measured on ratings of pairs."""

    n_of = "ratings"
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


def score_ratings(
    candidates: Sequence[Candidate], ratings: pd.DataFrame, rng: np.random.Generator
) -> RatingResults:
    """Score networks on the main and repeated ratings of a table.

    Ratings of objects that one network has no features of are left out and counted; ``missing``
    says what could not be estimated.

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
    missing: dict[str, str] = {}
    trials = [Trial(rater, *own) for rater, own in data.own.items()]
    ceiling = person_ceiling(data, trials, _agreement_of, _enough)
    if ceiling is None:
        missing["ceiling"] = f"needs a rater of {FEWEST_PAIRS} pairs that others rated too"
    return RatingResults(
        participants=len({source.participant for source in sources}),
        objects=len(data.ids),
        left_out=len(judged) - len(used),
        ratings=len(used),
        pairs=len(data.pairs),
        models=_scores(candidates, data, trials, rng, missing),
        ceiling=ceiling,
        repeats=_repeats(sources, missing),
        missing=missing,
    )


def _gathered(sources: Sequence[RatingSource], ids: Sequence[str]) -> PairShares:
    """Gather the pairs, and rank each rater's answers, as centred shares of their pairs."""
    rated, _ = PairShares.of(ids, [(one.label, one.pairs, one.rating) for one in sources])
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
    return data


def _scores(
    candidates: Sequence[Candidate],
    data: PairShares,
    trials: Sequence[Trial],
    rng: np.random.Generator,
    missing: dict[str, str],
) -> tuple[RatingScores, ...]:
    """Correlations of every network with the mean rater and with each."""
    owns = data.similarities(candidates)
    intervals, gains = data.correlations(owns, rng)
    trials = [of for of in trials if _enough(of.answers)]
    single: dict[str, Floats] = {}
    of_means: list[Interval] | None = None
    if trials:
        single, of_means, _ = over_people(data, trials, owns, _agreement_of)
    else:
        missing["per_person"] = f"needs a rater of {FEWEST_PAIRS} pairs or more"
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


def _agreement_of(predicted: Floats, share: Floats) -> tuple[float, Floats, Floats]:
    """Rank correlation, and the influences of the pairs, which count alike."""
    value, influence = spearman_with_influence(predicted, share)
    return value, influence, np.full(len(share), 1 / len(share))


def _enough(shares: Floats) -> bool:
    return len(shares) >= FEWEST_PAIRS


def _repeats(sources: Sequence[RatingSource], missing: dict[str, str]) -> RepeatedRatings | None:
    """How alike the two ratings are that a person gave to the same pair."""
    counts = [len(source.rating) for source in sources]
    person = np.repeat(np.arange(len(sources)), counts)
    pairs = np.sort(np.concatenate([source.pairs for source in sources]), axis=1)
    _, before, after = first_and_again(person, group_numbers(*pairs.T))
    share = np.concatenate([centred_ranks(one.rating) / len(one.rating) for one in sources])
    of_scale = np.concatenate([one.rating / ((one.points or 2) - 1) for one in sources])
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
    return RepeatedRatings(
        pairs=len(first),
        spearman=interval.within(-1.0, 1.0),
        difference=float(np.abs(of_scale[before] - of_scale[after]).mean()),
    )
