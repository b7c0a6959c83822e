"""What alignment left of the features: CKA, neighbours, distances within and between classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.rsa import debiased_cka, distance_changes, neighbour_overlap, pair_kinds


@pytest.fixture
def features(rng: np.random.Generator) -> np.ndarray:
    """Sixty objects, ten features."""
    return rng.normal(size=(60, 10))


def orthogonal(n: int, rng: np.random.Generator) -> np.ndarray:
    """A random rotation."""
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


@pytest.mark.parametrize("width", [10, 200])
def test_cka_ignores_rotation_size_and_shift(width: int, rng: np.random.Generator) -> None:
    cka = debiased_cka
    a = rng.normal(size=(60, width))
    b = np.tanh(a) + rng.normal(size=a.shape)
    moved = 7.0 * a @ orthogonal(width, rng) + 3.0
    assert cka(a, a) == pytest.approx(1)
    assert cka(a, moved) == pytest.approx(1)
    assert cka(moved, b) == pytest.approx(cka(a, b))
    assert cka(a, b) == pytest.approx(cka(b, a))
    assert cka(a, b) < 0.99


def test_debiased_cka_is_the_estimator_written_out(
    features: np.ndarray, rng: np.random.Generator
) -> None:
    other = features[:, :4] + rng.normal(size=(60, 4))

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        k, l = a @ a.T, b @ b.T  # noqa: E741
        np.fill_diagonal(k, 0), np.fill_diagonal(l, 0)
        n, ones = len(k), np.ones(len(k))
        middle = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
        return (np.trace(k @ l) + middle - 2 / (n - 2) * ones @ k @ l @ ones) / (n * (n - 3))

    both, first, second = hsic(features, other), hsic(features, features), hsic(other, other)
    assert debiased_cka(features, other) == pytest.approx(both / np.sqrt(first * second))


def test_neighbours_stay_under_rotation_and_are_lost_in_noise(rng: np.random.Generator) -> None:
    a = rng.normal(size=(1500, 8))
    assert neighbour_overlap(a, a @ orthogonal(8, rng), 5)["value"] == pytest.approx(1, abs=1e-3)
    lost = neighbour_overlap(a, rng.normal(size=a.shape), 5)
    assert lost["chance"] == 5 / 1499
    assert lost["value"] == pytest.approx(lost["chance"], abs=0.003)
    near = neighbour_overlap(a, a + 0.1 * rng.normal(size=a.shape), 5)
    assert 0.2 < near["value"] < 1


KINGDOM = np.repeat(np.arange(3), 40)
FAMILY = np.repeat(np.arange(15), 8)
LABELS = {"kingdom": [f"k{k}" for k in KINGDOM], "family": [f"f{f}" for f in FAMILY]}


@pytest.fixture
def world(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Before: clusters at two levels. After: families tighter, kingdoms further apart."""
    kingdoms, families = rng.normal(size=(3, 20)), rng.normal(size=(15, 20))
    noise = rng.normal(size=(120, 20))
    base = kingdoms[KINGDOM] + families[FAMILY] + noise
    return base, 2 * kingdoms[KINGDOM] + families[FAMILY] + 0.5 * noise


def test_families_tighten_and_kingdoms_part(
    world: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    found = distance_changes(*world, LABELS, rng)
    assert list(found["kinds"]) == ["within family", "within kingdom", "between kingdom"]
    within, same, between = found["kinds"].values()
    assert within["change"].high < 0 < between["change"].low
    assert within["percent"].value < same["percent"].value < 0
    assert within["percent"].high < 0 < between["percent"].low
    assert (within["n"], same["n"], between["n"]) == (15 * 28, 3 * 780 - 15 * 28, 3 * 1600)
    assert within["percent"].value == pytest.approx(100 * (within["aligned"] / within["base"] - 1))
    assert found["resampled"] == "classes"
    pairs = np.array([of["n"] for of in found["kinds"].values()])
    for side in ("base", "aligned"):
        means = np.array([of[side] for of in found["kinds"].values()])
        assert_allclose((pairs * means).sum() / pairs.sum(), 1)


def test_kinds_without_pairs_are_named(rng: np.random.Generator) -> None:
    base, aligned = rng.normal(size=(2, 12, 5))
    own = {"item": [str(i) for i in range(12)], "one": ["x"] * 12}
    found = distance_changes(base, aligned, own, rng)
    assert list(found["kinds"]) == ["within one"]
    assert set(found["missing"]) == {"within item", "between one"}
    assert found["resampled"] == "objects"
    kinds, names = pair_kinds({"kind": ["", "", "a", "a"]})
    assert names == ["within kind", "between kind"]
    assert (kinds[0, 1], kinds[2, 3]) == (1, 0)
