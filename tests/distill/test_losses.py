"""Similarities and loss: known answers, invariances, precision, gradients."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from twoalike.distill import (
    TRIPLET_LOSSES,
    batch_triplets,
    choice_logs,
    image_similarity,
    neighbour_divergence,
    triplet_loss,
)
from twoalike.distill._config import Objective
from twoalike.distill._losses import UNCALIBRATED


def torch_normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def all_triplets(images: int) -> torch.Tensor:
    return torch.from_numpy(batch_triplets(images, 1000, np.random.default_rng(0)))


def loss_of(objective: Any, ours: torch.Tensor, theirs: torch.Tensor, t: Any = 1.0) -> torch.Tensor:
    """Loss over all triplets of two similarity matrices."""
    triplets = all_triplets(len(ours))
    chances = choice_logs(theirs, triplets).exp()
    return triplet_loss(objective, choice_logs(ours, triplets, t), chances)


def test_recipes_name_the_losses_that_there_are() -> None:
    assert set(get_args(Objective)) == set(TRIPLET_LOSSES)
    assert set(UNCALIBRATED) <= set(get_args(Objective))
    with pytest.raises(ValueError, match="expected one of kl, jsd, hard"):
        triplet_loss("other", torch.zeros(1, 3), torch.zeros(1, 3))


@pytest.mark.parametrize("objective", TRIPLET_LOSSES)
def test_who_says_what_the_teacher_says_loses_nothing(objective: str) -> None:
    theirs = choice_logs(torch_normal(5, 7, 7), all_triplets(7))
    chances = theirs.exp()
    if objective == "hard":  # it takes the teacher to be sure
        chances = (theirs == theirs.amax(dim=1, keepdim=True)).float()
    other = choice_logs(torch_normal(6, 7, 7), all_triplets(7))
    own, others = (
        float(triplet_loss(objective, logs, chances))
        for logs in (chances.clamp_min(1e-30).log(), other)
    )
    assert own == pytest.approx(0, abs=1e-6)
    assert others > 0.1


def test_losses_equal_their_sums_written_out() -> None:
    ours, theirs = torch_normal(1, 5, 5), torch_normal(2, 5, 5)
    ours, theirs = ours + ours.T, theirs + theirs.T
    expected: dict[str, list[float]] = {"kl": [], "jsd": [], "hard": []}
    for i, j, k in all_triplets(5).tolist():
        pairs = [(j, k), (i, k), (i, j)]  # what is alike when item 1, 2, 3 is odd
        q = softmax([float(ours[a, b]) / 0.7 for a, b in pairs])
        p = softmax([float(theirs[a, b]) for a, b in pairs])
        expected["kl"].append(entropy(p, q))
        expected["jsd"].append(entropy(p, (p + q) / 2) / 2 + entropy(q, (p + q) / 2) / 2)
        expected["hard"].append(-np.log(q[p.argmax()]))
    for objective, values in expected.items():
        found = float(loss_of(objective, ours, theirs, torch.tensor(0.7)))
        assert found == pytest.approx(np.mean(values), rel=1e-5), objective


@pytest.mark.parametrize("objective", TRIPLET_LOSSES)
def test_huge_gaps_keep_gradients_finite(objective: str) -> None:
    """The log of a softmax gives -inf here, and NaN gradients."""
    similarity = (300 * torch_normal(0, 6, 6)).requires_grad_()
    loss = loss_of(objective, similarity, 300 * torch_normal(1, 6, 6))
    loss.backward()
    assert torch.isfinite(loss)
    assert similarity.grad is not None
    assert torch.isfinite(similarity.grad).all()


def test_neighbours_know_rotations_and_strangers() -> None:
    features = torch_normal(1, 40, 6)
    features = features - features.mean(0)
    turned = 5 * features @ torch.linalg.qr(torch_normal(2, 6, 6))[0]
    assert float(neighbour_divergence(turned, features)) == pytest.approx(0, abs=1e-4)
    assert float(neighbour_divergence(torch_normal(3, 40, 6), features)) > 1
    near = features.clone().requires_grad_()
    loss = neighbour_divergence(near, features)
    loss.backward()
    assert near.grad is not None
    assert torch.allclose(near.grad, torch.zeros_like(near), atol=1e-6)  # least at the start


@pytest.mark.parametrize("kind", ["dot", "cosine"])
def test_similarities_are_float32_under_autocast(kind: str) -> None:
    features = 30 * torch_normal(5, 20, 64)
    exact = image_similarity(features, kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = image_similarity(features, kind)
        rough = features @ features.T / 64
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact)
    if kind == "dot":
        assert (rough.float() - exact).abs().max() > 0.1
