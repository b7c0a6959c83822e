"""Pooled features of images."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._load import load_backbone
from twoalike.backbones._preprocessing import read_image, without_unreadable
from twoalike.backbones._tokens import TokenPool, choose_tokens
from twoalike.collections import Collection, as_collection
from twoalike.features import (
    PLAN,
    FeatureTable,
    check_features_path,
    feature_shard,
    write_features,
)
from twoalike.study import (
    TwoalikeError,
    check_output,
    claim_parts,
    part_of,
    progress,
    provenance,
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


type FilmFrames = Literal["middle", "mean"]
"""Features of a film: of its middle frame, or the mean of those of eight frames."""
_FRAMES = 8


def _pictures(images: Collection, index: int, film: FilmFrames) -> list[Image.Image]:
    return [read_image(images, index)] if film == "middle" else images.frames(index, _FRAMES)


def positions_of(backbone: Backbone, features: npt.NDArray[np.float32]) -> Any:
    """Positions in the human space by a student's features (n, p), (n, q); None without a map."""
    if backbone.head is None:
        return None
    with torch.inference_mode():
        return backbone.head.cpu()(torch.from_numpy(features)).numpy()


def pooled_features(
    backbone: Backbone,
    images: Collection,
    *,
    batch: int = 32,
    device: str = "auto",
    film: FilmFrames = "middle",
) -> npt.NDArray[np.float32]:
    """Features of n images, shape (n, p); of films as ``film`` says.

    Raises
    ------
    TwoalikeError
        If an image cannot be read, or a feature is not finite.
    """
    where = choose_device(device)
    module = backbone.module.to(where).eval()
    rows: list[npt.NDArray[np.float32]] = []
    with progress() as bar, torch.inference_mode():
        task = bar.add_task("features", total=len(images), status="")
        for start in range(0, len(images), batch):
            chunk = range(start, min(start + batch, len(images)))
            pictures = [_pictures(images, index, film) for index in chunk]
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
    images: str | Path | Collection,
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
        A collection, or what :func:`twoalike.collections.open_collection` opens.
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
    Features, with ``backbone``, ``weights_sha256``, ``preprocessing`` and ``listing_sha256`` in
    its ``meta``; ``pool`` and ``block``, if they were chosen; and ``unreadable``, the ids of images
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
    seen = as_collection(images)
    network = _network(backbone, weights, untrained, size, seed, pool, block)
    unreadable: tuple[str, ...] = ()
    if skip_unreadable:
        seen, unreadable = without_unreadable(seen)
    source = _describe_source(network, seed if untrained else None) | _of_films(film)
    source["listing_sha256"] = seen.digest
    table = _features(network, seen, unreadable, source, batch, device, film)
    if out is not None:
        write_features(Path(out), table)
    return table


def extract_shards(
    out: str | Path,
    backbone: str | Path | Backbone,
    images: str | Path | Collection,
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
    seen = as_collection(images)
    network = _network(backbone, weights, untrained, size, seed, pool, block)
    plan = (
        _describe_source(network, seed if untrained else None)
        | _of_films(film)
        | {
            "images": len(seen),
            "listing_sha256": seen.digest,
            "shard": shard,
            "shards": -(-len(seen) // shard),
        }
    )
    claim_parts(out, plan, PLAN)
    if not (out / PLAN).is_file():
        write_json(out / PLAN, plan)
    for number in range(rank, plan["shards"], world):
        path = feature_shard(out, number)
        if path.is_file():
            continue
        rows = range(number * shard, min((number + 1) * shard, len(seen)))
        unreadable: tuple[str, ...] = ()
        part_seen = seen.only(rows)
        if skip_unreadable:
            part_seen, unreadable = without_unreadable(part_seen)
        source = {**plan, "number": number}
        write_features(path, _features(network, part_seen, unreadable, source, batch, device, film))
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
    images: Collection,
    unreadable: tuple[str, ...],
    source: dict[str, Any],
    batch: int,
    device: str,
    film: FilmFrames,
) -> FeatureTable:
    """Features of some images; the ids of those that were left out are noted."""
    values = pooled_features(network, images, batch=batch, device=device, film=film)
    left_out = {"unreadable": list(unreadable)} if unreadable else {}
    return FeatureTable(tuple(images.ids), values, source | left_out, positions_of(network, values))
