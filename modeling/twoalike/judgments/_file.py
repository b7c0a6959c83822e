"""Tidy tables on disk: parquet that keeps the order of objects and says where it came from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.judgments._arrangements import ARRANGEMENTS
from twoalike.judgments._dissimilarities import DISSIMILARITIES
from twoalike.judgments._schema import CHOICES
from twoalike.judgments._table import (
    TableKind,
    check_columns,
    check_table,
    give_types,
    is_category,
)
from twoalike.study import (
    PROVENANCE,
    TwoalikeError,
    atomic_path,
    load_parquet,
    parse_json,
    parse_json_table,
    shortened,
)

OBJECTS = b"twoalike_objects"
"""Key of the parquet metadata. The list of objects stands there whole: a parquet dictionary
may leave out the values of no row, and the order of objects must survive."""


def write_choices(path: Path, table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table of choices, all or nothing; strings become categories.

    Raises
    ------
    TwoalikeError
        If the table breaks the schema or the file cannot be written.
    """
    _write(path, table, provenance, CHOICES)


def read_choices(path: Path) -> pd.DataFrame:
    """Read a table of choices; ``table.attrs["provenance"]`` tells where it came from.

    Any parquet file with the right columns will do: strings become categories, and the order
    of objects is the file's list or, in a file of another tool, that of first appearance.

    Raises
    ------
    TwoalikeError
        If the file is missing, damaged or breaks the schema.
    """
    return _read(path, CHOICES)


def write_arrangements(path: Path, table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table of arrangements, all or nothing; strings become categories.

    Raises
    ------
    TwoalikeError
        If the table breaks the schema or the file cannot be written.
    """
    _write(path, table, provenance, ARRANGEMENTS)


def read_arrangements(path: Path) -> pd.DataFrame:
    """Read a table of arrangements; ``table.attrs["provenance"]`` tells where it came from.

    Any parquet file with the right columns will do, as in :func:`read_choices`.

    Raises
    ------
    TwoalikeError
        If the file is missing, damaged or breaks the schema.
    """
    return _read(path, ARRANGEMENTS)


def write_dissimilarities(path: Path, table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table of dissimilarities, all or nothing; strings become categories.

    Raises
    ------
    TwoalikeError
        If the table breaks the schema or the file cannot be written.
    """
    _write(path, table, provenance, DISSIMILARITIES)


def read_dissimilarities(path: Path) -> pd.DataFrame:
    """Read a table of dissimilarities; ``table.attrs["provenance"]`` tells where it came from.

    Any parquet file with the right columns will do, as in :func:`read_choices`.

    Raises
    ------
    TwoalikeError
        If the file is missing, damaged or breaks the schema.
    """
    return _read(path, DISSIMILARITIES)


def _write(path: Path, table: pd.DataFrame, provenance: Mapping[str, Any], kind: TableKind) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_columns(list(table.columns), kind, str(path))
    tidy = table[list(kind.columns)].reset_index(drop=True)
    first, types = table[kind.items[0]], {table[item].dtype for item in kind.items}
    one_list = len(types) == 1 and is_category(first)
    give_types(tidy, list(first.cat.categories) if one_list else None, kind)
    checked = check_table(tidy, kind, str(path))
    objects = [str(name) for name in checked[kind.items[0]].cat.categories]
    content = pa.Table.from_pandas(checked, preserve_index=False)
    # Not pandas' own metadata: it tells the writer's pandas version and no more.
    content = content.replace_schema_metadata(
        {PROVENANCE: json.dumps(dict(provenance)), OBJECTS: json.dumps(objects)}
    )
    with atomic_path(path) as temporary:
        pq.write_table(content, temporary, compression="zstd")


def _read(path: Path, kind: TableKind) -> pd.DataFrame:
    what = f"a table of {kind.name} (parquet)"
    content = load_parquet(path, what, dictionaries=kind.categories)
    check_columns(content.column_names, kind, str(path))
    _check_flat(path, content.select(list(kind.columns)).schema)
    metadata = content.schema.metadata or {}
    objects = _objects(path, metadata.get(OBJECTS, b"null"))
    table = content.select(list(kind.columns)).to_pandas(ignore_metadata=True)
    give_types(table, objects, kind)
    checked = check_table(table, kind, str(path))
    provenance = metadata.get(PROVENANCE, b"{}")
    checked.attrs["provenance"] = parse_json_table(provenance, f"{path}: provenance")
    return checked


def _check_flat(path: Path, schema: Any) -> None:
    """Check that every cell is one value."""
    import pyarrow as pa

    for field in schema:
        if pa.types.is_nested(field.type):
            raise TwoalikeError(
                f"{path}: column {field.name!r}: expected one value a row, found {field.type}."
            )


def _objects(path: Path, text: bytes) -> list[str] | None:
    """List of objects in the metadata of the file; None where there is none."""
    objects = parse_json(text, f"{path}: list of objects")
    if objects is None:
        return None
    texts = isinstance(objects, list) and all(isinstance(name, str) for name in objects)
    if not texts or len(set(objects)) < len(objects):
        raise TwoalikeError(
            f"{path}: expected a list of different object ids in the metadata, found "
            f"{shortened(objects, 60)}. The file is damaged."
        )
    return list(objects)
