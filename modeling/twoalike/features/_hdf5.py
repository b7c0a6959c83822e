"""Features from HDF5: datasets ``features`` (or ``values``) and ``ids``, at the root."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import DAMAGED_HDF5, TwoalikeError, check_hdf5, shortened

VALUES = ("features", "values")


def read_hdf5(path: Path) -> tuple[list[str] | None, npt.NDArray[Any]]:
    """Read ids and features of m objects.

    Returns
    -------
    Ids, or None where the file holds none; features, shape (m, p).

    Raises
    ------
    TwoalikeError
        If the file is damaged, or does not hold one dataset of features.
    """
    import h5py

    try:
        check_hdf5(path)
        with h5py.File(path, "r") as file:
            found = [name for name in VALUES if isinstance(file.get(name), h5py.Dataset)]
            if len(found) != 1:
                raise TwoalikeError(
                    f"{path}: expected one dataset of features (features or values) and one of "
                    f"ids, found {', '.join(file) or 'none'}."
                )
            values = file[found[0]]
            if values.dtype.kind not in "fiu" or values.ndim != 2:
                raise TwoalikeError(
                    f"{path}: expected {found[0]} as numbers of shape (objects, features), found "
                    f"{values.dtype} of shape {values.shape}."
                )
            ids = _ids(path, file["ids"]) if "ids" in file else None
            return ids, np.asarray(values[:])
    except DAMAGED_HDF5 as error:
        raise TwoalikeError(f"{path}: cannot be read as HDF5 ({shortened(error)}).") from error


def _ids(path: Path, node: Any) -> list[str]:
    import h5py

    if isinstance(node, h5py.Dataset) and node.ndim == 1:
        if h5py.check_string_dtype(node.dtype):
            return [str(name) for name in node.asstr("utf-8")[:]]
        if node.dtype.kind in "iu":
            return [str(name) for name in node[:]]
    raise TwoalikeError(f"{path}: expected ids as a list of strings, found {node}.")
