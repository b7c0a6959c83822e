"""The trained part of a network: all of it, its last blocks, adapters, or nothing.

===== =============================================== ====================================
train trained part                                    cost of a step
===== =============================================== ====================================
full  all weights                                     forward and backward pass
last  the last blocks                                 forward pass, backward through these
lora  low-rank adapters, merged into the weights      forward and backward pass
probe nothing: the closed form of the vector          none: each image is read once
===== =============================================== ====================================

Adapters: a layer's weights W become W + B A, where A has few rows and B as few columns
(arXiv:2106.09685). A is random and B zero at first, so the initial network is unchanged. Decay to
the initial weights pulls B to zero and thus the sum to W. The adapters are those of peft.

Idle weights: some networks hold weights that do not take part in their features, such as a
classifier, a pooler or the scale of a comparison with texts. Processes that train together would
wait for ever for their gradients, so they are found once, by a backward pass, and left alone.

Checkpointing: the activations within a block are dropped and computed again in the backward pass
(Chen et al. 2016, arXiv:1604.06174). The noise of layers such as dropout is repeated, so that the
gradient is the same.
"""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import getstate
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from twoalike.backbones import Backbone
from twoalike.distill._config import DistillConfig
from twoalike.distill._fabric import lists_of_blocks
from twoalike.study import Floats, TwoalikeError, how_to_install, shortened

TOLERANCE = 1e-5
"""Largest difference of an exported network from the trained one."""
TRIAL = 0.02
"""Standard deviation of B when testing whether adapters can be merged into the weights."""


def difference(found: Floats, expected: Floats) -> float:
    """Largest difference of features (n, p), in units of the largest feature where that is above 1.

    float32 has seven digits, so rounding errors grow with the features. Infinite if the shapes
    differ or a feature is not finite.

    Examples
    --------
    >>> difference(np.array([[1.0, 20.5]]), np.array([[1.0, 20.0]]))
    0.025
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    unit = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0)) / unit


def prepare_training(backbone: Backbone, config: DistillConfig) -> nn.Module:
    """Choose what is trained: the parameters that require a gradient.

    The backbone's module, on the CPU, is modified in place. The result maps images to features
    (n, p).
    """
    module = backbone.module
    module.requires_grad_(config.train in {"full", "lora"})
    if config.checkpointing and config.train != "probe":
        compute_twice(module, backbone.network)
    if config.train == "lora":
        size = backbone.preprocessing.size
        return add_adapters(module, config.lora_rank, config.lora_targets, size, config.seed)
    if config.train == "last":
        blocks = _blocks(backbone.network)
        last = config.last_blocks or -(-len(blocks) // 3)
        if last > len(blocks):
            raise TwoalikeError(
                where=backbone.name,
                expected=f"last_blocks of 1 to {len(blocks)}, the number of its blocks",
                found=last,
            )
        for block in blocks[-last:]:
            for parameter in block:
                parameter.requires_grad_(True)
    return module


def trained_network(module: nn.Module) -> nn.Module:
    """Remove what was needed for training only: adapters are merged into the weights."""
    computed_once(module)
    if callable(merged := getattr(module, "merge_and_unload", None)):
        module = merged()  # layers get back their original names
    return module.requires_grad_(True)


def _blocks(network: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters of a network's blocks, from its input to its output.

    Layers without a matrix, such as the norm after the last block, belong to the preceding block.
    """
    groups = (
        _timm_groups(network)
        or _listed_groups(network)
        or [
            [name for name, _ in child.named_parameters(prefix)]
            for prefix, child in network.named_children()
        ]
    )
    parameters = dict(network.named_parameters())
    blocks: list[list[nn.Parameter]] = []
    for names in groups:
        members = [parameters[name] for name in names]
        if blocks and not any(member.ndim > 1 for member in members):
            blocks[-1] += members
        elif members:
            blocks.append(members)
    return blocks


def _timm_groups(network: nn.Module) -> list[list[str]]:
    """Names of parameters by block, of timm's networks; empty for any other network."""
    if not callable(matcher := getattr(network, "group_matcher", None)):
        return []
    from timm.models import group_parameters

    groups: Mapping[int, list[str]] = group_parameters(
        network, matcher(coarse=False), reverse=False
    )
    return [groups[number] for number in sorted(groups)]


