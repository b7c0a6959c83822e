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
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import expected_accuracy
from twoalike.evaluation import (
    Figures,
    Interval,
    Judgments,
    TwoWayBootstrap,
    wilson_interval,
)
from twoalike.study import Floats, Integers

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


def predictions(
    probabilities: npt.ArrayLike, chosen: Integers, answers: Answers = "all"
) -> tuple[Floats, Floats]:
    """Predicted probabilities (n, k) of answers, and whether these were given, of answers 0..k-1.

    Of ``all`` k answers, (n, k), or the most probable one (``top``), (n, 1); of k tied ones each is
    1/k of it, so that the order of items does not matter.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if answers == "all":
        return values, np.eye(values.shape[1])[chosen]
    return values.max(axis=1, keepdims=True), expected_accuracy(values, chosen)[:, None]


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

    def reliability(self, fewest: int = 10) -> Reliability:
        """Compare predictions with outcomes in bins that have enough of them."""
        values, hits, which = self.values.ravel(), self.hits.ravel(), self.which.ravel()
        counts = np.bincount(which, minlength=len(self.edges) - 1)
        kept = counts >= fewest
        n = np.maximum(counts, 1)
        successes = np.bincount(which, weights=hits, minlength=len(counts))
        low, high = wilson_interval(successes, n)
        predicted = np.bincount(which, weights=values, minlength=len(counts)) / n
        observed = successes / n
        ends = low[kept], high[kept]
        return Reliability(self.edges, counts, predicted[kept], observed[kept], *ends)


def binned(probabilities: npt.ArrayLike, chosen: Integers, *, answers: Answers = "all") -> Binned:
    """Put predictions (:func:`predictions`) into ten bins of equal width."""
    shares = np.asarray(probabilities, dtype=np.float64)
    values, hits = predictions(shares, chosen, answers)
    edges = np.linspace(0, 1, BINS + 1)
    # A hair above: a prediction of exactly 0.2 computed as 0.19999999999999998 is one of 0.2.
    which = np.searchsorted(edges[1:-1], values + 1e-12, side="right").astype(np.int64)
    return Binned(shares, answers, values, hits, which, edges)


def reliability(
    probabilities: Floats, chosen: Integers, *, fewest: int = 10, answers: Answers = "all"
) -> Reliability:
    """Bin the predictions (:func:`predictions`), by default those for all answers.

    Bins with ``fewest`` predictions are reported. The answers to a triplet are not independent, nor
    are the choices of one person: the intervals are a little narrow.

    Examples
    --------
    >>> curve = reliability(np.tile([0.2, 0.2, 0.6], (50, 1)), np.array([0, 1, 2, 2, 2] * 10))
    >>> curve.predicted.round(2), curve.observed.round(2)
    (array([0.2, 0.6]), array([0.2, 0.6]))
    """
    return binned(probabilities, chosen, answers=answers).reliability(fewest)


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
