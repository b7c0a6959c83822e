"""Few-shot classification: classes told from one or a few images of each."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.transfer._classifier import (
    CLASSIFIERS,
    FEW_SHOT_STRENGTH,
    Classifier,
    Codes,
    class_means,
    fit_classifier,
)
from twoalike.transfer._labels import checked_labels, checked_values, coded, of_rows, with_enough
from twoalike.transfer._scores import ClassScores, NotMeasurable


def few_shot(
    values: npt.ArrayLike,
    labels: Sequence[str],
    shots: int = 5,
    *,
    ways: int | None = None,
    episodes: int = 30,
    classifier: Classifier = "logistic",
    seed: int = 0,
) -> ClassScores:
    """Accuracy of classifiers that learn from a few images of each class.

    In each episode a classifier learns from ``shots`` images of each class and is asked for all
    other images of these classes. Episodes depend on the labels and the seed alone, so two
    networks meet the same ones. Logistic regression on the features is the common choice
    (arXiv:2003.11539), and the default; the nearest class mean (arXiv:1703.05175) fits nothing.

    Parameters
    ----------
    values
        Features, shape (n, p).
    labels
        Class of each image, n of them.
    shots
        Images of a class to learn from; classes with no image beyond these are left out.
    ways
        Classes in an episode, drawn anew each time; all of them unless given.
    episodes
        Number of draws.
    classifier
        ``logistic`` (inverse regularisation 1) or ``nearest-mean``.
    seed
        Seed of the episodes.

    Returns
    -------
    Accuracy of each class in each episode, shape (episodes, classes). The interval is about
    other classes as hard to tell as these, other images of them, and other draws of examples;
    with ``ways`` unset, the number of classes to choose from stays.

    Raises
    ------
    NotMeasurable
        If fewer than two classes (or than ``ways``) have enough images.
    TwoalikeError
        If features or labels are wrong, or a setting is.

    Examples
    --------
    >>> values = np.repeat(np.eye(3), 4, axis=0)
    >>> few_shot(values, ["a"] * 4 + ["b"] * 4 + ["c"] * 4, 1, episodes=5).interval()
    Interval(value=1.0, low=1.0, high=1.0)
    """
    _check_settings(shots, ways, episodes, classifier)
    features = checked_values(values)
    rows, left_out = with_enough(checked_labels(labels, len(features)), shots + 1)
    names, codes = coded(of_rows(labels, rows))
    if ways is not None and ways > len(names):
        raise NotMeasurable(f"needs {ways} classes with {shots + 1} images, has {len(names)}")
    features = features[rows]
    rng = np.random.default_rng(seed)
    scores = np.full((episodes, len(names)), np.nan)
    right, asks = np.zeros(len(codes)), np.zeros(len(codes))
    for episode in range(episodes):
        chosen = np.arange(len(names))
        if ways is not None:
            chosen = np.sort(rng.choice(len(names), ways, replace=False))
        learnt, asked = _deal(codes, chosen, shots, rng)
        local = np.searchsorted(chosen, codes)
        fitted = fit_classifier(features[learnt], local[learnt], classifier, FEW_SHOT_STRENGTH)
        hits = fitted.hits(features[asked], local[asked])
        scores[episode, chosen] = class_means(hits, local[asked])
        right[asked] += hits
        asks[asked] += 1
    met = ~np.isnan(scores).all(axis=0)
    there = met[codes]
    images = np.divide(right, asks, out=np.full(len(codes), np.nan), where=asks > 0)[there]
    return ClassScores(
        scores[:, met],
        images,
        (met.cumsum() - 1)[codes[there]],
        tuple(name for name, kept in zip(names, met, strict=True) if kept),
        1 / (ways or len(names)),
        left_out=tuple(left_out),
    )


def _check_settings(shots: int, ways: int | None, episodes: int, classifier: str) -> None:
    for name, value, fewest in (("shots", shots, 1), ("ways", ways, 2), ("episodes", episodes, 1)):
        if value is not None and value < fewest:
            raise TwoalikeError(f"{name}: expected at least {fewest}, found {value}.")
    if classifier not in CLASSIFIERS:
        raise TwoalikeError(
            f"classifier: expected {' or '.join(CLASSIFIERS)}, found {classifier!r}."
        )


def _deal(
    codes: Codes, chosen: npt.NDArray[np.int64], shots: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Images to learn from and images to be asked for, class after class."""

    def dealt() -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        for code in chosen:
            order = rng.permutation(np.flatnonzero(codes == code))
            yield order[:shots], order[shots:]

    learnt, asked = zip(*dealt(), strict=True)
    return np.concatenate(learnt), np.concatenate(asked)
