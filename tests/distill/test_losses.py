"""Similarities and loss: known answers, invariances, precision, gradients."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from twoalike.distill import batch_triplets, image_similarity, triplet_kl


def torch_normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_kl_equals_the_sum_written_out() -> None:
    ours, theirs = torch_normal(1, 5, 5), torch_normal(2, 5, 5)
    ours, theirs = ours + ours.T, theirs + theirs.T
    triplets = np.array([[0, 1, 2], [4, 2, 0], [3, 1, 4]])
    expected = []
    for i, j, k in triplets:
        pairs = [(j, k), (i, k), (i, j)]  # what is alike when item 1, 2, 3 is odd
        q = log_softmax([float(ours[a, b]) / 0.7 for a, b in pairs])
        p = softmax([float(theirs[a, b]) for a, b in pairs])
        expected.append((p * (np.log(p) - q)).sum())
    found = triplet_kl(ours, theirs, torch.from_numpy(triplets), torch.tensor(0.7))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


def test_order_within_triplets_does_not_matter() -> None:
    ours, theirs = (m @ m.T for m in (torch_normal(1, 9, 4), torch_normal(2, 9, 4)))
    triplets = torch.from_numpy(batch_triplets(9, 1000, np.random.default_rng(0)))
    one = triplet_kl(ours, theirs, triplets)
    for order in ([1, 0, 2], [2, 0, 1]):
        torch.testing.assert_close(triplet_kl(ours, theirs, triplets[:, order]), one)


def test_huge_gaps_keep_gradients_finite() -> None:
    """The log of a softmax gives -inf here, and NaN gradients."""
    similarity = (300 * torch_normal(0, 6, 6)).requires_grad_()
    triplets = torch.from_numpy(batch_triplets(6, 1000, np.random.default_rng(0)))
    loss = triplet_kl(similarity, 300 * torch_normal(1, 6, 6), triplets)
    loss.backward()
    assert torch.isfinite(loss)
    assert similarity.grad is not None
    assert torch.isfinite(similarity.grad).all()


def test_gradient_agrees_with_finite_differences() -> None:
    features = torch_normal(3, 6, 3).double().requires_grad_()
    theirs = torch_normal(4, 6, 6).double()
    triplets = torch.from_numpy(batch_triplets(6, 1000, np.random.default_rng(0)))

    def loss(x: torch.Tensor) -> torch.Tensor:
        return triplet_kl(x @ x.T, theirs, triplets, torch.tensor(0.5).double())

    assert torch.autograd.gradcheck(loss, (features,))


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


def test_cosine_ignores_size_and_centre() -> None:
    features = torch_normal(6, 12, 5)
    moved = 3 * features + torch_normal(7, 1, 5)
    torch.testing.assert_close(
        image_similarity(moved, "cosine"), image_similarity(features, "cosine")
    )
    torch.testing.assert_close(image_similarity(features, "cosine").diagonal(), torch.ones(12))
