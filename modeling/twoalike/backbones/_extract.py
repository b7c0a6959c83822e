"""Pooled features of images."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._images import without_unreadable
from twoalike.backbones._load import load_backbone
from twoalike.features import PLAN, FeatureTable, feature_shard, write_features
from twoalike.stimuli import find_images
from twoalike.study import (
    TwoalikeError,
    claim_parts,
    progress,
    provenance,
    sha256_file,
    write_json,
)


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
    network = _network(backbone, weights, untrained, size, seed)
    source = describe_source(network, seed if untrained else None)
    table = _table(network, ids, paths, source, batch_size, device, skip_unreadable)
    kept = dict(zip(ids, paths, strict=True))
    digest = images_digest(table.ids, [kept[name] for name in table.ids])
    return FeatureTable(table.ids, table.values, {**table.meta, "images_sha256": digest})


def extract_shards(
    out: Path,
    backbone: str | Path | Backbone,
    images: Path,
    *,
    shard: int,
    rank: int = 0,
    world: int = 1,
    batch_size: int = 32,
    size: int | None = None,
    device: str = "auto",
    weights: Path | None = None,
    untrained: bool = False,
    seed: int = 0,
    skip_unreadable: bool = False,
) -> dict[str, Any]:
    """Pooled features of a large folder of images, a file for every ``shard`` of them.

    Shards that are there stay, so that the same call goes on where it was stopped. Images are
    known by their ids and the sizes of their files: reading a million to compare them would take
    as long as the features.

    Parameters
    ----------
    out
        Folder to make, or to go on with; :func:`twoalike.features.read_features` reads it.
    shard
        Images a file.
    rank, world
        Which of how many processes or machines this is: each makes every ``world``-th shard.
    backbone, images, batch_size, size, device, weights, untrained, seed, skip_unreadable
        As in :func:`extract_features`.

    Returns
    -------
    The content of features.json.

    Raises
    ------
    TwoalikeError
        If ``out`` holds anything else, or the network or an image cannot be had.
    """
    ids, paths = find_images(images)
    network = _network(backbone, weights, untrained, size, seed)
    plan = describe_source(network, seed if untrained else None) | {
        "images": len(ids),
        "listing_sha256": _listing_digest(ids, paths),
        "shard": shard,
        "shards": -(-len(ids) // shard),
    }
    claim_parts(out, plan, PLAN)
    if not (out / PLAN).is_file():
        write_json(out / PLAN, plan)
    for number in range(rank, plan["shards"], world):
        path = feature_shard(out, number)
        if path.is_file():
            continue
        rows = slice(number * shard, (number + 1) * shard)
        origin = {**plan, "number": number}
        part = (network, ids[rows], paths[rows], origin, batch_size, device, skip_unreadable)
        write_features(path, _table(*part))
    return plan


def describe_source(network: Backbone, seed: int | None) -> dict[str, Any]:
    """Say which network features come from; ``seed`` is that of its weights if it is untrained."""
    return provenance("features", seed=seed) | {
        "backbone": network.name,
        "architecture": network.architecture,
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing.as_timm(),
    }


def _network(
    backbone: str | Path | Backbone,
    weights: Path | None,
    untrained: bool,
    size: int | None,
    seed: int,
) -> Backbone:
    if isinstance(backbone, Backbone):
        return backbone.resized(size)
    return load_backbone(backbone, weights=weights, untrained=untrained, size=size, seed=seed)


def _table(
    network: Backbone,
    ids: tuple[str, ...],
    paths: tuple[Path, ...],
    source: dict[str, Any],
    batch_size: int,
    device: str,
    skip_unreadable: bool,
) -> FeatureTable:
    """Features of some images, and the ids of those that were left out."""
    unreadable: tuple[str, ...] = ()
    if skip_unreadable:
        ids, paths, unreadable = without_unreadable(ids, paths)
    values = pooled_features(network, paths, batch_size=batch_size, device=device)
    left_out = {"unreadable": list(unreadable)} if unreadable else {}
    return FeatureTable(ids, values, source | left_out)


def _listing_digest(ids: Sequence[str], paths: Sequence[Path]) -> str:
    """One hash of the images' ids and the sizes of their files."""
    digest = hashlib.sha256()
    for name, path in zip(ids, paths, strict=True):
        digest.update(f"{name} {path.stat().st_size};".encode())
    return digest.hexdigest()
