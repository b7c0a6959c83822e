"""Agreement by level, by category and by participant; bins of probabilities."""

import numpy as np
from numpy.testing import assert_allclose

from twoalike.calibration import reliability
from twoalike.evaluation import Interval, TwoWayBootstrap, by_category, by_participant


def trials(rng: np.random.Generator, n: int = 600, m: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Triplets and participants."""
    return np.stack([rng.permutation(m)[:3] for _ in range(n)]), rng.integers(5, size=n)


def test_a_category_has_the_choices_in_which_it_occurs(rng: np.random.Generator) -> None:
    """A model that knows only animals is right wherever one is shown."""
    triplets, people = trials(rng)
    labels = ["animal"] * 6 + ["tool"] * 12 + [""] * 6
    hits = (triplets < 6).any(axis=1).astype(float)
    boot = TwoWayBootstrap(people, triplets, rng, resamples=200)
    one, other = by_category([(hits, hits), (1 - hits, hits)], triplets, labels, boot)
    assert set(one) == {"animal", "tool"}
    assert one["animal"]["accuracy"] == Interval(1.0, 1.0, 1.0)
    assert one["animal"]["n"] == hits.sum()
    shown = ((triplets >= 6) & (triplets < 18)).any(axis=1)
    assert_allclose(one["tool"]["accuracy"].value, hits[shown].mean())
    assert one["tool"]["accuracy"].low < hits[shown].mean() < one["tool"]["accuracy"].high
    assert other["animal"]["accuracy"].value == 0.0


def test_participants_have_their_own_means_and_intervals(rng: np.random.Generator) -> None:
    skill = np.array([0.2, 0.9, 0.5])
    people = np.concatenate([rng.integers(3, size=900), [3]])
    hits = (rng.random(901) < np.append(skill, 1.0)[people]).astype(float)
    losses = rng.exponential(size=901)
    found = by_participant(hits, losses, people, ["a", "b", "c", "once", "never"])
    assert list(found) == ["a", "b", "c", "once"]
    assert sum(part["n"] for part in found.values()) == 901
    for name, truth in zip("abc", skill, strict=True):
        accuracy = found[name]["accuracy"]
        assert accuracy.low < truth < accuracy.high
    own = losses[people == 1]
    half = found["b"]["log_loss"].high - own.mean()
    assert_allclose(half, 1.96 * own.std(ddof=1) / np.sqrt(len(own)), rtol=0.02)
    assert isinstance(found["once"]["log_loss"], float)
    assert found["once"]["accuracy"].low < 0.5


def test_a_curve_of_the_most_probable_answer(rng: np.random.Generator) -> None:
    p = rng.dirichlet((1, 1, 1), size=20_000)
    chosen = (p.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1).clip(0, 2)
    curve = reliability(p, chosen, answers="top")
    assert curve.counts.sum() == 20_000
    assert curve.predicted.min() > 1 / 3
    assert_allclose(curve.observed, curve.predicted, atol=0.04)
