"""What arrangements say of each pair: evidence weights, and one dissimilarity from all trials.

Every trial has a scale of its own, since people spread any set over the whole arena. The
rescaled average brings the trials to one scale and averages, each distance weighted by the
squared signal-to-noise ratio it has if placement noise is the same everywhere
(doi:10.3389/fpsyg.2012.00245).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.study import Floats, Integers

WEIGHT_FLOOR = 0.2
"""Distance, in arena diameters, below which the weight of a pair does not fall."""
MAX_ITERATIONS = 500
TOLERANCE = 1e-8
"""Sum of squared changes below which the average has settled."""


@dataclass(frozen=True, eq=False)
class ArrangedTrial:
    """One submitted trial: which items, and where they were put."""

    items: Integers
    """Indices of the k items placed inside the arena, all different, shape (k,)."""
    positions: Floats
    """x and y of each in arena diameters, shape (k, 2). Rounded to the six decimals of the raw
    table, so that a resumed session, which reads them there, decides as an uninterrupted one."""

    def __post_init__(self) -> None:
        """Round."""
        items = np.asarray(self.items, dtype=np.int64)
        raw = np.asarray(self.positions, dtype=np.float64)
        # Python's round agrees with how numbers are written to text; numpy's may not.
        rounded = [[round(x, 6), round(y, 6)] for x, y in raw.tolist()]
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "positions", np.array(rounded).reshape(-1, 2))


@dataclass(frozen=True, eq=False)
class RescaledAverage:
    """Dissimilarities from several trials."""

    dissimilarities: Floats
    """Shape (m, m), symmetric, NaN for pairs never shown together, 0 on the diagonal; the pairs
    together have Euclidean norm one."""
    iterations: int
    converged: bool
    """``iterations``, ``converged``: Rounds of rescaling, and whether the last one changed less
    than the tolerance."""


@dataclass(frozen=True, eq=False)
class _Placed:
    """All distances of all trials in one long row: trial, place of the pair, distance, weight."""

    trial: Integers
    pair: Integers
    distance: Floats
    weight: Floats


def pair_evidence(trials: Sequence[ArrangedTrial], m: int, floor: float = WEIGHT_FLOOR) -> Floats:
    """Evidence that trials give on each pair: the sum of max(distance, floor)² over trials.

    Parameters
    ----------
    floor
        Distance below which the weight does not fall, arena diameters.

    Returns
    -------
    Shape (m, m), symmetric, zero for pairs never shown together and on the diagonal.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245

    Examples
    --------
    >>> trial = ArrangedTrial(np.array([0, 2]), np.array([[0.0, 0.3], [0.0, -0.3]]))
    >>> pair_evidence([trial], 3).round(2).tolist()
    [[0.0, 0.0, 0.36], [0.0, 0.0, 0.0], [0.36, 0.0, 0.0]]
    """
    placed = _placed(trials, m, floor)
    return _square(_sums(placed.pair, placed.weight, m * m), m)


def rescaled_average(
    trials: Sequence[ArrangedTrial],
    m: int,
    floor: float = WEIGHT_FLOOR,
    *,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> RescaledAverage:
    """Average the distances of trials, each trial rescaled to fit the average of all.

    Trials that share no pair with the others, not even through further trials, keep a scale
    that nothing determines.

    Parameters
    ----------
    floor
        As in :func:`pair_evidence`; weights come from the distances as placed.
    max_iterations, tolerance
        Rounds after which to stop, and sum of squared changes below which the average has settled.

    Returns
    -------
    Dissimilarities and whether they have settled; equal to the evidence-weighted rescaling
    of rsatoolbox 0.3.2.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245
    """
    placed = _placed(trials, m, floor)
    n = len(trials)
    # Only pairs that were shown: in a large set they are few, and the rounds are many.
    known, pair, shown = np.unique(placed.pair, return_inverse=True, return_counts=True)
    total = _sums(pair, placed.weight, len(known))
    norms = np.sqrt(_sums(placed.trial, placed.distance**2, n))
    unit = _ratio(placed.distance, norms[placed.trial])
    mean = _to_norm_one(_ratio(_sums(pair, placed.distance, len(known)), shown))
    change, rounds = np.inf, 0
    while change > tolerance and rounds < max_iterations:
        scale = np.sqrt(_sums(placed.trial, mean[pair] ** 2, n))
        aligned = placed.weight * unit * scale[placed.trial]
        new = _to_norm_one(_ratio(_sums(pair, aligned, len(known)), total))
        change, mean, rounds = float(np.sum((new - mean) ** 2)), new, rounds + 1
    upper = np.full(m * m, np.nan)
    upper[known] = mean
    square = _square(upper, m)
    np.fill_diagonal(square, 0.0)
    return RescaledAverage(square, rounds, change <= tolerance)


def _placed(trials: Sequence[ArrangedTrial], m: int, floor: float) -> _Placed:
    """Distances of all trials; a pair's place is row times m plus column, row < column."""
    pairs, distances = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for trial in trials:
        first, second = np.triu_indices(len(trial.items), 1)
        a, b = trial.items[first], trial.items[second]
        pairs.append(np.minimum(a, b) * m + np.maximum(a, b))
        distances.append(np.hypot(*(trial.positions[first] - trial.positions[second]).T))
    distance = np.concatenate(distances)
    sizes = [len(part) for part in pairs[1:]]
    return _Placed(
        np.repeat(np.arange(len(sizes)), sizes),
        np.concatenate(pairs),
        distance,
        np.maximum(distance, floor) ** 2,
    )


def _square(upper: Floats, m: int) -> Floats:
    square = upper.reshape(m, m)
    lower = np.tril_indices(m, -1)
    square[lower] = square.T[lower]
    return square


def _sums(groups: Integers, values: Floats, n: int) -> Floats:
    """Sum of the values of each of n groups."""
    return np.bincount(groups, values, n).astype(np.float64)


def _ratio(top: Floats, bottom: Floats | Integers) -> Floats:
    """Quotient that is 0 where the divisor is."""
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0))


def _to_norm_one(values: Floats) -> Floats:
    norm = float(np.linalg.norm(values))
    return np.asarray(values / norm if norm > 0 else values)
