"""Linear classifiers on a network's features, and how often they are right.

Features are centred on the training images and divided by one number, so that the mean squared
length of those is 1. One number, since a deviation for each feature cannot be told from a few
images, and since a rotated feature space should score the same.
"""

import warnings
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Values = npt.NDArray[np.float32]
type Codes = npt.NDArray[np.int64]
type Classifier = Literal["logistic", "nearest-mean"]
CLASSIFIERS: tuple[str, ...] = get_args(Classifier.__value__)

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularisation to choose from: from nearly class means to nearly no regularisation."""
FEW_SHOT_STRENGTH = 1.0
"""Inverse regularisation where there are no images to choose it on."""
_TIED = 1e-6
"""Difference of scores below which classes are tied: rounding in float32."""
_ITERATIONS = 5000


@dataclass(frozen=True)
class LinearClassifier:
    """Scores that are linear in the features.

    Attributes
    ----------
    weights
        Shape (p, c).
    offsets
        Shape (c,).
    """

    weights: Values
    offsets: Values

    def hits(self, values: Values, codes: Codes) -> Floats:
        """Whether each image is told right, shape (n,); a tie of k classes counts 1/k.

        Parameters
        ----------
        values
            Features, shape (n, p).
        codes
            Class of each image, 0..c-1, shape (n,).
        """
        scores = values @ self.weights + self.offsets
        top = scores.max(axis=1, keepdims=True)
        best = scores >= top - _TIED * max(1.0, float(np.abs(scores).max(initial=0.0)))
        right = best[np.arange(len(codes)), codes]
        return np.asarray(right / best.sum(axis=1), dtype=np.float64)


def fit_classifier(
    values: Values, codes: Codes, classifier: Classifier, strength: float
) -> LinearClassifier:
    """Fit a classifier.

    Parameters
    ----------
    values
        Features of the training images, shape (n, p).
    codes
        Their classes 0..c-1, each of which occurs, shape (n,).
    classifier
        ``logistic``: scikit-learn's logistic regression, each class weighing the same.
        ``nearest-mean``: the class with the nearest mean (arXiv:1703.05175).
    strength
        Inverse regularisation of the logistic regression.
    """
    centre = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = values - centre
    scale = float(np.sqrt(np.einsum("np,np->", rows, rows, dtype=np.float64) / len(rows))) or 1.0
    rows /= scale
    fit = _logistic if classifier == "logistic" else _nearest_mean
    directions, offsets = fit(rows, codes, strength)
    weights = (directions / scale).astype(np.float32)
    return LinearClassifier(weights, (offsets - centre @ weights).astype(np.float32))


def _logistic(rows: Values, codes: Codes, strength: float) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression

    # The solution lies in the span of the training images: few of them need few dimensions.
    basis = np.linalg.qr(rows.T)[0] if len(rows) < rows.shape[1] else None
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        # One image of each class is what one shot means, not a regression taken for something else.
        warnings.filterwarnings("ignore", message="The number of unique classes is greater")
        model.fit(rows if basis is None else rows @ basis, codes)
    coefficients, offsets = model.coef_.T, model.intercept_
    if len(offsets) == 1:  # two classes have one score: the second's above the first's
        coefficients = np.concatenate([-coefficients, coefficients], axis=1) / 2
        offsets = np.concatenate([-offsets, offsets]) / 2
    return coefficients if basis is None else basis @ coefficients, offsets


def _nearest_mean(rows: Values, codes: Codes, strength: float) -> tuple[Floats, Floats]:
    del strength  # there is nothing to regularise
    member = np.eye(int(codes.max()) + 1)[codes]
    means = (rows.T @ member) / member.sum(axis=0)
    # Squared distance less the image's own squared length, halved and turned round.
    return means, -0.5 * (means**2).sum(axis=0)


def chosen_strength(values: Values, codes: Codes, rng: np.random.Generator) -> float:
    """Inverse regularisation with the best balanced accuracy on a quarter of these images.

    Of equal ones the strongest; ``FEW_SHOT_STRENGTH`` where no class has two images.

    Parameters
    ----------
    values, codes
        As in :func:`fit_classifier`.
    rng
        Source of the quarter.
    """
    held = hold_out(codes, rng)
    if not held.any():
        return FEW_SHOT_STRENGTH

    def accuracy(strength: float) -> float:
        fitted = fit_classifier(values[~held], codes[~held], "logistic", strength)
        return float(class_means(fitted.hits(values[held], codes[held]), codes[held]).mean())

    return max(STRENGTHS, key=accuracy)  # max keeps the first, and the strongest is first


def hold_out(codes: Codes, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Mark a quarter of the images of each class, at least one and never all, shape (n,)."""
    held = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        share = max(round(len(rows) / 4), 1) if len(rows) > 1 else 0
        held[rows[:share]] = True
    return held


def class_means(scores: Floats, codes: Codes) -> Floats:
    """Mean of the scores in each class that occurs, in the order of their codes."""
    _, present = np.unique(codes, return_inverse=True)
    return np.asarray(np.bincount(present, weights=scores) / np.bincount(present))
