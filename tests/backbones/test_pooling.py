"""Any network with ``forward_features`` is a backbone."""

from typing import Any

import pytest
import torch
from torch import nn

from twoalike.backbones import Backbone, Preprocessing
from twoalike.backbones._backbone import Pool


class Given(nn.Module):
    """Returns what it was made with, whatever the images."""

    def __init__(self, features: Any) -> None:
        super().__init__()
        self.features = features

    def forward_features(self, images: torch.Tensor) -> Any:
        return self.features


MAPS = torch.arange(24.0).reshape(2, 3, 2, 2)
TOKENS = torch.arange(24.0).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("features", "pool", "expected"),
    [
        (MAPS, "mean", MAPS.flatten(2).mean(2)),
        (TOKENS, "mean", TOKENS.mean(1)),
        (TOKENS, "first", TOKENS[:, 0]),
        (TOKENS[:, 1], "mean", TOKENS[:, 1]),
    ],
)
def test_maps_tokens_and_pooled_features(
    features: torch.Tensor, pool: Pool, expected: torch.Tensor
) -> None:
    backbone = Backbone.of(Given(features), Preprocessing(size=16), pool=pool)
    assert backbone.n_features == 3
    torch.testing.assert_close(backbone.module(torch.zeros(2, 3, 16, 16)), expected)
