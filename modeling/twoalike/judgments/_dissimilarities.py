"""The table of dissimilarities: columns, checks, and its view as what each source judged.

=============  ===========  ==================================================================
column         type         content
=============  ===========  ==================================================================
participant    category     who judged; ``unknown`` where the source does not say
item_a, item_b category     object ids, in either order; the two columns share one list of
                            categories, which is the order of objects everywhere downstream
                            and may name objects nobody judged
dissimilarity  float64      0 or more, any scale: only differences within a source count
kind           category     ``rdm``: computed from trials that are gone, a pair in relation to
                            all others; ``rating``: each pair judged by itself
=============  ===========  ==================================================================

One row a pair; a pair may be left out, and be there several times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._table import TableKind, build_table, category, item_indices
from twoalike.study import TwoalikeError, counted

PAIR = ("item_a", "item_b")
KINDS = ("rdm", "rating")
COLUMNS = ("participant", *PAIR, "dissimilarity", "kind")
FEWEST_PAIRS = 3  # of two pairs, location and scale leave nothing but their order


@cache
def dissimilarities_schema() -> Any:
    """Pandera schema of the table (built on first use, since pandera is slow to import)."""
    import pandera.pandas as pa

    label = pa.Column("category", nullable=False)
    positive = "a number from 0 on (only differences count: a constant may be added to all)"
    columns = {
        "participant": label,
        **dict.fromkeys(PAIR, label),
        "dissimilarity": pa.Column(
            "float64",
            pa.Check(lambda v: (v >= 0) & np.isfinite(v), error=positive, ignore_na=False),
            nullable=True,  # so that the check above says what is wrong
        ),
        "kind": pa.Column(
            "category", pa.Check.isin(list(KINDS), error=f"one of {', '.join(KINDS)}")
        ),
    }
    differ = pa.Check(lambda table: table["item_a"] != table["item_b"], error="two objects")
    return pa.DataFrameSchema(columns, checks=differ, strict=True, ordered=True)


DISSIMILARITIES = TableKind(
    name="dissimilarities",
    rows="dissimilarities",
    columns=COLUMNS,
    categories=("participant", *PAIR, "kind"),
    items=PAIR,
    numbers={"dissimilarity": np.float64},
    schema=dissimilarities_schema,
)


def dissimilarities_table(
    columns: dict[str, Any], objects: Sequence[str], where: str = "dissimilarities"
) -> pd.DataFrame:
    """Build and check a table of dissimilarities from arrays.

    Parameters
    ----------
    columns
        Values by column name, one a pair. ``participant`` (default ``unknown``) and ``kind``
        (default ``rdm``) may be left out. Items are ids, or integers that index ``objects``.
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
    >>> table = dissimilarities_table(
    ...     {"item_a": [0, 0], "item_b": [1, 2], "dissimilarity": [0.2, 0.9]},
    ...     ["cat", "dog", "oak"],
    ... )
    >>> table["item_b"].tolist(), table["kind"].tolist()
    (['dog', 'oak'], ['rdm', 'rdm'])
    """
    first = np.zeros(len(columns["dissimilarity"]), dtype=np.int8)
    defaults = {"participant": category(first, ["unknown"]), "kind": category(first, KINDS)}
    return build_table(defaults | columns, objects, DISSIMILARITIES, where)


@dataclass(frozen=True, eq=False)
class PairSource:
    """What one participant told, in one kind.

    Attributes
    ----------
    label
        The participant; with the kind where somebody gave both.
    pairs
        Object indices of P different pairs, the smaller first, in order, shape (P, 2).
    dissimilarity
        Of each pair; the mean where it is there several times, shape (P,).
    """

    label: str
    pairs: npt.NDArray[np.int64]
    dissimilarity: npt.NDArray[np.float64]


def pair_sources(
    dissimilarities: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[PairSource], tuple[str, ...]]:
    """List the sources of a table, in the order of first appearance.

    A pair given several times by one source, in either order, counts once, with its mean: what
    it deviates by is mostly the pair's own and does not shrink when it is judged again.

    Parameters
    ----------
    dissimilarities
        Table of dissimilarities.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    The sources; the ids their pairs point into.

    Raises
    ------
    TwoalikeError
        If an object judged is not among ``ids``, or a source has fewer than three pairs or
        nothing but one value.
    """
    pairs, names = item_indices(dissimilarities, PAIR, ids)
    values = dissimilarities["dissimilarity"].to_numpy(np.float64)
    labels = _source_labels(dissimilarities)
    first, second = np.sort(pairs, axis=1).T
    number = first * len(names) + second
    sources = []
    for label in dict.fromkeys(labels):
        rows = np.flatnonzero(labels == label)
        found, inverse = np.unique(number[rows], return_inverse=True)
        mean = np.bincount(inverse, weights=values[rows]) / np.bincount(inverse)
        split = np.stack(np.divmod(found, len(names)), axis=1)
        sources.append(_checked(PairSource(str(label), split, mean)))
    return sources, names


def _source_labels(table: pd.DataFrame) -> npt.NDArray[Any]:
    """Label of each row's source, shape (n,)."""
    people = table["participant"].astype(str).to_numpy(dtype=object)
    if table["kind"].nunique() == 1:
        return np.asarray(people)
    kinds = table["kind"].astype(str).to_numpy(dtype=object)
    several = pd.Series(kinds).groupby(people).transform("nunique").to_numpy() > 1
    return np.where(several, people + ", " + kinds, people)


def _checked(source: PairSource) -> PairSource:
    if len(source.pairs) < FEWEST_PAIRS:
        raise TwoalikeError(
            f"dissimilarities of {source.label!r}: expected {FEWEST_PAIRS} pairs or more, found "
            f"{counted(len(source.pairs), 'pair')}, which tells nothing. Leave it out."
        )
    if np.ptp(source.dissimilarity) == 0:
        raise TwoalikeError(
            f"dissimilarities of {source.label!r}: all {len(source.pairs)} pairs have the value "
            f"{source.dissimilarity[0]:g}, which tells nothing. Leave them out."
        )
    return source
