"""The aligned vector: an affine map of a network's pooled features to named parts.

    v = W f + b = [features ; human]

``features`` are the network's own, from an origin and at a scale, whitened or not; ``human`` are
positions in the human space, at a weight called the balance. The map is one linear layer on the
network, so that whatever loads the network gives the vector. Its similarity is the cosine of the
vector as it is, since the origin is part of the map.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, shortened

FEATURES, HUMAN = "features", "human"
"""Names of the parts, in their order."""
type Parts = Mapping[str, tuple[int, int]]
"""First column of each part of a vector, and the column after its last."""


@dataclass(frozen=True, eq=False)
class AlignedVector:
    """A map of p features to a vector of q numbers.

    Attributes
    ----------
    weight
        W, shape (q, p).
    bias
        b, shape (q,).
    parts
        Columns of the vector by the name of the part.
    description
        How the map was chosen, for config.json.
    """

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    parts: Parts
    description: Mapping[str, Any]

    def __call__(self, features: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Vectors of n images, shape (n, q), by their features (n, p)."""
        return np.asarray(features @ self.weight.T + self.bias, np.float32)


def join_parts(
    features: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    human: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None,
    description: Mapping[str, Any] | None = None,
) -> AlignedVector:
    """Put two affine maps of p features into one vector; each is a weight and a bias.

    ``features`` have the shapes (p, p) and (p,), ``human``, the balance included, (d, p) and (d,).
    """
    maps = {FEATURES: features} | ({HUMAN: human} if human is not None else {})
    ends = np.cumsum([len(bias) for _, bias in maps.values()]).tolist()
    return AlignedVector(
        np.concatenate([weight for weight, _ in maps.values()]).astype(np.float32),
        np.concatenate([bias for _, bias in maps.values()]).astype(np.float32),
        dict(zip(maps, zip([0, *ends], ends, strict=False), strict=True)),
        dict(description or {}),
    )


def read_parts(content: Any, width: int, where: object) -> Parts:
    """Check what a file says of the parts of vectors of ``width`` numbers."""
    try:
        parts = {name: (int(start), int(end)) for name, (start, end) in content.items()}
        if all(0 <= start < end <= width for start, end in parts.values()):
            return parts
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    raise TwoalikeError(
        where=where,
        expected=f"parts of a vector of {width} numbers, each with its first and last column",
        found=repr(shortened(content, 60)),
        remedy="Make the file again.",
    )
