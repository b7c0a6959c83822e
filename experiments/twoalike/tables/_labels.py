"""Labels of objects: the categories that they are in, at one or several levels."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from twoalike.study import Integers, TwoalikeError
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


def classes_of(ids: Sequence[str], source: LabelSource | None) -> Integers | None:
    """Class of each object by the last level of labels, or by its folder, (n,); -1 for none.

    None if fewer than two classes have several objects.
    """
    import numpy as np

    if source is None:
        folders = [PurePosixPath(name).parent for name in ids]
        named = ["" if str(folder) == "." else str(folder) for folder in folders]
    else:
        last = list(read_labels(source).values())[-1]
        named = ["" if (label := last.get(name, "")) == "n/a" else label for name in ids]
    names, codes = np.unique(np.array(["", *named]), return_inverse=True)
    classes = codes[1:] - 1
    several = np.bincount(classes[classes >= 0], minlength=len(names)) > 1
    return classes if several.sum() >= 2 else None
