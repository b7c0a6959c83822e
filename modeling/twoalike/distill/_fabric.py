"""Processes and devices by Lightning Fabric: one process, or those started by torchrun or SLURM.

Tensors may be sharded among processes. Checkpoints and exports hold whole tensors, so that a run
can continue with another number of processes and no other module depends on sharding.
"""

import os
import warnings
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from lightning_fabric.strategies.strategy import Strategy
from torch.distributed.tensor import DTensor, distribute_tensor

from twoalike.study import TwoalikeError


def whole(content: Any) -> Any:
    """Gather every tensor of nested dicts and lists; all processes must call this."""
    if isinstance(content, DTensor):
        return content.full_tensor()
    if isinstance(content, dict):
        return {key: whole(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(whole(value) for value in content)
    return content


def part_like(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Take this process's part of a whole tensor, sharded as ``like`` is."""
    here = value.to(device=like.device, dtype=like.dtype)
    if isinstance(like, DTensor):
        # None: every process has read the whole tensor, so none has to send it.
        return distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=None)
    # In the memory layout of the other: kernels that traverse both rely on it.
    return torch.empty_like(like).copy_(here)


@torch.no_grad()
def load_whole(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Load whole weights into a module that may be sharded."""
    for name, tensor in module.state_dict().items():
        tensor.copy_(part_like(weights[name], tensor))


def load_whole_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a whole optimiser's state into one whose weights may be sharded."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    sharded = {
        place: {
            # The step count is a number; everything else has the shape of its weight.
            name: part_like(value, parameters[place]) if value.ndim else value
            for name, value in of_weight.items()
        }
        for place, of_weight in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": sharded})


Parallel = Literal["ddp", "fsdp"]
LISTS = torch.nn.Sequential | torch.nn.ModuleList
SHARDED_PARAMETERS = 100_000
"""Smallest block worth sharding: gathering a smaller one costs more than it saves."""


def make_fabric(device: str, precision: str, parallel: Parallel = "ddp") -> Fabric:
    """Make the Fabric of this process.

    With ``ddp`` each process has the whole network; with ``fsdp`` it has a share of weights,
    gradients and optimiser state, and gathers each block when it is needed.
    """
    world = int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1")))
    together = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    if parallel == "fsdp" and world == 1:
        raise TwoalikeError(
            where="parallel = 'fsdp'",
            expected="several processes that share a network",
            found="one",
            remedy="Start several with torchrun or srun, or use 'ddp'.",
        )
    if world > 1 and not os.environ.keys() & {"WORLD_SIZE", "SLURM_NTASKS_PER_NODE"}:
        raise TwoalikeError(
            where="SLURM",
            expected="--ntasks-per-node, which tells where each process is",
            found=f"--ntasks={world} alone",
            remedy="Give --nodes and --ntasks-per-node instead.",
        )
    accelerator, _, number = device.partition(":")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise TwoalikeError(
            "torch finds no CUDA GPU", where="`device=cuda`", remedy="Use `device=cpu`."
        )
    with warnings.catch_warnings():
        if world == 1:  # started by hand on a login node, where srun exists but is not needed
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

    def shard(module: torch.nn.Module, mesh: Any) -> torch.nn.Module:
        return _sharded(module, mesh["data_parallel"], precision)

    return ModelParallelStrategy(shard, data_parallel_size=world, tensor_parallel_size=1)


def _sharded(module: torch.nn.Module, mesh: Any, precision: str) -> torch.nn.Module:
    """Shard each large block of the network separately, and the rest with the whole."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    # Views returned by a sharded network are not modified in place here.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if precision == "bf16" else None, reduce_dtype=torch.float32
    )
    for block in _blocks(module):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(module, mesh=mesh, mp_policy=policy)
    return module


def expect_dropped_layers(fabric: Fabric) -> None:
    """Let processes not wait for gradients of layers that one of them left out of a step."""
    if isinstance(fabric.strategy, DDPStrategy):
        # An argument of the strategy, which is made before the network can be looked at.
        fabric.strategy._ddp_kwargs["find_unused_parameters"] = True


def lists_of_blocks(module: torch.nn.Module) -> list[torch.nn.Module]:
    """Outermost members of the network's lists of blocks that have parts and weights."""
    found: list[torch.nn.Module] = []
    for part in module.children():
        found += _members(part) if isinstance(part, LISTS) else lists_of_blocks(part)
    return found


def _members(blocks: torch.nn.Module) -> list[torch.nn.Module]:
    """Members of a list that have parts and weights, and are no lists of modules themselves."""
    return [
        block
        for block in blocks.children()
        if any(True for _ in block.children())
        and any(True for _ in block.parameters())
        and not isinstance(block, torch.nn.ModuleList)
    ]


def _blocks(module: torch.nn.Module) -> list[torch.nn.Module]:
    """Members of the network's lists of blocks, as in transformers and the stages of CNNs."""
    found = [
        block
        for part in module.modules()
        if isinstance(part, LISTS)
        for block in _members(part)
        if not isinstance(block, LISTS)
        and sum(p.numel() for p in block.parameters()) >= SHARDED_PARAMETERS
    ]
    return found[::-1]  # inner blocks first: outer ones then omit what is already sharded
