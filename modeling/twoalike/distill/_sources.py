"""Sources of batches: prepared images, and triplets of them with the teacher's labels.

A source labels all triplets of a batch, or lists triplets with given labels. Everything is a
function of seed, number and process alone: no state is stored, so a stopped run resumes exactly,
and each of several processes knows its share without communication.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch

from twoalike.collections import Collection
from twoalike.distill._config import Sampling
from twoalike.distill._losses import choice_logs
from twoalike.features import FeatureTable
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted
from twoalike.teacher import AffineTeacher, Teacher

Average = Literal["predictive", "plugin", "draw"]
"""Labels by a posterior's draws: mean probabilities, by mean similarities, or one draw a step."""
AT_ONCE = 2**20
"""Triplets of all draws whose probabilities are computed together, in some 50 MB."""
CACHE_BYTES = 2 * 1024**3
"""Most memory for prepared images, or activations, of the processes of one machine."""
ORDER, TRIPLETS, NOISE, FLIP, HELD_OUT, _, DRAW, HEAD = range(8)
"""Purposes of randomness, each with its own numbers; one is that of labels to be made."""


def seed_of(*entropy: int) -> int:
    """Combine several numbers into one, for generators that accept only one."""
    return int(np.random.SeedSequence(list(entropy)).generate_state(1)[0])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, ORDER, epoch]).permutation(n)


