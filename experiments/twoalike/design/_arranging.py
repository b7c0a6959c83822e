"""What arrangements say of each pair, and which items the next trial of a session shows.

Every trial has a scale of its own, since people spread any set over the whole arena. The
rescaled average brings the trials to one scale and averages, each distance weighted by the
squared signal-to-noise ratio it has if placement noise is the same everywhere. Evidence on a pair
is the sum of these weights (doi:10.3389/fpsyg.2012.00245).

Lift the weakest (the same paper): evidence has diminishing utility, so a set is worth most where
its pairs lack evidence. From a first pair the set grows item by item while the benefit for the cost
rises. The gain of a pair is predicted from the dissimilarities known: within a set people use the
whole arena, so the largest one is predicted to span it. The next trial is a pure function of the
settings, the trials submitted so far and the rng of the trial: a session that is resumed, on the
same day or weeks later, goes on as if it had not stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twoalike.design._tables import SMALLEST_SET
from twoalike.study import ArrangementConfig, Floats, Integers

type EndReason = Literal["evidence", "time", "max_trials", "list"]
WEIGHT_FLOOR = 0.2
"""Distance, in arena diameters, below which the weight of a pair does not fall."""
MAX_ITERATIONS = 500
TOLERANCE = 1e-8
"""Sum of squared changes below which the average has settled."""
TIE = 1e-12
"""Relative difference below which two sets are equally efficient."""


@dataclass(frozen=True, eq=False)
class ArrangedTrial:
    """One submitted trial: which items, and where they were put."""

    items: Integers
    """Indices of the k items placed inside the arena, all different, shape (k,)."""
    positions: Floats
    """x and y of each in arena diameters, shape (k, 2). Rounded to the six decimals of the raw
    table, so that a resumed session, which reads them there, decides as an uninterrupted one."""

    def __post_init__(self) -> None:
        items = np.asarray(self.items, dtype=np.int64)
        raw = np.asarray(self.positions, dtype=np.float64)
        # Python's round agrees with how numbers are written to text; numpy's may not.
        rounded = [[round(x, 6), round(y, 6)] for x, y in raw.tolist()]
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "positions", np.array(rounded).reshape(-1, 2))


def pair_evidence(trials: Sequence[ArrangedTrial], m: int, floor: float = WEIGHT_FLOOR) -> Floats:
    """Evidence that trials give on each pair: the sum of max(distance, floor)² over trials.

    Shape (m, m), symmetric, zero for pairs never shown together and on the diagonal; ``floor`` in
    arena diameters (Kriegeskorte and Mur 2012, doi:10.3389/fpsyg.2012.00245).

    Examples
    --------
    >>> trial = ArrangedTrial(np.array([0, 2]), np.array([[0.0, 0.3], [0.0, -0.3]]))
    >>> pair_evidence([trial], 3).round(2).tolist()
    [[0.0, 0.0, 0.36], [0.0, 0.0, 0.0], [0.36, 0.0, 0.0]]
    """
    _, pair, _, weight = _placed(trials, m, floor)
    return _square(_sums(pair, weight, m * m), m)


@dataclass(frozen=True, eq=False)
class RescaledAverage:
    """Dissimilarities from several trials."""

    dissimilarities: Floats
    """Shape (m, m), symmetric, NaN for pairs never shown together, 0 on the diagonal; the pairs
    together have Euclidean norm one."""
    converged: bool
    """Whether the last round of rescaling changed less than the tolerance."""


def rescaled_average(
    trials: Sequence[ArrangedTrial], m: int, floor: float = WEIGHT_FLOOR
) -> RescaledAverage:
    """Average the distances of trials, each trial rescaled to fit the average of all.

    Weights come from the distances as placed (:func:`pair_evidence`). The result is that of the
    evidence-weighted rescaling of rsatoolbox 0.3.2. Trials that share no pair with the others, not
    even through further trials, keep a scale that nothing determines.
    """
    trial, places, distance, weight = _placed(trials, m, floor)
    n = len(trials)
    # Only pairs that were shown: in a large set they are few, and the rounds are many.
    known, pair, shown = np.unique(places, return_inverse=True, return_counts=True)
    total = _sums(pair, weight, len(known))
    unit = _ratio(distance, np.sqrt(_sums(trial, distance**2, n))[trial])
    mean = _to_norm_one(_ratio(_sums(pair, distance, len(known)), shown))
    converged = False
    for _ in range(MAX_ITERATIONS):
        scale = np.sqrt(_sums(trial, mean[pair] ** 2, n))
        aligned = weight * unit * scale[trial]
        before, mean = mean, _to_norm_one(_ratio(_sums(pair, aligned, len(known)), total))
        if converged := float(np.sum((mean - before) ** 2)) <= TOLERANCE:
            break
    upper = np.full(m * m, np.nan)
    upper[known] = mean
    square = _square(upper, m)
    np.fill_diagonal(square, 0.0)
    return RescaledAverage(square, converged)


def _placed(
    trials: Sequence[ArrangedTrial], m: int, floor: float
) -> tuple[Integers, Integers, Floats, Floats]:
    """Trial, place of the pair (row times m plus column, row < column), distance and weight."""
    pairs, distances = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for one in trials:
        first, second = np.triu_indices(len(one.items), 1)
        a, b = one.items[first], one.items[second]
        pairs.append(np.minimum(a, b) * m + np.maximum(a, b))
        distances.append(np.hypot(*(one.positions[first] - one.positions[second]).T))
    distance = np.concatenate(distances)
    sizes = [len(part) for part in pairs[1:]]
    trial = np.repeat(np.arange(len(sizes)), sizes)
    return trial, np.concatenate(pairs), distance, np.maximum(distance, floor) ** 2


def _square(upper: Floats, m: int) -> Floats:
    square = upper.reshape(m, m)
    lower = np.tril_indices(m, -1)
    square[lower] = square.T[lower]
    return square


def _sums(groups: Integers, values: Floats, n: int) -> Floats:
    return np.bincount(groups, values, n).astype(np.float64)


def _ratio(top: Floats, bottom: Floats | Integers) -> Floats:
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0))


def _to_norm_one(values: Floats) -> Floats:
    norm = float(np.linalg.norm(values))
    return np.asarray(values / norm if norm > 0 else values)


@dataclass(frozen=True, kw_only=True)
class EvidenceState:
    """Evidence before a trial, over all pairs of the design."""

    min_evidence: float
    mean_evidence: float
    """``min_evidence``, ``mean_evidence``: Smallest and mean evidence of a pair, squared arena
    diameters."""
    progress: float
    """Mean over pairs of the share of the evidence asked for, in [0, 1]: it never falls, and is 1
    exactly where the session may stop."""


@dataclass(frozen=True, kw_only=True)
class PlannedArrangement(EvidenceState):
    """The next trial."""

    items: tuple[int, ...]
    """Indices of the items, in the order to seat them."""
    scheduler: str
    """How they were chosen: ``all``, ``random`` (a random set, where the first trial cannot hold
    all), ``lift_weakest``, or the list's own word."""
    session_progress: float
    """Share of the session's main trials that is over, in [0, 1), by the criterion that will end
    them first: evidence (gained since the session's start), time, or their number."""


