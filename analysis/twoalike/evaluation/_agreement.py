"""Agreement of similarities with people's odd-one-out choices.

Accuracy needs only the order of the three similarities. Log-loss needs their scale as well,
which features do not have: one temperature is fitted, on choices other than those it scores.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from twoalike.choice import expected_accuracy, log_choice

CHANCE_ACCURACY = 1 / 3
CHANCE_LOG_LOSS = float(np.log(3))

_WIDEST = 10.0
"""Fitted temperatures lie within exp(-10) to exp(10) times the spread of the similarities."""
_ENOUGH, _NEAR, _MOST_STEPS = 20_000, 1.5, 10
"""Choices whose best temperature is within this factor of that of all, found in so many steps."""


type Temperatures = float | npt.NDArray[np.float64]


def choice_losses(
    similarities: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.integer],
    temperature: Temperatures,
) -> npt.NDArray[np.float64]:
    """Negative log-probability of each choice in nats, shape (n,).

    Taken from the log-probabilities, so that it stays finite where the probability underflows.

    Parameters
    ----------
    similarities
        Pair similarities in PAIRS order, shape (n, 3).
    chosen
        The item called odd, 0..2, shape (n,).
    temperature
        One for all, or that of each choice, shape (n,).
    """
    logs = log_choice(tuple(similarities.T), temperature)
    return np.asarray(-np.choose(chosen, logs))


def accuracy_scores(
    similarities: npt.NDArray[np.float64], chosen: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Score of each choice: 1 if the odd one is named, 1/k if it is among k tied, else 0.

    Parameters
    ----------
    similarities
        Pair similarities in PAIRS order, shape (n, 3).
    chosen
        The item called odd, 0..2, shape (n,).

    Examples
    --------
    >>> accuracy_scores(np.array([[0.9, 0.1, 0.1], [0.4, 0.4, 0.1]]), np.array([2, 2]))
    array([1. , 0.5])
    """
    # Scaled to the largest, so that what counts as tied does not depend on the features' unit.
    scale = np.abs(similarities).max(initial=0.0) or 1.0
    kept = similarities[:, ::-1] / scale  # item k is odd when pair ODD[k] is the most alike
    return expected_accuracy(kept, chosen)


def fit_temperature(
    similarities: npt.NDArray[np.float64], chosen: npt.NDArray[np.integer]
) -> float:
    """Find the temperature with the smallest log-loss on these choices.

    The log-loss is convex in the inverse temperature, so there is one minimum; it lies at the
    border of a wide range where choices are perfectly predicted (smallest temperature) or
    contrary to the similarities (largest).
    """
    spread = float(similarities.std(axis=1).mean())
    if spread <= 1e-12 * np.abs(similarities).max(initial=1e-300):
        return 1.0  # every triplet is tied: the temperature changes nothing

    every = max(len(chosen) // _ENOUGH, 1)
    found = _searched(similarities[::every], chosen[::every], spread)
    if every > 1:  # some thousands say about where; Newton's steps over all go the rest
        near = _newton(similarities, chosen, found)
        found = near if near is not None else _searched(similarities, chosen, spread)
    return found


def _searched(
    similarities: npt.NDArray[np.float64], chosen: npt.NDArray[np.integer], spread: float
) -> float:
    """Best temperature within the whole range."""

    def loss(log_temperature: float) -> float:
        return float(choice_losses(similarities, chosen, spread * np.exp(log_temperature)).mean())

    bounds = (-_WIDEST, _WIDEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(spread * np.exp(found.x))


def _newton(
    similarities: npt.NDArray[np.float64], chosen: npt.NDArray[np.integer], temperature: float
) -> float | None:
    """Best temperature near one given; None where there is none near.

    With b = 1 / temperature and p the choice probabilities, the slope of the loss in b is the
    mean of sum(p s) - s(chosen), and its curvature the mean variance of s under p.
    """
    inverse = start = 1 / temperature
    sides = tuple(similarities.T)
    kept = np.choose(chosen, sides[::-1]).mean()  # item k is odd when pair ODD[k] is alike
    for _ in range(_MOST_STEPS):
        p = [np.exp(log) for log in log_choice(sides, 1 / inverse)][::-1]
        mean = sum(weight * side for weight, side in zip(p, sides, strict=True))
        square = sum(weight * side * side for weight, side in zip(p, sides, strict=True))
        curvature = float((square - mean * mean).mean())
        step = float(mean.mean() - kept) / curvature if curvature > 0 else np.inf
        inverse -= step
        if not start / _NEAR < inverse < start * _NEAR:
            return None
        if abs(step) <= 1e-4 * inverse:
            return 1 / inverse
    return None


def halves_by_triplet(
    triplet: npt.NDArray[np.integer], rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Random half of the different triplets; all choices on a triplet fall on one side.

    Halves that share no triplet of objects cannot leak repeated answers to each other.

    Parameters
    ----------
    triplet
        Number of each choice's triplet, 0..m-1, shape (n,).
    rng
        Source of the halves.

    Returns
    -------
    Whether each choice is in the first half, shape (n,).

    Raises
    ------
    ValueError
        If the choices hold fewer than two different triplets.
    """
    m = int(triplet.max(initial=-1)) + 1
    if m < 2:
        raise ValueError("fitting and scoring need at least two different triplets")
    side = np.zeros(m, dtype=bool)
    side[rng.permutation(m)[: m // 2]] = True
    return np.asarray(side[triplet])


def cross_fitted_temperatures(
    similarities: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.integer],
    first: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Temperature for each choice, fitted to the other half, shape (n,).

    Parameters
    ----------
    similarities
        Pair similarities in PAIRS order, shape (n, 3).
    chosen
        The item called odd, 0..2, shape (n,).
    first
        Whether each choice is in the first half (:func:`halves_by_triplet`), shape (n,).
    """
    temperatures = np.empty(len(chosen))
    for scored in (first, ~first):
        temperatures[scored] = fit_temperature(similarities[~scored], chosen[~scored])
    return temperatures
