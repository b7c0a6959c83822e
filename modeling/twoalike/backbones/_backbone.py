"""A network that turns images into pooled features, or a vector, with what belongs to it.

Features of a vision transformer may be the tokens of one of its blocks, pooled. The last blocks
serve what a network was trained for, so an earlier one may hold features that are closer to
people's judgments. The network ends with the chosen block: later ones are neither computed nor
trained, nor part of a student's file. timm builds such a network from arguments of its own
(``depth``, ``global_pool``), so that it loads what is made of it.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from twoalike.backbones._preprocessing import Preprocessing
from twoalike.backbones._weights import create_network, read_weights, weights_sha256
from twoalike.features import AlignedVector, Parts
from twoalike.study import TwoalikeError

Pool = Literal["mean", "first"]
TokenPool = Literal["cls", "mean"]
_POOLS: Mapping[TokenPool, str] = {"cls": "token", "mean": "avg"}
"""Names in timm."""
_SAME = 1e-4
"""Largest difference of two ways to the same features, in units of the largest above 1."""


class Wrapped(nn.Module):
    """A network within the module that pools its features; its weights are the student's."""

    network: nn.Module

    @property
    def description(self) -> dict[str, Any]:
        """What a student's config.json says of how the network is built; empty: nobody can."""
        return {}


