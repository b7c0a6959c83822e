"""Uncertainty of models and of people about each triplet, and people's response times.

People's entropy needs several votes on a triplet. That of the shares of a few votes (plug-in) is
too small and has few values; the posterior mean given how choice probabilities are distributed
over all triplets (:func:`twoalike.ceilings.posterior_entropy`) is not biased in this way.

People take longer where they are less sure. They differ more in speed than triplets do, so that
each participant's mean log time is taken off before times are averaged. Triplets judged once have
only one person's time each; trials are then correlated one by one, with the participant's mean
taken off both sides (a partial correlation of ranks). Published for the Levels data
(doi:10.1038/s41586-025-09631-6): the mean over responses of the log time, nothing taken off and
nothing left out, against the plug-in entropy of four votes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.ceilings import (
    Votes,
    count_types,
    fit_distribution,
    plug_in_entropy,
    posterior_entropy,
    published_reliability,
)
from twoalike.choice import entropy
from twoalike.evaluation import (
    Interval,
    TwoWayBootstrap,
    centred_ranks,
    group_numbers,
    spearman_with_influence,
)
from twoalike.study import Floats, Integers, counted

FEWEST = 10
"""Triplets (or trials) that a rank correlation needs."""
FEWEST_VOTES = 3
"""Votes that people's entropy needs."""


def by_triplet(values: Floats, triplet: Integers, m: int, *, fewest: int = 1) -> Floats:
    """Mean of the known values of each triplet, NaN where there are too few, shape (m,).

    Parameters
    ----------
    values
        Of each choice, NaN where not known, shape (n,).
    triplet
        Triplet of each choice, 0..m-1, shape (n,).
    m
        Number of triplets.
    fewest
        Known values that a triplet needs.
    """
    known = ~np.isnan(values)
    n = np.bincount(triplet[known], minlength=m)
    total = np.bincount(triplet[known], weights=values[known], minlength=m)
    return np.where(n >= max(fewest, 1), total / np.maximum(n, 1), np.nan)


def model_entropy(probabilities: npt.ArrayLike, triplet: Integers, m: int) -> Floats:
    """Entropy of a model's choice probabilities in nats, mean over each triplet's choices.

    Parameters
    ----------
    probabilities
        Probability of each item for each choice, shape (n, 3).
    triplet, m
        As in :func:`by_triplet`.
    """
    return by_triplet(entropy(probabilities), triplet, m)


@dataclass(frozen=True)
class PeopleEntropy:
    """Entropy of people's answers to each of m triplets in nats; NaN where votes are too few.

    Of the shares of the votes (``plug_in``), its ``posterior`` mean, and ``published``: the plug-in
    entropy of four votes drawn of at most five, as for the Levels data.
    """

    plug_in: Floats
    posterior: Floats
    published: Floats


def people_entropy(votes: Votes, rng: np.random.Generator) -> PeopleEntropy:
    """Entropy of the votes on each triplet.

    Examples
    --------
    >>> from twoalike.ceilings import votes
    >>> table = votes(np.tile([0, 1, 2], (4, 1)), np.array([2, 2, 0, 0]))
    >>> people_entropy(table, np.random.default_rng(0)).plug_in.round(3)
    array([0.693])
    """
    enough = votes.n_votes >= FEWEST_VOTES
    plug_in = np.where(enough, plug_in_entropy(votes.counts), np.nan)
    posterior = np.full(len(votes), np.nan)
    if enough.any():
        types, of = count_types(votes.counts[enough])
        fitted = fit_distribution(types, np.bincount(of), options=votes.options)
        posterior[enough] = posterior_entropy(fitted, votes.counts[enough])
    return PeopleEntropy(plug_in, posterior, published_reliability(votes, rng).entropy)


def lacking(a: Floats, b: Floats, unit: str = "triplet") -> str | None:
    """Why there is no rank correlation of two values of m triplets or trials; None if there is."""
    known = ~(np.isnan(a) | np.isnan(b))
    if known.sum() < FEWEST:
        return f"needs {counted(FEWEST, unit)}, has {int(known.sum())}"
    for values in (a[known], b[known]):
        if np.ptp(values) <= 1e-12 * max(float(np.abs(values).max()), 1.0):
            return f"one of the two is the same for every {unit}"
    return None


def rank_correlation(a: Floats, b: Floats, boot: TwoWayBootstrap) -> Interval:
    """Spearman's correlation over what both know, with a 95 % interval.

    Parameters
    ----------
    a, b
        Of m triplets or trials, NaN where not known, shape (m,) each.

    Raises
    ------
    ValueError
        If there is none (:func:`lacking`).

    Notes
    -----
    The interval is that of a mean of influences (first order). Over triplets it is about other
    triplets of other objects would give; those who voted are taken as they are.
    """
    reason = lacking(a, b)
    if reason:
        raise ValueError(f"no rank correlation: {reason}")
    known = ~(np.isnan(a) | np.isnan(b))
    x, y = a[known], b[known]
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


def log_times(
    response_times: npt.ArrayLike,
    participants: Integers,
    *,
    shortest_s: float = SHORTEST_S,
    longest_s: float = LONGEST_S,
) -> LogTimes:
    """Log response times without the participants' own speed.

    Parameters
    ----------
    response_times
        Seconds, NaN where missing, shape (n,).
    participants
        Who judged, shape (n,).
    shortest_s, longest_s
        Times outside are implausible; 0 and infinity keep all.

    Examples
    --------
    >>> found = log_times([1.0, 4.0, 2.0, 8.0, 30.0], np.array([0, 0, 1, 1, 1]))
    >>> found.centred.round(3), found.left_out["long"]
    (array([-0.693,  0.693, -0.693,  0.693,    nan]), 1)
    """
    seconds = np.asarray(response_times, dtype=np.float64)
    given = seconds > 0
    raw = np.log(seconds, out=np.full(len(seconds), np.nan), where=given)
    short, long = given & (seconds < shortest_s), given & (seconds > longest_s)
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
    known = ~np.isnan(values)
    n = np.bincount(person[known], minlength=int(person.max(initial=-1)) + 1)
    total = np.bincount(person[known], weights=values[known], minlength=len(n))
    mean = np.where(n > 1, total / np.maximum(n, 1), np.nan)
    return np.asarray(values - mean[person])


def partial_ranks(a: Floats, b: Floats, participants: Integers) -> tuple[Floats, Floats]:
    """Ranks of two values of each choice, minus the participant's mean rank.

    Parameters
    ----------
    a, b
        NaN where not known, shape (n,) each.
    participants
        Who judged, shape (n,).

    Returns
    -------
    Shape (n,) each; NaN where either is not known or the participant has only one such choice.
    """
    known = ~(np.isnan(a) | np.isnan(b))
    ranks = []
    for values in (a, b):
        rank = np.full(len(values), np.nan)
        rank[known] = centred_ranks(values[known])
        ranks.append(within_participants(rank, participants))
    return ranks[0], ranks[1]
