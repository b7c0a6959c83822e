"""Tables as data frames, and as Parquet that keeps the order of objects and its provenance.

Strings are categories, dictionary-encoded on disk: five million rows load in seconds, and
comparing two items is comparing two small integers. The columns of items share one list of
categories, which is the order of objects everywhere downstream.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.study import (
    PROVENANCE,
    Booleans,
    Floats,
    Integers,
    TwoalikeError,
    atomic_path,
    load_parquet,
    parse_json,
    parse_json_table,
    shortened,
)
from twoalike.tables._table import Column, Table

if TYPE_CHECKING:
    import pandas as pd

OBJECTS = b"twoalike_objects"
"""Key of the Parquet metadata with the whole list of objects: a Parquet dictionary may leave out
the values of no row, and the order of objects must survive."""


def check_columns(
    names: Sequence[object], table: Table, where: object, made_as: str | None = None
) -> None:
    """Check that all columns are there, but for those that version 0.1 lacks.

    ``made_as`` is what the file itself says that it holds.
    """
    needed = [one.name for one in table.columns if not (one.added or one.optional)]
    missing = [name for name in needed if name not in names]
    if missing and made_as not in {None, table.name}:
        raise TwoalikeError(
            where=where, expected=f"a table of {table.name}", found=f"one of {made_as}"
        )
    if missing:
        raise TwoalikeError(
            f"column {missing[0]!r} is missing; a table of {table.name} has "
            f"{', '.join(table.names)}",
            where=where,
            found=", ".join(map(str, names)) or "none",
        )


def make_frame(
    values: "Mapping[str, Any] | pd.DataFrame",
    table: Table,
    where: object,
    objects: Sequence[str] | None = None,
) -> "pd.DataFrame":
    """Build and check a data frame from arrays, or from a frame with some of its columns.

    Columns with a default, and those that may be missing, may be left out. Items are ids, or
    integers that index ``objects``: all ids, in the order to keep. By default, that is the list
    that all columns of items share, or the numbers of objects from 0 where items are integers, or
    else the ids in order of first appearance.
    """
    import pandas as pd

    given = {str(name): getattr(column, "array", column) for name, column in values.items()}
    needed = [one.name for one in table.columns if one.default is None and not one.missing]
    missing = [name for name in needed if name not in given]
    if missing or not len(given[needed[0]]):
        raise TwoalikeError(
            where=where,
            expected=f"a table with the columns {', '.join(needed)}",
            found=f"no column {missing[0]!r}" if missing else "no row",
        )
    items = {item: np.asarray(_places(given[item])) for item in table.items if item in given}
    numbers = {item: places for item, places in items.items() if places.dtype.kind in "iu"}
    if objects is None and len(numbers) == len(items):
        n_objects = 1 + max(int(places.max()) for places in numbers.values())
        objects = [str(number) for number in range(n_objects)]
    if objects is not None:
        ids = pd.Index(list(objects), dtype=object)
        given |= {item: _items(it, ids, table[item], where) for item, it in numbers.items()}
    frame = pd.DataFrame({name: given[name] for name in table.among(given)})
    return _typed(frame, table, where, objects)


def _places(values: Any) -> Any:
    """Turn places of objects that became floats, as some are missing, back to integers."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return values
    missing = np.isnan(array)
    whole = np.where(missing, -1, array)
    return whole.astype(np.int64) if (whole == np.floor(whole)).all() else values


def _left_out(column: Column, n: int) -> Any:
    import pandas as pd

    if column.dtype != "category":
        return np.arange(1, n + 1) if column.default == "row" else np.full(n, np.nan)
    levels = list(column.levels) or [one for one in (column.default,) if one is not None]
    code = -1 if column.default is None else levels.index(column.default)
    return pd.Categorical.from_codes(np.full(n, code, np.int8), pd.Index(levels, dtype=object))


def _items(places: Integers, objects: "pd.Index[str]", column: Column, where: object) -> Any:
    """Object ids as categories, from places in ``objects``; -1 is a missing place."""
    import pandas as pd

    wrong = (places < (-1 if column.missing else 0)) | (places >= len(objects))
    if wrong.any():
        row = int(wrong.argmax())
        raise TwoalikeError(
            f"{str(places[row])!r} is not one of the {len(objects)} objects",
            where=f"{where}, row {row + 1}, column {column.name!r}",
        )
    return pd.Categorical.from_codes(places, objects)


