"""Simulated arrangements: known geometry first, then what noise does."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from twoalike.observers import SimulatedArranger, SimulatedObserver, flatten
from twoalike.study import TwoalikeError


def arranger(embedding: npt.NDArray[np.float64], noise: float = 0.0) -> SimulatedArranger:
    ids = tuple(f"o{number}" for number in range(len(embedding)))
    return SimulatedArranger(SimulatedObserver(ids, embedding, placement_noise=noise))


def test_points_of_a_plane_come_back_but_for_scale(rng: np.random.Generator) -> None:
    points = rng.normal(size=(25, 2))
    placed = arranger(points).arrange([f"o{n}" for n in range(25)], rng)
    ratios = pdist(placed) / pdist(points)
    assert np.ptp(ratios) < 0.01 * ratios.mean()
    # Filled: the smallest circle around them has nine tenths of the arena's diameter.
    assert np.linalg.norm(placed, axis=1).max() == pytest.approx(0.45, abs=0.005)


def test_distances_are_those_of_the_space(rng: np.random.Generator) -> None:
    embedding = rng.gamma(1.0, size=(8, 5))
    items = ["o3", "o0", "o6"]
    found = arranger(embedding).distances(items)
    np.testing.assert_allclose(found, squareform(pdist(embedding[[3, 0, 6]])), atol=1e-7)


def stress(points: npt.NDArray[np.float64], distances: npt.NDArray[np.float64]) -> float:
    return float(((pdist(points) - squareform(distances)) ** 2).sum())


def test_the_plane_is_near_the_best_of_many_searches(rng: np.random.Generator) -> None:
    ratios = []
    for _ in range(8):
        distances = squareform(pdist(rng.normal(size=(10, 5))))
        many = [stress(flatten(distances, rng), distances) for _ in range(6)]
        ratios.append(many[0] / min(many))
    assert np.mean(ratios) < 1.03


def test_five_dimensions_are_placed_with_the_loss_that_a_plane_has() -> None:
    # facts of the simulation in the literature: one arrangement of 20 items, noise .1, r near .7
    correlations = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        points = rng.normal(size=(20, 5))
        placed = arranger(points, 0.1).arrange([f"o{n}" for n in range(20)], rng)
        correlations.append(np.corrcoef(pdist(placed), pdist(points))[0, 1])
    assert 0.6 < np.mean(correlations) < 0.82


def test_noise_has_the_size_it_is_said_to_have() -> None:
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    items = [f"o{n}" for n in range(25)]
    deviations = []
    for seed in range(25):
        still, shaky = (
            arranger(grid, noise).arrange(items, np.random.default_rng(seed))
            for noise in (0.0, 0.03)
        )
        deviations.append(shaky - still)
    assert np.std(deviations) == pytest.approx(0.03, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 12),
    dimensions=st.integers(1, 4),
    noise=st.floats(0, 0.5),
    same=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_every_arrangement_is_inside_and_drawn_again_the_same(
    n: int, dimensions: int, noise: float, same: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    embedding = np.ones((n, dimensions)) if same else rng.normal(size=(n, dimensions))
    items = [f"o{number}" for number in rng.permutation(n)]
    one, two = (
        arranger(embedding, noise).arrange(items, np.random.default_rng(seed)) for _ in range(2)
    )
    assert one.shape == (n, 2) and np.isfinite(one).all()
    assert np.linalg.norm(one, axis=1).max() <= 0.49 + 1e-12
    np.testing.assert_array_equal(one, two)


def test_unknown_objects_and_impossible_noise_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(TwoalikeError, match="'x'"):
        arranger(np.eye(3)).arrange(["o1", "x"], rng)
    with pytest.raises(ValueError, match="placement_noise"):
        arranger(np.eye(3), -0.1)
