"""Splits of judgments into a part to learn from and a part to be tested on.

What is split decides what the score means: by triplet for new triplets of known objects and
people, by participant for new people, by object for new objects. Rows are never split: one
triplet judged twice, in whatever order its items were shown, would sit on both sides.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._schema import object_index, participant_index
from twoalike.study import TwoalikeError


def split_by_triplet(
    choices: pd.DataFrame, share: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put ``share`` of the distinct triplets, with all their repeats, into the second table.

    Examples
    --------
    >>> from twoalike.judgments import choices_table
    >>> table = choices_table(
    ...     {"item_1": [0, 2, 0], "item_2": [1, 0, 1], "item_3": [2, 1, 3], "chosen": [1, 2, 3]},
    ...     ["a", "b", "c", "d"],
    ... )
    >>> [len(part) for part in split_by_triplet(table, 0.5, np.random.default_rng(1))]
    [1, 2]
    """
    triplets, _, ids = object_index(choices)
    ordered = np.sort(triplets, axis=1)
    key = (ordered[:, 0] * len(ids) + ordered[:, 1]) * len(ids) + ordered[:, 2]
    return _split(choices, np.unique(key, return_inverse=True)[1], share, rng)


def split_by_participant(
    choices: pd.DataFrame, share: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put all judgments of ``share`` of the participants into the second table."""
    return _split(choices, participant_index(choices)[0], share, rng)


def split_by_object(
    choices: pd.DataFrame, share: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Put ``share`` of the judged objects aside.

    Returns
    -------
    Judgments of kept objects only; of set-aside objects only; the number of judgments that mix
    both and are in neither.
    """
    triplets, _, ids = object_index(choices)
    judged = np.unique(triplets)
    aside = np.zeros(len(ids), dtype=bool)
    aside[rng.permutation(judged)[: _count(len(judged), share)]] = True
    n_aside = aside[triplets].sum(axis=1)
    first, second = choices[n_aside == 0], choices[n_aside == 3]
    return first, second, len(choices) - len(first) - len(second)


def _count(n: int, share: float) -> int:
    """How many of ``n`` groups go aside: at least one, and at least one stays."""
    if not 0 < share < 1:
        raise TwoalikeError(f"a share to set aside lies between 0 and 1, found {share}.")
    if n < 2:
        raise TwoalikeError(f"a split needs at least two groups, found {n}.")
    return min(max(round(share * n), 1), n - 1)


def _split(
    choices: pd.DataFrame, group: npt.NDArray[np.int64], share: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    n_groups = int(group.max()) + 1
    aside = np.zeros(n_groups, dtype=bool)
    aside[rng.permutation(n_groups)[: _count(n_groups, share)]] = True
    return choices[~aside[group]], choices[aside[group]]