class Pooled(Wrapped):
    """A network's last features, pooled.

    ``forward_features`` must turn images (n, 3, h, w) into maps (n, p, rows, columns), tokens
    (n, t, p), or features that are pooled already (n, p). What is pooled is the ``mean`` over the
    map's places or all tokens, or the ``first`` token, which is transformers' class token.
    """

    def __init__(self, network: nn.Module, pool: Pool = "mean") -> None:
        super().__init__()
        self.network, self.pool = network, pool

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled features, shape (n, p), of images (n, 3, h, w)."""
        features: torch.Tensor = self.network.forward_features(images)  # type: ignore[operator]
        if features.ndim == 3:
            return features[:, 0] if self.pool == "first" else features.mean(dim=1)
        return features.mean(dim=(2, 3)) if features.ndim == 4 else features


class Layered(nn.Module):
    """A network with the layer of the aligned vector on its features, where it cannot hold it."""

    def __init__(self, module: nn.Module, layer: nn.Linear) -> None:
        super().__init__()
        self.module, self.layer = module, layer

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Vectors, shape (n, q)."""
        return torch.as_tensor(self.layer(self.module(images)))


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network with what belongs to it.

    Attributes
    ----------
    name
        What it was asked for by; written into files.
    module
        Images (n, 3, size, size) to pooled features (n, p), or to the aligned vector of a student.
        Any ``nn.Module`` that does this can be wrapped and distilled; :meth:`of` wraps one with
        ``forward_features``.
    preprocessing
        How images become inputs.
    architecture
        timm's name of the architecture without weights; None for a module of one's own.
    licence
        Licence of the weights where it is known, for the model card.
    origin
        Repository of the weights on a hub where it is known, for the model card.
    parts
        Columns of a student's vector by the name of the part; empty for any other network.
    similarity
        Of two images by their vectors, ``raw-cosine``. None for any other network.
    options
        timm's arguments beside the architecture, such as ``depth``, with which it builds the same
        network.
    judged
        Record of the judgments that a student learnt from, by way of its teacher.
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    architecture: str | None = None
    licence: str | None = None
    origin: str | None = None
    parts: Parts = field(default_factory=dict)
    similarity: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    judged: str | None = None

    @classmethod
    def of(
        cls,
        network: nn.Module,
        preprocessing: Preprocessing,
        *,
        name: str = "module",
        pool: Pool = "mean",
        licence: str | None = None,
    ) -> "Backbone":
        """Wrap any network with ``forward_features``, as :class:`Pooled` pools these.

        ``name`` is for files and messages.

        Examples
        --------
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.stem = nn.Conv2d(3, 16, 4, stride=4)
        ...     def forward_features(self, images):
        ...         return self.stem(images)
        >>> Backbone.of(Net(), Preprocessing(size=32)).n_features
        16
        """
        module = Pooled(network, pool)
        backbone = cls(name, module, preprocessing, licence=licence)
        backbone.n_features  # noqa: B018  refuses what does not pool, now and not in training
        return backbone

    @property
    def network(self) -> nn.Module:
        """The network whose weights are written: ``module``, or what it pools the features of."""
        return self._bare.network if isinstance(self._bare, Wrapped) else self._bare

    @property
    def _bare(self) -> nn.Module:
        return self.module.module if isinstance(self.module, Layered) else self.module

    @property
    def is_fixed(self) -> bool:
        """Whether the network takes images of one size only."""
        fixed = getattr(self.network, "pretrained_cfg", {}).get("fixed_input_size", False)
        return bool(fixed and not self.options.get("dynamic_img_size"))

    @property
    def tokens(self) -> dict[str, Any]:
        """Pooling and block of the tokens that are its features, where they were chosen.

        Weights alone do not determine the features: files name these too.
        """
        if isinstance(self._bare, Pooled):
            return {} if self._bare.pool == "mean" else {"pool": self._bare.pool}
        if "depth" not in self.options:
            return {}
        pool = "cls" if self.options["global_pool"] == "token" else "mean"
        return {"pool": pool, "block": self.options["depth"] - 1}

    @property
    def weights_sha256(self) -> str:
        """Hash of the present weights, those of the vector's layer included."""
        return weights_sha256(self.module if isinstance(self.module, Layered) else self.network)

    @cached_property
    def n_features(self) -> int:
        """Number of pooled features, or of numbers of a student's vector."""
        training = self.module.training
        device = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        self.module.eval()
        with torch.inference_mode():
            output = self.module(torch.zeros(2, *self.preprocessing.shape, device=device))
        self.module.train(training)
        if not torch.is_tensor(output) or output.ndim != 2 or len(output) != 2:
            shape = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
            raise TwoalikeError(
                where=self.name,
                expected="pooled features of shape (images, features)",
                found=f"{shape} of 2 images",
                remedy="Wrap the network so that it pools.",
            )
        return int(output.shape[1])

    def resized(self, size: int | None) -> "Backbone":
        """Return the same network for inputs of another size in pixels; None keeps its own."""
        if size is None or size == self.preprocessing.size:
            return self
        if not 16 <= size <= 4096:
            raise TwoalikeError(where=self.name, expected="a size of 16 to 4096 pixels", found=size)
        resized = replace(self, preprocessing=replace(self.preprocessing, size=size))
        if self.is_fixed:
            return self._with_positions(resized, size)
        if isinstance(self._bare, Wrapped) and not _takes(self.module, size):
            raise self._fixed(size)
        return resized

    def _with_positions(self, resized: "Backbone", size: int) -> "Backbone":
        """Interpolate the positions of a network that has them for one size (timm's img_size)."""
        if self.architecture is None or not callable(getattr(self.network, "set_input_size", None)):
            raise self._fixed(size)
        copied = replace(resized, module=copy.deepcopy(self.module))
        try:
            copied.network.set_input_size(img_size=size)  # type: ignore[operator]
        except (AssertionError, ValueError, RuntimeError) as error:
            raise self._fixed(size) from error
        return replace(copied, options={**self.options, "img_size": size})

    def _fixed(self, size: int) -> TwoalikeError:
        return TwoalikeError(
            f"takes images of {self.preprocessing.size} pixels only, not {size}",
            where=self.name,
            remedy="Leave `size=...` out.",
        )


def _takes(module: nn.Module, size: int) -> bool:
    training, device = module.training, next(module.parameters()).device
    module.eval()
    try:
        with torch.inference_mode():
            module(torch.zeros(1, 3, size, size, device=device))
    except (AssertionError, ValueError, RuntimeError):
        return False
    finally:
        module.train(training)
    return True


