"""What of a network is trained: all, its last blocks, adapters beside its layers, or a map on top.

===== =============================================== ====================================
train what learns                                     a step costs
===== =============================================== ====================================
full  all weights                                     forward and backward pass
last  the last blocks                                 forward pass, backward through these
lora  low-rank adapters, added to the weights at last forward and backward pass
probe an affine map of the features                   one matrix product: no image is read
===== =============================================== ====================================

Adapters: a layer's weights W become W + B A, where A has few rows and B as few columns
(arXiv:2106.09685). A is drawn at random and B is zero at first, so the network begins as it was.
Decay to the initial weights pulls B to zero and thus the sum to W. The adapters are peft's.

Probe: features are computed once. The map is written into the place of the network's classifier,
so that the student, loaded with timm alone or with twoalike, outputs the aligned features.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from twoalike.backbones import Backbone, create_network, pooled_features, put_classifier
from twoalike.distill._config import DistillConfig
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.study import Floats, TwoalikeError, how_to_install

TOLERANCE = 1e-5
"""Largest difference of an exported network from the trained one."""
TRIAL = 0.02
"""Standard deviation of B while it is tried whether adapters can be added to the weights."""


def difference(found: Floats, expected: Floats) -> float:
    """Largest difference of features (n, p), in units of the largest feature where that is above 1.

    float32 keeps seven digits, so that features of ten differ more than features of one. Infinite
    where the shapes differ or a feature is not finite.

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
    """Choose what learns: the parameters that require a gradient.

    The backbone's module, on the processor, is changed in place. Returned are images to features
    (n, p), or for a probe, which learns on features, features (n, p, 1, 1) to themselves.
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
                where=backbone.name,
                expected=f"last_blocks of 1 to {len(blocks)}, the blocks that it has",
                found=config.last_blocks,
            )
        for block in blocks[-config.last_blocks :]:
            for parameter in block:
                parameter.requires_grad_(True)
    if config.train == "probe":
        if backbone.architecture is not None:
            _with_classifier(backbone)  # refused now, before the map learns
        return nn.Flatten()
    return module


def trained_network(module: nn.Module) -> nn.Module:
    """Take off what was there for training only: adapters are added to the weights."""
    return merged(module) if hasattr(module, "merge_and_unload") else module.requires_grad_(True)


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
    """Names of parameters by block, of timm's networks; empty for any other network."""
    if not callable(matcher := getattr(network, "group_matcher", None)):
        return []
    from timm.models import group_parameters

    groups: Mapping[int, list[str]] = group_parameters(
        network, matcher(coarse=False), reverse=False
    )
    return [groups[number] for number in sorted(groups)]


def add_adapters(
    module: nn.Module, rank: int, targets: Sequence[str], size: int, seed: int
) -> nn.Module:
    """Put adapters of a rank beside a network's layers, which change nothing yet; freeze the rest.

    The module, images (n, 3, size, size) to features (n, p), is changed in place. ``targets`` are
    endings of layers' names; without any, all linear layers and ungrouped convolutions have
    adapters, but the first, which sees pixels.
    """
    peft = _peft()
    # A pattern and not a list, whose names would also be taken for endings of other names.
    pattern = "|".join(re.escape(name) for name in _adapted_layers(_layers(module, size), targets))
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


def _peft() -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise TwoalikeError(
            f"train = 'lora' needs the package {error.name!r}", remedy=how_to_install("lora")
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


def _adapted_layers(names: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Layers with one of these endings, or all but the first."""
    with_ending = {
        target: [name for name in names if f".{name}".endswith(f".{target}")] for target in targets
    }
    for target, layers in with_ending.items():
        if not layers:
            known = sorted({name.rpartition(".")[2] for name in names})
            raise TwoalikeError(
                where="lora_targets",
                expected="endings of layers' names",
                found=f"{target!r}, which no layer has",
                remedy=f"The network has {', '.join(known) or 'none'}.",
            )
    asked = set().union(*with_ending.values())
    chosen = [name for name in names if name in asked] if targets else list(names[1:])
    if not chosen:
        raise TwoalikeError(
            where="train = 'lora'",
            expected="linear layers or ungrouped convolutions after the first layer",
            found="none",
            remedy="Take train = 'full' or 'last'.",
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
            f"added to the weights, adapters change this network's features by {found:.1g}, since "
            "its layers rescale their weights",
            where="train = 'lora'",
            expected=f"{TOLERANCE:.0e} at most",
            remedy="Take train = 'full' or 'last', or name other layers as lora_targets.",
        )


class FrozenFeatures:
    """Features (n, p) in place of n images: what a probe reads of an image file."""

    def __init__(self, paths: Sequence[Path], values: npt.NDArray[np.float32]) -> None:
        self.row: Mapping[Path, int] = {path: row for row, path in enumerate(paths)}
        self.values = torch.from_numpy(values)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an input: features, and one place."""
        return self.values.shape[1], 1, 1

    def read(self, path: Path) -> torch.Tensor:
        """Features of an image, as a map of one place, shape (p, 1, 1)."""
        return self.values[self.row[path]].view(self.shape)


def feature_source(backbone: Backbone, digest: str) -> dict[str, Any]:
    """Describe the network, and the images by their hash, that cached features are of."""
    return {
        "backbone": backbone.name,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        "images_sha256": digest,
    }


def frozen_features(
    backbone: Backbone,
    ids: tuple[str, ...],
    paths: Sequence[Path],
    digest: str,
    cache: Path,
    device: str,
) -> FrozenFeatures:
    """Features of the network as it is, from ``cache`` if that holds these, or written there."""
    meta = feature_source(backbone, digest)
    if cache.is_file():
        table = read_features(cache)
        if table.ids == ids and table.meta == meta:
            return FrozenFeatures(paths, table.values)
    values = pooled_features(backbone, paths, device=device)
    write_features(cache, FeatureTable(ids, values, meta))
    return FrozenFeatures(paths, values)


def with_map(backbone: Backbone, head: nn.Linear) -> nn.Module:
    """Put an affine map of p features to p into the place of a timm network's classifier.

    Returned are images to mapped features (n, p): a network that timm builds with
    ``num_classes`` = p.
    """
    old = backbone.network
    weight, bias = head.weight.detach(), head.bias.detach()
    if isinstance(before := old.get_classifier(), nn.Linear):  # type: ignore[operator]
        # The network is a probe's student itself: one map after the other is one map.
        weight, bias = weight @ before.weight, weight @ before.bias + bias
    return put_classifier(_with_classifier(backbone), old, {"weight": weight, "bias": bias})


def _with_classifier(backbone: Backbone) -> Any:
    network = create_network(str(backbone.architecture), num_classes=backbone.n_features)
    classifier = network.get_classifier()
    shape = (backbone.n_features, backbone.n_features)
    if not isinstance(classifier, nn.Linear) or tuple(classifier.weight.shape) != shape:
        raise TwoalikeError(
            "train = 'probe' puts its map in the place of the classifier",
            where=backbone.name,
            expected="one linear layer there",
            found=type(classifier).__name__,
            remedy="Take train = 'last', 'lora' or 'full'.",
        )
    return network
