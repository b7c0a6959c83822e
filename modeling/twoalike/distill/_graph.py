"""How a network's gradient is computed: weights without one, blocks computed twice, compiled code.

Idle weights: some networks hold weights that do not take part in their features, such as a
classifier, a pooler or the scale of a comparison with texts. Processes that train together would
wait for ever for their gradients, so they are found once, by a backward pass, and left alone.

Checkpointing: the activations within a block are dropped and computed again in the backward pass
(Chen et al. 2016, arXiv:1604.06174). The noise of layers such as dropout is repeated, so that the
gradient is the same.
"""

import warnings
from collections.abc import Callable
from functools import partial
from random import getstate
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from twoalike.distill._fabric import lists_of_blocks
from twoalike.study import TwoalikeError, shortened

TRIALS = 8
"""Backward passes that look for layers dropped at random."""


def find_idle(
    student: nn.Module, inputs: torch.Tensor, trials: int = 1
) -> tuple[list[str], bool, bool]:
    """Find trainable parameters that get no gradient; the student is unchanged afterwards.

    It maps ``inputs`` (n, c, h, w), any on its device, to an output with ``features``, ``trials``
    times in training mode and once in evaluation mode.

    Returns
    -------
    Names of parameters that get none; whether others get one in some passes only; and whether
    training draws random numbers, as it does where layers are left out at random.
    """
    learnt = {name: p for name, p in student.named_parameters() if p.requires_grad}
    training, random, counts = student.training, False, dict.fromkeys(learnt, 0)
    devices = [inputs.device] if inputs.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        for trial in range(trials + 1):
            torch.manual_seed(trial)
            before = _generators(devices)
            output = student.train(trial > 0)(inputs)
            random |= before != _generators(devices)
            loss = output.features.float().square().sum() + output.temperature.sum()
            gradients = torch.autograd.grad(loss, list(learnt.values()), allow_unused=True)
            for name, gradient in zip(learnt, gradients, strict=True):
                counts[name] += gradient is not None
    student.train(training)
    idle = [name for name, count in counts.items() if not count]
    return idle, any(0 < count <= trials for count in counts.values()), random


def _generators(devices: list[torch.device]) -> list[Any]:
    """States of all generators that a layer may draw from."""
    states = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, devices)]
    return [getstate(), *(state.tolist() for state in states)]


def compute_twice(module: nn.Module, network: nn.Module) -> None:
    """Let a network keep the inputs of its blocks only, by its own means where it has some.

    It is of timm, transformers, OpenCLIP or any other; ``module`` pools its features.
    """
    if callable(own := getattr(network, "gradient_checkpointing_enable", None)):
        if getattr(network, "supports_gradient_checkpointing", True):
            own(gradient_checkpointing_kwargs={"use_reentrant": False})
            return
    elif callable(own := getattr(network, "set_grad_checkpointing", None)):
        try:
            own(True)
        except AssertionError:  # by which timm says that this network has none
            pass
        else:
            return
    blocks = lists_of_blocks(module)
    if not blocks:
        raise TwoalikeError(
            where="checkpointing = true",
            expected="a network with a list of blocks (nn.Sequential or nn.ModuleList)",
            found=f"none in {type(network).__name__}",
            remedy="Leave it out, and lower `batch=...` or raise accumulate.",
        )
    for block in blocks:
        # Of a function and a method, so that a copy of the network calls its own block.
        block.forward = partial(_recomputed, block.forward)


def computed_once(module: nn.Module) -> None:
    """Undo :func:`compute_twice` where it changed blocks."""
    for block in module.modules():
        if isinstance(block.__dict__.get("forward"), partial):
            del block.forward


def _recomputed(forward: Callable[..., Any], *args: Any, **options: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*args, **options)
    return checkpoint(forward, *args, use_reentrant=False, **options)


def compile_training(student: nn.Module, device: torch.device) -> None:
    """Compile a student's forward and backward pass in place; names of weights stay.

    Shapes are those of the batch that is seen, so that the code, and with it the last bit of a
    result, does not depend on which shapes were seen before, by a run or one that resumed.
    """
    try:
        torch.compile(_trial)(torch.ones(4, device=device))
    except Exception as error:  # each backend has errors of its own
        reason = shortened(error.__cause__ or error, 160)
        raise TwoalikeError(
            f"torch cannot compile for {device.type} here ({reason})",
            where="compile = true",
            remedy="Install a C++ compiler (on GPUs also Triton), or leave it out.",
        ) from error
    finally:
        torch.compiler.reset()
    # Of torch's own look at tensors where compiled code begins anew, which is of no consequence.
    message = "The .grad attribute of a Tensor that is not a leaf"
    warnings.filterwarnings("ignore", message=message, category=UserWarning)
    student.compile(dynamic=False)


def _trial(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + 1
