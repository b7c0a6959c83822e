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
partition, and not k (k - 1) / 2 answers of same or different. Treated as independent answers they
give intervals that hold the truth too rarely, and so does the pseudo-likelihood, in which each
object chooses its pile given all others: every pair is then counted from both of its sides. Ours
hold it where all is drawn from the prior, less often in other spaces, and least where people
cluster all objects at once (benchmarks/results/ratings.md).

In which order a person took the objects is not in the table: a random order is drawn once for each
trial, always the same. The mean over several orders gives no better intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding._parts import (
    PaddedGroup,
    PaddedTrials,
    find_kernel,
    in_size_groups,
    name_axes,
    pooled_noise,
)
from twoalike.embedding._ratings import add_units, reference_pairs, units_of
from twoalike.judgments import Sorting, sortings_of
from twoalike.study import Floats, Integers, TwoalikeError

POTENTIAL = "sortings_"
TYPICAL_NOISE = 0.5
"""In standard deviations of the similarities."""
FEWEST = 3
"""Objects in a trial: whether two share a pile says no more than where the threshold is."""
_NEVER = -1e9


@dataclass(frozen=True, eq=False)
class SortingGroup(PaddedGroup):
    """T trials of about one size, padded to k objects.

    ``items`` (T, k) are object indices in a random order, ``pile`` (T, k) numbers from 0 to k - 1,
    ``shown`` (T, k) is 1 for an object and 0 for padding, ``sorter`` (T,) says who sorted.
    """

    items: Integers
    pile: Integers
    shown: Floats
    sorter: Integers

    @property
    def entries(self) -> int:
        """Numbers to compute for all: similarities within each trial."""
        return int(self.items.size * self.items.shape[1])


@dataclass(frozen=True, eq=False, kw_only=True)
class Sortings(PaddedTrials[SortingGroup]):
    """All trials of those who sorted; ``reference`` pairs (P, 2) are those that trials show."""

    axis = "sorter"
    reference: Integers

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> "Sortings":
        """Take the main and repeated trials of a table; ``ids`` are the objects to index into."""
        trials, ids = sortings_of(table, ids)
        telling = [trial for trial in trials if len(trial.items) >= FEWEST]
        if not telling:
            raise TwoalikeError(
                f"expected sortings of {FEWEST} objects or more (main or repeated trials), found "
                f"none among {len(trials)} trials."
            )
        sorters = tuple(dict.fromkeys(trial.participant for trial in telling))
        index = {name: place for place, name in enumerate(sorters)}
        groups = in_size_groups(telling, lambda trial: len(trial.items))
        pairs = [
            trial.items[np.stack(np.triu_indices(len(trial.items), 1), 1)] for trial in telling
        ]
        return cls(
            groups=tuple(_padded(group, index, number) for number, group in enumerate(groups)),
            people=sorters,
            reference=reference_pairs(np.concatenate(pairs)),
            ids=ids,
            left_out=len(trials) - len(telling),
        )


def _padded(trials: Sequence[Sorting], sorters: Mapping[str, int], seed: int) -> SortingGroup:
    rng = np.random.default_rng(seed)
    shape = (len(trials), max(len(trial.items) for trial in trials))
    items, pile = (np.zeros(shape, dtype=np.int32) for _ in range(2))
    shown = np.zeros(shape, dtype=np.float32)
    for row, trial in enumerate(trials):
        k = len(trial.items)
        order = rng.permutation(k)
        items[row, :k], pile[row, :k], shown[row, :k] = trial.items[order], trial.piles[order], 1
    who = np.array([sorters[trial.participant] for trial in trials], dtype=np.int32)
    return SortingGroup(items, pile, shown, who)


def add_sortings(
    x: Any,
    data: Sortings,
    similarity: str,
    batch: Sequence[Sequence[Any]] | None = None,
    *,
    observed: bool = False,
    log_weight: Any = None,
) -> None:
    """Add the trials to the open PyMC model: each sorter's noise and threshold, and potentials.

    ``batch`` has symbolic stand-ins for the four arrays of each group; None: all trials. With
    ``observed`` a group is an observed variable, the piles (T, k), instead of a potential.
    ``log_weight``, (A, d), of each sorter, if people weigh the dimensions.
    """
    import pymc as pm

    n = len(data.people)
    noise = pooled_noise("sorting_noise", "sorting", TYPICAL_NOISE, n, "sorter")
    threshold = pm.Normal("sorting_threshold_location", 0.5, 1.0)
    if n > 1:
        spread = pm.HalfNormal("sorting_threshold_spread", 0.5)
        own = pm.Normal("sorting_threshold_offset", 0.0, 1.0, dims="sorter")
        threshold = threshold + spread * own
    else:
        threshold = threshold[None]
    threshold = pm.Deterministic("sorting_threshold", threshold, dims="sorter")
    form: dict[str, Any] = {"similarity": similarity, "reference": data.reference}
    add_units("sorting", x, data.reference, similarity, data.people, "sorter", log_weight)
    for number, group in enumerate(data.groups):
        name = f"{POTENTIAL}{number}"
        if observed:
            _observe(name, (x, noise, threshold), log_weight, group, form)
            continue
        arrays = batch[number] if batch is not None else group.arrays
        logs = decision_log_likelihood(
            x, noise, threshold, *arrays, size=group.items.shape[1], log_weight=log_weight, **form
        )
        pm.Potential(name, logs.sum())


