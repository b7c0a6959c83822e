r"""Who rated or sorted carelessly: log-probabilities of answers and times for each kind of person.

Ratings:

=========  ========================  ======================  ============  ====================
kind       ratings                   of a pair again         checks right  response times
=========  ========================  ======================  ============  ====================
careful    follow the embedding      consistent              Beta(9, 1)    a person's
guessing   follow nothing            follow nothing          by chance     a person's, too fast
position   by the last rating        (in the first column)   by chance     the same
automatic  of the embedding, or any  consistent, or any      Beta(1, 1)    too fast or regular
=========  ========================  ======================  ============  ====================

How people use a scale differs, so that only the order of a person's ratings tells of care. Ratings
and similarities are replaced by the normal scores of their ranks, a and b, and follow each other by
a normal copula of correlation r (Sklar 1959; Klaassen & Wellner 1997, doi:10.2307/3318652):

    log density = -log(1 - r^2) / 2 - (r^2 (a^2 + b^2) - 2 r a b) / (2 (1 - r^2)),

zero for answers that follow nothing. The r of careful people is unknown, with a Beta prior; so is
that of two ratings of a pair. Which levels of the scale a person uses has a flat Dirichlet prior;
of somebody who answers by the last rating, such as always the same, each level given the last one
has a Dirichlet prior that favours strict habits, as positions of choices have.

Piles of the careful are those of the model (:mod:`twoalike.embedding._sortings`), with noise and
threshold integrated over; those of all others have it with similarities of zero. Their times are
the duration of a trial for each object.
"""

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaln, logsumexp
from scipy.stats import beta, norm, rankdata

from twoalike.embedding._careless_layouts import views_of
from twoalike.embedding._careless_times import ARRANGING, RATING, by_kind, log_times
from twoalike.embedding._judged import labels_of, none_known
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._rated_checks import SortedTrials
from twoalike.embedding._sortings import FEWEST, Sortings
from twoalike.judgments import trial_numbers
from twoalike.study import Booleans, Floats
from twoalike.tables import JUDGED

RATING_EVIDENCE = ("ratings", "rating_repeats", "rating_checks", "rating_times")
SORTING_EVIDENCE = ("piles", "pace_of_piles")
CORRELATIONS = np.linspace(0.025, 0.975, 39)
FOLLOWING, AGAIN = (3.0, 2.0), (3.0, 1.5)
"""Beta: how closely careful people follow the embedding, and their own first rating."""
CAREFUL_CHECKS, ANY_CHECKS = (9.0, 1.0), (1.0, 1.0)
USE, HABIT = 1.0, 0.3
"""Dirichlet parameters of the levels that a person uses, and of the next one given the last."""
TENTHS = 10
NOISES = np.geomspace(0.1, 1.5, 9)
LOG_NOISE, LOG_NOISE_SD = np.log(0.5), 0.5
THRESHOLDS = np.linspace(-1.5, 2.5, 9)
THRESHOLD, THRESHOLD_SD = 0.5, 1.0
ALONE = np.linspace(-4.0, 4.0, 17)
"""Threshold over noise of people whose piles follow nothing: normal with standard deviation 2."""
DRAWS = 50


def rating_evidence(
    posterior: Posterior, table: pd.DataFrame, people: list[str]
) -> tuple[Floats, Booleans]:
    """Log-probabilities of each person's ratings, (people, kinds, evidence); which are known."""
    own = table["participant"].isin(people)
    known = own & table["item_a"].isin(posterior.ids) & table["item_b"].isin(posterior.ids)
    judged = known & table["trial_type"].isin(JUDGED)
    if not judged.any():
        raise none_known(posterior, "ratings", len(table), labels_of(posterior, "rater"))
    checks = own & (table["trial_type"] == "catch") & table["correct"].notna()
    posterior = posterior.thinned(DRAWS)
    log_p = np.zeros((len(people), 4, len(RATING_EVIDENCE)))
    there = np.zeros((len(people), len(RATING_EVIDENCE)), dtype=bool)
    for place, name in enumerate(people):
        mine = (table["participant"] == name).to_numpy(dtype=bool)
        rows = table[mine & (judged | checks)].sort_values(["session", "trial"], kind="stable")
        if len(rows):
            similarity = _similarity(posterior, name)
            log_p[place], there[place] = _of_rater(rows, posterior.ids, similarity)
    return log_p, there


