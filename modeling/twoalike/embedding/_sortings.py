r"""Free sorting in the model: objects join piles one after the other, or begin new ones.

A person who sorts k objects into piles takes them one by one. The t-th object joins pile g of those
there are, or begins a new one, with probabilities

    P(joins g) = exp(u_g) / Z,   u_g = (mean similarity to the members of g) / b_p,
    P(new)     = exp(u_0) / Z,   u_0 = a_p / b_p,   Z = exp(u_0) + sum over g of exp(u_g),

with a noise b_p and a threshold a_p of each sorter, partially pooled: how alike an object has to be
to join, which decides how many piles there are. This is the distance-dependent relative of the
Chinese restaurant process (Blei & Frazier 2011, Journal of Machine Learning Research 12,
2461-2488; with piles, as in Dahl 2017, doi:10.1080/01621459.2016.1165103), with the utility of a
pile that of the average linkage of clustering. Similarities are standardised by their mean and
standard deviation over the pairs in one trial: sortings tell nothing of the scale of the embedding.

A partition of k objects is thus k - 1 decisions, whose probabilities multiply to that of the whole
partition. They depend on the order in which the person took the objects, which is not in the table;
with any other order the product is that of another model, and its intervals are too narrow. A fit
therefore lets each object choose its pile given all others, whatever their order (a
pseudo-likelihood, Besag 1975, doi:10.2307/2987782). Every pair is then counted from both of its
sides, so that the sum of the log-probabilities is halved (benchmarks/results/ratings.md).

Scores and replicates need the probability of a partition: there objects are taken in a random order
that is drawn once for each trial.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._kind import (
    Noise,
    PaddedGroup,
    Replicated,
    TrialKind,
    Unknown,
    correlations,
    known_rows,
    pairs_of,
    reference_pairs,
)
from twoalike.embedding._posterior import Posterior
from twoalike.judgments import JudgedTrial, judged_trials
from twoalike.study import Floats, Integers

FEWEST = 3
"""Objects in a trial: whether two share a pile says no more than where the threshold is."""
_NEVER = -1e9


class SortingGroup(PaddedGroup):
    """``values`` (T, k) are numbers of piles from 0 to k - 1, objects in a random order."""

    @property
    def entries(self) -> int:
        return int(self.items.size * self.items.shape[1])


@dataclass(frozen=True, eq=False, kw_only=True)
class Sortings(TrialKind[SortingGroup]):
    """All trials of those who sorted; ``reference`` pairs (P, 2) are those that trials show."""

    kind = "sortings"
    axis = "sorter"
    counted = "sortings", "sorted"
    group = SortingGroup
    wanted = f"sortings of {FEWEST} objects or more"

    reference: Integers = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int32))
    noise: Noise = Noise(0.5)
    threshold: float = 0.5
    threshold_sd: float = 1.0
    threshold_spread: float = 0.5

    @classmethod
    def tells(cls, trial: JudgedTrial) -> bool:
        return len(trial.items) >= FEWEST

    @classmethod
    def prepared(
        cls, trial: JudgedTrial, rng: np.random.Generator
    ) -> tuple[Integers, npt.NDArray[Any]]:
        order = rng.permutation(len(trial.items))
        return trial.items[order], trial.values[order].astype(np.int32)

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> Self:
        found = super().from_table(table, ids)
        rows = [of for group in found.groups for of in zip(group.items, group.shown, strict=True)]
        own = [items[shown > 0] for items, shown in rows]
        pairs = np.concatenate([items[pairs_of(len(items))] for items in own])
        return replace(found, reference=reference_pairs(pairs))

    def unknowns(self, unknown: Unknown) -> Any:
        import pymc as pm

        n = len(self.people)
        noise = self.noise.add("sorting_noise", "sorting", n, self.axis)
        threshold = pm.Normal("sorting_threshold_location", self.threshold, self.threshold_sd)
        if n > 1:
            spread = pm.HalfNormal("sorting_threshold_spread", self.threshold_spread)
            own = pm.Normal("sorting_threshold_offset", 0.0, 1.0, dims=self.axis)
            threshold = threshold + spread * own
        else:
            threshold = threshold[None]
        origin, unit = unknown.add_units("sorting", self.axis, self.reference, self.people)
        threshold = pm.Deterministic("sorting_threshold", threshold, dims=self.axis)
        return noise, threshold, origin, unit

    def log_likelihood(
        self, unknown: Unknown, own: Any, group: SortingGroup, arrays: Sequence[Any], n: int
    ) -> Any:
        """Give half that of each object's pile given all others, (T, k); 0 where padded."""
        items, pile, shown, sorter = arrays
        noise, least, origin, unit = (values[sorter][:, None, None] for values in own)
        s = (unknown.within(items, sorter, self.people) - origin) / unit
        pile, shown = map(unknown.xp.as_tensor, (pile, shown))
        others = 1 - np.eye(group.items.shape[1], dtype=np.float32)
        return 0.5 * log_decisions((s, least, noise), pile, shown, others, unknown.xp)

    @classmethod
    def compared(
        cls, table: pd.DataFrame, ids: Sequence[str]
    ) -> Iterator[tuple[str, Floats, Integers, float]]:
        """Give who sorted, and which pairs share a pile: of k objects k - 1 decisions."""
        for trial in judged_trials(table, ids)[0]:
            if cls.tells(trial):
                pairs = pairs_of(len(trial.items))
                same = (trial.values[pairs[:, 0]] == trial.values[pairs[:, 1]]).astype(np.float64)
                yield trial.participant, same, trial.items[pairs], float(len(trial.items) - 1)

    @classmethod
    def replicated(
        cls, posterior: Posterior, table: pd.DataFrame, seed: int, draws: int
    ) -> "SortedTrials":
        known, left_out = known_rows(posterior, table, ("item",), "sorter", cls.kind)
        data, names = cls.from_table(known, posterior.ids), posterior.labels("sorter")
        own = pd.Index(names).get_indexer(pd.Index(data.people))
        groups = data.groups
        sizes = np.concatenate([group.shown.sum(axis=1) for group in groups]) - 1
        who = np.concatenate([own[group.judge] for group in groups])
        return SortedTrials(
            posterior=posterior,
            names=names,
            who=who,
            weight=sizes,
            cases=np.bincount(who, minlength=len(names)),
            left_out=left_out + data.left_out,
            given=[np.where(group.shown > 0, group.values, -1) for group in groups],
            n_pairs=sum(group.entries for group in groups),
            bins=("piles a trial", "largest pile", "objects alone"),
            bin_cases=np.full(3, len(who)),
            sizes=sizes,
            total=int(sizes.sum()),
            guess=sum(_log_guess(group) for group in groups) / float(sizes.sum()),
            groups=groups,
            sorters=[own[group.judge] for group in groups],
        )


