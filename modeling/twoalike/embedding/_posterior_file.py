"""The file of a posterior: ArviZ's groups in netCDF-4, written all or nothing and read strictly."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from twoalike.embedding._model import KINDS
from twoalike.embedding._weights import GROUP_OF
from twoalike.study import (
    DAMAGED_HDF5,
    Content,
    FiniteNumber,
    TwoalikeError,
    WholeNumber,
    atomic_path,
    check_content,
    check_hdf5,
    parse_json,
    require_file,
    shortened,
)

if TYPE_CHECKING:
    import xarray as xr

SCHEMA_VERSION = 1
JSON_ATTRS = (
    "provenance",
    "convergence",
    "dimensions",
    "held_out",
    "links",
    "pilot",
    "excluded",
    "covariates",
    "questions",
)
"""Attributes that hold JSON: netCDF knows no nested ones."""


class InputFile(Content):
    """A file that a posterior was fitted to."""

    file: str
    sha256: str


class Provenance(Content):
    """What is read again of the attribute ``provenance``, of whatever version."""

    seed: Any = None
    inputs: dict[str, InputFile] = {}


class Convergence(Content):
    """What is read again of the attribute ``convergence``."""

    converged: bool = False
    divergences: WholeNumber = 0
    loss_change: FiniteNumber = 0.0
    choice_rhat_95: FiniteNumber | None = None
    similarity_rhat_95: FiniteNumber | None = None
    fits_apart: FiniteNumber | None = None


class Links(Content):
    """What is read again of the attribute ``links``."""

    never: WholeNumber
    once: WholeNumber
    islands: tuple[WholeNumber, ...]
    never_named: tuple[str, ...]
    once_named: tuple[str, ...]
    islands_named: tuple[str, ...]
    arranged: WholeNumber = 0


class Excluded(Content):
    """What is read again of the attribute ``excluded``: the rule, and whom it left out, why."""

    careless: FiniteNumber
    people: dict[str, str]


class Questions(Content):
    """What is read again of the attribute ``questions``: how many choices answer each."""

    choices: dict[Annotated[str, Field(pattern="^[a-z_]+_[3-9]$")], WholeNumber]


_ATTRS: dict[str, type[Content]] = {
    "provenance": Provenance,
    "convergence": Convergence,
    "links": Links,
    "excluded": Excluded,
    "questions": Questions,
}
NEEDED = {
    "embedding": ("chain", "draw", "object", "dimension"),
    "temperature": ("chain", "draw", "participant"),
    "lapse": ("chain", "draw", "participant"),
}
OF_WEIGHTS = {
    "log_weight": ("chain", "draw", "participant", "dimension"),
    "weight_spread": ("chain", "draw"),
}
"""Needed as well, where people weigh the dimensions."""
ROUNDING = 1e-6
"""By which single precision may exceed a bound."""
MAY_LACK = ("rating_threshold",)
"""NaN where a scale has fewer thresholds than another."""
OF_GROUPS = {"group_log_weight": ("chain", "draw", "group", "dimension")}


def tree_attrs(tree: "xr.DataTree") -> dict[str, Any]:
    """Attributes of the file, JSON ones parsed."""
    return {
        str(name): parse_json(value, f"posterior: attribute {name}")
        if name in JSON_ATTRS
        else value
        for name, value in tree.attrs.items()
    }


def flat_attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as netCDF can hold them."""
    return {
        name: json.dumps(value) if name in JSON_ATTRS else value for name, value in attrs.items()
    }


