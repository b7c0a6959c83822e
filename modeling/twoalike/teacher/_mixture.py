"""How much of the human space and how much of the network's own, by soft-label cross-entropy."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from twoalike.choice import expected_accuracy, log_choice, pair_similarities

Floats = npt.NDArray[np.float64]
Triplets = npt.NDArray[np.integer]


def odd_logits(similarity: npt.NDArray[np.floating], triplets: Triplets) -> Floats:
    """Logits that item 1, 2, 3 is the odd one, shape (n, 3): similarity of the two others."""
    first, second, third = pair_similarities(similarity, triplets)
    return np.stack([third, second, first], axis=1).astype(np.float64)


def log_probabilities(logits: Floats) -> Floats:
    """Log-softmax of odd-one logits, shape (n, 3), by the one choice model."""
    first, second, third = logits.T
    return np.stack(log_choice((third, second, first)), axis=1)


def fit_mixture(parts: list[Floats], labels: Floats) -> Floats:
    """Non-negative weights w that minimise the cross-entropy of softmax(Σ w parts) to labels.

    The problem is convex, so there is one answer.

    Parameters
    ----------
    parts
        Logits, each of shape (n, 3).
    labels
        Choice probabilities, shape (n, 3).

    Examples
    --------
    >>> logits = np.random.default_rng(0).normal(size=(500, 3))
    >>> fit_mixture([logits], np.exp(log_probabilities(3.0 * logits))).round(3)
    array([3.])
    """
    # Parts of unit size, or the search crawls where one is a thousand times the other.
    sizes = [float(part.std()) or 1.0 for part in parts]
    stacked = np.stack([part / size for part, size in zip(parts, sizes, strict=True)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        logs = log_probabilities(np.tensordot(weights, stacked, axes=1))
        gradient = ((np.exp(logs) - labels) * stacked).sum(axis=2).mean(axis=1)
        return float(-(labels * logs).sum(axis=1).mean()), gradient

    start = np.full(len(parts), 1.0)
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(parts),
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    return np.asarray(found.x / sizes)


def score_soft(logits: Floats, labels: Floats) -> dict[str, float]:
    """Score logits on choices drawn from labels: accuracy (ties 1/k), log-loss, KL."""
    logs = log_probabilities(logits)
    hits = np.stack(
        [expected_accuracy(logits, np.full(len(logits), item)) for item in range(3)], axis=1
    )
    log_labels = np.log(labels, out=np.zeros_like(labels), where=labels > 0)
    return {
        "accuracy": float((labels * hits).sum(axis=1).mean()),
        "log_loss": float(-(labels * logs).sum(axis=1).mean()),
        "kl": float((labels * (log_labels - logs)).sum(axis=1).mean()),
    }


def score_choices(logits: Floats, chosen: npt.NDArray[np.integer]) -> dict[str, float]:
    """Score logits on choices people made: accuracy (ties 1/k), log-loss."""
    logs = log_probabilities(logits)
    return {
        "accuracy": float(expected_accuracy(logits, chosen).mean()),
        "log_loss": float(-logs[np.arange(len(chosen)), chosen].mean()),
    }
