"""Adam with a pull towards the weights it started from, and the learning rate of each step."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch


class AdamToInit(torch.optim.Adam):
    """Adam whose weight decay goes to the initial weights and not to zero.

        theta <- theta - rate * (adam(gradient) + decay * (theta - theta_0))

    AdamW's decay of the same size would shrink pretrained weights towards zero and wreck them
    within a schedule.

    Parameters
    ----------
    params
        As for any optimiser; a group may set its own ``decay``. The weights at this moment are
        theta_0, so load pretrained ones before and a checkpoint's after.
    rate
        Learning rate.
    decay
        Strength of the pull.
    """

    def __init__(self, params: Iterable[Any], rate: float, decay: float) -> None:
        # One pass over weight, gradient and moments, on processors and GPUs alike.
        super().__init__(params, lr=rate, fused=True)
        self.initial: dict[torch.nn.Parameter, torch.Tensor] = {}
        for group in self.param_groups:
            group.setdefault("decay", decay)
            for parameter in group["params"]:
                self.initial[parameter] = parameter.detach().clone()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step: the pull, then Adam, whose update does not depend on the weights."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            pull = group["lr"] * group["decay"]
            if pull:
                for parameter in group["params"]:
                    parameter.lerp_(self.initial[parameter], pull)
        super().step()
        return loss


def learning_rate(step: int, steps: int, warmup: float) -> float:
    """Factor of the peak rate in step 0, 1, ...: a line up, then half a cosine down.

    Examples
    --------
    >>> [round(learning_rate(step, 10, 0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rising = math.floor(steps * warmup)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))
