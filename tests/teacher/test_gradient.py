"""The map fitted by gradient: its losses, where it starts, what it is compared with."""

import numpy as np
import pytest
import torch
from tests.teacher.conftest import World

from twoalike.teacher import Choices, TeachConfig, fit_teacher, sample_triplets
from twoalike.teacher._labels import odd_logits, score_soft
from twoalike.teacher._maps import (
    SoftLabels,
    gradient_map,
    local_logs,
    ridge_maps,
    spectral_positions,
)


@pytest.fixture
def parts(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, SoftLabels]:
    z = world.features.values[:120].astype(float)
    z = (z - z.mean(axis=0)) / z.std()
    y = spectral_positions(world.posterior.similarity(), 4)
    triplets = sample_triplets(120, 4000, rng)
    return z, y, SoftLabels(triplets, world.posterior.choice_probabilities(triplets))


def similarity(z: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    x = z @ weight.T + bias
    return np.asarray(x @ x.T)


def test_gradient_explains_labels_better_than_the_ridge_it_starts_from(
    parts: tuple[np.ndarray, np.ndarray, SoftLabels],
) -> None:
    z, y, labels = parts
    ((weight, bias),) = ridge_maps(z, y, [1.0])
    found = gradient_map(z, y, [labels], start=1.0, strength=1e-3, contrastive=0.0)
    ridge, ours = (
        score_soft(odd_logits(similarity(z, *each), labels.triplets), labels.probabilities)
        for each in ((weight, bias), found)
    )
    assert ours["log_loss"] < ridge["log_loss"] - 0.01


def test_strong_penalty_leaves_no_map(parts: tuple[np.ndarray, np.ndarray, SoftLabels]) -> None:
    z, y, labels = parts
    weight, _ = gradient_map(z, y, [labels], start=0.3, strength=1e4, contrastive=0.0)
    assert np.abs(weight).max() < 1e-3


def test_the_local_term_keeps_the_networks_neighbours(
    parts: tuple[np.ndarray, np.ndarray, SoftLabels],
) -> None:
    """The larger its share, the more the map's neighbourhoods are those of the features."""
    z, y, labels = parts
    wanted = local_logs(torch.from_numpy(z)).exp()
    losses = []
    for share in (0.0, 0.5, 0.95):
        weight, bias = gradient_map(
            z, y, [labels], start=1.0, strength=1e-4, contrastive=share, steps=200
        )
        local = local_logs(torch.from_numpy(z @ weight.T + bias))
        losses.append(float(-(wanted * local).sum(dim=1).mean()))
    assert losses[0] > losses[1] + 0.1 > losses[2] + 0.1


def test_local_probabilities_leave_an_object_itself_out(rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.normal(size=(5, 3)))
    logs = local_logs(x, temperature=0.5)
    unit = x / x.norm(dim=1, keepdim=True)
    row = [float(torch.exp(unit[1] @ unit[k] / 0.5)) for k in (0, 2, 3, 4)]
    np.testing.assert_allclose(logs[1].exp().numpy(), np.array(row) / sum(row), rtol=1e-6)


def test_guesses_are_not_explained(
    parts: tuple[np.ndarray, np.ndarray, SoftLabels], rng: np.random.Generator
) -> None:
    """With their lapses known, people's choices give the map that their attention follows."""
    z, y, labels = parts
    p = 0.7 * labels.probabilities + 0.1
    chosen = (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)
    losses = []
    for lapse in (0.0, 0.3):
        people = SoftLabels(labels.triplets, np.eye(3)[chosen], lapse)
        found = gradient_map(z, y, [people], start=1.0, strength=0.01, contrastive=0.0)
        logits = odd_logits(similarity(z, *found), labels.triplets)
        losses.append(score_soft(logits, labels.probabilities)["log_loss"])
    assert losses[1] < losses[0] - 0.02


def test_labels_among_some_objects() -> None:
    labels = SoftLabels(np.array([[0, 1, 2], [4, 2, 0]]), np.eye(3)[:2], 0.1)
    kept = labels.among(np.array([0, 2, 4]), 5)
    np.testing.assert_array_equal(kept.triplets, [[2, 1, 0]])
    np.testing.assert_array_equal(kept.probabilities, [[0, 1, 0]])
    assert kept.lapse == 0.1


def test_all_ways_are_tried_and_the_best_is_taken(world: World, rng: np.random.Generator) -> None:
    triplets = sample_triplets(world.n_judged, 1000, rng)
    p = world.true_probabilities(triplets)
    chosen = (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)
    config = TeachConfig(
        regulariser="contrastive",
        folds=3,
        gradient_strengths=(0.01, 0.1),
        contrastive=(0.2,),
        triplets=2000,
    )
    people = Choices(triplets, chosen)
    teacher = fit_teacher(world.posterior, world.features, config, choices=people)
    said = teacher.description["penalty"]
    assert [row["method"] for row in said["tried"]] == ["ridge"] * 8 + ["gradient"] * 3
    assert [row.get("contrastive") for row in said["tried"][8:]] == [0.0, 0.0, 0.2]
    assert said["chosen"] == min(said["tried"], key=lambda row: row["log_loss"])
    assert "choices" in said["why"]