def _listed_groups(network: nn.Module) -> list[list[str]]:
    """Names of parameters by block, of a network with a list of equal blocks; else empty.

    Transformers and OpenCLIP keep theirs so, one level down or deeper. The list with the most
    parameters counts, and what stands before or after it is a group of its own.
    """
    names = [name for name, _ in network.named_parameters()]
    best: list[list[str]] = []
    for prefix, part in network.named_modules():
        blocks = list(part.named_children()) if isinstance(part, nn.ModuleList) else []
        if len(blocks) < 2 or len({type(block) for _, block in blocks}) > 1:
            continue
        groups = [
            [name for name, _ in block.named_parameters(f"{prefix}.{key}")] for key, block in blocks
        ]
        if all(groups) and sum(map(len, groups)) > sum(map(len, best)):
            best = groups
    if not best:
        return []
    inside = {name for group in best for name in group}
    first = names.index(best[0][0])
    before = [name for name in names[:first] if name not in inside]
    after = [name for name in names[first:] if name not in inside]
    return [before, *best, after]


def add_adapters(
    module: nn.Module, rank: int, targets: Sequence[str], size: int, seed: int
) -> nn.Module:
    """Add adapters of a rank, initially without effect, to a network's layers; freeze the rest.

    The module, which maps images (n, 3, size, size) to features (n, p), is modified in place.
    ``targets`` are endings of layers' names; if empty, all linear layers and ungrouped convolutions
    except the first, which sees pixels, get adapters.
    """
    peft = _peft()
    # A pattern instead of a list, whose names would also match the endings of other names.
    pattern = "|".join(re.escape(name) for name in _adapted_layers(_layers(module, size), targets))
    settings = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted: nn.Module = peft.get_peft_model(module, settings)
    _try_merging(adapted, size)
    return adapted


def _peft() -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise TwoalikeError(
            f"train = 'lora' needs the package {error.name!r}", remedy=how_to_install("lora")
        ) from error
    return peft


def _layers(module: nn.Module, size: int) -> list[str]:
    """Layers that can have adapters, in the order in which an image passes through them.

    Some networks read a layer's weights without calling it, which would bypass an adapter.
    """
    called: dict[str, None] = {}

    def note(name: str) -> Any:
        return lambda *_: called.setdefault(name)

    hooks = [
        layer.register_forward_hook(note(name))
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    ]
    module.eval()
    with torch.no_grad():
        module(torch.zeros(2, 3, size, size))
    for hook in hooks:
        hook.remove()
    return list(called)


def _adapted_layers(names: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Layers with one of these endings, or all except the first."""
    with_ending = {
        target: [name for name in names if f".{name}".endswith(f".{target}")] for target in targets
    }
    for target, layers in with_ending.items():
        if not layers:
            known = sorted({name.rpartition(".")[2] for name in names})
            raise TwoalikeError(
                where="lora_targets",
                expected="endings of layers' names",
                found=f"{target!r}, which matches no layer",
                remedy=f"The network has {', '.join(known) or 'none'}.",
            )
    asked = set().union(*with_ending.values())
    chosen = [name for name in names if name in asked] if targets else list(names[1:])
    if not chosen:
        raise TwoalikeError(
            where="train = 'lora'",
            expected="linear layers or ungrouped convolutions after the first layer",
            found="none",
            remedy="Use train = 'full' or 'last'.",
        )
    return chosen


def _try_merging(adapted: Any, size: int) -> None:
    """Refuse, before training, a network whose layers do more than multiply by their weights."""
    state = {name: tensor.clone() for name, tensor in adapted.state_dict().items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(2, 3, size, size)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=TRIAL)
        beside = adapted(images).numpy()
        adapted.merge_adapter()
        within = adapted(images).numpy()
        adapted.unmerge_adapter()
    adapted.load_state_dict(state)
    if (found := difference(within, beside)) > TOLERANCE:
        raise TwoalikeError(
            f"merged into the weights, adapters change this network's features by {found:.1g}, "
            "since its layers rescale their weights",
            where="train = 'lora'",
            expected=f"{TOLERANCE:.0e} at most",
            remedy="Use train = 'full' or 'last', or name other layers as lora_targets.",
        )


def feature_source(backbone: Backbone, digest: str) -> dict[str, Any]:
    """Describe the source of cached features: the network, and the images by their listing."""
    return {
        "backbone": backbone.name,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        **backbone.tokens,
        "listing_sha256": digest,
    }


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
