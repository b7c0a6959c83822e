"""Response times: what is left of them without the participants' own speed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.posteriors import posterior_of

from twoalike.calibration import times_by_uncertainty
from twoalike.calibration._entropy import (
    known_means,
    log_times,
    mean_over_people,
    partial_ranks,
    times_by_entropy,
)
from twoalike.choice import entropy as answer_entropy
from twoalike.evaluation import spearman
from twoalike.judgments import object_index, read_judgments
from twoalike.observers import SimulatedObserver, simulate_choices, sparse_embedding
from twoalike.study import TwoalikeError


def test_entropy_is_recovered_only_without_the_participants_speed(rng: np.random.Generator) -> None:
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
    times = log_times(np.exp(log_s.ravel() / 3), people)
    raw, centred = (known_means(values, triplet, m) for values in (times.raw, times.centred))
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


def test_times_are_ranked_within_each_person(rng: np.random.Generator) -> None:
    """Known answers: one person always slower when unsure, one at random, one with few trials."""
    person = np.repeat([4, 9, 2], [40, 40, 5])
    entropy = rng.random(85)
    time = np.where(person == 4, 3 * entropy, rng.normal(size=85))
    time[:2] = np.nan
    found = times_by_entropy(entropy, time, person)
    assert found is not None
    assert found.people.tolist() == [4, 9] and found.trials == 78
    assert_allclose(found.correlations[0], 1.0)
    expected = mean_over_people(np.array([1.0, spearman(entropy[40:80], time[40:80])]))
    assert found.spearman == expected.within(-1, 1)
    assert (np.diff(found.entropy) > 0).all() and found.quartiles.shape == (5, 3)
    assert times_by_entropy(entropy, time, np.where(person == 2, 9, person) * 0) is None


def test_a_posterior_expects_where_people_take_long(rng: np.random.Generator) -> None:
    """Simulated people whose times grow with the entropy of their choice, and the true space."""
    x = sparse_embedding(12, rng, dimensions=3)
    ids = tuple(f"o{k:02d}" for k in range(12))
    observers = {f"p{k}": SimulatedObserver(ids, x) for k in range(4)}
    choices = read_judgments(simulate_choices(observers, 80, seed=1))
    items, _, names = object_index(choices)
    shown = np.array([ids.index(name) for name in names])[items]
    unsure = answer_entropy(observers["p0"].choice_probabilities(shown))
    choices["response_time"] = np.exp(0.6 * unsure + 0.45 * rng.normal(size=len(choices)))
    draws = np.abs(x + 0.1 * rng.normal(size=(2, 20, *x.shape)))
    drawn = {"embedding": draws, "lapse": np.full((2, 20, 4), 0.01)}
    posterior = posterior_of(drawn, {"object": ids, "participant": list(observers)})
    found = times_by_uncertainty(posterior, choices)
    assert found.left_out and found.spearman.low > 0.05
    assert_array_equal(found.people, np.arange(4))
    assert not times_by_uncertainty(posterior, choices, fitted=False).left_out
    with pytest.raises(TwoalikeError, match="2 participants with 10"):
        times_by_uncertainty(posterior, choices.assign(response_time=np.nan))