def choose_tokens(backbone: Backbone, pool: TokenPool | None, block: int | None) -> Backbone:
    """Take the class token or the mean patch token of a block, after the network's final norm.

    The network is one of timm's vision transformers, ``pool`` and ``block`` are those of
    :func:`load_backbone`; the result has a network of its own.
    """
    if pool is None and block is None:
        return backbone
    network: Any = backbone.network
    n = _n_blocks(backbone)
    if backbone.parts or isinstance(network.get_classifier(), nn.Linear):
        raise TwoalikeError(
            "the layer of its vector, or its classifier, takes the features that it has",
            where=backbone.name,
            remedy="Leave `pool=...` and `block=...` out.",
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
    if not _are_same(features, expected):
        raise _not_its_tokens(backbone)


def _not_its_tokens(backbone: Backbone) -> TwoalikeError:
    return TwoalikeError(
        f"timm's {type(backbone.network).__name__} cannot end with a chosen block and pooling",
        where=backbone.name,
        remedy="Leave `pool=...` and `block=...` out.",
    )


def with_vector(backbone: Backbone, vector: AlignedVector) -> Backbone:
    """Put the layer of a vector on a network, which then gives the vector of q numbers.

    timm's own classifier is that layer where timm has one linear layer there, so that plain timm
    gives the vector. Of any other network the layer is in a file of its own.
    """
    tensors = {"weight": vector.weight, "bias": vector.bias}
    layer = linear_layer({name: torch.from_numpy(values) for name, values in tensors.items()})
    module = _as_classifier(backbone, layer) or Layered(backbone.module, layer)
    return replace(
        backbone,
        module=module.eval(),
        parts=vector.parts,
        similarity="raw-cosine",
    )


def without_vector(backbone: Backbone) -> Backbone:
    """Take the layer of the vector off a student: the network alone."""
    if not backbone.parts:
        return backbone
    if isinstance(backbone.module, Layered):
        module = backbone.module.module
    else:
        module = copy.deepcopy(backbone.module)
        module.reset_classifier(0)  # type: ignore[operator]
    return replace(backbone, module=module, parts={}, similarity=None)


def _as_classifier(backbone: Backbone, layer: nn.Linear) -> nn.Module | None:
    """Build timm's network with this layer as its classifier; None if timm has no such place."""
    if backbone.architecture is None:
        return None
    with torch.random.fork_rng(devices=[]):
        whole = create_network(
            backbone.architecture, num_classes=layer.out_features, **backbone.options
        )
    own = {f"{classifier_name(whole)}.{key}": value for key, value in layer.state_dict().items()}
    state = {**backbone.module.state_dict(), **own}
    wanted = {name: tensor.shape for name, tensor in whole.state_dict().items()}
    if wanted != {name: tensor.shape for name, tensor in state.items()}:
        return None
    whole.load_state_dict(state)
    return whole if gives_layer(whole, layer, backbone) else None


def gives_layer(whole: nn.Module, layer: nn.Linear, backbone: Backbone) -> bool:
    """Whether a network gives a linear layer of a backbone's features."""
    images = torch.randn(
        2, *backbone.preprocessing.shape, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        features, found = backbone.module.eval()(images), whole.eval()(images)
        fits = features.shape[1:] == (layer.in_features,)
        return fits and _are_same(found, layer(features))


def _are_same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    unit = max(1.0, float(expected.abs().max()))
    return found.shape == expected.shape and bool((found - expected).abs().max() <= _SAME * unit)


def classifier_name(network: Any) -> str | None:
    """Name of a timm network's classifier among its modules; None if it is not one module."""
    layer = network.get_classifier()
    return next((name for name, module in network.named_modules() if module is layer), None)


def read_layer(path: Path, outputs: Any, inputs: Any) -> nn.Linear:
    """Read a linear layer of a student's folder."""
    state = read_weights(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if shapes != {"weight": (outputs, inputs), "bias": (outputs,)}:
        raise TwoalikeError(
            where=path,
            expected=f"weight of shape ({outputs}, {inputs}) and bias of shape ({outputs},)",
            found=shapes,
            remedy="Copy the whole folder again, or distil anew.",
        )
    return linear_layer(state)


def linear_layer(state: Mapping[str, torch.Tensor]) -> nn.Linear:
    """Build a frozen linear layer of these weights, of its own memory."""
    classes, features = state["weight"].shape
    # Without memory at first: drawing weights would use up random numbers of others.
    layer = nn.Linear(features, classes, bias="bias" in state, device="meta")
    copies = {key: value.detach().clone() for key, value in state.items()}
    layer.load_state_dict(copies, assign=True)
    return layer.requires_grad_(False)
