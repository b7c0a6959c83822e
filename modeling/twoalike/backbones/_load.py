"""Networks by name, and students by folder.

Networks are loaded without their own classifier, the layer that turns features into classes.
"""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from twoalike.backbones import CONFIG, VECTOR, WEIGHTS
from twoalike.backbones._backbone import (
    Backbone,
    Layered,
    TokenPool,
    choose_tokens,
    read_layer,
)
from twoalike.backbones._preprocessing import Preprocessing
from twoalike.backbones._weights import (
    FOREIGN,
    LITE0,
    LITE0_ARCHITECTURE,
    create_network,
    fault_of,
    fill,
    hub_or_cache,
    lite0_weights,
    options_of,
    read_weights,
)
from twoalike.features import read_parts
from twoalike.study import TwoalikeError, read_json, shortened

LIBRARIES = ("transformers:", "open_clip:")
"""Prefixes of names of other libraries' networks."""
_COPY_AGAIN = "Copy the whole folder again, or distil anew."
_TRAVELLING = ("input_size", "interpolation", "mean", "std", "crop_pct", "license")
"""Settings that come with weights: all that features depend on, and what the card needs."""


def load_backbone(
    name: str | Path,
    *,
    weights: str | Path | None = None,
    untrained: bool = False,
    size: int | None = None,
    seed: int = 0,
    pool: TokenPool | None = None,
    block: int | None = None,
) -> Backbone:
    """Load a network for features.

    Parameters
    ----------
    name
        ``efficientnet_lite0`` (weights from the installed package), any name of timm's (its
        pretrained weights, which timm downloads once), ``transformers:REPOSITORY`` or
        ``open_clip:MODEL/TAG`` (:mod:`twoalike.backbones._libraries`), or a student's folder.
    weights
        Local weights for a name: ``.safetensors``, ``.pth``, ``.pt``, ``.bin``, or a folder that
        holds one such file.
    untrained
        Random weights (by the seed): for comparisons and tests.
    size
        Width and height of the input in pixels, if not the network's own.
    seed
        Seed of random weights.
    pool
        Of one of timm's vision transformers: features are the class token (``cls``) or the mean of
        the patch tokens (``mean``). None: as timm pools.
    block
        Block whose tokens are pooled, from 0, or from the end if negative. The network ends with
        it, and its final norm follows. None: the last.
    """
    text, weights = str(name), None if weights is None else Path(weights)
    described = Path(text.removeprefix("local-dir:")) / CONFIG
    if text.startswith("local-dir:") and described.is_file():
        if '"kind": "student"' in described.read_text(encoding="utf-8"):
            text = str(described.parent)  # timm would leave the layer of its vector out
    if isinstance(name, Path) or Path(text).is_dir():
        if weights is not None or untrained or pool is not None or block is not None:
            raise TwoalikeError(
                where=text,
                found="a student, which brings its own weights, pooling and blocks",
                remedy="Leave `weights=...`, `untrained=True`, `pool=...` and `block=...` out.",
            )
        backbone = _load_student(Path(text))
    elif weights is not None and untrained:
        raise TwoalikeError(
            where=text,
            expected="`weights=...` or `untrained=True`",
            found="both",
            remedy="Leave one out.",
        )
    elif text.startswith(LIBRARIES):
        from twoalike.backbones._libraries import load_by_library

        backbone = load_by_library(text, weights, untrained, size, seed)
    elif text == LITE0 and weights is None and not untrained:
        backbone = _load_lite0()
    else:
        backbone = _load_timm(text, weights, untrained, seed)
    backbone.module.eval()
    return choose_tokens(backbone.resized(size), pool, block)


def _load_lite0() -> Backbone:
    module = create_network(LITE0_ARCHITECTURE, num_classes=1000)
    module.load_state_dict(lite0_weights(module.state_dict()))
    module.reset_classifier(0)
    # Trained with ImageNet's mean and deviation, unlike timm's own weights for the architecture.
    return Backbone(LITE0, module, Preprocessing(), LITE0_ARCHITECTURE, "Apache-2.0")


