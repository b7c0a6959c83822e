"""Triplets that ask about fine distinctions as often as about coarse ones."""

import numpy as np
import torch


def scale_triplets(distance: torch.Tensor, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw n triplets at all scales of a batch: near neighbours as well as any three, (n, 3).

    Of any three images of a collection few are of one class and fewer of one subclass, so that a
    loss over them hardly feels fine distinctions. Here the first image is any, and the two others
    are of its k nearest, each factor of k (from 2 to all) as likely as any other: the triplets ask
    about coarse and about fine distinctions alike, without a number of clusters to choose.

    Parameters
    ----------
    distance
        Of each two images, shape (B, B), any increasing function of it.
    n
        Triplets.
    rng
        Source of randomness; the same draws on any device.

    Examples
    --------
    >>> line = torch.tensor([0.0, 1.0, 3.0, 7.0])
    >>> scale_triplets((line[:, None] - line).abs(), 2, np.random.default_rng(0)).tolist()
    [[3, 2, 1], [2, 0, 1]]
    """
    batch = len(distance)
    first = rng.integers(batch, size=n)
    nearest = np.minimum(2 * (batch / 2) ** rng.random(n), batch - 1).astype(np.int64)
    second = (rng.random(n) * nearest).astype(np.int64)
    third = (rng.random(n) * (nearest - 1)).astype(np.int64)
    third += third >= second
    # An image is nearest to itself, also where others are not told apart from it.
    apart = distance.clone().fill_diagonal_(-torch.inf)
    neighbours = apart.argsort(dim=1, stable=True)[:, 1:]
    rows, *ranks = (torch.from_numpy(x).to(distance.device) for x in (first, second, third))
    return torch.stack([rows, *(neighbours[rows, rank] for rank in ranks)], dim=1)
