"""How far predicted probabilities lie from how often they come true, in one number.

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

from typing import Annotated

import numpy as np
import numpy.typing as npt

from twoalike.choice import PAIRS
from twoalike.evaluation import (
    Answers,
    Binned,
    Count,
    Interval,
    Measured,
    Number,
    Quantity,
    TwoWayBootstrap,
    binned,
)
from twoalike.study import Floats, Integers


class CalibrationError(Measured):
    """Expected calibration error."""

    value: Number
    """Over all choices; too high by chance."""
    chance: Number
    """What a calibrated model with these predictions would show."""
    bins: Count
    """Bins that hold predictions."""
    debiased: Annotated[Interval, Quantity("probability", 0, 1)]
    """Error without what chance adds."""


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
        for i, j in PAIRS:  # two answers to one triplet exclude each other
            same = which[:, i] == which[:, j]
            both = values[same, i] * values[same, j]
            variance -= 2 * _sums(which[same, i], both, len(variance))
    return float(np.sqrt(2 / np.pi * np.maximum(variance, 0)).sum() / which.size)


def calibration_error(
    probabilities: npt.ArrayLike,
    chosen: Integers,
    boot: TwoWayBootstrap,
    *,
    answers: Answers = "top",
    bins: int = 10,
    equal_counts: bool = False,
) -> CalibrationError:
    """Compute the expected calibration error, how much of it is chance, and what is left.

    Parameters
    ----------
    probabilities
        Probability of each item, shape (n, 3).
    chosen
        Item chosen, 0..2, shape (n,).
    answers
        Of the most probable answer (``top``, as is usual), or of ``all`` three.
    bins, equal_counts
        Number of bins, of equal width or with about as many predictions each.

    Raises
    ------
    ValueError
        If there are no choices.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(9)[:3] for _ in range(60)])
    >>> boot = TwoWayBootstrap(rng.integers(4, size=60), triplets, rng)
    >>> sure = np.tile([0.0, 0.0, 1.0], (60, 1))
    >>> calibration_error(sure, np.array([0, 2, 2] * 20), boot).value
    0.3333333333333333
    """
    if not len(chosen):
        raise ValueError("a calibration error needs at least one choice")
    return error_of(
        binned(probabilities, chosen, bins=bins, answers=answers, equal_counts=equal_counts), boot
    )


def error_of(of: Binned, boot: TwoWayBootstrap) -> CalibrationError:
    """Calibration error of predictions in bins (:func:`calibration_error`)."""
    gaps = of.hits - of.values
    sums = _sums(of.which, gaps)
    value = float(np.abs(sums).sum() / of.which.size)
    chance = _by_chance(of)
    found = boot.interval((np.sign(sums)[of.which] * gaps).mean(axis=1), value)
    left = float(np.sqrt(max(value**2 - chance**2, 0.0)))
    low, high = (max(left + end - value, 0.0) for end in (found.low, found.high))
    bins = int((np.bincount(of.which.ravel()) > 0).sum())
    debiased = Interval(left, low, high)
    return CalibrationError(value=value, chance=chance, bins=bins, debiased=debiased)


def brier_scores(probabilities: npt.ArrayLike, chosen: Integers) -> Floats:
    """Squared distance of the probabilities from the answer, over all three items, shape (n,).

    From 0 to 2; equal probabilities give 2/3 (Brier 1950,
    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2).

    Examples
    --------
    >>> brier_scores([[0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]], np.array([2, 0])).round(3)
    array([0.   , 0.667])
    """
    values = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(((values - np.eye(3)[chosen]) ** 2).sum(axis=1))
