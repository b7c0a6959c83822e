"""MATLAB files, converted to numpy's format by the child process of ``_foreign``.

scipy's parser can crash, or exhaust the memory, on a damaged file, so it runs in the child only: no
module imports this one, and :func:`twoalike.study.load_mat` reads what it writes.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.study._errors import TwoalikeError
from twoalike.study._foreign import Array


def convert(path: Path, out: str) -> None:
    """Write the numbers and texts of all variables as ``.npz``.

    ``names`` lists the variables, ``variables`` the variable (from 0) of each ``array_0``, ...
    """
    content = {name: list(_arrays(value)) for name, value in _read(path).items()}
    arrays = [array for found in content.values() for array in found]
    try:
        np.savez(
            out,
            allow_pickle=False,
            names=np.array(list(content), dtype=np.str_),
            variables=np.repeat(
                np.arange(len(content)), [len(found) for found in content.values()]
            ),
            **{f"array_{number}": array for number, array in enumerate(arrays)},
        )
    except OSError as error:
        raise TwoalikeError(
            f"cannot write its arrays to {out} ({error.strerror or error})",
            where=path,
            remedy="Free space, or set TMPDIR to a folder on another disk.",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # functions and other values that only MATLAB has
        # Scipy warns of these and continues, with one of two values or a text in place of a value.
        warnings.filterwarnings("error", "(Duplicate|Unreadable) variable")
        try:
            found = loadmat(path, spmatrix=False)
        except NotImplementedError as error:
            raise TwoalikeError(
                where=path, expected="MATLAB's -v7 or -v6", remedy="Save it again with -v7."
            ) from error
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _arrays(value: Any) -> Iterator[Array]:
    """Numbers and texts in a value of MATLAB: itself, or those in its cells and struct fields."""
    pending = [value]  # no recursion: cells may be nested as deep as a file likes
    while pending:
        found = pending.pop()
        if not isinstance(found, np.ndarray):
            continue
        if found.dtype.names:
            records = found.ravel(order="F")
            pending += reversed([record[name] for record in records for name in found.dtype.names])
        elif found.dtype == object:
            pending += reversed(found.ravel(order="F").tolist())
        else:
            yield found
