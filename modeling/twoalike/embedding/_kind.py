"""What a kind of judgment is to a fit: one object that brings all of its stages.

Choices, arrangements, dissimilarities, ratings and sortings are kinds. A fit, its checks and its
tables of people go over :data:`twoalike.embedding._model.KINDS` and name none: a kind reads its
table, brings its likelihood for the open PyMC model, says what it tells of each object, how much of
it a variational step sees, how alike it says that objects are, and how a posterior would give the
same judgments again (:class:`Replicated`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._judged import none_known
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._priors import Kernel
from twoalike.judgments import (
    JudgedTrial,
    JudgmentKind,
    PairSource,
    is_scored,
    judged_trials,
    person_of,
)
from twoalike.study import Floats, Integers, TwoalikeError

BINS = 10
PAIRS_AT_ONCE = 10
"""Pairs of a matrix that cost as much as one gathered pair: a product of matrices is fast."""
MOST_PAIRS = 500
"""Judged pairs over which similarities are standardised; of more, so many at random."""
GROUP_GROWTH = 1.5  # largest size of a group over its smallest: bounds what padding costs

type Counts = dict[str, tuple[str, Integers]]
"""By name, an axis of the draws and how often each on it judged or was judged."""


@dataclass(frozen=True)
class Unknown:
    """What all kinds have in common in the open PyMC model, or under one draw of a posterior.

    ``x`` (m, d) is the embedding, ``temperature`` and ``lapse`` (P,) are of every participant, as
    is ``log_weight`` (P, d), where people weigh the dimensions. ``xp`` computes with them.
    """

    x: Any
    kernel: Kernel
    participants: tuple[str, ...]
    xp: ModuleType
    dimensions: int
    temperature: Any = None
    lapse: Any = None
    log_weight: Any = None

    @classmethod
    def under(cls, posterior: Posterior, draw: int) -> "Unknown":
        """Take one draw; people whose weights are not known have the embedding itself."""
        weights, log_weight = posterior.weights, None
        if weights is not None:  # the last row is that of people who are nowhere in the index
            log_weight = np.pad(weights.log[draw].astype(np.float64), ((0, 1), (0, 0)))
        x = posterior.embedding[draw].astype(np.float64)
        known = x, posterior.kernel, posterior.participants, np, x.shape[1]
        return cls(*known, log_weight=log_weight)

    def roots_of(self, people: Sequence[str]) -> Any:
        """By what some participants multiply coordinates, (n, d); None: nobody weighs them."""
        if self.log_weight is None:
            return None
        places = pd.Index(self.participants).get_indexer(pd.Index(people))
        return self.xp.exp(self.log_weight[places] / 2)

    def seen(self, items: Any, who: Any, people: Sequence[str]) -> Any:
        """Coordinates of objects, (n, k), as those of the ``people`` see them who judged, (n,)."""
        roots = self.roots_of(people)
        return self.x[items] if roots is None else self.x[items] * roots[who][:, None]

    def all_pairs(self) -> Any:
        """Similarities of all objects, (m, m)."""
        squares = (self.x**2).sum(axis=1)[:, None]
        # One times the other side: without it XLA's gradient multiplies by a transposed matrix.
        other = self.xp.dot(np.eye(self.dimensions, dtype="float32"), self.x.T)
        return self.kernel.gram(squares, self.xp.dot(self.x, other), self.xp)

    def pairs(self, items: Any, who: Any, people: Sequence[str], *, whole: bool = False) -> Any:
        """Similarities of pairs of objects, (n, 2), to those who judged: (n,).

        ``whole``: those of all objects cost less; where people weigh dimensions they do not.
        """
        if whole and self.log_weight is None:
            pair = np.array([[0, 1]])
            return self.kernel.pairs(self.x, items, pair, matrix=self.all_pairs(), xp=self.xp)[0]
        z = self.seen(items, who, people)
        return self.kernel.symbolic(z[:, 0], z[:, 1], self.xp)

    def within(self, items: Any, who: Any, people: Sequence[str]) -> Any:
        """Similarities within each trial, (n, k), to those who judged: (n, k, k)."""
        z = self.seen(items, who, people)
        dots = self.xp.matmul(z, z.swapaxes(1, 2))
        return self.kernel.gram((z**2).sum(axis=2)[:, :, None], dots, self.xp)

    def units(self, reference: Integers, people: Sequence[str]) -> tuple[Any, Any]:
        """Mean and standard deviation of similarity over reference pairs, of each of the people.

        They are those of the similarities that a person sees: a factor common to a person's weights
        changes nothing. Where nobody weighs dimensions they have one element.
        """
        roots = self.roots_of(people)
        left, right = (self.x[reference[:, side]] for side in (0, 1))
        weights = np.ones((1, self.dimensions), "float32") if roots is None else roots**2
        s = self.kernel.weighed(left, right, weights, self.xp)
        return s.mean(axis=1), self.xp.sqrt(s.var(axis=1) + 1e-10)  # of one point: 0

    def add_units(self, symbol: str, axis: str, reference: Integers, people: Sequence[str]) -> Any:
        """Keep :meth:`units` with each draw, as ``symbol`` with _origin and _unit, (n,) each."""
        import pymc as pm

        names = f"{symbol}_origin", f"{symbol}_unit"
        each = np.zeros(len(people), dtype=np.float32)
        units = zip(names, self.units(reference, people), strict=True)
        return [pm.Deterministic(name, value + each, dims=axis) for name, value in units]


@dataclass(frozen=True)
class Noise:
    """Prior of the noise of people or sources, partially pooled on the log scale.

    ``typical`` is in standard deviations of the similarities; ``least`` is added to all.
    """

    typical: float
    least: float = 0.0
    location_sd: float = 1.0
    spread: float = 0.5

    def add(self, name: str, symbol: str, n: int, dims: str) -> Any:
        """Add that of each of n people to the open model, symbolic, (n,).

        Variables of the pool begin with ``symbol``, the result has the name.
        """
        import pymc as pm

        log = pm.Normal(f"{symbol}_location", float(np.log(self.typical)), self.location_sd)
        if n == 1:
            log = log[None]
        else:
            spread = pm.HalfNormal(f"{symbol}_spread", self.spread)
            log = log + spread * pm.Normal(f"{symbol}_offset", 0.0, 1.0, dims=dims)
        return pm.Deterministic(name, self.least + pm.math.exp(log), dims=dims)


class Group:
    """Judgments of one shape: a dataclass of arrays, of which the last says whose each is."""

    items: Integers

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All arrays, in the order in which the group's likelihood takes them."""
        return tuple(vars(self).values())

    @property
    def size(self) -> int:
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


