"""Pooled features of images."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._forward import FRAMES, FilmFrames, Forward, Precision, Rows
from twoalike.backbones._load import load_backbone
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
    provenance,
    write_json,
)


def positions_of(backbone: Backbone, features: npt.NDArray[np.float32]) -> Any:
    """Positions in the human space by a student's features (n, p), (n, q); None without a map."""
    if backbone.head is None:
        return None
    with torch.inference_mode():
        return backbone.head.cpu()(torch.from_numpy(features)).numpy()


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
    workers: int = 0,
    precision: Precision = "32",
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
    workers
        Processes that read and prepare images beside the network; 0: none but this one. A script
        that asks for some needs ``if __name__ == "__main__":``, as always where Python starts
        processes.
    precision
        ``bf16`` computes in bfloat16 where torch's autocast does; features are float32 anyway.

    Returns
    -------
    Features, with ``backbone``, ``weights_sha256``, ``preprocessing`` and ``listing_sha256`` in
    its ``meta``; ``pool``, ``block`` and ``precision``, if they were chosen; and ``unreadable``,
    the ids of images that were left out, if there were any. ``listing_sha256`` is of the others.

    Raises
    ------
    TwoalikeError
        If the network or an image cannot be read, or ``out`` cannot be written.
    """
    how = Forward(batch, device, film, workers, precision, skip_unreadable)
    how.check()
    if out is not None:
        check_features_path(Path(out))
        check_output(Path(out))
        _check_alone()
    seen = as_collection(images)
    network = _network(backbone, weights, untrained, size, seed, pool, block)
    (rows,) = how.groups(network, seen, [range(len(seen))])
    source = _describe_source(network, seed if untrained else None) | _describe_forward(how)
    source["listing_sha256"] = _kept(seen, rows).digest
    table = _table(network, seen, rows, source)
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
    workers: int = 0,
    precision: Precision = "32",
) -> dict[str, Any]:
    """Pooled features of a large folder of images, a file for every ``shard`` of them.

    Each is written when it is complete, and shards that are there stay, so that the same call goes
    on where it was stopped. Images are known by their ids and the sizes of their files: reading a
    million to compare them would take as long as the features.

    Parameters
    ----------
    out
        Folder to make, or to go on with; :func:`twoalike.features.read_features` reads it.
    backbone, images, size, batch, device, weights, untrained, seed
        As in :func:`extract_features`.
    skip_unreadable, pool, block, film, workers, precision
        As in :func:`extract_features`.
    shard
        Images a file.
    part
        Which part of the shards to make, such as ``2/8``, where several processes or machines
        share the work: each makes every eighth shard. None: all. Processes that torchrun starts
        share that part among themselves.

    Returns
    -------
    The content of features.json.

    Raises
    ------
    TwoalikeError
        If ``out`` holds anything else, or the network or an image cannot be read.
    """
    how = Forward(batch, device, film, workers, precision, skip_unreadable)
    how.check()
    if shard < 1:
        raise TwoalikeError(where="`shard=...`", expected="at least 1 image", found=shard)
    out, (own, of) = Path(out), _share(part)
    seen = as_collection(images)
    network = _network(backbone, weights, untrained, size, seed, pool, block)
    plan = (
        _describe_source(network, seed if untrained else None)
        | _describe_forward(how)
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
    missing = [n for n in range(own, plan["shards"], of) if not feature_shard(out, n).is_file()]
    places = [range(n * shard, min((n + 1) * shard, len(seen))) for n in missing]
    for number, rows in zip(missing, how.groups(network, seen, places), strict=True):
        table = _table(network, seen, rows, {**plan, "number": number})
        write_features(feature_shard(out, number), table)
    return plan


def _processes() -> tuple[int, int]:
    """Which of the processes that torchrun has started this is, from 0, and of how many."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _share(part: str | None) -> tuple[int, int]:
    """Which worker this is, from 0, and of how many."""
    (number, parts), (rank, world) = part_of(part), _processes()
    return number * world + rank, parts * world


def _check_alone() -> None:
    """Refuse several processes that would write one file."""
    _, world = _processes()
    if world > 1:
        raise TwoalikeError(
            where="features of one file",
            expected="one process",
            found=f"{world}, started by torchrun",
            remedy="Give `shard=...`, so that they share the work.",
        )


def _describe_source(network: Backbone, seed: int | None) -> dict[str, Any]:
    """Describe the network that features come from; ``seed`` is that of random weights."""
    own = {"similarity": network.similarity} if network.similarity else {}
    own |= {"judged": network.judged} if network.judged else {}
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


def _describe_forward(how: Forward) -> dict[str, Any]:
    """State what is not as usual: what stands for films, and the arithmetic."""
    films = {} if how.film == "middle" else {"film": how.film, "film_frames": FRAMES}
    return films if how.precision == "32" else films | {"precision": how.precision}


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


def _kept(images: Collection, rows: Rows) -> Collection:
    """Images that could be read; the whole collection if all could."""
    return images if len(rows.indices) == len(images) else images.only(rows.indices)


def _table(
    network: Backbone, images: Collection, rows: Rows, source: dict[str, Any]
) -> FeatureTable:
    """Table of some images; the ids of those that were left out are noted."""
    ids = tuple(images.ids[index] for index in rows.indices.tolist())
    names = [images.ids[index] for index in rows.unreadable]
    left_out = {"unreadable": names} if names else {}
    positions = positions_of(network, rows.values)
    return FeatureTable(ids, rows.values, source | left_out, positions)