def log_decisions(seen: Any, pile: Any, shown: Any, known: Floats, xp: ModuleType) -> Any:
    """Log-probability of each object's pile given others, (T, k), for numpy or PyTensor.

    ``seen`` are similarities within each trial (T, k, k), threshold and noise of who sorted it;
    ``known`` (k, k) says whose piles the decision on each object (row) knows.
    """
    s, least, scale = seen
    member = xp.equal(pile[:, :, None], np.arange(len(known))) * shown[:, :, None]
    count = known @ member
    mean = (known * s) @ member / xp.maximum(count, 1.0)
    # In units of the option of a new pile, whose exponential is then 1.
    gain = xp.where(count > 0, (mean - least) / scale, _NEVER)
    top = xp.maximum(gain.max(axis=2), 0.0)
    norm = top + xp.log(xp.exp(gain - top[:, :, None]).sum(axis=2) + xp.exp(-top))
    joined = (xp.where(count > 0, gain, 0.0) * member).sum(axis=2)
    return (joined - norm) * shown


def before(size: int) -> Floats:
    """Whose piles each object knows (row) if objects are taken in the order of their places."""
    return np.tril(np.ones((size, size), dtype=np.float32), -1)


def draw_piles(gain: Floats, shown: Floats, rng: np.random.Generator) -> Integers:
    """Draw the piles of every trial, (T, k), numbered from 0; -1 where padded.

    ``gain`` (T, k, k) are similarities within each trial less the sorter's threshold, in units of
    their noise; ``shown`` (T, k) is positive for an object.
    """
    trials, k, _ = gain.shape
    there = np.asarray(shown > 0)
    member = np.zeros((trials, k, k))
    member[:, 0, 0] = 1
    for t in range(1, k):
        count = member[:, :t].sum(axis=1)
        mean = np.einsum("nj,njg->ng", gain[:, t, :t], member[:, :t]) / np.maximum(count, 1)
        new = np.arange(k) == (count > 0).sum(axis=1)[:, None]
        utility = np.where(count > 0, mean, np.where(new, 0.0, _NEVER))
        chosen = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
        member[np.arange(trials), t, chosen] = there[:, t]
    return np.where(there, member.argmax(axis=2), -1)