@dataclass(frozen=True)
class BatchStream:
    """Batches of image indices: all images once per epoch, none twice in a batch."""

    n: int  # number of images
    batch: int  # images per process and batch
    seed: int  # determines all batches
    world: int = 1  # number of processes, and number of this process
    rank: int = 0
    # What the indices refer to; a batch of triplets may be a single one, of three images
    of: Literal["images", "labelled triplets"] = "images"

    def __post_init__(self) -> None:
        if self.batch * self.world > self.n:
            each = f" in each of {self.world} processes" if self.world > 1 else ""
            fewer, least = self.n // self.world, 3 if self.of == "images" else 1
            raise TwoalikeError(
                f"a batch of {self.batch} {self.of}{each} needs more than "
                f"{counted(self.n, self.of.removesuffix('s'))} for training",
                remedy=f"Set `batch={fewer}` or give more {self.of}."
                if fewer >= least
                else f"Give more {self.of}.",
            )

    def indices(self, number: int) -> npt.NDArray[np.int64]:
        """Image indices of batch 0, 1, ..., shape (batch,)."""
        together = self.batch * self.world
        epoch, place = divmod(number, self.n // together)
        start = place * together + self.rank * self.batch
        return _order(self.seed, epoch, self.n)[start : start + self.batch]

    def keys(self, start: int, stop: int) -> Iterator[list[tuple[int, int]]]:
        """Batches ``start`` to ``stop`` for a DataLoader: (batch number, image index) pairs."""
        for number in range(start, stop):
            yield [(number, int(index)) for index in self.indices(number)]


def batch_triplets(batch: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """All triplets of a batch in order, or ``most`` different ones at random, shape (n, 3).

    Examples
    --------
    >>> batch_triplets(4, 100, np.random.default_rng(0)).tolist()
    [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    """
    total = comb(batch, 3)
    if total <= most:
        return _numbered(np.arange(total), batch)
    return _numbered(rng.choice(total, most, replace=False, shuffle=False), batch)


def _numbered(numbers: npt.NDArray[np.int64], batch: int) -> npt.NDArray[np.int64]:
    """Triplets by their places in the order of all, shape (n, 3).

    Counted from the end and with items counted from the end too, the triplet i < j < k is number
    C(i, 1) + C(j, 2) + C(k, 3), the combinatorial number system.
    """
    items, left = [], comb(batch, 3) - 1 - numbers
    for size in (3, 2, 1):
        below = np.array([comb(item, size) for item in range(batch)])
        item = np.searchsorted(below, left, side="right") - 1
        left = left - below[item]
        items.append(batch - 1 - item)
    return np.stack(items, axis=1)


def scale_triplets(distance: torch.Tensor, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw n triplets at all scales of a batch, from near neighbours to any three, shape (n, 3).

    Three random images are rarely of one class and more rarely of one subclass, so fine
    distinctions hardly affect a loss over random triplets. Here the first image is random and the
    others are two of its k nearest, where k (from 2 to all) is log-uniform: triplets concern coarse
    and fine distinctions equally, and no number of clusters has to be chosen. ``distance`` (B, B)
    may be any increasing function of the distances; the draws are the same on any device.

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
    # An image is nearest to itself, even if others are at distance 0.
    apart = distance.clone().fill_diagonal_(-torch.inf)
    neighbours = apart.argsort(dim=1, stable=True)[:, 1:]
    rows, *ranks = (torch.from_numpy(x).to(distance.device) for x in (first, second, third))
    return torch.stack([rows, *(neighbours[rows, rank] for rank in ranks)], dim=1)


class Opinion:
    """A teacher's similarities of n images, one matrix or one per posterior draw.

    ``positions``, shape (n, D) or (S, n, D) for S draws, are divided by the root of the
    temperature, so that their dot products are the logits of the choice model. ``judged`` tells of
    which images people's judgments themselves are known. Where ``positions`` are those of a map for
    all images alike, ``judgments`` (n, d) are the positions of judged images that label triplets of
    these alone: what a map says of a triplet shrinks with what it cannot know, so the two kinds of
    positions do not mix within one.
    """

    def __init__(
        self,
        positions: npt.NDArray[np.float32],
        average: Average = "predictive",
        judged: Booleans | None = None,
        judgments: npt.NDArray[np.float32] | None = None,
    ) -> None:
        draws = positions if positions.ndim == 3 else positions[None]
        if average == "plugin" and len(draws) > 1:
            # Dot products of concatenated positions add up to the mean over draws.
            side_by_side = np.concatenate(list(draws), axis=1) / np.sqrt(np.float32(len(draws)))
            draws = side_by_side[None]
        self.positions, self.average = torch.from_numpy(draws), average
        self.rows = torch.arange(draws.shape[1])
        self.judged = np.zeros(draws.shape[1], bool) if judged is None else judged
        self.judgments = None if judgments is None else torch.from_numpy(judgments)

    @classmethod
    def of(
        cls,
        teacher: Teacher,
        ids: Sequence[str],
        features: FeatureTable | None,
        average: Average,
    ) -> "Opinion":
        """Take a teacher's similarities of images, and people's own where these are known."""
        judged = np.isin(ids, teacher.known_ids)
        if not isinstance(teacher, AffineTeacher) or teacher.known is None:
            return cls(teacher.positions(ids, features), average, judged)
        row_of = {name: row for row, name in enumerate(teacher.known_ids)}
        judgments = np.zeros((len(ids), teacher.known.shape[1]), np.float32)
        known = teacher.known / np.sqrt(np.float32(teacher.temperature))
        judgments[judged] = known[[row_of[name] for name in ids if name in row_of]]
        everywhere = replace(teacher, known_ids=(), known=None)
        return cls(everywhere.positions(ids, features), average, judged, judgments)

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, rows: Integers) -> "Opinion":
        kept = copy(self)
        kept.rows, kept.judged = self.rows[torch.from_numpy(rows)], self.judged[rows]
        kept.judgments = None if self.judgments is None else self.judgments[torch.from_numpy(rows)]
        return kept

    def similarity(
        self, images: torch.Tensor, device: torch.device, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """Similarities of B images by draw, shape (S, B, B); of one random draw for ``draw``."""
        draws = self.positions
        if self.average == "draw" and rng is not None:
            draws = draws[[int(rng.integers(len(draws)))]]
        here = draws[:, self.rows[images.cpu()]].to(device)
        return here @ here.transpose(1, 2)

    def matrix(self) -> Floats:
        """Mean similarities of all images, shape (n, n): people's own where all were judged."""
        if self.judgments is not None and self.judged.all():
            human = self.judgments.numpy().astype(np.float64)
            return np.asarray(human @ human.T)
        everyone, cpu = torch.arange(len(self)), torch.device("cpu")
        return self.similarity(everyone, cpu).mean(dim=0).numpy().astype(np.float64)

    def probabilities(
        self,
        images: torch.Tensor,
        triplets: torch.Tensor,
        device: torch.device,
        rng: np.random.Generator | None = None,
    ) -> torch.Tensor:
        """Probability that item 1, 2, 3 is the odd one in triplets of the images, shape (n, 3)."""
        matrices = self.similarity(images, device, rng)
        total = torch.zeros(triplets.shape, device=device)
        for some in torch.split(matrices, max(1, AT_ONCE // max(1, len(triplets)))):
            total += choice_logs(some, triplets).exp().sum(dim=0)
        total /= len(matrices)
        if self.judgments is not None:
            places = images.cpu()
            judged = torch.from_numpy(self.judged)[places].to(device, non_blocking=True)
            human = self.judgments[places].to(device, non_blocking=True)
            inside = judged[triplets].all(dim=1, keepdim=True)
            total = torch.where(inside, choice_logs(human @ human.T, triplets).exp(), total)
        return total

    def triplets(
        self,
        images: torch.Tensor,
        most: int,
        device: torch.device,
        rng: np.random.Generator,
        sampling: Sampling = "uniform",
    ) -> torch.Tensor:
        """At most ``most`` triplets of B images, as indices into these, shape (n, 3)."""
        if sampling == "uniform":
            return torch.from_numpy(batch_triplets(len(images), most, rng)).to(device)
        similarity = self.similarity(images, device).mean(dim=0)
        own = similarity.diagonal()
        return scale_triplets(own[:, None] + own - 2 * similarity, most, rng)


class ImageSource:
    """Batches of images with all their triplets, or ``most`` of them, labelled by a teacher."""

    def __init__(
        self,
        opinion: Opinion,
        stream: BatchStream,
        most: int,
        sampling: Sampling = "uniform",
    ) -> None:
        self.opinion, self.stream, self.most = opinion, stream, most
        self.sampling: Sampling = sampling
        self.keys = stream.keys

    def labels(
        self, number: int, images: torch.Tensor, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Triplets of a batch as places in it, and the teacher's probabilities, each (n, 3)."""
        rng, own = self._rng(TRIPLETS, number), self._rng(DRAW, number)
        triplets = self.opinion.triplets(images, self.most, device, rng, self.sampling)
        return triplets, self.opinion.probabilities(images, triplets, device, own)

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.stream.seed, purpose, number, self.stream.rank])


class LabelSource:
    """Batches of ``triplets`` (n, 3) with given labels, whose rows are drawn by a stream."""

    def __init__(
        self, triplets: Integers, probabilities: npt.NDArray[np.float32], stream: BatchStream
    ) -> None:
        self.triplets, self.probabilities, self.stream = triplets, probabilities, stream

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
        return np.unique(self.triplets[self.stream.indices(number)])


type Source = ImageSource | LabelSource
"""Images and target choices of each batch."""


class Inputs(Protocol):
    """Conversion of an image to a network's input, float32, of a shape."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def read(self, images: Collection, index: int) -> torch.Tensor: ...


class PreparedImages:
    """Inputs of a network by row of a collection, float32, each made when it is first asked for.

    ``rows`` are the rows of the collection, most important first, of which as many are kept as fit;
    rows may recur. Processes that load images for this one keep none.
    """

    def __init__(self, rows: Sequence[Integers], shape: tuple[int, ...]) -> None:
        every = np.concatenate(list(rows))
        _, first = np.unique(every, return_index=True)
        together = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        most = CACHE_BYTES // together // (4 * math.prod(shape))
        self.kept = set(every[np.sort(first)[:most]].tolist())
        self.made: dict[int, torch.Tensor] = {}

    def get(self, row: int, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        if row not in self.made:
            image = make()
            if row not in self.kept:
                return image
            self.made[row] = image
        return self.made[row]

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": set(), "made": {}}


class ImageSet:
    """Prepared images by (batch number, image index); the number makes mirroring reproducible."""

    def __init__(
        self,
        images: Collection,
        inputs: Inputs,
        *,
        seed: int,
        flip: bool = False,
        store: PreparedImages | None = None,
    ) -> None:
        self.images, self.inputs = images, inputs
        self.flip, self.seed = flip, seed
        self.store = store or PreparedImages([images.rows], inputs.shape)

    def __len__(self) -> int:
        return len(self.images)

    def prepared(self, index: int) -> torch.Tensor:
        """One input: the prepared image, shape (3, size, size), or its activation."""
        row = int(self.images.rows[index])
        return self.store.get(row, lambda: self.inputs.read(self.images, index))

    def __call__(self, key: tuple[int, int]) -> tuple[int, torch.Tensor]:
        number, index = key
        image = self.prepared(index)
        if self.flip and np.random.default_rng([self.seed, FLIP, number, index]).random() < 0.5:
            image = image.flip(2)
        return index, image

    def stacked(self, indices: Sequence[int]) -> torch.Tensor:
        """Several images without mirroring, shape (len(indices), 3, size, size)."""
        return torch.stack([self.prepared(index) for index in indices])
