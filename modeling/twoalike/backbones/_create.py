"""timm's networks, built from a name and arguments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from twoalike.study import TwoalikeError, shortened

_KNOWN: Mapping[str, type] = {
    "depth": int,
    "global_pool": str,
    "fc_norm": bool,
    "use_fc_norm": bool,
    "dynamic_img_size": bool,
    "img_size": int,
}
"""Arguments that a student's description may have: others could make timm fetch or read files."""


def create_network(architecture: str, **options: Any) -> Any:
    """Build one of timm's networks; without a classifier unless ``num_classes`` asks for one.

    ``num_classes`` None takes the classes that pretrained weights come with.
    """
    import timm

    return timm.create_model(architecture, **{"num_classes": 0, **options})


def options_of(
    config: Mapping[str, Any], state: Mapping[str, torch.Tensor], path: Path
) -> dict[str, Any]:
    """Read timm's arguments of a student, ``model_args`` of its description.

    Raises
    ------
    TwoalikeError
        If one is unknown, or there are not as many blocks among its weights.
    """
    options = config.get("model_args", {})
    known = isinstance(options, dict) and all(
        type(value) is _KNOWN.get(name) for name, value in options.items()
    )
    last = f"blocks.{options['depth'] - 1}." if known and "depth" in options else ""
    # Memory for blocks without weights or positions is not allocated.
    if (
        not known
        or not any(name.startswith(last) for name in state)
        or not 16 <= options.get("img_size", 16) <= 4096
    ):
        raise TwoalikeError(
            where=path,
            expected=f"model_args with {', '.join(_KNOWN)}, as the weights have them",
            found=repr(shortened(options, 80)),
            remedy="Copy the whole folder again, or distil anew.",
        )
    return dict(options)
