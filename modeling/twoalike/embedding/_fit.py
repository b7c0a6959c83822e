"""From judgments to a posterior: choose engine and size, fit, align, judge, pack."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._align import align_draws, importance
from twoalike.embedding._config import FitConfig
from twoalike.embedding._diagnostics import chain_convergence, optimiser_convergence
from twoalike.embedding._model import Data
from twoalike.embedding._posterior import Posterior
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, provenance

if TYPE_CHECKING:
    import xarray as xr

NUTS_JUDGMENTS = 50_000
NUTS_COORDINATES = 1_000
EMPTY = 0.1  # a dimension that varies less than this share of its fair share is dropped
COMPONENTS = 50  # of the features that inform the prior mean


def choose_engine(engine: str, n_judgments: int, n_coordinates: int) -> tuple[str, str]:
    """Resolve ``auto`` and say why.

    NUTS is exact and slow: beyond about a thousand coordinates it takes longer than a coffee
    break, and short chains of it predict worse than the approximation does.
    """
    if engine != "auto":
        return engine, "asked for"
    if n_judgments > NUTS_JUDGMENTS:
        return "vi", f"{n_judgments:,} judgments are more than {NUTS_JUDGMENTS:,}"
    if n_coordinates > NUTS_COORDINATES:
        return "vi", f"{n_coordinates:,} coordinates are more than {NUTS_COORDINATES:,}"
    return "nuts", f"{n_judgments:,} judgments and {n_coordinates:,} coordinates are few enough"


def choose_prior(prior: str, engine: str, *, with_features: bool) -> str:
    """Resolve ``auto``: the softplus Gaussian with features or for ``vi``, else spike-and-slab.

    A mean-field approximation of a mixture stays with the component it fell into; on real
    judgments its held-out log-loss is worse by 0.024 nats (benchmarks/results/things.md).
    """
    if prior != "auto":
        return prior
    return "softplus" if with_features or engine == "vi" else "spike-and-slab"


def default_dimensions(n_objects: int) -> int:
    """Give a number of dimensions to start from: more than are needed, bounded for memory."""
    return int(np.clip(np.ceil(1.3 * np.sqrt(n_objects)), 4, 50))


def reduce_features(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Leading principal components of standardised features, each of unit variance, (m, q).

    A map of a few components can be learnt from few judgments; one of a thousand features not.
    """
    z = values.astype(np.float64) - values.mean(axis=0)
    spread = z.std(axis=0)
    z = z[:, spread > 1e-8] / spread[spread > 1e-8]
    keep = min(COMPONENTS, len(z) - 1, z.shape[1])
    left, _, _ = np.linalg.svd(z, full_matrices=False)
    return np.asarray(left[:, :keep] * np.sqrt(len(z)), dtype=np.float32)


def used_choices(choices: pd.DataFrame) -> pd.DataFrame:
    """Judgments that inform the embedding: main and repeated trials."""
    table = choices[choices["trial_type"].isin(["main", "repeat"])]
    if table.empty:
        raise TwoalikeError(
            f"expected main or repeat trials to fit, found none among {len(choices)} judgments."
        )
    items = ["item_1", "item_2", "item_3"]
    seen = pd.unique(pd.concat([table[item].astype(str) for item in items]))
    if len(seen) < 3:
        raise TwoalikeError(f"expected judgments of at least 3 objects, found {len(seen)}.")
    return table


def fit_embedding(
    choices: pd.DataFrame | None,
    *,
    arrangements: pd.DataFrame | None = None,
    features: FeatureTable | None = None,
    config: FitConfig | None = None,
    source: dict[str, Any] | None = None,
) -> Posterior:
    """Fit the Bayesian embedding.

    Parameters
    ----------
    choices
        Table of judgments (see :mod:`twoalike.judgments`); practice and catch trials are
        left out. None: arrangements only; their layouts say nothing of the scale of the
        embedding, so how decided choices are is then left to the prior.
    arrangements
        Table of multi-arrangement trials; practice and catch trials are left out.
    features
        Features of every object, for a prior mean that is a linear map of them.
    config
        Settings; all defaults if left out.
    source
        Provenance to store.

    Returns
    -------
    The posterior, its draws aligned and its dimensions ordered by importance; ``attrs`` say
    which engine was used and why, and whether it converged.

    Raises
    ------
    TwoalikeError
        If there is nothing to fit, or an object has no features.
    """
    config = config or FitConfig()
    if choices is None and arrangements is None:
        raise TwoalikeError("expected choices or arrangements to fit, found neither.")
    data = Data.from_tables(None if choices is None else used_choices(choices), arrangements)
    d = config.dimensions or default_dimensions(len(data.ids))
    engine, why = choose_engine(config.engine, data.size, d * len(data.ids))
    prior = choose_prior(config.prior, engine, with_features=features is not None)
    if features is not None and prior != "softplus":
        raise TwoalikeError(f"features inform the prior 'softplus' only, found {prior!r}.")
    table = None if features is None else reduce_features(features.select(data.ids))
    draws, stats = _run(engine, data, d, prior, table, config)
    draws = _ordered(draws, drop=config.dimensions is None)
    if engine == "nuts":
        convergence = chain_convergence(draws["embedding"], stats, config.seed)
    else:
        convergence = optimiser_convergence(stats["loss"])
    attrs = {
        "schema_version": 1,
        "model": "dot-product choice model with lapse and temperature",
        "engine": engine,
        "engine_reason": why,
        "prior": prior,
        "seed": config.seed,
        "converged": int(convergence["converged"]),
        "convergence": convergence,
        "dimensions": {
            "fitted": d,
            "kept": int(draws["embedding"].shape[-1]),
            "importance": [round(float(v), 5) for v in importance(draws["embedding"])],
        },
        "provenance": source
        or provenance("posterior", seed=config.seed, config=config.model_dump()),
    }
    return Posterior(_tree(data, draws, stats, attrs))


