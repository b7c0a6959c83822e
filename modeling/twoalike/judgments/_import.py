"""What all imports have in common: objects by a list or its file, and a new table to write."""

from collections.abc import Sequence
from pathlib import Path

from twoalike.study import TwoalikeError, read_ids


def object_ids(objects: Sequence[str] | str | Path) -> Sequence[str]:
    """Ids of objects, from a file with one a line where a path is given."""
    return read_ids(objects) if isinstance(objects, str | Path) else objects


def check_new_table(out: str | Path | None, overwrite: bool) -> Path | None:
    """Check, before anything is read, that a table can be written under this name."""
    if out is None:
        return None
    path = Path(out)
    if path.suffix != ".parquet":
        raise TwoalikeError(
            where=f"`out=...` {path}",
            expected="a name that ends in .parquet, the format of our tables",
        )
    if path.exists() and not overwrite:
        raise TwoalikeError(
            "there is such a file already",
            where=f"`out=...` {path}",
            remedy="Nothing was changed; choose another name, or replace it with `overwrite=True`.",
        )
    return path
