"""The network that learns: a backbone, maybe a head, and a temperature."""

from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from twoalike.distill._losses import image_similarity
from twoalike.distill._shards import whole


class Output(NamedTuple):
    """What a student makes of images.

    Attributes
    ----------
    features
        Whose similarities are learnt, shape (n, q).
    temperature
        At which they become choices, shape (1,).
    unmapped
        Features before the head, shape (n, p); the same where there is none.
    """

    features: torch.Tensor
    temperature: torch.Tensor
    unmapped: torch.Tensor


class Student(nn.Module):
    """Images to features, with the temperature at which their similarities become choices.

    Parameters
    ----------
    backbone
        Images (n, 3, h, w) to pooled features (n, p).
    n_features
        p.
    head
        ``linear`` adds a map from p to p features that starts as the identity, ``affine`` one
        that also moves them.
    width
        Features of the head; None takes p. Any other number starts from a random map that keeps
        dot products over their number of features the same on average.
    similarity
        As in :func:`twoalike.distill.image_similarity`.
    temperature
        To start from.
    seed
        Of the random map.
    """

    def __init__(
        self,
        backbone: nn.Module,
        n_features: int,
        *,
        head: Literal["none", "linear", "affine"] = "none",
        width: int | None = None,
        similarity: Literal["dot", "cosine"] = "dot",
        temperature: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.similarity = similarity
        self.head: nn.Linear | None = None
        if head != "none":
            self.head = nn.Linear(n_features, width or n_features, bias=head == "affine")
            if width in {None, n_features}:
                nn.init.eye_(self.head.weight)
            else:
                rng = torch.Generator().manual_seed(seed)
                nn.init.normal_(self.head.weight, std=n_features**-0.5, generator=rng)
        if self.head is not None and head == "affine":
            nn.init.zeros_(self.head.bias)
        # One element, and not a number: a number cannot be shared out among processes.
        self.log_temperature = nn.Parameter(torch.tensor([float(temperature)]).log())

    @property
    def temperature(self) -> float:
        """At which its similarities become choices; all processes must ask."""
        return float(whole(self.log_temperature.detach()).exp())

    def forward(self, images: torch.Tensor) -> Output:
        """Features, through the head and before it, and the temperature."""
        unmapped = self.backbone(images)
        features = unmapped if self.head is None else self.head(unmapped)
        return Output(features, self.log_temperature.exp(), unmapped)

    def train(self, mode: bool = True) -> "Student":
        """Train with batch normalisation as it was: small batches would spoil its statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    @torch.no_grad()
    def output_of(self, images: torch.Tensor) -> Output:
        """Output for prepared images, float32, on the processor."""
        training = self.training
        self.eval()
        output = Output(*(x.float().cpu() for x in self(images.to(self.log_temperature.device))))
        self.train(training)
        return output

    def similarity_of(self, features: torch.Tensor) -> torch.Tensor:
        """Similarities (n, n) of features, in float32."""
        return image_similarity(features, self.similarity)
