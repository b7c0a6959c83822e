"""Predictive checks: what the fitted model would give once more.

A posterior predictive check of a discrepancy T (doi:10.1214/ss/1177012136): for each draw of the
posterior, T of the data is set against T of data replicated under the same draw, and the p-value
is the share of replicates that are at least as large. T may depend on the draw; it has to here,
since a check against one prediction that was itself fitted to the data finds the fit in it. Three
moments of the differences between replicates and data give the tail further out than any replicate
lies.

How well a person's judgments follow the embedding is a correlation over pairs of objects: of a
layout's distances with the embedding's, of dissimilarities, ratings and sharing a pile with
similarities, in all and by person. Choices have checks of their own (:mod:`._predictive`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.embedding._kind import Replicated, means_of
from twoalike.embedding._loo import LEAST_DRAWS, left_out_weights, separate_fits, trusted_k
from twoalike.study import Floats, Integers, progress

DISCOVERIES = 0.05
"""Expected share of false alarms among the participants who are reported as different."""
REPLICATES = 1000
VALUES = 100_000_000  # pairs x replicates, at which there are fewer of these: bounds the time


@dataclass(frozen=True)
class Comparison:
    """Something observed against replicates.

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
        return min(1.0, 2 * min(self.p, 1 - self.p))


class ReplicateTally:
    """Discrepancies of several groups, each compared with replicates.

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

    def comparisons(self, cases: Floats | Integers, *, counts: bool = False) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names.

        With ``counts`` discrepancies are how many of the cases something was seen in, and shares of
        them are given, from 0 to 1.
        """
        from scipy.stats import pearson3

        observed, gap, square, cube = self._sums / max(self._replicates, 1)
        sd = np.sqrt(np.maximum(square - gap**2, 1e-18))
        skew = (cube - 3 * gap * square + 2 * gap**3) / sd**3
        tail = pearson3(np.clip(skew, -10.0, 10.0), gap, sd)
        ends = (observed + tail.ppf(level) for level in (0.05, 0.95))
        parts = np.stack([observed, observed + gap, *ends, tail.sf(0.0)])
        if counts:
            parts[:4] = np.clip(parts[:4] / np.maximum(cases, 1e-12), 0.0, 1.0)
        return [
            Comparison(self.names[place], float(cases[place]), *parts[:, place].tolist())
            for place in np.flatnonzero(cases)
        ]


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
class Score:
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
class KindChecks:
    """Predictive checks of arrangements, dissimilarities, ratings or sortings.

    Attributes
    ----------
    judgments, left_out
        Layouts, dissimilarities of pairs, ratings or sortings checked, and those left out: of
        people or objects that the posterior does not know, or too small to tell anything.
    follow
        Named as the kind: correlation with the embedding, averaged over trials, each weighted by
        its number of objects (over sources and raters: of pairs).
    participants
        The same for each person (source, rater).
    outstanding
        Names of those who follow the embedding less than the model expects, at a false discovery
        rate of 5 %, lowest p-value first.
    at_random
        Of arrangements: those whose noise exceeds the spread of what they arrange with a
        probability of 95 %, the noisiest first. Their own noise explains what they do, so they need
        not stand out.
    calibration
        Of arrangements: distances by tenths of the embedding's distances, shortest first. Of
        ratings: share of each level of each scale. Of sortings: mean number of piles of a trial,
        share of the objects in its largest one, share of objects that are alone in theirs.
    score
        How well ratings and decisions about piles are predicted; None of other kinds.
    """

    judgments: int
    left_out: int
    follow: Comparison
    participants: list[Comparison]
    outstanding: list[str]
    at_random: list[str]
    calibration: list[Comparison]
    score: Score | None = None


def follow(known: Replicated, which: Integers, seed: int, *, fitted: bool) -> KindChecks:
    """Compare judgments with replicates under the draws ``which``, and score them.

    ``fitted``: whether the judgments are those of the fit, each of which is then left out to be
    predicted.
    """
    rng = np.random.default_rng([seed, known.stream])
    names = known.names
    of_all, of_people, of_bins = map(ReplicateTally, ([known.kind], names, known.bins))
    one, weight = np.zeros(len(known.who), dtype=np.int64), known.weight.astype(np.float64)
    logs: list[Floats] = []
    for draw, times in rounds(which, known.n_pairs, known.kind):
        expected = known.under(draw)
        r, bins = known.statistics(expected, known.given)
        logs.append(known.log_probability(expected))
        for _ in range(times):
            r_again, bins_again = known.statistics(expected, known.again(expected, rng))
            of_bins.add(bins, bins_again)
            for tally, group in ((of_all, one), (of_people, known.who)):
                both = (means_of(of, group, len(tally.names), weight) for of in (r, r_again))
                tally.add(*both)
    people, judgments = of_people.comparisons(known.cases), int(known.cases.sum())
    low = {person.name for person in people if person.observed < person.expected}
    return KindChecks(
        judgments=judgments,
        left_out=known.left_out,
        follow=of_all.comparisons(np.array([judgments]))[0],
        participants=people,
        outstanding=[name for name in outstanding(people) if name in low],
        at_random=known.at_random(),
        calibration=of_bins.comparisons(np.asarray(known.bin_cases)),
        score=None if known.sizes is None else _scored(known, np.stack(logs), fitted=fitted),
    )


def rounds(
    which: Integers, n_pairs: int, kind: str, most: int = REPLICATES
) -> Iterator[tuple[int, int]]:
    """Draws, and how many replicates to draw under each."""
    wanted = min(most, VALUES // max(n_pairs, 1))
    times = max(-(-wanted // len(which)), 1)
    with progress() as bar:
        task = bar.add_task(f"replicating {kind}", total=len(which), status="")
        for draw in which:
            yield int(draw), times
            bar.update(task, advance=1)


def _scored(known: Replicated, logs: Floats, *, fitted: bool) -> Score:
    size, posterior = np.asarray(known.sizes, dtype=np.float64), known.posterior
    chains, n_draws = posterior.tree["posterior"].sizes["chain"], len(logs)
    fitted = fitted and n_draws >= LEAST_DRAWS
    likelihood = np.exp(np.maximum(logs, -60.0))
    k_high, limit = 0.0, 0.0
    if fitted:
        fits = separate_fits(posterior, n_draws)
        weights, shape = left_out_weights(likelihood, chains, fits)
        predicted = np.einsum("ks,sk->k", weights, likelihood)
        limit = trusted_k(n_draws // fits)
        k_high = float((shape > limit).mean())
    else:
        predicted = likelihood.mean(axis=0)
    loss = -np.log(np.maximum(predicted, 1e-30))
    mean = float(loss.sum() / size.sum())
    error = float(np.sqrt(((loss - mean * size) ** 2).sum()) / size.sum())
    subset = int(size.sum())
    return Score(known.total, subset, mean, error, known.guess, limit, k_high, fitted)
