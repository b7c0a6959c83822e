"""A network's own classifier: the linear layer that turns its features into classes.

Networks are loaded without it. Where it is asked for, it comes from the same weights, and its
scores are compared with those of the whole network.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from twoalike.study import TwoalikeError

State = Mapping[str, torch.Tensor]
SAME = 1e-4
"""Largest difference of two ways to the same classes, in units of the largest output above 1."""


def classifier_name(network: Any) -> str | None:
    """Name of a timm network's classifier among its modules; None if it is not one module."""
    layer = network.get_classifier()
    return next((name for name, module in network.named_modules() if module is layer), None)


def own_classifier(whole: Any, module: nn.Module, name: str, shape: tuple[int, ...]) -> nn.Linear:
    """Take the classifier, features (n, p) to scores (n, c), of a network used without it.

    ``whole`` maps images of a shape to class scores (n, c), as timm builds it; ``module`` is the
    same network without it, images to features. It must be one linear layer on these.
    """
    layer = whole.get_classifier()
    if not isinstance(layer, nn.Linear):
        raise no_classifier(name, layer)
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features, expected = module.eval()(images), whole.eval()(images)
        fits = features.shape[1:] == (layer.in_features,)
        unit = max(1.0, float(expected.abs().max()))
        if not fits or (layer(features) - expected).abs().max() > SAME * unit:
            raise TwoalikeError(
                where=name,
                expected="a classifier that is one linear layer on the features",
                found="more between the two",
                remedy="Choose another network, or leave keep_classifier out.",
            )
    return linear_layer(layer.state_dict())


def no_classifier(name: str, found: object = None) -> TwoalikeError:
    """Error of a network without a linear classifier."""
    missing = found is None or isinstance(found, nn.Identity)
    return TwoalikeError(
        where=name,
        expected="the network's own classifier, one linear layer",
        found="none" if missing else type(found).__name__,
        remedy="Take a network and weights that have one, or leave keep_classifier out.",
    )


def linear_layer(state: State) -> nn.Linear:
    """Build a frozen linear layer of these weights, of its own memory."""
    classes, features = state["weight"].shape
    # Without memory at first: drawing weights would use up random numbers of others.
    layer = nn.Linear(features, classes, bias="bias" in state, device="meta")
    copies = {key: value.detach().clone() for key, value in state.items()}
    layer.load_state_dict(copies, assign=True)
    return layer.requires_grad_(False)


def put_classifier(whole: nn.Module, network: nn.Module, layer: State) -> nn.Module:
    """Fill a timm network, images to scores (n, c), and return it.

    ``network`` has the weights of everything before the classifier, ``layer`` those of the
    classifier: ``weight`` (c, p), and ``bias`` (c,) if it has one.
    """
    name = classifier_name(whole)
    last = {f"{name}.{key}": value for key, value in layer.items()}
    whole.load_state_dict({**network.state_dict(), **last})
    return whole.eval()


def split_state(state: State, name: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """State dict without the module of that name, and that of the module alone."""
    prefix = f"{name}."
    rest = {key: value for key, value in state.items() if not key.startswith(prefix)}
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return rest, own
