"""Low-rank adapters: of each layer only a small map beside it learns, and is added in at the end.

A layer's weights W become W + B A, where A has few rows and B as few columns (arXiv:2106.09685).
A is drawn at random and B is zero at first, so the network begins as it was. Decay to the initial
weights pulls B to zero and thus the sum to W. The adapters are peft's.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from twoalike.distill._difference import TOLERANCE, difference
from twoalike.study import TwoalikeError, how_to_install

TRIAL = 0.02
"""Standard deviation of B while it is tried whether adapters can be added to the weights."""


def add_adapters(
    module: nn.Module, rank: int, targets: Sequence[str], size: int, seed: int
) -> nn.Module:
    """Put adapters beside a network's layers and freeze the rest.

    Parameters
    ----------
    module
        Images (n, 3, size, size) to features (n, p), on the processor; changed in place.
    rank
        Rows of A.
    targets
        Endings of layers' names; none: all linear layers and ungrouped convolutions but the
        first layer, which sees pixels.
    size
        Of its images, pixels.
    seed
        Fixes A.

    Returns
    -------
    The network with adapters: the same features, until they learn.

    Raises
    ------
    TwoalikeError
        If peft is not installed, there is no such layer, or adapters cannot be added to the
        weights of one.
    """
    peft = _peft()
    names = _layers(module, size)
    chosen = _chosen(names, targets)
    # A pattern and not a list, whose names would also be taken for endings of other names.
    pattern = "|".join(re.escape(name) for name in chosen)
    settings = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted: nn.Module = peft.get_peft_model(module, settings)
    _try_merging(adapted, size)
    return adapted


def merged(adapted: nn.Module) -> nn.Module:
    """Add the adapters to the weights; the network that is left has its layers' own names."""
    whole: nn.Module = adapted.merge_and_unload()  # type: ignore[operator]
    return whole.requires_grad_(True)


def is_adapted(module: nn.Module) -> bool:
    """Whether it came from :func:`add_adapters` and is not merged yet."""
    return hasattr(module, "merge_and_unload")


def _peft() -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise TwoalikeError(
            f"train = 'lora' needs the package {error.name!r}. {how_to_install('lora')}"
        ) from error
    return peft


def _layers(module: nn.Module, size: int) -> list[str]:
    """Layers that can have adapters, in the order in which an image goes through them.

    Some networks read a layer's weights without calling it, which would pass an adapter by.
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


def _chosen(names: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Layers with one of these endings, or all but the first."""
    chosen = list(names[1:])
    if targets:
        chosen = [name for name in names if any(f".{name}".endswith(f".{t}") for t in targets)]
        known = sorted({name.rpartition(".")[2] for name in names})
        for target in targets:
            if not any(f".{name}".endswith(f".{target}") for name in names):
                raise TwoalikeError(
                    f"lora_targets: expected endings of layers' names, found {target!r}, which no "
                    f"layer has. The network has {', '.join(known) or 'none'}."
                )
    if not chosen:
        raise TwoalikeError(
            "train = 'lora': expected linear layers or ungrouped convolutions after the first "
            "layer, found none. Take train = 'full' or 'last'."
        )
    return chosen


def _try_merging(adapted: Any, size: int) -> None:
    """Refuse a network whose layers do more with their weights than multiply, before it learns."""
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
            f"train = 'lora': added to the weights, adapters change this network's features by "
            f"{found:.1g}, expected {TOLERANCE:.0e} at most: its layers rescale their weights. "
            "Take train = 'full' or 'last', or name other layers as lora_targets."
        )
