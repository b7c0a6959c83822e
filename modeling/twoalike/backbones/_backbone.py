"""A network that turns images into pooled features, found by name or in a folder."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from twoalike.backbones._preprocessing import Preprocessing
from twoalike.backbones._weights import (
    LITE0,
    LITE0_ARCHITECTURE,
    State,
    lite0_weights,
    read_weights,
    weights_sha256,
)
from twoalike.study import TwoalikeError, read_json


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network with what belongs to it.

    Attributes
    ----------
    name
        What it was asked for by; written into files.
    module
        Images (n, 3, size, size) to pooled features (n, p). Any ``nn.Module`` that does this
        can be wrapped and distilled.
    preprocessing
        How images become inputs.
    architecture
        timm's name of the architecture without weights; None for a module of one's own.
    licence
        Licence of the weights where it is known, for the model card.
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    architecture: str | None = None
    licence: str | None = None

    @property
    def weights_sha256(self) -> str:
        """Hash of the present weights."""
        return weights_sha256(self.module)

    @cached_property
    def n_features(self) -> int:
        """Number p of pooled features.

        Raises
        ------
        TwoalikeError
            If the module does not give one row of features an image.
        """
        size, training = self.preprocessing.size, self.module.training
        device = next(self.module.parameters()).device
        self.module.eval()
        with torch.inference_mode():
            output = self.module(torch.zeros(1, 3, size, size, device=device))
        self.module.train(training)
        if not torch.is_tensor(output) or output.ndim != 2 or len(output) != 1:
            shape = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
            raise TwoalikeError(
                f"{self.name}: expected pooled features of shape (images, features), found "
                f"{shape}. Wrap the network so that it pools."
            )
        return int(output.shape[1])

    def resized(self, size: int | None) -> "Backbone":
        """Return the same network for inputs of another size in pixels; None keeps its own.

        Raises
        ------
        TwoalikeError
            If the network takes one size only.
        """
        if size is None or size == self.preprocessing.size:
            return self
        fixed = getattr(self.module, "pretrained_cfg", {}).get("fixed_input_size", False)
        if fixed:
            raise TwoalikeError(
                f"{self.name}: takes images of {self.preprocessing.size} pixels only, not {size}. "
                "Leave --size out."
            )
        if not 16 <= size <= 4096:
            raise TwoalikeError(f"{self.name}: expected a size of 16 to 4096 pixels, found {size}.")
        return replace(self, preprocessing=replace(self.preprocessing, size=size))


def load_backbone(
    name: str | Path,
    *,
    weights: Path | None = None,
    untrained: bool = False,
    size: int | None = None,
    seed: int = 0,
) -> Backbone:
    """Load a network for features.

    Parameters
    ----------
    name
        ``efficientnet_lite0`` (weights from the installed package), any name of timm's (its
        pretrained weights, which timm downloads once), or a student's folder.
    weights
        Local weights for a name of timm's, ``.safetensors`` or ``.pth``.
    untrained
        Random weights, drawn from ``seed``: for comparisons and tests.
    size
        Width and height of the input in pixels, if not the network's own.

    Raises
    ------
    TwoalikeError
        If there is no such network, or its weights cannot be had or do not fit.
    """
    text = str(name)
    if isinstance(name, Path) or Path(text).is_dir():
        if weights is not None or untrained:
            raise TwoalikeError(f"{text}: a student brings its own weights; leave out the others.")
        backbone = _load_student(Path(text))
    elif text == LITE0 and weights is None and not untrained:
        backbone = _load_lite0()
    else:
        backbone = _load_timm(text, weights, untrained, seed)
    backbone.module.eval()
    return backbone.resized(size)


def _create(architecture: str, **options: Any) -> nn.Module:
    import timm

    return timm.create_model(architecture, **options)


def _load_lite0() -> Backbone:
    module: Any = _create(LITE0_ARCHITECTURE)
    module.load_state_dict(lite0_weights(module.state_dict()))
    module.reset_classifier(0)
    # Trained with ImageNet's mean and deviation, unlike timm's own weights for the architecture.
    return Backbone(LITE0, module, Preprocessing(), LITE0_ARCHITECTURE, "Apache-2.0")


def _load_timm(name: str, weights: Path | None, untrained: bool, seed: int) -> Backbone:
    architecture = LITE0_ARCHITECTURE if name == LITE0 else name
    _check_name(architecture)
    pretrained = weights is None and not untrained
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            module: Any = _create(architecture, pretrained=pretrained, num_classes=0)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:120]
            raise TwoalikeError(
                f"{name}: its pretrained weights could not be had ({reason}). Go online, name a "
                "local file with --weights, or ask for random ones with --untrained."
            ) from error
    if weights is not None:
        _fill(module, read_weights(weights), str(weights), name)
    config = dict(module.pretrained_cfg)
    return Backbone(
        name,
        module,
        Preprocessing() if name == LITE0 else Preprocessing.from_timm(config),
        str(config.get("architecture") or architecture),
        None if untrained else config.get("license"),
    )


def _check_name(name: str) -> None:
    import timm

    if name.startswith(("hf-hub:", "hf_hub:", "local-dir:")) or timm.is_model(name):
        return
    known = [LITE0, *timm.list_models()]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise TwoalikeError(
        f"{name}: expected a network's name ({LITE0}, or one of timm's {len(known) - 1}) or a "
        f"student's folder, found neither.{hint}"
    )


def _fill(module: nn.Module, state: State, where: str, name: str) -> None:
    """Load weights into a network without classifier, where the file may have one."""
    wanted = module.state_dict()
    head = str(getattr(module, "pretrained_cfg", {}).get("classifier") or "classifier")
    spare = [key for key in state if key not in wanted and key.startswith(f"{head}.")]
    kept = {key: value for key, value in state.items() if key not in spare}
    wrong = [key for key in kept if key not in wanted or kept[key].shape != wanted[key].shape]
    wrong += [key for key in wanted if key not in kept]
    if wrong:
        raise TwoalikeError(
            f"{where}: these weights do not fit {name}: {len(wrong)} tensors differ, first "
            f"{wrong[0]!r}. Name the network they belong to."
        )
    module.load_state_dict(kept)


def _load_student(folder: Path) -> Backbone:
    if not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a student's folder, found none. Check the path.")
    config: Mapping[str, Any] = read_json(folder / "config.json", "student")
    architecture = config.get("architecture")
    if not architecture:
        raise TwoalikeError(
            f"{folder}: this student is a module of somebody's own, not timm's. Build it and load "
            "model.safetensors into it."
        )
    module = _create(str(architecture), num_classes=0)
    _fill(
        module,
        read_weights(folder / "model.safetensors"),
        str(folder / "model.safetensors"),
        str(architecture),
    )
    preprocessing = Preprocessing.from_timm(config["pretrained_cfg"], whole=False)
    licence = config["pretrained_cfg"].get("license")
    return Backbone(folder.name, module, preprocessing, str(architecture), licence)
