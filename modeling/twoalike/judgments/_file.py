"""choices.parquet: the table of choices on disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._schema import CATEGORIES, COLUMNS, ITEMS, validate
from twoalike.study import TwoalikeError, atomic_path, require_file

PROVENANCE = b"twoalike"
OBJECTS = b"twoalike_objects"
"""Keys of the parquet metadata. The list of objects stands there whole: a parquet dictionary
may leave out the values of no row, and the order of objects must survive."""


def write_choices(path: Path, table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table of choices, all or nothing; strings become categories.

    Raises
    ------
    TwoalikeError
        If the table breaks the schema or the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise TwoalikeError(f"{path}: cannot write choices without column {missing[0]!r}.")
    tidy = table[list(COLUMNS)].reset_index(drop=True)
    same = len({table[item].dtype for item in ITEMS}) == 1 and _is_category(table[ITEMS[0]])
    _tidy(tidy, list(table[ITEMS[0]].cat.categories) if same else None)
    checked = validate(tidy, str(path))
    objects = [str(name) for name in checked["item_1"].cat.categories]
    content = pa.Table.from_pandas(checked, preserve_index=False)
    # Not pandas' own metadata: it tells the writer's pandas version and no more.
    content = content.replace_schema_metadata(
        {PROVENANCE: json.dumps(dict(provenance)), OBJECTS: json.dumps(objects)}
    )
    with atomic_path(path) as temporary:
        pq.write_table(content, temporary, compression="zstd")


def read_choices(path: Path) -> pd.DataFrame:
    """Read a table of choices; ``table.attrs["provenance"]`` tells where it came from.

    Any parquet file with the right columns will do: strings become categories, and the order
    of objects is the file's list or, in a file of another tool, that of first appearance.

    Raises
    ------
    TwoalikeError
        If the file is missing, damaged or breaks the schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_file(path, "a table of choices (parquet)")
    try:
        names = pq.read_schema(path).names
        strings = [name for name in CATEGORIES if name in names]
        content = pq.read_table(path, read_dictionary=strings)
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise TwoalikeError(
            f"{path}: cannot be read as parquet ({reason}). The file is damaged or of another kind."
        ) from error
    missing = [name for name in COLUMNS if name not in content.column_names]
    if missing:
        raise TwoalikeError(
            f"{path}: column {missing[0]!r} is missing; a table of choices has {', '.join(COLUMNS)}"
        )
    metadata = content.schema.metadata or {}
    table = content.select(list(COLUMNS)).to_pandas(ignore_metadata=True)
    _tidy(table, json.loads(metadata.get(OBJECTS, b"null")))
    checked = validate(table, str(path))
    checked.attrs["provenance"] = json.loads(metadata.get(PROVENANCE, b"{}"))
    return checked


def _is_category(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _tidy(table: pd.DataFrame, objects: list[str] | None) -> None:
    """Give the columns their types, where the values allow it; the schema complains elsewhere."""
    for name in CATEGORIES:
        if not _is_category(table[name]):
            table[name] = table[name].astype("category")
    if objects is None:
        seen: dict[str, None] = {}
        for item in ITEMS:
            seen |= dict.fromkeys(table[item].cat.categories)
        objects = list(seen)
    for item in ITEMS:
        table[item] = table[item].cat.set_categories(objects)
    for name, kind in (("trial", np.int32), ("chosen", np.int8), ("response_time", np.float32)):
        numeric = np.asarray(pd.to_numeric(table[name], errors="coerce"), dtype=np.float64)
        all_numbers = (np.isnan(numeric) == table[name].isna().to_numpy()).all()
        if all_numbers and (name == "response_time" or (numeric % 1 == 0).all()):
            table[name] = numeric.astype(kind)
