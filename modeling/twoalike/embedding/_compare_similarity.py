"""Two posteriors side by side: how alike their similarities and their dimensions are.

They are compared over the objects that both know; the correlation of similarities does not depend
on the scale of either space.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from twoalike.embedding._intervals import central_interval, select_objects
from twoalike.study import TwoalikeError, progress

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

type Floats = npt.NDArray[np.float64]

DRAWS = 100
"""Draws of each posterior that are compared: enough for the ends of an interval."""


def shared_objects(first: "Posterior", second: "Posterior") -> tuple[str, ...]:
    """Objects that both posteriors know, in the order of the first.

    Raises
    ------
    TwoalikeError
        If there are fewer than three.
    """
    known = set(second.ids)
    shared = tuple(name for name in first.ids if name in known)
    if len(shared) < 3:
        raise TwoalikeError(
            f"expected posteriors with at least 3 objects in common, found {len(shared)} of "
            f"{len(first.ids)} and {len(second.ids)}. Were ids given differently?"
        )
    return shared


def compare_similarity(
    first: "Posterior", second: "Posterior", level: float = 0.9
) -> dict[str, Any]:
    """Correlate the similarities of the shared objects, and their dimensions.

    The correlation of a draw of one with a draw of the other is below that of the mean matrices,
    since draws scatter. So it stands beside that of two draws of the same posterior: where these
    intervals lie alike, the posteriors do not differ by more than they are unsure of.

    Parameters
    ----------
    first, second
        The models.
    level
        Share of the draws inside the intervals.

    Returns
    -------
    ``objects``: number shared; ``pearson`` and ``spearman`` of the posterior means, over pairs;
    ``draws``, ``first_draws`` and ``second_draws``: Pearson's correlation of draws between the
    two and within each (``value``: median, ``low``, ``high``); ``dimensions``: see
    :func:`match_dimensions`.

    Raises
    ------
    TwoalikeError
        If fewer than three objects are shared, there are fewer than two draws, or similarities
        do not vary.
    """
    from scipy.stats import rankdata

    shared = shared_objects(first, second)
    rows = [select_objects(model.ids, shared) for model in (first, second)]
    upper = np.triu_indices(len(shared), 1)
    means = [
        model.similarity()[np.ix_(own, own)][upper]
        for model, own in zip((first, second), rows, strict=True)
    ]
    chosen = [
        _spread(model.embedding[:, own]) for model, own in zip((first, second), rows, strict=True)
    ]
    between, within = _draw_correlations(first, second, chosen, upper)
    return {
        "objects": len(shared),
        "pearson": _pearson(*means),
        "spearman": _pearson(rankdata(means[0]), rankdata(means[1])),
        "level": level,
        "draws": _summary(between, level),
        "first_draws": _summary(within[0], level),
        "second_draws": _summary(within[1], level),
        "dimensions": match_dimensions(*chosen, level=level),
    }


def _spread(draws: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """At most :data:`DRAWS` draws, evenly spaced over all chains."""
    places = np.linspace(0, len(draws) - 1, min(len(draws), DRAWS)).round().astype(int)
    return np.asarray(draws[places])


def _draw_correlations(
    first: "Posterior",
    second: "Posterior",
    draws: list[npt.NDArray[np.float32]],
    upper: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
) -> tuple[Floats, tuple[Floats, Floats]]:
    """Correlations of draws between two posteriors, and of draws half a run apart within each."""
    models = (first, second)
    n = min(len(part) for part in draws)

    def pairs(side: int, draw: int) -> npt.NDArray[Any]:
        x = draws[side][draw % len(draws[side])]
        return np.asarray(models[side].pair_similarity(x, x)[upper])

    between, within = np.empty(n), (np.empty(n), np.empty(n))
    with progress() as bar:
        task = bar.add_task("similarities", total=n, status="")
        for draw in range(n):
            own = [pairs(side, draw) for side in (0, 1)]
            # Half a run on, in another chain if there are two: neighbours are alike, and two
            # variational fits with one seed share the noise of draws with the same number.
            others = [pairs(side, draw + max(len(draws[side]) // 2, 1)) for side in (0, 1)]
            between[draw] = _pearson(own[0], others[1])
            for side in (0, 1):
                within[side][draw] = _pearson(own[side], others[side])
            bar.update(task, advance=1)
    return between, within


def _pearson(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """Correlation of two vectors in double precision."""
    a, b = (values.astype(np.float64) - values.mean(dtype=np.float64) for values in (left, right))
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size == 0:
        raise TwoalikeError(
            "all similarities of one posterior are the same, so nothing correlates with them. "
            "Fit it again, with more judgments."
        )
    return float(a @ b) / size


def _summary(values: Floats, level: float) -> dict[str, float]:
    low, high = central_interval(values, level)
    return {"value": float(np.median(values)), "low": float(low), "high": float(high)}


def match_dimensions(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], *, level: float = 0.9
) -> list[dict[str, Any]]:
    """Match dimensions one to one so that the sum of correlations is largest.

    Parameters
    ----------
    first, second
        Draws of the shared objects' coordinates, aligned within each posterior, shapes (S, m, D)
        and (S', m, D').
    level
        Share of the draws inside the intervals.

    Returns
    -------
    For each match ``first`` and ``second`` (dimensions, from 1), ``correlation`` of the
    posterior means over objects, ``low`` and ``high`` of the correlation between draws; in the
    order of the first. Where one has more dimensions, its others have no match. A dimension on
    which all objects stand alike correlates 0 with every other.
    """
    one, two = (_standard(draws.mean(axis=0, dtype=np.float64)) for draws in (first, second))
    correlations = one.T @ two
    n = min(len(first), len(second))
    later = (np.arange(n) + max(len(second) // 2, 1)) % len(second)
    result = []
    for i, j in zip(*linear_sum_assignment(correlations, maximize=True), strict=True):
        own, other = _standard(first[:n, :, i].T), _standard(second[later, :, j].T)
        low, high = central_interval((own * other).sum(axis=0), level)
        match = {"first": int(i) + 1, "second": int(j) + 1}
        ends = {"low": float(low), "high": float(high)}
        result.append(match | {"correlation": float(correlations[i, j])} | ends)
    return result


def _standard(columns: npt.NDArray[Any]) -> Floats:
    """Centre columns and bring them to length 1; constant ones to 0. Shape (m, any)."""
    centred = columns.astype(np.float64) - columns.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=0)
    floor = 1e-9 * np.abs(columns).max(initial=1e-300)
    return np.asarray(np.where(length > floor, centred / np.maximum(length, floor), 0.0))
