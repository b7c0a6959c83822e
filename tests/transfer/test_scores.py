"""Intervals over classes and episodes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.evaluation import Interval
from twoalike.transfer._scores import ClassScores, class_interval, image_interval


def test_other_classes_are_in_the_interval_as_often_as_said(rng: np.random.Generator) -> None:
    covered = {"classes and episodes": 0, "superclasses": 0, "confusions": 0}
    n = 400
    for _ in range(n):
        classes = 0.6 + 0.1 * rng.normal(size=(1, 5))
        cells = 0.1 * rng.normal(size=(8, 5))
        both = class_interval(classes + cells + 0.2 * rng.normal(size=(8, 1)))
        covered["classes and episodes"] += both.low <= 0.6 <= both.high
        parents = ("a", "a", "a", "b", "b")
        fixed = class_interval(classes + cells + np.array([0.2, 0.2, 0.2, -0.2, -0.2]), parents)
        covered["superclasses"] += fixed.low <= 0.6 <= fixed.high
        confused = 0.05 * rng.normal(size=(12, 12))
        confused = np.triu(confused, 1) + np.triu(confused, 1).T
        pairs = class_interval(0.6 + confused.sum(axis=0)[None])
        covered["confusions"] += pairs.low <= 0.6 <= pairs.high
    for name, count in covered.items():
        assert 0.92 < count / n < 0.995, (name, count / n)
    assert covered["confusions"] / n < 0.97


def test_classes_that_were_not_in_an_episode_do_not_count() -> None:
    values = np.array([[1.0, np.nan, 0.0], [np.nan, 0.5, 0.0], [1.0, 0.5, np.nan]])
    # Every class has the same score whenever it is there, so episodes add nothing.
    expected = class_interval(np.array([[1.0, 0.5, 0.0]])).as_dict()
    assert class_interval(values).as_dict() == pytest.approx(expected)


def scores(values: np.ndarray) -> ClassScores:
    """Scores of three images in each of two classes."""
    return ClassScores(
        values.reshape(2, 3).mean(axis=1)[None], values, np.repeat([0, 1], 3), ("a", "b"), 0.5
    )


def test_scores_stay_within_their_limits_and_pairs_are_exact() -> None:
    own = scores(np.array([1.0, 1.0, 1.0, 0.2, 0.1, 0.3]))
    assert (own.interval().low, own.interval().high) == (0.0, 1.0)
    same = own.minus(own)
    assert same.interval() == same.same_classes() == Interval(0.0, 0.0, 0.0)
    gain = own.minus(scores(own.images - 0.1))
    for found in (gain.interval(), gain.same_classes()):
        assert_allclose([found.value, found.low, found.high], 0.1)


def test_other_images_are_in_the_interval_as_often_as_said(rng: np.random.Generator) -> None:
    covered, n = 0, 600
    members = np.repeat([0, 1, 2], [4, 8, 12])
    for _ in range(n):
        images = np.array([0.3, 0.6, 0.9])[members] + 0.2 * rng.normal(size=24)
        learnt = 0.2 * rng.normal(size=24)  # what is learnt from as many images
        means = np.bincount(members, weights=images + learnt) / np.bincount(members)
        found = image_interval(means[None], images, members)
        covered += found.low <= 0.6 <= found.high
    assert 0.93 < covered / n < 0.97
