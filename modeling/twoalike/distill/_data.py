"""Images as the network's inputs, prepared once where memory allows."""

import math
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from twoalike.distill._sources import Source
from twoalike.distill._stream import FLIP

CACHE_BYTES = 2 * 1024**3
"""Memory for prepared images; a set that does not fit is read anew each time."""
LAST_STEP_S = 60
"""How long a worker goes on after SIGTERM."""


class Inputs(Protocol):
    """How an image file becomes what the network is given."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an input."""
        ...

    def read(self, path: Path) -> torch.Tensor:
        """Input of that shape, float32."""
        ...


class ImageSet(Dataset[tuple[int, torch.Tensor]]):
    """Prepared images by (batch number, image index): the number makes mirroring repeatable."""

    def __init__(
        self, paths: Sequence[Path], inputs: Inputs, *, seed: int, flip: bool = False
    ) -> None:
        self.paths, self.inputs = paths, inputs
        self.flip, self.seed = flip, seed
        fits = len(paths) * math.prod(inputs.shape) * 4 <= CACHE_BYTES
        self.cache: dict[int, torch.Tensor] | None = {} if fits else None

    def __len__(self) -> int:
        return len(self.paths)

    def prepared(self, index: int) -> torch.Tensor:
        """One image as the network sees it, shape (3, size, size); a probe sees its features."""
        if self.cache is None:
            return self.inputs.read(self.paths[index])
        if index not in self.cache:
            self.cache[index] = self.inputs.read(self.paths[index])
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


def batches(images: ImageSet, source: Source, start: int, stop: int, workers: int) -> Iterator[Any]:
    """Batches ``start`` to ``stop`` of a source: (indices, images)."""
    loader = DataLoader(
        images,
        batch_sampler=_Keys(source, start, stop),
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_signals_to_the_run,
        # A generator of its own: a loader draws from torch's global one otherwise.
        generator=torch.Generator(),
    )
    return iter(loader)


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the run stops its workers when it is ready.

    SIGTERM may reach all of a job's processes as well (systemd, timeout, some set-ups of SLURM). A
    worker then stays for the step that the run is in, but not for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):  # not on Windows, which has no such signal to send either
        signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(LAST_STEP_S))


class _Keys:
    """Batches of keys, made when they are due."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self.source, self.start, self.stop = source, start, stop

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.source.keys(self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start