@dataclass(frozen=True, kw_only=True)
class ArrangementEnd(EvidenceState):
    """No further trial."""

    reason: EndReason
    """``evidence``: every pair has enough; ``time``: the session's minutes are spent;
    ``max_trials``: the session has had its trials; ``list``: the list is through."""


def next_arrangement(
    config: ArrangementConfig,
    m: int,
    done: Sequence[ArrangedTrial],
    rng: np.random.Generator,
    *,
    spent_s: float,
    in_session: int | None = None,
    listed: Sequence[tuple[Sequence[int], str]] | None = None,
) -> PlannedArrangement | ArrangementEnd:
    """Choose the items of the next main trial.

    ``done`` are the main trials that the participant submitted, of earlier sessions too, oldest
    first, without items outside the arena; so many of them belong to this session (``in_session``;
    None: all), and took ``spent_s`` seconds. ``rng`` is made for this trial alone, so that the
    choice does not depend on how often the session was resumed. ``listed`` has items and scheduler
    of each main trial of the session, for every scheduler but ``lift_weakest``: only that one ends
    by enough evidence; what a list asks for is shown.
    """
    evidence = pair_evidence(done, m, config.weight_floor)
    state = evidence_state(evidence, config.stop_evidence)
    number = len(done) if in_session is None else in_session
    reason = _end_reason(config, state, number, spent_s, None if listed is None else len(listed))
    if reason is not None:
        return ArrangementEnd(reason=reason, **vars(state))
    shares = [number / config.max_trials] if config.max_trials else []
    if config.session_minutes:
        shares.append(spent_s / (60 * config.session_minutes))
    if listed is not None:
        items, scheduler = listed[number]
        seated = tuple(items)
        shares.append(number / len(listed))
    else:
        earlier = pair_evidence(done[: len(done) - number], m, config.weight_floor)
        begun = evidence_state(earlier, config.stop_evidence).progress
        shares.append((state.progress - begun) / (1 - begun))
        items, scheduler = _lifted(config, evidence, done, rng)
        seated = tuple(rng.permutation(items).tolist())
    return PlannedArrangement(
        items=seated, scheduler=scheduler, session_progress=max(shares), **vars(state)
    )


