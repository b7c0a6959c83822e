"""Images as the network's inputs, prepared once where memory allows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from twoalike.backbones import Preprocessing, open_image
from twoalike.distill._stream import FLIP, BatchStream

CACHE_BYTES = 2 * 1024**3
"""Memory for prepared images; a set that does not fit is read anew each time."""


class ImageSet(Dataset[tuple[int, torch.Tensor]]):
    """Prepared images by (batch number, image index): the number makes mirroring repeatable."""

    def __init__(
        self, paths: Sequence[Path], preprocessing: Preprocessing, *, flip: bool, seed: int
    ) -> None:
        self.paths, self.preprocessing = paths, preprocessing
        self.flip, self.seed = flip, seed
        fits = len(paths) * 3 * preprocessing.size**2 * 4 <= CACHE_BYTES
        self.cache: dict[int, torch.Tensor] | None = {} if fits else None

    def __len__(self) -> int:
        return len(self.paths)

    def prepared(self, index: int) -> torch.Tensor:
        """One image as the network sees it, shape (3, size, size)."""
        if self.cache is None:
            return self.preprocessing(open_image(self.paths[index]))
        if index not in self.cache:
            self.cache[index] = self.preprocessing(open_image(self.paths[index]))
        return self.cache[index]

    def __getitem__(self, key: tuple[int, int]) -> tuple[int, torch.Tensor]:
        number, index = key
        image = self.prepared(index)
        if self.flip and np.random.default_rng([self.seed, FLIP, number, index]).random() < 0.5:
            image = image.flip(2)
        return index, image

    def stacked(self, indices: Sequence[int]) -> torch.Tensor:
        """Several images without mirroring, shape (len(indices), 3, size, size)."""
        return torch.stack([self.prepared(index) for index in indices])


def batches(
    images: ImageSet, stream: BatchStream, start: int, stop: int, workers: int
) -> Iterator[Any]:
    """Batches ``start`` to ``stop`` of a stream: (indices, images)."""
    loader = DataLoader(
        images,
        batch_sampler=_Keys(stream, start, stop),
        num_workers=workers,
        # A generator of its own: a loader draws from torch's global one otherwise.
        generator=torch.Generator(),
    )
    return iter(loader)


class _Keys:
    """Batches of keys, made when they are due."""

    def __init__(self, stream: BatchStream, start: int, stop: int) -> None:
        self.stream, self.start, self.stop = stream, start, stop

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.stream.keys(self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start
