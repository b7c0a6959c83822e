"""The table of choices: columns, checks, and its view as arrays of indices.

=============  ===========  ==================================================================
column         type         content
=============  ===========  ==================================================================
participant    category     who judged; ``unknown`` where the source does not say
session        category     session label, may be missing
trial          int32        trial number in its session, from 1
kind           category     ``odd_one_out``: the chosen item is the odd one; ``anchored``:
                            item_1 is the reference, the chosen item (2 or 3) is the more
                            similar of the two others
item_1..3      category     object ids in the order shown; the three columns share one list of
                            categories, which is the order of objects everywhere downstream
                            and may name objects nobody judged
chosen         int8         1, 2 or 3: which item was chosen
response_time  float32      seconds, may be missing
trial_type     category     ``main``, ``catch``, ``repeat`` or ``practice``
level          category     ``coarse``, ``fine``, ``boundary`` or missing
=============  ===========  ==================================================================

Strings are categories (dictionary-encoded on disk): five million rows load in seconds and
comparing two items is comparing two small integers.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._table import TableKind, build_table, category, item_indices

ITEMS = ("item_1", "item_2", "item_3")
"""Columns of the objects of a triplet, in the order shown."""
KINDS = ("odd_one_out", "anchored")
TRIAL_TYPES = ("main", "catch", "repeat", "practice")
JUDGED = ("main", "repeat")
"""Types of trials that are judgments: fitted and scored. Practice and attention checks are not."""
LEVELS = ("coarse", "fine", "boundary")
CATEGORIES = ("participant", "session", "kind", *ITEMS, "trial_type", "level")
COLUMNS = (
    "participant",
    "session",
    "trial",
    "kind",
    *ITEMS,
    "chosen",
    "response_time",
    "trial_type",
    "level",
)


@cache
def choices_schema() -> Any:
    """Pandera schema of the table (built on first use, since pandera is slow to import)."""
    import pandera.pandas as pa

    def words(valid: Sequence[str], *, nullable: bool = False) -> Any:
        check = pa.Check.isin(list(valid), error=f"one of {', '.join(valid)}")
        return pa.Column("category", check, nullable=nullable)

    label = pa.Column("category", nullable=False)
    positive = pa.Check.ge(1, error="a whole number from 1")
    differ = pa.Check(
        lambda table: (
            (table["item_1"] != table["item_2"])
            & (table["item_1"] != table["item_3"])
            & (table["item_2"] != table["item_3"])
        ),
        error="three different items",
    )
    reference = pa.Check(
        lambda table: (table["kind"] != "anchored") | (table["chosen"] != 1),
        error="item_1 is the reference of an anchored judgment and cannot be the chosen one",
    )
    columns = {
        "participant": label,
        "session": pa.Column("category", nullable=True),
        "trial": pa.Column("int32", positive),
        "kind": words(KINDS),
        **dict.fromkeys(ITEMS, label),
        "chosen": pa.Column("int8", pa.Check.isin([1, 2, 3], error="1, 2 or 3")),
        "response_time": pa.Column("float32", pa.Check.ge(0, error="seconds"), nullable=True),
        "trial_type": words(TRIAL_TYPES),
        "level": words(LEVELS, nullable=True),
    }
    return pa.DataFrameSchema(columns, checks=[differ, reference], strict=True, ordered=True)


CHOICES = TableKind(
    name="choices",
    rows="judgments",
    columns=COLUMNS,
    categories=CATEGORIES,
    items=ITEMS,
    numbers={"trial": np.int32, "chosen": np.int8, "response_time": np.float32},
    schema=choices_schema,
)


def choices_table(
    columns: dict[str, Any], objects: Sequence[str], where: str = "choices"
) -> pd.DataFrame:
    """Build and check a table of choices from arrays.

    Parameters
    ----------
    columns
        Values by column name. ``trial`` (default 1, 2, ...), ``session``, ``response_time``,
        ``level`` (default missing), ``participant`` (default ``unknown``), ``kind`` (default
        ``odd_one_out``) and ``trial_type`` (default ``main``) may be left out. Items are ids,
        or integers that index ``objects``.
    objects
        All object ids, in the order to keep; may name objects nobody judged.
    where
        What to name in complaints.

    Raises
    ------
    TwoalikeError
        If an item is not among ``objects`` or a value breaks the schema.

    Examples
    --------
    >>> table = choices_table(
    ...     {"item_1": [0], "item_2": [1], "item_3": [2], "chosen": [3]}, ["cat", "dog", "oak"]
    ... )
    >>> table["item_3"].tolist(), table["chosen"].tolist(), table["kind"].tolist()
    (['oak'], [3], ['odd_one_out'])
    """
    n = len(columns["chosen"])
    first, missing = np.zeros(n, dtype=np.int8), np.full(n, -1, dtype=np.int8)
    defaults = {
        "participant": category(first, ["unknown"]),
        "session": category(missing, []),
        "trial": np.arange(1, n + 1),
        "kind": category(first, KINDS),
        "response_time": np.full(n, np.nan),
        "trial_type": category(first, TRIAL_TYPES),
        "level": category(missing, LEVELS),
    }
    return build_table(defaults | columns, objects, CHOICES, where)


def object_index(
    choices: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], tuple[str, ...]]:
    """Choices as arrays.

    Parameters
    ----------
    choices
        Table of n choices.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    Object indices of the items shown, shape (n, 3); position of the chosen item in 0..2,
    shape (n,); the ids the indices point into.

    Raises
    ------
    TwoalikeError
        If a judged object is not among ``ids``.
    """
    triplets, names = item_indices(choices, ITEMS, ids)
    chosen = np.asarray(choices["chosen"], dtype=np.int64) - 1
    return triplets, chosen, names


def participant_index(
    choices: pd.DataFrame,
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Participant of each choice as an index, shape (n,), and the participants' labels.

    Only participants with at least one row are listed, in the table's order.
    """
    used = choices["participant"].cat.remove_unused_categories()
    return np.asarray(used.cat.codes, dtype=np.int64), tuple(map(str, used.cat.categories))
