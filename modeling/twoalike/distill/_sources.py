"""Where batches come from: prepared images, and triplets of them with the teacher's labels.

A source labels all triplets of a batch, or lists triplets that were labelled before. It is a
function of seed, step and process alone: batch 1,000 is the same whether or not those before it
were asked for.
"""

import math
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from twoalike.distill._losses import choice_logs
from twoalike.distill._sampling import DRAW, FLIP, TRIPLETS, BatchStream, batch_triplets
from twoalike.study import Integers

Average = Literal["predictive", "plugin", "draw"]
"""Of a posterior's draws: their probabilities' mean, those of the mean similarities, one a step."""
Sampling = Literal["uniform", "scales"]
"""Of a batch's triplets: any three images, or neighbours at all scales."""
CACHE_BYTES = 2 * 1024**3
"""Memory for prepared images; a set that does not fit is read anew each time."""
LAST_STEP_S = 60
"""How long a worker goes on after SIGTERM."""


def scale_triplets(distance: torch.Tensor, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw n triplets at all scales of a batch: near neighbours as well as any three, (n, 3).

    Of any three images of a collection few are of one class and fewer of one subclass, so that
    fine distinctions hardly change a loss over them. Here the first image is any, and the two
    others are of its k nearest, each factor of k (from 2 to all) as likely as any other: the
    triplets ask about coarse and fine distinctions alike, without a number of clusters to choose.

    Parameters
    ----------
    distance
        Of each two images, shape (B, B), any increasing function of it.
    n
        Triplets.
    rng
        Source of randomness; the same draws on any device.

    Examples
    --------
    >>> line = torch.tensor([0.0, 1.0, 3.0, 7.0])
    >>> scale_triplets((line[:, None] - line).abs(), 2, np.random.default_rng(0)).tolist()
    [[3, 2, 1], [2, 0, 1]]
    """
    batch = len(distance)
    first = rng.integers(batch, size=n)
    nearest = np.minimum(2 * (batch / 2) ** rng.random(n), batch - 1).astype(np.int64)
    second = (rng.random(n) * nearest).astype(np.int64)
    third = (rng.random(n) * (nearest - 1)).astype(np.int64)
    third += third >= second
    # An image is nearest to itself, also where others are at no distance from it.
    apart = distance.clone().fill_diagonal_(-torch.inf)
    neighbours = apart.argsort(dim=1, stable=True)[:, 1:]
    rows, *ranks = (torch.from_numpy(x).to(distance.device) for x in (first, second, third))
    return torch.stack([rows, *(neighbours[rows, rank] for rank in ranks)], dim=1)


class Opinion:
    """A teacher's similarities of n images, one matrix or one a posterior draw.

    ``positions``, shape (n, D) or (S, n, D) for S draws, are divided by the root of the
    temperature: their dot products are what the choice model's softmax takes.
    """

    def __init__(self, positions: npt.NDArray[np.float32], average: Average = "predictive") -> None:
        draws = positions if positions.ndim == 3 else positions[None]
        if average == "plugin" and len(draws) > 1:
            # Positions side by side: their dot products add up to the mean over draws.
            side_by_side = np.concatenate(list(draws), axis=1) / np.sqrt(np.float32(len(draws)))
            draws = side_by_side[None]
        self.draws, self.average = torch.from_numpy(draws), average

    def __len__(self) -> int:
        return self.draws.shape[1]

    def only(self, rows: Integers) -> "Opinion":
        """Keep some of the images."""
        return Opinion(self.draws[:, torch.from_numpy(rows)].numpy(), self.average)

    def similarity(
        self, images: torch.Tensor, device: torch.device, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """Similarities of B images by draw, shape (S, B, B); a random one if one is taught."""
        draws = self.draws
        if self.average == "draw" and rng is not None:
            draws = draws[[int(rng.integers(len(draws)))]]
        here = draws[:, images].to(device)
        return here @ here.transpose(1, 2)

    def probabilities(
        self,
        images: torch.Tensor,
        triplets: torch.Tensor,
        device: torch.device,
        rng: np.random.Generator | None = None,
    ) -> torch.Tensor:
        """Probability that item 1, 2, 3 is the odd one, shape (n, 3); triplets of the images."""
        matrices = self.similarity(images, device, rng)
        total = choice_logs(matrices[0], triplets).exp()
        for matrix in matrices[1:]:
            total += choice_logs(matrix, triplets).exp()
        return total / len(matrices)

    def triplets(
        self,
        images: torch.Tensor,
        most: int,
        device: torch.device,
        rng: np.random.Generator,
        sampling: Sampling = "uniform",
    ) -> torch.Tensor:
        """Triplets of B images as places among them, shape (n, 3); at most ``most``."""
        if sampling == "uniform":
            return torch.from_numpy(batch_triplets(len(images), most, rng)).to(device)
        similarity = self.similarity(images, device).mean(dim=0)
        own = similarity.diagonal()
        return scale_triplets(own[:, None] + own - 2 * similarity, most, rng)


class Source(Protocol):
    """What a student sees in each batch, and what it should have answered."""

    @property
    def images_a_batch(self) -> float:
        """Images that a batch of this process holds, on average."""
        ...

    def keys(self, start: int, stop: int) -> Iterator[list[tuple[int, int]]]:
        """(batch number, image) of batches ``start`` to ``stop``, for a DataLoader."""
        ...

    def labels(
        self, number: int, images: torch.Tensor, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Triplets of a batch as places in it, and the teacher's probabilities, each (n, 3)."""
        ...


class ImageSource:
    """Batches of images, of each all triplets or ``most`` of them, labelled by a teacher."""

    def __init__(
        self,
        opinion: Opinion,
        stream: BatchStream,
        most: int,
        sampling: Sampling = "uniform",
    ) -> None:
        self.opinion, self.stream, self.most = opinion, stream, most
        self.sampling: Sampling = sampling
        self.images_a_batch = float(stream.batch)
        self.keys = stream.keys

    def labels(
        self, number: int, images: torch.Tensor, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Triplets of a batch as places in it, and the teacher's probabilities, each (n, 3)."""
        rng, own = self._rng(TRIPLETS, number), self._rng(DRAW, number)
        triplets = self.opinion.triplets(images, self.most, device, rng, self.sampling)
        return triplets, self.opinion.probabilities(images, triplets, device, own)

    def similarity(self, number: int, images: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Give the teacher's similarities of a batch, shape (B, B)."""
        return self.opinion.similarity(images, device, self._rng(DRAW, number)).mean(dim=0)

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.stream.seed, purpose, number, self.stream.rank])


class LabelSource:
    """Batches of ``triplets`` (n, 3) that were labelled before, of which a stream takes rows."""

    def __init__(
        self, triplets: Integers, probabilities: npt.NDArray[np.float32], stream: BatchStream
    ) -> None:
        self.triplets, self.probabilities, self.stream = triplets, probabilities, stream

    @property
    def images_a_batch(self) -> float:
        """Images of the first batch: an image of several triplets is seen once."""
        return float(len(self._images(0)))

    def keys(self, start: int, stop: int) -> Iterator[list[tuple[int, int]]]:
        """(batch number, image) of batches ``start`` to ``stop``."""
        for number in range(start, stop):
            yield [(number, int(image)) for image in self._images(number)]

    def labels(
        self, number: int, images: torch.Tensor, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Triplets of a batch as places in it, and the teacher's probabilities, each (n, 3)."""
        rows = self.stream.indices(number)
        places = np.searchsorted(images.numpy(), self.triplets[rows])
        return (
            torch.from_numpy(places).to(device),
            torch.from_numpy(self.probabilities[rows]).to(device),
        )

    def _images(self, number: int) -> Integers:
        """Images of a batch, each once, in order."""
        return np.unique(self.triplets[self.stream.indices(number)])


class Inputs(Protocol):
    """How an image file becomes a network's input."""

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
        batch_sampler=source.keys(start, stop),
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