def _log_guess(group: SortingGroup) -> float:
    """Negative log-probability of all trials if each option of a decision is equally likely."""
    member = (group.values[:, :, None] == np.arange(group.values.shape[1])) * group.shown[
        :, :, None
    ]
    count = before(group.values.shape[1]) @ member
    return float((np.log1p((count > 0).sum(axis=2)) * group.shown).sum())


@dataclass(frozen=True, eq=False, kw_only=True)
class SortedTrials(Replicated):
    """Sortings in groups of about one size; ``given`` are piles, (T, k), -1 where padded."""

    kind = "sortings"
    stream = 6

    groups: tuple[SortingGroup, ...]
    sorters: list[Integers]

    def under(self, draw: int) -> list[tuple[Floats, Floats, Floats]]:
        """Similarities within each trial, (T, k, k), threshold and noise of who sorted it."""
        found, seen = [], Unknown.under(self.posterior, draw)
        for group, who in zip(self.groups, self.sorters, strict=True):
            s = seen.within(group.items, who, self.names)
            origin, unit, threshold, noise = (
                self.posterior.drawn(f"sorting_{name}")[draw, who][:, None, None]
                for name in ("origin", "unit", "threshold", "noise")
            )
            found.append(((s - origin) / unit, threshold, noise))
        return found

    def statistics(self, expected: Any, judged: Any) -> tuple[Floats, Floats]:
        """Correlate similarity with sharing a pile in each trial; count piles, their sizes."""
        r, summaries = [], []
        for group, (s, *_), pile in zip(self.groups, expected, judged, strict=True):
            shown = group.shown > 0
            both = np.triu(shown[:, :, None] & shown[:, None, :], 1)
            trial, first, second = np.nonzero(both)
            same = (pile[trial, first] == pile[trial, second]).astype(np.float64)
            r.append(correlations(s[trial, first, second], same, trial))
            counts = (pile[:, :, None] == np.arange(pile.shape[1])).sum(axis=1)  # in each pile
            size = shown.sum(axis=1)
            largest, alone = counts.max(axis=1) / size, (counts == 1).sum(axis=1) / size
            summaries.append(np.stack([(counts > 0).sum(axis=1), largest, alone]))
        return np.concatenate(r), np.concatenate(summaries, axis=1).mean(axis=1)

    def again(self, expected: Any, rng: np.random.Generator) -> list[Integers]:
        pairs = zip(self.groups, expected, strict=True)
        return [draw_piles((s - least) / scale, of.shown, rng) for of, (s, least, scale) in pairs]

    def log_probability(self, expected: Any) -> Floats:
        logs = [
            log_decisions(seen, group.values, group.shown, before(group.values.shape[1]), np).sum(
                axis=1
            )
            for group, seen in zip(self.groups, expected, strict=True)
        ]
        return np.concatenate(logs)
