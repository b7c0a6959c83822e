"""Parquet from anywhere: read whole, and checked before anybody trusts it."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from twoalike.study._arrays import check_unfolded
from twoalike.study._child import read_in_child
from twoalike.study._errors import TwoalikeError
from twoalike.study._files import require_file
from twoalike.study._words import shortened

PROVENANCE = b"twoalike"
"""Key of the metadata that says where a table of ours comes from, as JSON."""
_WIDTH = 8
"""Bytes of a value in memory, at most; texts that stand often are kept once."""


def load_parquet(
    path: Path,
    what: str,
    *,
    dictionaries: Collection[str] = (),
    remedy: str = "The file is damaged or of another kind.",
) -> Any:
    """Read a Parquet file as an Arrow table.

    Parameters
    ----------
    path
        The file.
    what
        What it is expected to hold, for messages.
    dictionaries
        Columns of strings to read as dictionaries, those that are there.
    remedy
        What to do with a damaged file, for the message.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, a column is listed twice, or its metadata declare an
        implausible size.
    """
    import pyarrow as pa

    require_file(path, what)
    try:
        read_in_child(f"{__name__}:_read_checked", path, list(dictionaries))
        table = _read(path, dictionaries)
    # Python's own errors are what damaged metadata of pandas and Arrow, which lie in it, raise.
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise TwoalikeError(
            f"{path}: cannot be read as parquet ({shortened(error)}). {remedy}"
        ) from error
    return table


def _read_checked(path: Path, dictionaries: Collection[str]) -> None:
    """Read a file whose metadata may be damaged; pyarrow crashes on some of them."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
    values = sum(g.column(k).num_values for g in groups for k in range(g.num_columns))
    check_unfolded(path, _WIDTH * values)
    _read(path, dictionaries)


def _read(path: Path, dictionaries: Collection[str]) -> Any:
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise TwoalikeError(f"{path}: column {twice[0]!r} appears twice. Rename one of them.")
    present = [name for name in dictionaries if name in names]
    table = pq.read_table(path, read_dictionary=present, partitioning=None)
    table.validate(full=True)  # texts that are not UTF-8, places outside of a dictionary
    return table
