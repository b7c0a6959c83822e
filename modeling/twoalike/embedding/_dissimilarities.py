r"""Dissimilarities in the model: RDMs and rated pairs, whose errors hang together.

A source (one participant) gives numbers to P pairs of objects, on a scale of its own. They are
standardised, and so are the similarities s of the same pairs in the embedding. Then

    z_ij = a - b s_ij + u_i + u_j + e_ij,   u ~ N(0, (b v)^2),   e ~ N(0, (b w)^2)

with b > 0. The effects u make errors hang together: an object that was put too far out is too
far from all others, so P pairs of m objects do not tell P things, and with w alone intervals are
too narrow (benchmarks/results/dissimilarities.md). The noises v and w are in units of the
similarities' standard deviation; since z has unit variance, they tell b: b^2 (1 + 2 v^2 + w^2) =
1. Location and scale of s drop out, so dissimilarities say nothing of the scale of the embedding.

What a plane cannot hold is another matter: it is lost to all pairs at once, and is no object's
error. RDMs made from arrangements therefore leave the model surer than it should be (same
table); where the arrangements themselves are there, their own model knows of the plane
(:mod:`twoalike.embedding._layouts`).

Effects and the intercept a (with a flat prior) are integrated out. With Z the incidence of pairs
and objects (P x m) the covariance is (b w)^2 I + (b v)^2 Z Z', whose eigenvectors depend on
which pairs were judged and on no parameter: they are found once, from the m x m matrix Z'Z, for
missing pairs as for complete RDMs. A density then takes sums over the pairs and one product of m
numbers with an m x m matrix: no P x P matrix, no factorisation, and nothing more to sample.

Where people weigh the dimensions (:mod:`twoalike.embedding._people`), the similarities of a source
are those of whoever gave it: the model of INDSCAL with errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._parts import (
    PaddedGroup,
    find_kernel,
    in_size_groups,
    name_axes,
    pooled_noise,
)
from twoalike.judgments import PairSource, pair_sources
from twoalike.study import Floats, Integers

POTENTIAL = "dissimilarities_"
TYPICAL_OBJECT, TYPICAL_PAIR = 0.5, 1.0  # noises, in standard deviations of the similarities
LEAST_PAIR = 0.1
"""Least noise of a pair. Distances in a plane fit an embedding in the plane without any: the
posterior would have no width, and no sampler could move in it."""
_ZERO = 1e-9  # eigenvalues below this share of the largest are rounding


@dataclass(frozen=True, eq=False)
class PairGroup(PaddedGroup):
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


@dataclass(frozen=True, eq=False)
class Dissimilarities:
    """All sources of dissimilarities, in groups of about one number of objects.

    ``people`` (S,) gave the sources; ``pairs`` (S,) counts those of each source, ``compared`` (m,)
    the pairs that each object is in.
    """

    groups: tuple[PairGroup, ...]
    sources: tuple[str, ...]
    people: tuple[str, ...]
    ids: tuple[str, ...]
    pairs: Integers
    compared: Integers

    @property
    def labels(self) -> dict[str, list[str]]:
        """Axis of the draws that the sources have, with its labels."""
        return {"source": list(self.sources)}

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> "Dissimilarities":
        """Take a table; ``ids`` are the objects to index into, by default its own."""
        sources, ids = pair_sources(table, ids)
        groups = in_size_groups(range(len(sources)), lambda place: _n_objects(sources[place]))
        return cls(
            tuple(_padded([sources[place] for place in group], group) for group in groups),
            tuple(source.label for source in sources),
            tuple(source.participant for source in sources),
            ids,
            np.array([len(source.pairs) for source in sources]),
            np.bincount(
                np.concatenate([source.pairs.ravel() for source in sources]), minlength=len(ids)
            ),
        )


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
        z = source.dissimilarity - source.dissimilarity.mean()
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


def add_dissimilarities(
    x: Any,
    data: Dissimilarities,
    similarity: str,
    batch: Sequence[Sequence[Any]] | None = None,
    *,
    observed: bool = False,
    log_weight: Any = None,
) -> None:
    """Add the sources to the open PyMC model: two noises a source, and one potential a group.

    ``batch`` has symbolic stand-ins for the six arrays of each group; None: all sources. With
    ``observed`` a group is an observed variable, (S, k, k), instead of a potential. ``log_weight``,
    (S, d), of each source, if people weigh the dimensions.
    """
    import pymc as pm

    object_noise, pair_noise = (
        pooled_noise(name, name, typical, len(data.sources), "source", least)
        for name, typical, least in (
            ("object_noise", TYPICAL_OBJECT, 0.0),
            ("pair_noise", TYPICAL_PAIR, LEAST_PAIR),
        )
    )
    for number, group in enumerate(data.groups):
        if observed:
            noises = (object_noise, pair_noise)
            _observe(f"{POTENTIAL}{number}", x, *noises, log_weight, group, similarity)
            continue
        arrays = batch[number] if batch is not None else group.arrays
        logs = dissimilarity_log_likelihood(
            x, object_noise, pair_noise, *arrays, similarity=similarity, log_weight=log_weight
        )
        pm.Potential(f"{POTENTIAL}{number}", logs.sum())


def _observe(
    name: str,
    x: Any,
    object_noise: Any,
    pair_noise: Any,
    log_weight: Any,
    group: PairGroup,
    similarity: str,
) -> None:
    """Add a group of sources as an observed variable, which can be simulated."""
    import pymc as pm
    import pytensor.tensor as pt

    items, judged, basis, roots, values, source = group.arrays
    if log_weight is None:
        log_weight = pt.zeros((object_noise.shape[0], x.shape[1]))

    def logp(value: Any, x: Any, object_noise: Any, pair_noise: Any, log_weight: Any) -> Any:
        arrays = (items, judged, basis, roots, value, source)
        form: dict[str, Any] = {"similarity": similarity, "log_weight": log_weight}
        return dissimilarity_log_likelihood(x, object_noise, pair_noise, *arrays, **form)

    def simulate(x: Any, object_noise: Any, pair_noise: Any, log_weight: Any, _: Any) -> Any:
        v, w = (noise[source][:, None, None] for noise in (object_noise, pair_noise))
        effect = pm.Normal.dist(shape=values.shape[:2])
        error = pm.Normal.dist(shape=values.shape) * np.triu(np.ones(values.shape[1:]), 1)
        errors = v * (effect[:, :, None] + effect[:, None, :]) + w * (error + error.swapaxes(1, 2))
        s = _standardised(x, items, judged, similarity, log_weight[source])
        return _of_unit_variance(errors - s, judged)

    pm.CustomDist(
        name,
        x,
        object_noise,
        pair_noise,
        log_weight,
        dist=simulate,
        logp=logp,
        signature="(m,d),(s),(s),(s,d)->(t,k,k)",
        observed=values,
        dims=name_axes(name, ("source", "item_a", "item_b"), values.shape),
    )


def dissimilarity_log_likelihood(
    x: Any,
    object_noise: Any,
    pair_noise: Any,
    items: Any,
    judged: Any,
    basis: Any,
    roots: Any,
    values: Any,
    source: Any,
    *,
    similarity: str,
    log_weight: Any = None,
) -> Any:
    """Log-density of each source's dissimilarities, up to a constant, shape (S,).

    With r = z + b s, V the covariance and 1 a vector of ones, over the P pairs:
    -[log det V + log 1'V⁻¹1 + r'V⁻¹r - (1'V⁻¹r)² / 1'V⁻¹1] / 2. The noises, (S,), are in standard
    deviations of the similarities; the six arrays are those of :class:`PairGroup`. ``log_weight``,
    (S, d), of each source, if people weigh the dimensions.
    """
    import pytensor.tensor as pt

    judged, basis, roots, values = map(pt.as_tensor, (judged, basis, roots, values))
    v, w = object_noise[source], pair_noise[source]
    slope2 = 1 / (1 + 2 * v**2 + w**2)
    of_objects, of_pairs = slope2 * v**2, slope2 * w**2
    own = None if log_weight is None else log_weight[source]
    s = _standardised(x, items, judged, similarity, own)
    r = values + pt.sqrt(slope2)[:, None, None] * s
    # Each pair stands in the matrices twice.
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


def _standardised(x: Any, items: Any, judged: Any, similarity: str, log_weight: Any = None) -> Any:
    """Similarities of mean 0 and variance 1 over the judged pairs, 0 elsewhere, (B, k, k).

    With log weights of sources, (S, d), they are of each source, (S, k, k).
    """
    import pytensor.tensor as pt

    z = x[items]
    if log_weight is not None:
        z = z * pt.exp(log_weight / 2)[:, None]
    dots = pt.matmul(z, z.swapaxes(1, 2))
    s = find_kernel(similarity).gram((z**2).sum(axis=2)[:, :, None], dots, pt)
    return _of_unit_variance(s, pt.as_tensor(judged))


def _of_unit_variance(s: Any, judged: Any) -> Any:
    """Values brought to mean 0 and variance 1 over the judged pairs, 0 elsewhere, (B, k, k)."""
    import pytensor.tensor as pt

    count = judged.sum(axis=(1, 2))[:, None, None]
    apart = s - (judged * s).sum(axis=(1, 2))[:, None, None] / count
    variance = (judged * apart**2).sum(axis=(1, 2))[:, None, None] / count
    return judged * apart / pt.sqrt(variance + 1e-10)  # of an embedding of one point: all 0
