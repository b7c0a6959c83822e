"""Draws of a fit, brought to one space, ordered by importance, and packed into the file's groups.

Columns of a dot-product embedding may be exchanged; coordinates are non-negative, so there are no
signs to settle. Distances know no axes at all, unless people weigh the dimensions: then columns may
be exchanged and mirrored.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._model import LOG_PRIOR, STORED, Data, Stored
from twoalike.embedding._posterior_file import COVARIATES, GROUP_OF, flat_attrs
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    import xarray as xr


def match_columns(reference: Floats, other: Floats) -> Integers:
    """Order of ``other``'s columns, (d,), that is most like that of ``reference``, by cosine."""
    from scipy.optimize import linear_sum_assignment

    def unit(x: Floats) -> Floats:
        return np.asarray(x / np.maximum(np.linalg.norm(x, axis=0), 1e-12))

    _, order = linear_sum_assignment(unit(reference).T @ unit(other), maximize=True)
    return np.asarray(order, dtype=np.int64)


def unit_columns(columns: npt.NDArray[Any]) -> Floats:
    """Centre columns and bring them to length 1; constant ones to 0. Shape (m, any)."""
    centred = columns.astype(np.float64) - columns.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=0)
    floor = max(1e-9 * float(np.abs(columns).max(initial=0)), 1e-300)
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


def order_draws(draws: Draws, similarity: str, *, drop: bool, stored: Stored = STORED) -> Draws:
    """Align all quantities that have dimensions, sort these by importance, drop empty ones.

    Distances know no axes: there every draw is turned onto the others and onto the principal
    axes of their mean, and what else is counted by dimension loses its meaning and is left out.
    """
    by_dimension = {name for name, axes in stored.items() if axes[-1:] == ("dimension",)}
    if similarity == "distance" and "log_weight" in draws:
        aligned = _align(mirror_draws(draws), by_dimension)
        share = spread(aligned["embedding"])
    elif similarity == "distance":
        kept = {name: value for name, value in draws.items() if name not in by_dimension}
        aligned = kept | {"embedding": rotate_draws(draws["embedding"])}
        share = spread(aligned["embedding"])
    else:
        aligned = _align(draws, by_dimension)
        share = importance(aligned["embedding"])
    order = np.argsort(-share)
    keep = order[share[order] >= EMPTY] if drop else order
    left = {
        name: value[..., keep] if name in by_dimension else value for name, value in aligned.items()
    }
    return _gauged(left, similarity, len(order)) if "log_weight" in draws else left


def mirror_draws(draws: Draws) -> Draws:
    """Centre every draw of an embedding whose axes are known, and settle the signs of its columns.

    The sum of the cubes of a column is made positive: most objects are then a little below zero,
    and few far above it.
    """
    x = draws["embedding"] - draws["embedding"].mean(axis=2, keepdims=True)
    sign = np.where((x.astype(np.float64) ** 3).sum(axis=2, keepdims=True) < 0, -1, 1)
    kept = {name: value for name, value in draws.items() if name != "feature_weights"}
    return kept | {"embedding": (x * sign).astype(np.float32)}


def _gauged(draws: Draws, similarity: str, fitted: int) -> Draws:
    """Make log weights sum to zero over the dimensions that are left; the factor is temperature.

    It changes no answer. Temperatures of new people vary by what it varies between people.
    """
    factor = draws["log_weight"].mean(axis=-1, keepdims=True)
    power = 0.5 if similarity == "distance" else 1.0
    changed = {
        "log_weight": draws["log_weight"] - factor,
        "temperature": draws["temperature"] * np.exp(-power * factor[..., 0]),
    }
    if "group_log_weight" in draws:
        of_group = draws["group_log_weight"]
        changed["group_log_weight"] = of_group - of_group.mean(axis=-1, keepdims=True)
    if "weight_slope" in draws:
        mean = draws["weight_slope"].mean(axis=-1)
        changed["weight_slope"] = draws["weight_slope"] - mean[..., None]
        if "temperature_slope" in draws:
            changed["temperature_slope"] = draws["temperature_slope"] - power * mean
    if "temperature_spread" in draws:
        between = power * draws["weight_spread"]
        lost = 1 / draws["log_weight"].shape[-1] - 1 / fitted
        scale = np.sqrt(draws["temperature_spread"] ** 2 + between**2 * lost)
        changed["temperature_spread"] = scale.astype(np.float32)
    return draws | changed


def _align(draws: Draws, by_dimension: set[str]) -> Draws:
    x = draws["embedding"]
    if x.shape[0] == 1:
        return draws
    orders, d = align_draws(x), x.shape[-1]
    return {
        name: np.take_along_axis(
            value, orders.reshape(*orders.shape[:2], *(1,) * (value.ndim - 3), d), axis=-1
        )
        if name in by_dimension
        else value
        for name, value in draws.items()
    }


def pack_tree(
    data: Data,
    draws: dict[str, Floats],
    stats: dict[str, Floats],
    attrs: dict[str, Any],
    codes: Integers | None = None,
    stored: Stored = STORED,
) -> "xr.DataTree":
    """Put draws and statistics into ArviZ's groups.

    ``data`` are all judgments, held-out ones included, and ``codes`` their numbers; draws and log
    priors have shape (chains, S, ...), statistics (chains, S) of nuts and (chains, steps) of vi.
    """
    import xarray as xr

    variables = {
        name: (("chain", "draw", *axes), draws[name])
        for name, axes in stored.items()
        if name in draws
    }
    chains, n_draws = draws["embedding"].shape[:2]
    everybody: dict[str, Any] = {"object": list(data.ids), "participant": list(data.participants)}
    if data.people is not None:
        labels = [data.people.names[place] for place in data.people.of]
        everybody |= {"group": list(data.people.names), GROUP_OF: ("participant", labels)}
    if data.covariates is not None:
        z = (("participant", "covariate"), data.covariates.standardised)
        everybody |= {"covariate": list(data.covariates.names), COVARIATES: z}
    others: dict[str, list[str]] = {}
    constant: dict[str, Any] = {}
    for kind in data.kinds:
        others |= kind.labels
        constant |= kind.counts(data.participants)
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
    sample_stats = xr.Dataset({name: (axes, value) for name, value in stats.items()})
    # As ArviZ expects them: axes with labels, divergences as bool.
    sample_stats = sample_stats.assign_coords(
        {a: np.arange(n) for a, n in sample_stats.sizes.items()}
    )
    if "diverging" in sample_stats:
        sample_stats["diverging"] = sample_stats["diverging"].astype(bool)
    log_prior = xr.Dataset(
        {
            name.removeprefix(LOG_PRIOR): (("chain", "draw"), value)
            for name, value in draws.items()
            if name.startswith(LOG_PRIOR)
        },
        coords={"chain": np.arange(chains), "draw": np.arange(n_draws)},
    )
    if codes is not None:
        constant["codes"] = ("judgment", codes)
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "sample_stats": sample_stats,
            "log_prior": log_prior,
            "constant_data": xr.Dataset(constant, coords={**everybody, **others}),
        }
    )
    tree.attrs = flat_attrs(attrs)
    return tree
