"""From an image file to a network's input: the part of a network that its weights depend on.

The settings are timm's own (``pretrained_cfg``) and the transform is timm's, so whoever loads
a student with plain timm prepares images exactly as it was trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, cast

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import Dataset

from twoalike.backbones._loading import load_batches
from twoalike.collections import Collection
from twoalike.study import TwoalikeError, counted, progress

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

CropMode = Literal["squash", "border", "center"]
READ_AT_ONCE = 32
"""Images that a process reads before it tells which of them cannot be read."""
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a network's input.

    Attributes
    ----------
    size
        Width and height of the input in pixels.
    interpolation
        Resampling of the resize (antialiased): nearest, bilinear, bicubic or lanczos.
    mean, std
        Of the three channels, for values in [0, 1].
    crop_mode
        ``squash`` resizes the whole image to the input, ``border`` pads it to a square first,
        ``center`` cuts its sides off. Whole images are the default for every network, where
        timm's is the centre: people judged all of a stimulus, so the network sees all of it.
    crop_pct
        Share of the resized image that the crop keeps.
    antialias
        Whether a resize averages over the pixels that fall together. Without it each output pixel
        is a cubic of the 4 x 4 nearest ones, as by OpenCV's ``INTER_CUBIC``; whole images only
        (``bicubic``, ``squash``). timm always averages, so it prepares images a little differently.
    """

    size: int = 224
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    crop_mode: CropMode = "squash"
    crop_pct: float = 1.0
    antialias: bool = True

    def __post_init__(self) -> None:
        if not self.antialias and (self.interpolation, self.crop_mode) != ("bicubic", "squash"):
            raise TwoalikeError(
                where="preprocessing without antialiasing",
                expected="interpolation 'bicubic' and crop_mode 'squash'",
                found=f"{self.interpolation!r} and {self.crop_mode!r}",
            )

    @classmethod
    def from_timm(cls, config: Mapping[str, Any], *, whole: bool = True) -> "Preprocessing":
        """Take the settings from a ``pretrained_cfg``; the whole image unless ``whole`` is off."""
        channels, height, width = config.get("input_size") or (3, 224, 224)
        if channels != 3 or height != width:
            raise TwoalikeError(
                f"expected a network for square RGB images, found input {channels} x {height} x "
                f"{width}. Choose another network."
            )
        interpolation = str(config.get("interpolation") or "bicubic")
        if interpolation not in INTERPOLATIONS:
            raise TwoalikeError(
                f"unknown interpolation {interpolation!r}; known: {', '.join(INTERPOLATIONS)}."
            )
        return cls(
            size=int(height),
            interpolation=interpolation,
            mean=_three(config.get("mean") or IMAGENET_MEAN),
            std=_three(config.get("std") or IMAGENET_STD),
            crop_mode="squash" if whole else config.get("crop_mode") or "center",
            crop_pct=1.0 if whole else float(config.get("crop_pct") or 1.0),
            antialias=bool(config.get("antialias", True)),
        )

    def as_timm(self) -> dict[str, Any]:
        """Give the settings as keys of a ``pretrained_cfg``, JSON-ready.

        Examples
        --------
        >>> Preprocessing(size=128).as_timm()["input_size"]
        [3, 128, 128]
        """
        return {
            "input_size": [3, self.size, self.size],
            "interpolation": self.interpolation,
            "mean": list(self.mean),
            "std": list(self.std),
            "crop_mode": self.crop_mode,
            "crop_pct": self.crop_pct,
            **({} if self.antialias else {"antialias": False}),
        }

    @cached_property
    def _transform(self) -> Any:
        from timm.data.transforms_factory import create_transform

        if not self.antialias:
            return self._sampled
        return create_transform(**self.as_timm(), is_training=False, normalize=False)

    def _sampled(self, image: Image.Image) -> torch.Tensor:
        """Prepare an image by the cubic of OpenCV (a = -0.75), rounded to 256 levels."""
        pixels = torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None]
        resized = functional.interpolate(pixels, (self.size, self.size), mode="bicubic")[0]
        return resized.round_().clamp_(0, 255).to(torch.uint8)

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """Resized and cropped image, shape (size, size, 3), uint8, from an RGB image."""
        return cast("torch.Tensor", self._transform(image)).permute(1, 2, 0)

    def normalized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Make inputs (n, 3, size, size), float32, of the :meth:`pixels` of n images, stacked."""
        mean, std = (_row(one, self.size, pixels.device) for one in (self.mean, self.std))
        rows = pixels.reshape(*pixels.shape[:2], -1).float().div_(255).sub_(mean).div_(std)
        return rows.view(pixels.shape).permute(0, 3, 1, 2)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Input of the network, shape (3, size, size), float32, from an RGB image."""
        return self.normalized(self.pixels(image)[None])[0].contiguous()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an input: channels, height, width."""
        return 3, self.size, self.size

    def read(self, images: Collection, index: int) -> torch.Tensor:
        """Input of the network, shape (3, size, size), float32, from an image of a collection."""
        return self(read_image(images, index))


@cache
def _row(values: tuple[float, float, float], size: int, device: torch.device) -> torch.Tensor:
    """Numbers of the three channels for a row of pixels: arithmetic on long rows is fast."""
    return torch.tensor(values).repeat(size).to(device)


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def read_image(images: Collection, index: int) -> Image.Image:
    """Read an image as people see it, and say in an error how to go on without such images."""
    try:
        return images.picture(index)
    except TwoalikeError as error:
        remedy = "Or leave such files out with `skip_unreadable=True`."
        raise TwoalikeError(f"{error} {remedy}") from error


class _Faults(Dataset[tuple[int, str]]):
    """Why an image cannot be read, by its index; empty if it can."""

    def __init__(self, images: Collection) -> None:
        self.images = images

    def __getitem__(self, index: int) -> tuple[int, str]:
        try:
            read_image(self.images, index)
        except TwoalikeError as error:
            return index, str(error)
        return index, ""


def without_unreadable(
    images: Collection, workers: int = 0, rank: int = 0, world: int = 1
) -> tuple[Collection, tuple[str, ...]]:
    """Keep the images that can be read; beside them the ids of the others.

    Every image is read once, to its last pixel: many files that are damaged begin well. ``workers``
    processes read them beside this one, or none. Where several processes work together by
    ``torch.distributed``, each reads its share, and all of them get the same result.
    """
    own = np.array_split(np.arange(len(images)), world)[rank].tolist()
    chunks = [own[start : start + READ_AT_ONCE] for start in range(0, len(own), READ_AT_ONCE)]
    faults: dict[int, str] = {}
    with progress() as bar:
        task = bar.add_task("reading images", total=len(own), status="")
        for chunk in load_batches(_Faults(images), chunks, workers, list):
            faults |= {index: reason for index, reason in chunk if reason}
            bar.update(task, advance=len(chunk))
    shares = [faults] * world
    if world > 1:
        torch.distributed.all_gather_object(shares, faults)
    faults = {index: reason for share in shares for index, reason in share.items()}
    if len(faults) == len(images):
        raise none_readable(len(images), next(reversed(faults.values())))
    if not faults:
        return images, ()
    readable = np.setdiff1d(np.arange(len(images)), list(faults))
    return images.only(readable), tuple(images.ids[index] for index in faults)


def none_readable(n: int, reason: str) -> TwoalikeError:
    """Error of n images of which none is left; ``reason`` is that of the last."""
    return TwoalikeError(f"none of {counted(n, 'image')} can be read; the last one: {reason}")
