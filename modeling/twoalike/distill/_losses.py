"""The objectives: discrepancies between a student's choice probabilities and the teacher's.

One similarity matrix of B images yields B(B-1)(B-2)/6 triplets for one forward pass. Losses are
computed in float32, outside autocast: errors of dot products in bfloat16 reach several logits.

==============  ===================================================================
``kl``          KL divergence of the student's choice probabilities from the teacher's
``jsd``         Jensen-Shannon divergence of the two, bounded by ln 2
``hard``        cross-entropy with the teacher's most probable odd one, ignoring uncertainty
==============  ===================================================================

They are those of AligNet (doi:10.1038/s41586-025-09631-6), computed from log-softmax so
that large differences between similarities leave gradients finite.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional

from twoalike.choice import log_choice, pair_similarities
from twoalike.distill._config import Objective, Similarity

NEIGHBOUR_TEMPERATURE = 0.1
"""Of cosines, as in gLocal."""


def image_similarity(features: torch.Tensor, kind: Similarity) -> torch.Tensor:
    """Similarity of all pairs of a batch, shape (B, B), float32 (float64 of float64 features).

    Parameters
    ----------
    features
        Shape (B, p), of any precision.
    kind
        ``dot``: dot product divided by p, so that temperatures are comparable across networks.
        ``raw-dot``: dot product, as AligNet has it.
        ``cosine``: cosine of the features minus their mean over the batch.
    """
    with torch.autocast(features.device.type, enabled=False):
        values = features if features.dtype == torch.float64 else features.float()
        if kind == "raw-dot":
            return values @ values.T
        if kind == "dot":
            return values @ values.T / values.shape[1]
        centred = functional.normalize(values - values.mean(0), dim=1)
        return centred @ centred.T


def choice_logs(
    similarity: torch.Tensor, triplets: torch.Tensor, temperature: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Log-probability that item 1, 2, 3 is the odd one, shape (..., n, 3), float32.

    Parameters
    ----------
    similarity
        Similarities of a batch, shape (..., B, B), float32.
    triplets
        Indices into the batch, shape (n, 3).
    temperature
        Of the observer, > 0.
    """
    with torch.autocast(similarity.device.type, enabled=False):
        pairs = pair_similarities(similarity, triplets)
        return torch.stack(log_choice(pairs, temperature, xp=torch), dim=-1)


def triplet_loss(
    objective: Objective, student: torch.Tensor, teacher: torch.Tensor
) -> torch.Tensor:
    """Mean loss over triplets, in nats.

    Parameters
    ----------
    objective
        A name in :data:`TRIPLET_LOSSES`.
    student
        Log-probabilities, shape (n, 3), float32.
    teacher
        Probabilities, which may be 0, shape (n, 3), float32.

    Examples
    --------
    >>> sure = torch.tensor([[1.0, 0.0, 0.0]])
    >>> undecided = torch.full((1, 3), 1 / 3).log()
    >>> round(triplet_loss("kl", undecided, sure).item(), 4)
    1.0986
    """
    if objective not in TRIPLET_LOSSES:
        known = ", ".join(TRIPLET_LOSSES)
        raise ValueError(f"{objective!r} is not an objective of triplets: expected one of {known}")
    return TRIPLET_LOSSES[objective](student, teacher).mean()


def neighbour_divergence(features: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """KL divergence of each image's neighbours in a batch from the previous ones, in nats.

    An image's neighbours are the softmax of its cosines with the others, of features minus the
    previous features' mean, at temperature .1: the local term of gLocal (Muttenthaler et al. 2023,
    arXiv:2306.04507), which differs by the entropy of the previous neighbours, a constant.

    Parameters
    ----------
    features, before
        Shape (B, p), of any precision.
    """
    with torch.autocast(features.device.type, enabled=False):
        mean = before.float().mean(dim=0)
        ours, theirs = (_neighbours(x.float() - mean) for x in (features, before))
        return functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def _neighbours(x: torch.Tensor) -> torch.Tensor:
    """Log-probability that each other image is the neighbour, shape (B, B)."""
    unit = functional.normalize(x, dim=1)
    itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    cosine = (unit @ unit.T / NEIGHBOUR_TEMPERATURE).masked_fill(itself, -1e4)
    return functional.log_softmax(cosine, dim=1)


def _divergence(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """KL divergence of the student from the teacher by triplet, with 0 log 0 = 0."""
    return (torch.xlogy(teacher, teacher) - teacher * student).sum(dim=1)


def _kl(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return _divergence(teacher, student)


def _jsd(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    middle = torch.logaddexp(teacher.log(), student) - math.log(2.0)
    ours = (student.exp() * (student - middle)).sum(dim=1)
    return 0.5 * (_divergence(teacher, middle) + ours)


def _hard(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    likeliest = teacher == teacher.amax(dim=1, keepdim=True)
    # If several are equally probable, each gets an equal share.
    target = likeliest / likeliest.sum(dim=1, keepdim=True)
    return -(target * student).sum(dim=1)


TRIPLET_LOSSES: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "kl": _kl,
    "jsd": _jsd,
    "hard": _hard,
}
"""Objectives of triplets by name: functions of the student's log-probabilities and the teacher's
probabilities, both (n, 3), that return a loss by triplet, (n,)."""
UNCALIBRATED = ("hard",)
"""Objectives that teach a temperature far too confident: it is fitted afterwards."""
