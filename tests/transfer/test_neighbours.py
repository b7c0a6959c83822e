"""Nearest neighbours in a hierarchy, against a plain count."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.evaluation import similarity_matrix
from twoalike.study import TwoalikeError
from twoalike.transfer import NotMeasurable, neighbour_hierarchy, neighbour_shares


def test_counts_are_those_of_a_plain_loop(make_world: Any, rng: np.random.Generator) -> None:
    world = make_world(3, 3, 5)
    values = world.features(rng, family=0.5, species=0.5)
    codes = np.stack([world.parents, world.codes], axis=1)
    near = similarity_matrix(values)
    np.fill_diagonal(near, -np.inf)
    nearest = np.argsort(-near, axis=1)[:, :7]
    found = neighbour_hierarchy(values, world.levels, neighbours=7)
    depth = (codes[nearest] == codes[:, None]).sum(axis=2)
    assert_allclose(
        neighbour_shares(values, codes, 7), (codes[nearest] == codes[:, None]).mean(axis=1)
    )
    assert found.depth is not None
    assert found.precision is not None
    assert found.depth.interval().value == pytest.approx(depth.mean())
    # The best seven: four of the species (2 levels shared), three more of the family (1).
    assert found.precision.interval().value == pytest.approx(depth.sum(axis=1).mean() / 11)
    assert found.precision.chance == pytest.approx(7 * (14 / 44 + 4 / 44) / 11)
    assert found.same["species"].chance == pytest.approx(4 / 44)
    assert found.best == {"family": 1.0, "species": pytest.approx(4 / 7)}
    assert found.missing == {}


def test_perfect_and_meaningless_features(make_world: Any, rng: np.random.Generator) -> None:
    world = make_world(3, 3, 12)
    perfect = neighbour_hierarchy(
        world.features(rng, family=50.0, species=20.0), world.levels, neighbours=11
    )
    assert perfect.precision is not None
    assert perfect.precision.interval().value == pytest.approx(1.0)
    nothing = neighbour_hierarchy(world.features(rng), world.levels)
    assert nothing.precision is not None
    found = nothing.precision.interval()
    assert found.low <= nothing.precision.chance <= found.high


def test_equally_near_neighbours_share_the_last_places() -> None:
    values = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    codes = np.array([0, 0, 1, 1, 1])[:, None]
    shares = neighbour_shares(values, codes, 1, "raw-cosine")
    assert_allclose(shares[:, 0], [0.5, 0.5, 0.0, 1.0, 1.0])
    order = np.array([4, 2, 0, 3, 1])
    again = neighbour_shares(values[order], codes[order], 1, "raw-cosine")
    assert_allclose(again, shares[order])


def test_many_images_are_taken_in_parts(rng: np.random.Generator) -> None:
    values, codes = rng.normal(size=(1100, 6)), rng.integers(4, size=(1100, 1))
    near = similarity_matrix(values)
    np.fill_diagonal(near, -np.inf)
    nearest = np.argsort(-near, axis=1)[:, :5]
    expected = (codes[nearest] == codes[:, None]).mean(axis=1)
    assert_allclose(neighbour_shares(values, codes, 5), expected)


def test_what_cannot_be_made_is_said(make_world: Any, rng: np.random.Generator) -> None:
    world = make_world(2, 2, 3)
    values = world.features(rng)
    one = neighbour_hierarchy(values, {"family": world.superclass}, neighbours=3)
    assert one.precision is None
    assert one.missing == {"hierarchy": "needs two levels of labels, has 1"}
    crossed = {"family": world.superclass, "colour": ["red", "blue"] * 6}
    assert "is no hierarchy: 'red' lies in 'f0' and in 'f1'" in str(
        neighbour_hierarchy(values, crossed, neighbours=3).missing
    )
    single = {"family": world.superclass, "image": list(map(str, range(12)))}
    found = neighbour_hierarchy(values, single, neighbours=3)
    assert found.missing == {"image": "needs two classes with two images, has 0"}
    assert found.precision is not None
    with pytest.raises(NotMeasurable, match="needs more than 12 images, has 12"):
        neighbour_hierarchy(values, world.levels, neighbours=12)
    with pytest.raises(TwoalikeError, match="neighbours: expected at least 1"):
        neighbour_hierarchy(values, world.levels, neighbours=0)
