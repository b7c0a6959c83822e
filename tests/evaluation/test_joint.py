"""Many networks at once: paired differences, the bound for all of them, ranks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import studentized_range

from twoalike.evaluation import Comparisons, JointEstimates, TwoWayBootstrap


@pytest.fixture
def boot(rng: np.random.Generator) -> TwoWayBootstrap:
    """Resamples of 900 choices by 20 people on 30 objects."""
    triplets = np.stack([rng.permutation(30)[:3] for _ in range(900)])
    return TwoWayBootstrap(rng.integers(20, size=900), triplets, rng)


def test_differences_vary_as_the_bootstrap_of_the_difference(
    boot: TwoWayBootstrap, rng: np.random.Generator
) -> None:
    scores = rng.random((4, 900)) < 0.5
    joint = boot.joint(scores)
    assert_allclose(joint.values, scores.mean(axis=1))
    for i, j in ((0, 1), (2, 3)):
        alone = boot.interval(scores[i].astype(float) - scores[j])
        # Percentiles of 2,000 resamples are within some percent of 1.96 standard errors.
        assert_allclose(2 * 1.96 * joint.errors[i, j], alone.high - alone.low, rtol=0.08)
        again = boot.joint(np.stack([scores[i].astype(float) - scores[j], np.zeros(900)]))
        assert_allclose(again.errors[0, 1], joint.errors[i, j], rtol=1e-9)


def test_the_bound_is_tukeys_where_scores_are_independent_normals() -> None:
    k, rng = 8, np.random.default_rng(1)
    joint = JointEstimates.from_covariance(np.zeros(k), np.eye(k), 1e6, rng)
    half = joint.compare().half[0, 1]
    # A difference of two with variance 1 has the standard error sqrt(2).
    assert_allclose(half, studentized_range.ppf(0.95, k, np.inf), rtol=0.03)
    assert joint.compare(against=3).half[3, 0] < half
    assert np.isnan(joint.compare(against=3).half[0, 1])


def _null_study(rng: np.random.Generator) -> Comparisons:
    """Eight networks that see one space through equal noise, 12 people, 40 objects."""
    truth = rng.normal(size=(40, 4))
    triplets = np.stack([rng.permutation(40)[:3] for _ in range(600)])
    pairs = ((1, 2), (0, 2), (0, 1))

    def odd(seen: np.ndarray, temperature: float) -> np.ndarray:
        a = [(seen[triplets[:, i]] * seen[triplets[:, j]]).sum(axis=1) for i, j in pairs]
        return (np.stack(a, 1) + temperature * rng.gumbel(size=(600, 3))).argmax(axis=1)

    chosen = odd(truth, 1.0)
    hits = [odd(truth + 0.8 * rng.normal(size=truth.shape), 0.0) == chosen for _ in range(8)]
    return TwoWayBootstrap(rng.integers(12, size=600), triplets, rng).joint(hits).compare()


@pytest.mark.slow
def test_equal_networks_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(11)
    alarms = [bool(_null_study(rng).differs.any()) for _ in range(200)]
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
