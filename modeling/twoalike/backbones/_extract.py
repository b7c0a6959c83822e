"""Pooled features of images."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._load import load_backbone
from twoalike.backbones._preprocessing import open_image, without_unreadable
from twoalike.backbones._tokens import TokenPool, choose_tokens
from twoalike.features import (
    PLAN,
    FeatureTable,
    check_features_path,
    feature_shard,
    write_features,
)
from twoalike.stimuli import find_images, read_frames
from twoalike.study import (
    TwoalikeError,
    check_output,
    claim_parts,
    part_of,
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
            f"device {name!r} cannot be used ({reason})", remedy="Try `device=cpu`."
        ) from error
    return device


def images_digest(ids: Sequence[str], paths: Sequence[Path]) -> str:
    """One hash of many images and their ids: shows whether cached features still belong to them."""
    digest = hashlib.sha256()
    for name, path in zip(ids, paths, strict=True):
        digest.update(f"{name} {sha256_file(path)};".encode())
    return digest.hexdigest()


type FilmFrames = Literal["middle", "mean"]
"""Features of a film: of its middle frame, or the mean of those of eight frames."""
_FRAMES = 8


def _pictures(path: Path, film: FilmFrames) -> list[Image.Image]:
    return [open_image(path)] if film == "middle" else read_frames(path, _FRAMES)


def positions_of(backbone: Backbone, features: npt.NDArray[np.float32]) -> Any:
    """Positions in the human space by a student's features (n, p), (n, q); None without a map."""
    if backbone.head is None:
        return None
    with torch.inference_mode():
        return backbone.head.cpu()(torch.from_numpy(features)).numpy()


def pooled_features(
    backbone: Backbone,
    paths: Sequence[Path],
    *,
    batch: int = 32,
    device: str = "auto",
    film: FilmFrames = "middle",
) -> npt.NDArray[np.float32]:
    """Features of image files, shape (len(paths), p); of films as ``film`` says.

    Raises
    ------
    TwoalikeError
        If an image cannot be read, or a feature is not finite.
    """
    where = choose_device(device)
    module = backbone.module.to(where).eval()
    rows: list[npt.NDArray[np.float32]] = []
    with progress() as bar, torch.inference_mode():
        task = bar.add_task("features", total=len(paths), status="")
        for start in range(0, len(paths), batch):
            chunk = paths[start : start + batch]
            pictures = [_pictures(path, film) for path in chunk]
            inputs = torch.stack([backbone.preprocessing(one) for few in pictures for one in few])
            values = module(inputs.to(where)).float().cpu().numpy()
            ends = np.cumsum([len(few) for few in pictures])[:-1]
            rows += [part.mean(axis=0, keepdims=True) for part in np.split(values, ends)]
            bar.update(task, advance=len(chunk))
    values = np.concatenate(rows)
    if not np.isfinite(values).all():
        raise TwoalikeError(
            "features are not finite; the weights are damaged or do not fit", where=backbone.name
        )
    return values


def extract_features(
    backbone: str | Path | Backbone,
    images: str | Path,
    *,
    out: str | Path | None = None,
    size: int | None = None,
    batch: int = 32,
    device: str = "auto",
    weights: str | Path | None = None,
    untrained: bool = False,
    seed: int = 0,
    skip_unreadable: bool = False,
    pool: TokenPool | None = None,
    block: int | None = None,
    film: FilmFrames = "middle",
) -> FeatureTable:
    """Pooled features of all images in a folder.

    Parameters
    ----------
    backbone
        A :class:`Backbone`, or what :func:`load_backbone` takes: ``efficientnet_lite0``, a
        name of timm's, a student's folder.
    images
        Folder; ids and order as in :func:`twoalike.stimuli.find_images`.
    out
        File to write the table to (.npz); None: it is returned only.
    size
        Width and height of the input in pixels, if not the network's own.
    batch
        Images at once.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ...
    weights, untrained, seed, pool, block
        As in :func:`load_backbone`.
    skip_unreadable
        Leave out images that cannot be read, which are refused otherwise.
    film
        What stands for a film: its ``middle`` frame, or the ``mean`` of the features of eight
        evenly spaced frames.

    Returns
    -------
    Features, with ``backbone``, ``weights_sha256``, ``preprocessing`` and ``images_sha256`` in its
    ``meta``; ``pool`` and ``block``, if they were chosen; and ``unreadable``, the ids of images
    that were left out, if there were any.

    Raises
    ------
    TwoalikeError
        If the network or an image cannot be read, or ``out`` cannot be written.
    """
    _check_at_least_one("batch", batch)
    if out is not None:
        check_features_path(Path(out))
        check_output(Path(out))
    ids, paths = find_images(Path(images))
    network = _network(backbone, weights, untrained, size, seed, pool, block)
    source = _describe_source(network, seed if untrained else None) | _of_films(film)
    table = _features(network, ids, paths, source, batch, device, skip_unreadable, film)
    path_of = dict(zip(ids, paths, strict=True))
    digest = images_digest(table.ids, [path_of[name] for name in table.ids])
    table = replace(table, meta={**table.meta, "images_sha256": digest})
    if out is not None:
        write_features(Path(out), table)
    return table


