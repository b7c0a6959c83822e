"""Scores of predicted choice probabilities.

A tie counts as 1 / (number tied): sparse non-negative embeddings have exactly equal
similarities, and an argmax that counts ties as right inflates accuracy by several points.
"""

import numpy as np
import numpy.typing as npt

from twoalike.study import Floats, Integers, TwoalikeError


def _rows(probabilities: npt.ArrayLike, chosen: Integers | None = None) -> Floats:
    """Probabilities as an array of shape (n, k), for n chosen items."""
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2:
        raise TwoalikeError(
            where="probabilities", expected="shape (n, k)", found=f"shape {values.shape}"
        )
    if chosen is not None and np.shape(chosen) != (len(values),):
        raise TwoalikeError(
            where="chosen",
            expected=f"one item a row, shape ({len(values)},)",
            found=f"shape {np.shape(chosen)}",
        )
    return values


def expected_accuracy(
    probabilities: npt.ArrayLike, chosen: Integers, tolerance: float = 1e-9
) -> Floats:
    """Chance of a hit when the most probable item is named and ties are broken at random.

    Parameters
    ----------
    probabilities
        Shape (n, k); each row any increasing function of the choice probabilities.
    chosen
        Item chosen, shape (n,), in 0..k-1.
    tolerance
        Values closer than this to the row's maximum are tied with it.

    Returns
    -------
    Scores in [0, 1], shape (n,).

    Examples
    --------
    >>> expected_accuracy([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]], np.array([0, 2])).round(2)
    array([0.5 , 0.33])
    """
    values = _rows(probabilities, chosen)
    best = values >= values.max(axis=1, keepdims=True) - tolerance
    return np.asarray(best[np.arange(len(values)), chosen] / best.sum(axis=1))


def guessing(chance: Floats) -> dict[str, float]:
    """Mean log-loss in nats and mean accuracy of guesses, by the chance of each judgment, (n,).

    Examples
    --------
    >>> guessing(np.array([0.5, 0.5]))
    {'log_loss': 0.6931471805599453, 'accuracy': 0.5}
    """
    return {"log_loss": float(-np.log(chance).mean()), "accuracy": float(np.mean(chance))}


def log_loss(probabilities: npt.ArrayLike, chosen: Integers) -> Floats:
    """Negative log-probability of each chosen item in nats, shape (n,).

    A chosen item of probability 0 costs infinity: clipping would hide an over-confident model.

    Examples
    --------
    >>> log_loss([[1 / 3, 1 / 3, 1 / 3]], np.array([1])).round(4)
    array([1.0986])
    """
    values = _rows(probabilities, chosen)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(values[np.arange(len(values)), chosen]))


def entropy(probabilities: npt.ArrayLike) -> Floats:
    """Entropy of each row in nats, shape (n,).

    Examples
    --------
    >>> entropy([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]).round(4)
    array([0.    , 1.0986])
    """
    values = _rows(probabilities)
    logs = np.log(values, out=np.zeros_like(values), where=values > 0)
    return np.asarray(np.abs((values * logs).sum(axis=1)))
