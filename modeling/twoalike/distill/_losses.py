"""The loss: similarities of a batch against the teacher's, over many triplets at once.

One similarity matrix of B images holds B(B-1)(B-2)/6 triplets for the price of one forward pass.
All of it runs in float32, outside autocast: dot products in bfloat16 are off by whole logits.
"""

from typing import Literal

import torch
from torch.nn import functional

from twoalike.choice import log_choice, pair_similarities


def image_similarity(features: torch.Tensor, kind: Literal["dot", "cosine"]) -> torch.Tensor:
    """Similarity of all pairs of a batch, shape (B, B), float32.

    Parameters
    ----------
    features
        Shape (B, p), of any precision.
    kind
        ``dot``: dot product divided by p, so that temperatures mean the same for any network.
        ``cosine``: cosine of the features minus their mean over the batch.
    """
    with torch.autocast(features.device.type, enabled=False):
        values = features.float()
        if kind == "dot":
            return values @ values.T / values.shape[1]
        centred = functional.normalize(values - values.mean(0), dim=1)
        return centred @ centred.T


def triplet_kl(
    student: torch.Tensor,
    teacher: torch.Tensor,
    triplets: torch.Tensor,
    temperature: torch.Tensor | float = 1.0,
) -> torch.Tensor:
    """Mean KL divergence of the student's choice probabilities from the teacher's, in nats.

    Parameters
    ----------
    student
        Similarities, shape (B, B), float32.
    teacher
        Similarities divided by the teacher's temperature, shape (B, B), float32.
    triplets
        Indices into the batch, shape (n, 3).
    temperature
        Of the student, > 0.

    Examples
    --------
    >>> same = torch.eye(4)
    >>> triplet_kl(same, same, torch.tensor([[0, 1, 2]])).item()
    0.0
    """
    with torch.autocast(student.device.type, enabled=False):
        ours = _log_probabilities(student, triplets, temperature)
        theirs = _log_probabilities(teacher, triplets, 1.0)
        return (theirs.exp() * (theirs - ours)).sum(dim=1).mean()


def _log_probabilities(
    matrix: torch.Tensor, triplets: torch.Tensor, temperature: torch.Tensor | float
) -> torch.Tensor:
    pairs = pair_similarities(matrix, triplets)
    return torch.stack(log_choice(pairs, temperature, xp=torch), dim=1)