def decision_log_likelihood(
    x: Any,
    noise: Any,
    threshold: Any,
    items: Any,
    pile: Any,
    shown: Any,
    sorter: Any,
    *,
    size: int,
    similarity: str,
    reference: Integers,
    log_weight: Any = None,
) -> Any:
    """Log-probability of each object's pile given the objects before it, (T, k); 0 where padded.

    ``noise`` and ``threshold`` (A,) are of the sorters, the four arrays those of
    :class:`SortingGroup`, of ``size`` k.
    """
    import pytensor.tensor as pt

    shown, pile = pt.as_tensor(shown), pt.as_tensor(pile)
    s = trial_similarities(x, items, sorter, similarity, reference, log_weight)
    scale, least = noise[sorter][:, None, None], threshold[sorter][:, None, None]
    member = pt.eq(pile[:, :, None], np.arange(size)) * shown[:, :, None]
    before = members_known(size) * shown[:, :, None] * shown[:, None, :]
    count = pt.matmul(before, member)
    mean = pt.matmul(before * s, member) / pt.maximum(count, 1.0)
    # In units of the option of a new pile, whose exponential is then 1.
    gain = pt.where(count > 0, (mean - least) / scale, _NEVER)
    top = pt.maximum(gain.max(axis=2), 0.0)
    norm = top + pt.log(pt.exp(gain - top[:, :, None]).sum(axis=2) + pt.exp(-top))
    joined = (pt.where(count > 0, gain, 0.0) * member).sum(axis=2)
    return (joined - norm) * shown


def members_known(size: int) -> Floats:
    """Whose piles the decision on each object (row) knows: those of the objects before it."""
    return np.tril(np.ones((size, size), dtype=np.float32), -1)


def trial_similarities(
    x: Any,
    items: Any,
    sorter: Any,
    similarity: str,
    reference: Integers,
    log_weight: Any,
) -> Any:
    """Similarities within each trial in the units of its sorter, (T, k, k)."""
    import pytensor.tensor as pt

    z = x[items]
    if log_weight is not None:
        z = z * pt.exp(log_weight / 2)[sorter][:, None]
    dots = pt.matmul(z, z.swapaxes(1, 2))
    s = find_kernel(similarity).gram((z**2).sum(axis=2)[:, :, None], dots, pt)
    origin, unit = units_of(x, reference, similarity, sorter, log_weight)
    return (s - origin[:, None, None]) / unit[:, None, None]


def _observe(
    name: str, unknown: tuple[Any, ...], log_weight: Any, group: SortingGroup, form: dict[str, Any]
) -> None:
    """Add a group of trials as an observed variable, which can be simulated."""
    import pymc as pm
    import pytensor.tensor as pt

    items, pile, shown, sorter = group.arrays
    if log_weight is None:
        log_weight = pt.zeros((unknown[1].shape[0], unknown[0].shape[1]))

    def logp(value: Any, x: Any, noise: Any, threshold: Any, log_weight: Any) -> Any:
        arrays = items, value.astype("int32"), shown, sorter
        size = items.shape[1]
        logs = decision_log_likelihood(
            x, noise, threshold, *arrays, size=size, log_weight=log_weight, **form
        )
        return logs.sum(axis=1)

    def simulate(
        x: Any, noise: Any, threshold: Any, log_weight: Any, rng: Any = None, size: Any = None
    ) -> Any:
        kernel, pairs = find_kernel(form["similarity"]), form["reference"]
        own = np.exp(log_weight / 2)[sorter]
        known = [kernel.rows(x[pairs[:, 0]] * root, x[pairs[:, 1]] * root) for root in own]
        seen = [x[row] * root for row, root in zip(items, own, strict=True)]
        s = np.stack(
            [
                (kernel.matrix(z, z) - one.mean()) / one.std()
                for z, one in zip(seen, known, strict=True)
            ]
        )
        gain = (s - threshold[sorter][:, None, None]) / noise[sorter][:, None, None]
        return in_order(draw_piles(gain, shown, rng), shown)

    pm.CustomDist(
        name,
        *unknown,
        log_weight,
        random=simulate,
        logp=logp,
        signature="(m,d),(a),(a),(a,d)->({},{})".format(*pile.shape),
        observed=in_order(pile, shown),
        dims=name_axes(name, ("trial", "place"), pile.shape),
    )


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


def in_order(pile: Integers, shown: Floats) -> Integers:
    """Count piles of each trial in order of their first objects, (T, k); padding has its own."""
    numbered = [
        pd.factorize(np.where(there > 0, own, -2 - np.arange(len(own))))[0]
        for own, there in zip(pile, shown, strict=True)
    ]
    return np.stack(numbered).astype(np.int64)
