"""Networks by name, by weights file and by folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.hardening.mutations import Trap
from torch import nn

from twoalike.backbones import Backbone, Preprocessing, load_backbone, read_weights, weights_sha256
from twoalike.study import TwoalikeError


def test_untrained_networks_follow_their_seed_and_leave_torch_alone() -> None:
    state = torch.get_rng_state()
    one, same, other = (
        weights_sha256(load_backbone("test_resnet", untrained=True, seed=seed).module)
        for seed in (1, 1, 2)
    )
    assert one == same != other
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_local_weights_with_or_without_classifier(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(3)
    model = timm.create_model("test_resnet", num_classes=10)
    path = tmp_path / f"w{suffix}"
    save_file(model.state_dict(), path) if suffix == ".safetensors" else torch.save(
        {"state_dict": model.state_dict()}, path
    )
    loaded = load_backbone("test_resnet", weights=path)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = model.eval().forward_head(model.forward_features(images), pre_logits=True)
        torch.testing.assert_close(loaded.module(images), expected)


@pytest.mark.parametrize("wrapping", ["state_dict", "model", None])
def test_a_folder_that_holds_weights(tmp_path: Path, wrapping: str | None) -> None:
    """As a hub's copy or a training run leaves them, by whatever name."""
    model = timm.create_model("test_resnet", num_classes=10)
    state: dict[str, Any] = {f"module.{key}": value for key, value in model.state_dict().items()}
    described = {"mean": [0.1, 0.2, 0.3], "license": "mit", "classifier": "fc"}
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": described}))
    torch.save({wrapping: state} if wrapping else state, tmp_path / "epoch-12.pt")
    loaded = load_backbone("test_resnet", weights=tmp_path)
    assert (loaded.preprocessing.mean, loaded.licence) == ((0.1, 0.2, 0.3), "mit")
    model.reset_classifier(0)
    assert loaded.weights_sha256 == weights_sha256(model)
    save_file({"b": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(TwoalikeError, match=r"found b\.safetensors, epoch-12\.pt\. Name the file"):
        load_backbone("test_resnet", weights=tmp_path)
    (tmp_path / "epoch-12.pt").rename(tmp_path / "pytorch_model.bin")
    assert load_backbone("test_resnet", weights=tmp_path).weights_sha256 == loaded.weights_sha256
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TwoalikeError, match=r"config\.json: .*Name the file of weights itself"):
        load_backbone("test_resnet", weights=tmp_path)


def test_weights_that_are_code_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "evil.pth")
    with pytest.raises(TwoalikeError, match="more than tensors"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "sprung").exists()


def test_wrong_requests_are_told_in_one_line(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00")
    (tmp_path / "empty").mkdir()
    vit = timm.create_model("test_vit", num_classes=10).state_dict()
    save_file(vit, tmp_path / "vit.safetensors")
    requests = [
        (dict(name="resnet81"), "Did you mean 'resnet.+' or 'resnet.+' or 'resnet"),
        (dict(name="test_resnet", weights=tmp_path / "vit.safetensors"), "vit.safetensors.*do not"),
        (dict(name="test_resnet", weights=tmp_path / "empty"), "expected one file.*found none"),
        (dict(name="test_resnet", weights=tmp_path, untrained=True), "found both"),
        (dict(name=tmp_path / "none"), "expected a student's folder"),
        (dict(name=str(tmp_path / "empty")), "config.json"),
        (dict(name="test_resnet", weights=tmp_path / "other.safetensors"), "do not fit"),
        (dict(name="test_resnet", weights=tmp_path / "cut.safetensors"), "cannot be read"),
        (dict(name="test_resnet", weights=tmp_path / "absent.pth"), "no such file"),
        (dict(name="mixer_s32_224", untrained=True, size=128), "224 pixels only"),
        (dict(name="test_resnet", untrained=True, size=2), "16 to 4096"),
    ]
    for options, message in requests:
        with pytest.raises(TwoalikeError, match=message) as caught:
            load_backbone(**options)
        assert "\n" not in str(caught.value)


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A student's folder, as distill writes it."""
    module = timm.create_model("test_resnet", num_classes=99)
    (tmp_path / "student").mkdir()
    config = {"kind": "student", "schema_version": 1, "architecture": "test_resnet"}
    config |= {"num_classes": 99, "pretrained_cfg": Preprocessing(size=32).as_timm()}
    config |= {"num_features": 96, "parts": {"features": [0, 96], "human": [96, 99]}}
    config |= {"vector": {"file": None}, "weights_sha256": weights_sha256(module)}
    (tmp_path / "student" / "config.json").write_text(json.dumps(config))
    save_file(module.state_dict(), tmp_path / "student" / "model.safetensors")
    return tmp_path / "student"


def test_students_that_are_not_whole_are_told(student: Path) -> None:
    assert load_backbone(student).preprocessing.size == 32
    weights, config = student / "model.safetensors", student / "config.json"
    whole, described = weights.read_bytes(), json.loads(config.read_text())
    other = {k: v + 1 for k, v in load_backbone(student).module.state_dict().items()}

    def told(message: str) -> None:
        with pytest.raises(TwoalikeError, match=message) as caught:
            load_backbone(student)
        assert "\n" not in str(caught.value)

    weights.write_bytes(whole[: len(whole) // 2])
    told(r"model\.safetensors: cannot be read")
    weights.unlink()
    told(r"model\.safetensors: .*no such file")
    save_file(other, weights)
    told("holds other weights than those that config.json describes")
    weights.write_bytes(whole)
    for change, message in (
        ({"architecture": "test_vit"}, "do not fit test_vit"),
        ({"architecture": "test_rasnet"}, "Did you mean 'test_resnet'"),
        ({"architecture": None}, "module of somebody's own"),
        ({"kind": "teacher"}, "expected kind 'student', found 'teacher'"),
        ({"parts": {"features": [0, 100]}}, "expected parts of a vector of 99 numbers"),
        ({"vector": {"file": "vector.safetensors"}}, "no such file"),
    ):
        config.write_text(json.dumps(described | change))
        told(message)
    del described["num_classes"]
    config.write_text(json.dumps(described))
    told(r"config\.json: expected num_classes, found none")


def test_a_module_of_ones_own_must_pool() -> None:
    flat = torch.nn.Conv2d(3, 4, 3)
    with pytest.raises(TwoalikeError, match="pools"):
        _ = Backbone("mine", flat, Preprocessing(size=32)).n_features
    pooled = torch.nn.Sequential(flat, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    assert Backbone("mine", pooled, Preprocessing(size=32)).n_features == 4


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
    features: torch.Tensor, pool: Any, expected: torch.Tensor
) -> None:
    backbone = Backbone.of(Given(features), Preprocessing(size=16), pool=pool)
    assert backbone.n_features == 3
    torch.testing.assert_close(backbone.module(torch.zeros(2, 3, 16, 16)), expected)