def _run(
    engine: str,
    data: Data,
    d: int,
    prior: str,
    features: npt.NDArray[np.float32] | None,
    config: FitConfig,
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, npt.NDArray[np.float64]]]:
    if engine == "nuts":
        from twoalike.embedding._nuts import fit_nuts

        return fit_nuts(data, d, prior=prior, features=features, config=config)
    from twoalike.embedding._vi import fit_vi

    return fit_vi(data, d, prior=prior, features=features, config=config)


def _ordered(
    draws: dict[str, npt.NDArray[np.float32]], *, drop: bool
) -> dict[str, npt.NDArray[np.float32]]:
    """Align all quantities that have dimensions, sort these by importance, drop empty ones."""
    x = draws["embedding"]
    d = x.shape[-1]
    if x.shape[0] > 1:
        orders = align_draws(x)
    else:
        orders = np.broadcast_to(np.arange(d), (*x.shape[:2], d))
    aligned = {
        name: np.take_along_axis(
            value, orders.reshape(*orders.shape[:2], *(1,) * (value.ndim - 3), d), axis=-1
        )
        if name in PER_DIMENSION
        else value
        for name, value in draws.items()
    }
    share = importance(aligned["embedding"])
    order = np.argsort(-share)
    keep = order[share[order] >= EMPTY / d] if drop else order
    return {
        name: value[..., keep] if name in PER_DIMENSION else value
        for name, value in aligned.items()
    }


PER_DIMENSION = (
    "embedding",
    "slab_weight",
    "slab_scale",
    "location",
    "residual_scale",
    "feature_strength",
    "feature_weights",
)
"""Quantities whose last axis is the dimension."""
AXES = {
    "embedding": ("object", "dimension"),
    "temperature": ("participant",),
    "lapse": ("participant",),
    "feature_weights": ("component", "dimension"),
    "arrangement_noise": ("arranger",),
}
STORED = (
    *PER_DIMENSION,
    "temperature",
    "lapse",
    "lapse_location",
    "lapse_spread",
    "arrangement_noise",
    "arrangement_location",
    "arrangement_spread",
)


def _tree(
    data: Data,
    draws: dict[str, npt.NDArray[np.float32]],
    stats: dict[str, npt.NDArray[np.float64]],
    attrs: dict[str, Any],
) -> "xr.DataTree":
    import xarray as xr

    from twoalike.embedding._netcdf import flat_attrs

    variables = {}
    for name in (*STORED, "temperature_spread"):
        if name in draws:
            axes = AXES.get(name, ("dimension",) if name in PER_DIMENSION else ())
            variables[name] = (("chain", "draw", *axes), draws[name])
    chains, n_draws = draws["embedding"].shape[:2]
    layouts = data.layouts
    arrangers = {} if layouts is None else {"arranger": list(layouts.arrangers)}
    posterior = xr.Dataset(
        variables,
        coords={
            "chain": np.arange(chains),
            "draw": np.arange(n_draws),
            "object": list(data.ids),
            "participant": list(data.participants),
            "dimension": np.arange(draws["embedding"].shape[-1]),
            **arrangers,
        },
    )
    axes = ("chain", "draw") if "logp" in stats else ("step",)
    sample_stats = xr.Dataset({name: (axes, value) for name, value in stats.items()})
    counts = np.bincount(data.judge, minlength=len(data.participants))
    seen = np.bincount(data.items.ravel(), minlength=len(data.ids))
    known = {"judgments": ("participant", counts), "shown": ("object", seen)}
    if layouts is not None:
        trials, placed = layouts.counts()
        known |= {"arrangements": ("arranger", trials), "placed": ("object", placed)}
    constant = xr.Dataset(
        known,
        coords={"object": list(data.ids), "participant": list(data.participants), **arrangers},
    )
    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "sample_stats": sample_stats, "constant_data": constant}
    )
    tree.attrs = flat_attrs(attrs)
    return tree
