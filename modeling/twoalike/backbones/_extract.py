"""Pooled features of images."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._images import without_unreadable
from twoalike.backbones._load import load_backbone
from twoalike.features import FeatureTable
from twoalike.stimuli import find_images
from twoalike.study import TwoalikeError, progress, provenance, sha256_file


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is a GPU if there is one.

    Raises
    ------
    TwoalikeError
        If there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TwoalikeError(
            f"device {name!r} cannot be used ({reason}). Try --device cpu."
        ) from error
    return device


def images_digest(ids: Sequence[str], paths: Sequence[Path]) -> str:
    """One hash of many images and their ids: tells whether cached features are still theirs."""
    digest = hashlib.sha256()
    for name, path in zip(ids, paths, strict=True):
        digest.update(f"{name} {sha256_file(path)};".encode())
    return digest.hexdigest()


def pooled_features(
    backbone: Backbone, paths: Sequence[Path], *, batch_size: int = 32, device: str = "auto"
) -> npt.NDArray[np.float32]:
    """Features of image files, shape (len(paths), p).

    Raises
    ------
    TwoalikeError
        If an image cannot be read, or a feature is not finite.
    """
    where = choose_device(device)
    module = backbone.module.to(where).eval()
    rows = []
    with progress() as bar, torch.inference_mode():
        task = bar.add_task("features", total=len(paths), status="")
        for start in range(0, len(paths), batch_size):
            chunk = paths[start : start + batch_size]
            inputs = torch.stack([backbone.preprocessing.read(path) for path in chunk])
            rows.append(module(inputs.to(where)).float().cpu().numpy())
            bar.update(task, advance=len(chunk))
    values: npt.NDArray[np.float32] = np.concatenate(rows)
    if not np.isfinite(values).all():
        raise TwoalikeError(
            f"{backbone.name}: features are not finite; the weights are damaged or do not fit."
        )
    return values


def extract_features(
    backbone: str | Path | Backbone,
    images: Path,
    *,
    batch_size: int = 32,
    size: int | None = None,
    device: str = "auto",
    weights: Path | None = None,
    untrained: bool = False,
    seed: int = 0,
    skip_unreadable: bool = False,
) -> FeatureTable:
    """Pooled features of all images in a folder.

    Parameters
    ----------
    backbone
        A :class:`Backbone`, or what :func:`load_backbone` takes: ``efficientnet_lite0``, a
        name of timm's, a student's folder.
    images
        Folder; ids and order as in :func:`twoalike.stimuli.find_images`.
    batch_size
        Images at once.
    size
        Width and height of the input in pixels, if not the network's own.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ...
    weights, untrained, seed
        As in :func:`load_backbone`.
    skip_unreadable
        Leave out images that cannot be read, which are refused otherwise.

    Returns
    -------
    Features, with ``backbone``, ``weights_sha256``, ``preprocessing`` and ``images_sha256``
    in its ``meta``; and ``unreadable``, the ids of images that were left out, if there were any.

    Raises
    ------
    TwoalikeError
        If the network or an image cannot be had.
    """
    ids, paths = find_images(images)
    unreadable: tuple[str, ...] = ()
    if skip_unreadable:
        ids, paths, unreadable = without_unreadable(ids, paths)
    if not isinstance(backbone, Backbone):
        backbone = load_backbone(
            backbone, weights=weights, untrained=untrained, size=size, seed=seed
        )
    else:
        backbone = backbone.resized(size)
    values = pooled_features(backbone, paths, batch_size=batch_size, device=device)
    meta = provenance("features", seed=seed if untrained else None) | {
        "backbone": backbone.name,
        "architecture": backbone.architecture,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": backbone.preprocessing.as_timm(),
        "images_sha256": images_digest(ids, paths),
    }
    if unreadable:
        meta["unreadable"] = list(unreadable)
    return FeatureTable(ids, values, meta)
