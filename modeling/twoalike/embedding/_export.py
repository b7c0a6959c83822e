"""What other programs read of a posterior: tables of text, numpy and MATLAB files.

The writers write to the path they are given: hand them that of ``twoalike.study.atomic_path``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import TwoalikeError, inert_cell, mat_bytes

if TYPE_CHECKING:
    from twoalike.embedding._intervals import SimilarityTable
    from twoalike.embedding._posterior import Posterior

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def check_ending(path: Path, endings: Sequence[str], what: str) -> None:
    """Check the ending of a file to write, before anything is computed.

    Raises
    ------
    TwoalikeError
        If it is none of ``endings``, or the path is a folder.
    """
    if path.suffix not in endings:
        raise TwoalikeError(
            f"{path}: {what} is written as {' or '.join(endings)}; choose such an ending."
        )
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a file to write, found a folder. Name a file.")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as .csv or .tsv, numbers with six digits, text that no spreadsheet runs."""
    separator = SEPARATORS[path.suffix]
    texts = table.select_dtypes(exclude="number").columns
    inert = table.assign(**{name: table[name].map(inert_cell) for name in texts})
    inert.columns = pd.Index(list(map(inert_cell, table.columns)))
    inert.to_csv(path, sep=separator, index=False, float_format="%.6g", lineterminator="\n")


def similarity_pairs(table: "SimilarityTable") -> pd.DataFrame:
    """One row a pair of different objects: ``item_1``, ``item_2``, ``similarity``, ends."""
    upper = np.triu_indices(len(table.ids), 1)
    names = np.array(table.ids, dtype=object)
    columns = {"item_1": names[upper[0]], "item_2": names[upper[1]]}
    ends = {"similarity": table.mean, "low": table.low, "high": table.high}
    return pd.DataFrame(columns | {name: matrix[upper] for name, matrix in ends.items()})


def similarity_square(table: "SimilarityTable") -> pd.DataFrame:
    """Posterior means as a square with a column ``object`` and one column an object."""
    square = pd.DataFrame(table.mean, columns=list(table.ids))
    square.insert(0, "object", list(table.ids), allow_duplicates=True)
    return square


def similarity_arrays(table: "SimilarityTable") -> dict[str, Any]:
    """Arrays by name, as they stand in .npz and .mat."""
    return {
        "similarity": table.mean,
        "low": table.low,
        "high": table.high,
        "level": table.level,
        "scale": table.scale,
    }


def write_similarity(
    path: Path, table: "SimilarityTable", meta: Mapping[str, Any], *, square: bool = False
) -> None:
    """Write similarities.

    Parameters
    ----------
    path
        ``.csv`` or ``.tsv``: one row a pair; ``.npz``: ``ids``, ``similarity``, ``low`` and
        ``high`` (m x m), ``level``, ``scale`` and ``meta`` (JSON); ``.mat``: the same, ``ids``
        as a cell array.
    table
        What to write.
    meta
        Provenance.
    square
        For text: the posterior means alone, as a square with names.
    """
    if path.suffix in SEPARATORS:
        write_table(path, similarity_square(table) if square else similarity_pairs(table))
    elif path.suffix == ".npz":
        ids = np.array(table.ids, dtype=np.str_)
        np.savez_compressed(path, ids=ids, meta=_json(meta), **similarity_arrays(table))
    else:
        cells = np.array(table.ids, dtype=object)[:, None]
        content = {"ids": cells, "meta": json.dumps(dict(meta))} | similarity_arrays(table)
        path.write_bytes(mat_bytes(content, compressed=True))


def _json(meta: Mapping[str, Any]) -> npt.NDArray[np.str_]:
    return np.array(json.dumps(dict(meta)))


def embedding_table(posterior: "Posterior", *, draws: bool = False) -> pd.DataFrame:
    """Coordinates as a table: ``object``, ``dimension_1``, ...; with draws also ``draw``.

    Parameters
    ----------
    posterior
        S draws of m objects in D dimensions.
    draws
        Every draw (S x m rows, ``draw`` from 1) instead of the posterior mean (m rows).
    """
    x = posterior.embedding if draws else posterior.embedding.mean(axis=0)[None]
    n_draws, m, d = x.shape
    names = [f"dimension_{k + 1}" for k in range(d)]
    table = pd.DataFrame(x.reshape(-1, d), columns=names)
    table.insert(0, "object", list(posterior.ids) * n_draws)
    if draws:
        table.insert(0, "draw", np.repeat(np.arange(1, n_draws + 1), m))
    return table


def write_embedding(
    path: Path, posterior: "Posterior", meta: Mapping[str, Any], *, draws: bool = False
) -> None:
    """Write coordinates.

    Parameters
    ----------
    path
        ``.csv`` or ``.tsv``: see :func:`embedding_table`; ``.npz``: ``ids``, ``features`` (the
        posterior mean, m x D, under the name that every ``--features`` option reads), ``sd``
        (posterior standard deviation, m x D), ``meta`` (JSON) and, if asked for, ``draws``
        (S x m x D).
    posterior
        The fit.
    meta
        Provenance.
    draws
        Whether to write every draw.
    """
    if path.suffix in SEPARATORS:
        write_table(path, embedding_table(posterior, draws=draws))
        return
    x = posterior.embedding
    arrays: dict[str, Any] = {"features": x.mean(axis=0), "sd": x.std(axis=0)}
    arrays |= {"draws": x} if draws else {}
    ids = np.array(posterior.ids, dtype=np.str_)
    np.savez_compressed(path, ids=ids, meta=_json(meta), **arrays)
