"""Networks of Hugging Face's transformers and of OpenCLIP, by name.

``transformers:facebook/dinov2-base`` names a repository of the hub or a folder of that layout, and
``open_clip:ViT-B-32/laion2b_s34b_b79k`` a model and its pretrained weights. Of a model of images
and texts, the part that sees images is taken. A student's folder says how to build the network
again, and holds weights under the library's own names: ``AutoModel.from_pretrained`` loads a
student of transformers, and OpenCLIP's ``visual`` takes the other's state dict.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from twoalike.backbones._backbone import Backbone, Wrapped
from twoalike.backbones._preprocessing import INTERPOLATIONS, Preprocessing
from twoalike.backbones._weights import FOREIGN, fault_of, fill, hub_or_cache, read_weights
from twoalike.study import TwoalikeError, shortened

Tokens = Literal["pooler", "first", "mean"]
"""Features of a network of transformers: its own pooling, its class token, or the mean token."""
_RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic")
"""Interpolations by Pillow's numbers, which image processors give."""
_FETCHING = ("auto_map", "use_pretrained_backbone", "timm_model_pretrained")
"""Settings by which a description from elsewhere could fetch or run something."""
_TEXTS = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}
"""The smallest text tower: OpenCLIP builds both at once, and this one is dropped."""


