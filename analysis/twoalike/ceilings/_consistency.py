"""How well people agree with each other and with themselves, and whether they attend.

Two answers to one triplet need no model: the share of pairs of answers that agree is an unbiased
estimate from two votes on. Of two people it is the mean of the sum of squared choice
probabilities, so that the best predictor's accuracy lies between it and its square root. Of one
person it holds what belongs to that person as well, and is the bound for a model of persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.evaluation import (
    CHANCE_ACCURACY,
    Interval,
    TwoWayBootstrap,
    is_scored,
    triplet_numbers,
)
from twoalike.judgments import object_index, participant_index
from twoalike.study import MISSING

type Floats = npt.NDArray[np.float64]
type Indices = npt.NDArray[np.int64]

RESAMPLES = 1000


@dataclass(frozen=True)
class Consistency:
    """Share of answers that agree with another one, or with the right one.

    Attributes
    ----------
    answers
        Answers compared.
    agreement
        Share that agree.
    corrected
        (agreement - 1/3) / (2/3): 0 for people who guess, 1 for full agreement.
    """

    answers: int
    agreement: Interval
    corrected: Interval


def pair_agreement(counts: npt.NDArray[np.integer]) -> Floats:
    """Share of the pairs of votes on a triplet that agree, shape (m,); NaN with one vote or none.

    Examples
    --------
    >>> pair_agreement(np.array([[2, 1, 0], [1, 0, 0]])).round(3)
    array([0.333,   nan])
    """
    n = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    return np.where(n > 1, agreeing / np.maximum(n * (n - 1), 1), np.nan)


def repeated_answers(
    triplets: npt.NDArray[np.integer],
    chosen: npt.NDArray[np.integer],
    participants: npt.NDArray[np.integer],
) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Answers that a person had given to the same triplet before, and whether they are the same.

    Parameters
    ----------
    triplets
        Objects shown, in the order of the trials, shape (n, 3).
    chosen
        Place of the odd one in 0..2, shape (n,).
    participants
        Who judged, 0..P-1, shape (n,).

    Returns
    -------
    Rows of the later answers, shape (k,), each compared with the one before it; whether the same
    object was called odd, shape (k,).

    Examples
    --------
    >>> triplets = np.array([[0, 1, 2], [3, 4, 5], [2, 1, 0]])
    >>> repeated_answers(triplets, np.array([0, 1, 2]), np.array([0, 0, 0]))
    (array([2]), array([ True]))
    """
    shown = np.asarray(triplets, dtype=np.int64)
    odd = shown[np.arange(len(shown)), chosen]
    _, number = triplet_numbers(shown)
    code = number * (int(np.max(participants, initial=0)) + 1) + participants
    order = np.argsort(code, kind="stable")
    again = np.flatnonzero(np.diff(code[order]) == 0) + 1
    later, before = order[again], order[again - 1]
    sort = np.argsort(later)
    return later[sort], (odd[later] == odd[before])[sort]


def consistency(
    agrees: npt.NDArray[np.bool_],
    triplets: npt.NDArray[np.integer],
    participants: npt.NDArray[np.integer],
    rng: np.random.Generator,
) -> Consistency:
    """Share of agreement of k answers, and the same corrected for chance, with 95 % intervals.

    Parameters
    ----------
    agrees
        Whether each answer agrees, shape (k,).
    triplets, participants
        Objects and person of each, shapes (k, 3) and (k,): other ones could have been drawn.
    rng
        Source of the resamples.
    """
    boot = TwoWayBootstrap(participants, triplets, rng, resamples=RESAMPLES)
    share = boot.interval(agrees).within(0.0, 1.0)
    ends = (share.value, share.low, share.high)
    chance = CHANCE_ACCURACY
    corrected = Interval(*((end - chance) / (1 - chance) for end in ends))
    return Consistency(len(agrees), share, corrected)


def repeat_reliability(choices: pd.DataFrame, rng: np.random.Generator) -> Consistency | None:
    """Agreement of people with their own earlier answer to the same triplet.

    Main and repeat trials count, whatever the order in which the objects were shown; practice,
    attention checks and anchored judgments do not.

    Parameters
    ----------
    choices
        Table of choices, of known participants: where one label stands for all of them, their
        answers cannot be told from repeats.
    rng
        Source of the resamples of the interval.

    Returns
    -------
    The agreement; None where nobody judged a triplet twice.
    """
    rows = choices[is_scored(choices)]
    triplets, chosen, _ = object_index(rows)
    participants, _ = participant_index(rows)
    later, same = repeated_answers(triplets, chosen, participants)
    if not len(later):
        return None
    return consistency(same, triplets[later], participants[later], rng)


def catch_reliability(
    choices: pd.DataFrame, labels: Mapping[str, str], rng: np.random.Generator
) -> Consistency | None:
    """Share of attention checks answered right.

    A check shows two objects of one kind and one of a far kind, which is the right answer.

    Parameters
    ----------
    choices
        Table of choices.
    labels
        Object id -> coarsest category (``n/a`` for none), from which the right answer follows;
        checks in which the categories of the three do not single one out do not count.
    rng
        Source of the resamples of the interval.

    Returns
    -------
    The share; None without such checks.
    """
    checks = choices["trial_type"] == "catch"
    rows = choices[checks & (choices["kind"] == "odd_one_out")]
    triplets, chosen, ids = object_index(rows)
    codes = {label: code for code, label in enumerate(sorted(set(labels.values()) - {MISSING}))}
    kind = np.array([codes.get(labels.get(name, MISSING), -1) for name in ids], dtype=np.int64)
    shown = kind[triplets]
    alike = np.stack([shown[:, 1] == shown[:, 2], shown[:, 0] == shown[:, 2]], axis=1)
    alike = np.column_stack([alike, shown[:, 0] == shown[:, 1]])  # the other two, by odd item
    clear = (alike.sum(axis=1) == 1) & (shown >= 0).all(axis=1)
    if not clear.any():
        return None
    participants, _ = participant_index(rows)
    right = alike[np.arange(len(rows)), chosen]
    return consistency(right[clear], triplets[clear], participants[clear], rng)
