"""Labels of objects: the categories that they are in, at one or several levels."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from twoalike.study import TwoalikeError
from twoalike.tables._shared import LABELS
from twoalike.tables._tsv import check_text, read_tsv

if TYPE_CHECKING:
    import pandas as pd

type Labels = Mapping[str, Mapping[str, str]]
type LabelSource = str | Path | pd.DataFrame | Labels


def read_labels(
    source: LabelSource | None, files: dict[str, Path] | None = None, role: str = "labels"
) -> Labels:
    """Labels of each level by object id; ``files`` gets the one read, under its role.

    ``source`` is a table with the ids and a column a level, such as ``stimuli.tsv``, or the labels
    themselves.

    Raises
    ------
    TwoalikeError
        If the table has no level, or an object twice.
    """
    import pandas as pd

    if source is None:
        return {}
    if isinstance(source, Mapping):
        return source
    where = "labels"
    if isinstance(source, str | Path):
        if files is not None:
            files[role] = Path(source)
        where = str(source)
        source = read_tsv(Path(source), "labels of objects", LABELS.names)
    table = source.astype(str)
    levels = [name for name in table.columns if name not in {"id", "file", "sha256"}]
    ids = table["id"] if "id" in table else table.index.to_series()
    check_text(LABELS, pd.DataFrame({"id": ids.to_numpy()}), where)
    if not levels:
        raise TwoalikeError(
            where=where,
            expected="an object a line and its labels, a column a level",
            found="no column beside the ids",
        )
    return {level: dict(zip(ids, table[level], strict=True)) for level in levels}
