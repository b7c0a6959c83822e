"""Draws of a fit, brought to one space, ordered by importance, and packed into the file's groups.

Columns of a dot-product embedding may be exchanged; coordinates are non-negative, so there are no
signs to settle. Distances know no axes at all.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._model import LOG_PRIOR, PER_DIMENSION, STORED, Data
from twoalike.embedding._posterior import flat_attrs, labelled_statistics
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    import xarray as xr


def match_columns(reference: Floats, other: Floats) -> Integers:
    """Order of ``other``'s columns, (d,), that is most like that of ``reference``, by cosine.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0, 3.0], [0.0, 2.0, 1.0]])
    >>> match_columns(x, x[:, [2, 0, 1]])
    array([1, 2, 0])
    """
    from scipy.optimize import linear_sum_assignment

    def unit(x: Floats) -> Floats:
        return np.asarray(x / np.maximum(np.linalg.norm(x, axis=0), 1e-12))

    _, order = linear_sum_assignment(unit(reference).T @ unit(other), maximize=True)
    return np.asarray(order, dtype=np.int64)


def unit_columns(columns: npt.NDArray[Any]) -> Floats:
    """Centre columns and bring them to length 1; constant ones to 0. Shape (m, any)."""
    centred = columns.astype(np.float64) - columns.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=0)
    floor = 1e-9 * np.abs(columns).max(initial=1e-300)
    return np.asarray(np.where(length > floor, centred / np.maximum(length, floor), 0.0))


def align_draws(x: Floats) -> Integers:
    """Column order of every draw: chains by their means, then draws within a chain.

    From shape (chains, draws, m, d) to (chains, draws, d), for ``numpy.take_along_axis``.
    """
    chains, draws, _, d = x.shape
    orders = np.empty((chains, draws, d), dtype=np.int64)
    reference = x[0].mean(axis=0)
    for chain in range(chains):
        first = match_columns(reference, x[chain].mean(axis=0))
        anchor = x[chain].mean(axis=0)[:, first]
        for draw in range(draws):
            orders[chain, draw] = match_columns(anchor, x[chain, draw])
    return orders


def rotate_draws(x: Floats) -> Floats:
    """Turn and shift every draw of (chains, draws, m, d) onto the others, keeping distances.

    Each draw is centred and turned (or mirrored) onto the mean of all by orthogonal Procrustes
    (Gower 1975, doi:10.1007/BF02291478), and all together onto the mean's principal axes.
    """
    flat = x.reshape(-1, *x.shape[2:]).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    target = flat[0]
    for _ in range(3):  # the mean is settled after two
        left, _, right = np.linalg.svd(np.swapaxes(flat, 1, 2) @ target)
        flat = flat @ (left @ right)
        target = flat.mean(axis=0)
    _, _, axes = np.linalg.svd(target, full_matrices=False)
    return (flat @ axes.T).reshape(x.shape).astype(np.float32)


def spread(x: Floats) -> Floats:
    """Share of the squared distances that each dimension carries, shape (d,)."""
    weight = x.astype(np.float64).var(axis=2).mean(axis=(0, 1))
    return np.asarray(weight / weight.sum())


def importance(x: Floats) -> Floats:
    """Share of the variation of similarity that each dimension carries, shape (d,).

    The similarity of two objects is a sum over dimensions of products of their coordinates. A
    dimension matters by how much its product varies over pairs of objects, E[x²]² - E[x]⁴: one on
    which all objects are alike adds a constant, which changes no choice.
    """
    values = x.astype(np.float64)
    square, mean = (values**2).mean(axis=2), values.mean(axis=2)
    weight = (square**2 - mean**4).mean(axis=(0, 1))
    return np.asarray(weight / weight.sum())


EMPTY = 0.002
"""Importance below which a dimension is dropped; one of a hundredth still makes a difference."""
type Draws = dict[str, Floats]


def order_draws(draws: Draws, similarity: str, *, drop: bool) -> Draws:
    """Align all quantities that have dimensions, sort these by importance, drop empty ones.

    Distances know no axes: there every draw is turned onto the others and onto the principal
    axes of their mean, and what else is counted by dimension loses its meaning and is left out.
    """
    if similarity == "distance":
        kept = {name: value for name, value in draws.items() if name not in PER_DIMENSION}
        aligned = kept | {"embedding": rotate_draws(draws["embedding"])}
        share = spread(aligned["embedding"])
    else:
        aligned = _align(draws)
        share = importance(aligned["embedding"])
    order = np.argsort(-share)
    keep = order[share[order] >= EMPTY] if drop else order
    return {
        name: value[..., keep] if name in PER_DIMENSION else value
        for name, value in aligned.items()
    }


def _align(draws: Draws) -> Draws:
    x = draws["embedding"]
    if x.shape[0] == 1:
        return draws
    orders, d = align_draws(x), x.shape[-1]
    return {
        name: np.take_along_axis(
            value, orders.reshape(*orders.shape[:2], *(1,) * (value.ndim - 3), d), axis=-1
        )
        if name in PER_DIMENSION
        else value
        for name, value in draws.items()
    }


AXES = {
    "embedding": ("object", "dimension"),
    "temperature": ("participant",),
    "lapse": ("participant",),
    "feature_weights": ("component", "dimension"),
    "arrangement_noise": ("arranger",),
    "object_noise": ("source",),
    "pair_noise": ("source",),
}


def pack_tree(
    data: Data,
    draws: dict[str, Floats],
    stats: dict[str, Floats],
    attrs: dict[str, Any],
) -> "xr.DataTree":
    """Put draws and statistics into ArviZ's groups.

    ``data`` are all judgments, held-out ones included; draws and log priors have shape
    (chains, S, ...), statistics (chains, S) of nuts and (chains, steps) of vi.
    """
    import xarray as xr

    variables = {}
    for name in STORED:
        if name in draws:
            axes = AXES.get(name, ("dimension",) if name in PER_DIMENSION else ())
            variables[name] = (("chain", "draw", *axes), draws[name])
    chains, n_draws = draws["embedding"].shape[:2]
    everybody = {"object": list(data.ids), "participant": list(data.participants)}
    others = _other_labels(data)
    posterior = xr.Dataset(
        variables,
        coords={
            "chain": np.arange(chains),
            "draw": np.arange(n_draws),
            **everybody,
            "dimension": np.arange(draws["embedding"].shape[-1]),
            **others,
        },
    )
    axes = ("chain", "draw") if "logp" in stats else ("chain", "step")
    sample_stats = labelled_statistics(
        xr.Dataset({name: (axes, value) for name, value in stats.items()})
    )
    log_prior = xr.Dataset(
        {
            name.removeprefix(LOG_PRIOR): (("chain", "draw"), value)
            for name, value in draws.items()
            if name.startswith(LOG_PRIOR)
        },
        coords={"chain": np.arange(chains), "draw": np.arange(n_draws)},
    )
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "sample_stats": sample_stats,
            "log_prior": log_prior,
            "constant_data": xr.Dataset(_counts(data), coords={**everybody, **others}),
        }
    )
    tree.attrs = flat_attrs(attrs)
    return tree


def _other_labels(data: Data) -> dict[str, list[str]]:
    """Labels of those who gave something else than choices, by axis."""
    labels = {}
    if data.layouts is not None:
        labels["arranger"] = list(data.layouts.arrangers)
    if data.dissimilarities is not None:
        labels["source"] = list(data.dissimilarities.sources)
    return labels


def _counts(data: Data) -> dict[str, tuple[str, Integers]]:
    """How much each person judged, and how often each object was."""
    judged = np.bincount(data.judge, minlength=len(data.participants))
    shown = np.bincount(data.items.ravel(), minlength=len(data.ids))
    counts: dict[str, tuple[str, Integers]] = {
        "judgments": ("participant", judged),
        "shown": ("object", shown),
    }
    if data.anchored.any():
        anchored = np.bincount(data.judge[data.anchored], minlength=len(data.participants))
        counts["anchored"] = ("participant", anchored)
    if data.layouts is not None:
        trials, placed = data.layouts.counts()
        counts |= {"arrangements": ("arranger", trials), "placed": ("object", placed)}
    if (pairs := data.dissimilarities) is not None:
        counts |= {"pairs": ("source", pairs.pairs), "compared": ("object", pairs.compared)}
    return counts
