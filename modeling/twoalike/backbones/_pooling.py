"""Any network with ``forward_features`` gives one row of features an image."""

from typing import Any, Literal

import torch
from torch import nn

from twoalike.study import TwoalikeError

Pool = Literal["mean", "first"]


class Pooled(nn.Module):
    """A network's last features, pooled.

    Parameters
    ----------
    network
        Its ``forward_features`` turns images (n, 3, h, w) into maps (n, p, rows, columns), tokens
        (n, t, p), or features that are pooled already (n, p).
    pool
        ``mean`` over the map's places or over all tokens, or the ``first`` token, which is where
        transformers keep their class token.

    Raises
    ------
    TwoalikeError
        If the network has no ``forward_features``; when it is called, if this gives anything else.
    """

    def __init__(self, network: nn.Module, pool: Pool = "mean") -> None:
        super().__init__()
        if not callable(getattr(network, "forward_features", None)):
            raise TwoalikeError(
                f"{type(network).__name__}: expected a network with a method forward_features, "
                "found none. Add one, or wrap a module that pools in a Backbone itself."
            )
        self.network, self.pool = network, pool

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled features, shape (n, p), of images (n, 3, h, w)."""
        features: Any = self.network.forward_features(images)  # type: ignore[operator]
        n = images.shape[0]
        if torch.is_tensor(features) and features.ndim and features.shape[0] == n:
            if features.ndim == 2:
                return features
            if features.ndim == 3:
                return features[:, 0] if self.pool == "first" else features.mean(dim=1)
            if features.ndim == 4 and self.pool == "mean":
                return features.mean(dim=(2, 3))
        is_tensor = torch.is_tensor(features)
        found = tuple(features.shape) if is_tensor else f"a {type(features).__name__}"
        places = ", or ({n}, features, rows, columns)" if self.pool == "mean" else ""
        raise TwoalikeError(
            f"{type(self.network).__name__}.forward_features: expected ({n}, features), "
            f"({n}, tokens, features){places.format(n=n)}, found {found}. Let it return one of "
            "these."
        )