@dataclass(frozen=True, eq=False)
class PaddedGroup(Group):
    """T trials of about one size, padded to k objects.

    ``items`` (T, k) are object indices, ``values`` (T, k, ...) what was said of each, ``shown``
    (T, k) is 1 for an object and 0 for padding, ``judge`` (T,) says whose each trial is.
    """

    items: Integers
    values: npt.NDArray[Any]
    shown: Floats
    judge: Integers

    def seen(self) -> Integers:
        return np.asarray(self.items[self.shown > 0])

    def links(self) -> Iterator[tuple[Integers, Integers]]:
        """Link each object with the first of its trial, which is always there."""
        there = self.shown > 0
        first = np.broadcast_to(self.items[:, :1], self.items.shape)
        yield first[there], self.items[there]


@dataclass(frozen=True, eq=False, kw_only=True)
class Replicated(ABC):
    """Judgments of T trials that a posterior knows, and how it would give them again.

    ``names`` are those who gave such judgments to the fit, ``who`` (T,) is whose each trial is
    among them and ``weight`` (T,) its weight in a mean; ``cases`` counts the judgments of each
    name. ``given`` are the judgments, in the form of :meth:`again`; ``bins`` name what else is
    compared, with its cases. Those that are scored have ``sizes`` (k,), the decisions of each, of
    ``total``, and the log-loss of ``guess``.
    """

    kind: ClassVar[str]
    stream: ClassVar[int]
    """Of the seed's random numbers."""

    posterior: Posterior
    names: tuple[str, ...]
    who: Integers
    weight: Integers
    cases: Integers
    left_out: int
    given: Any
    n_pairs: int
    bins: Sequence[str] = ()
    bin_cases: Any = ()
    sizes: Floats | None = None
    total: int = 0
    guess: float = 0.0

    @abstractmethod
    def under(self, draw: int) -> Any:
        """Give what one draw expects."""

    @abstractmethod
    def statistics(self, expected: Any, judged: Any) -> tuple[Floats, Any]:
        """Correlation of each trial with what is expected, (T,), and what the bins hold."""

    @abstractmethod
    def again(self, expected: Any, rng: np.random.Generator) -> Any:
        """Draw all judgments once more."""

    def log_probability(self, expected: Any) -> Floats:
        """Of what was given and is scored, (k,)."""
        return np.zeros(0)

    def at_random(self) -> list[str]:
        """Name those whose own noise says that they judge at random."""
        return []


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind[G: Group](ABC):
    """All judgments of one kind, as indices of objects and people.

    ``people`` are those whose numbers the groups hold, and ``sources`` their labels where somebody
    may have several; ``left_out`` counts trials of too few objects to tell anything.
    """

    kind: ClassVar[JudgmentKind]
    axis: ClassVar[str]
    """Axis of the draws that those who gave the judgments have."""
    counted: ClassVar[tuple[str, str]]
    """Names of the counts of what each of them gave, and of how often each object is in it."""
    at_once: ClassVar[int] = 50_000
    """Entries that a variational step sees, or all."""
    of_people: ClassVar[bool] = True
    """Whether people judged: else objects count as judged by nobody."""

    groups: tuple[G, ...]
    people: tuple[str, ...]
    ids: tuple[str, ...]
    sources: tuple[str, ...] = ()
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
    def hyperparameters(self) -> dict[str, float]:
        """Numbers of its priors by name; those of a :class:`Noise` are ``noise.typical``, ..."""
        found: dict[str, float] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Noise):
                found |= {f"{field.name}.{name}": number for name, number in vars(value).items()}
            elif isinstance(field.default, float):
                found[field.name] = value
        return found

    def with_hyperparameter(self, name: str, number: float) -> Self:
        """Take another number for one of :attr:`hyperparameters`."""
        part, _, of_noise = name.partition(".")
        changed: Any = {of_noise: number}
        changed = {part: replace(getattr(self, part), **changed) if of_noise else number}
        return replace(self, **changed)

    @property
    def labels(self) -> dict[str, list[str]]:
        """Axes of the draws that the kind brings, with their labels."""
        return {self.axis: list(self.sources or self.people)}

    def seen(self) -> Integers:
        """Count how often each object was judged, (m,)."""
        flat = np.concatenate([group.seen() for group in self.groups])
        return np.bincount(flat, minlength=len(self.ids))

    def given(self, n: int) -> Integers:
        return np.bincount(np.concatenate([g.arrays[-1] for g in self.groups]), minlength=n)

    def counts(self, participants: Sequence[str]) -> Counts:
        given = self.given(len(self.labels.get(self.axis, participants)))
        of_people, of_objects = self.counted
        return {of_people: (self.axis, given), of_objects: ("object", self.seen())}

    @property
    def likelihoods(self) -> list[str]:
        """Names of its potentials in the model, one a group."""
        return [f"{self.kind}_{number}" for number in range(len(self.groups))]

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
            pm.Potential(self.likelihoods[number], logs.sum())

    @classmethod
    def compared(
        cls, table: pd.DataFrame, ids: Sequence[str]
    ) -> Iterator[tuple[str, Floats, Integers, float]]:
        """Give who judged, how alike they found pairs of objects, (P,), the pairs, (P, 2).

        One for each trial or source of main and repeated judgments, and how many independent
        numbers it tells; choices tell nothing of the kind.
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


@dataclass(frozen=True, eq=False, kw_only=True)
class TrialKind[G: PaddedGroup](Kind[G]):
    """Judgments of several objects at a time, in trials that are padded to about one size."""

    group: ClassVar[type[PaddedGroup]] = PaddedGroup
    wanted: ClassVar[str]
    """Trials that tell anything, in words."""

    @classmethod
    @abstractmethod
    def tells(cls, trial: JudgedTrial) -> bool:
        """Whether a trial tells anything."""

    @classmethod
    @abstractmethod
    def prepared(
        cls, trial: JudgedTrial, rng: np.random.Generator
    ) -> tuple[Integers, npt.NDArray[Any]]:
        """Objects of a trial, and what a group holds of each, (k, ...)."""

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> Self:
        trials, ids = judged_trials(table, ids)
        telling = [trial for trial in trials if cls.tells(trial)]
        if not telling:
            raise TwoalikeError(
                f"expected {cls.wanted} (main or repeated trials), found none among "
                f"{len(trials)} trials."
            )
        people, groups = tuple(dict.fromkeys(trial.participant for trial in telling)), list[Any]()
        for own in in_size_groups(telling, lambda trial: len(trial.items)):
            rng, size = np.random.default_rng(len(groups)), max(len(one.items) for one in own)
            parts = zip(*(cls.prepared(trial, rng) for trial in own), strict=True)
            items, values = (np.stack([_padded(one, size) for one in part]) for part in parts)
            shown = np.stack([np.arange(size) < len(trial.items) for trial in own])
            who = np.array([people.index(trial.participant) for trial in own], dtype=np.int32)
            group = cls.group(items.astype(np.int32), values, shown.astype(np.float32), who)
            groups.append(group)
        left_out = len(trials) - len(telling)
        return cls(groups=tuple(groups), people=people, ids=ids, left_out=left_out)


def _padded(values: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    return np.pad(values, [(0, size - len(values))] + [(0, 0)] * (values.ndim - 1))


def pairs_of(k: int) -> Integers:
    """All pairs of k places, (P, 2)."""
    return np.stack(np.triu_indices(k, 1), axis=1)


def in_size_groups[T](things: Iterable[T], size: Callable[[T], int]) -> list[list[T]]:
    """Group things of about one size, smallest first, since all of a group are padded to one."""
    groups: list[list[T]] = []
    for thing in sorted(things, key=size):
        if not groups or size(thing) > GROUP_GROWTH * size(groups[-1][0]):
            groups.append([])
        groups[-1].append(thing)
    return groups


def reference_pairs(pairs: Integers) -> Integers:
    """Different ones among pairs of objects, (n, 2), or :data:`MOST_PAIRS` of them at random."""
    found = np.unique(np.sort(pairs, axis=1), axis=0)
    if len(found) > MOST_PAIRS:
        found = found[np.random.default_rng(0).permutation(len(found))[:MOST_PAIRS]]
    return np.asarray(found, dtype=np.int32)


def known_rows(
    posterior: Posterior, table: pd.DataFrame, items: Sequence[str], axis: str, kind: str
) -> tuple[pd.DataFrame, int]:
    """Rows by people on an axis and of objects of a posterior, and how many others there are."""
    names = posterior.labels(axis)
    known = table["participant"].isin({*names, *map(person_of, names)})
    for item in items:
        known &= table[item].isin(posterior.ids)
    if not known.any():
        raise none_known(posterior, kind, len(table), names)
    return table[known], int((~known).sum())


def known_sources(
    kind: type[Kind[Any]],
    posterior: Posterior,
    table: pd.DataFrame,
    read: Callable[..., tuple[list[PairSource], tuple[str, ...]]],
) -> tuple[list[PairSource], dict[str, Any]]:
    """Find sources of pairs that a posterior knows, and what :class:`Replicated` has of them.

    Beside it ``pairs`` (P, 2), and of which of ``who`` each is, ``source`` (P,).
    """
    names = posterior.labels(kind.axis)
    known, left_out = known_rows(posterior, table, ("item_a", "item_b"), kind.axis, kind.kind)
    sources = [one for one in read(known, posterior.ids)[0] if one.label in names]
    if not sources:
        raise none_known(posterior, kind.kind, len(table), names)
    counts = [len(one.pairs) for one in sources]
    of = np.repeat([names.index(one.label) for one in sources], counts)
    who, source = np.unique(of, return_inverse=True)
    cases = np.bincount(of, minlength=len(names))
    judged = int(is_scored(known).sum()) if "trial_type" in known else len(known)
    return sources, {
        "posterior": posterior,
        "names": names,
        "who": who,
        "weight": cases[who],
        "cases": cases,
        "left_out": left_out + judged - len(of),
        "n_pairs": len(of),
        "pairs": np.concatenate([one.pairs for one in sources]),
        "source": source,
    }


def means_of(values: Floats, group: Integers, groups: int, weight: Floats | None = None) -> Floats:
    """Weighted mean of each group, shape (groups,); 0 of a group without any."""
    heavy = values if weight is None else values * weight
    sums = np.bincount(group, weights=heavy, minlength=groups)
    return np.asarray(sums / np.maximum(np.bincount(group, weight, minlength=groups), 1e-12))


def standardised(values: Floats, trial: Integers) -> Floats:
    """Values with mean 0 and variance 1 in each trial; 0 where all are equal."""
    apart = values - means_of(values, trial, 0)[trial]
    sd = np.sqrt(means_of(apart**2, trial, 0))[trial]
    return np.divide(apart, sd, out=np.zeros_like(apart), where=sd > 1e-9)


def correlations(one: Floats, other: Floats, trial: Integers) -> Floats:
    """Correlation over the pairs of each trial, shape (T,); 0 where one side is constant."""
    return means_of(standardised(one, trial) * standardised(other, trial), trial, 0)
