"""What the best possible predictor scores where the choice probabilities are known.

And what people's agreement comes to: by summing over all outcomes of a vote.

The best prediction is the most probable answer, the mode. Of single responses it gets max p
right on average. Against the majority of n votes it scores more, since a majority is less noisy
than one response, and more still where a tie of the majority accepts either answer: a model
scored so has to be held against this bound, not against people left out one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import binom, gammaln

from twoalike.ceilings._published import largest_share, plug_in_entropy

type Floats = npt.NDArray[np.float64]
type Counts = npt.NDArray[np.int64]

_CELLS = 4_000_000
"""Outcomes times triplets worked out at once (32 MB of doubles)."""
_LEAST_LOG = -745.0
"""Stands for the logarithm of 0: its exponential is 0, and 0 times it is 0."""


@dataclass(frozen=True)
class MajorityBound:
    """Expected score of the mode against the majority of n votes, on each triplet.

    Attributes
    ----------
    accepted
        Where any of the tied answers counts as right, shape (m,).
    wrong
        Where a tie counts as wrong.
    shared
        Where the mode counts 1/k if it is among k tied answers.
    tied
        Probability of a tie for the most votes.
    """

    accepted: Floats
    wrong: Floats
    shared: Floats
    tied: Floats


def all_counts(n: int) -> Counts:
    """Every way in which n votes can fall on three objects, shape ((n + 1)(n + 2) / 2, 3).

    Examples
    --------
    >>> all_counts(1)
    array([[0, 0, 1],
           [0, 1, 0],
           [1, 0, 0]])
    """
    first, second = np.divmod(np.arange((n + 1) ** 2), n + 1)
    fits = first + second <= n
    return np.stack([first, second, n - first - second], axis=1)[fits].astype(np.int64)


def count_probabilities(probabilities: Floats, counts: Counts) -> Floats:
    """Multinomial probability of each of k counts on each of m triplets, shape (m, k)."""
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(probabilities), _LEAST_LOG)
    ways = gammaln(counts.sum(axis=1) + 1) - gammaln(counts + 1).sum(axis=1)
    return np.asarray(np.exp(logs @ counts.T + ways))


def _chunks(m: int, outcomes: int) -> Iterator[slice]:
    step = max(1, _CELLS // outcomes)
    return (slice(start, start + step) for start in range(0, m, step))


def expected_value(probabilities: npt.ArrayLike, n: int, values: Floats) -> Floats:
    """Mean of a function of the counts of n votes, on each of m triplets.

    Parameters
    ----------
    probabilities
        Choice probabilities, shape (m, 3).
    n
        Votes.
    values
        The function at each row of :func:`all_counts`, shape (k,) or (k, f).

    Returns
    -------
    Shape (m,) or (m, f).
    """
    p = np.asarray(probabilities, dtype=np.float64)
    counts = all_counts(n)
    out = np.empty((len(p), *values.shape[1:]))
    for rows in _chunks(len(p), len(counts)):
        out[rows] = count_probabilities(p[rows], counts) @ values
    return out


def oracle_bound(probabilities: npt.ArrayLike) -> Floats:
    """Return the best predictor's expected accuracy on single responses: max p, shape (m,).

    Examples
    --------
    >>> oracle_bound([[0.2, 0.7, 0.1]])
    array([0.7])
    """
    return np.asarray(np.asarray(probabilities, dtype=np.float64).max(axis=1))


def majority_bound(probabilities: npt.ArrayLike, n: int) -> MajorityBound:
    """Score the best predictor against the majority of n votes, on average over votes.

    Parameters
    ----------
    probabilities
        Choice probabilities, shape (m, 3).
    n
        Votes on each triplet, at least one.

    Examples
    --------
    >>> bound = majority_bound([[0.5, 0.5, 0.0]], 2)
    >>> bound.accepted, bound.wrong, bound.shared, bound.tied
    (array([0.75]), array([0.25]), array([0.5]), array([0.5]))
    """
    p = -np.sort(-np.asarray(probabilities, dtype=np.float64), axis=1)  # the mode comes first
    counts = all_counts(n)
    top = counts == counts.max(axis=1, keepdims=True)
    k = top.sum(axis=1)
    hit = top[:, 0]
    scores = np.stack([hit, hit & (k == 1), hit / k, k > 1], axis=1).astype(np.float64)
    return MajorityBound(*expected_value(p, n, scores).T)


def mean_leave_one_out(counts: Counts) -> Floats:
    """Leave-one-out agreement averaged over the order of the votes, shape (m,).

    The published rule with three tied depends on which votes came first; on average it gives
    1/3. NaN with fewer than two votes.

    Examples
    --------
    >>> mean_leave_one_out(np.array([[3, 1, 0], [2, 1, 1]])).round(3)
    array([0.75 , 0.167])
    """
    n = counts.sum(axis=1)
    total = np.zeros(len(counts))
    for item in range(3):
        others = counts - np.eye(3, dtype=np.int64)[item]
        top = others == others.max(axis=1, keepdims=True)
        total += counts[:, item] * top[:, item] / top.sum(axis=1)
    return np.where(n > 1, total / np.maximum(n, 1), np.nan)


def over_draws(counts: Counts, drawn: int, values: Floats) -> Floats:
    """Mean of a function of the counts over all draws of some of the votes, shape (u,).

    Parameters
    ----------
    counts
        Votes, shape (u, 3), each row at least ``drawn`` of them.
    drawn
        Votes drawn without replacement.
    values
        The function at each row of :func:`all_counts` of ``drawn``.
    """
    outcomes = all_counts(drawn)
    ways = np.prod([binom(counts[:, [k]], outcomes[:, k]) for k in range(3)], axis=0)
    return np.asarray((ways @ values) / binom(counts.sum(axis=1), drawn))


def expected_reliability(probabilities: npt.ArrayLike, n: int) -> dict[str, Floats]:
    """Average the published measures over all outcomes of n votes, all of them used.

    Parameters
    ----------
    probabilities
        Choice probabilities, shape (m, 3).
    n
        Votes on each triplet, at least two.

    Returns
    -------
    ``leave_one_out``, ``vanilla`` and ``entropy``, shape (m,) each.

    Examples
    --------
    >>> found = expected_reliability([[0.5, 0.5, 0.0]], 2)
    >>> {name: value.round(3).tolist() for name, value in found.items()}
    {'leave_one_out': [0.5], 'vanilla': [0.75], 'entropy': [0.347]}
    """
    counts = all_counts(n)
    measures = (mean_leave_one_out(counts), largest_share(counts), plug_in_entropy(counts))
    means = expected_value(probabilities, n, np.stack(measures, axis=1))
    return dict(zip(("leave_one_out", "vanilla", "entropy"), means.T, strict=True))
