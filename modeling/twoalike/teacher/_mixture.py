"""How much of the human space and how much of the network's own, by soft-label cross-entropy."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from twoalike.choice import expected_accuracy, log_choice, log_loss, pair_similarities

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


def fit_mixture(parts: list[Floats], labels: Floats, lapse: float = 0.0) -> Floats:
    """Non-negative weights w for which softmax(Σ w parts) predicts labels best.

    What is minimised is the cross-entropy. Without lapses it is convex: there is one answer.

    Parameters
    ----------
    parts
        Logits, each of shape (n, 3).
    labels
        Choice probabilities, or choices as rows of zeros and a one, shape (n, 3).
    lapse
        Share of guesses in the labels; the weights are those of the choices without it.

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
        attentive = np.exp(log_probabilities(np.tensordot(weights, stacked, axes=1)))
        said = np.maximum((1 - lapse) * attentive + lapse / 3, 1e-300)
        # Share of each label that attention explains: its pull on the logits, 1 without lapses.
        pull = labels * (1 - lapse) * attentive / said
        gradient = attentive * pull.sum(axis=1, keepdims=True) - pull
        slopes = (gradient * stacked).sum(axis=2).mean(axis=1)
        return float(-(labels * np.log(said)).sum(axis=1).mean()), slopes

    found = minimize(
        loss,
        np.ones(len(parts)),
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


def score_choices(
    logits: Floats, chosen: npt.NDArray[np.integer], lapse: float = 0.0
) -> dict[str, float]:
    """Score logits on choices people made, of which a share are guesses."""
    p = (1 - lapse) * np.exp(log_probabilities(logits)) + lapse / 3
    return {
        "accuracy": float(expected_accuracy(logits, chosen).mean()),
        "log_loss": float(log_loss(p, chosen).mean()),
    }
