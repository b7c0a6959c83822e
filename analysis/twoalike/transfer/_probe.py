"""Linear probe: what a linear classifier reads from features, with many images."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.transfer._classifier import Codes, chosen_strength, class_means, fit_classifier
from twoalike.transfer._labels import checked_labels, checked_values, coded, of_rows, with_enough
from twoalike.transfer._scores import ClassScores


def linear_probe(
    values: npt.ArrayLike, labels: Sequence[str], *, folds: int = 5, seed: int = 0
) -> ClassScores:
    """Balanced accuracy of logistic regression on images it did not learn from.

    Images are dealt to folds class by class; those of one fold are told by a classifier that
    learnt from the others, which also chose the regularisation (on a quarter of them). Folds
    depend on the labels and the seed alone, so two networks meet the same ones.

    Parameters
    ----------
    values
        Features, shape (n, p).
    labels
        Class of each image, n of them; classes with one image are left out.
    folds
        Number of parts.
    seed
        Seed of the folds.

    Returns
    -------
    Accuracy of each class, shape (1, classes). The interval is about other classes as hard to
    tell as these and other images of them.

    Raises
    ------
    NotMeasurable
        If fewer than two classes have two images.
    TwoalikeError
        If features or labels are wrong, or ``folds`` is.

    Examples
    --------
    >>> values = np.repeat(np.eye(3), 4, axis=0)
    >>> linear_probe(values, ["a"] * 4 + ["b"] * 4 + ["c"] * 4).interval()
    Interval(value=1.0, low=1.0, high=1.0)
    """
    if folds < 2:
        raise TwoalikeError(f"folds: expected at least 2, found {folds}.")
    features = checked_values(values)
    rows, left_out = with_enough(checked_labels(labels, len(features)), 2)
    names, codes = coded(of_rows(labels, rows))
    features = features[rows]
    rng = np.random.default_rng(seed)
    fold = deal_folds(codes, folds, rng)
    hits = np.empty(len(codes))
    for number, own in zip(np.unique(fold), rng.spawn(folds), strict=False):
        asked = fold == number
        learnt = features[~asked], codes[~asked]
        fitted = fit_classifier(*learnt, "logistic", chosen_strength(*learnt, own))
        hits[asked] = fitted.hits(features[asked], codes[asked])
    scores = class_means(hits, codes)[None]
    return ClassScores(scores, hits, codes, names, 1 / len(names), left_out=tuple(left_out))


def deal_folds(codes: Codes, folds: int, rng: np.random.Generator) -> Codes:
    """Fold of each image, 0..folds-1, shape (n,).

    The images of a class go to folds in turn, starting where those of the last class ended.
    scikit-learn's stratified folds would refuse classes with fewer images than folds; of two
    images each can be told by the other.
    """
    fold = np.empty(len(codes), dtype=np.int64)
    order = np.argsort(codes + rng.random(len(codes)))  # class after class, shuffled within
    fold[order] = np.arange(len(codes)) % folds
    return fold