def evidence_state(evidence: Floats, stop: float) -> EvidenceState:
    """Summarise the evidence on all pairs, (m, m); at ``stop`` a pair is known well enough."""
    pairs = evidence[np.triu_indices(len(evidence), 1)]
    return EvidenceState(
        min_evidence=float(pairs.min()),
        mean_evidence=float(pairs.mean()),
        progress=float(np.minimum(pairs / stop, 1.0).mean()),
    )


def _end_reason(
    config: ArrangementConfig, state: EvidenceState, number: int, spent_s: float, listed: int | None
) -> EndReason | None:
    if listed is not None and number >= listed:
        return "list"
    if listed is None and state.min_evidence >= config.stop_evidence:
        return "evidence"
    if config.max_trials and number >= config.max_trials:
        return "max_trials"
    if config.session_minutes and spent_s >= 60 * config.session_minutes:
        return "time"
    return None


def _lifted(
    config: ArrangementConfig,
    evidence: Floats,
    done: Sequence[ArrangedTrial],
    rng: np.random.Generator,
) -> tuple[Sequence[int], str]:
    m = len(evidence)
    limit = min(config.max_items or m, m)
    if not evidence.any():
        # The scale of later trials hangs on the first, which shows as much as it may.
        if limit == m:
            return range(m), "all"
        return rng.choice(m, size=limit, replace=False).tolist(), "random"
    known = rescaled_average(done, m, config.weight_floor).dissimilarities
    known = np.where(np.isnan(known), np.nanmedian(known[np.triu_indices(m, 1)]), known)
    return _grown(config, evidence, known, limit, rng), "lift_weakest"


def _efficiency(
    sets: Integers, evidence: Floats, dissimilarities: Floats, config: ArrangementConfig
) -> Floats:
    """Predicted gain in utility of all pairs of each set, (n, k), divided by the set's cost, (n,).

    With W the evidence of a pair and w the weight predicted for it,
    u(W + w) - u(W) = exp(-aW) (1 - exp(-aw)).
    """
    i, j = np.triu_indices(sets.shape[1], 1)
    known = dissimilarities[sets[:, i], sets[:, j]]
    largest = np.broadcast_to(known.max(axis=1, keepdims=True), known.shape)
    weight = np.maximum(_ratio(known, largest), config.weight_floor) ** 2
    lack = np.exp(-config.evidence_exponent * evidence[sets[:, i], sets[:, j]])
    gain = np.where(largest > 0, -lack * np.expm1(-config.evidence_exponent * weight), 0.0)
    return np.asarray(gain.sum(axis=1) / sets.shape[1] ** config.cost_exponent)


def first_pair(
    evidence: Floats, rule: str, max_items: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Pair that a set grows from; ties are broken at random.

    ``weakest``: the pair with least evidence; in sets of three, one that an earlier trial is tied
    to. ``zero_reach``: of the pairs with evidence (which tie the trial to earlier ones) the one
    whose two items take part in most pairs without; any pair once no pair is without.
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


def _grown(
    config: ArrangementConfig,
    evidence: Floats,
    dissimilarities: Floats,
    limit: int,
    rng: np.random.Generator,
) -> list[int]:
    """Add items to a first pair while the efficiency of the set rises.

    The set has at least three items and shares a pair with an earlier trial, which ties its
    scale to theirs.
    """
    items = list(first_pair(evidence, config.first_pair, limit, rng))
    linked = bool(evidence[items[0], items[1]] > 0)
    reached = float(_efficiency(np.array([items]), evidence, dissimilarities, config)[0])
    while len(items) < limit:
        new = _candidates(items, evidence, linked, limit - len(items))
        sets = np.column_stack([np.tile(items, (len(new), 1)), new])
        values = _efficiency(sets, evidence, dissimilarities, config)
        best = values.max()
        if len(items) >= SMALLEST_SET and linked and best <= reached * (1 + TIE):
            break
        at = rng.choice(np.flatnonzero(values >= best * (1 - TIE)))
        linked |= bool((evidence[new[at], items] > 0).any())
        items.append(int(new[at]))
        reached = float(values[at])
    return items


def _candidates(items: list[int], evidence: Floats, linked: bool, room: int) -> Integers:
    """Items that may come next; with little room left, those that tie to earlier trials."""
    free = np.ones(len(evidence), dtype=bool)
    free[items] = False
    if not linked:
        ties = (evidence[items] > 0).any(axis=0) & free
        if room == 1 or (len(items) >= SMALLEST_SET and ties.any()):
            free = ties
        elif room == 2 and not ties.any():
            free &= (evidence > 0).any(axis=0)
    return np.flatnonzero(free)
