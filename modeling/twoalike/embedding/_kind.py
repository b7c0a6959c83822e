"""What a kind of judgment is to a fit: one object that brings all of its stages.

Choices, arrangements, dissimilarities, ratings and sortings are kinds. A fit, its checks and its
tables of people go over :data:`twoalike.embedding._model.KINDS` and name none: a kind reads its
table, brings its likelihood for the open PyMC model, says what it tells of each object, how much of
it a variational step sees, how alike it says that objects are, and how a posterior would give the
same judgments again (:class:`twoalike.embedding._follow.Replicated`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._follow import Replicated
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._priors import Kernel, find_kernel
from twoalike.judgments import JudgmentKind
from twoalike.study import Floats, Integers

GROUP_GROWTH = 1.5  # largest size of a group over its smallest: bounds what padding costs

type Counts = dict[str, tuple[str, Integers]]
"""By name, an axis of the draws and how often each on it judged or was judged."""


@dataclass(frozen=True)
class Unknown:
    """What all kinds have in common in the open PyMC model.

    ``x`` (m, d) is the embedding, ``temperature`` and ``lapse`` (P,) are of every participant, as
    is ``log_weight`` (P, d), where people weigh the dimensions.
    """

    x: Any
    similarity: str
    temperature: Any
    lapse: Any
    participants: tuple[str, ...]
    dimensions: int
    log_weight: Any = None

    @property
    def kernel(self) -> Kernel:
        """What turns coordinates into similarities."""
        return find_kernel(self.similarity)

    def log_weight_of(self, people: Sequence[str]) -> Any:
        """Log weights of some participants, (n, d), or None."""
        if self.log_weight is None:
            return None
        return self.log_weight[pd.Index(self.participants).get_indexer(pd.Index(people))]


class Group:
    """Judgments of one shape: a dataclass of arrays, of which the last says whose each is."""

    items: Integers

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All arrays, in the order in which the group's likelihood takes them."""
        return tuple(vars(self).values())

    @property
    def size(self) -> int:
        """Judgments, trials or sources."""
        return len(self.arrays[-1])

    @property
    def entries(self) -> int:
        """Numbers to compute for all: bounds what a variational step sees."""
        return self.size

    def seen(self) -> Integers:
        """Objects of all judgments, each as often as it was judged, in one row."""
        return self.items.ravel()

    def links(self) -> Iterator[tuple[Integers, Integers]]:
        """Pairs of objects in one judgment, enough of them to link all of its objects."""
        for place in range(1, self.items.shape[1]):
            yield self.items[:, 0], self.items[:, place]


