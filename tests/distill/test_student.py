"""The network that learns: batch statistics stay, an identity head changes nothing."""

import torch

from twoalike.backbones import load_backbone
from twoalike.distill._student import StudentNetwork, identity_head


def test_batch_statistics_stay_and_weights_learn() -> None:
    student = StudentNetwork(load_backbone("test_resnet", untrained=True).module).train()
    buffers = {name: value.clone() for name, value in student.named_buffers()}
    seen = student(torch.randn(4, 3, 32, 32))
    (seen.features.square().sum() / seen.temperature).backward()
    assert all(torch.equal(value, buffers[name]) for name, value in student.named_buffers())
    assert all(p.grad is not None for p in student.parameters())


def test_identity_head_changes_nothing_at_first() -> None:
    backbone = load_backbone("test_resnet", untrained=True).module
    images = torch.randn(3, 3, 32, 32)
    plain = StudentNetwork(backbone)
    headed = StudentNetwork(backbone, identity_head(96, bias=False))
    torch.testing.assert_close(plain.output_of(images), headed.output_of(images))
    assert plain.training
    assert sum(p.numel() for p in headed.parameters()) == 96**2 + sum(
        p.numel() for p in plain.parameters()
    )
