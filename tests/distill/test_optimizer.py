"""Decay towards the initial weights, and the schedule."""

import pytest
import torch

from twoalike.distill import AdamToInit, learning_rate


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


def test_without_gradient_weights_return_to_where_they_began_and_not_to_zero() -> None:
    theta, shrunk = parameter(), parameter()
    ours = AdamToInit([theta], rate=0.1, decay=1.0)
    adamw = torch.optim.AdamW([shrunk], lr=0.1, weight_decay=1.0)
    with torch.no_grad():
        theta.add_(5.0)
        shrunk.add_(5.0)
    for _ in range(200):
        theta.grad = torch.zeros(3)
        shrunk.grad = torch.zeros(3)
        ours.step()
        adamw.step()
    torch.testing.assert_close(theta.detach(), torch.tensor([1.0, -2.0, 3.0]), atol=1e-3, rtol=0)
    assert shrunk.detach().abs().max() < 1e-3


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (1, 0.9), (50, 0.1), (7, 0.5)])
def test_schedule_rises_to_its_peak_and_falls(steps: int, warmup: float) -> None:
    rates = [learning_rate(step, steps, warmup) for step in range(steps)]
    assert max(rates) == 1.0
    assert all(0 < rate <= 1 for rate in rates)
    peak = rates.index(1.0)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
