"""Batches and the teacher's labels of them: draws, averages, listed triplets."""

from itertools import combinations

import numpy as np
import torch
from scipy.special import softmax

from twoalike.distill import BatchStream, batch_triplets, scale_triplets
from twoalike.distill._sources import LabelSource, Opinion

CPU = torch.device("cpu")


def odd_chances(similarity: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """Written out once more: the odd one is outside the pair that is alike."""
    i, j, k = triplets.T
    return softmax(np.stack([similarity[j, k], similarity[i, k], similarity[i, j]], 1), axis=1)


def test_averages_of_draws(rng: np.random.Generator) -> None:
    """Predictive labels are mean probabilities, plug-in ones those of the mean similarities."""
    draws = rng.normal(size=(5, 8, 3)).astype(np.float32)
    images = torch.tensor([6, 1, 3, 4, 0])
    triplets = batch_triplets(5, 100, rng)
    matrices = [x[images] @ x[images].T for x in draws.astype(float)]
    everyone = np.mean([odd_chances(m, triplets) for m in matrices], axis=0)
    middle = odd_chances(np.mean(matrices, axis=0), triplets)
    rows = torch.from_numpy(triplets)
    for average, expected in (("predictive", everyone), ("plugin", middle)):
        found = Opinion(draws, average).probabilities(images, rows, CPU)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    one = Opinion(draws, "draw")
    seen = [
        one.probabilities(images, rows, CPU, np.random.default_rng(seed)) for seed in range(200)
    ]
    assert len({tuple(chances[0].tolist()) for chances in seen}) == 5
    np.testing.assert_allclose(torch.stack(seen).mean(0), everyone, atol=0.05)
    # Who scores with such a teacher has no draw to take: the mean is the fair judge.
    np.testing.assert_allclose(one.probabilities(images, rows, CPU), everyone, atol=1e-5)


def test_listed_triplets_keep_their_labels(rng: np.random.Generator) -> None:
    """Each row once an epoch, its images once a batch, its label with it, for any processes."""
    triplets = np.stack([rng.choice(50, 3, replace=False) for _ in range(24)])
    chances = softmax(rng.normal(size=(24, 3)), axis=1).astype(np.float32)
    for world in (1, 2):
        seen = []
        for rank in range(world):
            source = LabelSource(
                triplets, chances, BatchStream(24, 4, 1, world, rank, "labelled triplets")
            )
            for number, keys in enumerate(source.keys(0, 6 // world)):
                images = torch.tensor([image for _, image in keys])
                assert len(set(images.tolist())) == len(images) <= 12
                places, labels = source.labels(number, images, CPU)
                seen += [
                    (*row, *label)
                    for row, label in zip(images[places].tolist(), labels.tolist(), strict=True)
                ]
        expected = [
            (*row, *label) for row, label in zip(triplets.tolist(), chances.tolist(), strict=True)
        ]
        assert sorted(seen) == sorted(expected)


def test_all_triplets_of_a_batch_or_different_ones(rng: np.random.Generator) -> None:
    """Each subset of triplets is equally probable, and the seed decides which it is."""
    for batch in (3, 4, 9):
        every = list(combinations(range(batch), 3))
        assert list(map(tuple, batch_triplets(batch, 1000, rng).tolist())) == every
    seen = np.zeros(84)
    for _ in range(2000):
        some = set(map(tuple, batch_triplets(9, 42, rng).tolist()))
        assert len(some) == 42
        seen += [one in some for one in every]
    assert abs(seen / 2000 - 0.5).max() < 0.05  # 4.5 standard deviations
    first, again = (batch_triplets(300, 500, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_triplets_at_all_scales() -> None:
    """Fine distinctions come up as often as coarse ones, which few of any three images do."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(27), 3)  # 3 x 3 x 3 kinds of three images
    nested = torch.from_numpy(kinds[:, None] // np.array([9, 3, 1]))
    distance = (nested[:, None] != nested).sum(dim=2).float()
    triplets = scale_triplets(distance, 20_000, rng)
    assert (torch.diff(triplets.sort(dim=1).values, dim=1) > 0).all()
    assert triplets.flatten().bincount(minlength=81).min() > 400
    widest = distance[triplets[:, [0, 0, 1]], triplets[:, [1, 2, 2]]].max(dim=1).values
    at_scale = widest.long().bincount(minlength=4) / len(triplets)
    # Neighbourhoods of 2, to 8, to 26 and to 80 others: each kind's share of the range, in logs.
    assert (at_scale[1:] > 0.15).all()
    any_three = torch.from_numpy(batch_triplets(81, 10**6, rng))
    widest = distance[any_three[:, [0, 0, 1]], any_three[:, [1, 2, 2]]].max(dim=1).values
    assert (widest == 1).float().mean() < 0.02
