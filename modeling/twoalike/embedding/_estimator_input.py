"""What the estimator is given, checked and as arrays; every complaint is an :class:`InputError`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError


class InputError(TwoalikeError, ValueError):
    """Input that does not fit, also as the ValueError that scikit-learn's tools expect."""


def as_triplets(x: npt.ArrayLike) -> npt.NDArray[Any]:
    """Triplets as int64 or strings, shape (n, 3), three different objects a row."""
    values = np.asarray(x)
    if values.dtype.kind == "c":
        raise InputError("X: Complex data not supported; give indices or ids of objects.")
    if values.ndim != 2 or values.shape[1] != 3 or not len(values):
        found = f"n_features = {values.shape[1]}, " if values.ndim == 2 else ""
        raise InputError(
            f"X: expected triplets of shape (n, 3), found {found}shape {values.shape}."
        )
    if values.dtype.kind == "O":
        if not all(isinstance(value, str) for value in values.flat):
            raise InputError("X: expected indices or ids, found objects that are neither.")
        values = values.astype(np.str_)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InputError("X: expected whole numbers or ids of objects, found NaN or inf.")
        if (values != np.floor(values)).any():
            raise InputError("X: expected whole numbers or ids of objects, found fractions.")
        values = values.astype(np.int64)
    if values.dtype.kind not in "iuU":
        raise InputError(f"X: expected whole numbers or ids of objects, found {values.dtype}.")
    same = (values == np.roll(values, 1, axis=1)).any(axis=1)
    if same.any():
        raise InputError(f"X: row {int(same.argmax())} holds an object twice.")
    return values


def as_indices(labels: npt.NDArray[Any], ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """Rows of the objects in the embedding, shape (n, 3)."""
    if labels.dtype.kind != "U":
        found = labels.astype(np.int64)
        bad = (found < 0) | (found >= len(ids))
    else:
        place = {name: row for row, name in enumerate(ids)}
        names, inverse = np.unique(labels, return_inverse=True)
        rows = np.array([place.get(str(name), -1) for name in names], dtype=np.int64)
        found = rows[inverse].reshape(labels.shape)
        bad = found < 0
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"X: row {row}, column {column}: {labels[row, column].item()!r} is not one of the "
            f"{len(ids)} objects. Name all of them with the parameter objects."
        )
    return found


def as_answers(y: npt.ArrayLike | None, n: int) -> npt.NDArray[np.int64]:
    """Column of the odd one, shape (n,)."""
    if y is None:
        return np.full(n, 2, dtype=np.int64)
    values = np.asarray(y)
    if values.shape != (n,):
        raise InputError(f"y: expected one answer a triplet, {n}, found shape {values.shape}.")
    if values.dtype.kind not in "iuf" or not np.isin(values, (0, 1, 2)).all():
        raise InputError("y: expected the column of the odd one, 0, 1 or 2, found other values.")
    return values.astype(np.int64)


def as_participants(labels: Sequence[str] | npt.NDArray[Any], n: int) -> list[str]:
    """Who judged, n labels."""
    values = np.asarray(labels)
    if values.shape != (n,):
        raise InputError(f"participants: expected {n} labels, found shape {values.shape}.")
    return [str(value) for value in values]


def as_features(values: npt.ArrayLike, ids: tuple[str, ...]) -> FeatureTable:
    """Features of the objects, shape (m, p)."""
    table = np.asarray(values, dtype=np.float32)
    if table.ndim != 2 or len(table) != len(ids) or not np.isfinite(table).all():
        raise InputError(
            f"features: expected finite numbers of shape ({len(ids)}, p), found {table.shape}."
        )
    return FeatureTable(ids, table)
