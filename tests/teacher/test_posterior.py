"""The posterior as a teacher: its own probabilities, by draw, for dot products and distances."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.teacher.conftest import Draws, World

from twoalike.choice import log_choice, pair_similarities
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, provenance
from twoalike.teacher import (
    AffineTeacher,
    PosteriorTeacher,
    load_teacher,
    make_posterior_teacher,
    sample_triplets,
    save_teacher,
)


@dataclass
class Distances(Draws):
    """Draws whose similarity is minus a distance, as in multidimensional scaling."""

    def pair_similarity(self, left: Any, right: Any) -> Any:
        gaps = left[:, None].astype(float) - right[None]
        return -np.sqrt((gaps**2).sum(axis=2) + 1e-6)

    def similarity(self) -> Any:
        return np.mean([self.pair_similarity(x, x) for x in self.embedding], axis=0)


@pytest.mark.parametrize("mode", ["predictive", "plugin"])
def test_it_says_what_the_posterior_says(world: World, rng: np.random.Generator, mode: Any) -> None:
    triplets = sample_triplets(world.n_judged, 3000, rng)
    teacher = make_posterior_teacher(world.posterior, mode=mode)
    expected = world.posterior.choice_probabilities(triplets, mode)
    np.testing.assert_allclose(teacher.choice_probabilities(triplets), expected, atol=1e-5)
    turned = FeatureTable(teacher.ids[::-1], world.features.values[:120], {})
    other = teacher.choice_probabilities(world.n_judged - 1 - triplets, turned)
    np.testing.assert_allclose(other, expected, atol=1e-5)


def test_distances_become_dot_products(rng: np.random.Generator) -> None:
    """Every draw's choices are those of minus the distances, whatever the constant."""
    draws = rng.normal(size=(3, 25, 2)).astype(np.float32)
    world = Distances(tuple(f"o{k}" for k in range(25)), draws)
    teacher = make_posterior_teacher(world)
    x = teacher.positions(world.ids)
    found = x @ x.swapaxes(1, 2)
    others = ~np.eye(25, dtype=bool)
    for x, similarity in zip(draws, found, strict=True):
        gap = (similarity - world.pair_similarity(x, x))[others]
        np.testing.assert_allclose(gap, gap.mean(), atol=1e-3)
    triplets = sample_triplets(25, 400, rng)
    expected = np.mean(
        [
            np.exp(log_choice(pair_similarities(world.pair_similarity(x, x), triplets)))
            for x in draws
        ],
        axis=0,
    ).T
    np.testing.assert_allclose(teacher.choice_probabilities(triplets), expected, atol=1e-3)


def test_positions_by_draw_are_what_a_loop_needs(world: World, fitted: AffineTeacher) -> None:
    """Both kinds of teachers answer alike: dot products of a draw are log-odds of choices."""
    ids = tuple(f"object {number}" for number in (7, 3, 99, 20))
    triplets = np.array([[0, 1, 2], [3, 1, 0]])
    for teacher, n in (
        (make_posterior_teacher(world.posterior, draws=6), 6),
        (fitted, 1),
    ):
        x = teacher.positions(ids, world.features)
        similarity = x @ x.swapaxes(1, 2)
        assert similarity.shape == (n, 4, 4)
        logs = [np.stack(log_choice(pair_similarities(s, triplets)), axis=1) for s in similarity]
        table = FeatureTable(ids, world.features.select(ids), world.features.meta)
        expected = teacher.choice_probabilities(triplets, table)
        np.testing.assert_allclose(np.exp(logs).mean(axis=0), expected, atol=1e-5)


def test_draws_are_thinned_over_all_chains(world: World) -> None:
    teacher = make_posterior_teacher(world.posterior, draws=4)
    np.testing.assert_array_equal(teacher.draws, world.posterior.embedding[[0, 3, 6, 9]])
    assert teacher.description["to"] == {"objects": 120, "dimensions": 4, "draws": 4}


def test_round_trip(world: World, tmp_path: Path, rng: np.random.Generator) -> None:
    judged = np.arange(120) < 50
    teacher = make_posterior_teacher(world.posterior, judged=judged, mode="plugin")
    save_teacher(tmp_path / "teacher", teacher, provenance("teacher", seed=0))
    again = load_teacher(tmp_path / "teacher", any_kind=True)
    assert isinstance(again, PosteriorTeacher)
    triplets = sample_triplets(50, 100, rng)
    np.testing.assert_array_equal(
        teacher.choice_probabilities(triplets), again.choice_probabilities(triplets)
    )
    assert again.ids == world.posterior.ids[:50]
    with pytest.raises(TwoalikeError, match="expected a teacher that maps features"):
        load_teacher(tmp_path / "teacher")


def test_objects_nobody_judged_are_refused_by_name(world: World, fitted: AffineTeacher) -> None:
    teacher = make_posterior_teacher(world.posterior)
    with pytest.raises(TwoalikeError, match="80 of 200 objects were not judged, first object 120"):
        teacher.check(world.features)
    with pytest.raises(TwoalikeError, match="at least 3 objects, found 2"):
        make_posterior_teacher(world.posterior, judged=np.arange(120) < 2)
    with pytest.raises(TwoalikeError, match="to place objects, found none"):
        fitted.positions(teacher.ids)