def write_tree(path: Path, tree: "xr.DataTree") -> None:
    """Write the groups compressed, floating-point values as float32."""
    if path.suffix != ".nc":
        raise TwoalikeError(f"{path}: a posterior is written as .nc; choose that ending.")
    encoding: dict[str, Any] = {}
    for node in tree.subtree:
        packed = {
            name: {"zlib": True, "complevel": 1, "shuffle": True}
            | ({"dtype": "float32"} if variable.dtype.kind == "f" else {})
            for name, variable in node.data_vars.items()
            if variable.dtype.kind in "fiu" and variable.ndim
        }
        encoding[node.path] = packed
    # By way of memory: where HDF5 meets a full disk, its file cannot be closed any more, and ends
    # the process once it is collected.
    content = tree.to_netcdf(engine="h5netcdf", encoding=encoding)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def read_tree(path: Path) -> "xr.DataTree":
    """Read the groups into memory and check that they are a posterior of ours."""
    import xarray as xr

    require_file(path, "a posterior (.nc)")
    try:
        check_hdf5(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is refused below
            # Dimensions without a name get one here, and are refused below.
            with xr.open_datatree(path, engine="h5netcdf", phony_dims="access") as opened:
                tree = opened.load().copy()
    except DAMAGED_HDF5 as error:
        raise TwoalikeError(
            f"{path}: cannot be read as a posterior, the file is damaged or of another kind "
            f"({shortened(error)}). Fit it again."
        ) from error
    _check(path, tree)
    if "sample_stats" in tree.children:  # of older files, without labels
        tree["sample_stats"] = labelled_statistics(tree["sample_stats"].to_dataset())
    return tree


def labelled_statistics(stats: "xr.Dataset") -> "xr.Dataset":
    """Statistics of a sampler as ArviZ expects them: axes with labels, divergences as bool."""
    bare = {str(axis): np.arange(n) for axis, n in stats.sizes.items() if axis not in stats.coords}
    labelled = stats.assign_coords(bare)
    if "diverging" in labelled:
        labelled["diverging"] = labelled["diverging"].astype(bool)
    return labelled


def _check(path: Path, tree: "xr.DataTree") -> None:
    import xarray as xr

    found = tree["posterior"].dataset if "posterior" in tree.children else xr.Dataset()
    needed, labels = dict(NEEDED), ["object", "participant"]
    if "log_weight" in found:
        needed |= OF_WEIGHTS
    if "group_log_weight" in found:
        needed |= OF_GROUPS
        labels += ["group", GROUP_OF]
    for kind in KINDS.values():
        if kind.axis in found.coords:
            needed |= {name: ("chain", "draw", *kind.stored[name]) for name in kind.needed}
    for name, dims in needed.items():
        if name not in found or found[name].dims != dims:
            what = f"dimensions {found[name].dims}" if name in found else "no such variable"
            raise TwoalikeError(
                f"{path}: expected a posterior with {name!r} ({' x '.join(dims)}) in group "
                f"'posterior', found {what}. Make one with: twoalike fit"
            )
    for name in labels:
        if name not in found.coords:
            raise TwoalikeError(
                f"{path}: expected the labels {name!r} as a coordinate, found none. "
                "Make one with: twoalike fit"
            )
    _check_labels(path, tree)
    _check_attributes(path, tree)
    version = tree.attrs.get("schema_version", SCHEMA_VERSION)
    if version > SCHEMA_VERSION:
        raise TwoalikeError(
            f"{path}: written with schema {version}, this twoalike reads up to {SCHEMA_VERSION}. "
            "Upgrade twoalike."
        )
    for name in {**needed, **{str(other): () for other in found if _least(str(other))}}:
        values = found[name].values
        strange = np.isinf if name in MAY_LACK else _not_finite
        if values.dtype.kind not in "fiu" or not values.size or strange(values).any():
            what = "NaN or infinite values" if values.dtype.kind == "f" else str(values.dtype)
            raise TwoalikeError(
                f"{path}: the {name} holds {what if values.size else 'nothing'}. Fit it again."
            )
        _check_range(path, name, values)


def _check_labels(path: Path, tree: "xr.DataTree") -> None:
    """Refuse an object or person listed twice, and counts of others than in the draws."""
    found = tree["posterior"].dataset
    known = tree["constant_data"].dataset.coords if "constant_data" in tree.children else {}
    for axis in ("object", "participant"):
        labels = [str(name) for name in found[axis].values]
        if len(set(labels)) < len(labels):
            twice = next(name for name in labels if labels.count(name) > 1)
            raise TwoalikeError(
                f"{path}: expected different labels of {axis!r}, found {twice!r} twice. Fit it "
                "again."
            )
        if axis in known and [str(name) for name in known[axis].values] != labels:
            raise TwoalikeError(
                f"{path}: expected the labels {axis!r} of 'constant_data' as in 'posterior', found "
                "others. Fit it again."
            )


def _least(name: str) -> str:
    """Say what is possible of a quantity, in words; empty where every number is."""
    if name == "lapse":
        return "from 0 to 1"
    if name == "temperature" or name.endswith("_noise"):
        return "above 0"
    return "of at least 0" if name.endswith(("_spread", "_scale", "_unit")) else ""


def _check_range(path: Path, name: str, values: Any) -> None:
    """Refuse values that no fit has."""
    least, low, high = _least(name), np.nanmin(values), np.nanmax(values)
    if (least and low < 0) or (least == "above 0" and low == 0):
        raise TwoalikeError(f"{path}: expected {name} {least}, found {low:g}. Fit it again.")
    if name == "lapse" and high > 1 + ROUNDING:
        raise TwoalikeError(f"{path}: expected {name} {least}, found {high:g}. Fit it again.")
    if name == "rating_threshold" and (np.diff(values) < 0).any():
        raise TwoalikeError(f"{path}: expected {name} in ascending order. Fit it again.")


def _not_finite(values: Any) -> Any:
    return ~np.isfinite(values)


def _is_nan(value: Any) -> bool:
    """Whether it is no number, as R-hat of a few draws."""
    return isinstance(value, float) and np.isnan(value)


def _check_attributes(path: Path, tree: "xr.DataTree") -> None:
    """Check that the attributes are what :func:`tree_attrs` and the version's check expect."""
    for name in JSON_ATTRS:
        if not isinstance(tree.attrs.get(name, ""), str):
            raise TwoalikeError(f"{path}: attribute {name} is damaged. Fit it again.")
        where = f"{path}: attribute {name}"
        if name in tree.attrs:
            found = parse_json(tree.attrs[name], where, "Fit it again.")
            if name == "convergence" and isinstance(found, dict):
                found = {key: value for key, value in found.items() if not _is_nan(value)}
            check_content(found, _ATTRS.get(name, Content), where, "Fit it again.")
    if not isinstance(tree.attrs.get("schema_version", SCHEMA_VERSION), int | np.integer):
        raise TwoalikeError(
            f"{path}: expected schema_version as a whole number, found "
            f"{shortened(tree.attrs['schema_version'], 40)!r}. Fit it again."
        )
