"""Whether predicted probabilities come true as often as they say: as a curve, and in one number.

The expected calibration error over bins b of n predictions p with outcomes y (0 or 1) is

    ECE = sum over b of |sum over i in b of (y_i - p_i)| / n.

Noise does not cancel in absolute values: a perfectly calibrated model has an error above zero,
the more so the more bins and the fewer predictions (doi:10.48550/arXiv.1909.10155). Two numbers
show how much of an error that is:

chance
    The error to expect of a calibrated model with the same predictions: its sums are about
    normal, with the variance that the predictions imply.
debiased
    sqrt(ECE^2 - chance^2), or 0: noise adds to an error about as the legs of a right triangle do.

The interval of the debiased error is that of a mean over choices, each in the direction of its
bin, over participants and objects; it ends at 0. In simulations of 100 to 2,000 choices, with true
errors of 0 to .18, the debiased error was right to about .01 on average, but where the truth is 0:
there it is on average about a third of the plain error. The interval held the truth in 90 to 99 %
of 300 studies (benchmarks/results/evaluation.md).

:func:`uncertainty` puts everything about models and people side by side for ``results.json``, with
judgments as trials and as triplets. What thin data do not determine is missing, with the reason
under ``missing``.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.calibration._entropy import (
    FEWEST,
    FEWEST_TIMES,
    FEWEST_VOTES,
    LogTimes,
    PeopleEntropy,
    known_means,
    log_times,
    partial_ranks,
    people_entropy,
    rank_correlation,
)
from twoalike.ceilings import votes_of
from twoalike.choice import entropy, expected_accuracy
from twoalike.evaluation import (
    Figures,
    Interval,
    Judgments,
    NotMeasurable,
    Scored,
    TwoWayBootstrap,
    attempt,
    first_of,
    wilson_interval,
)
from twoalike.study import Booleans, Floats, Integers, counted

type Answers = Literal["all", "top"]
BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Predicted probabilities in bins, against how often they came true."""

    edges: Floats
    """Edges of the k bins, shape (k + 1,)."""
    counts: Integers
    """Predictions in each bin, shape (k,)."""
    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    """``predicted``, ``observed``, ``low``, ``high``: Of the bins with enough predictions: mean
    prediction, share that came true and its 95 % (Wilson) interval."""


@dataclass(frozen=True)
class Binned:
    """Predictions, whether they came true, and their bins; k of all answers or 1 of the top."""

    probabilities: Floats
    """Of each answer, shape (n, 3), or (n, 2) for anchored choices."""
    answers: Answers
    """Which of them are predictions."""
    values: Floats
    hits: Floats
    which: Integers
    """``values``, ``hits``, ``which``: Predictions, outcomes, and bin of each, shape (n, k)."""
    edges: Floats
    """Of the bins, shape (bins + 1,)."""


def binned(probabilities: npt.ArrayLike, chosen: Integers, *, answers: Answers = "all") -> Binned:
    """Put probabilities (n, k) of answers 0..k-1, of which some were chosen, into ten equal bins.

    The predictions are of ``all`` k answers, or of the most probable one (``top``): of k tied ones
    each is 1/k of it, so that the order of items does not matter.
    """
    values = shares = np.asarray(probabilities, dtype=np.float64)
    hits: Floats = np.eye(shares.shape[1])[chosen]
    if answers == "top":
        values = shares.max(axis=1, keepdims=True)
        hits = expected_accuracy(shares, chosen)[:, None]
    edges = np.linspace(0, 1, BINS + 1)
    # A hair above: a prediction of exactly 0.2 computed as 0.19999999999999998 is one of 0.2.
    which = np.searchsorted(edges[1:-1], values + 1e-12, side="right").astype(np.int64)
    return Binned(shares, answers, values, hits, which, edges)


def reliability(
    probabilities: Floats, chosen: Integers, *, fewest: int = 10, answers: Answers = "all"
) -> Reliability:
    """Bin the predictions (:func:`binned`), by default those for all answers.

    Bins with ``fewest`` predictions are reported. The answers to a triplet are not independent, nor
    are the choices of one person: the intervals are a little narrow.

    Examples
    --------
    >>> curve = reliability(np.tile([0.2, 0.2, 0.6], (50, 1)), np.array([0, 1, 2, 2, 2] * 10))
    >>> curve.predicted.round(2), curve.observed.round(2)
    (array([0.2, 0.6]), array([0.2, 0.6]))
    """
    of = binned(probabilities, chosen, answers=answers)
    counts = np.bincount(of.which.ravel(), minlength=len(of.edges) - 1)
    kept, n = counts >= fewest, np.maximum(counts, 1)
    successes, predicted = (_sums(of.which, each, len(counts)) for each in (of.hits, of.values))
    curves = (predicted / n, successes / n, *wilson_interval(successes, n))
    return Reliability(of.edges, counts, *(curve[kept] for curve in curves))


def _sums(which: Integers, values: Floats, k: int = 0) -> Floats:
    return np.bincount(which.ravel(), weights=values.ravel(), minlength=k)


