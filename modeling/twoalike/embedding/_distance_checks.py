"""Predictive checks of arrangements and dissimilarities against replicates.

Two questions are asked, each under every draw and against judgments replicated from the model
under the same draw with the person's own noise. How well do a person's judgments follow the
embedding: the correlation, over pairs of objects, of a layout's distances with the embedding's,
or of dissimilarities with (negated) similarities, in all and by person. And, for layouts, which
distance is placed where: mean distance by tenths of the embedding's distances, both as shares of
the mean of their trial: a picture of calibration.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._judged import KnownLayouts, KnownPairs, drawn
from twoalike.embedding._predictive import BINS, Comparison, ReplicateTally, outstanding
from twoalike.judgments import person_of
from twoalike.study import Floats, Integers, progress

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior


def replicated_layouts(
    x: Floats,
    noise: Floats,
    items: Integers,
    trial: Integers,
    rng: np.random.Generator,
    roots: Floats | None = None,
) -> Floats:
    """Draw one layout of every trial, shape (K, 2): a random view of its objects, and noise.

    ``noise`` (T,) of whoever arranged a trial is a share of the standard deviation of what they
    see: the embedding, or coordinates multiplied by ``roots`` (T, D). ``items`` and ``trial`` (K,)
    are object and trial of each placement. Places are neither centred nor scaled: only shapes are
    modelled.
    """
    x = np.asarray(x, dtype=np.float64)
    roots = np.ones((len(noise), x.shape[1])) if roots is None else roots
    spread = (roots**2) @ ((x - x.mean(axis=0)) ** 2).mean(axis=0)
    sd = np.sqrt(noise**2 * spread + 1e-6)  # as in the likelihood
    views = roots[:, :, None] * rng.standard_normal((len(noise), x.shape[1], 2))
    places = np.einsum("kd,kdc->kc", x[items], views[trial])
    return np.asarray(places + sd[trial][:, None] * rng.standard_normal((len(items), 2)))


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


REPLICATES = 1000
MOST_DRAWS = 250
SURE = 0.95
VALUES = 100_000_000  # pairs x replicates, at which there are fewer of these: bounds the time


@dataclass(frozen=True)
class DistanceChecks:
    """Predictive checks of arrangements, or of dissimilarities.

    Attributes
    ----------
    judgments, left_out
        Layouts (or dissimilarities of pairs) checked, and those left out: of people or objects that
        the posterior does not know, or without a shape.
    follow
        Named ``arrangements`` or ``dissimilarities``: correlation with the embedding, averaged over
        trials, each weighted by its number of objects (over sources: of pairs).
    participants
        The same for each person (source).
    outstanding
        Names of those who follow the embedding less than the model expects, at a false discovery
        rate of 5 %, lowest p-value first.
    at_random
        Of arrangements: those whose noise exceeds the spread of what they arrange with a
        probability of 95 %, the noisiest first. Their own noise explains what they do, so they need
        not stand out.
    calibration
        Of arrangements: distances by tenths of the embedding's distances, shortest first.
    """

    judgments: int
    left_out: int
    follow: Comparison
    participants: list[Comparison]
    outstanding: list[str]
    at_random: list[str]
    calibration: list[Comparison]


class Follow:
    """Correlations with the embedding, in all and by person (``who``, (T,)), weighted by trial."""

    def __init__(self, kind: str, names: Sequence[str], who: Integers, weight: Integers) -> None:
        self._all, self._people = ReplicateTally([kind]), ReplicateTally(names)
        self._who, self._weight = who, weight.astype(np.float64)

    def add(self, observed: Floats, replicated: Floats) -> None:
        """Add one replicate: correlations of each trial, shape (T,) each."""
        size, one = len(self._people.names), np.zeros(len(self._who), dtype=np.int64)
        for tally, group, groups in ((self._all, one, 1), (self._people, self._who, size)):
            means = (_means(r, group, groups, self._weight) for r in (observed, replicated))
            tally.add(*means)

    def result(self, cases: Integers, judgments: int, left_out: int) -> DistanceChecks:
        """Compare, once all replicates are in; ``cases`` are those of each person."""
        people = self._people.comparisons(cases)
        low = {person.name for person in people if person.observed < person.expected}
        return DistanceChecks(
            judgments=judgments,
            left_out=left_out,
            follow=self._all.comparisons(np.array([judgments]))[0],
            participants=people,
            outstanding=[name for name in outstanding(people) if name in low],
            at_random=[],
            calibration=[],
        )


def check_layouts(
    posterior: "Posterior", known: KnownLayouts, which: Integers, seed: int
) -> DistanceChecks:
    """Check arrangements; ``which`` are positions among all draws of all chains."""
    rng = np.random.default_rng([seed, 3])
    noise = drawn(posterior, "arrangement_noise")
    within, n_trials = known.trial[known.pairs[:, 0]], len(known.arranger)
    observed = _relative(_distances(known.places, known.pairs), within)
    follow = Follow("arrangements", known.names, known.arranger, np.bincount(known.trial))
    tenths = ReplicateTally([f"{10 * k} to {10 * (k + 1)} %" for k in range(BINS)])
    rank, judges = np.empty(len(within), dtype=np.int64), places_among(posterior, known.names)
    for draw, times in rounds(which, len(within), "arrangements"):
        x, roots = posterior.embedding[draw], None
        seen = x[known.items]
        if posterior.weights is not None:
            roots = posterior.weights.roots_of(draw, judges)[known.arranger]
            seen = seen * roots[known.trial]
        wanted = _relative(_distances(seen, known.pairs), within)
        rank[np.argsort(wanted, kind="stable")] = np.arange(len(rank))
        tenth = rank * BINS // len(rank)
        r, shown = correlations(wanted, observed, within), _means(observed, tenth, BINS)
        own = noise[draw, known.arranger]
        for _ in range(times):
            places = replicated_layouts(x, own, known.items, known.trial, rng, roots)
            again = _relative(_distances(places, known.pairs), within)
            follow.add(r, correlations(wanted, again, within))
            tenths.add(shown, _means(again, tenth, BINS))
    cases = np.bincount(np.arange(len(rank)) * BINS // len(rank), minlength=BINS)
    trials = np.bincount(known.arranger, minlength=len(known.names))
    return replace(
        follow.result(trials, n_trials, known.left_out),
        at_random=_at_random(known.names, noise, trials),
        calibration=tenths.comparisons(cases),
    )


def _at_random(names: Sequence[str], noise: Floats, trials: Integers) -> list[str]:
    """Name those with trials whose noise, shape (S, people), is surely above 1."""
    sure = ((noise > 1).mean(axis=0) >= SURE) & (trials > 0)
    order = np.argsort(-noise.mean(axis=0), kind="stable")
    return [names[place] for place in order if sure[place]]


def check_pairs(
    posterior: "Posterior", known: KnownPairs, which: Integers, seed: int
) -> DistanceChecks:
    """Check dissimilarities, as :func:`check_layouts` does arrangements."""
    rng = np.random.default_rng([seed, 4])
    object_noise, pair_noise = (drawn(posterior, name) for name in ("object_noise", "pair_noise"))
    first, second = known.pairs.T
    names, source = np.unique(known.source, return_inverse=True)
    cases = np.bincount(known.source, minlength=len(known.names))
    follow = Follow("dissimilarities", known.names, names, cases[names])
    judges = places_among(posterior, [person_of(name) for name in known.names])
    for draw, times in rounds(which, len(source), "dissimilarities"):
        x = posterior.embedding[draw].astype(np.float64)
        left, right = x[first], x[second]
        if posterior.weights is not None:
            roots = posterior.weights.roots_of(draw, judges)[known.source]
            left, right = left * roots, right * roots
        s = _standardised(posterior.kernel.rows(left, right).astype(np.float64), source)
        r = correlations(-s, known.values, source)
        noises = object_noise[draw, names], pair_noise[draw, names]
        for _ in range(times):
            again = replicated_dissimilarities(s, *noises, known.pairs, source, rng)
            follow.add(r, correlations(-s, again, source))
    return follow.result(cases, len(source), known.left_out)


def rounds(which: Integers, n_pairs: int, kind: str) -> Iterator[tuple[int, int]]:
    """Draws, and how many replicates to draw under each."""
    wanted = min(REPLICATES, VALUES // max(n_pairs, 1))
    times = max(-(-wanted // len(which)), 1)
    with progress() as bar:
        task = bar.add_task(f"replicating {kind}", total=len(which), status="")
        for draw in which:
            yield int(draw), times
            bar.update(task, advance=1)


def places_among(posterior: "Posterior", people: Sequence[str]) -> Integers:
    """Look people up among the participants, -1 of those who are none, shape (n,)."""
    return np.asarray(pd.Index(posterior.participants).get_indexer(pd.Index(people)))


def _distances(places: npt.NDArray[Any], pairs: Integers) -> Floats:
    gaps = places[pairs[:, 0]].astype(np.float64) - places[pairs[:, 1]]
    return np.asarray(np.sqrt((gaps**2).sum(axis=1)))


def _means(values: Floats, group: Integers, groups: int, weight: Floats | None = None) -> Floats:
    """Weighted mean of each group, shape (groups,); 0 of a group without any."""
    heavy = values if weight is None else values * weight
    sums = np.bincount(group, weights=heavy, minlength=groups)
    return np.asarray(sums / np.maximum(np.bincount(group, weight, minlength=groups), 1e-12))


def _relative(distances: Floats, trial: Integers) -> Floats:
    """Distances as shares of their trial's mean; 0 where all are 0."""
    return np.asarray(distances / np.maximum(_means(distances, trial, 0), 1e-12)[trial])


def _standardised(values: Floats, trial: Integers) -> Floats:
    """Values with mean 0 and variance 1 in each trial; 0 where all are equal."""
    apart = values - _means(values, trial, 0)[trial]
    sd = np.sqrt(_means(apart**2, trial, 0))[trial]
    return np.divide(apart, sd, out=np.zeros_like(apart), where=sd > 1e-9)


def correlations(one: Floats, other: Floats, trial: Integers) -> Floats:
    """Correlation over the pairs of each trial, shape (T,); 0 where one side is constant."""
    return _means(_standardised(one, trial) * _standardised(other, trial), trial, 0)
