"""Finding objects by id, with an error that lists those that are missing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import TwoalikeError

SHOWN = 10


def known_rows(
    known: Sequence[str], wanted: Sequence[str], where: str, advice: str
) -> npt.NDArray[np.int64]:
    """Rows of objects among those that are known, shape (n,).

    Parameters
    ----------
    known
        Ids, each once.
    wanted
        Ids to find.
    where
        What holds the known ones, for the message.
    advice
        What to do about missing ones.

    Raises
    ------
    TwoalikeError
        If some are not known; the first ten are named, and two that are known.

    Examples
    --------
    >>> known_rows(["ant", "bee", "cat"], ["cat", "ant"], "the features", "")
    array([2, 0])
    """
    rows = pd.Index(list(known)).get_indexer(pd.Index(list(wanted)))
    missing = [name for name, row in zip(wanted, rows, strict=True) if row < 0]
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise TwoalikeError(
            f"{where}: {len(missing)} of {len(wanted)} objects not found: "
            f"{', '.join(missing[:SHOWN])}{more}; there are {', '.join(known[:2]) or 'none'}, ... "
            f"{advice}"
        )
    return np.asarray(rows, dtype=np.int64)