def extract_shards(
    out: str | Path,
    backbone: str | Path | Backbone,
    images: str | Path,
    *,
    shard: int,
    part: str | None = None,
    size: int | None = None,
    batch: int = 32,
    device: str = "auto",
    weights: str | Path | None = None,
    untrained: bool = False,
    seed: int = 0,
    skip_unreadable: bool = False,
    pool: TokenPool | None = None,
    block: int | None = None,
    film: FilmFrames = "middle",
) -> dict[str, Any]:
    """Pooled features of a large folder of images, a file for every ``shard`` of them.

    Shards that are there stay, so that the same call goes on where it was stopped. Images are
    known by their ids and the sizes of their files: reading a million to compare them would take
    as long as the features.

    Parameters
    ----------
    out
        Folder to make, or to go on with; :func:`twoalike.features.read_features` reads it.
    backbone, images, size, batch, device, weights, untrained, seed
        As in :func:`extract_features`.
    skip_unreadable, pool, block, film
        As in :func:`extract_features`.
    shard
        Images a file.
    part
        Which part of the shards to make, such as ``2/8``, where several processes or machines
        share the work: each makes every eighth shard. None: all.

    Returns
    -------
    The content of features.json.

    Raises
    ------
    TwoalikeError
        If ``out`` holds anything else, or the network or an image cannot be read.
    """
    _check_at_least_one("batch", batch)
    _check_at_least_one("shard", shard)
    out, (rank, world) = Path(out), part_of(part)
    ids, paths = find_images(Path(images))
    network = _network(backbone, weights, untrained, size, seed, pool, block)
    plan = (
        _describe_source(network, seed if untrained else None)
        | _of_films(film)
        | {
            "images": len(ids),
            "listing_sha256": _listing_digest(ids, paths),
            "shard": shard,
            "shards": -(-len(ids) // shard),
        }
    )
    claim_parts(out, plan, PLAN)
    if not (out / PLAN).is_file():
        write_json(out / PLAN, plan)
    for number in range(rank, plan["shards"], world):
        path = feature_shard(out, number)
        if path.is_file():
            continue
        rows, source = slice(number * shard, (number + 1) * shard), {**plan, "number": number}
        write_features(
            path,
            _features(
                network, ids[rows], paths[rows], source, batch, device, skip_unreadable, film
            ),
        )
    return plan


def _check_at_least_one(name: str, images: int) -> None:
    if images < 1:
        raise TwoalikeError(where=f"`{name}=...`", expected="at least 1 image", found=images)


def _describe_source(network: Backbone, seed: int | None) -> dict[str, Any]:
    """Describe the network that features come from; ``seed`` is that of random weights."""
    own = {"similarity": network.similarity} if network.similarity else {}
    return (
        provenance("features", seed=seed)
        | own
        | {
            "backbone": network.name,
            "architecture": network.architecture,
            "weights_sha256": network.weights_sha256,
            "preprocessing": network.preprocessing.as_timm(),
        }
        | network.tokens
    )


def _of_films(film: FilmFrames) -> dict[str, Any]:
    """State what stands for films, where that is not the usual frame."""
    return {} if film == "middle" else {"film": film, "film_frames": _FRAMES}


def _network(
    backbone: str | Path | Backbone,
    weights: str | Path | None,
    untrained: bool,
    size: int | None,
    seed: int,
    pool: TokenPool | None,
    block: int | None,
) -> Backbone:
    if isinstance(backbone, Backbone):
        return choose_tokens(backbone.resized(size), pool, block)
    return load_backbone(
        backbone,
        weights=weights,
        untrained=untrained,
        size=size,
        seed=seed,
        pool=pool,
        block=block,
    )


def _features(
    network: Backbone,
    ids: tuple[str, ...],
    paths: tuple[Path, ...],
    source: dict[str, Any],
    batch: int,
    device: str,
    skip_unreadable: bool,
    film: FilmFrames,
) -> FeatureTable:
    """Features of some images, and the ids of those that were left out."""
    unreadable: tuple[str, ...] = ()
    if skip_unreadable:
        ids, paths, unreadable = without_unreadable(ids, paths)
    values = pooled_features(network, paths, batch=batch, device=device, film=film)
    left_out = {"unreadable": list(unreadable)} if unreadable else {}
    return FeatureTable(ids, values, source | left_out, positions_of(network, values))


def _listing_digest(ids: Sequence[str], paths: Sequence[Path]) -> str:
    """One hash of the images' ids and the sizes of their files."""
    digest = hashlib.sha256()
    for name, path in zip(ids, paths, strict=True):
        digest.update(f"{name} {path.stat().st_size};".encode())
    return digest.hexdigest()
