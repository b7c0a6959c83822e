"""``twoalike features``."""

from pathlib import Path


def features(
    *,
    backbone: str,
    images: Path,
    out: Path,
    size: int | None = None,
    weights: Path | None = None,
    untrained: bool = False,
    batch: int = 32,
    device: str = "auto",
    seed: int = 0,
    skip_unreadable: bool = False,
) -> None:
    """Compute a network's pooled features of the images in a folder.

    Examples
    --------
        twoalike features --backbone efficientnet_lite0 --images study/stimuli --out base.npz
        twoalike features --backbone study/derived/student --images new-photos --out aligned.npz
        twoalike features --backbone resnet18 --weights resnet18.safetensors --images photos --out r18.npz

    Parameters
    ----------
    backbone
        efficientnet_lite0 (its weights are installed), any name of timm's, or a student's folder.
    images
        Folder of images; with a stimuli.tsv in it, its ids and order.
    out
        Table of features to write (.npz).
    size
        Width and height of the network's input in pixels, if not its own.
    weights
        Local weights (.safetensors, .pth, or a folder with one) for a name of timm's, instead of a
        download.
    untrained
        Take random weights, drawn from --seed.
    batch
        Images at once.
    device
        auto, cpu, cuda, cuda:1, ...
    seed
        Seed of random weights.
    skip_unreadable
        Leave out images that cannot be read, instead of ending there.
    """  # noqa: E501
    from twoalike.backbones import rest_idle_threads

    rest_idle_threads()
    from twoalike.backbones import extract_features
    from twoalike.cli._left_out import left_out
    from twoalike.features import write_features
    from twoalike.study import TwoalikeError, counted

    if out.suffix != ".npz":
        raise TwoalikeError(f"{out}: features are written as .npz; choose that ending.")
    if batch < 1:
        raise TwoalikeError(f"--batch: expected at least 1 image, found {batch}.")
    table = extract_features(
        backbone,
        images,
        batch_size=batch,
        size=size,
        device=device,
        weights=weights,
        untrained=untrained,
        seed=seed,
        skip_unreadable=skip_unreadable,
    )
    write_features(out, table)
    n, p = table.values.shape
    what = f"{counted(p, 'feature')} of {counted(n, 'image')}"
    print(f"{out}  {what} by {table.meta['backbone']}")  # noqa: T201
    if unreadable := table.meta.get("unreadable"):
        print(left_out(unreadable))  # noqa: T201
