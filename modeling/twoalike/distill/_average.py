"""Moving average of the weights: what is scored and kept where it is asked for.

torch's ``AveragedModel`` copies the module, which one that is shared out among processes does
not allow; here only the weights are copied.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from twoalike.distill._shards import part_like


class WeightAverage:
    """Exponential moving average of a module's trained weights.

    Parameters
    ----------
    module
        Its weights that are trained are averaged, starting from what they are now.
    decay
        Share of the average that stays, a step. Early on it is (1 + steps) / (10 + steps), where
        that is less: the start would weigh too much otherwise.
    """

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {
            name: parameter
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take in the weights after this many steps."""
        keep = min(self.decay, (1 + steps) / (10 + steps))
        for name, value in self.values.items():
            value.lerp_(self.parameters[name].detach(), 1 - keep)

    @torch.no_grad()
    def load(self, values: dict[str, torch.Tensor]) -> None:
        """Go on from the average of a checkpoint."""
        for name, value in self.values.items():
            value.copy_(part_like(values[name], value))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the module for a while."""
        kept = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._put(self.values)
        try:
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, values: dict[str, torch.Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(values[name])
