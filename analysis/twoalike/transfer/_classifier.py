"""Linear classifiers on a network's features, and the labelled images that they learn from.

Features are centred on the training images and divided by one number, so that the mean squared
length of those is 1. One number, since a deviation for each feature cannot be estimated from a few
images, and since a rotated feature space should score the same.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from twoalike.study import Booleans, Floats, Integers, TwoalikeError, folder_labels
from twoalike.transfer._scores import NotMeasurable

type Values = npt.NDArray[np.float32]
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
    """Scores that are linear in the features: weights (p, c) and offsets (c,)."""

    weights: Values
    offsets: Values

    def hits(self, values: Values, codes: Integers) -> Floats:
        """Whether each image is classified right, shape (n,); a tie of k classes counts 1/k."""
        scores = values @ self.weights + self.offsets
        top = scores.max(axis=1, keepdims=True)
        best = scores >= top - _TIED * max(1.0, float(np.abs(scores).max(initial=0.0)))
        right = best[np.arange(len(codes)), codes]
        return np.asarray(right / best.sum(axis=1), dtype=np.float64)


def fit_classifier(
    values: Values, codes: Integers, classifier: Classifier, strength: float
) -> LinearClassifier:
    """Fit logistic regression, each class weighing the same, or nearest means (arXiv:1703.05175).

    ``strength`` is the inverse regularisation; every class 0..c-1 occurs.
    """
    centre = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = values - centre
    scale = float(np.sqrt(np.einsum("np,np->", rows, rows, dtype=np.float64) / len(rows))) or 1.0
    rows /= scale
    fit = _logistic if classifier == "logistic" else _nearest_mean
    directions, offsets = fit(rows, codes, strength)
    weights = (directions / scale).astype(np.float32)
    return LinearClassifier(weights, (offsets - centre @ weights).astype(np.float32))


def _logistic(rows: Values, codes: Integers, strength: float) -> tuple[Floats, Floats]:
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


def _nearest_mean(rows: Values, codes: Integers, strength: float) -> tuple[Floats, Floats]:
    del strength  # there is nothing to regularise
    member = np.eye(int(codes.max()) + 1)[codes]
    means = (rows.T @ member) / member.sum(axis=0)
    # Squared distance less the image's own squared length, halved and turned round.
    return means, -0.5 * (means**2).sum(axis=0)


def chosen_strength(values: Values, codes: Integers, rng: np.random.Generator) -> float:
    """Inverse regularisation with the best balanced accuracy on a quarter of these images.

    Of equal ones the strongest; ``FEW_SHOT_STRENGTH`` where no class has two images.
    """
    held = hold_out(codes, rng)
    if not held.any():
        return FEW_SHOT_STRENGTH

    def accuracy(strength: float) -> float:
        fitted = fit_classifier(values[~held], codes[~held], "logistic", strength)
        return float(class_means(fitted.hits(values[held], codes[held]), codes[held]).mean())

    return max(STRENGTHS, key=accuracy)  # max keeps the first, and the strongest is first


def hold_out(codes: Integers, rng: np.random.Generator) -> Booleans:
    """Mark a quarter of the images of each class, at least one and never all, shape (n,)."""
    held = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        share = max(round(len(rows) / 4), 1) if len(rows) > 1 else 0
        held[rows[:share]] = True
    return held


def class_means(scores: Floats, codes: Integers) -> Floats:
    """Mean of the scores in each class that occurs, in the order of their codes."""
    _, present = np.unique(codes, return_inverse=True)
    return np.asarray(np.bincount(present, weights=scores) / np.bincount(present))


def folder_levels(ids: Sequence[str]) -> dict[str, list[str]]:
    """Labels from the folders in image ids.

    ``twoalike features`` names the images of a folder without a manifest by their path, so that
    ``n01498041/0.12_eagle`` is an image of class ``n01498041``
    (:func:`twoalike.study.folder_labels`).

    Returns
    -------
    Labels of each image at ``level_1`` (coarse), ``level_2``, ...

    Raises
    ------
    TwoalikeError
        If no id has a folder.

    Examples
    --------
    >>> folder_levels(["animal/cat/1", "animal/dog/1", "tool/2"])["level_2"]
    ['animal/cat', 'animal/dog', 'n/a']
    """
    levels = image_folders(ids)
    if not levels:
        found = f", first {ids[0]!r}" if len(ids) else ""
        raise TwoalikeError(
            expected="image ids with their folders (class/image)",
            found=f"none among {len(ids)}{found}",
            remedy="Give a table of labels with `labels=...`.",
        )
    return levels


def image_folders(ids: Sequence[str]) -> dict[str, list[str]]:
    """Labels of each image by its folders, as :func:`folder_levels`; empty without folders."""
    return folder_labels([PurePosixPath(name).parts[:-1] for name in ids])


def coded(labels: Sequence[str] | npt.NDArray[np.str_]) -> tuple[tuple[str, ...], Integers]:
    """Names of the classes, sorted, and the class of each image, shape (n,)."""
    names, codes = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    return tuple(map(str, names)), codes.astype(np.int64)


def checked_values(values: npt.ArrayLike, name: str = "features") -> Values:
    """Features as float32, shape (n, p)."""
    found = np.asarray(values)
    if found.ndim != 2 or found.dtype.kind not in "fiu" or 0 in found.shape:
        raise TwoalikeError(
            f"{name}: expected numbers of shape (images, features), found {found.dtype} of shape "
            f"{found.shape}."
        )
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        result = np.ascontiguousarray(found, dtype=np.float32)
    odd = int((~np.isfinite(result).all(axis=1)).sum())
    if odd:
        raise TwoalikeError(
            f"{name}: NaN or infinite values in {odd} of {len(result)} rows. Compute them again."
        )
    if len(result) > 1 and (result == result[0]).all():
        raise TwoalikeError(
            f"{name}: all {len(result)} images have the same features. Check the network and its "
            "preprocessing."
        )
    return result


def checked_labels(labels: Sequence[str], n_images: int, level: str = "labels") -> list[str]:
    """Labels, one an image."""
    if len(labels) != n_images:
        raise TwoalikeError(
            f"{level}: expected a label for each of {n_images} images, found {len(labels)}."
        )
    for row, label in enumerate(labels):
        if not isinstance(label, str) or not label:
            raise TwoalikeError(
                f"{level}: image {row + 1} of {n_images} has no label ({label!r}). Label every "
                "image, or leave it out."
            )
    return list(labels)


def check_nested(coarse: Sequence[str], fine: Sequence[str]) -> None:
    """Check that each class of the fine level lies in one of the coarse."""
    within: dict[str, str] = {}
    for above, below in zip(coarse, fine, strict=True):
        if within.setdefault(below, above) != above:
            raise NotMeasurable(
                f"is no hierarchy: {below!r} lies in {within[below]!r} and in {above!r}"
            )


def with_enough(labels: Sequence[str], fewest: int) -> tuple[Integers, list[str]]:
    """Images of classes that have enough of them, and the names of the other classes."""
    names, codes = coded(labels)
    counts = np.bincount(codes, minlength=len(names))
    enough = counts >= fewest
    if len(names) < 2:
        raise NotMeasurable(f"needs two classes, has {len(names)}")
    if enough.sum() < 2:
        raise NotMeasurable(
            f"needs two classes with {fewest} images, has {enough.sum()}; the largest class has "
            f"{counts.max()}"
        )
    return np.flatnonzero(enough[codes]), [
        name for name, kept in zip(names, enough, strict=True) if not kept
    ]
