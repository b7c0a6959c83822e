"""Evidence weights and the rescaled average: an independent oracle, a real session, properties."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist, squareform

from twoalike.design import ArrangedTrial, pair_evidence, rescaled_average
from twoalike.design._arranging import evidence_state

M = 9


def arranged(m: int, n: int, rng: np.random.Generator) -> list[ArrangedTrial]:
    """Trials of a noisy person; the first holds most items, so that all scales are tied."""
    truth = rng.normal(size=(m, 2))
    trials = []
    for number in range(n):
        size = m - 2 if number == 0 else int(rng.integers(3, m + 1))
        items = rng.permutation(m)[:size]
        place = truth[items] + rng.normal(0, 0.3, (size, 2))
        trials.append(ArrangedTrial(items, place / pdist(place).max() * rng.uniform(0.3, 1)))
    return trials


def oracle(trials: list[ArrangedTrial], m: int) -> Any:
    """Evidence-weighted rescaling of rsatoolbox, to norm one."""
    from rsatoolbox.rdm import RDMs
    from rsatoolbox.rdm.combine import rescale

    partial = np.full((len(trials), m * (m - 1) // 2), np.nan)
    for row, trial in zip(partial, trials, strict=True):
        square = np.full((m, m), np.nan)
        square[np.ix_(trial.items, trial.items)] = squareform(pdist(trial.positions))
        row[:] = square[np.triu_indices(m, 1)]
    with np.errstate(invalid="ignore"):  # pairs never shown: 0 / 0
        aligned = rescale(RDMs(partial), method="evidence")
        weights = aligned.rdm_descriptors["rescalingWeights"]
        total = np.nansum(aligned.dissimilarities * weights, axis=0) / np.nansum(weights, axis=0)
    return total / np.sqrt(np.nansum(total**2))


@pytest.mark.parametrize("seed", range(6))
def test_rescaled_average_is_that_of_rsatoolbox(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = arranged(M, 2 + 2 * seed, rng)
    found = rescaled_average(trials, M)
    assert found.converged
    expected = oracle(trials, M)
    assert_allclose(found.dissimilarities[np.triu_indices(M, 1)], expected, rtol=0, atol=1e-10)
    if seed == 0:
        assert np.isnan(expected).any(), "the case should have pairs never shown together"


def test_a_real_session_gives_the_dissimilarities_its_platform_stored(shared_data: Path) -> None:
    (file,) = (shared_data / "meadows").glob("*_tree.json")
    session = json.loads(file.read_text(encoding="utf-8"))
    place = {item["id"]: at for at, item in enumerate(session["stimuli"])}
    trials = [
        ArrangedTrial(
            np.array([place[item["id"]] for item in trial["positions"]]),
            np.array([[item["x"], item["y"]] for item in trial["positions"]]),
        )
        for trial in session["trials"]
    ]
    m = len(place)
    found = rescaled_average(trials, m)
    assert found.converged
    pairs = np.triu_indices(m, 1)
    assert np.corrcoef(found.dissimilarities[pairs], session["rdm"])[0, 1] >= 0.98
    first = pair_evidence(trials[:1], m)[pairs].min()
    assert first == pytest.approx(session["trials"][0]["min_evidence"])


def test_evidence_by_hand() -> None:
    # A right triangle with sides .3, .4, .5, and again at a fifth of the size: below the floor.
    place = np.array([[0, 0], [0.3, 0], [0, 0.4]])
    trials = [ArrangedTrial(np.array([2, 0, 3]), place), ArrangedTrial(np.array([0, 3]), place[:2])]
    trials.append(ArrangedTrial(np.array([0, 2, 3]), place / 5))
    expected = np.zeros((4, 4))
    expected[0, 2], expected[2, 3], expected[0, 3] = 0.09, 0.16, 0.25 + 0.09
    expected[[0, 2, 0], [2, 3, 3]] += 0.04
    assert_allclose(pair_evidence(trials, 4), expected + expected.T)
    state = evidence_state(pair_evidence(trials, 4), 0.2)
    assert state.min_evidence == 0
    assert state.mean_evidence == pytest.approx((0.13 + 0.2 + 0.38) / 6)
    assert state.progress == pytest.approx((0.13 / 0.2 + 1 + 1) / 6)


def test_piles_and_nothing_are_borne(rng: np.random.Generator) -> None:
    trials = arranged(M, 6, rng)
    pile = ArrangedTrial(np.array([0, 1, 2]), np.zeros((3, 2)))
    alone = rescaled_average([pile], 4).dissimilarities
    assert alone[0, 1] == alone[1, 2] == 0
    assert np.isnan(alone[0, 3])
    assert np.isfinite(rescaled_average([*trials, pile], M).dissimilarities[0, 1])
    assert np.isnan(rescaled_average([], 3).dissimilarities[np.triu_indices(3, 1)]).all()


def test_positions_are_those_of_the_raw_table() -> None:
    raw = [0.1234565, 0.1234575, -2.5e-7, 1 / 3]
    trial = ArrangedTrial(np.arange(2), np.array(raw).reshape(2, 2))
    assert_array_equal(trial.positions.ravel(), [float(f"{value:.6f}") for value in raw])
