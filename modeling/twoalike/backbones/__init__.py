"""Backbones: networks with the preprocessing that belongs to their weights, and their features.

Names are loaded when they are asked for, so that importing the package loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from twoalike.backbones._folder import CONFIG, WEIGHTS
from twoalike.backbones._threads import rest_idle_threads

if TYPE_CHECKING:
    from twoalike.backbones._backbone import Backbone
    from twoalike.backbones._classifier import classifier_name, no_classifier, put_classifier
    from twoalike.backbones._extract import (
        extract_features,
        extract_shards,
        images_digest,
        pooled_features,
    )
    from twoalike.backbones._images import open_image, without_unreadable
    from twoalike.backbones._load import create_network, load_backbone, rebuild
    from twoalike.backbones._preprocessing import Preprocessing
    from twoalike.backbones._weights import read_weights, weights_sha256

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "Backbone",
    "Preprocessing",
    "classifier_name",
    "create_network",
    "extract_features",
    "extract_shards",
    "images_digest",
    "load_backbone",
    "no_classifier",
    "open_image",
    "pooled_features",
    "put_classifier",
    "read_weights",
    "rebuild",
    "rest_idle_threads",
    "weights_sha256",
    "without_unreadable",
]

_HOMES = {
    "Backbone": "_backbone",
    "Preprocessing": "_preprocessing",
    "classifier_name": "_classifier",
    "create_network": "_load",
    "extract_features": "_extract",
    "extract_shards": "_extract",
    "images_digest": "_extract",
    "load_backbone": "_load",
    "no_classifier": "_classifier",
    "open_image": "_images",
    "pooled_features": "_extract",
    "put_classifier": "_classifier",
    "read_weights": "_weights",
    "rebuild": "_load",
    "weights_sha256": "_weights",
    "without_unreadable": "_images",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"twoalike.backbones.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
