"""Choices among more than three items: what a row may hold, and triplets apart from larger sets.

A choice keeps the columns of a triplet; what a larger set needs more (``item_4`` and on, and
``second``, the other item of a pair or the next best one) is there only in tables that have such
rows. Most of what is computed of choices is of triplets: :func:`split_sets` tells them apart, and
turns the most alike pair of three items into the odd one, which is the same choice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.choice import FEWEST_ITEMS, Question
from twoalike.study import Booleans, Integers, TwoalikeError, counted
from twoalike.tables import Fault, faults, item_indices

ITEMS = ("item_1", "item_2", "item_3")
"""Columns of the objects of a triplet, in the order shown."""
MORE_ITEMS = tuple(f"item_{number}" for number in range(4, 10))
"""Columns of the further objects of a larger set."""
CHOICE_KINDS = {
    "odd_one_out": "the chosen item is the odd one",
    "anchored": "item_1 is the reference, the chosen item is the most similar of the others, the "
    "second, if there is one, the next most similar",
    "most_alike": "the chosen item and the second, which has the higher number, are the pair that "
    "is most alike",
    "anchored_pair": "item_1 is the reference, the chosen item and the second are the two most "
    "similar of the others, in no order",
}
"""What may be asked about a set of items."""
_SECOND = {"most_alike": True, "anchored_pair": True, "odd_one_out": False}
"""Whether a kind has a second item; an anchored choice may have one."""


def _more(table: pd.DataFrame) -> list[str]:
    return [item for item in MORE_ITEMS if item in table]


def item_counts(choices: pd.DataFrame) -> Integers:
    """Count the items of each choice, shape (n,)."""
    counts = np.full(len(choices), len(ITEMS))
    for item in _more(choices):
        counts += choices[item].notna().to_numpy()
    return counts


def different_items(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows that show an object twice, or leave out an item before the last."""
    items = [*ITEMS, *_more(table)]
    codes = [table[item].cat.codes.to_numpy() for item in items]
    same = np.zeros(len(table), dtype=bool)
    for place, code in enumerate(codes):
        for earlier in codes[:place]:
            same |= (code == earlier) & (code >= 0)
    yield from faults(same, "three different items" if len(items) == 3 else "different items")


