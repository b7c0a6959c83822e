"""Features of a vision transformer: the tokens of one of its blocks, pooled.

The last blocks serve what a network was trained for, so an earlier one may hold features that are
closer to people's judgments. The network ends with the chosen block: later ones are neither
computed nor trained, nor part of a student's file. timm builds such a network from arguments of its
own (``depth``, ``global_pool``), so that it loads what is made of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import nn

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._weights import create_network
from twoalike.study import TwoalikeError

TokenPool = Literal["cls", "mean"]
_POOLS: Mapping[TokenPool, str] = {"cls": "token", "mean": "avg"}
"""Names in timm."""
_SAME = 1e-4
"""Largest difference of two ways to the same features, in units of the largest above 1."""


def choose_tokens(backbone: Backbone, pool: TokenPool | None, block: int | None) -> Backbone:
    """Take the class token or the mean patch token of a block, after the network's final norm.

    The network is one of timm's vision transformers, ``pool`` and ``block`` are those of
    :func:`load_backbone`; the result has a network of its own.
    """
    if pool is None and block is None:
        return backbone
    network: Any = backbone.network
    n = _n_blocks(backbone)
    layers = (backbone.classifier, network.get_classifier())
    if backbone.parts or any(isinstance(layer, nn.Linear) for layer in layers):
        raise TwoalikeError(
            "its classifier, or the layer of its vector, takes the features that it has",
            where=backbone.name,
            remedy="Leave `pool=...` and `block=...` out, or the classifier.",
        )
    if block is not None and not -n <= block < n:
        raise TwoalikeError(
            where=f"{backbone.name}: `block=...`",
            expected=f"a block from 0 to {n - 1}, or from -{n} to -1",
            found=block,
        )
    own = next((ours for ours, theirs in _POOLS.items() if theirs == network.global_pool), None)
    pool = pool or own
    if pool is None:
        raise TwoalikeError(
            f"pools the tokens of its last block by {network.global_pool!r}, which fits no other",
            where=backbone.name,
            remedy="Choose `pool=cls` or `pool=mean`.",
        )
    if pool == "cls" and getattr(network, "cls_token", None) is None:
        raise TwoalikeError(
            where=backbone.name,
            expected="a class token",
            found="none",
            remedy="Choose `pool=mean`.",
        )
    last = n - 1 if block is None else block % n
    if (pool, last) == (own, n - 1):
        return backbone
    options = _fitting_options(backbone, {"depth": last + 1, "global_pool": _POOLS[pool]})
    # Weights that are replaced at once must not use up random numbers of others.
    with torch.random.fork_rng(devices=[]):
        cut = create_network(str(backbone.architecture), **options)
    state = network.state_dict()
    cut.load_state_dict({name: state[name] for name in cut.state_dict()})
    cut.pretrained_cfg = network.pretrained_cfg
    _check_features(cut.eval(), pool, backbone)
    return replace(backbone, module=cut, options=options)


def _n_blocks(backbone: Backbone) -> int:
    network = backbone.network
    blocks, prefix = (getattr(network, key, None) for key in ("blocks", "num_prefix_tokens"))
    if backbone.architecture is None or not isinstance(blocks, nn.Module) or prefix is None:
        raise TwoalikeError(
            where=backbone.name,
            expected="one of timm's vision transformers, whose blocks give tokens",
            found=type(network).__name__,
            remedy="Leave `pool=...` and `block=...` out.",
        )
    return len(list(blocks.children()))


def _fitting_options(backbone: Backbone, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Find timm's arguments of a network whose weights are part of those that there are.

    Left alone, timm puts the last norm before or after pooling depending on the kind of pooling.
    """
    state = backbone.network.state_dict()
    after = not isinstance(getattr(backbone.network, "fc_norm", nn.Identity()), nn.Identity)
    for norm in ({}, {"fc_norm": after}, {"use_fc_norm": after}):
        options = {**backbone.options, **asked, **norm}
        try:
            with torch.device("meta"):
                wanted = create_network(str(backbone.architecture), **options).state_dict()
        except (TypeError, AssertionError):
            continue  # no argument of this network
        if all(name in state and state[name].shape == t.shape for name, t in wanted.items()):
            return options
    raise _not_its_tokens(backbone)


def _check_features(cut: Any, pool: TokenPool, backbone: Backbone) -> None:
    """Compare the features with the tokens that leave the last block."""
    outputs: list[torch.Tensor] = []
    hook = cut.blocks[-1].register_forward_hook(lambda *call: outputs.append(call[-1]))
    images = torch.randn(
        1, *backbone.preprocessing.shape, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        features = cut(images)
        tokens = cut.norm(outputs[0])
        # A few networks average their registers too.
        first = 0 if getattr(cut, "pool_include_prefix", False) else cut.num_prefix_tokens
        pooled = tokens[:, 0] if pool == "cls" else tokens[:, first:].mean(dim=1)
        expected = getattr(cut, "fc_norm", nn.Identity())(pooled)
    hook.remove()
    unit = max(1.0, float(expected.abs().max()))
    if features.shape != expected.shape or (features - expected).abs().max() > _SAME * unit:
        raise _not_its_tokens(backbone)


def _not_its_tokens(backbone: Backbone) -> TwoalikeError:
    return TwoalikeError(
        f"timm's {type(backbone.network).__name__} cannot end with a chosen block and pooling",
        where=backbone.name,
        remedy="Leave `pool=...` and `block=...` out.",
    )
