"""Response times against predicted uncertainty, each person compared with themselves.

Over the trials of one person the entropy of the predicted answer is ranked against the response
time. The mean of these correlations is that of single trials: it is below those published for the
Levels data (doi:10.1038/s41586-025-09631-6), which are over triplets whose times were averaged
over people.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from twoalike.calibration._entropy import FEWEST, log_times
from twoalike.choice import entropy
from twoalike.embedding import Posterior, PosteriorSource, as_posterior, predict_choices
from twoalike.evaluation import Interval, spearman
from twoalike.judgments import JudgmentTable, read_judgments
from twoalike.study import Floats, Integers, TwoalikeError, counted

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
    """Mean of one value a person, at least two, with a 95 % interval by Student's t.

    Examples
    --------
    >>> found = mean_over_people(np.array([1.0, 2.0, 3.0]))
    >>> round(found.low, 2), found.value, round(found.high, 2)
    (-0.48, 2.0, 4.48)
    """
    n, mean = len(values), float(values.mean())
    half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def times_by_entropy(
    predicted: Floats, centred: Floats, participants: Integers, *, bins: int = BINS
) -> TimesByEntropy | None:
    """Rank response times against predicted uncertainty within people.

    Parameters
    ----------
    predicted
        Entropy of the predicted answer to each trial, nats, shape (n,).
    centred
        Log time of each less the person's mean, NaN where there is none (:func:`log_times`).
    participants
        Who judged, shape (n,).
    bins
        Bins by uncertainty.

    Returns
    -------
    Of people with ten times or more and more than one entropy; None with fewer than two of them.

    Examples
    --------
    >>> predicted, person = np.tile(np.arange(10.0), 2), np.repeat([0, 1], 10)
    >>> found = times_by_entropy(predicted, predicted - 4.5, person)
    >>> round(found.spearman.value, 3), found.entropy
    (1.0, array([0.5, 2.5, 4.5, 6.5, 8.5]))
    """
    known = np.flatnonzero(~(np.isnan(predicted) | np.isnan(centred)))
    order = known[np.argsort(participants[known], kind="stable")]
    starts = np.flatnonzero(np.diff(participants[order])) + 1
    own = [
        rows
        for rows in np.split(order, starts)
        if len(rows) >= max(FEWEST, bins) and np.ptp(predicted[rows]) > 0
    ]
    if len(own) < FEWEST_PEOPLE:
        return None
    correlations = np.array([spearman(predicted[rows], centred[rows]) for rows in own])
    # Of each person so many trials a bin, the surest first.
    parts = [np.array_split(rows[np.argsort(predicted[rows], kind="stable")], bins) for rows in own]
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
    ``people`` are places among ``posterior.participants``. Of a posterior that was fitted to these
    times no trial is ``left_out``, since only choices can be.

    Raises
    ------
    TwoalikeError
        If the posterior knows none of the judgments, or fewer than two people have ten times.
    """
    table = read_judgments(choices)
    posterior = as_posterior(posterior)
    made = predict_choices(posterior, table, fitted=fitted, seed=seed)
    seconds = table["response_time"].to_numpy(dtype=np.float64)[made.rows]
    found = times_of_choices(made.probabilities, seconds, made.judged.judge)
    if found is None:
        raise TwoalikeError(
            where="response times",
            expected=f"{FEWEST_PEOPLE} participants with {FEWEST} of .2 to 10 s or more",
            found=counted(int((seconds > 0).sum()), "response time"),
        )
    return replace(found, left_out=made.left_out and not knows_times(posterior))


def knows_times(posterior: Posterior) -> bool:
    """Tell whether response times informed the fit."""
    return "time_slope" in posterior.tree["posterior"].dataset