def _by_chance(of: Binned) -> float:
    """Mean error of choices that come from the probabilities."""
    values, which = of.values, of.which
    if of.answers == "top":
        tied = (of.probabilities >= values - 1e-9).sum(axis=1, keepdims=True)
        variance = _sums(which, values / tied - values**2)
    else:
        variance = _sums(which, values * (1 - values))
        for i, j in combinations(range(values.shape[1]), 2):  # answers exclude each other
            same = which[:, i] == which[:, j]
            both = values[same, i] * values[same, j]
            variance -= 2 * _sums(which[same, i], both, len(variance))
    return float(np.sqrt(2 / np.pi * np.maximum(variance, 0)).sum() / which.size)


def error_of(of: Binned, boot: TwoWayBootstrap) -> Figures:
    """Compute the expected calibration error, how much of it is chance, and what is left."""
    gaps = of.hits - of.values
    sums = _sums(of.which, gaps)
    value = float(np.abs(sums).sum() / of.which.size)
    chance = _by_chance(of)
    found = boot.interval((np.sign(sums)[of.which] * gaps).mean(axis=1), value)
    left = float(np.sqrt(max(value**2 - chance**2, 0.0)))
    low, high = (max(left + end - value, 0.0) for end in (found.low, found.high))
    bins = int((np.bincount(of.which.ravel()) > 0).sum())
    return Figures(value=value, chance=chance, bins=bins, debiased=Interval(left, low, high))


def brier_scores(probabilities: npt.ArrayLike, chosen: Integers) -> Floats:
    """Squared distance of the probabilities from the answer, over all k answers, shape (n,).

    From 0 to 2; equal probabilities give 1 - 1/k, 2/3 for odd-one-out choices (Brier 1950,
    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2).
    """
    values = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(((values - np.eye(values.shape[1])[chosen]) ** 2).sum(axis=1))


def set_calibration(probabilities: Floats, judged: Judgments) -> Figures:
    """Compare probabilities of the answers, (n, A), with the choices that answer one question."""
    boot = TwoWayBootstrap(judged.participants, judged.things)
    return Figures(
        error=error_of(binned(probabilities, judged.answer, answers="top"), boot),
        brier=boot.interval(brier_scores(probabilities, judged.answer)).within(0.0, 2.0),
    )


@dataclass(frozen=True)
class RankCorrelation(Interval):
    """Spearman's correlation, its interval, and over how many triplets or trials it is."""

    n: int | None = None


@dataclass(frozen=True, eq=False)
class _Asked:
    """Judgments as n trials and as m triplets, with clusters of both, and response times (s)."""

    judged: Judgments
    trials: TwoWayBootstrap
    seconds: Floats | None

    @cached_property
    def triplets(self) -> TwoWayBootstrap:
        """Clusters of the triplets: a second's work for a million, where it is needed."""
        no_person = np.zeros(len(self.judged.sets), dtype=np.int64)  # votes are of several people
        return TwoWayBootstrap(no_person, self.judged.sets)

    def people(self) -> PeopleEntropy:
        cast = votes_of(self.judged)
        if (enough := int((cast.n_votes >= FEWEST_VOTES).sum())) < FEWEST:
            raise NotMeasurable(
                f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_VOTES} votes, has "
                f"{enough}"
            )
        return people_entropy(cast)

    def times(self) -> LogTimes:
        if self.seconds is None or not (self.seconds > 0).any():
            raise NotMeasurable("no response times")
        if not self.judged.known_people:
            raise NotMeasurable("participants are not told apart, nor how fast each of them is")
        return log_times(self.seconds, self.judged.participants)

    def of_triplets(self, values: Floats, fewest: int = 1) -> Floats:
        """Mean of what is known of each triplet, of ``fewest`` choices or more, shape (m,)."""
        return known_means(values, self.judged.number, len(self.judged.sets), fewest=fewest)

    def correlations(
        self, a: Floats, b: Floats, name: str, missing: dict[str, str], unit: str = "triplet"
    ) -> Figures:
        """Rank correlation over all triplets or trials, and within each subset of each group."""
        of_trials = unit == "trial"
        boot = self.trials if of_trials else self.triplets
        first = slice(None) if of_trials else first_of(self.judged.number)

        def one(rows: Booleans | bool) -> RankCorrelation:
            x = np.where(rows, a, np.nan)
            found = rank_correlation(x, b, boot, unit)
            n = int((~np.isnan(x) & ~np.isnan(b)).sum())
            return RankCorrelation(found.value, found.low, found.high, n)

        every = attempt(missing, name, partial(one, True))
        groups = {
            group: {
                subset: attempt(
                    missing, f"{name}, {group} {subset}", partial(one, subset_of[first] == subset)
                )
                for subset in sorted(set(subset_of.tolist()) - {""})
            }
            for group, subset_of in self.judged.groups.items()
        }
        return Figures(all=every, groups=groups)


@dataclass(frozen=True, eq=False)
class _Known:
    """What does not depend on a model; None where there is too little, as ``missing`` says."""

    asked: _Asked
    people: PeopleEntropy | None
    times: LogTimes | None
    missing: Mapping[str, str]

    @classmethod
    def of(cls, asked: _Asked) -> "_Known":
        missing: dict[str, str] = {}
        people = attempt(missing, "entropy", asked.people)
        return cls(asked, people, attempt(missing, "response_time", asked.times), missing)


