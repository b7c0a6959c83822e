"""What of a network is trained: all, its last blocks, adapters beside its layers, or a map on top.

===== =============================================== ====================================
train what learns                                     a step costs
===== =============================================== ====================================
full  all weights                                     forward and backward pass
last  the last blocks                                 forward pass, backward through these
lora  low-rank adapters, added to the weights at last forward and backward pass
probe an affine map of the features                   one matrix product: no image is read
===== =============================================== ====================================
"""

from collections.abc import Mapping
from typing import Literal

from torch import nn

from twoalike.backbones import Backbone
from twoalike.distill._config import DistillConfig
from twoalike.distill._lora import add_adapters, is_adapted, merged
from twoalike.distill._probe import check_classifier
from twoalike.study import TwoalikeError

Train = Literal["full", "last", "lora", "probe"]


def prepare_training(backbone: Backbone, config: DistillConfig) -> nn.Module:
    """Choose what learns: the parameters that require a gradient.

    Parameters
    ----------
    backbone
        Its module is changed in place; on the processor.
    config
        ``train`` and what goes with it.

    Returns
    -------
    What a :class:`Student` is made of: images to features (n, p), or for a probe, which learns
    on features, features (n, p, 1, 1) to themselves.

    Raises
    ------
    TwoalikeError
        If the network has not what is asked for.
    """
    module = backbone.module
    module.requires_grad_(config.train in {"full", "lora"})
    if config.train == "lora":
        size = backbone.preprocessing.size
        return add_adapters(module, config.lora_rank, config.lora_targets, size, config.seed)
    if config.train == "last":
        blocks = _blocks(backbone.network)
        if config.last_blocks > len(blocks):
            raise TwoalikeError(
                f"{backbone.name}: expected last_blocks of 1 to {len(blocks)}, the blocks that it "
                f"has, found {config.last_blocks}."
            )
        for block in blocks[-config.last_blocks :]:
            for parameter in block:
                parameter.requires_grad_(True)
    if config.train == "probe":
        check_classifier(backbone)
        return nn.Flatten()
    return module


def trained_network(module: nn.Module) -> nn.Module:
    """Take off what was there for training only: adapters are added to the weights."""
    return merged(module) if is_adapted(module) else module.requires_grad_(True)


def _blocks(network: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters of a network's blocks, from its input to its output.

    What has no matrix, such as the norm after the last block, belongs to the block before it.
    """
    groups = _timm_groups(network) or [
        [name for name, _ in child.named_parameters(prefix)]
        for prefix, child in network.named_children()
    ]
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
    """Names of parameters by block, as timm's networks tell them; empty for any other network."""
    if not callable(matcher := getattr(network, "group_matcher", None)):
        return []
    from timm.models import group_parameters

    groups: Mapping[int, list[str]] = group_parameters(
        network, matcher(coarse=False), reverse=False
    )
    return [groups[number] for number in sorted(groups)]