def check_frame(
    frame: "pd.DataFrame", table: Table, where: object, objects: Sequence[str] | None = None
) -> "pd.DataFrame":
    """Check a data frame and give its columns their types and order, its rows numbers from 0.

    ``objects`` are ids in the order to keep; None: the list that all columns of items share, or
    else the order of first appearance. Optional columns stay only where a row has a value.
    """
    check_columns(list(frame.columns), table, where)
    if not len(frame):
        raise TwoalikeError(where=where, expected=table.rows, found="an empty table")
    return _typed(frame, table, where, objects)


def _typed(
    frame: "pd.DataFrame", table: Table, where: object, objects: Sequence[str] | None
) -> "pd.DataFrame":
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    frame = frame[table.among(list(map(str, frame.columns)))].reset_index(drop=True)
    absent = [one.name for one in table.columns if one.optional and one.name in frame]
    frame = frame.drop(columns=[name for name in absent if frame[name].isna().all()])
    for column in table.columns:
        if column.name not in frame and not column.optional:
            frame[column.name] = _left_out(column, len(frame))
        if column.name in frame:
            typed = _categories if column.dtype == "category" else _numbers
            frame[column.name] = typed(frame[column.name], column, where)
    frame = frame[table.among(list(map(str, frame.columns)))]
    for name in frame.columns.difference(list(table.names)):
        if is_bool_dtype(frame[name]) or not is_numeric_dtype(frame[name]):
            frame[name] = _categories(frame[name], Column(name, "string", "", missing="any"), where)
    _share_objects(frame, table, objects, where)
    if (broken := table.broken_rule(frame)) is not None:
        raise broken.error(where)
    return frame


def _categories(values: "pd.Series[Any]", column: Column, where: object) -> "pd.Series[Any]":
    import pandas as pd

    if not isinstance(values.dtype, pd.CategoricalDtype):
        places, labels = pd.factorize(values.astype(object))
        index = pd.Index([str(label) for label in labels], dtype=object)
        values = pd.Series(pd.Categorical.from_codes(places, index), index=values.index)
    codes = values.cat.codes.to_numpy()
    wrong = np.zeros(len(values), bool) if column.missing else codes < 0
    if column.levels or column.pattern:
        allowed = np.array([column.allows(str(name)) for name in values.cat.categories], bool)
        wrong = wrong | ((codes >= 0) & ~np.append(allowed, True)[codes])
    _refuse(wrong, values, column, where)
    return values


def _numbers(values: "pd.Series[Any]", column: Column, where: object) -> Any:
    import pandas as pd

    found: Floats = np.asarray(pd.to_numeric(values, errors="coerce"), dtype=np.float64)
    wrong = np.isnan(found) & (values.notna().to_numpy() | (not column.missing))
    _refuse(wrong | _outside(found, column), values, column, where)
    return found.astype(column.dtype)


def _outside(found: Floats, column: Column) -> Booleans:
    """Which numbers the column, or its type, does not hold, shape (n,)."""
    whole = np.issubdtype(column.dtype, np.integer)
    limits = np.iinfo(column.dtype) if whole else np.finfo(column.dtype)
    low = limits.min if column.minimum is None else max(float(limits.min), column.minimum)
    high = limits.max if column.maximum is None else min(float(limits.max), column.maximum)
    outside = (found < low) | (found > high)
    if column.kind == "integer":
        outside |= np.floor(found) != found
    if column.levels:
        outside |= ~np.isin(found, [float(level) for level in column.levels])
    return np.asarray(outside & ~np.isnan(found))


def _refuse(wrong: Booleans, values: "pd.Series[Any]", column: Column, where: object) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        value = values.iloc[row]
        missing = bool(values.isna().iloc[row])
        raise TwoalikeError(
            where=f"{where}, row {row + 1}, column {column.name!r}",
            expected=column.allowed,
            found="none" if missing else repr(str(value)),
            remedy=column.remedy,
        )


