"""Tensors that several processes hold in parts, whole and in parts again.

Checkpoints and exports hold whole tensors, so that a run may go on with another number of
processes' worth of memory, and nobody else has to know about parts.
"""

from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(content: Any) -> Any:
    """Gather every tensor of nested dicts and lists; all processes must ask."""
    if isinstance(content, DTensor):
        return content.full_tensor()
    if isinstance(content, dict):
        return {key: whole(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(whole(value) for value in content)
    return content


def part_like(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Take this process's part of a whole tensor, as ``like`` is parted; every process has all."""
    here = value.to(device=like.device, dtype=like.dtype)
    if isinstance(like, DTensor):
        # None: the same value was read everywhere, so that nobody has to send it.
        return distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=None)
    # In the memory layout of the other: kernels that walk both at once rely on it.
    return torch.empty_like(like).copy_(here)


@torch.no_grad()
def load_whole(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put whole weights into a module that may hold parts of them."""
    for name, tensor in module.state_dict().items():
        tensor.copy_(part_like(weights[name], tensor))


def load_whole_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put a whole optimiser's state into one whose weights may be parts."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    parted = {
        place: {
            # The count of steps is a number, everything else is of its weight's shape.
            name: part_like(value, parameters[place]) if value.ndim else value
            for name, value in of_weight.items()
        }
        for place, of_weight in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": parted})
