"""The affine probe: the network stays, and a map of its features learns.

Features are computed once, so a step costs a matrix product. The map is written into the place of
the network's classifier, so that whoever loads the student, with timm alone or with twoalike, has
the aligned features as its output.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from twoalike.backbones import Backbone, create_network, pooled_features, put_classifier
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.study import TwoalikeError


class FrozenFeatures:
    """Features in place of images: what a probe reads of an image file.

    Parameters
    ----------
    paths
        Images, n of them.
    values
        Their features, shape (n, p).
    """

    def __init__(self, paths: Sequence[Path], values: npt.NDArray[np.float32]) -> None:
        self.row: Mapping[Path, int] = {path: row for row, path in enumerate(paths)}
        self.values = torch.from_numpy(values)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an input: features, and one place."""
        return self.values.shape[1], 1, 1

    def read(self, path: Path) -> torch.Tensor:
        """Features of an image, as a map of one place, shape (p, 1, 1)."""
        return self.values[self.row[path]].view(self.shape)


def frozen_features(
    backbone: Backbone,
    ids: tuple[str, ...],
    paths: Sequence[Path],
    digest: str,
    cache: Path,
    device: str,
) -> FrozenFeatures:
    """Features of the network as it is, computed once and kept in ``cache``.

    Parameters
    ----------
    backbone
        The network.
    ids, paths
        Images.
    digest
        Hash of the images.
    cache
        File (.npz); used again if it is of the same images, weights and preprocessing.
    device
        As in :func:`twoalike.backbones.pooled_features`.
    """
    meta = {
        "backbone": backbone.name,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        "images_sha256": digest,
    }
    if cache.is_file():
        table = read_features(cache)
        if table.ids == ids and table.meta == meta:
            return FrozenFeatures(paths, table.values)
    values = pooled_features(backbone, paths, device=device)
    write_features(cache, FeatureTable(ids, values, meta))
    return FrozenFeatures(paths, values)


def check_classifier(backbone: Backbone) -> None:
    """Make sure that a probe's map will have a place, before it learns.

    Raises
    ------
    TwoalikeError
        If it is a network of timm's whose classifier is not one linear layer.
    """
    if backbone.architecture is not None:
        _with_classifier(backbone)


def with_map(backbone: Backbone, head: nn.Linear) -> nn.Module:
    """Put the affine map into the place of a timm network's classifier.

    Parameters
    ----------
    backbone
        One of timm's networks.
    head
        Map of its p features to p.

    Returns
    -------
    Images to mapped features (n, p): a network that timm builds with ``num_classes`` = p.
    """
    old = backbone.network
    weight, bias = head.weight.detach(), head.bias.detach()
    if isinstance(before := old.get_classifier(), nn.Linear):  # type: ignore[operator]
        # The network is a probe's student itself: one map after the other is one map.
        weight, bias = weight @ before.weight, weight @ before.bias + bias
    return put_classifier(_with_classifier(backbone), old, {"weight": weight, "bias": bias})


def _with_classifier(backbone: Backbone) -> Any:
    network = create_network(str(backbone.architecture), num_classes=backbone.n_features)
    classifier = network.get_classifier()
    shape = (backbone.n_features, backbone.n_features)
    if not isinstance(classifier, nn.Linear) or tuple(classifier.weight.shape) != shape:
        raise TwoalikeError(
            f"{backbone.name}: train = 'probe' puts its map in the place of the classifier, "
            f"expected one linear layer there, found {type(classifier).__name__}. Take train = "
            "'last', 'lora' or 'full'."
        )
    return network