def sorting_evidence(
    posterior: Posterior, table: pd.DataFrame, people: list[str]
) -> tuple[Floats, Booleans]:
    """Log-probabilities of the sortings of each person, as :func:`rating_evidence`."""
    judged = table["participant"].isin(people) & table["item"].isin(posterior.ids)
    judged &= table["trial_type"].isin(JUDGED)
    if not judged.any():
        raise none_known(posterior, "sortings", len(table), labels_of(posterior, "sorter"))
    posterior = posterior.thinned(DRAWS)
    log_p = np.zeros((len(people), 4, len(SORTING_EVIDENCE)))
    there = np.zeros((len(people), len(SORTING_EVIDENCE)), dtype=bool)
    for place, name in enumerate(people):
        rows = table[judged & (table["participant"] == name)]
        if len(rows):
            number = trial_numbers(rows)
            size = np.bincount(number)
            seconds = rows["response_time"].to_numpy(np.float64)
            first = np.unique(number, return_index=True)[1]
            pace = (seconds / size[number])[first]
            pace = np.log(pace[pace > 0])
            log_p[place, :, 1] = by_kind(*log_times(pace, ARRANGING))
            there[place] = [(size >= FEWEST).any(), len(pace) > 0]
            if there[place, 0]:
                log_p[place, :, 0] = _of_sorter(rows, posterior, name)
    return log_p, there


def _similarity(posterior: Posterior, name: str) -> Floats:
    """Mean over draws of the similarity of all objects as a person sees them, (m, m)."""
    total = np.zeros((len(posterior.ids),) * 2)
    for seen in views_of(posterior, name):
        total += posterior.kernel.matrix(seen, seen)
    return np.asarray(total / len(posterior.embedding))


def _of_rater(
    rows: pd.DataFrame, ids: tuple[str, ...], similarity: Floats
) -> tuple[Floats, list[bool]]:
    """Log-probability of one person's ratings for each kind, and which evidence there is."""
    judged = rows[rows["trial_type"].isin(JUDGED)]
    ends = [pd.Index(ids).get_indexer(pd.Index(judged[f"item_{one}"].astype(str))) for one in "ab"]
    points = judged["scale_points"].to_numpy(np.float64)
    scale = np.nan_to_num(points)
    pair = np.sort(np.stack(ends, axis=1), axis=1)
    seen = pd.Series(np.arange(len(judged))).groupby([*pair.T, scale])
    earlier = seen.shift().to_numpy()
    repeat = ~np.isnan(earlier)
    a, rating = np.zeros(len(judged)), judged["rating"].to_numpy(np.float64)
    for one in np.unique(scale):
        a[scale == one] = normal_scores(rating[scale == one])
    follow = log_following(a[~repeat], normal_scores(similarity[*pair.T][~repeat]), *FOLLOWING)
    before = earlier[repeat].astype(np.int64)
    again = log_following(a[repeat], a[before], *AGAIN)
    habit = _log_habit(rating, points)
    checks = rows.loc[rows["trial_type"] == "catch", "correct"] == "true"
    right, wrong = int(checks.sum()), int((~checks).sum())
    priors = (CAREFUL_CHECKS, ANY_CHECKS)
    log_checks = [betaln(a + right, b + wrong) - betaln(a, b) for a, b in priors]
    chance = len(checks) * np.log(0.5)  # the upper or the lower half of the scale
    seconds = rows["response_time"].to_numpy(np.float64)
    seconds = seconds[seconds > 0]
    either = np.logaddexp([follow, follow + again], 0.0) - np.log(2)
    found = np.array(
        [
            [follow, 0.0, habit, either[0]],
            [again, 0.0, 0.0, either[1] - either[0]],
            [log_checks[0], chance, chance, log_checks[1]],
            by_kind(*log_times(np.log(seconds), RATING)),
        ]
    )
    there = [len(judged) > 0, bool(repeat.any()), len(checks) > 0, len(seconds) > 0]
    return found.T, there


