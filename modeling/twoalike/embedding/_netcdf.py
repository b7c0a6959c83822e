"""posterior.nc: ArviZ groups in netCDF-4, written all or nothing."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.study import (
    DAMAGED_HDF5,
    TwoalikeError,
    atomic_path,
    check_hdf5,
    check_shape,
    parse_json,
    require_file,
    shortened,
)

if TYPE_CHECKING:
    import xarray as xr

SCHEMA_VERSION = 1
JSON_ATTRS = ("provenance", "convergence", "dimensions", "held_out", "links")
"""Attributes that hold JSON: netCDF knows no nested ones."""
_RHAT = {f"{name}_rhat_95?": (float, None) for name in ("choice", "similarity")}
_OBJECTS = {f"{name}_named": [str] for name in ("never", "once", "islands")}
SHAPES: dict[str, dict[str, Any]] = {
    "provenance": {"seed?": object, "inputs?": {str: {"file": str, "sha256": str}}},
    "convergence": {"converged?": bool, "divergences?": int, "loss_change?": float, **_RHAT},
    "links": {"never": int, "once": int, "islands": [int], **_OBJECTS},
}
"""What of the JSON attributes is read again, of whatever version."""
NEEDED = {
    "embedding": ("chain", "draw", "object", "dimension"),
    "temperature": ("chain", "draw", "participant"),
    "lapse": ("chain", "draw", "participant"),
}


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
    """Write the groups compressed, floating-point values as float32.

    Raises
    ------
    TwoalikeError
        If the name does not end in ``.nc`` or the file cannot be written.
    """
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
    """Read the groups into memory and check that they are a posterior of ours.

    Raises
    ------
    TwoalikeError
        If the file is missing, damaged, of another kind or of a newer schema.
    """
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
    return tree


def _check(path: Path, tree: "xr.DataTree") -> None:
    import xarray as xr

    found = tree["posterior"].dataset if "posterior" in tree.children else xr.Dataset()
    for name, dims in NEEDED.items():
        if name not in found or found[name].dims != dims:
            what = f"dimensions {found[name].dims}" if name in found else "no such variable"
            raise TwoalikeError(
                f"{path}: expected a posterior with {name!r} ({' x '.join(dims)}) in group "
                f"'posterior', found {what}. Make one with: twoalike fit"
            )
    for name in ("object", "participant"):
        if name not in found.coords:
            raise TwoalikeError(
                f"{path}: expected the labels of dimension {name!r} as a coordinate, found none. "
                "Make one with: twoalike fit"
            )
    _check_attributes(path, tree)
    version = tree.attrs.get("schema_version", SCHEMA_VERSION)
    if version > SCHEMA_VERSION:
        raise TwoalikeError(
            f"{path}: written with schema {version}, this twoalike reads up to {SCHEMA_VERSION}. "
            "Upgrade twoalike."
        )
    for name in NEEDED:
        values = found[name].values
        if values.dtype.kind not in "fiu" or not values.size or not np.isfinite(values).all():
            what = "NaN or infinite values" if values.dtype.kind == "f" else str(values.dtype)
            raise TwoalikeError(
                f"{path}: the {name} holds {what if values.size else 'nothing'}. Fit it again."
            )


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
            check_shape(found, SHAPES.get(name, {}), where, "Fit it again.")
    if not isinstance(tree.attrs.get("schema_version", SCHEMA_VERSION), int | np.integer):
        raise TwoalikeError(
            f"{path}: expected schema_version as a whole number, found "
            f"{shortened(tree.attrs['schema_version'], 40)!r}. Fit it again."
        )