class TransformersNetwork(Wrapped):
    """Images (n, 3, h, w) to pooled features (n, p), by a network of transformers."""

    def __init__(self, network: nn.Module, tokens: Tokens) -> None:
        super().__init__()
        self.network, self.tokens = network, tokens
        self.own = _edge(getattr(network.config, "image_size", 0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # Another size than the network's own is refused by some that could interpolate positions.
        other = self.own not in {0, images.shape[-1]}
        options = {"interpolate_pos_encoding": True} if other and self._interpolates else {}
        output = self.network(pixel_values=images, return_dict=True, **options)
        if self.tokens == "pooler":
            return torch.as_tensor(output.pooler_output.flatten(1))
        last: torch.Tensor = output.last_hidden_state
        if last.ndim == 4:
            return last.mean(dim=(2, 3))
        return last[:, 0] if self.tokens == "first" else last.mean(dim=1)

    @property
    def _interpolates(self) -> bool:
        from inspect import signature

        return "interpolate_pos_encoding" in signature(self.network.forward).parameters

    @property
    def description(self) -> dict[str, Any]:
        """What :func:`build` needs, for a student's config.json: its keys are transformers' own."""
        config: Any = self.network.config
        named = {"library": {"name": "transformers", "tokens": self.tokens}}
        own = {key: value for key, value in config.to_diff_dict().items() if key not in _FETCHING}
        return own | {"architectures": [type(self.network).__name__]} | named


class OpenClipNetwork(Wrapped):
    """Images (n, 3, h, w) to the features (n, p) that OpenCLIP compares with texts."""

    def __init__(self, network: nn.Module, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.network, self.settings = network, dict(settings)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.network(images))

    @property
    def description(self) -> dict[str, Any]:
        return {"library": {"name": "open_clip", **self.settings}}


def load_by_library(
    name: str, weights: Path | None, untrained: bool, size: int | None, seed: int
) -> Backbone:
    """Load a network by a name with a library's prefix; its arguments are `load_backbone`'s."""
    library, _, own = name.partition(":")
    load = _load_transformers if library == "transformers" else _load_open_clip
    folder = Path(own.removeprefix("local-dir:"))
    is_local = bool(own) and folder.is_dir()
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        try:
            with hub_or_cache(ask=not is_local):
                module, preprocessing = load(own, weights is None and not untrained, size)
        except FOREIGN as error:
            raise TwoalikeError(
                f"cannot be loaded ({fault_of(error, folder if is_local else None)})",
                where=name,
                remedy="Copy the repository again, or name another network."
                if is_local
                else "Check the name; go online, or name a folder with a copy of the repository.",
            ) from error
    if weights is not None:
        fill(module.network, read_weights(weights), str(weights), name)
    if is_local:  # a path of one machine says nothing elsewhere
        return Backbone(f"{library}:{folder.name}", module.eval(), preprocessing)
    origin = None if untrained or weights is not None else own.removeprefix("hf-hub:")
    return Backbone(name, module.eval(), preprocessing, origin=origin)


def build(config: Mapping[str, Any], where: Path) -> Wrapped:
    """Build a student's network, without its weights, from its config.json."""
    library = dict(config["library"])
    if asked := _fetching(config):
        raise TwoalikeError(
            f"{asked!r} would fetch or run something", where=where, remedy="Distil anew."
        )
    try:
        with torch.random.fork_rng(devices=[]), _quiet():
            if library.pop("name") == "transformers":
                from transformers import CONFIG_MAPPING

                # Our "backbone" is a network's name, transformers' a part of a detector.
                own = {key: value for key, value in config.items() if key != "backbone"}
                settings = CONFIG_MAPPING[own["model_type"]].from_dict(own)
                return _of_transformers(settings, library["tokens"])
            import open_clip

            whole = open_clip.CLIP(
                library["embed_dim"],
                dict(library["vision_cfg"]),
                dict(_TEXTS),
                quick_gelu=library["quick_gelu"],
            )
            return OpenClipNetwork(whole.visual, library)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TwoalikeError(
            f"does not say how to build the network ({shortened(error, 120)})",
            where=where,
            remedy="Copy the whole folder again, or distil anew.",
        ) from error


def _fetching(content: Any) -> str | None:
    """Find the first setting, at any depth, by which something would be fetched or run."""
    if not isinstance(content, Mapping):
        return None
    own = next((key for key in _FETCHING if content.get(key)), None)
    if ":" in str(content.get("timm_model_name") or ""):  # a hub's prefix
        own = "timm_model_name"
    return own or next((key for value in content.values() if (key := _fetching(value))), None)


def _of_transformers(config: Any, tokens: Tokens) -> TransformersNetwork:
    from transformers import AutoModel

    network = AutoModel.from_config(config, trust_remote_code=False)
    if tokens != "pooler" and getattr(network, "pooler", None) is not None:
        network.pooler = None  # its weights are not among those that were loaded
    return TransformersNetwork(network, tokens)


def _load_transformers(
    name: str, pretrained: bool, size: int | None
) -> tuple[TransformersNetwork, Preprocessing]:
    from transformers import AutoConfig, AutoModel

    # None would ask on the terminal whether to run code of the repository.
    config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    config = getattr(config, "vision_config", config)  # of images and texts, what sees images
    if config.model_type == "timm_wrapper":
        raise TwoalikeError(
            where=f"transformers:{name}",
            expected="a network of transformers",
            found="one of timm's",
            remedy=f"Name it {'local-dir' if Path(name).is_dir() else 'hf-hub'}:{name}.",
        )
    if pretrained:
        network, info = AutoModel.from_pretrained(
            name, config=config, output_loading_info=True, trust_remote_code=False
        )
        missing = sorted(info["missing_keys"])
        # Classifiers are published without the pooling that was trained with them.
        if others := [key for key in missing if not key.startswith("pooler.")]:
            raise ValueError(f"the weights lack {len(others)} tensors, first {others[0]!r}")
        if missing:
            network.pooler = None
    else:
        network = AutoModel.from_config(config, trust_remote_code=False)
    network = network.float()
    module = TransformersNetwork(network, _tokens(network, config))
    return module, _processing(name, config, required=pretrained)


def _tokens(network: nn.Module, config: Any) -> Tokens:
    """Choose its own pooling where it has one, else the class token, else the mean."""
    edge = _edge(getattr(config, "image_size", 0)) or 64
    network.eval()
    with torch.no_grad():
        output = network(pixel_values=torch.zeros(1, 3, edge, edge), return_dict=True)
    if getattr(output, "pooler_output", None) is not None:
        return "pooler"
    has_class = any("cls_token" in key or "class_embedding" in key for key in network.state_dict())
    return "first" if has_class else "mean"


def _processing(name: str, config: Any, *, required: bool) -> Preprocessing:
    """Preprocessing that a repository states; the whole image is taken, as for every network."""
    from transformers.image_processing_utils import BaseImageProcessor

    size = _edge(getattr(config, "image_size", 0))
    try:
        stated, _ = BaseImageProcessor.get_image_processor_dict(name)
    except OSError:
        if required:
            raise
        return Preprocessing(size=size or 224)
    usual = {"do_flip_channel_order": False, "do_rescale": True, "rescale_factor": 1 / 255}
    if other := [key for key, own in usual.items() if abs(stated.get(key, own) - own) > 1e-6]:
        raise ValueError(f"images are prepared with {other[0]} = {stated[other[0]]}")
    plain = not stated.get("do_normalize", True)
    mean, std = ((0.0,) * 3, (1.0,) * 3) if plain else (stated["image_mean"], stated["image_std"])
    return Preprocessing(
        size=size or _edge(stated.get("crop_size") or stated.get("size")) or 224,
        interpolation=_RESAMPLE[int(stated.get("resample", 3))],
        mean=tuple(mean),
        std=tuple(std),
    )


def _edge(size: Any) -> int:
    """Edge in pixels of square images, stated as one number or two; 0 if it is not stated."""
    if isinstance(size, Mapping):
        size = tuple(size.values())
    return int(size[0] if isinstance(size, list | tuple) else size or 0)


def _load_open_clip(
    name: str, pretrained: bool, size: int | None
) -> tuple[OpenClipNetwork, Preprocessing]:
    import open_clip
    from open_clip.transformer import QuickGELU

    hub = name.startswith(("hf-hub:", "local-dir:"))
    model, _, tag = (name, "", "") if hub else name.partition("/")
    if pretrained and not hub and not tag:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(model)[:5]) or "none"
        raise ValueError(f"expected pretrained weights as MODEL/TAG; tags of {model}: {known}")
    whole = open_clip.create_model(
        model,
        pretrained=tag or None,
        load_weights=pretrained,
        require_pretrained=pretrained,
        force_image_size=size,
    )
    seen = open_clip.get_model_preprocess_cfg(whole)
    interpolation = seen.get("interpolation", "bicubic")
    if interpolation not in INTERPOLATIONS:
        interpolation = "bicubic"
    preprocessing = Preprocessing(
        size=_edge(seen.get("size") or whole.visual.image_size),
        interpolation=interpolation,
        mean=tuple(seen["mean"]),
        std=tuple(seen["std"]),
    )
    stated = open_clip.get_model_config(model)
    settings = {
        "embed_dim": stated["embed_dim"],
        # Given weights fetch nothing more, and dropped patches are of training alone.
        "vision_cfg": {**stated["vision_cfg"], "timm_model_pretrained": False},
        # Some published weights ask for it, whatever the model's settings say.
        "quick_gelu": any(isinstance(part, QuickGELU) for part in whole.visual.modules()),
    }
    if size is not None:
        settings["vision_cfg"]["image_size"] = size
    return OpenClipNetwork(whole.visual.float(), settings), preprocessing


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries from messages on every tensor, and from asking whether to run foreign code."""
    from transformers import dynamic_module_utils
    from transformers.utils import logging as of_transformers

    before, bars = logging.root.manager.disable, of_transformers.is_progress_bar_enabled()
    seconds = dynamic_module_utils.TIME_OUT_REMOTE_CODE
    logging.disable(logging.WARNING)
    of_transformers.disable_progress_bar()
    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0  # OpenCLIP's tower of texts would ask
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # on old pickles
            yield
    finally:
        dynamic_module_utils.TIME_OUT_REMOTE_CODE = seconds
        logging.disable(before)
        if bars:
            of_transformers.enable_progress_bar()
