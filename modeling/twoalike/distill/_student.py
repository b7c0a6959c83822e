"""The network that learns: a backbone, maybe a head, and a temperature."""

from typing import Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from twoalike.distill._losses import image_similarity


class Student(nn.Module):
    """Images to features, with the temperature at which their similarities become choices.

    Parameters
    ----------
    backbone
        Images (n, 3, h, w) to pooled features (n, p).
    n_features
        p.
    head
        ``linear`` adds a map from p to p features that starts as the identity.
    similarity
        As in :func:`twoalike.distill.image_similarity`.
    temperature
        To start from.
    """

    def __init__(
        self,
        backbone: nn.Module,
        n_features: int,
        *,
        head: Literal["none", "linear"] = "none",
        similarity: Literal["dot", "cosine"] = "dot",
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.similarity = similarity
        self.head: nn.Linear | None = None
        if head == "linear":
            self.head = nn.Linear(n_features, n_features, bias=False)
            nn.init.eye_(self.head.weight)
        self.log_temperature = nn.Parameter(torch.tensor(float(temperature)).log())

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, p), and the temperature."""
        features = self.backbone(images)
        if self.head is not None:
            features = self.head(features)
        return features, self.log_temperature.exp()

    def train(self, mode: bool = True) -> "Student":
        """Train with batch normalisation as it was: small batches would spoil its statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    @torch.inference_mode()
    def features_of(self, images: torch.Tensor, batch: int) -> torch.Tensor:
        """Features of prepared images, shape (n, p), float32, on the processor."""
        training = self.training
        self.eval()
        device = self.log_temperature.device
        rows = [self(chunk.to(device))[0].float().cpu() for chunk in torch.split(images, batch)]
        self.train(training)
        return torch.cat(rows)

    def similarity_of(self, features: torch.Tensor) -> torch.Tensor:
        """Similarities (n, n) of features, in float32."""
        return image_similarity(features, self.similarity)
