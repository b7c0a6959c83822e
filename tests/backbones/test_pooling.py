"""Any network with ``forward_features`` is a backbone."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from twoalike.backbones import Backbone, Preprocessing, load_backbone, weights_sha256
from twoalike.backbones._backbone import Pool
from twoalike.study import TwoalikeError


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


@pytest.mark.parametrize(
    ("features", "pool", "said"),
    [
        (torch.zeros(2, 1, 1, 1, 1), "mean", r"found \(2, 1, 1, 1, 1\)"),
        (torch.zeros(3, 5), "mean", r"expected \(2, features\).*found \(3, 5\)"),
        (torch.zeros(()), "mean", r"found \(\)"),
        (MAPS, "first", r"found \(2, 3, 2, 2\)"),
        ([MAPS], "mean", "found a list"),
    ],
)
def test_other_shapes_are_told(features: Any, pool: Pool, said: str) -> None:
    with pytest.raises(TwoalikeError, match=said) as caught:
        Backbone.of(Given(features), Preprocessing(size=16), pool=pool)
    assert "\n" not in str(caught.value)


def test_a_network_without_forward_features_is_told() -> None:
    with pytest.raises(TwoalikeError, match=r"Linear: expected .* forward_features"):
        Backbone.of(nn.Linear(3, 3), Preprocessing(size=16))


def test_a_timm_network_as_a_module_of_ones_own() -> None:
    """Pooled here or by timm, the features are the same; the weights keep their names."""
    known = load_backbone("test_resnet", untrained=True, size=32)
    own = Backbone.of(known.network, known.preprocessing, name="mine")
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found, expected = own.module(images), known.module(images)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert own.weights_sha256 == weights_sha256(known.module) == known.weights_sha256
