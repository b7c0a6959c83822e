r"""Dissimilarities in the model: RDMs and rated pairs, whose errors hang together.

A source (one participant) gives numbers to P pairs of objects, on a scale of its own. They are
standardised, and so are the similarities s of the same pairs in the embedding. Then

    z_ij = a - b s_ij + u_i + u_j + e_ij,   u ~ N(0, (b v)^2),   e ~ N(0, (b w)^2)

with b > 0. The effects u make errors hang together: an object that was put too far out is too
far from all others, so P pairs of m objects do not tell P things, and with w alone intervals are
too narrow (benchmarks/results/dissimilarities.md). The noises v and w are in units of the
similarities' standard deviation; since z has unit variance, they tell b: b^2 (1 + 2 v^2 + w^2) =
1. Location and scale of s drop out, so dissimilarities say nothing of the scale of the embedding.

Effects and the intercept a (with a flat prior) are integrated out. With Z the incidence of pairs
and objects (P x m) the covariance is (b w)^2 I + (b v)^2 Z Z', whose eigenvectors depend on
which pairs were judged and on no parameter: they are found once, from the m x m matrix Z'Z, for
missing pairs as for complete RDMs. A density then takes sums over the pairs and one product of m
numbers with an m x m matrix: no P x P matrix, no factorisation, and nothing more to sample.

Where people weigh the dimensions (:mod:`twoalike.embedding._people`), the similarities of a source
are those of whoever gave it: the model of INDSCAL with errors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._kind import (
    Group,
    Kind,
    Noise,
    Replicated,
    Unknown,
    correlations,
    in_size_groups,
    known_sources,
    standardised,
)
from twoalike.embedding._posterior import Posterior
from twoalike.judgments import PairSource, pair_sources, person_of
from twoalike.study import Floats, Integers

_ZERO = 1e-9  # eigenvalues below this share of the largest are rounding


@dataclass(frozen=True, eq=False)
class PairGroup(Group):
    """S sources of about one number of objects, padded to k objects, zero where padded.

    ``items`` (B, k) are object indices; ``judged`` (B, k, k) is 1 for pairs that were judged;
    ``basis`` (B, k, k) takes sums over each object's pairs to coordinates on the eigenvectors of
    Z Z', whose eigenvalues are ``roots`` (B, k). B is 1 if all sources judged the same pairs of the
    same objects, else S. ``values`` (S, k, k) are dissimilarities of mean 0 and variance 1 over a
    source's pairs; ``source`` (S,) says which source.
    """

    items: Integers
    judged: Floats
    basis: Floats
    roots: Floats
    values: Floats
    source: Integers

    @property
    def entries(self) -> int:
        return self.values.size

    def seen(self) -> Integers:
        return np.concatenate(next(self.links()))

    def links(self) -> Iterator[tuple[Integers, Integers]]:
        which, left, right = np.nonzero(np.triu(self.judged, 1))
        repeats = self.size // len(self.items)  # where all judged the same pairs, these stand once
        pairs = self.items[which, left], self.items[which, right]
        yield np.repeat(pairs[0], repeats), np.repeat(pairs[1], repeats)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dissimilarities(Kind[PairGroup]):
    """All sources of dissimilarities, in groups of about one number of objects.

    ``sources`` (S,) are their labels, ``people`` (S,) who gave them.
    """

    kind = "dissimilarities"
    axis = "source"
    counted = "pairs", "compared"

    object_noise: Noise = Noise(0.5)
    # Distances in a plane fit an embedding in the plane without any noise: the posterior would have
    # no width, and no sampler could move in it.
    pair_noise: Noise = Noise(1.0, least=0.1)

    @property
    def size(self) -> int:
        return super().size // 2

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> Self:
        sources, ids = pair_sources(table, ids)
        groups = in_size_groups(range(len(sources)), lambda place: _n_objects(sources[place]))
        return cls(
            groups=tuple(_padded([sources[place] for place in group], group) for group in groups),
            sources=tuple(source.label for source in sources),
            people=tuple(source.participant for source in sources),
            ids=ids,
        )

    def given(self, n: int) -> Integers:
        pairs = np.zeros(n, dtype=np.int64)
        for group in self.groups:
            pairs[group.source] = group.judged.sum(axis=(1, 2)) / 2
        return pairs

    def unknowns(self, unknown: Unknown) -> Any:
        noises = {"object_noise": self.object_noise, "pair_noise": self.pair_noise}
        n, axis = len(self.sources), self.axis
        return [noise.add(name, name, n, axis) for name, noise in noises.items()]

    def log_likelihood(
        self, unknown: Unknown, own: Any, group: PairGroup, arrays: Sequence[Any], n: int
    ) -> Any:
        """Give that of each source, up to a constant.

        With r = z + b s, V the covariance and 1 a vector of ones, over the P pairs:
        -[log det V + log 1'V⁻¹1 + r'V⁻¹r - (1'V⁻¹r)² / 1'V⁻¹1] / 2.
        """
        import pytensor.tensor as pt

        items, *rest, source = arrays
        known: Any = map(pt.as_tensor, rest)
        judged, basis, roots, values = known
        v, w = (noise[source] for noise in own)
        slope2 = 1 / (1 + 2 * v**2 + w**2)
        of_objects, of_pairs = slope2 * v**2, slope2 * w**2
        s = _of_unit_variance(unknown.within(items, source, self.people), judged)
        r = values + pt.sqrt(slope2)[:, None, None] * s
        # The matrices hold each pair twice.
        n_pairs, squares = judged.sum(axis=(1, 2)) / 2, (r**2).sum(axis=(1, 2)) / 2
        ones = pt.matmul(judged.sum(axis=2)[:, None, :], basis)[:, 0]
        sums = pt.matmul(r.sum(axis=2)[:, None, :], basis)[:, 0]
        variances = of_pairs[:, None] + of_objects[:, None] * roots
        # The vector of ones lies in the span of the eigenvectors (each pair has two objects), r
        # partly. Padding adds logarithms of the pairs' variance, which the first term takes off.
        outside = pt.maximum(squares - (sums**2).sum(axis=1), 0)
        of_ones = (ones**2 / variances).sum(axis=1)
        return -0.5 * (
            (n_pairs - roots.shape[1]) * pt.log(of_pairs)
            + pt.log(variances).sum(axis=1)
            + pt.log(of_ones)
            + outside / of_pairs
            + (sums**2 / variances).sum(axis=1)
            - (ones * sums / variances).sum(axis=1) ** 2 / of_ones
        )

    @classmethod
    def compared(
        cls, table: pd.DataFrame, ids: Sequence[str]
    ) -> Iterator[tuple[str, Floats, Integers, float]]:
        """Give who judged and negative dissimilarities: as many numbers as objects."""
        for source in pair_sources(table, ids)[0]:
            telling = float(len(np.unique(source.pairs)))
            yield source.participant, -source.values, source.pairs, telling

    @classmethod
    def replicated(
        cls, posterior: Posterior, table: pd.DataFrame, seed: int, draws: int
    ) -> "JudgedPairs":
        sources, known = known_sources(cls, posterior, table, pair_sources)
        return JudgedPairs(**known, given=np.concatenate([one.values for one in sources]))


def _n_objects(source: PairSource) -> int:
    return len(np.unique(source.pairs))


def _padded(sources: Sequence[PairSource], numbers: Sequence[int]) -> PairGroup:
    size = max(map(_n_objects, sources))
    same = all(np.array_equal(source.pairs, sources[0].pairs) for source in sources)
    designs = [_design(source, size) for source in (sources[:1] if same else sources)]
    items, judged, basis, roots = (np.stack(part) for part in zip(*designs, strict=True))
    values = np.zeros((len(sources), size, size), dtype=np.float32)
    for own, source in zip(values, sources, strict=True):
        first, second = np.unique(source.pairs, return_inverse=True)[1].reshape(-1, 2).T
        z = source.values - source.values.mean()
        own[first, second] = own[second, first] = z / z.std()
    return PairGroup(items, judged, basis, roots, values, np.array(numbers, dtype=np.int32))


def _design(source: PairSource, size: int) -> tuple[npt.NDArray[Any], ...]:
    """Items, judged pairs, basis and eigenvalues of a source, padded."""
    found, place = np.unique(source.pairs, return_inverse=True)
    first, second = place.reshape(-1, 2).T
    k = len(found)
    judged = np.zeros((size, size))
    judged[first, second] = judged[second, first] = 1
    values, vectors = np.linalg.eigh(judged[:k, :k] + np.diag(judged[:k, :k].sum(axis=1)))
    real = values > _ZERO * values[-1]
    items, roots = np.zeros(size, dtype=np.int32), np.zeros(size)
    basis = np.zeros((size, size))
    items[:k], roots[:k][real] = found, values[real]
    basis[:k, :k][:, real] = vectors[:, real] / np.sqrt(values[real])
    return items, judged.astype(np.float32), basis.astype(np.float32), roots.astype(np.float32)


def _of_unit_variance(s: Any, judged: Any) -> Any:
    """Values brought to mean 0 and variance 1 over the judged pairs, 0 elsewhere, (B, k, k)."""
    import pytensor.tensor as pt

    count = judged.sum(axis=(1, 2))[:, None, None]
    apart = s - (judged * s).sum(axis=(1, 2))[:, None, None] / count
    variance = (judged * apart**2).sum(axis=(1, 2))[:, None, None] / count
    return judged * apart / pt.sqrt(variance + 1e-10)  # of an embedding of one point: all 0


def replicated_dissimilarities(
    similarity: Floats,
    object_noise: Floats,
    pair_noise: Floats,
    pairs: Integers,
    source: Integers,
    rng: np.random.Generator,
) -> Floats:
    """Draw the dissimilarities of every source, (P,): minus similarity, with both kinds of errors.

    ``similarity`` (P,) has mean 0 and variance 1 over the pairs of a source; noises, (S,), are in
    standard deviations of it; ``pairs`` (P, 2) are object indices, ``source`` (P,) whose each is.
    """
    v, w = (np.asarray(values, dtype=np.float64)[source] for values in (object_noise, pair_noise))
    own = np.asarray(source, dtype=np.int64)[:, None] * (int(pairs.max()) + 1) + pairs
    found, place = np.unique(own, return_inverse=True)
    effects = rng.standard_normal(len(found))[place.reshape(own.shape)].sum(axis=1)
    errors = v * effects + w * rng.standard_normal(len(similarity))
    return np.asarray((errors - similarity) / np.sqrt(1 + 2 * v**2 + w**2))


@dataclass(frozen=True, eq=False, kw_only=True)
class JudgedPairs(Replicated):
    """Dissimilarities of P pairs of objects, (P, 2); ``source`` (P,) is whose of ``who``."""

    kind = "dissimilarities"
    stream = 4

    pairs: Integers
    source: Integers

    def under(self, draw: int) -> tuple[Floats, list[Floats]]:
        """Standardised similarities, (P,), and both noises of the sources."""
        people = [person_of(self.names[place]) for place in self.who]
        s = Unknown.under(self.posterior, draw).pairs(self.pairs, self.source, people)
        noises = (self.posterior.drawn(name) for name in ("object_noise", "pair_noise"))
        return standardised(s, self.source), [noise[draw, self.who] for noise in noises]

    def statistics(self, expected: Any, judged: Floats) -> tuple[Floats, Floats]:
        return correlations(-expected[0], judged, self.source), np.zeros(0)

    def again(self, expected: Any, rng: np.random.Generator) -> Floats:
        s, (of_objects, of_pairs) = expected
        return replicated_dissimilarities(s, of_objects, of_pairs, self.pairs, self.source, rng)
