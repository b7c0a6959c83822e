"""The network that learns: batch statistics stay, an identity head changes nothing."""

import torch

from twoalike.backbones import load_backbone
from twoalike.distill._update import StudentNetwork


def test_batch_statistics_stay_and_weights_learn() -> None:
    student = StudentNetwork(load_backbone("test_resnet", untrained=True).module).train()
    buffers = {name: value.clone() for name, value in student.named_buffers()}
    seen = student(torch.randn(4, 3, 32, 32))
    (seen.features.square().sum() / seen.temperature).backward()
    assert all(torch.equal(value, buffers[name]) for name, value in student.named_buffers())
    assert all(p.grad is not None for p in student.parameters())
