"""The aligned vector on a network: a linear layer that gives it, and its classes.

timm's own classifier is that layer where timm has one linear layer there, so that plain timm gives
the vector. Of any other network the layer is in a file of its own.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from twoalike.backbones._backbone import Backbone, Layered
from twoalike.backbones._weights import create_network, read_weights
from twoalike.features import FEATURES, AlignedVector
from twoalike.study import TwoalikeError

SAME = 1e-4
"""Largest difference of two ways to the same output, in units of the largest above 1."""

State = Mapping[str, torch.Tensor]


def with_vector(backbone: Backbone, vector: AlignedVector) -> Backbone:
    """Put the layer of a vector on a network, which then gives the vector of q numbers.

    A classifier of the network's features (n, p) becomes one of the vector (n, q).
    """
    layer = _layer(torch.from_numpy(vector.weight), torch.from_numpy(vector.bias))
    module = _as_classifier(backbone, layer) or Layered(backbone.module, layer)
    classes = backbone.classifier
    if classes is not None:
        # The features are those of the vector's first part, which is an affine map that has an
        # inverse.
        start, end = vector.parts[FEATURES]
        own = torch.zeros(classes.out_features, len(vector.bias), dtype=torch.float64)
        forward = layer.weight[start:end].double()
        own[:, start:end] = torch.linalg.solve(forward, classes.weight.double(), left=False)
        classes = _layer(own, _bias(classes) - own @ layer.bias.double())
    return replace(
        backbone,
        module=module.eval(),
        classifier=classes,
        parts=vector.parts,
        similarity="raw-cosine",
    )


def without_vector(backbone: Backbone) -> Backbone:
    """Take the layer of the vector off a student: the network alone, and its classifier."""
    if not backbone.parts:
        return backbone
    if isinstance(backbone.module, Layered):
        module, layer = backbone.module.module, backbone.module.layer
    else:
        module = copy.deepcopy(backbone.module)
        layer = module.get_classifier()  # type: ignore[operator]
        module.reset_classifier(0)  # type: ignore[operator]
    classes = backbone.classifier
    if classes is not None:
        weight = classes.weight.double()
        bias = _bias(classes) + weight @ layer.bias.double()
        classes = _layer(weight @ layer.weight.double(), bias)
    return replace(backbone, module=module, classifier=classes, parts={}, similarity=None)


def _bias(layer: nn.Linear) -> torch.Tensor:
    none = torch.zeros(layer.out_features, dtype=torch.float64)
    return none if layer.bias is None else layer.bias.double()


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
    holds = gives_layer(whole, backbone.module, layer, backbone.preprocessing.shape)
    return whole if holds else None


def gives_layer(
    whole: nn.Module, module: nn.Module, layer: nn.Linear, shape: tuple[int, ...]
) -> bool:
    """Whether a network gives a linear layer of what another gives, for images of a shape."""
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features, expected = module.eval()(images), whole.eval()(images)
        if features.shape[1:] != (layer.in_features,):
            return False
        unit = max(1.0, float(expected.abs().max()))
        return bool((layer(features) - expected).abs().max() <= SAME * unit)


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


def _layer(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    return linear_layer({"weight": weight.float(), "bias": bias.float()})


def linear_layer(state: State) -> nn.Linear:
    """Build a frozen linear layer of these weights, of its own memory."""
    classes, features = state["weight"].shape
    # Without memory at first: drawing weights would use up random numbers of others.
    layer = nn.Linear(features, classes, bias="bias" in state, device="meta")
    copies = {key: value.detach().clone() for key, value in state.items()}
    layer.load_state_dict(copies, assign=True)
    return layer.requires_grad_(False)
