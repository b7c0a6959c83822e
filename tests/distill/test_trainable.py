"""What of a network is trained: the last blocks, adapters, an affine map of frozen features."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.distill.conftest import Squares, run
from torch import nn

from twoalike.backbones import Backbone, Preprocessing, load_backbone
from twoalike.distill import DistillConfig, load_recipe
from twoalike.distill._trainable import add_adapters, prepare_training, trained_network
from twoalike.distill._update import StudentNetwork
from twoalike.study import TwoalikeError

NETWORKS = ["test_vit", "test_resnet", "efficientnet_lite0"]


def network(name: str, size: int | None = None) -> Backbone:
    return load_backbone(name, untrained=name != "efficientnet_lite0", size=size)


def learning(module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def images_for(backbone: Backbone, n: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randn(n, *backbone.preprocessing.shape, generator=generator)


@pytest.mark.parametrize("name", NETWORKS)
def test_adapters_change_nothing_at_first_and_are_added_to_the_weights(name: str) -> None:
    backbone = network(name)
    images, names = images_for(backbone), list(backbone.module.state_dict())
    with torch.no_grad():
        before = backbone.module(images)
        adapted = prepare_training(backbone, DistillConfig(train="lora", lora_rank=4))
        assert torch.equal(adapted(images), before)
        assert learning(adapted)
        assert all("lora_" in name for name in learning(adapted))
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02)
        beside = adapted(images)
        within = trained_network(adapted)(images)
    assert (beside - before).abs().max() > 1e-3
    assert (within - beside).abs().max() <= 1e-5 * max(1, float(beside.abs().max()))
    assert list(backbone.module.state_dict()) == names


def test_all_layers_but_the_first_get_adapters() -> None:
    everywhere = add_adapters(network("test_resnet").module, 2, 160, 0)
    assert not any("conv1.0.lora" in name for name in learning(everywhere)), "the first sees pixels"
    assert any("layer1.0.conv2.lora" in name for name in learning(everywhere))


class Bare(nn.Module):
    """Has one layer, which sees pixels; another is there and never called."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.uncalled = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = self.stem(images).mean((2, 3))
        return nn.functional.linear(pooled, self.uncalled.weight)


def test_networks_that_adapters_do_not_suit_are_told_before_training() -> None:
    bit = load_backbone("resnetv2_50x1_bit", untrained=True, size=64)
    with pytest.raises(TwoalikeError, match="rescale their weights.*'full' or 'last'"):
        prepare_training(bit, DistillConfig(train="lora"))
    with pytest.raises(TwoalikeError, match="after the first layer, found none"):
        add_adapters(Bare(), 4, 32, 0)


@pytest.mark.parametrize(
    ("name", "blocks", "learns", "stays"),
    [
        ("test_vit", 1, {"norm.weight", "blocks.5.attn.qkv.weight"}, "blocks.4.attn.qkv.weight"),
        ("test_vit", 2, {"norm.weight", "blocks.4.mlp.fc1.bias"}, "blocks.3.mlp.fc1.bias"),
        ("test_resnet", 1, {"layer4.0.conv1.weight"}, "layer3.0.conv2.weight"),
        (
            "test_convnext",
            1,
            {"head.norm.weight", "stages.3.blocks.1.mlp.fc1.weight"},
            "stem.0.weight",
        ),
        ("efficientnet_lite0", 1, {"conv_head.weight", "blocks.6.0.conv_pw.weight"}, "bn1.weight"),
    ],
)
def test_last_blocks(name: str, blocks: int, learns: set[str], stays: str) -> None:
    backbone = network(name)
    module = prepare_training(backbone, DistillConfig(train="last", last_blocks=blocks))
    found = learning(module)
    assert learns <= found
    assert stays not in found
    assert learning(prepare_training(backbone, DistillConfig(train="full"))) == set(
        dict(module.named_parameters())
    )


def test_last_blocks_of_a_module_of_ones_own() -> None:
    """Its children are its blocks; what has no matrix belongs to the child before."""

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.norm = nn.Conv2d(3, 4, 2), nn.Conv2d(4, 5, 2), nn.BatchNorm2d(5)

        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return self.norm(self.b(self.a(images)))  # type: ignore[no-any-return]

    own = Backbone.of(Own(), Preprocessing(size=16))
    module = prepare_training(own, DistillConfig(train="last"))
    assert learning(own.network) == {"b.weight", "b.bias", "norm.weight", "norm.bias"}
    assert module is own.module
    with pytest.raises(TwoalikeError, match="last_blocks of 1 to 2.*found 3"):
        prepare_training(own, DistillConfig(train="last", last_blocks=3))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"train": "probe", "head": "dense"}, "probe"),
        ({"head_width": 8}, "head_width is that of head = 'linear'"),
    ],
)
def test_settings_that_contradict_each_other_are_told(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(TwoalikeError, match=match) as caught:
        load_recipe(None, settings)
    assert "\n" not in str(caught.value)


def frozen_names(train: str) -> set[str]:
    """Names of weights that must be as they were."""
    names = set(load_backbone("test_resnet", untrained=True).module.state_dict())
    if train == "last":
        return {name for name in names if not name.startswith("layer4")}
    if train == "lora":
        return {name for name in names if "bn" in name or name == "conv1.0.weight"}
    return names


@pytest.mark.parametrize("train", [pytest.param("last", marks=pytest.mark.slow), "lora", "probe"])
def test_the_student_learns_and_the_rest_stays(
    squares: Squares, tmp_path: Path, train: str
) -> None:
    settings = {"steps": 30, "batch": 16, "rate": 1e-2, "evaluate_every": 4}
    settings |= {"last_blocks": 1, "select": "last"}
    said = run(squares, tmp_path / "student", train=train, **settings)
    assert said["held_out"]["student"]["kl"] < said["held_out"]["base"]["kl"] - 0.01
    assert said["check"]["difference"] <= 1e-5
    base = load_backbone("test_resnet", untrained=True).module.state_dict()
    learnt = load_backbone(tmp_path / "student").module.state_dict()
    assert frozen_names(train) <= {name for name in base if torch.equal(base[name], learnt[name])}
    assert (said["learnt"] > 0) is (train != "probe")
    assert said["learnt"] < sum(value.numel() for value in base.values())


def test_batch_statistics_stay_and_weights_learn() -> None:
    student = StudentNetwork(load_backbone("test_resnet", untrained=True).module).train()
    buffers = {name: value.clone() for name, value in student.named_buffers()}
    seen = student(torch.randn(4, 3, 32, 32))
    (seen.features.square().sum() / seen.temperature).backward()
    assert all(torch.equal(value, buffers[name]) for name, value in student.named_buffers())
    assert all(p.grad is not None for p in student.parameters())