class PaddedGroup(Group):
    """Trials of about one size, padded to one; ``shown`` is 1 for an object, 0 for padding."""

    shown: Floats

    def seen(self) -> Integers:
        """Leave the padding out."""
        return np.asarray(self.items[self.shown > 0])

    def links(self) -> Iterator[tuple[Integers, Integers]]:
        """Link each object with the first of its trial, which is always there."""
        there = self.shown > 0
        first = np.broadcast_to(self.items[:, :1], self.items.shape)
        yield first[there], self.items[there]


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind[G: Group](ABC):
    """All judgments of one kind, as indices of objects and people.

    ``people`` are those whose numbers the groups hold; ``left_out`` counts trials of too few
    objects to tell anything.
    """

    kind: ClassVar[JudgmentKind]
    axis: ClassVar[str]
    """Axis of the draws that those who gave the judgments have."""
    counted: ClassVar[tuple[str, str]]
    """Names of the counts of what each of them gave, and of how often each object is in it."""
    at_once: ClassVar[int] = 50_000
    """Entries that a variational step sees, or all."""

    groups: tuple[G, ...]
    people: tuple[str, ...]
    ids: tuple[str, ...]
    left_out: int = 0

    @classmethod
    @abstractmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> Self:
        """Take the main and repeated trials of a table; ``ids`` are the objects to index into."""

    @property
    def size(self) -> int:
        """Judgments, or objects placed or sorted: what one nat of the loss is a share of."""
        return sum(len(group.seen()) for group in self.groups)

    @property
    def labels(self) -> dict[str, list[str]]:
        """Axes of the draws that the kind brings, with their labels."""
        return {self.axis: list(self.people)}

    def seen(self) -> Integers:
        """Count how often each object was judged, (m,)."""
        flat = np.concatenate([group.seen() for group in self.groups])
        return np.bincount(flat, minlength=len(self.ids))

    def given(self, n: int) -> Integers:
        """Count the judgments or trials of each of n people."""
        return np.bincount(np.concatenate([g.arrays[-1] for g in self.groups]), minlength=n)

    def counts(self, participants: Sequence[str]) -> Counts:
        """Count what each person gave, and how often each object is in it."""
        given = self.given(len(self.labels.get(self.axis, participants)))
        of_people, of_objects = self.counted
        return {of_people: (self.axis, given), of_objects: ("object", self.seen())}

    @abstractmethod
    def unknowns(self, unknown: Unknown) -> Any:
        """Add what is unknown of those who judged to the open PyMC model."""

    @abstractmethod
    def log_likelihood(
        self, unknown: Unknown, own: Any, group: G, arrays: Sequence[Any], n: int
    ) -> Any:
        """Log-probability of the judgments of a group, symbolic, by all that is unknown.

        ``own`` is what :meth:`unknowns` gave, ``arrays`` those of the group or stand-ins of n rows.
        """

    def add(
        self, unknown: Unknown, batch: Sequence[Sequence[Any]] | None, sizes: Sequence[int]
    ) -> None:
        """Add the judgments to the open PyMC model, one potential a group.

        ``batch`` has symbolic stand-ins for the arrays of each group, of the ``sizes``; None: all
        judgments.
        """
        import pymc as pm

        own = self.unknowns(unknown)
        for number, (group, n) in enumerate(zip(self.groups, sizes, strict=True)):
            arrays = group.arrays if batch is None else batch[number]
            logs = self.log_likelihood(unknown, own, group, arrays, n)
            pm.Potential(f"{self.kind}_{number}", logs.sum())

    @classmethod
    def compared(
        cls, table: pd.DataFrame, ids: Sequence[str]
    ) -> Iterator[tuple[str, Floats, Integers, float]]:
        """Give who judged, how alike they found pairs of objects, (P,), the pairs, (P, 2).

        One for each trial or source of main and repeated judgments, and how many independent
        numbers it tells.
        """
        raise NotImplementedError

    @classmethod
    def replicated(
        cls, posterior: Posterior, table: pd.DataFrame, seed: int, draws: int
    ) -> Replicated:
        """Index judgments into a posterior's objects and people, to be replicated by ``draws``.

        The seed is of the subset that is scored where there are many; refuse if none is known.
        """
        raise NotImplementedError


def in_size_groups[T](things: Iterable[T], size: Callable[[T], int]) -> list[list[T]]:
    """Group things of about one size, smallest first, since all of a group are padded to one."""
    groups: list[list[T]] = []
    for thing in sorted(things, key=size):
        if not groups or size(thing) > GROUP_GROWTH * size(groups[-1][0]):
            groups.append([])
        groups[-1].append(thing)
    return groups


def pooled_noise(
    name: str, symbol: str, typical: float, n: int, dims: str, least: float = 0.0
) -> Any:
    """Noise of each of n people or sources, partially pooled on the log scale, symbolic, (n,).

    Variables of the pool begin with ``symbol``, the result has the name.
    """
    import pymc as pm

    location = pm.Normal(f"{symbol}_location", float(np.log(typical)), 1.0)
    if n == 1:
        return pm.Deterministic(name, least + pm.math.exp(location)[None], dims=dims)
    spread = pm.HalfNormal(f"{symbol}_spread", 0.5)
    offset = pm.Normal(f"{symbol}_offset", 0.0, 1.0, dims=dims)
    return pm.Deterministic(name, least + pm.math.exp(location + spread * offset), dims=dims)
