"""``twoalike features``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

NAMED = 5
"""So many unreadable images are named; the file that was written names all."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """How the network is applied to the images."""

    size: int | None = None
    """Width and height of the network's input in pixels, if not its own."""
    weights: Path | None = None
    """Local weights (.safetensors, .pth, or a folder with one) for a network's name, instead of a
    download."""
    untrained: bool = False
    """Use random weights, drawn from --seed."""
    batch: int = 32
    """Number of images in a batch."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    seed: int = 0
    """Seed of random weights."""
    skip_unreadable: bool = False
    """Leave out images that cannot be read, instead of stopping."""
    pool: Literal["cls", "mean"] | None = None
    """Features of one of timm's vision transformers: its class token or the mean of its patch
    tokens, instead of timm's own pooling."""
    block: int | None = None
    """Block of a vision transformer whose tokens are pooled, instead of the last: its number from
    0, or from the end if negative. Later blocks are left out."""
    film: Literal["middle", "mean"] = "middle"
    """Features of a film: those of its middle frame, or the mean of those of eight frames."""
    workers: int | None = None
    """Number of processes that read and prepare images beside the network. Default: up to eight
    beside a GPU with a thousand images or more, else none."""
    precision: Literal["32", "bf16"] = "32"
    """bf16: compute in bfloat16 where that is accurate enough; features are written as float32."""


def features(
    *,
    backbone: str,
    images: Path,
    out: Path,
    options: Options = Options(),
    shard: int | None = None,
    part: str | None = None,
) -> None:
    """Compute a network's features of images.

    Examples
    --------
        twoalike features --backbone efficientnet_lite0 --images study/stimuli --out base.npz
        twoalike features --backbone study/derived/student --images new-photos --out aligned.npz
        twoalike features --backbone vit_base_patch16_224 --images imagenet --out imagenet-features --shard 20000 --part 1/4
        twoalike features --backbone vit_small_patch14_dinov2 --images photos --out block-8.npz --pool mean --block 8
        twoalike features --backbone resnet18 --weights resnet18.safetensors --images photos --out r18.npz

    Parameters
    ----------
    backbone
        efficientnet_lite0 (its weights are installed), any name of timm's, transformers:REPOSITORY,
        open_clip:MODEL/TAG, or a student's folder.
    images
        Folder of images, with ids and order of its stimuli.tsv if it has one. Or tar shards in
        WebDataset's layout, Parquet files with images, or a split saved by Hugging Face's datasets.
    out
        Table of features to write (.npz); with --shard, a folder, for all --features options.
    shard
        Number of images per file, for large collections: an interrupted run can be continued, and
        several machines can share the work.
    part
        Make only a part of the shards: 2/8 is the second of eight. Processes started by torchrun
        divide the shards by themselves.
    """  # noqa: E501
    from twoalike.backbones import extract_features, extract_shards
    from twoalike.features import feature_shard
    from twoalike.study import TwoalikeError, check_seed, counted

    check_seed(options.seed)
    if shard is not None:
        plan = extract_shards(out, backbone, images, shard=shard, part=part, **vars(options))
        done = sum(feature_shard(out, number).is_file() for number in range(plan["shards"]))
        print(f"{out}  {done} of {counted(plan['shards'], 'shard')} by {plan['backbone']}")  # noqa: T201
        return
    if part is not None:
        raise TwoalikeError("--part: parts are of shards; say with --shard how many images each.")
    table = extract_features(backbone, images, out=out, **vars(options))
    n, p = table.values.shape
    what = f"{counted(p, 'feature')} of {counted(n, 'image')}"
    print(f"{out}  {what} by {table.meta['backbone']}")  # noqa: T201
    if unreadable := table.meta.get("unreadable"):
        print(left_out(unreadable))  # noqa: T201


def left_out(unreadable: Sequence[str]) -> str:
    """Say how many images were left out, and which.

    Examples
    --------
    >>> left_out(["cat", "dog"])
    '2 images cannot be read and were left out: cat, dog'
    """
    from twoalike.study import counted

    more = ", ..." if len(unreadable) > NAMED else ""
    many = "were" if len(unreadable) > 1 else "was"
    return (
        f"{counted(len(unreadable), 'image')} cannot be read and {many} left out: "
        f"{', '.join(unreadable[:NAMED])}{more}"
    )