def _share_objects(
    frame: "pd.DataFrame", table: Table, objects: Sequence[str] | None, where: object
) -> None:
    items = [item for item in table.items if item in frame]
    lists = [[str(name) for name in frame[item].cat.categories] for item in items]
    if objects is None:
        objects = list(dict.fromkeys(name for names in lists for name in names))
    known = set(objects)
    for item, names in zip(items, lists, strict=True):
        if unknown := {name for name in names if name not in known}:
            row = int(frame[item].isin(unknown).to_numpy().argmax())
            if frame[item].iloc[row] in unknown:
                raise TwoalikeError(
                    f"{frame[item].iloc[row]!r} is not one of the {len(objects)} objects",
                    where=f"{where}, row {row + 1}, column {item!r}",
                )
        frame[item] = frame[item].cat.set_categories(list(objects))


def item_indices(
    frame: "pd.DataFrame", items: Sequence[str], ids: Sequence[str] | None = None
) -> tuple[Integers, tuple[str, ...]]:
    """Objects of n rows and k columns as indices into ids, shape (n, k), and the ids.

    ``ids`` are the objects to index into; the frame's own list by default.
    """
    import pandas as pd

    own = [str(name) for name in frame[items[0]].cat.categories]
    codes = np.stack([np.asarray(frame[item].cat.codes, dtype=np.int64) for item in items], axis=1)
    if ids is None:
        return codes, tuple(own)
    place = np.asarray(pd.Index(list(ids)).get_indexer(pd.Index(own)), dtype=np.int64)
    found = place[codes]
    if (found < 0).any():
        row, column = np.argwhere(found < 0)[0]
        raise TwoalikeError(
            f"row {row + 1}: object {frame[items[column]].iloc[row]!r} is not one of the "
            f"{len(ids)} objects of the model."
        )
    return found, tuple(map(str, ids))


def write_frame(
    path: str | Path, frame: "pd.DataFrame", table: Table, provenance: Mapping[str, Any]
) -> None:
    """Check a data frame and write it as Parquet, all or nothing; strings become categories."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    checked = check_frame(frame, table, path)
    objects = [str(name) for name in checked[table.items[0]].cat.categories]
    content = pa.Table.from_pandas(checked, preserve_index=False)
    # Not pandas' own metadata: it holds the writer's pandas version and no more.
    content = content.replace_schema_metadata(
        {PROVENANCE: json.dumps(dict(provenance)), OBJECTS: json.dumps(objects)}
    )
    with atomic_path(path) as temporary:
        pq.write_table(content, temporary, compression="zstd")


def read_frame(path: str | Path, table: Table) -> "pd.DataFrame":
    """Read a table from Parquet; ``frame.attrs["provenance"]`` says how it was made.

    Any Parquet file with the right columns will do: strings become categories, and the order of
    objects is the file's list or, in a file of another tool, that of first appearance.
    """
    strings = [column.name for column in table.columns if column.dtype == "category"]
    content = load_parquet(path, f"a table of {table.name} (parquet)", dictionaries=strings)
    metadata = content.schema.metadata or {}
    provenance = parse_json_table(metadata.get(PROVENANCE, b"{}"), f"{path}: provenance")
    check_columns(content.column_names, table, path, provenance.get("kind"))
    nested = {field.name for field in content.schema if field.type.num_fields} - {*table.names}
    content = content.select(table.among([n for n in content.column_names if n not in nested]))
    for field in content.schema:
        if field.type.num_fields:  # lists, structs
            raise TwoalikeError(
                where=f"{path}: column {field.name!r}", expected="one value a row", found=field.type
            )
    objects = _object_list(path, metadata.get(OBJECTS, b"null"))
    checked = check_frame(content.to_pandas(ignore_metadata=True), table, path, objects)
    checked.attrs["provenance"] = provenance
    return checked


def _object_list(path: str | Path, text: bytes) -> list[str] | None:
    objects = parse_json(text, f"{path}: list of objects")
    if objects is None:
        return None
    texts = isinstance(objects, list) and all(isinstance(name, str) for name in objects)
    if not texts or len(set(objects)) < len(objects):
        raise TwoalikeError(
            where=path,
            expected="a list of different object ids in the metadata",
            found=shortened(objects, 60),
            remedy="The file is damaged.",
        )
    return list(objects)
