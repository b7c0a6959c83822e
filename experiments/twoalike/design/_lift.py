"""Lift the weakest: grow the set of items that gains most evidence for its cost.

Evidence on a pair has diminishing utility, so a set is worth most where its pairs lack
evidence. From a first pair the set grows item by item while the benefit for the cost rises.
The gain a pair would bring is predicted from what is known of the dissimilarities: within a
set people use the whole arena, so the largest one is predicted to span it
(doi:10.3389/fpsyg.2012.00245).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.design._evidence import Floats

SMALLEST_SET = 3
"""Two items have one distance, which says nothing without a scale."""
TIE = 1e-12
"""Relative difference below which two sets are equally efficient."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Prospect:
    """What is known before a trial, and the constants of the choice.

    Attributes
    ----------
    evidence
        Shape (m, m), as :func:`twoalike.design.pair_evidence` gives it.
    dissimilarities
        Shape (m, m), no NaN; any scale.
    exponent, floor, cost
        ``evidence_exponent``, ``weight_floor`` and ``cost_exponent`` of the settings.
    """

    evidence: Floats
    dissimilarities: Floats
    exponent: float
    floor: float
    cost: float

    @property
    def lack(self) -> Floats:
        """Utility each pair still lacks, shape (m, m)."""
        return np.exp(-self.exponent * self.evidence)

    def gain(self, lack: Floats, dissimilarity: Floats, largest: Floats) -> Floats:
        """Predict the utility pairs gain in a set whose largest dissimilarity is given.

        With w the predicted weight, u(W + w) - u(W) = exp(-aW) (1 - exp(-aw)).
        """
        ratio = np.divide(
            dissimilarity, largest, out=np.zeros_like(dissimilarity), where=largest > 0
        )
        weight = np.maximum(ratio, self.floor) ** 2
        return np.where(largest > 0, -lack * np.expm1(-self.exponent * weight), 0.0)


def efficiency(items: npt.NDArray[np.int64], prospect: Prospect) -> float:
    """Predicted gain in utility of all pairs of a set, divided by the set's cost.

    Parameters
    ----------
    items
        Indices, shape (k,).
    prospect
        What is known.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245
    """
    a, b = (items[side] for side in np.triu_indices(len(items), 1))
    known = prospect.dissimilarities[a, b]
    gain = prospect.gain(prospect.lack[a, b], known, np.broadcast_to(known.max(), known.shape))
    return float(gain.sum() / len(items) ** prospect.cost)


def first_pair(
    evidence: Floats, rule: str, max_items: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Pair that a set grows from.

    Parameters
    ----------
    evidence
        Shape (m, m), with some pair above zero.
    rule
        ``weakest``: the pair with least evidence. ``zero_reach``: of the pairs with evidence
        (which tie the trial to earlier ones) the one whose two items take part in most pairs
        without; any pair once no pair is without. Ties are broken at random.
    max_items
        Largest set; three leave no room to tie two new items to earlier trials.
    rng
        For ties.
    """
    a, b = np.triu_indices(len(evidence), 1)
    known = evidence[a, b]
    if rule == "zero_reach":
        alone = ((evidence == 0).sum(axis=1) - 1).astype(np.float64)
        score = np.where(known > 0, alone[a] + alone[b], -1.0)
    else:
        seen = (evidence > 0).any(axis=1)
        score = np.where((max_items > SMALLEST_SET) | seen[a] | seen[b], -known, -np.inf)
    pick = rng.choice(np.flatnonzero(score == score.max()))
    return int(a[pick]), int(b[pick])


def grow_set(
    pair: tuple[int, int], prospect: Prospect, max_items: int, rng: np.random.Generator
) -> list[int]:
    """Add items to a pair while the efficiency of the set rises.

    The set has at least three items and shares a pair with an earlier trial, which ties its
    scale to theirs.

    Parameters
    ----------
    pair
        Indices of two items.
    prospect
        What is known; some pair has evidence.
    max_items
        Largest set, at least 3.
    rng
        For ties.

    Returns
    -------
    Indices in the order added.
    """
    growth = _Growth(pair, prospect)
    m = len(prospect.evidence)
    while len(growth.items) < min(max_items, m):
        candidates = growth.candidates(room=min(max_items, m) - len(growth.items))
        totals, largest = growth.totals(candidates)
        values = totals / (len(growth.items) + 1) ** prospect.cost
        best = values.max()
        enough = len(growth.items) >= SMALLEST_SET and growth.linked
        if enough and best <= growth.efficiency * (1 + TIE):
            break
        at = rng.choice(np.flatnonzero(values >= best * (1 - TIE)))
        growth.add(int(candidates[at]), float(totals[at]), float(largest[at]))
    return growth.items


class _Growth:
    """A set that grows, with the sums that make its next step cheap."""

    def __init__(self, pair: tuple[int, int], prospect: Prospect) -> None:
        self.items = list(pair)
        self.prospect = prospect
        self.lack = prospect.lack
        self.largest = float(prospect.dissimilarities[pair])
        self.benefit = efficiency(np.array(pair), prospect) * 2**prospect.cost
        self.linked = bool(prospect.evidence[pair] > 0)

    @property
    def efficiency(self) -> float:
        return float(self.benefit / len(self.items) ** self.prospect.cost)

    def candidates(self, room: int) -> npt.NDArray[np.int64]:
        """Items that may come next; with little room left, those that tie to earlier trials."""
        free = np.ones(len(self.lack), dtype=bool)
        free[self.items] = False
        if not self.linked:
            ties = (self.prospect.evidence[self.items] > 0).any(axis=0) & free
            seen = (self.prospect.evidence > 0).any(axis=0) & free
            if room == 1 or (len(self.items) >= SMALLEST_SET and ties.any()):
                free = ties
            elif room == 2 and not ties.any():
                free = seen
        return np.flatnonzero(free)

    def totals(self, candidates: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Benefit of the set with each candidate, and the largest dissimilarity it then has."""
        known, gain = self.prospect.dissimilarities, self.prospect.gain
        rows = np.ix_(self.items, candidates)
        largest = np.maximum(self.largest, known[rows].max(axis=0))
        totals = gain(self.lack[rows], known[rows], np.broadcast_to(largest, known[rows].shape))
        totals = totals.sum(axis=0)
        # Only where the scale changes do the pairs already in the set have to be predicted anew.
        wider = largest > self.largest
        totals[~wider] += self.benefit
        if wider.any():
            inside = np.array(self.items)
            a, b = (inside[side][:, None] for side in np.triu_indices(len(inside), 1))
            scale = np.broadcast_to(largest[wider], (len(a), int(wider.sum())))
            pairs = np.broadcast_to(known[a, b], scale.shape)
            totals[wider] += gain(self.lack[a, b], pairs, scale).sum(axis=0)
        return totals, largest

    def add(self, item: int, benefit: float, largest: float) -> None:
        self.linked |= bool((self.prospect.evidence[item, self.items] > 0).any())
        self.items.append(item)
        self.benefit, self.largest = benefit, largest
