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


def _log_probabilities(
    similarities: npt.NDArray[np.float64], temperature: float
) -> npt.NDArray[np.float64]:
    return np.stack(log_choice(tuple(similarities.T), temperature), axis=1)


def choice_losses(
    similarities: npt.NDArray[np.float64], chosen: npt.NDArray[np.integer], temperature: float
) -> npt.NDArray[np.float64]:
    """Negative log-probability of each choice in nats, shape (n,).

    Taken from the log-probabilities, so that it stays finite where the probability underflows.
    """
    return np.asarray(
        -_log_probabilities(similarities, temperature)[np.arange(len(chosen)), chosen]
    )


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

    def loss(log_temperature: float) -> float:
        temperature = spread * np.exp(log_temperature)
        return float(choice_losses(similarities, chosen, temperature).mean())

    best = minimize_scalar(
        loss, bounds=(-_WIDEST, _WIDEST), method="bounded", options={"xatol": 1e-4}
    )
    return float(spread * np.exp(best.x))


def _split_by_triplet(
    triplets: npt.NDArray[np.integer], rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Random half of the different triplets; all choices on a triplet fall on one side."""
    _, which = np.unique(np.sort(triplets, axis=1), axis=0, return_inverse=True)
    n_triplets = int(which.max()) + 1
    side = np.zeros(n_triplets, dtype=bool)
    side[rng.permutation(n_triplets)[: n_triplets // 2]] = True
    return np.asarray(side[which])


def cross_fitted_losses(
    similarities: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.integer],
    triplets: npt.NDArray[np.integer],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Log-loss of each choice at the temperature fitted to the other half, shape (n,).

    The halves share no triplet of objects, so that repeated answers cannot leak.

    Raises
    ------
    ValueError
        If the choices hold fewer than two different triplets.
    """
    first = _split_by_triplet(triplets, rng)
    if first.all() or not first.any():
        raise ValueError("fitting and scoring need at least two different triplets")
    losses = np.empty(len(chosen))
    for fitted, scored in ((first, ~first), (~first, first)):
        temperature = fit_temperature(similarities[fitted], chosen[fitted])
        losses[scored] = choice_losses(similarities[scored], chosen[scored], temperature)
    return losses
