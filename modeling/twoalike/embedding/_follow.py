"""Predictive checks: what the fitted model would give once more.

A posterior predictive check of a discrepancy T (doi:10.1214/ss/1177012136): for each draw of the
posterior, T of the data is set against T of data replicated under the same draw, and the p-value
is the share of replicates that are at least as large. T may depend on the draw; it has to here,
since a check against one prediction that was itself fitted to the data finds the fit in it.

Checks of choices (:mod:`._predictive`) are of sums of independent hits, each with its own
probability. Their replicates need not be drawn: the tail of such a sum follows from its first three
moments (the refined normal approximation to the Poisson binomial, doi:10.1016/j.csda.2012.10.006).
For all other kinds replicates are drawn, and three moments of their differences to what was
observed give the tail further out than any replicate lies.

How well a person's judgments follow the embedding is a correlation over pairs of objects: of a
layout's distances with the embedding's, of dissimilarities, ratings and sharing a pile with
similarities, in all and by person.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._judged import drawn, none_known
from twoalike.embedding._loo import LEAST_DRAWS, left_out_weights, separate_fits, trusted_k
from twoalike.judgments import person_of
from twoalike.study import Floats, Integers, progress

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

Z90 = 1.6448536269514722
BINS = 10
DISCOVERIES = 0.05
"""Expected share of false alarms among the participants who are reported as different."""
REPLICATES = 1000
VALUES = 100_000_000  # pairs x replicates, at which there are fewer of these: bounds the time


@dataclass(frozen=True)
class Comparison:
    """Something observed against replicates.

    A check of any task takes this form: of choices the share of the cases in which something
    could happen (see :class:`Tally`), else a mean over cases (see :class:`ReplicateTally`).

    Attributes
    ----------
    name
        Of whom or what.
    n
        Cases (mean over draws where it depends on the draw).
    observed
        Share or mean observed.
    expected, low, high
        Mean and 90 % interval of the same in replicated data.
    p
        Probability that a replicate is at least as large as what was observed (Bayesian
        p-value, equal values counted half).
    """

    name: str
    n: float
    observed: float
    expected: float
    low: float
    high: float
    p: float

    @property
    def two_sided(self) -> float:
        """Probability of a replicate at least as far out, on either side."""
        return min(1.0, 2 * min(self.p, 1 - self.p))


def bernoulli_moments(probability: Any, value: Any = 1.0) -> tuple[Any, Any, Any]:
    """Mean, variance and third central moment of ``value`` with ``probability``, else 0."""
    spread = value**2 * probability * (1 - probability)
    return value * probability, spread, spread * value * (1 - 2 * probability)


def below(observed: Floats, mean: Floats, variance: Floats, third: Floats) -> Floats:
    """Probability that a sum of independent hits is smaller than observed, ties counted half.

    From the sum's mean, variance and third central moment.
    """
    from scipy.special import ndtr

    certain = variance <= 1e-12
    # Half the probability of equal values: as if noise uniform over one hit were added.
    sd = np.sqrt(variance + 1 / 12)
    z = np.clip((observed - mean) / sd, -38, 38)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    share = ndtr(z) + third / sd**3 * (1 - z**2) * density / 6
    return np.where(certain, 0.5, np.clip(share, 0.0, 1.0))


def most_probable(p: Floats, base: Floats, chosen: Integers) -> tuple[Floats, Any]:
    """Whether each answer is the most probable one by ``base``, ties shared, (n,); its moments.

    Probabilities of the answers are (n, A): ``p`` under the present draw, and ``base`` where the
    judgments are not of the fit averaged over draws, since they do not follow the draw.
    """
    tied = base >= base.max(axis=1, keepdims=True) - 1e-9
    share = 1 / tied.sum(axis=1)  # ties count 1 / (number tied)
    hits = tied[np.arange(len(p)), chosen] * share
    return hits, bernoulli_moments((p * tied).sum(axis=1), share)


class Tally:
    """Hits of several groups, summed within a draw and compared at its end.

    Only sums over draws are kept: memory is that of the groups.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._draws = 0
        self._now = np.zeros((5, len(self.names)))  # cases, hits, three moments of the hits
        self._sums = np.zeros((6, len(self.names)))

    def add(self, group: Integers, hits: npt.ArrayLike, moments: tuple[Any, Any, Any]) -> None:
        """Add cases to the present draw: group, observed hit and expected moments of each, (n,)."""
        size = len(self.names)
        self._now[0] += np.bincount(group, minlength=size)
        for row, values in enumerate((hits, *moments), start=1):
            weights = np.asarray(values, dtype=np.float64)
            self._now[row] += np.bincount(group, weights=weights, minlength=size)

    def end_draw(self) -> None:
        """Compare the present draw, and make ready for the next."""
        cases, hits, mean, variance, third = self._now
        gap = mean - hits
        share = below(hits, mean, variance, third)
        self._sums += np.stack([cases, hits, mean, variance + gap**2, gap, share])
        self._draws += 1
        self._now[:] = 0

    def comparisons(self) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names."""
        cases, hits, mean, square, gap, share = self._sums / self._draws
        sd = np.sqrt(np.maximum(square - gap**2, 0.0))
        found = []
        for place in np.flatnonzero(cases):
            n = cases[place]
            low, high = (mean[place] + side * Z90 * sd[place] for side in (-1, 1))
            found.append(
                Comparison(
                    name=self.names[place],
                    n=float(n),
                    observed=float(hits[place] / n),
                    expected=float(mean[place] / n),
                    low=float(max(low / n, 0.0)),
                    high=float(min(high / n, 1.0)),
                    p=float(1 - share[place]),
                )
            )
        return found


class ReplicateTally:
    """Discrepancies of several groups, each compared with replicates that were drawn.

    Only sums over replicates are kept: memory is that of the groups. The difference of a replicate
    to what was observed is taken to follow the Pearson distribution of type III (a shifted gamma,
    of either direction) that has its first three moments.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._replicates = 0
        self._sums = np.zeros((4, len(self.names)))  # observed, three powers of the difference

    def add(self, observed: Floats, replicated: Floats) -> None:
        """Add one replicate: the discrepancy in data and replicate under one draw, (groups,)."""
        gap = replicated - observed
        self._sums += np.stack([observed, gap, gap**2, gap**3])
        self._replicates += 1

    def comparisons(self, cases: Integers) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names."""
        from scipy.stats import pearson3

        observed, gap, square, cube = self._sums / max(self._replicates, 1)
        sd = np.sqrt(np.maximum(square - gap**2, 1e-18))
        skew = (cube - 3 * gap * square + 2 * gap**3) / sd**3
        found = []
        for place in np.flatnonzero(cases):
            tail = pearson3(skew[place], gap[place], sd[place])
            low, high = (observed[place] + tail.ppf(level) for level in (0.05, 0.95))
            found.append(
                Comparison(
                    name=self.names[place],
                    n=float(cases[place]),
                    observed=float(observed[place]),
                    expected=float(observed[place] + gap[place]),
                    low=float(low),
                    high=float(high),
                    p=float(tail.sf(0.0)),
                )
            )
        return found


def outstanding(people: Sequence[Comparison]) -> list[str]:
    """Names of those whose check fails, at a false discovery rate of 5 %, worst first."""
    from scipy.stats import false_discovery_control

    if not people:
        return []
    p = np.array([person.two_sided for person in people])
    order = np.argsort(p, kind="stable")
    flagged = false_discovery_control(p) <= DISCOVERIES
    return [people[place].name for place in order if flagged[place]]


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
            means = (means_of(r, group, groups, self._weight) for r in (observed, replicated))
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


@dataclass(frozen=True)
class RatedScore:
    """Log-loss of ratings or of decisions about piles, in nats, each predicted from the others.

    Attributes
    ----------
    judgments, subset
        Ratings (or decisions) in all, and those weighed.
    log_loss, log_loss_se
        Of a rating, or of a decision, with its standard error over ratings (trials).
    guessing
        Log-loss of guesses: each level, or each pile and a new one, equally likely.
    k_limit, k_high
        Pareto k up to which an estimate can be trusted, and the share of the ratings (trials) with
        a larger one.
    left_out
        Whether draws were weighed: not with fewer than 25, or judgments that are new to the fit.
    """

    judgments: int
    subset: int
    log_loss: float
    log_loss_se: float
    guessing: float
    k_limit: float
    k_high: float
    left_out: bool


@dataclass(frozen=True)
class RatedChecks(DistanceChecks):
    """Checks of ratings or sortings.

    Attributes
    ----------
    calibration
        Of ratings: share of each level of each scale. Of sortings: mean number of piles of a trial,
        share of the objects in its largest one, share of objects that are alone in theirs.
    score
        How well they are predicted.
    """

    score: RatedScore


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


def known_rows(
    posterior: "Posterior",
    table: pd.DataFrame,
    items: Sequence[str],
    names: Sequence[str],
    kind: str,
) -> tuple[pd.DataFrame, int]:
    """Rows by people and of objects of a posterior, and how many others there are."""
    people = {*names, *map(person_of, names)}
    known = table["participant"].isin(people)
    for item in items:
        known &= table[item].isin(posterior.ids)
    if not known.any():
        raise none_known(posterior, kind, len(table), names)
    return table[known], int((~known).sum())


class Seen:
    """Similarities as each person sees them, in their own units, under every draw."""

    def __init__(self, posterior: "Posterior", symbol: str, people: Sequence[str]) -> None:
        self._posterior = posterior
        self._judges = places_among(posterior, people)
        self.noise = drawn(posterior, f"{symbol}_noise")
        self._origin = drawn(posterior, f"{symbol}_origin")
        self._unit = drawn(posterior, f"{symbol}_unit")

    def pairs(self, draw: int, items: Integers, who: Integers) -> Floats:
        """Of pairs of objects, (n, 2), to ``who``, (n,): shape (n,)."""
        x = self._posterior.embedding[draw].astype(np.float64)
        left, right = x[items[:, 0]], x[items[:, 1]]
        if self._posterior.weights is not None:
            roots = self._posterior.weights.roots_of(draw, self._judges)[who]
            left, right = left * roots, right * roots
        s = self._posterior.kernel.rows(left, right)
        return np.asarray((s - self._origin[draw, who]) / self._unit[draw, who])

    def trials(self, draw: int, items: Integers, who: Integers) -> Floats:
        """Of all pairs of the items (T, k) of each trial to who sorted it, shape (T, k, k)."""
        trials, k = items.shape
        both = np.stack(np.broadcast_arrays(items[:, :, None], items[:, None, :]), -1)
        return self.pairs(draw, both.reshape(-1, 2), np.repeat(who, k * k)).reshape(trials, k, k)


def scored(
    posterior: "Posterior", logs: Floats, size: Floats, total: int, guess: float, fitted: bool
) -> RatedScore:
    """Log-loss from the log-probabilities of k ratings or trials under each draw, (S, k).

    ``size`` (k,) counts the decisions of each, ``total`` all of them.
    """
    chains, n_draws = posterior.tree["posterior"].sizes["chain"], len(logs)
    fitted = fitted and n_draws >= LEAST_DRAWS
    likelihood = np.exp(np.maximum(logs, -60.0))
    k_high, limit = 0.0, 0.0
    if fitted:
        fits = separate_fits(posterior, n_draws)
        predicted, shape = np.empty(logs.shape[1]), np.empty(logs.shape[1])
        for part, weights, found in left_out_weights(likelihood, chains, fits):
            predicted[part] = np.einsum("ks,sk->k", weights, likelihood[:, part])
            shape[part] = found
        limit = trusted_k(n_draws // fits)
        k_high = float((shape > limit).mean())
    else:
        predicted = likelihood.mean(axis=0)
    loss = -np.log(np.maximum(predicted, 1e-30))
    mean = float(loss.sum() / size.sum())
    error = np.sqrt(((loss - mean * size) ** 2).sum()) / size.sum()
    return RatedScore(total, int(size.sum()), mean, float(error), guess, limit, k_high, fitted)
