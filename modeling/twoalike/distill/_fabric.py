"""Processes and devices, over Lightning Fabric: one, or those that torchrun or SLURM started."""

import os
import warnings
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from lightning_fabric.strategies.strategy import Strategy

from twoalike.study import TwoalikeError

Parallel = Literal["ddp", "fsdp"]
SHARDED_PARAMETERS = 100_000
"""A block of the network with fewer weights than this costs more to gather than it saves."""


def make_fabric(device: str, precision: str, parallel: Parallel = "ddp") -> Fabric:
    """Fabric for this process.

    Parameters
    ----------
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
    precision
        ``32`` or ``bf16``.
    parallel
        ``ddp``: each process has the whole network. ``fsdp``: each has its share of weights,
        gradients and optimiser, and gathers a block when it is due.

    Raises
    ------
    TwoalikeError
        If ``fsdp`` is asked of one process, or the device is not there.
    """
    world = int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1")))
    together = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    if parallel == "fsdp" and world == 1:
        raise TwoalikeError(
            "parallel = 'fsdp' shares a network out among processes, found one. Start several "
            "with torchrun or srun, or take 'ddp'."
        )
    accelerator, _, number = device.partition(":")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise TwoalikeError("--device cuda: torch sees no CUDA GPU here. Take --device cpu.")
    with warnings.catch_warnings():
        if world == 1:  # by hand on a login node, srun is there and not needed
            warnings.filterwarnings("ignore", message="The `srun` command is available")
        fabric = Fabric(
            accelerator=accelerator,
            devices=[int(number)] if number else together,
            num_nodes=max(world // together, 1),
            precision="bf16-mixed" if precision == "bf16" and parallel == "ddp" else "32-true",
            strategy=_strategy(parallel, precision, world),
        )
        fabric.launch()
    return fabric


def _strategy(parallel: Parallel, precision: str, world: int) -> Strategy | str:
    if world == 1:
        return "auto"
    if parallel == "ddp":
        return DDPStrategy()

    def share_out(module: torch.nn.Module, mesh: Any) -> torch.nn.Module:
        return _share_out(module, mesh["data_parallel"], precision)

    return ModelParallelStrategy(share_out, data_parallel_size=world, tensor_parallel_size=1)


def _share_out(module: torch.nn.Module, mesh: Any, precision: str) -> torch.nn.Module:
    """Shard each large block of the network by itself, and what is left with the whole."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    # Views that a sharded network returns are not changed in place here.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if precision == "bf16" else None, reduce_dtype=torch.float32
    )
    for block in _blocks(module):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(module, mesh=mesh, mp_policy=policy)
    return module


def _blocks(module: torch.nn.Module) -> list[torch.nn.Module]:
    """Members of the network's lists of blocks, as transformers and stages of CNNs have them."""
    lists = torch.nn.Sequential | torch.nn.ModuleList
    found = [
        block
        for part in module.modules()
        if isinstance(part, lists)
        for block in part
        if any(True for _ in block.children())
        and not isinstance(block, lists)
        and sum(p.numel() for p in block.parameters()) >= SHARDED_PARAMETERS
    ]
    return found[::-1]  # inner ones first: what is shared out already stays out of the outer one
