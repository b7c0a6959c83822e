"""Where batches come from: images with all their triplets, or triplets that were labelled before.

A source is a function of seed, step and process alone. Whoever asks for batch 1,000 gets what
one who asked for all before it would get.
"""

from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch

from twoalike.distill._losses import choice_logs
from twoalike.distill._scales import scale_triplets
from twoalike.distill._stream import (
    DRAW,
    TRIPLETS,
    BatchStream,
    RowStream,
    batch_triplets,
)

Average = Literal["predictive", "plugin", "draw"]
"""Of a posterior's draws: their probabilities' mean, those of the mean similarities, one a step."""
Sampling = Literal["uniform", "scales"]
"""Of a batch's triplets: any three images, or neighbours at all scales."""


class Source(Protocol):
    """What a student sees in each batch, and what it should have said."""

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


class Opinion:
    """A teacher's similarities of n images, one matrix or one a posterior draw.

    Parameters
    ----------
    positions
        Shape (n, D), or (S, n, D) for S draws, divided by the root of the temperature: their
        dot products are what the choice model's softmax takes.
    average
        What is taught where there are several draws.
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

    def only(self, rows: npt.NDArray[np.integer]) -> "Opinion":
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


class ImageSource:
    """Batches of images, of each all triplets or as many as are wanted.

    Parameters
    ----------
    opinion
        The teacher's, of these images.
    stream
        Of images.
    most
        Triplets a batch.
    sampling
        Which ones.
    """

    def __init__(
        self,
        opinion: Opinion,
        stream: BatchStream,
        most: int,
        sampling: Sampling = "uniform",
    ) -> None:
        self.opinion, self.stream, self.most = opinion, stream, most
        self.sampling: Sampling = sampling

    @property
    def images_a_batch(self) -> float:
        """As many as the stream's batches have."""
        return float(self.stream.batch)

    def keys(self, start: int, stop: int) -> Iterator[list[tuple[int, int]]]:
        """(batch number, image) of batches ``start`` to ``stop``."""
        return self.stream.keys(start, stop)

    def labels(
        self, number: int, images: torch.Tensor, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Triplets of a batch as places in it, and the teacher's probabilities, each (n, 3)."""
        rng = self._rng(TRIPLETS, number)
        triplets = self.opinion.triplets(images, self.most, device, rng, self.sampling)
        return triplets, self.opinion.probabilities(
            images, triplets, device, self._rng(DRAW, number)
        )

    def similarity(self, number: int, images: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Give the teacher's similarities of a batch, shape (B, B)."""
        return self.opinion.similarity(images, device, self._rng(DRAW, number)).mean(dim=0)

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.stream.seed, purpose, number, self.stream.rank])


class LabelSource:
    """Batches of triplets that were labelled before.

    Parameters
    ----------
    triplets
        Image indices, shape (n, 3).
    probabilities
        That item 1, 2, 3 is the odd one, shape (n, 3).
    stream
        Of rows of these.
    """

    def __init__(
        self,
        triplets: npt.NDArray[np.integer],
        probabilities: npt.NDArray[np.float32],
        stream: RowStream,
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

    def _images(self, number: int) -> npt.NDArray[np.integer]:
        """Images of a batch, each once, in order."""
        return np.unique(self.triplets[self.stream.indices(number)])
