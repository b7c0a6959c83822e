"""Draws in the order and the groups of the file: aligned, sorted, empty dimensions dropped."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._align import align_draws, importance, rotate_draws, spread
from twoalike.embedding._density import LOG_PRIOR, PER_DIMENSION, STORED
from twoalike.embedding._model import Data
from twoalike.embedding._netcdf import flat_attrs

if TYPE_CHECKING:
    import xarray as xr

EMPTY = 0.1  # a dimension that varies less than this share of its fair share is dropped
type Draws = dict[str, npt.NDArray[np.float32]]


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
    keep = order[share[order] >= EMPTY / len(share)] if drop else order
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
    draws: dict[str, npt.NDArray[np.float32]],
    stats: dict[str, npt.NDArray[np.float64]],
    attrs: dict[str, Any],
) -> "xr.DataTree":
    """Put draws and statistics into ArviZ's groups.

    Parameters
    ----------
    data
        All judgments, those held out included.
    draws
        Quantities and log priors by name, shape (chains, S, ...).
    stats
        Statistics of the engine: (chains, S) of nuts, (chains, steps) of vi.
    attrs
        Of the file.
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
    sample_stats = xr.Dataset({name: (axes, value) for name, value in stats.items()})
    log_prior = xr.Dataset(
        {
            name.removeprefix(LOG_PRIOR): (("chain", "draw"), value)
            for name, value in draws.items()
            if name.startswith(LOG_PRIOR)
        }
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


def _counts(data: Data) -> dict[str, tuple[str, npt.NDArray[np.int64]]]:
    """How much each person judged, and how often each object was."""
    judged = np.bincount(data.judge, minlength=len(data.participants))
    shown = np.bincount(data.items.ravel(), minlength=len(data.ids))
    counts = {"judgments": ("participant", judged), "shown": ("object", shown)}
    if data.layouts is not None:
        trials, placed = data.layouts.counts()
        counts |= {"arrangements": ("arranger", trials), "placed": ("object", placed)}
    if (pairs := data.dissimilarities) is not None:
        counts |= {"pairs": ("source", pairs.pairs), "compared": ("object", pairs.compared)}
    return counts
