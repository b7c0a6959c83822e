"""Uncertainty of models and of people about each triplet, and people's response times.

People's entropy needs several votes on a triplet. That of the shares of a few votes (plug-in) is
too small and has few values; the posterior mean given how choice probabilities are distributed
over all triplets is not biased in this way.

People take longer where they are less sure. They differ more in speed than triplets do, so that
each participant's mean log time is taken off before times are averaged. Triplets judged once have
only one person's time each; trials are then correlated one by one, with the participant's mean
taken off both sides (a partial correlation of ranks). Published for the Levels data
(doi:10.1038/s41586-025-09631-6): the mean over responses of the log time, nothing taken off and
nothing left out, against the plug-in entropy of four votes.

A posterior's uncertainty is compared with the times of each person by themselves: over the trials
of one person the entropy of the predicted answer is ranked against the response time. The mean of
these correlations is that of single trials: it is below those published for the Levels data, which
are over triplets whose times were averaged over people.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from twoalike.ceilings import (
    Votes,
    count_types,
    drawn_entropy,
    fit_distribution,
)
from twoalike.choice import entropy
from twoalike.embedding import PosteriorSource, as_posterior, predict_choices
from twoalike.evaluation import (
    Interval,
    NotMeasurable,
    TwoWayBootstrap,
    centred_ranks,
    group_numbers,
    spearman,
    spearman_with_influence,
)
from twoalike.judgments import JudgmentTable, read_judgments
from twoalike.study import Floats, Integers, TwoalikeError, counted

FEWEST = 10
"""Triplets (or trials) that a rank correlation needs."""
FEWEST_VOTES = 3
"""Votes that people's entropy needs."""


def known_means(values: Floats, group: Integers, m: int, *, fewest: int = 1) -> Floats:
    """Mean of the values (n,) that are known (not NaN) of each of m triplets or people, (m,).

    ``group`` is that of each choice; NaN where fewer than ``fewest`` are known.
    """
    known = ~np.isnan(values)
    n = np.bincount(group[known], minlength=m)
    total = np.bincount(group[known], weights=values[known], minlength=m)
    return np.where(n >= max(fewest, 1), total / np.maximum(n, 1), np.nan)


@dataclass(frozen=True)
class PeopleEntropy:
    """Entropy of people's answers to each of m triplets in nats; NaN where votes are too few.

    Its ``posterior`` mean, and ``published``: the entropy of the shares of four votes, as for the
    Levels data, on average over the draws of these.
    """

    posterior: Floats
    published: Floats


def people_entropy(votes: Votes) -> PeopleEntropy:
    """Entropy of the votes on each triplet."""
    enough = votes.n_votes >= FEWEST_VOTES
    posterior = np.full(len(votes), np.nan)
    if enough.any():
        types, of = count_types(votes.counts[enough])
        fitted = fit_distribution(types, np.bincount(of), options=votes.options)
        posterior[enough] = fitted.posterior_mean(votes.counts[enough], entropy(fitted.points))
    return PeopleEntropy(posterior, drawn_entropy(votes.counts))


def rank_correlation(
    a: Floats, b: Floats, boot: TwoWayBootstrap, unit: str = "triplet"
) -> Interval:
    """Spearman's correlation of values (m,) over what both know (not NaN), with a 95 % interval.

    The interval is that of a mean of influences (first order). Over triplets it is about what other
    triplets of other objects would give; those who voted are taken as they are.
    """
    known = ~(np.isnan(a) | np.isnan(b))
    x, y = a[known], b[known]
    if len(x) < FEWEST:
        raise NotMeasurable(f"needs {counted(FEWEST, unit)}, has {len(x)}")
    for values in (x, y):
        if np.ptp(values) <= 1e-12 * max(float(np.abs(values).max()), 1.0):
            raise NotMeasurable(f"one of the two is the same for every {unit}")
    part = boot if known.all() else boot.within(known)
    value, influence = spearman_with_influence(x, y)
    return part.interval(influence, value).within(-1.0, 1.0)


SHORTEST_S, LONGEST_S = 0.2, 10.0
"""Shorter: too fast to have seen three images. Longer: the published cut of a person's times."""
FEWEST_TIMES = 2
"""Times that make the mean time of a triplet; with one each, trials are looked at instead."""
PUBLISHED_SPEARMAN = {"coarse": 0.325, "fine": 0.364, "boundary": 0.443}
"""Spearman's correlation of people's entropy and mean log time in the Levels data."""


@dataclass(frozen=True)
class LogTimes:
    """Log response times of n choices, and how many were left out by reason.

    ``centred``: ln of seconds minus the participant's mean, NaN where missing or implausible or the
    participant's only one. ``raw``: ln of seconds, NaN where missing or zero only.
    """

    centred: Floats
    raw: Floats
    left_out: dict[str, int]


def log_times(response_times: npt.ArrayLike, participants: Integers) -> LogTimes:
    """Log response times (n,) without the participants' own speed.

    ``response_times`` are in s, NaN where missing; those under 0.2 and over 10 are implausible.
    """
    seconds = np.asarray(response_times, dtype=np.float64)
    given = seconds > 0
    raw = np.log(seconds, out=np.full(len(seconds), np.nan), where=given)
    short, long = given & (seconds < SHORTEST_S), given & (seconds > LONGEST_S)
    used = given & ~short & ~long
    centred = within_participants(np.where(used, raw, np.nan), participants)
    return LogTimes(
        centred,
        raw,
        {
            "missing": int((~given).sum()),
            "short": int(short.sum()),
            "long": int(long.sum()),
            "only_one": int((used & np.isnan(centred)).sum()),
        },
    )