def normal_scores(values: Floats) -> Floats:
    """Give normal quantiles of mid-ranks, (n,), standardised; zero where all are equal."""
    if not len(values) or np.ptp(values) == 0:
        return np.zeros(len(values))
    scores = norm.ppf((rankdata(values) - 0.5) / len(values))
    return np.asarray((scores - scores.mean()) / scores.std())


def log_following(a: Floats, b: Floats, more: float, less: float) -> float:
    """Log-density of normal scores given others, (n,), over that of independent ones.

    Averaged over a Beta(more, less) prior of their correlation.
    """
    if not (a.any() and b.any()):  # all answers are equal, or there are none
        return 0.0
    r = CORRELATIONS
    square, product = float((a**2 + b**2).sum()), float((a * b).sum())
    log_c = -len(a) * np.log1p(-(r**2)) / 2
    log_c -= (r**2 * square - 2 * r * product) / (2 * (1 - r**2))
    prior = beta.logpdf(r, more, less)
    return float(logsumexp(log_c + prior) - logsumexp(prior))


def _log_habit(rating: Floats, points: Floats) -> float:
    """Log-probability of the levels by habit over that by use of the scale, in order of trials."""
    total = 0.0
    for of in np.unique(np.nan_to_num(points)):
        mine = np.nan_to_num(points) == of
        levels = int(of) if of else TENTHS
        level = rating[mine] - 1 if of else np.minimum(rating[mine] * TENTHS, TENTHS - 1)
        level = level.astype(np.int64)
        last = np.concatenate([[levels], level[:-1]])  # before the first one there is none
        counts = np.zeros((levels + 1, levels))
        np.add.at(counts, (last, level), 1)
        total += sum(_log_dirichlet(row, HABIT) for row in counts)
        total -= _log_dirichlet(counts.sum(axis=0), USE)
    return total


def _log_dirichlet(counts: Floats, alpha: float) -> float:
    """Log-probability of a sequence with these counts under a symmetric Dirichlet prior."""
    k = len(counts)
    return float(
        gammaln(k * alpha)
        - gammaln(k * alpha + counts.sum())
        + (gammaln(alpha + counts) - gammaln(alpha)).sum()
    )


def _of_sorter(rows: pd.DataFrame, posterior: Posterior, name: str) -> list[float]:
    """Log-probability of one person's piles for each kind, over that of piles that follow none."""
    data = Sortings.from_table(rows, posterior.ids)
    similarity = _similarity(posterior, name)
    reference = similarity[*data.reference.T]
    s = (similarity - reference.mean()) / max(float(reference.std()), 1e-12)
    log_p = np.zeros((len(NOISES), len(THRESHOLDS)))
    alone = np.zeros(len(ALONE))
    for group in data.groups:
        trials = SortedTrials(group, group.sorter)
        own = s[group.items[:, :, None], group.items[:, None, :]]
        for row, noise in enumerate(NOISES):
            for column, least in enumerate(THRESHOLDS):
                log_p[row, column] += trials.log_probability((own - least) / noise).sum()
        for row, ratio in enumerate(ALONE):
            alone[row] += trials.log_probability(np.full(own.shape, -ratio)).sum()
    prior = norm.logpdf(np.log(NOISES), LOG_NOISE, LOG_NOISE_SD)[:, None]
    prior = prior + norm.logpdf(THRESHOLDS, THRESHOLD, THRESHOLD_SD)
    of_alone = norm.logpdf(ALONE, 0.0, 2.0)
    careful = logsumexp(log_p + prior) - logsumexp(prior)
    gain = float(careful - (logsumexp(alone + of_alone) - logsumexp(of_alone)))
    return [gain, 0.0, 0.0, float(np.logaddexp(gain, 0.0) - np.log(2))]
