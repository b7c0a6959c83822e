"""A network's pooled features of images, in batches that other processes prepare beside it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import default_collate

from twoalike.backbones._backbone import Backbone, TokenPool, choose_tokens
from twoalike.backbones._load import load_backbone
from twoalike.backbones._preprocessing import (
    Preprocessing,
    load_batches,
    none_readable,
    read_image,
    usual_workers,
)
from twoalike.collections import Collection, Images, as_collection
from twoalike.features import PLAN, FeatureTable, feature_shard, write_features
from twoalike.study import (
    TwoalikeError,
    check_ending,
    check_output,
    claim_parts,
    part_of,
    progress,
    provenance,
    write_json,
)

type Precision = Literal["32", "bf16"]
"""Arithmetic of a network: float32, or bfloat16 where torch's autocast takes it."""


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is a GPU if there is one.

    Of several processes started by torchrun, each takes a GPU of its own.
    """
    if name in {"auto", "cuda"} and torch.cuda.is_available():
        own = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        return torch.device("cuda", own)
    if name == "auto":
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TwoalikeError(
            f"device {name!r} cannot be used ({reason})", remedy="Try `device=cpu`."
        ) from error
    return device


class Rows(NamedTuple):
    """Features of some images."""

    indices: npt.NDArray[np.int64]  # places of the images, (n,)
    values: npt.NDArray[np.float32]  # (n, p)
    unreadable: tuple[int, ...]  # places of images that were left out


@dataclass(frozen=True)
class Forward:
    """How a network is applied to images; the fields are those of :func:`extract_features`."""

    batch: int = 32
    device: str = "auto"
    workers: int | None = None
    precision: Precision = "32"
    skip_unreadable: bool = False

    def check(self) -> None:
        if self.batch < 1:
            raise TwoalikeError(where="`batch=...`", expected="at least 1 image", found=self.batch)
        if self.workers is not None and self.workers < 0:
            raise TwoalikeError(
                where="`workers=...`", expected="a number of processes", found=self.workers
            )
        if self.precision not in ("32", "bf16"):
            raise TwoalikeError(
                where="`precision=...`", expected="32 or bf16", found=repr(self.precision)
            )

    def groups(
        self, backbone: Backbone, images: Collection, groups: Sequence[range]
    ) -> Iterator[Rows]:
        """Features of each group of images, as soon as it is complete.

        Groups share the processes that prepare images, so these go on while one is written.
        """
        starts = [range(0, len(rows), self.batch) for rows in groups]
        chunks = (
            list(rows[start : start + self.batch])
            for rows, begin in zip(groups, starts, strict=True)
            for start in begin
        )
        read = partial(_pixels, images, backbone.preprocessing, self.skip_unreadable)
        device, workers = choose_device(self.device), self.workers
        if workers is None:
            workers = usual_workers(device, sum(map(len, groups)))
        prepared = load_batches(read, chunks, workers, _together)
        module = backbone.module.to(device).eval()
        computed = self._computed(backbone, device, prepared)
        with _fast(module, device), progress() as bar:
            task = bar.add_task("features", total=sum(map(len, groups)), status="")
            for rows, begin in zip(groups, starts, strict=True):
                found = []
                for part in islice(computed, len(begin)):
                    found.append(part)
                    bar.update(task, advance=len(part[0]) + len(part[2]))
                yield _collected(backbone, len(rows), found)

    def _computed(
        self, backbone: Backbone, device: torch.device, prepared: Iterator[Any]
    ) -> Iterator["_Part"]:
        """Compute each batch while the next is prepared: indices, features (n, p), unreadable."""
        half, before = self.precision == "bf16", None
        for indices, pixels, unreadable in prepared:
            outputs = None
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
                if pixels is not None:
                    there = pixels.to(device, non_blocking=True)
                    outputs = backbone.module(backbone.preprocessing.normalized(there)).float()
            if before is not None:
                yield _on_host(before)
            before = indices, outputs, unreadable
        if before is not None:
            yield _on_host(before)


@contextmanager
def _fast(module: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Make convolutions up to 1.6 times as fast by their layout, and products in GPUs by TF32."""
    kernels = [one for one in module.parameters() if one.dim() == 4 and one.is_contiguous()]
    before = torch.get_float32_matmul_precision()
    for one in kernels:
        one.data = one.data.contiguous(memory_format=torch.channels_last)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        for one in kernels:
            one.data = one.data.contiguous()


def _on_host(batch: tuple[Any, ...]) -> "_Part":
    """Features of a batch as an array."""
    indices, outputs, unreadable = batch
    return indices, None if outputs is None else outputs.cpu().numpy(), unreadable


type _Part = tuple[list[int], npt.NDArray[np.float32] | None, list[tuple[int, str]]]


def _pixels(
    images: Collection, preprocessing: Preprocessing, skip: bool, index: int
) -> tuple[int, torch.Tensor | None, str]:
    """Pixels of an image for the network, or why it cannot be read."""
    try:
        picture = read_image(images, index)
    except TwoalikeError as error:
        if not skip:
            raise
        return index, None, str(error)
    return index, preprocessing.pixels(picture), ""


def _together(items: list[tuple[int, torch.Tensor | None, str]]) -> tuple[Any, ...]:
    """Stack pixels, with their indices; and what could not be read."""
    readable = [(index, pixels) for index, pixels, _ in items if pixels is not None]
    return (
        [index for index, _ in readable],
        default_collate([pixels for _, pixels in readable]) if readable else None,
        [(index, reason) for index, pixels, reason in items if pixels is None],
    )