def within_participants(values: Floats, participants: Integers) -> Floats:
    """Values minus their participant's mean; NaN where a participant has only one, shape (n,)."""
    person = group_numbers(participants)
    mean = known_means(values, person, int(person.max(initial=-1)) + 1, fewest=2)
    return np.asarray(values - mean[person])


def partial_ranks(a: Floats, b: Floats, participants: Integers) -> tuple[Floats, Floats]:
    """Ranks of two values of each choice, (n,) each, minus the participant's mean rank.

    NaN where either is not known or the participant has only one such choice.
    """
    known = ~(np.isnan(a) | np.isnan(b))
    ranks = []
    for values in (a, b):
        rank = np.full(len(values), np.nan)
        rank[known] = centred_ranks(values[known])
        ranks.append(within_participants(rank, participants))
    return ranks[0], ranks[1]


BINS = 5
"""Bins of each person's trials by predicted uncertainty."""
FEWEST_PEOPLE = 2
"""People with :data:`FEWEST` trials or more that an interval over people needs."""


@dataclass(frozen=True, eq=False)
class TimesByEntropy:
    """Response times against predicted uncertainty, within P people.

    ``spearman`` is the mean over people of their rank correlations, with a 95 % interval over
    people (Student's t); ``correlations`` (P,) are these and ``people`` (P,) whose they are, as
    numbered by the caller. The rest is of bins, each with a fifth of every person's trials: the
    mean predicted ``entropy`` (nats), the mean over people of their mean log ``time``, relative to
    their own over all trials, with a 95 % interval over people, and the ``quartiles`` (bins, 3) of
    single trials. ``trials`` are counted in all; ``left_out`` tells whether each, its time
    included, was left out of the posterior that predicts it.
    """

    spearman: Interval
    correlations: Floats
    people: Integers
    entropy: Floats
    time: tuple[Interval, ...]
    quartiles: Floats
    trials: int
    left_out: bool = False


def mean_over_people(values: Floats) -> Interval:
    """Mean of one value a person, at least two, with a 95 % interval by Student's t."""
    n, mean = len(values), float(values.mean())
    half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def times_by_entropy(
    predicted: Floats, centred: Floats, participants: Integers
) -> TimesByEntropy | None:
    """Rank response times against predicted uncertainty within people.

    Of each of n trials the entropy of the ``predicted`` answer (nats), and the ``centred`` log
    time, NaN where there is none (:func:`log_times`). Of people with ten times or more and more
    than one entropy; None with fewer than two of them.
    """
    known = np.flatnonzero(~(np.isnan(predicted) | np.isnan(centred)))
    order = known[np.argsort(participants[known], kind="stable")]
    starts = np.flatnonzero(np.diff(participants[order])) + 1
    own = [
        rows
        for rows in np.split(order, starts)
        if len(rows) >= FEWEST and np.ptp(predicted[rows]) > 0
    ]
    if len(own) < FEWEST_PEOPLE:
        return None
    correlations = np.array([spearman(predicted[rows], centred[rows]) for rows in own])
    # Of each person so many trials a bin, the surest first.
    parts = [np.array_split(rows[np.argsort(predicted[rows], kind="stable")], BINS) for rows in own]
    pooled = [np.concatenate(of) for of in zip(*parts, strict=True)]
    means = np.array([[centred[rows].mean() for rows in of] for of in parts])  # people x bins
    return TimesByEntropy(
        spearman=mean_over_people(correlations).within(-1.0, 1.0),
        correlations=correlations,
        people=np.array([participants[rows[0]] for rows in own]),
        entropy=np.array([predicted[rows].mean() for rows in pooled]),
        time=tuple(map(mean_over_people, means.T)),
        quartiles=np.array([np.percentile(centred[rows], (25, 50, 75)) for rows in pooled]),
        trials=sum(map(len, own)),
    )


def times_of_choices(
    probabilities: Floats, response_times: Floats, participants: Integers
) -> TimesByEntropy | None:
    """Rank response times (s) of n choices against the entropy of their probabilities, (n, 3).

    Implausible times are left out (:func:`log_times`); the result is that of
    :func:`times_by_entropy`.
    """
    centred = log_times(response_times, participants).centred
    return times_by_entropy(entropy(probabilities), centred, participants)


def times_by_uncertainty(
    posterior: PosteriorSource, choices: JudgmentTable, *, fitted: bool = True, seed: int = 0
) -> TimesByEntropy:
    """Rank people's response times against the uncertainty that a posterior predicts.

    Parameters
    ----------
    posterior, choices
        The posterior and judgments with ``response_time`` (s), or their files. Each is predicted
        with the lapse, the temperature and, where there are any, the weights of its participant.
    fitted
        Whether the posterior was fitted to these judgments: each is then predicted from the others
        (leave-one-out by importance sampling).
    seed
        Of the judgments taken, where there are more than 10,000.

    Returns
    -------
    ``people`` are places among ``posterior.participants``.
    """
    table = read_judgments(choices)
    posterior = as_posterior(posterior)
    made = predict_choices(posterior, table, fitted=fitted, seed=seed)
    seconds = table["response_time"].to_numpy(dtype=np.float64)[made.rows]
    found = times_of_choices(made.probabilities, seconds, made.judge)
    if found is None:
        raise TwoalikeError(
            where="response times",
            expected=f"{FEWEST_PEOPLE} participants with {FEWEST} of .2 to 10 s or more",
            found=counted(int((seconds > 0).sum()), "response time"),
        )
    return replace(found, left_out=made.left_out)
