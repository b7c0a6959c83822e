"""Soft labels: a posterior's choice probabilities, and which kind of them to teach.

``predictive`` probabilities are averaged over posterior draws, ``plugin`` ones are those of the
mean similarities. Averaging helps where a posterior is rightly unsure and hurts where it is too
unsure, so the better kind is found out on choices the posterior has not seen.
"""

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from twoalike.choice import PAIRS, log_choice, log_loss

Mode = Literal["predictive", "plugin"]
MODES: tuple[Mode, ...] = ("predictive", "plugin")
Triplets = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
ROWS = 65_536
"""Triplets at once: their similarities stay in the processor's cache."""


class ChoiceModel(Protocol):
    """What a teacher is fitted to; :class:`twoalike.embedding.Posterior` is one."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Object ids, m of them."""
        ...

    @property
    def embedding(self) -> npt.NDArray[np.float32]:
        """Draws of the objects' positions, shape (S, m, D)."""
        ...

    def pair_similarity(
        self, left: npt.NDArray[np.floating[Any]], right: npt.NDArray[np.floating[Any]]
    ) -> npt.NDArray[np.floating[Any]]:
        """Similarity of every row with every row under one draw: (a, D), (b, D) -> (a, b)."""
        ...

    def similarity(self) -> Floats:
        """Mean over draws of the objects' similarities, shape (m, m)."""
        ...

    def choice_probabilities(
        self, triplets: Triplets, mode: Mode = "predictive", *, lapse: bool = False
    ) -> Floats:
        """Probability that item 1, 2, 3 is the odd one, shape (n, 3)."""
        ...


def sample_triplets(m: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw n triplets of different objects out of m, uniformly, shape (n, 3).

    Examples
    --------
    >>> sample_triplets(3, 1, np.random.default_rng(0)).sum()
    np.int64(3)
    """
    if m < 3:
        raise ValueError(f"a triplet needs 3 objects, there are {m}")
    first = rng.integers(m, size=n)
    second = (first + rng.integers(1, m, size=n)) % m
    low, high = np.minimum(first, second), np.maximum(first, second)
    # A draw from the m - 2 others: step over the two that are taken, lower one first.
    third = rng.integers(m - 2, size=n)
    third += third >= low
    third += third >= high
    return np.stack([first, second, third], axis=1)


def matrix_probabilities(
    similarity: npt.NDArray[np.floating], triplets: Triplets, temperature: float = 1.0
) -> npt.NDArray[np.float32]:
    """Probability that item 1, 2, 3 is the odd one, from a matrix, shape (n, 3).

    A matrix of m images is made once for all their m(m-1)(m-2)/6 triplets; gathering the rows of
    each triplet reads three of them a triplet (``benchmarks/results/labels.md``).

    Parameters
    ----------
    similarity
        Of all pairs of m images, shape (m, m).
    triplets
        Indices into the images, shape (n, 3).
    temperature
        Of the observer, > 0.

    Examples
    --------
    >>> two_alike = np.array([[0.0, 2, 0], [2, 0, 0], [0, 0, 0]])
    >>> matrix_probabilities(two_alike, np.array([[0, 1, 2]])).round(2)
    array([[0.11, 0.11, 0.79]], dtype=float32)
    """
    result = np.empty((len(triplets), 3), np.float32)
    # One index a pair instead of two: numpy takes a third of the time.
    flat, m = np.ascontiguousarray(similarity).reshape(-1), len(similarity)
    for start in range(0, len(triplets), ROWS):
        rows = triplets[start : start + ROWS].astype(np.int64)
        first, second, third = (flat.take(rows[:, a] * m + rows[:, b]) for a, b in PAIRS)
        logs = log_choice((first, second, third), np.asarray(temperature, similarity.dtype))
        np.exp(np.stack(logs, axis=1), out=result[start : start + ROWS], casting="same_kind")
    return result


def compare_labels(
    posterior: ChoiceModel, triplets: Triplets, chosen: npt.NDArray[np.integer]
) -> dict[str, Any]:
    """Log-loss of both kinds of labels on choices, and the better kind.

    Parameters
    ----------
    posterior
        Fitted to other choices than these.
    triplets
        Object indices, shape (n, 3).
    chosen
        Item called the odd one, 0 to 2, shape (n,).

    Returns
    -------
    ``log_loss`` by kind, their ``difference`` (plugin minus predictive) with its standard
    error, ``n`` and the kind ``chosen``.
    """
    # People lapse now and then, and a score without that would only tell who is less sure.
    losses = {
        mode: log_loss(posterior.choice_probabilities(triplets, mode, lapse=True), chosen)
        for mode in MODES
    }
    gain = losses["plugin"] - losses["predictive"]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else None
    return {
        "n": len(chosen),
        "log_loss": {mode: float(values.mean()) for mode, values in losses.items()},
        "difference": float(gain.mean()),
        "difference_se": error,
        "chosen": "predictive" if gain.mean() >= 0 else "plugin",
    }