def _collected(backbone: Backbone, n: int, parts: list[_Part]) -> Rows:
    indices = [index for some, _, _ in parts for index in some]
    unreadable = [pair for _, _, some in parts for pair in some]
    if not indices:
        raise none_readable(n, unreadable[-1][1])
    values = np.concatenate([some for _, some, _ in parts if some is not None])
    if not np.isfinite(values).all():
        raise TwoalikeError(
            "features are not finite; the weights are damaged or do not fit", where=backbone.name
        )
    left_out = tuple(index for index, _ in unreadable)
    return Rows(np.array(indices, np.int64), values, left_out)


def extract_features(
    backbone: str | Path | Backbone,
    images: Images,
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
    workers: int | None = None,
    precision: Precision = "32",
) -> FeatureTable:
    """Pooled features of all images in a folder.

    Parameters
    ----------
    backbone
        A :class:`Backbone`, or what :func:`load_backbone` takes: ``efficientnet_lite0``, a
        name of timm's, a student's folder.
    images
        What :func:`twoalike.collections.as_collection` takes: a folder, archives or tables, files,
        PIL images, a dataset.
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
    workers
        Processes that read and prepare images beside the network; 0: none but this one; None: up
        to eight beside a GPU with many images, else none. A script that asks for some needs
        ``if __name__ == "__main__":``, as always where Python starts processes.
    precision
        ``32`` is float32, in GPUs with products of TF32; ``bf16`` computes in bfloat16 where
        torch's autocast does. Features are float32 anyway.

    Returns
    -------
    Features, with ``backbone``, ``weights_sha256``, ``preprocessing`` and ``listing_sha256`` in
    its ``meta``; of a student, whose features are its vectors, ``parts`` and ``similarity``;
    ``pool``, ``block`` and ``precision``, if they were chosen; and ``unreadable``,
    the ids of images that were left out, if there were any. ``listing_sha256`` is of the others.
    """
    how = Forward(batch, device, workers, precision, skip_unreadable)
    how.check()
    if out is not None:
        check_ending(Path(out), [".npz"], "a table of features")
        check_output(Path(out))
        _, world = _share(None)
        if world > 1:
            raise TwoalikeError(
                where="features of one file",
                expected="one process",
                found=f"{world}, started by torchrun",
                remedy="Give `shard=...`, so that they share the work.",
            )
    seen = as_collection(images)
    source = {"weights": weights, "untrained": untrained, "seed": seed}
    network = _network(backbone, size, pool, block, **source)
    (rows,) = how.groups(network, seen, [range(len(seen))])
    source = _describe_source(network, seed if untrained else None) | _describe_forward(how)
    all_read = len(rows.indices) == len(seen)
    source["listing_sha256"] = (seen if all_read else seen.only(rows.indices)).digest
    table = _table(network, seen, rows, source)
    if out is not None:
        write_features(Path(out), table)
    return table


def extract_shards(
    out: str | Path,
    backbone: str | Path | Backbone,
    images: Images,
    *,
    shard: int,
    part: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Pooled features of a large folder of images, a file for every ``shard`` of them.

    Each is written when it is complete, and shards that are there stay, so that the same call goes
    on where it was stopped; :func:`twoalike.features.read_features` reads the folder. Images are
    known by their ids and the sizes of their files. Returns the content of features.json.

    Parameters
    ----------
    backbone, images, options
        As in :func:`extract_features`: ``size``, ``batch``, ``device`` and so on.
    part
        Which part of the shards to make, such as ``2/8``, where several processes or machines
        share the work: each makes every eighth shard. None: all. Processes that torchrun starts
        share that part among themselves.
    """
    names = [one.name for one in fields(Forward) if one.name in options]
    how = Forward(**{name: options.pop(name) for name in names})
    how.check()
    if shard < 1:
        raise TwoalikeError(where="`shard=...`", expected="at least 1 image", found=shard)
    out, (own, of) = Path(out), _share(part)
    seen = as_collection(images)
    network = _network(backbone, **options)
    seed = options.get("seed", 0) if options.get("untrained") else None
    plan = (
        _describe_source(network, seed)
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


def _share(part: str | None) -> tuple[int, int]:
    """Which worker this is, from 0, and of how many, those of torchrun included."""
    number, parts = part_of(part)
    rank, world = (int(os.environ.get(name, n)) for name, n in (("RANK", 0), ("WORLD_SIZE", 1)))
    return number * world + rank, parts * world


def _describe_source(network: Backbone, seed: int | None) -> dict[str, Any]:
    own: dict[str, Any] = {"judged": network.judged} if network.judged else {}
    if network.parts:
        own |= {"similarity": network.similarity, "parts": dict(network.parts)}
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
    """State the arithmetic where it is not the usual one."""
    return {} if how.precision == "32" else {"precision": how.precision}


def _network(
    backbone: str | Path | Backbone,
    size: int | None = None,
    pool: TokenPool | None = None,
    block: int | None = None,
    **source: Any,
) -> Backbone:
    if isinstance(backbone, Backbone):
        return choose_tokens(backbone.resized(size), pool, block)
    return load_backbone(backbone, size=size, pool=pool, block=block, **source)


def _table(
    network: Backbone, images: Collection, rows: Rows, source: dict[str, Any]
) -> FeatureTable:
    ids = tuple(images.ids[index] for index in rows.indices.tolist())
    names = [images.ids[index] for index in rows.unreadable]
    left_out = {"unreadable": names} if names else {}
    return FeatureTable(ids, rows.values, source | left_out)
