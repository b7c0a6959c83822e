"""Which few objects to show, so that few trials still say something about each pair of them.

Thirty triplets have ninety pairs. Sixty-four objects have 2,016 pairs, twelve have 66: of twelve
most pairs are seen once or twice, of all of them hardly any.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

type Floats = npt.NDArray[np.float64]
type Triplets = npt.NDArray[np.int64]


def pick_objects(
    categories: pd.DataFrame, n: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Pick objects so that every level of the categories is asked about.

    Down the tree each category takes an even share, and no more sub-categories than have room
    for two objects each, so that some objects are close, some far and some in between.

    Parameters
    ----------
    categories
        Categories of the m objects, one column a level, coarse to fine.
    n
        Objects to pick, at most m.

    Returns
    -------
    Rows of the picked objects, ascending, shape (n,).

    Examples
    --------
    >>> table = pd.DataFrame({"realm": list("aaaabbbb"), "group": list("ccddeeff")})
    >>> rows = pick_objects(table, 4, np.random.default_rng(0))
    >>> table.loc[rows, "realm"].tolist()
    ['a', 'a', 'b', 'b']
    """
    if not 0 < n <= len(categories):
        raise ValueError(f"asked for {n} of {len(categories)} objects")
    rows = np.arange(len(categories), dtype=np.int64)
    return np.sort(_pick(categories.to_numpy(dtype=str), rows, n, rng))


def _pick(
    categories: npt.NDArray[np.str_],
    rows: npt.NDArray[np.int64],
    n: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    if categories.shape[1] == 0:
        return rng.choice(rows, size=n, replace=False)
    names = np.unique(categories[rows, 0])
    members = [rows[categories[rows, 0] == name] for name in rng.permutation(names)]
    share = np.zeros(len(members), dtype=np.int64)
    open_to = -(-n // 2)  # categories that may be used: two objects or more in most of them
    for _ in range(n):
        # The emptiest category with room; new ones are opened only while all can hold two.
        free = [k for k in range(len(members)) if share[k] < len(members[k])]
        first = [k for k in free if k < open_to] or free
        share[min(first, key=lambda k: (share[k], k))] += 1
    below = [
        _pick(categories[:, 1:], group, int(count), rng)
        for group, count in zip(members, share, strict=True)
        if count
    ]
    return np.concatenate(below)


def tree_odd(categories: pd.DataFrame, triplets: Triplets) -> tuple[Triplets, Triplets]:
    """Say what the categories alone would call the odd one.

    Two objects are as close as the finest level that they share, counted from the coarsest on.
    Where one pair is closer than the two others, the third object is odd.

    Parameters
    ----------
    categories
        Categories of the m objects, one column a level, coarse to fine.
    triplets
        Objects, 0..m-1, shape (n, 3).

    Returns
    -------
    Place of the odd one in each triplet, 0, 1 or 2, or -1 where no pair is closest; and the
    level (column) that the closest pair shares, or -1. Both of shape (n,).

    Examples
    --------
    >>> table = pd.DataFrame({"realm": list("aaab"), "group": list("ccde")})
    >>> odd, level = tree_odd(table, np.array([[0, 1, 2], [0, 2, 3], [3, 2, 1]]))
    >>> odd.tolist(), level.tolist()
    ([2, 2, 0], [1, 0, 0])
    """
    codes = np.stack([pd.factorize(categories[name])[0] for name in categories], axis=1)
    same = codes[:, None, :] == codes[None, :, :]
    depth = np.cumprod(same, axis=2).sum(axis=2)  # levels shared, from the coarsest on
    i, j, k = triplets.T
    # Column c is the pair that leaves item c out.
    close = np.stack([depth[j, k], depth[i, k], depth[i, j]], axis=1)
    best = close.max(axis=1)
    alone = (close == best[:, None]).sum(axis=1) == 1
    odd = np.where(alone, close.argmax(axis=1), -1)
    return odd.astype(np.int64), np.where(alone, best - 1, -1).astype(np.int64)
