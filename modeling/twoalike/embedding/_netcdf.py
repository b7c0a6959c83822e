"""posterior.nc: ArviZ groups in netCDF-4, written all or nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.study import TwoalikeError, atomic_path, require_file

if TYPE_CHECKING:
    import xarray as xr

SCHEMA_VERSION = 1
JSON_ATTRS = ("provenance", "convergence", "dimensions", "held_out", "links")
"""Attributes that hold JSON: netCDF knows no nested ones."""
NEEDED = {
    "embedding": ("chain", "draw", "object", "dimension"),
    "temperature": ("chain", "draw", "participant"),
    "lapse": ("chain", "draw", "participant"),
}


def tree_attrs(tree: "xr.DataTree") -> dict[str, Any]:
    """Attributes of the file, JSON ones parsed."""
    parsed = {
        name: json.loads(value) if name in JSON_ATTRS else value
        for name, value in tree.attrs.items()
    }
    return {str(name): value for name, value in parsed.items()}


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
    with atomic_path(path) as temporary:
        tree.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


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
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load().copy()
    # Whatever HDF5 trips over in a damaged file: OSError for a truncated one, the others for
    # bytes that are wrong in the middle.
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise TwoalikeError(
            f"{path}: cannot be read as a posterior, the file is damaged or of another kind "
            f"({reason}). Fit it again."
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
    version = int(tree.attrs.get("schema_version", SCHEMA_VERSION))
    if version > SCHEMA_VERSION:
        raise TwoalikeError(
            f"{path}: written with schema {version}, this twoalike reads up to {SCHEMA_VERSION}. "
            "Upgrade twoalike."
        )
    if not np.isfinite(found["embedding"].values).all():
        raise TwoalikeError(f"{path}: the embedding holds NaN or infinite values. Fit it again.")
