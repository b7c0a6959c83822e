"""Another set: whether a classifier knows the same classes in images of another kind.

Such as ImageNet-A (Hendrycks et al. 2021, arXiv:1907.07174), drawings or photographs of another
place, beside the images that a linear classifier learnt the classes from.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.transfer._classifier import chosen_strength, class_means, fit_classifier
from twoalike.transfer._labels import checked_labels, checked_values, coded, with_enough
from twoalike.transfer._scores import ClassScores, NotMeasurable


def other_set(
    values: npt.ArrayLike,
    labels: Sequence[str],
    other_values: npt.ArrayLike,
    other_labels: Sequence[str],
    *,
    seed: int = 0,
) -> ClassScores:
    """Balanced accuracy on another set of images of the classes that a classifier learnt.

    Logistic regression learns from all images of one set whose class is in both sets (and chooses
    its regularisation on a quarter of them), and is asked for those of the other.

    Parameters
    ----------
    values, labels
        Features of the images to learn from, shape (n, p), and their classes.
    other_values, other_labels
        The same of the other set, shape (k, p).
    seed
        Seed of the quarter.

    Returns
    -------
    Accuracy of each class of the other set, shape (1, classes). The interval is about other
    classes and other images of the other set. Classes that only one of the sets has are left out.

    Raises
    ------
    NotMeasurable
        If fewer than two classes are in both sets with two images to learn from.
    TwoalikeError
        If features or labels are wrong, or the sets have features of different length.

    Examples
    --------
    >>> values = np.repeat(np.eye(2), 3, axis=0)
    >>> other_set(values, [*"aaabbb"], 0.1 + values[::3], [*"ab"]).interval().value
    1.0
    """
    features, others = checked_values(values), checked_values(other_values, "other set")
    if features.shape[1] != others.shape[1]:
        raise TwoalikeError(
            f"other set: expected {features.shape[1]} features as in the first set, found "
            f"{others.shape[1]}. Compute both with the same network."
        )
    known = np.asarray(checked_labels(labels, len(features)))
    asked = np.asarray(checked_labels(other_labels, len(others), "other set"))
    rows, _ = with_enough(known.tolist(), 2)
    common = np.intersect1d(known[rows], asked)
    if len(common) < 2:
        raise NotMeasurable(
            f"needs two classes that both sets have, with two images to learn from, has "
            f"{len(common)}"
        )
    left_out = sorted({*known.tolist(), *asked.tolist()} - set(common.tolist()))
    learnt, tested = np.isin(known, common), np.isin(asked, common)
    names, codes = coded(known[learnt])
    _, others_codes = coded(asked[tested])
    train = features[learnt], codes
    strength = chosen_strength(*train, np.random.default_rng(seed))
    hits = fit_classifier(*train, "logistic", strength).hits(others[tested], others_codes)
    scores = class_means(hits, others_codes)[None]
    return ClassScores(
        scores, hits, others_codes, names, 1 / len(names), left_out=tuple(left_out), roles=1.0
    )
