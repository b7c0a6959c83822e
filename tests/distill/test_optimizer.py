"""A step: decay towards the initial weights, the schedule, frozen batch statistics."""

import pytest
import torch

from twoalike.backbones import load_backbone
from twoalike.distill import AdamToInit, learning_rate
from twoalike.distill._update import StudentNetwork


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))


def test_one_step_is_the_formula() -> None:
    theta, plain = parameter(), parameter()
    ours, adam = AdamToInit([theta], rate=0.1, decay=0.5), torch.optim.Adam([plain], lr=0.1)
    with torch.no_grad():
        theta.add_(1.0)
        plain.add_(1.0)
    for p in (theta, plain):
        p.grad = torch.tensor([1.0, 2.0, -0.5])
    ours.step()
    adam.step()
    # theta - theta_0 = 1 everywhere: the pull is 0.1 * 0.5 * 1.
    torch.testing.assert_close(theta.detach(), plain.detach() - 0.05)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (1, 0.9), (50, 0.1), (7, 0.5)])
def test_schedule_rises_to_its_peak_and_falls(steps: int, warmup: float) -> None:
    rates = [learning_rate(step, steps, warmup) for step in range(steps)]
    assert max(rates) == 1.0
    assert all(0 < rate <= 1 for rate in rates)
    peak = rates.index(1.0)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_batch_statistics_stay_and_weights_learn() -> None:
    student = StudentNetwork(load_backbone("test_resnet", untrained=True).module).train()
    buffers = {name: value.clone() for name, value in student.named_buffers()}
    seen = student(torch.randn(4, 3, 32, 32))
    (seen.features.square().sum() / seen.temperature).backward()
    assert all(torch.equal(value, buffers[name]) for name, value in student.named_buffers())
    assert all(p.grad is not None for p in student.parameters())
