"""Posteriors made by hand, for several tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from twoalike.embedding import Posterior
from twoalike.embedding._posterior_file import VARIABLES, flat_attrs


def posterior_of(
    draws: Mapping[str, Any],
    labels: Mapping[str, Sequence[str]],
    constant: Mapping[str, Any] | None = None,
    **attrs: Any,
) -> Posterior:
    """Posterior of draws by name, (chains, S, ...) each, and labels of their axes.

    Temperatures of 1 and lapses of .05, if not given; ``constant`` has axis and values by name.
    """
    shape, people = np.shape(draws["embedding"])[:2], len(labels["participant"])
    usual = {"temperature": np.ones((*shape, people)), "lapse": np.full((*shape, people), 0.05)}
    variables = {
        name: (VARIABLES[name].dims, np.asarray(values, dtype=np.float32))
        for name, values in {**usual, **draws}.items()
    }
    coords: dict[str, Any] = {axis: list(names) for axis, names in labels.items()}
    groups = {"posterior": xr.Dataset(variables, coords=coords)}
    if constant is not None:
        known = {axis: coords[axis] for axis in ("object", "participant")}
        groups["constant_data"] = xr.Dataset(constant, coords=known)
    tree = xr.DataTree.from_dict(groups)
    settled = {"predictions": True, "intervals": True}
    given = {"schema_version": 1, "engine": "nuts", "convergence": settled} | attrs
    tree.attrs = flat_attrs(given)
    return Posterior(tree)


def around(values: Any, spread: float, rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Positive draws about values, of so many chains and draws."""
    return np.asarray(values * np.exp(spread * rng.standard_normal((*shape, *np.shape(values)))))
