"""Arrangements in the model: the density of a layout's shape, and what follows from it."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.chosen import judged_logs

from twoalike.embedding._layouts import Layouts
from twoalike.judgments import arrangements_table
from twoalike.study import TwoalikeError

M = 12
IDS = [f"o{k:02d}" for k in range(M)]


def columns(trials: list[tuple[np.ndarray, np.ndarray]], who: list[str]) -> dict[str, Any]:
    """Columns of a table: items and places of each trial."""
    rows = [
        (person, number, item, *(0.05 * np.asarray(place)))  # well inside the arena
        for number, ((items, places), person) in enumerate(zip(trials, who, strict=True), start=1)
        for item, place in zip(items, places, strict=True)
    ]
    names = ("participant", "trial", "item", "x", "y")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def laid_out(trials: list[tuple[np.ndarray, np.ndarray]], who: list[str] | None = None) -> Layouts:
    table = arrangements_table(columns(trials, who or ["p"] * len(trials)), IDS)
    return Layouts.from_table(table)


def logs(x: np.ndarray, layouts: Layouts, noise: np.ndarray) -> np.ndarray:
    return np.concatenate(judged_logs(layouts, x, noise))


def by_hand(x: np.ndarray, items: np.ndarray, places: np.ndarray, noise: float) -> float:
    """The density spelt out on an orthonormal basis of the directions that sum to zero."""
    k = len(items)
    basis = np.linalg.svd(np.eye(k) - 1 / k)[0][:, : k - 1]
    z, y = basis.T @ x[items], basis.T @ places
    y = y / np.linalg.norm(y)
    variance = noise**2 * ((x - x.mean(axis=0)) ** 2).mean(axis=0).sum() + 1e-6
    covariance = z @ z.T + variance * np.eye(k - 1)
    _, logdet = np.linalg.slogdet(covariance)
    return float(-logdet - (k - 1) * np.log(np.trace(y.T @ np.linalg.solve(covariance, y))))


@pytest.mark.parametrize("d", [2, 9], ids=["fewer dimensions than objects", "more"])
def test_density_is_the_definition_up_to_a_constant(rng: np.random.Generator, d: int) -> None:
    items = [rng.permutation(M)[:6] for _ in range(5)]
    trials = [(chosen, rng.normal(size=(6, 2))) for chosen in items]
    noise = np.array([0.3, 0.7])
    who = ["p", "q", "p", "q", "p"]
    layouts = laid_out(trials, who)
    # A constant of a trial may depend on its size and on nothing that is fitted.
    gaps = []
    for _ in range(3):
        x = rng.gamma(1.0, 1.0, (M, d))
        expected = [
            by_hand(x, shown, places, noise[int(person == "q")])
            for (shown, places), person in zip(trials, who, strict=True)
        ]
        gaps.append(logs(x, layouts, noise) - np.array(expected))
    assert_allclose(gaps[0], gaps[1], atol=1e-3)
    assert_allclose(gaps[0], gaps[2], atol=1e-3)


def test_layouts_know_no_place_size_or_direction(rng: np.random.Generator) -> None:
    items, places = rng.permutation(M)[:6], rng.normal(size=(6, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    moved = 3.0 * places @ turn + [1.0, -2.0]
    mirrored = places * [1.0, -1.0]
    x, noise = rng.gamma(1.0, 1.0, (M, 3)), np.array([0.3])
    found = [logs(x, laid_out([(items, each)]), noise) for each in (places, moved, mirrored)]
    assert_allclose(found[1], found[0], atol=1e-4)
    assert_allclose(found[2], found[0], atol=1e-4)


def test_trials_without_a_shape_are_left_out_and_counted(rng: np.random.Generator) -> None:
    one_place = (np.arange(4), np.zeros((4, 2)))
    pair = (np.arange(2), rng.normal(size=(2, 2)))
    good = (np.arange(5), rng.normal(size=(5, 2)))
    layouts = laid_out([one_place, pair, good])
    assert len(layouts.groups[0].items) == 1 and layouts.left_out == 2
    with pytest.raises(TwoalikeError, match="found none among 2 trials"):
        laid_out([one_place, pair])