def _of_model(p: Floats, known: _Known) -> Figures:
    """Calibration, and entropy against that of people and their times."""
    asked, missing, chosen = known.asked, dict(known.missing), known.asked.judged.answer
    each, boot = entropy(p), known.asked.trials
    own = asked.of_triplets(each)
    found = Figures(
        calibration=Figures(
            error=Figures(top=error_of(binned(p, chosen, answers="top"), boot)),
            brier=boot.interval(brier_scores(p, chosen)),
        ),
        entropy=Figures(mean=boot.interval(each)),
    )
    if known.people is not None:
        of_people = asked.correlations(own, known.people.posterior, "entropy", missing)
        found["entropy"]["people"] = Figures(posterior=of_people)
    if known.times is not None:
        centred, times = known.times.centred, Figures()
        mean = asked.of_triplets(centred, FEWEST_TIMES)
        name = "response time of triplets"
        if (several := int((~np.isnan(mean)).sum())) >= FEWEST:
            times["triplets"] = asked.correlations(own, mean, name, missing)
        else:
            missing[name] = (
                f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_TIMES} response times, "
                f"has {several}"
            )
        ranks = partial_ranks(each, centred, asked.judged.participants)
        times["trials"] = asked.correlations(*ranks, "response time of trials", missing, "trial")
        found["response_time"] = times
    return Figures(**found, missing=missing)


def _of_people(known: _Known) -> Figures:
    asked, people, times, missing = known.asked, known.people, known.times, dict(known.missing)
    found = Figures()
    if people is not None:
        told = ~np.isnan(people.posterior)
        boot = asked.triplets.within(told)
        mean = boot.interval(people.posterior[told])
        found["entropy"] = Figures(triplets=int(told.sum()), posterior=mean)
    if people is not None and times is not None:
        centred, raw = (asked.of_triplets(of, FEWEST_TIMES) for of in (times.centred, times.raw))
        pairs = {
            "posterior": (people.posterior, centred),
            "as_published": (people.published, raw),
        }
        found["response_time"] = Figures(
            {
                name: asked.correlations(*of, f"response time, {name}", missing)
                for name, of in pairs.items()
            }
        )
    if times is not None:
        found["left_out_times"] = times.left_out
    return Figures(**found, missing=missing)


def uncertainty(
    scored: Sequence[Scored],
    judged: Judgments,
    boot: TwoWayBootstrap,
    *,
    response_times: npt.ArrayLike | None = None,
    posterior: npt.ArrayLike | None = None,
) -> Figures:
    """Calibration of models, and their uncertainty against people's and their response times.

    ``response_times`` are in s, NaN where missing, (n,); ``posterior`` is the probability of each
    answer from a fitted posterior, (n, A), NaN for triplets with objects that it does not know,
    which says something about new judgments only where it was not fitted to these. What cannot be
    measured is missing, and ``missing`` beside it says why.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(6)[:3] for _ in range(40)])
    >>> judged = Judgments(triplets, np.zeros(40, int), np.arange(40) % 4, tuple("abcdef"))
    >>> boot = TwoWayBootstrap(judged.participants, triplets, rng)
    >>> found = uncertainty([], judged, boot, posterior=np.full((40, 3), 1 / 3))
    >>> round(found["posterior"]["calibration"]["brier"].value, 3)
    0.667
    >>> found["people"]["missing"]["response_time"]
    'no response times'
    """
    seconds = None if response_times is None else np.asarray(response_times, dtype=np.float64)
    known = _Known.of(_Asked(judged, boot, seconds))
    missing: dict[str, str] = {}
    of_posterior = attempt(missing, "posterior", partial(_of_known, posterior, known))
    with ThreadPoolExecutor() as pool:  # seconds of sorting each, for a million choices
        models = pool.map(lambda of: _of_model(of.probabilities, known), scored)
        people = _of_people(known)
    return Figures(people=people, models=tuple(models), posterior=of_posterior, missing=missing)


def _of_known(probabilities: npt.ArrayLike | None, known: _Known) -> Figures:
    """Uncertainty of a posterior on the choices among objects that it knows."""
    if probabilities is None:
        raise NotMeasurable("no probabilities from a posterior")
    p = np.asarray(probabilities, dtype=np.float64)
    there = ~np.isnan(p).any(axis=1)
    if there.all():
        return _of_model(p, known)
    asked, n = known.asked, int(there.sum())
    if len(np.unique(asked.judged.number[there])) < FEWEST:
        raise NotMeasurable(
            f"needs {counted(FEWEST, 'triplet')} of objects that the posterior knows; it knows "
            f"those of {n} of {counted(len(p), 'choice')}"
        )
    seconds = None if asked.seconds is None else asked.seconds[there]
    part = replace(
        asked,
        judged=asked.judged.within(there),
        trials=asked.trials.within(there),
        seconds=seconds,
    )
    return Figures(_of_model(p[there], _Known.of(part)), choices=n)