def _load_timm(name: str, weights: Path | None, untrained: bool, seed: int) -> Backbone:
    architecture = LITE0_ARCHITECTURE if name == LITE0 else name
    _check_name(architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module: Any = (
            _create_pretrained(name, architecture)
            if weights is None and not untrained
            else create_network(architecture)
        )
    config = dict(module.pretrained_cfg)
    if weights is not None:
        fill(module, read_weights(weights), str(weights), name)
        config |= _hub_settings(weights)
    return Backbone(
        name,
        module,
        Preprocessing() if name == LITE0 else Preprocessing.from_timm(config),
        str(config.get("architecture") or architecture),
        None if untrained else config.get("license"),
        None if untrained or weights is not None else config.get("hf_hub_id"),
    )


def _hub_settings(weights: Path) -> dict[str, Any]:
    """Read what a copy of a hub's repository says of its weights: preprocessing and licence."""
    path = weights / CONFIG
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["pretrained_cfg"]
        return {key: settings[key] for key in _TRAVELLING if key in settings}
    except (ValueError, KeyError, TypeError) as error:
        raise TwoalikeError(
            where=path,
            expected="timm's description of these weights, with a pretrained_cfg",
            found="none",
            remedy="Name the file of weights itself.",
        ) from error


def _create_pretrained(name: str, architecture: str, **options: Any) -> nn.Module:
    try:
        with hub_or_cache(ask=not architecture.startswith("local-dir:")):
            module: nn.Module = create_network(architecture, pretrained=True, **options)
    except FOREIGN as error:
        raise TwoalikeError(
            f"its pretrained weights could not be loaded ({fault_of(error)})",
            where=name,
            remedy="Go online, name a local file or folder with `weights=...`, or ask for random "
            "ones with `untrained=True`.",
        ) from error
    return module


def _check_name(name: str) -> None:
    import timm

    if name.startswith(("hf-hub:", "hf_hub:", "local-dir:")) or timm.is_model(name):
        return
    known = [LITE0, *timm.list_models()]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
    raise TwoalikeError(
        where=name,
        expected=f"a network's name ({LITE0}, one of timm's {len(known) - 1}, transformers:... or "
        "open_clip:...) or a student's folder",
        found="neither",
        remedy=f"Did you mean {' or '.join(map(repr, close))}?" if close else "",
    )


def _load_student(folder: Path) -> Backbone:
    if not folder.is_dir():
        raise TwoalikeError(
            where=folder, expected="a student's folder", found="none", remedy="Check the path."
        )
    config = read_json(folder / CONFIG, "student")
    module = rebuild(config, folder / WEIGHTS, folder / VECTOR)
    settings = config["pretrained_cfg"]
    try:
        prepared = {**settings, "antialias": config.get("antialias", True)}
        preprocessing = Preprocessing.from_timm(prepared, whole=False)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TwoalikeError(
            f"pretrained_cfg does not say how images are prepared ({shortened(error)})",
            where=folder / CONFIG,
            remedy=_COPY_AGAIN,
        ) from error
    backbone = Backbone(
        folder.name,
        module,
        preprocessing,
        config["architecture"],
        settings.get("license"),
        config.get("origin"),
        read_parts(config["parts"], config["num_classes"], folder / CONFIG),
        config.get("similarity"),
        config.get("model_args", {}),
        (config.get("teacher") or {}).get("judged"),
    )
    if backbone.weights_sha256 != config.get("weights_sha256"):
        within = not isinstance(module, Layered)
        raise _other_weights(folder, WEIGHTS if within else f"{WEIGHTS} or {VECTOR}")
    return backbone


def _other_weights(folder: Path, files: str) -> TwoalikeError:
    return TwoalikeError(
        f"{files} holds other weights than those that {CONFIG} describes",
        where=folder,
        remedy=_COPY_AGAIN,
    )


def rebuild(config: Mapping[str, Any], weights: Path, vector: Path) -> nn.Module:
    """Build a student's network, images to the aligned vector, from config.json and its weights.

    ``vector`` is its vector.safetensors, if the network cannot hold that layer.
    """
    folder, architecture = weights.parent, config.get("architecture")
    needed = ("pretrained_cfg", "num_classes", "num_features", "parts", "vector")
    lacking = [key for key in needed if key not in config]
    if lacking:
        raise TwoalikeError(
            where=folder / CONFIG,
            expected=" and ".join(lacking),
            found="none",
            remedy="Distil anew.",
        )
    if not architecture and "library" in config:
        from twoalike.backbones._libraries import build

        made: nn.Module = build(config, folder / CONFIG)
        fill(made.network, read_weights(weights), str(weights), str(config.get("backbone")))  # type: ignore[arg-type]
        return _layered(made, config, vector)
    if not architecture:
        raise TwoalikeError(
            "this student is a module of somebody's own, of none of the libraries",
            where=folder,
            remedy=f"Build it, load {WEIGHTS} into it, and wrap it in a Backbone (Python).",
        )
    # A hub's prefix in a file from elsewhere would make timm fetch, or read, what it names.
    if ":" in str(architecture):
        raise TwoalikeError(
            where=folder / CONFIG,
            expected="an architecture of timm's",
            found=repr(shortened(architecture, 60)),
            remedy="Distil anew.",
        )
    _check_name(str(architecture))
    state, width = read_weights(weights), config["num_classes"]
    described = config["vector"]
    if not isinstance(described, dict) or described.get("file", "") not in (None, VECTOR):
        raise TwoalikeError(
            where=folder / CONFIG,
            expected="where the layer of the vector is",
            found=repr(shortened(described, 60)),
            remedy=_COPY_AGAIN,
        )
    within = described["file"] is None
    # As many outputs as rows of some tensor: room for any other number is not made.
    fits = not within or any(tensor.ndim and len(tensor) == width for tensor in state.values())
    if type(width) is not int or not fits:
        raise TwoalikeError(
            f"num_classes is damaged, or does not belong to {WEIGHTS}",
            where=folder / CONFIG,
            remedy=_COPY_AGAIN,
        )
    module: nn.Module = create_network(
        str(architecture),
        num_classes=width if within else 0,
        **options_of(config, state, folder / CONFIG),
    )
    fill(module, state, str(weights), str(architecture))
    return module.eval() if within else _layered(module, config, vector)


def _layered(module: nn.Module, config: Mapping[str, Any], vector: Path) -> nn.Module:
    layer = read_layer(vector, config["num_classes"], config["num_features"])
    return Layered(module, layer).eval()