def items_in_order(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows that have an item but lack the one before it."""
    for item in _more(table):
        before = f"item_{int(item[-1]) - 1}"
        gap = table[item].notna().to_numpy()
        if before in table:
            gap = gap & table[before].isna().to_numpy()
        yield from faults(gap, f"a {before} before {item}", item, table[item].tolist())


def chosen_was_shown(table: pd.DataFrame) -> Iterator[Fault]:
    """Find chosen and second items beyond those of the row, and references that were chosen."""
    counts = item_counts(table)
    anchored = table["kind"].isin(["anchored", "anchored_pair"]).to_numpy()
    for column in ("chosen", "second"):
        if column not in table:
            continue
        place = table[column].to_numpy()
        beyond = place > counts
        expected = "one of 1, 2, 3" if counts.max() == 3 else "one of the row's items"
        yield from faults(
            beyond, expected, column, np.nan_to_num(place).astype(int).astype(str).tolist()
        )
        wrong = anchored & (place == 1)
        expected = f"item_1 is the reference of an anchored judgment and cannot be the {column} one"
        yield from faults(wrong, expected)


def second_where_asked(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows without the second item that their kind needs, or with one that says nothing."""
    kind = table["kind"].astype(str).to_numpy(dtype=object)
    there = table["second"].notna().to_numpy() if "second" in table else np.zeros(len(kind), bool)
    for name, needed in _SECOND.items():
        expected = f"{'a' if needed else 'no'} second item, as the kind is {name}"
        yield from faults((kind == name) & (there != needed), expected, "second")
    if "second" not in table:
        return
    chosen, second = table["chosen"].to_numpy(), table["second"].to_numpy()
    yield from faults(second == chosen, "another item than the chosen one", "second")
    disordered = (kind == "most_alike") & (second < chosen)
    yield from faults(disordered, "the pair in the order of its items, chosen first", "second")
    few = np.isin(kind, ["anchored", "anchored_pair"]) & there & (item_counts(table) < 4)
    expected = "a second of three candidates or more: of two, the first choice leaves only one"
    yield from faults(few, expected, "second")


def in_sets(choices: pd.DataFrame) -> Booleans:
    """Tell which choices are no choices among three items, shape (n,)."""
    if "second" not in choices and not _more(choices):
        return np.zeros(len(choices), dtype=bool)
    pair = (choices["kind"] == "most_alike").to_numpy()
    second = choices["second"].notna().to_numpy() if "second" in choices else pair
    return np.asarray((item_counts(choices) > len(ITEMS)) | (second & ~pair))


def split_sets(choices: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split choices into those of triplets and those of larger sets; either may have no rows.

    Triplets have only the columns of such, and only the kinds ``odd_one_out`` and ``anchored``: the
    most alike pair of three leaves the odd one, and both are the same choice. A table of triplets
    alone is returned as it is.

    Examples
    --------
    >>> from twoalike.judgments import choices_table
    >>> table = choices_table(
    ...     {"item_1": [0, 1], "item_2": [1, 2], "item_3": [2, 3], "item_4": [-1, 0]}
    ...     | {"kind": ["most_alike"] * 2, "chosen": [1, 1], "second": [3, 4]},
    ...     ["ant", "bee", "cat", "dog"],
    ... )
    >>> triplets, sets = split_sets(table)
    >>> triplets["kind"].tolist(), triplets["chosen"].tolist(), len(sets)
    (['odd_one_out'], [2], 1)
    """
    more = [name for name in ("second", *MORE_ITEMS) if name in choices]
    if not more:
        return choices, choices.iloc[:0]
    larger = in_sets(choices)
    triplets, sets = choices[~larger].copy(), choices[larger]
    pair = (triplets["kind"] == "most_alike").to_numpy()
    if pair.any():
        left = 6 - triplets.loc[pair, "chosen"] - triplets.loc[pair, "second"].astype(np.int8)
        triplets.loc[pair, "chosen"] = left.astype(np.int8)
        kinds = triplets["kind"].astype(str).where(~pair, "odd_one_out")
        triplets["kind"] = pd.Categorical(kinds)
    return triplets.drop(columns=more), sets


def refuse_sets(choices: pd.DataFrame, purpose: str) -> None:
    """Refuse choices of larger sets where only triplets will do."""
    if n := int(in_sets(choices).sum()):
        raise TwoalikeError(
            where=purpose,
            expected="choices among three items",
            found=f"{counted(n, 'choice')} among more",
            remedy="Leave them out.",
        )


@dataclass(frozen=True, eq=False)
class SetChoices:
    """The n choices of a table that answer one question.

    ``rows`` (n,) are their places in the table, ``items`` (n, k) object indices in the order shown,
    ``answer`` (n,) that given, among the question's answers.
    """

    question: Question
    rows: Integers
    items: Integers
    answer: Integers


def set_choices(
    choices: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[SetChoices], tuple[str, ...]]:
    """Sort choices by the question that they answer, by kind and then by number of items.

    Parameters
    ----------
    choices
        Table of choices, of larger sets or of triplets.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    The choices of each question; the ids that their items point into.
    """
    kinds = choices["kind"].astype(str).to_numpy(dtype=object)
    second: Integers = np.zeros(len(choices), dtype=np.int64)
    if "second" in choices:
        second = np.nan_to_num(choices["second"].to_numpy()).astype(np.int64)
    kinds[(kinds == "anchored") & (second > 0)] = "ranked"
    counts, chosen = item_counts(choices), choices["chosen"].to_numpy(np.int64)
    columns, found = [*ITEMS, *_more(choices)], []
    names = tuple(map(str, choices[ITEMS[0]].cat.categories if ids is None else ids))
    for kind in FEWEST_ITEMS:
        for k in np.unique(counts[kinds == kind]).tolist():
            rows = np.flatnonzero((kinds == kind) & (counts == k))
            question = Question(kind, k)
            items, _ = item_indices(choices.iloc[rows], columns[:k], ids)
            named: Integers | None = second[rows] - 1 if question.answers.shape[1] == 2 else None
            answer = question.answer_of(chosen[rows] - 1, named)
            found.append(SetChoices(question, rows, items, answer))
    return found, names
