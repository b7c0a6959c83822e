"""Numbers for things that occur repeatedly: the same triplet, the same person on the same pair.

Sorting rows of integers takes seconds for a million judgments. As single integers, or without
sorting where they are few, it takes a fraction of that.
"""

import numpy as np
import numpy.typing as npt

type Codes = npt.NDArray[np.int64]

_ROOMY = 4
"""A table of all possible codes is quicker than sorting while it is at most so many times n."""


def group_numbers(*columns: npt.NDArray[np.integer]) -> Codes:
    """Give equal rows of the columns one number, in the order of the rows sorted.

    Parameters
    ----------
    columns
        Whole numbers from 0, shape (n,) each.

    Returns
    -------
    Numbers 0, 1, ... without gaps, shape (n,).

    Examples
    --------
    >>> group_numbers(np.array([7, 2, 7]), np.array([1, 5, 1]))
    array([1, 0, 1])
    """
    code = np.asarray(columns[0], dtype=np.int64)
    for column in columns[1:]:
        width = int(column.max(initial=0)) + 1
        if int(code.max(initial=0)) >= np.iinfo(np.int64).max // width:  # would overflow
            code = _without_gaps(code)
        code = code * width + column
    return _without_gaps(code)


def _without_gaps(code: Codes) -> Codes:
    size = int(code.max(initial=0)) + 1
    if size <= _ROOMY * len(code):
        seen = np.zeros(size, dtype=bool)
        seen[code] = True
        return np.asarray((np.cumsum(seen) - 1)[code])
    bits = len(code).bit_length()
    if size >= 2 ** (63 - bits):
        return np.unique(code, return_inverse=True)[1].astype(np.int64)
    # Code and place in one integer: sorting is three times as quick as sorting places by code.
    ordered = np.sort((code << bits) | np.arange(len(code)))
    code_of = ordered >> bits
    numbers = np.empty(len(code), dtype=np.int64)
    numbers[ordered & ((1 << bits) - 1)] = np.cumsum(np.diff(code_of, prepend=code_of[:1]) != 0)
    return numbers


def first_of(numbers: Codes) -> Codes:
    """Place where each number occurs first, shape (m,).

    Parameters
    ----------
    numbers
        0, 1, ..., m-1 without gaps, shape (n,).

    Examples
    --------
    >>> first_of(np.array([1, 0, 1, 2, 0]))
    array([1, 0, 3])
    """
    first = np.empty(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def triplet_numbers(triplets: npt.NDArray[np.integer]) -> tuple[Codes, Codes]:
    """Different triplets, whatever the order in which their objects were shown.

    Parameters
    ----------
    triplets
        Objects shown, from 0, shape (n, 3).

    Returns
    -------
    Triplets in ascending order, rows sorted and unique, shape (m, 3); the row of each judgment's
    triplet, shape (n,).

    Examples
    --------
    >>> triplet_numbers(np.array([[4, 2, 9], [9, 4, 2], [0, 1, 2]]))
    (array([[0, 1, 2],
           [2, 4, 9]]), array([1, 1, 0]))
    """
    rows = np.sort(np.asarray(triplets, dtype=np.int64), axis=1)
    number = group_numbers(*rows.T)
    unique = np.empty((int(number.max(initial=-1)) + 1, 3), dtype=np.int64)
    unique[number] = rows
    return unique, number
