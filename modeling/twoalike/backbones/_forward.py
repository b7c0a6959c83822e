"""A network's features of images, in batches that other processes prepare beside it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, default_collate

from twoalike.backbones._backbone import Backbone
from twoalike.backbones._loading import load_batches
from twoalike.backbones._preprocessing import Preprocessing, none_readable, read_image
from twoalike.collections import Collection
from twoalike.study import TwoalikeError, progress

type FilmFrames = Literal["middle", "mean"]
"""Features of a film: of its middle frame, or the mean of those of eight frames."""
FRAMES = 8
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


@dataclass(frozen=True)
class Rows:
    """Features of some images.

    Attributes
    ----------
    indices
        Places of the images, shape (n,).
    values
        Their features, shape (n, p), float32.
    unreadable
        Places of images that were left out.
    """

    indices: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    unreadable: tuple[int, ...]


@dataclass(frozen=True)
class Forward:
    """How a network is applied to images; the fields are those of :func:`extract_features`."""

    batch: int = 32
    device: str = "auto"
    film: FilmFrames = "middle"
    workers: int = 0
    precision: Precision = "32"
    skip_unreadable: bool = False

    def check(self) -> None:
        """Refuse settings that mean nothing."""
        if self.batch < 1:
            raise TwoalikeError(where="`batch=...`", expected="at least 1 image", found=self.batch)
        if self.workers < 0:
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
        pictures = _Pictures(images, backbone.preprocessing, self.film, self.skip_unreadable)
        prepared = load_batches(pictures, chunks, self.workers, _together)
        computed = self._computed(backbone, prepared)
        with progress() as bar:
            task = bar.add_task("features", total=sum(map(len, groups)), status="")
            for rows, begin in zip(groups, starts, strict=True):
                found = []
                for part in islice(computed, len(begin)):
                    found.append(part)
                    bar.update(task, advance=len(part[0]) + len(part[2]))
                yield _collected(backbone, len(rows), found)

    def _computed(self, backbone: Backbone, prepared: Iterator[Any]) -> Iterator["_Part"]:
        """Compute each batch: indices, features (n, p) and unreadable images."""
        device = choose_device(self.device)
        module = backbone.module.to(device).eval()
        half = self.precision == "bf16"
        for indices, frames, inputs, unreadable in prepared:
            if inputs is None:
                yield indices, None, unreadable
                continue
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
                outputs = module(inputs.to(device, non_blocking=True))
            values = outputs.float().cpu().numpy()
            if len(values) > len(indices):
                parts = np.split(values, np.cumsum(frames)[:-1])
                values = np.stack([part.mean(axis=0) for part in parts])
            yield indices, values, unreadable


type _Part = tuple[list[int], npt.NDArray[np.float32] | None, list[tuple[int, str]]]


class _Pictures(Dataset[Any]):
    """Inputs of the network by the image's number; with it, why an image cannot be read."""

    def __init__(
        self, images: Collection, preprocessing: Preprocessing, film: FilmFrames, skip: bool
    ) -> None:
        self.images, self.preprocessing = images, preprocessing
        self.film, self.skip = film, skip

    def __getitem__(self, index: int) -> tuple[int, list[torch.Tensor], str]:
        try:
            if self.film == "middle":
                pictures = [read_image(self.images, index)]
            else:
                pictures = self.images.frames(index, FRAMES)
        except TwoalikeError as error:
            if not self.skip:
                raise
            return index, [], str(error)
        return index, [self.preprocessing(picture) for picture in pictures], ""


def _together(items: list[tuple[int, list[torch.Tensor], str]]) -> tuple[Any, ...]:
    """Stack inputs: with them indices and numbers of frames; and what could not be read."""
    readable = [(index, inputs) for index, inputs, _ in items if inputs]
    pictures = [one for _, inputs in readable for one in inputs]
    return (
        [index for index, _ in readable],
        [len(inputs) for _, inputs in readable],
        default_collate(pictures) if pictures else None,
        [(index, reason) for index, inputs, reason in items if not inputs],
    )


def _collected(backbone: Backbone, n: int, parts: list[_Part]) -> Rows:
    """Features of a group of n images, from those of its batches."""
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


def pooled_features(
    backbone: Backbone,
    images: Collection,
    *,
    device: str = "auto",
    workers: int = 0,
) -> npt.NDArray[np.float32]:
    """Features of n images, shape (n, p); of films those of the middle frame.

    Raises
    ------
    TwoalikeError
        If an image cannot be read, or a feature is not finite.
    """
    how = Forward(device=device, workers=workers)
    how.check()
    (rows,) = how.groups(backbone, images, [range(len(images))])
    return rows.values
