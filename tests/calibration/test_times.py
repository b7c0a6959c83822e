"""Response times: what is left of them without the participants' own speed."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.calibration import by_triplet, log_times, partial_ranks, within_participants
from twoalike.evaluation import spearman


def test_entropy_is_recovered_only_without_the_participants_speed(
    rng: np.random.Generator,
) -> None:
    """The slow happen to judge the easy triplets: raw times say the opposite of the truth."""
    m, n_people = 800, 40
    entropy = rng.random(m)
    person = rng.integers(n_people, size=(m, 4))
    slow = rng.normal(size=n_people)
    easy_first = np.argsort(entropy)
    speed_first = np.argsort(-slow)
    person[easy_first] = speed_first[
        np.clip(np.arange(m) * n_people // m + rng.integers(-12, 13, size=(4, m)), 0, 39)
    ].T
    log_s = 0.8 * entropy[:, None] + slow[person] + 0.3 * rng.normal(size=(m, 4))
    triplet, people = np.repeat(np.arange(m), 4), person.ravel()
    times = log_times(np.exp(log_s.ravel()), people, shortest_s=0, longest_s=np.inf)
    raw, centred = (by_triplet(values, triplet, m) for values in (times.raw, times.centred))
    assert spearman(entropy, raw) < -0.2
    assert spearman(entropy, centred) > 0.15
    x, y = partial_ranks(entropy[triplet], times.centred, people)
    assert spearman(x, y) > 0.2


def test_implausible_and_missing_times_are_counted_once() -> None:
    seconds = np.array([1.0, np.e, np.nan, 0.0, 0.05, 11.0, 3.0])
    found = log_times(seconds, np.array([0, 0, 0, 0, 0, 0, 1]))
    assert found.left_out == {"missing": 2, "short": 1, "long": 1, "only_one": 1}
    assert_allclose(found.centred[:2], [-0.5, 0.5])
    assert np.isnan(found.centred[2:]).all()
    assert_array_equal(np.isnan(found.raw), [False, False, True, True, False, False, False])
    every = log_times(seconds, np.zeros(7, dtype=int), shortest_s=0, longest_s=np.inf)
    assert_allclose(np.nansum(every.centred), 0, atol=1e-12)
    assert (~np.isnan(every.centred)).sum() == 5


def test_values_within_participants_sum_to_zero(rng: np.random.Generator) -> None:
    people = np.array([7, 7, 9, 9, 9, 4])
    found = within_participants(rng.normal(size=6), people)
    for person in (7, 9):
        assert_allclose(found[people == person].sum(), 0, atol=1e-12)
    assert np.isnan(found[5])
    assert within_participants(np.array([]), np.array([], dtype=int)).shape == (0,)


def test_triplets_without_a_known_value_have_none() -> None:
    values = np.array([1.0, 3.0, np.nan, np.nan])
    assert_array_equal(by_triplet(values, np.array([0, 0, 0, 2]), 3), [2.0, np.nan, np.nan])
